"""Locks on what is replaced, taken so that readers of the branch are never the victims."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import errors, sql

from branch_toolkit.core.errors import EnvironmentBusy
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.owning.errors import TableInUse
from branch_toolkit.warehouses.postgres.queries import Connection

_WINDOW = 0.4
"""Seconds in which all locks have to be had. It is less than `deadlock_timeout`, so that where a
reader waits for us and we for it, it is we who give way, before Postgres ends one of both."""

_POLL_SECONDS = 0.1
_HOLDERS = """
    SELECT DISTINCT a.pid, a.application_name, left(a.query, 60)
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.relation = ANY (%s::oid[]) AND l.pid <> pg_catalog.pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_catalog.pg_database
                        WHERE datname = pg_catalog.current_database())
"""
sessions: set[int] = set()
"""The backends that serve this process's sessions."""


@dataclass(frozen=True)
class Held:
    """A relation to be locked.

    Args:
        oid: Its object id.
        kind: Its `relkind`.
        name: Its name, quoted where need be, and qualified.
        owner: The role that owns it.
    """

    oid: int
    kind: str
    name: str
    owner: str


def hold(connection: Connection, relations: Sequence[Held], *, table: str, patience: float) -> None:
    """Locks relations against readers, and nothing of what they read.

    Raises:
        TableInUse: Others hold them for longer than that.
    """
    deadline = time.monotonic() + patience
    while not _try_hold(connection, relations):
        if time.monotonic() > deadline:
            raise _in_use(connection, relations, table)
        time.sleep(_POLL_SECONDS)


def lock_table(connection: Connection, environment: str, table: str, *, patience: float) -> None:
    """Waits until no other run makes that table the branch's own, and none remakes the environment.

    Raises:
        EnvironmentBusy: The environment is being remade for longer than that.
    """
    deadline = time.monotonic() + patience
    while not queries.try_share(connection, environment):
        if time.monotonic() > deadline:
            raise EnvironmentBusy(
                f"Another run has been working on {environment!r} for {patience:.0f} seconds.",
                remedy="See the runs with its tag in the Dagster UI; nothing was changed here.",
            )
        time.sleep(_POLL_SECONDS)
    # However long the other one takes: it writes the rows that are to be added to.
    with settings(connection, {"lock_timeout": "0"}):
        _advise(connection, "pg_advisory_xact_lock", table)


def lock_keys(connection: Connection, environment: str, *, patience: float) -> None:
    """Waits for others to settle their foreign keys, so that two tables see each other."""
    deadline = time.monotonic() + patience
    # Not in a queue of Postgres: a run that waits there could be taken for part of a deadlock.
    while not _advise(connection, "pg_try_advisory_xact_lock", f"keys:{environment}"):
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_SECONDS)


@contextmanager
def settings(connection: Connection, values: Mapping[str, str]) -> Iterator[None]:
    """Settings for the block; where it fails, the transaction has to be rolled back."""
    before = {name: _setting(connection, name) for name in values}
    for name, value in values.items():
        _set(connection, name, value)
    yield
    for name, value in before.items():
        _set(connection, name, value)


def _setting(connection: Connection, name: str) -> str:
    row = connection.execute("SELECT pg_catalog.current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def _set(connection: Connection, name: str, value: str) -> None:
    connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", [name, value])


def _try_hold(connection: Connection, relations: Sequence[Held]) -> bool:
    end = time.monotonic() + _WINDOW
    try:
        with connection.transaction(), settings(connection, {"lock_timeout": "0"}):
            for relation in relations:
                left = max(int((end - time.monotonic()) * 1000), 1)
                _set(connection, "lock_timeout", f"{left}ms")
                connection.execute(_lock_statement(relation))
    except errors.LockNotAvailable:
        return False
    return True


def _lock_statement(relation: Held) -> sql.Composed:
    if relation.kind in ("r", "p"):
        template = sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE")
        return template.format(sql.SQL(relation.name))
    # LOCK TABLE would lock all that a view reads, too, and takes no materialized views. This
    # changes nothing.
    kind = "MATERIALIZED VIEW" if relation.kind == "m" else "VIEW"
    return sql.SQL("ALTER {} {} OWNER TO {}").format(
        sql.SQL(kind), sql.SQL(relation.name), sql.Identifier(relation.owner)
    )


def _in_use(connection: Connection, relations: Sequence[Held], table: str) -> TableInUse:
    rows = connection.execute(_HOLDERS, [[relation.oid for relation in relations]]).fetchall()
    holders = [f"pid {pid}, {name or 'unnamed'}: {query}" for pid, name, query in rows]
    return TableInUse(table, holders=holders, own=any(row[0] in sessions for row in rows))


def _advise(connection: Connection, function: str, name: str) -> bool:
    query = (
        f"SELECT pg_catalog.{function}(pg_catalog.hashtextextended("
        "%s || pg_catalog.current_database() || %s, 0))"
    )
    row = connection.execute(query.encode(), ["branch_toolkit:own:", f":{name}"]).fetchone()
    return bool(row and row[0] is not False)
