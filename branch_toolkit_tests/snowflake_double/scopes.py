"""Where SHOW looks and what of it: IN …, LIKE, STARTS WITH, LIMIT … FROM.

https://docs.snowflake.com/en/sql-reference/sql/show-schemas#parameters
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from branch_toolkit_tests.snowflake_double.model import Database, Schema
from branch_toolkit_tests.snowflake_double.reading import Name, Reader
from branch_toolkit_tests.snowflake_double.session import Session

MOST_ROWS = 10_000


@dataclass
class Scope:
    """What follows SHOW and the kind.

    Args:
        database: Within that database.
        schema: Within that schema.
        like: A pattern; letter case does not matter.
        beginning: How the name begins; letter case matters.
        limit: Most rows.
        after: The name after which the page begins.
        table: Within that table or view (SHOW COLUMNS).
    """

    database: str | None = None
    schema: Name | None = None
    like: str | None = None
    beginning: str | None = None
    limit: int = MOST_ROWS
    after: str | None = None
    table: Name | None = None

    def databases(self, session: Session) -> list[Database]:
        """The databases to look into."""
        if self.database is not None:
            return [session.see_database(self.database)]
        every = sorted(session.account.databases.items())
        return [found for _, found in every if session.may("ANY", found)]

    def schemas(self, session: Session) -> Iterator[tuple[Database, Schema]]:
        """The schemas to look into."""
        if self.schema is not None:
            found = session.see_schema(self.schema)
            yield session.account.database(self.schema[0]), found
            return
        for database in self.databases(session):
            for _, schema in sorted(database.schemas.items()):
                if session.may("ANY", schema):
                    yield database, schema


def read_scope(session: Session, reader: Reader) -> Scope:
    """Reads what follows SHOW and the kind."""
    reader.has("HISTORY")
    scope = Scope(database=session.database)
    if session.database is not None and session.schema is not None:
        scope.schema = (session.database, session.schema)
    if reader.has("LIKE"):
        scope.like = reader.string()
    if reader.has("IN") or reader.has("FOR"):
        _read_place(session, reader, scope)
    if reader.has("STARTS", "WITH"):
        scope.beginning = reader.string()
    if reader.has("LIMIT"):
        scope.limit = min(reader.number(), MOST_ROWS)
        if reader.has("FROM"):
            scope.after = reader.string()
    reader.end()
    return scope


def _read_place(session: Session, reader: Reader, scope: Scope) -> None:
    if reader.has("ACCOUNT"):
        scope.database = scope.schema = None
    elif reader.has("DATABASE"):
        scope.schema = None
        if not reader.done and reader.tokens[reader.place].kind in ("word", "quoted"):
            ahead = reader.tokens[reader.place].text.upper()
            if ahead not in ("LIKE", "STARTS", "LIMIT"):
                scope.database = reader.identifier()
                session.see_database(scope.database)
    elif reader.has("TABLE") or reader.has("VIEW"):
        scope.table = session.of_thing(reader.name())
        scope.schema = scope.table[:2]
    else:
        reader.has("SCHEMA")
        name = reader.name()
        scope.schema = session.of_schema(name)
        session.see_schema(scope.schema)


def in_page(
    rows: Sequence[Sequence[Any]], scope: Scope, *, by: Callable[[Sequence[Any]], str]
) -> list[Sequence[Any]]:
    """The rows that were asked for."""
    found = [row for row in rows if _fits(by(row), scope)]
    if scope.after is not None:
        names = list(map(by, found))
        begin = names.index(scope.after) + 1 if scope.after in names else 0
        found = found[begin:]
    return found[: scope.limit]


def _fits(name: str, scope: Scope) -> bool:
    if scope.beginning is not None and not name.startswith(scope.beginning):
        return False
    return scope.like is None or bool(pattern(scope.like).fullmatch(name))


def pattern(like: str) -> re.Pattern[str]:
    """LIKE: `%` and `_` are wildcards unless a backslash comes before them."""
    parts = re.findall(r"\\.|.", like, re.DOTALL)
    regex = "".join(
        {"%": ".*", "_": "."}.get(part, re.escape(part[-1] if len(part) > 1 else part))
        for part in parts
    )
    return re.compile(regex, re.IGNORECASE | re.DOTALL)
