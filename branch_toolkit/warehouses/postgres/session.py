"""Sessions for user code: connections on which unqualified names mean the deployment's schemas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy
from psycopg import sql
from sqlalchemy import event

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.postgres.connection import create_engine, raw, translated


class AutocommitRefused(BranchToolkitError):
    """Autocommit was asked for on a connection whose search_path holds only in transactions."""


class SearchPathDropped(BranchToolkitError):
    """A new session does not have the search_path that it was started with."""


@contextmanager
def open_session(url: str, *, search_path: Sequence[str]) -> Iterator[sqlalchemy.Connection]:
    """A connection with that search_path; commits at the end, rolls back on any error.

    The path is the session's from its start (as a startup parameter, which no rollback or RESET
    undoes and no pooler carries over to another client), and is set anew in every transaction.

    Raises:
        SearchPathDropped: A pooler did not pass the startup parameter on.
    """
    path = sql.SQL(", ").join(map(sql.Identifier, search_path)).as_string(None)
    engine = create_engine(url, options=f"-c search_path={_escaped(path)}")

    @event.listens_for(engine, "begin")
    def _set_path(connection: sqlalchemy.Connection) -> None:
        # Looked for here, where every way to autocommit comes by: SET LOCAL would do nothing.
        if raw(connection).autocommit:
            raise AutocommitRefused(
                "Autocommit was asked for on a connection of the branch toolkit, where unqualified"
                " names have to mean this deployment's schemas in every statement.",
                remedy="Leave it out, or commit after each statement with connection.commit().",
            )
        connection.exec_driver_sql(
            f"SET LOCAL search_path TO {path}", execution_options={"no_parameters": True}
        )

    with translated(engine.url):
        connection = engine.connect()
    try:
        _require_path(connection, path)
        yield connection
        connection.commit()
        # What was done on the driver's connection is in no transaction that SQLAlchemy knows of.
        raw(connection).commit()
    finally:
        connection.close()
        engine.dispose()


def _require_path(connection: sqlalchemy.Connection, path: str) -> None:
    with raw(connection).transaction(), raw(connection).cursor() as cursor:
        found = cursor.execute("SHOW search_path").fetchone()
    if found != (path,):
        raise SearchPathDropped(
            "Something between here and the database, probably a pooler, drops the search_path of"
            " a new session, so unqualified names could mean production's tables.",
            remedy="Give the URL of the database itself, or of a pool in session mode.",
        )


def _escaped(value: str) -> str:
    # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
