"""Loads the rows of clones on several connections, then makes their keys, indexes and foreign keys.

The rows are those of one snapshot of base, whatever is written to base meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy

from branch_toolkit.core.plan import OnProgress, Progress, Result, silent
from branch_toolkit.warehouses.postgres.agenda import Task, Throttle
from branch_toolkit.warehouses.postgres.connection import translated
from branch_toolkit.warehouses.postgres.copy_tasks import Setting, Subject, nothing, plan_tasks
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.snapshot import Snapshot, open_snapshot
from branch_toolkit.warehouses.postgres.structure import Structure
from branch_toolkit.warehouses.postgres.workers import Done, Workers

MAX_SNAPSHOT_SECONDS = 3600.0
_SILENCE_SECONDS = 5.0
"""After how long to tell of the progress although nothing was finished."""


def load(
    engine: sqlalchemy.Engine,
    structure: Structure,
    settings: Sequence[str],
    *,
    schemas: Mapping[str, str],
    connections: int = 2,
    throttle: float | None = None,
    lock_timeout: float = 5.0,
    max_snapshot_seconds: float = MAX_SNAPSHOT_SECONDS,
    on_snapshot: Callable[[Connection], None] | None = None,
    confirm: Callable[[Connection], None] = nothing,
    on_progress: OnProgress = silent,
) -> tuple[Result, ...]:
    """Fills tables of clones that are there and empty, and makes what is to be made on them.

    It executes what `structure` has to be executed up to the foreign keys; a foreign key that rows
    of the clone violate stays NOT VALID. All that is done is committed bit by bit; on an error, it
    is for the caller to drop the clones. Once it returns, what it did survives a crash of the
    server. Each table of base is locked, ACCESS SHARE, only while a part of it is being read.

    Args:
        engine: The database.
        structure: Of the base schemas; its `before_data` has been executed and committed.
        settings: Statements to be executed at the start of each transaction.
        schemas: The base schemas whose tables are to be filled, each with the name of its clone
            in the results.
        connections: How many to work on; one more keeps the snapshot.
        throttle: How many bytes to copy per second at most.
        lock_timeout: Seconds to wait for a lock on a base table; there are several attempts.
        max_snapshot_seconds: How long copying the rows may take.
        on_snapshot: Called with a connection that sees what will be copied, before anything is: to
            check that base still has that structure. It may raise.
        confirm: Called at the end of each transaction, on its connection; it may raise.
        on_progress: Called in this thread.

    Raises:
        BaseBusy: A lock was not to be had.
        StalePlan: A table of base was truncated, rewritten, altered or replaced meanwhile.
        SnapshotTooOld: The rows were not copied in time.
        WarehouseUnavailable: A connection broke, and could not be replaced.
        CloneFailed: Postgres refused a statement.
    """
    with (
        translated(engine.url),
        open_snapshot(engine, max_seconds=max_snapshot_seconds) as snapshot,
    ):
        if on_snapshot is not None:
            on_snapshot(snapshot.connection)
        setting = Setting(
            snapshot=snapshot, statements=settings, lock_timeout=lock_timeout, confirm=confirm
        )
        tasks = plan_tasks(structure, setting, schemas=schemas, throttle=throttle)
        done = _work(engine, tasks, snapshot, connections, throttle, on_progress)
        snapshot.settle()
    return _results(done, schemas)


def _work(
    engine: sqlalchemy.Engine,
    tasks: Sequence[Task],
    snapshot: Snapshot,
    connections: int,
    throttle: float | None,
    on_progress: OnProgress,
) -> list[Done]:
    tally = _Tally(tasks, on_progress)
    with Workers(engine, connections, Throttle(throttle)) as workers:
        tally.tell()
        try:
            for done in workers.work(tasks):
                snapshot.watch()
                if done is None:
                    tally.tell_again()
                    continue
                tally.add(done)
                if not tally.copying:
                    snapshot.release()
        except Exception:
            # If its connection is gone, then that is the reason for whatever else failed.
            snapshot.require()
            raise
    return tally.done


@dataclass
class _Tally:
    """What has been done, of what is to be."""

    tasks: Sequence[Task]
    on_progress: OnProgress
    done: list[Done] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.copying = sum(task.paced for task in self.tasks)
        self._total_bytes = sum(task.bytes for task in self.tasks)
        self._done_bytes = 0
        self._text = "copying"

    def add(self, done: Done) -> None:
        """Counts a task that was done, and tells of it."""
        self.done.append(done)
        self.copying -= done.task.paced
        self._done_bytes += done.task.bytes
        self._text = done.task.label
        self.tell()

    def tell_again(self) -> None:
        """Tells once more how far it is, if that was long ago."""
        if time.monotonic() - self._told > _SILENCE_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Tells how far it is."""
        self._told = time.monotonic()
        self.on_progress(
            Progress(
                done=len(self.done),
                total=len(self.tasks),
                done_bytes=self._done_bytes,
                total_bytes=self._total_bytes,
                text=self._text + self._remaining(),
            )
        )

    def _remaining(self) -> str:
        spent = time.monotonic() - self.began
        # An estimate from the first few parts would only mislead.
        if spent < 5 or self._done_bytes < self._total_bytes / 50:
            return ""
        seconds = spent * (self._total_bytes - self._done_bytes) / self._done_bytes
        return f"; about {_duration(seconds)} left" if seconds >= 1 else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _results(done: Sequence[Done], schemas: Mapping[str, str]) -> tuple[Result, ...]:
    grouped: dict[Subject, list[Done]] = {}
    for one in done:
        grouped.setdefault(one.task.subject, []).append(one)
    return tuple(_result(subject, parts, schemas) for subject, parts in grouped.items())


def _result(subject: Subject, parts: Sequence[Done], schemas: Mapping[str, str]) -> Result:
    copied = subject.action == "copy"
    failed = subject.action == "validate" and not parts[0].value
    return Result(
        schema=schemas[subject.schema],
        object=subject.object,
        action="leave not valid" if failed else subject.action,
        rows=sum(part.value or 0 for part in parts) if copied else None,
        # From the first part's beginning to the last one's end: parts overlap.
        seconds=max(part.ended for part in parts) - min(part.began for part in parts),
    )
