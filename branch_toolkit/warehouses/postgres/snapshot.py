"""One snapshot of base for several connections, without a lock on base for longer than it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import psycopg
import sqlalchemy
from psycopg import errors, sql

from branch_toolkit.core.errors import (
    BaseBusy,
    BranchToolkitError,
    CloneFailed,
    StalePlan,
    WarehouseUnavailable,
)
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import TableCopy
from branch_toolkit.warehouses.postgres.workers import TryAgain, connect

_LOOK_SECONDS = 1.0
_OID = "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
_HELD = """
    SELECT array_agg(relation), bool_or(relation NOT IN (SELECT oid FROM pg_class)
                                        AND pg_get_indexdef(relation) IS NULL)
    FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'
"""
_GONE = (
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedTable,
    errors.WrongObjectType,
)


class SnapshotTooOld(CloneFailed):
    """To copy the rows took longer than a snapshot of base may be kept open."""


class SnapshotLost(WarehouseUnavailable):
    """The connection that kept the snapshot of base open was lost."""


class Snapshot:
    """A snapshot of base that other connections can take over while it is open.

    Its connection takes no locks on tables. It stays open when the snapshot is given up, so that it
    tells whether the server ran on all the time.

    Args:
        connection: In no transaction.
        max_seconds: How long it may be kept.
    """

    def __init__(self, connection: Connection, *, max_seconds: float) -> None:
        self._connection = connection
        self._max_seconds = max_seconds
        self._began = self._looked = time.monotonic()
        self._open = True
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        self.name = str(row[0]) if row else ""

    @property
    def connection(self) -> Connection:
        """To look at base as it is in the snapshot."""
        return self._connection

    def watch(self) -> None:
        """Sees, every now and then, whether the snapshot is there and young enough.

        Raises:
            SnapshotLost: Its connection broke.
            SnapshotTooOld: It has been kept for too long.
        """
        now = time.monotonic()
        if self._open and now - self._began > self._max_seconds:
            raise SnapshotTooOld(
                f"The rows of base were not copied within {self._max_seconds:.0f} seconds, and to"
                " keep its snapshot open for longer would keep VACUUM from cleaning production's"
                " tables; nothing was made.",
                remedy=(
                    "Defer, sample or leave empty the largest tables by `rules`, copy on more"
                    " connections or without a throttle, or allow more time."
                ),
            )
        if now - self._looked > _LOOK_SECONDS:
            self.require()

    def require(self) -> None:
        """Sees whether the snapshot, or at least its connection, is there.

        Raises:
            SnapshotLost: It broke.
        """
        self._looked = time.monotonic()
        try:
            self._connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            raise SnapshotLost(
                f"The connection that kept the snapshot of base open was lost ({_first(error)});"
                " nothing was made.",
                remedy="Run it again when the server is up.",
            ) from error

    def release(self) -> None:
        """Gives the snapshot up; no transaction can take it over any more."""
        if self._open:
            self.require()
            self._connection.execute("COMMIT")
            self._open = False

    def settle(self) -> None:
        """Makes all that was committed up to now survive a crash of the server.

        Raises:
            SnapshotLost: The server may have crashed meanwhile.
        """
        self.release()
        self.require()
        with self._connection.transaction():
            self._connection.execute("SET LOCAL synchronous_commit = on")
            # The log is flushed up to here, and with it everything that did not wait for that.
            self._connection.execute(
                "SELECT pg_logical_emit_message(true, 'branch_toolkit', 'loaded')"
            )


@contextmanager
def open_snapshot(engine: sqlalchemy.Engine, *, max_seconds: float) -> Iterator[Snapshot]:
    """A snapshot of base as it is now."""
    connection = connect(engine)
    try:
        yield Snapshot(connection, max_seconds=max_seconds)
    finally:
        connection.close()


def take_over(connection: Connection, snapshot: Snapshot) -> None:
    """Makes a transaction see what the snapshot sees; to be its first statement."""
    # Composed, not bound: SET takes no parameters.
    name = sql.Literal(snapshot.name)
    connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(name))


def insert(connection: Connection, copy: TableCopy, statement: str) -> int:
    """Copies rows of a table of base, which is locked ACCESS SHARE until the transaction ends.

    Without a lock since the snapshot was taken, the table may have been truncated, rewritten or
    replaced since; all its rows, or their places, would be gone.

    Returns:
        How many rows.

    Raises:
        StalePlan: The table is not the one of the snapshot any more.
        TryAgain: The lock was not to be had in time.
    """
    label = f"{copy.schema}.{copy.table}"
    try:
        connection.execute(f"LOCK TABLE ONLY {copy.source} IN ACCESS SHARE MODE".encode())
        _require_unchanged(connection, copy)
        rows = connection.execute(statement.encode()).rowcount
        # A schema can be renamed without a lock on its tables.
        _require_unchanged(connection, copy)
    except errors.LockNotAvailable as error:
        raise TryAgain(
            BaseBusy(
                f"Base table {label} was locked by somebody else for too long; nothing was made.",
                remedy="Try again when the statement that holds it is done; jobs do by themselves.",
            )
        ) from error
    except _GONE as error:
        raise stale(label, f"altered or dropped ({_first(error)})") from error
    return rows


def stale(label: str, change: str) -> BranchToolkitError:
    """The error for a table of base that somebody changed."""
    return StalePlan(
        f"Base table {label} was {change} while it was being copied; nothing was made.",
        remedy="Plan again.",
    )


def _require_unchanged(connection: Connection, copy: TableCopy) -> None:
    query = f"{_OID} WHERE n.nspname = %s AND c.relname = %s"
    tables = [row[0] for row in connection.execute(query, [copy.schema, copy.table])]
    if not tables:
        raise stale(f"{copy.schema}.{copy.table}", "dropped and made again")
    if copy.condition:
        # A condition can read other tables. What it has read is locked.
        row = connection.execute(_HELD).fetchone()
        held, any_new = row if row else ([], False)
        if any_new:
            raise stale(f"{copy.schema}.{copy.table}", "or one that its condition reads, replaced")
        tables += held
    text = resources.files(__package__).joinpath("unchanged.sql").read_text(encoding="utf-8")
    for schema, table, in_place, same_rows, same_columns in connection.execute(
        text.encode(), {"tables": tables}
    ):
        if not in_place:
            raise stale(f"{schema}.{table}", "dropped, renamed or replaced")
        if not same_rows:
            raise stale(f"{schema}.{table}", "truncated or rewritten")
        if not same_columns:
            raise stale(f"{schema}.{table}", "altered")


def _first(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip().partition("\n")[0]
