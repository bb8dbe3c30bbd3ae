"""Sessions for user code: connections on which unqualified names mean the deployment's schemas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from psycopg import sql
from sqlalchemy import event

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.postgres.connection import create_engine, translated


class AutocommitRefused(BranchToolkitError):
    """Autocommit was asked for on a connection whose search_path holds only in transactions."""


@contextmanager
def open_session(url: str, *, search_path: Sequence[str]) -> Iterator[sqlalchemy.Connection]:
    """A connection with that search_path; commits at the end, rolls back on any error.

    The path is set anew in every transaction (SET LOCAL), since a session-wide SET is undone by a
    rollback and, behind a transaction pooler, would leak into other clients' sessions.
    """
    engine = create_engine(url)
    path = sql.SQL(", ").join(map(sql.Identifier, search_path)).as_string(None)

    @event.listens_for(engine, "begin")
    def _set_path(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql(
            f"SET LOCAL search_path TO {path}", execution_options={"no_parameters": True}
        )

    @event.listens_for(engine, "set_connection_execution_options")
    def _refuse_autocommit(_connection: sqlalchemy.Connection, options: dict[str, Any]) -> None:
        if options.get("isolation_level") == "AUTOCOMMIT":
            raise AutocommitRefused(
                "Autocommit was asked for on a connection of the branch toolkit, where unqualified"
                " names mean this deployment's schemas only within a transaction.",
                remedy="Leave it out, or commit after each statement with connection.commit().",
            )

    with translated(engine.url):
        connection = engine.connect()
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()
        engine.dispose()
