"""The parts in which a large table is copied, so that several connections can work on it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from branch_toolkit.warehouses.postgres.structure import TableCopy

PART_BYTES = 64 << 20
_LEAST_PART_BYTES = 1 << 20


def parts(copy: TableCopy, size: int) -> Iterator[str]:
    """The statements that together copy a table's rows, each about as many bytes.

    The last has no end: a table may have grown since its pages were counted.
    """
    pages = copy.pages or 0
    step = max(1, pages * size // copy.bytes) if copy.bytes else 0
    if copy.limit is not None or copy.bytes <= size or step >= pages:
        yield copy.insert_sql
        return
    starts = list(range(0, pages, step))
    for start, end in pairwise(starts):
        yield copy.part_sql(f"ctid >= '({start},0)'", f"ctid < '({end},0)'")
    yield copy.part_sql(f"ctid >= '({starts[-1]},0)'")


def part_bytes(throttle: float | None) -> int:
    """How large parts should be, under a throttle of so many bytes per second."""
    if throttle is None:
        return PART_BYTES
    # About a second's worth, so that the load is even.
    return max(_LEAST_PART_BYTES, min(PART_BYTES, int(throttle)))


def wanted_bytes(copy: TableCopy) -> int:
    """How many bytes a copy will write, by estimate."""
    if copy.limit is None or not copy.rows:
        return copy.bytes
    return copy.bytes * min(copy.limit, copy.rows) // copy.rows
