"""One run at a time on an environment: a lock that is a schema of its own, with a lease.

Snowflake has no advisory locks, and no transaction spans its DDL. What it has is that the name of a
schema is given out once, and that its clock stamps what is made. So a lock is a schema, empty, with
a name that nobody else uses. Whoever has made one looks whether another is there, and if so takes
its own away: two can never both go on. A lock lasts for a lease that its holder renews; what a
killed run has left behind lapses. docs/decisions/0013 says more.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from branch_toolkit.core.errors import BranchToolkitError, EnvironmentBusy, MissingRight
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.home import Home
from branch_toolkit.warehouses.snowflake.names import DatabaseName, Place, quote
from branch_toolkit.warehouses.snowflake.session import Connect, Row, Session, opened
from branch_toolkit.warehouses.snowflake.statements import SchemaOptions

PREFIX = "BRANCH_TOOLKIT_LOCK__"
_KEY = "branch_toolkit_lock"
_LONGEST_GOODBYE = 5.0
_OPTIONS = SchemaOptions(transient=True, retention_days=0)
_NAME = re.compile(rf"{PREFIX}(?P<environment>.+)__[0-9A-F]{{16}}")


@dataclass
class Lock:
    """The lock that this run holds on an environment.

    Args:
        schema: Its schema, or database.
        environment: The environment.
        lease: Seconds that it lasts without being renewed.
    """

    schema: Place
    environment: str
    lease: float
    _began: float = field(default_factory=time.monotonic)
    _renewed: float = field(default_factory=time.monotonic)

    def require(self) -> None:
        """Refuses to go on where the lock may have lapsed.

        Raises:
            EnvironmentBusy: It could not be renewed in time, so another run may be at work.
        """
        if not self._lasts:
            raise EnvironmentBusy(
                f"The lock on {self.environment!r} could not be renewed within {self.lease:g}"
                " seconds, so this run stopped before another could be in its way.",
                remedy="Launch it again; what is half-done is cleared away first.",
            )

    def renew(self, session: Session) -> None:
        """Lets it last for another lease from now, unless it may have lapsed.

        Raises:
            EnvironmentBusy: It may have lapsed, so another run may have taken it for that.
        """
        self.require()
        now = time.monotonic()
        comment = _comment(self.environment, now - self._began + self.lease)
        session.execute(statements.comment_schema(self.schema, comment), doing="renew a lock")
        # Not where that took too long: it may have lapsed before Snowflake came to it.
        if self._lasts:
            self._renewed = now

    @property
    def _lasts(self) -> bool:
        # A quarter of the lease is left for the statement that is under way.
        return time.monotonic() - self._renewed <= self.lease * 3 / 4


@dataclass(frozen=True)
class Locking:
    """How environments are locked.

    Args:
        connect: Makes connections; renewing needs one of its own.
        database: The database; None for the account, where locks are databases.
        lease: Seconds that a lock lasts without being renewed.
    """

    connect: Connect
    database: str | None
    lease: float

    @property
    def home(self) -> Home:
        """What locks are in."""
        return Home(self.database)

    @contextmanager
    def hold(self, session: Session, environment: str) -> Iterator[Lock | None]:
        """The lock on an environment, or None if another run has it."""
        lock = self._take(session, environment)
        if lock is None:
            yield None
            return
        try:
            with self._renewed(lock):
                yield lock
        finally:
            self._drop(session, lock.schema)

    def is_held(self, session: Session, environment: str) -> bool:
        """Whether there seems to be a lock on an environment; it may have lapsed."""
        return any(_is_of(row, environment) for row in self._all(session))

    def _take(self, session: Session, environment: str) -> Lock | None:
        name = f"{_prefix(environment)}{secrets.token_hex(8).upper()}"
        lock = Lock(self.home.named(name), environment, self.lease)
        comment = _comment(environment, self.lease)
        session.execute(
            statements.create_schema(lock.schema, _OPTIONS, comment=comment),
            doing=f"lock {environment}",
            settled=lambda: bool(self._names(session, name)),
        )
        taken = False
        try:
            found = self._all(session)
            mine = next((row for row in found if row["name"] == name), None)
            others = [row for row in found if _is_of(row, environment) and row is not mine]
            taken = mine is not None and all(_lapsed(row, now=mine["created_on"]) for row in others)
        finally:
            if not taken:
                self._drop(session, lock.schema)
        if mine is not None:
            _require_owner(mine["owner"], lock.schema, session)
        elif lock._lasts:
            # Nobody drops a lock that lasts: it is another role's, and not shown to this one.
            _require_owner(None, lock.schema, session)
        if mine is None or not taken:
            return None
        self._tidy(session, found, now=mine["created_on"])
        return lock

    def _tidy(self, session: Session, found: list[Row], *, now: datetime) -> None:
        """Drops the locks of runs that were killed; nobody else ever uses their names."""
        for row in found:
            if _lapsed(row, now=now):
                self._drop(session, self.home.named(row["name"]))

    def _drop(self, session: Session, lock: Place) -> None:
        """Drops a lock; where that fails, it lapses."""
        with suppress(BranchToolkitError):
            session.execute(
                statements.drop_schema(lock),
                doing="release a lock",
                settled=lambda: not self._names(session, lock.name),
            )

    @contextmanager
    def _renewed(self, lock: Lock) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._keep_renewing, args=(lock, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            # A renewal that is never answered must not keep a run that is done.
            thread.join(_LONGEST_GOODBYE)

    def _keep_renewing(self, lock: Lock, done: threading.Event) -> None:
        with opened(self.connect, self.database, doing="keep a lock") as session:
            while not done.wait(self.lease / 4):
                with suppress(BranchToolkitError):
                    lock.renew(session)

    def _all(self, session: Session) -> list[Row]:
        rows = session.read(self.home.show_beginning(PREFIX))
        return [row for row in rows if _content(row) is not None]

    def _names(self, session: Session, prefix: str) -> list[str]:
        rows = session.read(self.home.show_beginning(prefix))
        return [row["name"] for row in rows]


def _require_owner(owner: str | None, lock: Place, session: Session) -> None:
    """Refuses to go on where what this role makes belongs to another one.

    https://docs.snowflake.com/en/sql-reference/sql/grant-ownership: future grants of ownership.

    Args:
        owner: Whose the lock is that was just made; None if this role may not even see it.
        lock: That lock.
        session: Who has made it.

    Raises:
        MissingRight: It does.
    """
    if isinstance(lock, DatabaseName) or owner in (session.role(), ""):
        return
    whose = "another role" if owner is None else f"role {owner!r}"
    name = "that_role" if owner is None else quote(owner)
    database = quote(lock.database)
    raise MissingRight(
        f"What role {session.role()!r} makes in database {lock.database!r} belongs to {whose}, by a"
        " future grant: it could make no clone whole, and drop none. The empty schema"
        f" {lock.schema!r} is left over.",
        remedy="Let an administrator execute: REVOKE OWNERSHIP ON FUTURE SCHEMAS IN DATABASE"
        f" {database} FROM ROLE {name}; or give that role to the resource. SHOW FUTURE GRANTS IN"
        f" DATABASE {database} tells which it is.",
    )


def is_lock(name: str) -> bool:
    """Whether a schema of that name is a lock."""
    return _NAME.fullmatch(name) is not None


def _prefix(environment: str) -> str:
    return f"{PREFIX}{environment.upper()}__"


def _is_of(row: Row, environment: str) -> bool:
    name = _NAME.fullmatch(row["name"])
    return name is not None and name["environment"] == environment.upper()


def _comment(environment: str, seconds: float) -> str:
    return json.dumps({_KEY: 1, "environment": environment, "seconds": round(seconds, 1)})


def _content(row: Row) -> dict[str, Any] | None:
    """What a lock says of itself; None for what is no lock of ours."""
    if not is_lock(row["name"]):
        return None
    try:
        content = json.loads(row["comment"])
        seconds = content["seconds"] if content[_KEY] == 1 else None
    except (KeyError, TypeError, ValueError):
        return None
    return content if isinstance(seconds, int | float) else None


def _lapsed(row: Row, *, now: datetime) -> bool:
    """Whether a lock's lease is over; both times are Snowflake's."""
    content = _content(row)
    if content is None:
        return False
    ends: datetime = row["created_on"] + timedelta(seconds=content["seconds"])
    return now > ends
