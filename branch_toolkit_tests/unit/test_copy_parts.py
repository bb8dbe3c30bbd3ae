"""The parts in which a table is copied hold every row once."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.warehouses.postgres.parts import parts
from branch_toolkit.warehouses.postgres.structure import TableCopy


def copy(
    *, pages: int | None, size: int, condition: str | None = None, limit: int | None = None
) -> TableCopy:
    return TableCopy(
        schema="prod",
        table="t",
        source="prod.t",
        clone="branch.t",
        insert="INSERT INTO branch.t SELECT * FROM ONLY prod.t",
        rerouted=False,
        condition=condition,
        limit=limit,
        rows=None,
        bytes=size,
        index_bytes=0,
        pages=pages,
    )


@given(
    pages=st.integers(0, 500),
    part=st.integers(1, 1 << 24),
    toast=st.integers(0, 1 << 24),
    page=st.integers(0, 10_000),
)
def test_every_page_is_in_one_part(pages: int, part: int, toast: int, page: int) -> None:
    size = pages * 8192 + toast

    found = list(parts(copy(pages=pages, size=size), part))

    assert sum(_holds(statement, page) for statement in found) == 1
    assert len(found) <= max(1, pages)


@given(pages=st.integers(200, 500), part=st.integers(1 << 14, 1 << 20))
def test_parts_are_about_as_large_as_they_should_be(pages: int, part: int) -> None:
    found = list(parts(copy(pages=pages, size=pages * 8192), part))

    assert len(found) >= pages * 8192 // part
    assert len(found) <= 2 * pages * 8192 // part + 1


def test_what_cannot_be_divided_is_not() -> None:
    limited = copy(pages=500, size=500 * 8192, limit=3)
    of_another_kind = copy(pages=None, size=500 * 8192)

    assert list(parts(limited, 8192)) == [limited.insert_sql]
    assert list(parts(of_another_kind, 8192)) == [of_another_kind.insert_sql]


def test_a_condition_holds_in_every_part() -> None:
    found = list(parts(copy(pages=3, size=3 * 8192, condition="a OR b -- c"), 8192))

    assert len(found) == 3
    assert all(statement.endswith("AND (\na OR b -- c\n)") for statement in found)


def _holds(statement: str, page: int) -> bool:
    start = re.search(r"ctid >= '\((\d+),0\)'", statement)
    end = re.search(r"ctid < '\((\d+),0\)'", statement)
    return (not start or page >= int(start[1])) and (not end or page < int(end[1]))
