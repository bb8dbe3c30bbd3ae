"""What there is in a database, read by SHOW commands, which need no virtual warehouse."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from branch_toolkit.core.environment import SchemaFacts
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    BranchToolkitError,
    CloneFailed,
    WarehouseUnavailable,
)
from branch_toolkit.core.mark import is_mark
from branch_toolkit.warehouses import Server
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.locking import is_lock
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.session import Row, Session
from branch_toolkit.warehouses.snowflake.statements import PAGE

SYSTEM = frozenset({"INFORMATION_SCHEMA"})


def server(session: Session) -> Server:
    """What it says of itself."""
    version, database, role, time = session.read(statements.SERVER)[0].values()
    return Server(f"Snowflake {version}", str(database), str(role), time)


def identity(session: Session) -> str:
    """The account, and the database by its name and by when it was made.

    A clone of the database has the marks too; it was made at another time.
    """
    organization, account = session.read(statements.ACCOUNT)[0].values()
    row = database_row(session)
    return f"{organization}.{account}/{row['name']}/{_milliseconds(row['created_on'])}"


def database_row(session: Session) -> Row:
    """What SHOW DATABASES says of the database.

    Raises:
        WarehouseUnavailable: It is not there, or this role may not see it.
    """
    for row in session.read(statements.show_databases(session.database)):
        if row["name"] == session.database:
            return row
    raise WarehouseUnavailable(
        f"Database {session.database!r} does not exist, or role {session.role()} may not see it.",
        remedy=f"Correct `database` of the resource, or let an administrator execute: GRANT USAGE"
        f' ON DATABASE "{session.database}" TO ROLE "{session.role()}".',
    )


def schema_rows(session: Session) -> dict[str, Row]:
    """All schemas but the system's, by name."""
    rows = _pages(session, lambda after: statements.show_schemas(session.database, after=after))
    return {row["name"]: row for row in rows if row["name"] not in SYSTEM}


def schema_facts(
    session: Session, *, marked: bool, names: Collection[str] | None, sizes: bool
) -> list[SchemaFacts]:
    """The schemas as the port describes them; what they hold takes a query for each."""
    facts = [
        SchemaFacts(
            name=name,
            comment=row["comment"] or None,
            tables=None,
            size_bytes=None,
            rows=None,
            stamp=stamp(row),
        )
        for name, row in schema_rows(session).items()
        if not is_lock(name)
        and (is_mark(row["comment"]) or not marked)
        and (names is None or name in names)
    ]
    return _with_sizes(session, facts) if sizes and facts else facts


def stamp(row: Row) -> str:
    """What tells a schema from others that had, or will have, its name: when it was made."""
    return str(_milliseconds(row["created_on"]))


def own_bytes(session: Session) -> dict[str, int] | None:
    """The bytes that each schema has for itself; None where this role may not know them."""
    try:
        rows = session.read(statements.own_bytes(session.database))
    except BranchToolkitError:
        return None
    return {str(schema): int(size or 0) for schema, size in (row.values() for row in rows)}


def objects(session: Session, kind: str, schema: SchemaName) -> list[Row]:
    """The objects of a kind (as SHOW calls them) in a schema.

    Raises:
        CloneFailed: There are more than SHOW tells.
    """
    if kind in ("TABLES", "VIEWS"):
        return list(
            _pages(session, lambda after: statements.show_objects(kind, schema, after=after))
        )
    rows = session.read(statements.show_objects(kind, schema))
    if len(rows) >= PAGE:
        raise CloneFailed(
            f"Schema {schema.schema!r} has more than {PAGE:,} {kind.lower()}, which is as many as"
            " Snowflake lists.",
            remedy="Take it out of `schemas`, or divide it.",
        )
    return rows


def require_bases(session: Session, bases: Iterable[SchemaName]) -> dict[SchemaName, Row]:
    """What SHOW SCHEMAS says of base schemas.

    Raises:
        BaseSchemaNotFound: One of them does not exist, or this role may not see it.
    """
    rows = schema_rows(session)
    for base in bases:
        if base.schema not in rows:
            found = [name for name in rows if not is_mark(rows[name]["comment"])]
            raise BaseSchemaNotFound(base.schema, database=session.database, found=found)
    return {base: rows[base.schema] for base in bases}


def roles_of(session: Session, roles: Iterable[str]) -> dict[str, bool]:
    """Which of these roles the session has, by itself or through others."""
    return {
        role: bool(next(iter(session.read(statements.has_role(role))[0].values())))
        for role in sorted(set(roles))
    }


def _with_sizes(session: Session, found: Sequence[SchemaFacts]) -> list[SchemaFacts]:
    own = own_bytes(session)
    return [_with_size(session, facts, own) for facts in found]


def _with_size(session: Session, facts: SchemaFacts, own: Mapping[str, int] | None) -> SchemaFacts:
    tables = objects(session, "TABLES", SchemaName(session.database, facts.name))
    return replace(
        facts,
        tables=len(tables),
        rows=sum(int(row["rows"] or 0) for row in tables),
        size_bytes=None if own is None else own.get(facts.name, 0),
    )


def _pages(session: Session, page: Callable[[str | None], str]) -> Iterator[Row]:
    """All rows of a SHOW that returns them by name, a page at a time."""
    after: str | None = None
    while True:
        rows: Sequence[Row] = session.read(page(after))
        yield from rows
        if len(rows) < PAGE or rows[-1]["name"] == after:
            return
        after = rows[-1]["name"]


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
