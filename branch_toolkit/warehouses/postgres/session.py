"""Sessions for user code: connections on which unqualified names mean the deployment's schemas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy
from psycopg import sql
from sqlalchemy import event

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.postgres.connection import create_engine, raw, translated
from branch_toolkit.warehouses.postgres.explaining import explained
from branch_toolkit.warehouses.postgres.owning.holding import sessions


class AutocommitRefused(BranchToolkitError):
    """Autocommit was asked for on a connection whose search_path holds only in transactions."""


class SearchPathDropped(BranchToolkitError):
    """A new session does not have the search_path that it was started with."""


@contextmanager
def open_session(
    url: str, *, search_path: Sequence[str], role: str | None = None
) -> Iterator[sqlalchemy.Connection]:
    """A connection with that search_path; commits at the end, rolls back on any error.

    With a role, the session is that role's from its start, and RESET ROLE leaves it so.

    The path is the session's from its start (as a startup parameter, which no rollback or RESET
    undoes and no pooler carries over to another client), and is set anew in every transaction.

    Raises:
        SearchPathDropped: A pooler did not pass the startup parameter on.
        TableDeferred: A deferred table of a branch was to be changed.
        DeferredTableChanged: What a deferred table reads in base has changed.
    """
    path = sql.SQL(", ").join(map(sql.Identifier, search_path)).as_string(None)
    options = f"-c search_path={_escaped(path)}"
    engine = create_engine(url, options=f"{options} -c role={_escaped(role)}" if role else options)

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
    pid = raw(connection).info.backend_pid
    sessions.add(pid)
    try:
        _require_path(connection, path, role)
        with explained(engine, search_path):
            yield connection
            connection.commit()
            # What was done on the driver's connection is in no transaction of SQLAlchemy's.
            raw(connection).commit()
    finally:
        sessions.discard(pid)
        connection.close()
        engine.dispose()


def _require_path(connection: sqlalchemy.Connection, path: str, role: str | None) -> None:
    with raw(connection).transaction(), raw(connection).cursor() as cursor:
        query = "SELECT current_setting('search_path'), current_user::text"
        found, user = cursor.execute(query).fetchone() or (None, None)
    if found != path or (role is not None and user != role):
        raise SearchPathDropped(
            "Something between here and the database, probably a pooler, drops the search_path or"
            " the role of a new session, so that production's tables could be meant or written to.",
            remedy="Give the URL of the database itself, or of a pool in session mode.",
        )


def _escaped(value: str) -> str:
    # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
