"""Parts of work that each fit one transaction: one that held too many locks would fail itself, and
fail production's queries too, as all sessions share the room for locks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from branch_toolkit.core.plan import OnProgress, Progress, Statement

MOST_RELATIONS = 200
"""Most tables and views that are made or dropped in one transaction."""
MOST_BYTES = 64_000_000
"""Most bytes that are copied in one transaction with everything else."""
MOST_LOCKS = 8 * MOST_RELATIONS
"""Most locks that a transaction that drops takes: a table has about eight."""

_MOST_AT_ONCE = 4
T = TypeVar("T")


def batches(items: Iterable[T], weigh: Callable[[T], int], *, most: int) -> Iterator[list[T]]:
    """The items in order, in lists of at most that weight, unless a single item has more."""
    batch: list[T] = []
    weight = 0
    for item in items:
        if batch and weight + weigh(item) > most:
            yield batch
            batch, weight = [], 0
        batch.append(item)
        weight += weigh(item)
    if batch:
        yield batch


def objects_of(statement: Statement) -> int:
    """How many objects a statement makes, about; a deferred table takes four statements in one."""
    return min(1 + statement.sql.count(";\n"), _MOST_AT_ONCE)


@dataclass
class Course:
    """How far something has come that is told of statement by statement.

    Args:
        tell: Whom to tell.
        total: Statements in all.
        total_bytes: Bytes in all.
        done: Statements done.
        done_bytes: Bytes written.
    """

    tell: OnProgress
    total: int
    total_bytes: int = 0
    done: int = 0
    done_bytes: int = 0

    def begin(self, statement: Statement) -> None:
        """Tells that a statement begins."""
        text = f"{statement.action} {statement.schema}: {statement.object}"
        self.within(Progress(done=0, total=0, text=text))

    def end(self, statement: Statement) -> None:
        """Notes that it is done."""
        self.done += 1
        self.done_bytes += statement.size_bytes or 0

    def within(self, part: Progress, *, share: int = 0) -> None:
        """Tells of a part that counts for itself, and is so many statements of the whole."""
        self.tell(
            Progress(
                done=self.done + share * part.done // max(part.total, 1),
                total=self.total,
                done_bytes=self.done_bytes + part.done_bytes,
                total_bytes=self.total_bytes,
                text=part.text,
            )
        )
