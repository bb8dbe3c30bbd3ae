"""The environment's lock for as long as many transactions take, on the connection they run on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import cast

import psycopg
import sqlalchemy
from psycopg import sql

from branch_toolkit.core.errors import WarehouseUnavailable
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.connection import bound_waiting, raw, translated
from branch_toolkit.warehouses.postgres.queries import Connection


@dataclass(frozen=True)
class Held:
    """A connection whose session holds an environment's lock.

    What is done to schemas out of sight is done on it: when the session ends, and with it the lock,
    no further statement can be executed, and whoever takes the lock then finds nobody at work.

    Args:
        connection: In no transaction.
        lock_timeout: Seconds to wait for other locks.
        backend: The server's process that has the lock.
    """

    connection: Connection
    lock_timeout: float
    backend: int

    @contextmanager
    def transaction(
        self, *, settings: Sequence[str] = (), isolation: str = "READ COMMITTED"
    ) -> Iterator[Connection]:
        """A transaction, after which the lock is still held."""
        with self.connection.transaction():
            level = sql.SQL("SET TRANSACTION ISOLATION LEVEL {}").format(sql.SQL(isolation))
            self.connection.execute(level)
            bound_waiting(self.connection, lock_timeout=self.lock_timeout)
            for setting in settings:
                self.connection.execute(setting.encode())
            self.confirm()
            yield self.connection

    def confirm(self) -> None:
        """Makes sure that the lock is still held.

        Raises:
            WarehouseUnavailable: The session is gone, or it is another one.
        """
        if queries.backend(self.connection) != self.backend:
            raise WarehouseUnavailable(
                "Something between here and the database, probably a pooler, changes sessions"
                " between transactions, so the environment could not be kept for this run alone.",
                remedy="Give the URL of the database itself, or of a pool in session mode.",
            )


def require_held(connection: Connection, environment: str, holder: int) -> None:
    """Makes sure, at the end of a worker's transaction, that what it wrote to is still this run's.

    If it is not, what it wrote to may be what another run builds under the same name.

    Raises:
        WarehouseUnavailable: The session that holds the environment's lock is gone.
    """
    if not queries.holds(connection, environment, holder):
        raise WarehouseUnavailable(
            "The session that kept the environment for this run alone is gone; what was not"
            " finished is rolled back.",
            remedy="Run it again.",
        )


@contextmanager
def hold_environment(
    engine: sqlalchemy.Engine, environment: str, *, lock_timeout: float
) -> Iterator[Held | None]:
    """A connection that holds the environment's lock; None if another run works on it."""
    with translated(engine.url), engine.connect() as opened:
        connection = cast("Connection", raw(opened.execution_options(isolation_level="AUTOCOMMIT")))
        if connection.info.server_version >= 140000:
            # It idles while other connections copy rows.
            connection.execute("SET idle_session_timeout = 0")
        if not queries.try_session_lock(connection, environment):
            yield None
            return
        try:
            yield Held(connection, lock_timeout, queries.backend(connection))
        finally:
            # Its end would release it too, but only a little later.
            with suppress(psycopg.Error):
                queries.release_session_locks(connection)


@contextmanager
def observer(engine: sqlalchemy.Engine) -> Iterator[Connection]:
    """A connection in no transaction: each of its statements sees what is committed by then."""
    with translated(engine.url), engine.connect() as opened:
        yield cast("Connection", raw(opened.execution_options(isolation_level="AUTOCOMMIT")))
