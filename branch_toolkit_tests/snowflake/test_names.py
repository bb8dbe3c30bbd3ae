"""Names as users write them, as Snowflake stores them, and as SQL has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.warehouses.snowflake.contents import argument_types
from branch_toolkit.warehouses.snowflake.names import (
    SchemaName,
    canonical,
    fold,
    literal,
    parts,
    quote,
)

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(NAMES)
def test_what_was_quoted_is_read_again_as_it_was(name: str) -> None:
    assert fold(quote(name)) == name


@given(NAMES)
def test_one_spelling_means_what_all_spellings_mean(name: str) -> None:
    for spelling in (name, name.lower(), quote(name)):
        assert fold(canonical(spelling)) == fold(spelling)
        assert canonical(canonical(spelling)) == canonical(spelling)


@pytest.mark.parametrize(
    ("written", "same"), [("analytics", "ANALYTICS"), ('"ANALYTICS"', "ANALYTICS"), ('"a"', '"a"')]
)
def test_spellings_of_one_name_become_one(written: str, same: str) -> None:
    assert canonical(written) == same


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_dotted_name_is_taken_apart(names: list[str]) -> None:
    assert parts(".".join(map(quote, names))) == names


def test_unquoted_parts_are_folded() -> None:
    assert parts('prod."my.data".Ids.nextval') == ["PROD", "my.data", "IDS", "NEXTVAL"]


def test_whole_names_are_quoted() -> None:
    assert str(SchemaName("PROD", 'we"ird') / "a.b") == '"PROD"."we""ird"."a.b"'


def test_in_a_string_constant_quotes_and_backslashes_are_escaped() -> None:
    assert literal("it's a \\ b") == "'it''s a \\\\ b'"


@pytest.mark.parametrize(
    ("arguments", "types"),
    [
        ("F() RETURN NUMBER", ""),
        ("F(NUMBER, VARCHAR) RETURN NUMBER", "NUMBER, VARCHAR"),
        ("F(NUMBER, DEFAULT VARCHAR) RETURN NUMBER", "NUMBER, VARCHAR"),
        ("T(NUMBER) RETURN TABLE (A NUMBER)", "NUMBER"),
        ("V(VECTOR(FLOAT, 3), NUMBER) RETURN FLOAT", "VECTOR(FLOAT, 3), NUMBER"),
    ],
)
def test_a_functions_types_are_read_from_what_show_says(arguments: str, types: str) -> None:
    assert argument_types(arguments) == types


def test_what_is_no_signature_is_an_error() -> None:
    with pytest.raises(ValueError, match="what are the arguments"):
        argument_types("F(NUMBER")
