"""Connections to Postgres: how they are made, and what their errors mean to a user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import sqlalchemy
from psycopg import errors, sql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from branch_toolkit.core.errors import (
    BaseBusy,
    BranchToolkitError,
    CloneFailed,
    MissingRight,
    StalePlan,
    WarehouseUnavailable,
)

_ACCEPTED = frozenset({"postgres", "postgresql"})
CONNECT_TIMEOUT = 10
"""Seconds to wait for the server to answer, unless the URL says otherwise."""


def parse_url(text: str) -> URL:
    """The URL, for SQLAlchemy on psycopg 3 whatever driver it names.

    Raises:
        WarehouseUnavailable: It is not a Postgres URL.
    """
    try:
        url = make_url(text.strip())
    except (sqlalchemy.exc.ArgumentError, ValueError):
        url = None
    # With an unquoted `@` in the password, its end would be taken for host or database, and shown.
    torn = url is not None and "@" in f"{url.host}{url.database}"
    if url is None or torn or url.drivername.partition("+")[0] not in _ACCEPTED:
        # The text is not repeated: it may hold a password.
        raise WarehouseUnavailable(
            "The warehouse's URL is not one of Postgres.",
            remedy=(
                "Give it as postgresql://user:password@host:5432/database, with `@`, `:`, `/` and"
                " `%` in the password percent-encoded, usually by dg.EnvVar, and see that the"
                " variable is set."
            ),
        )
    return url.set(drivername="postgresql+psycopg")


def create_engine(text: str, *, options: str = "") -> sqlalchemy.Engine:
    """An engine that keeps no connection open when nobody uses one.

    Args:
        text: The URL.
        options: Command-line options for the server's session, after those of the URL.
    """
    url = parse_url(text)
    # Statements are sent as UTF-8, whatever the database or the environment would choose.
    arguments: dict[str, Any] = {"client_encoding": "utf8"}
    if options:
        arguments["options"] = f"{url.query.get('options', '')} {options}".strip()
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_TIMEOUT
    if "application_name" not in url.query:
        arguments["application_name"] = "branch_toolkit"
    return sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=arguments)


@contextmanager
def transaction(
    engine: sqlalchemy.Engine, *, isolation: str = "READ COMMITTED"
) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A psycopg connection in a transaction: committed at the end, rolled back on any error.

    Raises:
        WarehouseUnavailable: No connection is to be had, or it broke.
        MissingRight: The role may not do what was tried.
    """
    with translated(engine.url), engine.connect() as connection:
        connection = connection.execution_options(isolation_level=isolation)
        with connection.begin():
            yield cast("psycopg.Connection[tuple[Any, ...]]", raw(connection))


def raw(connection: sqlalchemy.Connection) -> psycopg.Connection[Any]:
    """The psycopg connection under an SQLAlchemy one."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"expected a psycopg connection, found {type(driver)}")
    return driver


def bound_waiting(connection: psycopg.Connection[Any], *, lock_timeout: float) -> None:
    """Bounds, for this transaction, how long it waits for locks and outlives its client.

    Args:
        connection: In a transaction.
        lock_timeout: Seconds.
    """
    # Composed, not bound: SET takes no parameters, and a SELECT would take the snapshot too soon.
    milliseconds = sql.Literal(int(lock_timeout * 1000))
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(milliseconds))
    if connection.info.server_version >= 140000:
        # Without it the backend of a killed client works on for seconds (Postgres 14 and later:
        # https://www.postgresql.org/docs/current/runtime-config-connection.html).
        connection.execute("SET LOCAL client_connection_check_interval = '1s'")


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turns the driver's errors into ours, each with a remedy and none with a secret."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise _translate(error.orig, url) from error.orig
        raise
    except psycopg.Error as error:
        raise _translate(error, url) from error


def _translate(error: psycopg.Error, url: URL) -> BranchToolkitError:
    message = _first_line(error)
    if isinstance(error, errors.InsufficientPrivilege):
        return MissingRight(
            f"Role {url.username!r} lacks a right in database {url.database!r}: {message}.",
            remedy="Have the owner grant it; `branch-toolkit doctor` prints the GRANTs.",
        )
    if isinstance(error, (errors.LockNotAvailable, errors.DeadlockDetected)):
        return BaseBusy(
            f"A lock was not had in time ({message}); nothing was changed.",
            remedy="Try again when the statement that holds it is done; jobs retry by themselves.",
        )
    if isinstance(error, (errors.DuplicateSchema, errors.UniqueViolation)) and _on_schema(error):
        return StalePlan("Another run made the schema meanwhile.", remedy="Plan again.")
    if isinstance(error, errors.OutOfMemory):
        return CloneFailed(
            f"Postgres ran out of room for locks ({message}); nothing was changed.",
            remedy="Raise max_locks_per_transaction, or clone fewer schemas at once.",
        )
    if isinstance(error, errors.SerializationFailure):
        return StalePlan(f"Something changed meanwhile ({message}).", remedy="Plan again.")
    if isinstance(error, psycopg.OperationalError) and _at_the_door(error):
        return _unavailable(message, url)
    return CloneFailed(
        f"Postgres refused a statement ({message}); nothing was changed.",
        remedy="Mend what it names, then run again.",
    )


def _at_the_door(error: psycopg.Error) -> bool:
    """Whether it is about the connection, not about what was asked of the server."""
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    return error.sqlstate is None or error.sqlstate.startswith(("08", "28", "3D", "53300", "57P"))


def _on_schema(error: psycopg.Error) -> bool:
    return isinstance(error, errors.DuplicateSchema) or (
        error.diag.constraint_name == "pg_namespace_nspname_index"
    )


def _unavailable(message: str, url: URL) -> WarehouseUnavailable:
    if "authentication" in message or "no password supplied" in message:
        remedy = "Check the user and the password in the URL."
    elif "does not exist" in message:
        remedy = "Check the name of the database and of the user in the URL."
    else:
        remedy = "Check host and port in the URL, that the server runs, and the network to it."
    place = f"{url.host or 'the local socket'}:{url.port or 5432}"
    return WarehouseUnavailable(
        f"Database {url.database!r} at {place} could not be used as {url.username!r}: {message}.",
        remedy=remedy,
    )


def _first_line(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error).strip() or type(error).__name__
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # libpq's own messages are long and end in the reason: `connection … failed: FATAL: reason`.
    return lines[0].rpartition("FATAL:")[2].strip().rstrip(".")
