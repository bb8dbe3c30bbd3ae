"""A session in Snowflake: statements in, rows out, and what a lost connection leaves in doubt."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector.errors import Error

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.snowflake import errors, statements
from branch_toolkit.warehouses.snowflake.home import Home
from branch_toolkit.warehouses.snowflake.names import SchemaName

Row: TypeAlias = dict[str, Any]
Connect: TypeAlias = Callable[[], SnowflakeConnection]
Settled: TypeAlias = Callable[[], bool]

_ATTEMPTS = 4
_FIRST_PAUSE = 0.5
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')

_log = logging.getLogger(__name__)


@dataclass
class Session:
    """A connection that is made when it is first needed, and made anew when it is lost.

    Args:
        connect: Makes a connection.
        database: The database that it works in; None where it works on whole databases.
        tag: What its statements are told apart by in QUERY_HISTORY.
    """

    connect: Connect
    database: str | None
    tag: dict[str, str] = field(default_factory=dict)
    _connection: SnowflakeConnection | None = None
    _role: str = ""

    @property
    def home(self) -> Home:
        """What base, its clones and the locks are in."""
        return Home(self.database)

    def read(self, sql: str) -> list[Row]:
        """The rows of a statement that changes nothing, by the columns' names in lower case.

        Raises:
            BranchToolkitError: Snowflake refuses it, or cannot be reached again and again.
        """
        return self._insist([sql], doing="read what is there", settled=lambda: False)

    def execute(
        self,
        sql: str,
        *,
        doing: str,
        settled: Settled | None = None,
        within: SchemaName | None = None,
    ) -> list[Row]:
        """Executes a statement once, as far as can be known.

        When the connection is lost, nobody knows whether Snowflake has executed it. It is executed
        again unless it turns out to have been.

        Args:
            sql: The statement.
            doing: What it does, for errors: a verb and its object.
            settled: Whether what it does is done. None where doing it twice does no harm.
            within: What unqualified names in it mean.

        Raises:
            BranchToolkitError: Snowflake refuses it, or cannot be reached again and again.
        """
        # A connection that is made anew has the login's own schema again.
        first = [] if within is None else [statements.use_schema(within)]
        return self._insist([*first, sql], doing=doing, settled=settled or (lambda: False))

    def role(self) -> str:
        """The role that it has."""
        if not self._role:
            self._role = str(self.read("SELECT CURRENT_ROLE() AS ROLE")[0]["role"])
        return self._role

    def retag(self, **tag: str) -> None:
        """Changes what its statements are told apart by."""
        if tag != self.tag:
            self.tag = tag
            self.execute(statements.query_tag(**tag), doing="tag what is done")

    def close(self) -> None:
        """Closes the connection; one that is lost is forgotten."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Error, OSError):
                connection.close()

    def _insist(self, several: Sequence[str], *, doing: str, settled: Settled) -> list[Row]:
        """The rows of the last of several statements, which are repeated together."""
        pause, lost = _FIRST_PAUSE, False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                connection = self._open()
                return [self._run(connection, sql) for sql in several][-1]
            except Error as error:
                if lost_or_gone := errors.is_connection_lost(error) or errors.is_session_gone(
                    error
                ):
                    lost = True
                    self.close()
                if self._is_settled(settled, error, lost=lost):
                    return []
                if attempt == _ATTEMPTS or not lost_or_gone:
                    raise self._translated(error, doing=doing, sql=several[-1]) from error
                _log.warning("Snowflake was lost while we tried to %s: %s", doing, error.msg)
            time.sleep(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _is_settled(self, settled: Settled, error: Error, *, lost: bool) -> bool:
        # The connector repeats requests by itself: what then finds its own work already done may
        # say so without a connection having been lost here.
        in_doubt = lost or errors.already_exists(error) or errors.not_there(error)
        if not in_doubt:
            return False
        with suppress(BranchToolkitError):
            return settled()
        return False

    def _open(self) -> SnowflakeConnection:
        if self._connection is None:
            connection = self.connect()
            if self.tag:
                self._run(connection, statements.query_tag(**self.tag))
            self._connection = connection
        return self._connection

    def _run(self, connection: SnowflakeConnection, sql: str) -> list[Row]:
        with connection.cursor(DictCursor) as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall()
        return [{str(key).lower(): value for key, value in row.items()} for row in rows]

    def _translated(self, error: Error, *, doing: str, sql: str) -> BranchToolkitError:
        database = self.database or _first_name(sql)
        return errors.translate(
            error, doing=doing, sql=sql, role=self._role or "?", database=database
        )


@contextmanager
def opened(connect: Connect, database: str | None, **tag: str) -> Iterator[Session]:
    """A session, closed at the end of the block."""
    session = Session(connect, database, tag)
    try:
        yield session
    finally:
        session.close()


def _first_name(sql: str) -> str:
    """The database that a statement on whole databases is about: it names it first."""
    found = _QUOTED.search(sql)
    return found[1].replace('""', '"') if found else ""
