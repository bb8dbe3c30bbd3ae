"""Words and strings: what is named at all, what quotes hide, and where COPY GRANTS stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.warehouses.snowflake.names import SchemaName, literal
from branch_toolkit.warehouses.snowflake.references import mentions, repoint
from branch_toolkit.warehouses.snowflake.references.text import Edit, splice, string
from branch_toolkit_tests.snowflake.bodies import HOME, MOVES
from branch_toolkit_tests.strategies import quick

IN_BASE = "create or replace "


@pytest.mark.parametrize(
    "text",
    [
        "select 1 from ANALYTICS.T",
        "analytics",
        "-- see prod.Analytics",
        "'ANALYTICS'",
        '"ANALYTICS"',
        "$$ANALYTICS.T$$",
        r'"select 1\nfrom\tANALYTICS.T"',
        r'"\x20ANALYTICS.T"',
        r'"\u0020ANALYTICS.T"',
        "`${x}ANALYTICS.T`",
        "f(ANALYTICS)",
    ],
)
def test_a_name_is_seen_in_any_quoting(text: str) -> None:
    assert mentions(text, [HOME])


@pytest.mark.parametrize(
    "text", ["MY_ANALYTICS.T", "ANALYTICS__PR_42.T", "ANALYTICS2.T", "analyticsü", "PROD.T", ""]
)
def test_a_part_of_another_name_is_none(text: str) -> None:
    assert not mentions(text, [HOME])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ('o"d.d', 'from "o""d.d".T'),
        ('o"d.d', r"'from \"o\"\"d.d\".T'"),
        ("it's", "'from \"it''s\".T'"),
        ("sta ging", 'FROM "STA GING".T'),
        ("a\\b", r"""'from "a\\b".T'"""),
        ("PUBLIC", "from PROD..T"),
        ("PUBLIC", 'from "PROD" . . "T"'),
        ("-x-", '"-x-"'),
    ],
)
def test_an_odd_name_is_seen_in_any_quoting(name: str, text: str) -> None:
    assert mentions(text, [SchemaName("PROD", name)])


@quick
@given(st.text(max_size=40), st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
def test_a_name_in_a_string_constant_is_seen(text: str, name: str) -> None:
    inside = f'{text}"{name.replace(chr(34), chr(34) * 2)}"{text}'
    assert mentions(literal(inside), [SchemaName("PROD", name)])


@quick
@given(st.text(max_size=40))
def test_a_string_constant_is_read_as_it_was_written(text: str) -> None:
    written = literal(text)
    assert string(written, 0, len(written)).text == text


# https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants
@pytest.mark.parametrize(
    ("written", "said"),
    [
        (r"'a\'b''c\"d'", "a'b'c\"d"),
        (r"'\\\b\f\n\r\t\0'", "\\\b\f\n\r\t\0"),
        (r"'\101\x42\u0043'", "ABC"),
        (r"'\d\%'", "d%"),
        (r"$$a\n''$$", r"a\n''"),
        ("''", ""),
        ("$$$$", ""),
    ],
)
def test_escapes_are_undone(written: str, said: str) -> None:
    assert string(written, 0, len(written)).text == said


@quick
@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=5))
def test_an_edit_within_a_string_leaves_the_rest(
    before: str, old: str, after: str, new: str
) -> None:
    outer = f"x = {literal(before + old + after)};"
    inner = string(outer, 4, len(outer) - 1)
    edit = Edit(len(before), len(before + old), new)
    assert splice(outer, [inner.outward(edit)]) == f"x = {literal(before + new + after)};"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "as select 1"),
        ("(A, B COMMENT 'x') ", "COMMENT='x' as select 1"),
        ("(A) change_tracking=true ", "as select 1"),
        ("(A) with row access policy RAP on (A) ", "comment = 'as' as select 1"),
        ("(A) ", "with aggregation policy AP as select 1"),
    ],
)
def test_a_view_that_is_replaced_hands_on_its_grants(before: str, after: str) -> None:
    ddl = f"{IN_BASE}view PROD.ANALYTICS.V {before}{after}"
    assert repoint(ddl, MOVES, copy_grants=True).sql == (
        f'{IN_BASE}view PROD."ANALYTICS__PR_42".V {before}COPY GRANTS {after}'
    )


def test_a_materialized_view_says_it_after_its_name() -> None:
    ddl = f"{IN_BASE}secure materialized view PROD.ANALYTICS.V(A) comment='x' as select 1"
    assert repoint(ddl, MOVES, copy_grants=True).sql == (
        f'{IN_BASE}secure materialized view PROD."ANALYTICS__PR_42".V COPY GRANTS(A)'
        " comment='x' as select 1"
    )


@pytest.mark.parametrize(
    "ddl",
    [
        f"{IN_BASE}view ANALYTICS.V copy grants as select 1",
        "create view ANALYTICS.V as select 1",
        f"{IN_BASE}function ANALYTICS.F() returns int as '1'",
        f"{IN_BASE}table ANALYTICS.T (A int)",
    ],
)
def test_grants_are_handed_on_only_where_a_view_is_replaced(ddl: str) -> None:
    assert repoint(ddl, MOVES, copy_grants=True) == repoint(ddl, MOVES)
