"""Executes statements on a branch's own objects, and says which one Postgres refused."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import errors

from branch_toolkit.warehouses.postgres.owning.errors import OwningFailed
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import Ddl

# They mean to a user what they mean everywhere, see `translated`.
_PASSED_ON = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.InsufficientPrivilege,
    errors.OutOfMemory,
    errors.QueryCanceled,
)


def execute(connection: Connection, table: str, label: str, text: str) -> int:
    """Executes a statement; returns how many rows it is about.

    Raises:
        OwningFailed: Postgres refuses it.
    """
    try:
        # As bytes: the text is complete, and a `%` in it is not a placeholder.
        return connection.execute(text.encode()).rowcount
    except _PASSED_ON:
        raise
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(("08", "57P")):
            raise
        message = error.diag.message_primary or str(error)
        raise OwningFailed(table, object_=label, message=message) from error


def execute_all(connection: Connection, table: str, statements: Iterable[Ddl]) -> None:
    """Executes statements in order; see `execute`."""
    for statement in statements:
        execute(connection, table, statement.object, statement.sql)


def label(text: str) -> str:
    """What a statement does, in short: its first line."""
    return text.strip().splitlines()[0][:100]
