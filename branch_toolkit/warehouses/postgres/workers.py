"""Tasks on several connections at once, each task in a transaction of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

import psycopg
import sqlalchemy
from psycopg import errors

from branch_toolkit.core.errors import BranchToolkitError, WarehouseUnavailable
from branch_toolkit.warehouses.postgres.agenda import Agenda, Task, Throttle
from branch_toolkit.warehouses.postgres.queries import Connection

_ATTEMPTS = 4
_BACK_OFF_SECONDS = 0.5
_TICK_SECONDS = 0.2
_FAREWELL_SECONDS = 60.0
"""How long to wait for backends to heed a cancellation."""


class TryAgain(Exception):
    """What a task met will pass; after some attempts, `error` is what to raise."""

    def __init__(self, error: BranchToolkitError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Done:
    """A task that was done, what it returned, and when it began and ended (monotonic)."""

    task: Task
    value: int | None
    began: float
    ended: float


@dataclass
class _Session:
    """A worker's connection, made anew when it broke."""

    engine: sqlalchemy.Engine
    _connection: Connection | None = field(default=None, init=False)

    def open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.engine)
        return self._connection

    def lost_by(self, error: psycopg.OperationalError) -> bool:
        """Whether an error is the connection's end, after which the next one is to be used."""
        # The server's last word can arrive some time before it hangs up.
        last = (errors.AdminShutdown, errors.CrashShutdown, errors.IdleInTransactionSessionTimeout)
        if isinstance(error, last):
            self.close()
        return self._connection is None or self._connection.closed

    def cancel(self) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=5)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class Workers:
    """Threads that do tasks, each on a connection of its own, until all are done or one fails.

    A task whose connection broke is done again on a new one, unless its transaction turns out to
    have been committed.

    Args:
        engine: Where to connect to.
        count: How many connections.
        throttle: Bounds what the paced tasks write.
    """

    def __init__(self, engine: sqlalchemy.Engine, count: int, throttle: Throttle) -> None:
        self._agenda = Agenda(throttle)
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._events: queue.SimpleQueue[Done | BaseException] = queue.SimpleQueue()
        self._sessions = [_Session(engine) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._serve, args=[session], name="copying", daemon=True)
            for session in self._sessions
        ]

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < deadline:
            if error is not None:
                # Again and again: one that comes in between two statements has no effect.
                for session in self._sessions:
                    session.cancel()
            for thread in self._threads:
                if thread.ident is not None:
                    thread.join(_TICK_SECONDS)

    def work(self, tasks: Iterable[Task]) -> Iterator[Done | None]:
        """Does the tasks, and tells of each when it is done; None every now and then.

        Raises:
            Exception: What the first task that failed raised.
        """
        self._agenda.add(tasks)
        left = self._agenda.left
        for thread in self._threads:
            thread.start()
        while left:
            try:
                event = self._events.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                yield None
                continue
            if isinstance(event, BaseException):
                raise event
            left -= 1
            yield event

    def _stop(self) -> None:
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()

    def _serve(self, session: _Session) -> None:
        try:
            while (task := self._next()) is not None:
                began = time.monotonic()
                value = self._attempts(session, task)
                self._events.put(Done(task, value, began, time.monotonic()))
                self._finish(task)
        except BaseException as error:  # noqa: BLE001  # It is raised where the tasks were given.
            self._stop()
            self._events.put(error)
        finally:
            session.close()

    def _next(self) -> Task | None:
        with self._changed:
            while self._agenda.left and not self._stopping.is_set():
                if (task := self._agenda.take()) is not None:
                    return task
                self._changed.wait(self._agenda.patience)
        return None

    def _finish(self, task: Task) -> None:
        with self._changed:
            self._agenda.finish(task)
            self._changed.notify_all()

    def _attempts(self, session: _Session, task: Task) -> int | None:
        for attempt in range(1, _ATTEMPTS):
            try:
                return _attempt(session, task)
            except TryAgain:
                pass
            except (errors.LockNotAvailable, errors.DeadlockDetected):
                pass
            except psycopg.OperationalError as error:
                if not session.lost_by(error):
                    raise
            if self._stopping.wait(_BACK_OFF_SECONDS * 2 ** (attempt - 1)):
                break
        try:
            return _attempt(session, task)
        except TryAgain as busy:
            raise busy.error from busy


def connect(engine: sqlalchemy.Engine) -> Connection:
    """A connection on which transactions are begun explicitly, and which nobody else will use."""
    proxy = engine.raw_connection()
    driver = proxy.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"expected a psycopg connection, found {type(driver)}")
    # Not to be rolled back once more when it is given back, which a broken one cannot.
    proxy.detach()
    driver.autocommit = True
    return driver


def _attempt(session: _Session, task: Task) -> int | None:
    connection = session.open()
    connection.isolation_level = task.isolation
    value, transaction = None, None
    try:
        with connection.transaction():
            value = task.run(connection)
            transaction = _transaction_id(connection)
    except psycopg.OperationalError as error:
        # It may have broken after the commit and before the answer to it.
        lost = session.lost_by(error)
        if not lost or transaction is None or not _committed(session, transaction):
            raise
    return value


def _transaction_id(connection: Connection) -> str | None:
    row = connection.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
    return row[0] if row else None


def _committed(session: _Session, transaction: str) -> bool:
    """Whether a transaction was committed whose connection was lost."""
    deadline = time.monotonic() + _FAREWELL_SECONDS
    while time.monotonic() < deadline:
        try:
            connection = session.open()
            row = connection.execute("SELECT pg_xact_status(%s::xid8)", [transaction]).fetchone()
        except psycopg.OperationalError as error:
            if not session.lost_by(error):
                raise
            row = None
        if row not in (None, ("in progress",)):
            return row == ("committed",)
        time.sleep(_TICK_SECONDS)
    # To do it again could do it twice.
    raise WarehouseUnavailable(
        "A connection was lost, and it could not be found out whether what was done on it is there;"
        " nothing was made.",
        remedy="Run it again when the server is up.",
    )
