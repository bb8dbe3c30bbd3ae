"""Names of a clone's tables in tables mode: one for each table, and nobody else's."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from branch_toolkit.core.branch import BranchKey
from branch_toolkit.core.errors import InvalidName
from branch_toolkit.core.mark import CONDITIONS
from branch_toolkit.core.names import POSTGRES, clone_name, half_name
from branch_toolkit.warehouses.postgres.tables_mode.names import member_name
from branch_toolkit_tests.strategies import base_schemas, branch_keys, thorough

# Parts of which clones' names are made too, so that a table may well be called like one.
_PIECES = st.sampled_from(
    ["orders", "pr_42", "pr_4", "building", "dropping", "abcdef", "0123456789abcdef_t", "a", "1"]
)
TABLES = st.one_of(
    st.lists(_PIECES, min_size=1, max_size=4).flatmap(
        lambda pieces: st.sampled_from(["_", "__", "___"]).map(lambda between: between.join(pieces))
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
).filter(lambda name: len(name.encode()) <= POSTGRES.limit)


@st.composite
def clones(draw: st.DrawFn) -> str:
    base = draw(st.one_of(st.sampled_from(["a", "a__pr_1", "a__pr_1__x_abcdef"]), base_schemas))
    assume(0 < len(base.encode()) <= POSTGRES.limit and "\0" not in base)
    try:
        return clone_name(
            base, draw(branch_keys), project=draw(st.sampled_from(["default", "shop"]))
        )
    except InvalidName:
        assume(False)
        raise


@pytest.mark.parametrize(
    ("clone", "table", "expected"),
    [
        ("analytics__pr_42", "orders", "analytics__pr_42__orders"),
        ("analytics__pr_42", "stg_orders_2024", "analytics__pr_42__stg_orders_2024"),
        ("analytics__pr_42", "ÜBER", "analytics__pr_42__ÜBER"),
        ("analytics__pr_42", "pr_7", "analytics__pr_42__pr_7_3a87601f54ce6b4c_t"),
        ("analytics__pr_42", "dropping", "analytics__pr_42__dropping_42eeabb357275f76_t"),
        ("analytics__pr_42", "a__b", "analytics__pr_42__a__b_c9b4531c175e8778_t"),
        ("analytics__pr_42", "o" * 60, f"analytics__pr_42__{'o' * 26}_c368db88fe9651e2_t"),
    ],
)
def test_names_are_readable_and_stay_what_they_are(clone: str, table: str, expected: str) -> None:
    assert member_name(clone, table) == expected


@pytest.mark.parametrize("table", ["", "o" * 64, "ü" * 32, "a\0b"])
def test_what_is_no_tables_name_is_refused(table: str) -> None:
    with pytest.raises(InvalidName, match="cannot be a table's name"):
        member_name("analytics__pr_42", table)


@thorough
@given(clones(), TABLES)
def test_every_name_fits_and_is_utf8(clone: str, table: str) -> None:
    assert len(member_name(clone, table).encode()) <= POSTGRES.limit


@thorough
@given(clones(), TABLES, clones(), TABLES)
def test_two_tables_never_share_a_name(clone: str, table: str, other: str, another: str) -> None:
    assume((clone, table) != (other, another))
    assert member_name(clone, table) != member_name(other, another)


@thorough
@given(clones(), TABLES, clones())
def test_no_table_has_the_name_of_a_clone_or_of_half_a_one(
    clone: str, table: str, other: str
) -> None:
    name = member_name(clone, table)
    assert name != other
    assert name not in {half_name(other, condition) for condition in CONDITIONS}
    assert name not in {half_name(clone, condition) for condition in CONDITIONS}


@given(st.sampled_from(["a", "a__pr_1"]), st.integers(1, 3), st.integers(1, 3))
def test_a_table_that_is_called_like_a_clones_end_is_no_clone(
    base: str, number: int, other: int
) -> None:
    clone = clone_name(base, BranchKey(number=number))
    end = f"pr_{other}"
    assert member_name(clone, end) != clone_name(clone, BranchKey(number=other))
    assert member_name(clone_name(clone, BranchKey(number=other)), "t") != member_name(
        clone, f"{end}__t"
    )
