"""What there is, read by SHOW commands where they tell it: these need no virtual warehouse."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from branch_toolkit.core.environment import SchemaFacts
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    BranchToolkitError,
    CloneFailed,
    StalePlan,
    WarehouseUnavailable,
)
from branch_toolkit.core.mark import is_mark
from branch_toolkit.core.plan import Expectation
from branch_toolkit.warehouses import Server
from branch_toolkit.warehouses.snowflake import errors, rights, statements
from branch_toolkit.warehouses.snowflake.locking import is_lock
from branch_toolkit.warehouses.snowflake.names import DatabaseName, Place, SchemaName
from branch_toolkit.warehouses.snowflake.session import Row, Session
from branch_toolkit.warehouses.snowflake.statements import PAGE

SYSTEM = frozenset({"INFORMATION_SCHEMA"})
"""Schemas that are no base and no clone."""
# https://docs.snowflake.com/en/sql-reference/snowflake-db
_SYSTEM_DATABASES = frozenset({"SNOWFLAKE"})


def server(session: Session) -> Server:
    """What it says of itself."""
    version, database, role, time = session.read(statements.SERVER)[0].values()
    shown = _account(session) if session.database is None else str(database)
    return Server(f"Snowflake {version}", shown, str(role), time)


def identity(session: Session) -> str:
    """The account, and the database by its name and by when it was made.

    A clone of the database has the marks too; it was made at another time. Where whole databases
    are cloned it is the account alone, as marks are nowhere but in the comments of databases.
    """
    if session.database is None:
        return _account(session)
    row = database_row(session)
    return f"{_account(session)}/{row['name']}/{_milliseconds(row['created_on'])}"


def database_row(session: Session) -> Row:
    """What SHOW DATABASES says of the session's database.

    Raises:
        WarehouseUnavailable: It is not there, or this role may not see it.
    """
    for row in session.read(statements.show_databases(session.database or "")):
        if row["name"] == session.database:
            return row
    raise WarehouseUnavailable(
        f"Database {session.database!r} does not exist, or role {session.role()} may not see it.",
        remedy=f"Correct `database` of the resource, or let an administrator execute: GRANT USAGE"
        f' ON DATABASE "{session.database}" TO ROLE "{session.role()}".',
    )


def schema_rows(session: Session) -> dict[str, Row]:
    """All schemas but the system's, by name; all databases, where whole ones are cloned."""
    rows = _pages(session, lambda after: session.home.show(after=after))
    system = _SYSTEM_DATABASES if session.database is None else SYSTEM
    return {row["name"]: row for row in rows if row["name"] not in system}


def schemas_in(session: Session, place: Place) -> list[SchemaName]:
    """The schemas of a database but the system's; a schema itself."""
    if isinstance(place, SchemaName):
        return [place]
    rows = _pages(session, lambda after: statements.show_schemas(place.name, after=after))
    return [place / str(row["name"]) for row in rows if row["name"] not in SYSTEM]


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
    if session.database is None:
        return None
    try:
        rows = session.read(statements.own_bytes(session.database))
    except BranchToolkitError:
        return None
    return {str(schema): int(size or 0) for schema, size in (row.values() for row in rows)}


def tells_bytes(session: Session, bases: Sequence[Place]) -> bool:
    """Whether this role may know how many bytes each schema, or database, has for itself."""
    databases = [base for base in bases if isinstance(base, DatabaseName)]
    if session.database is None:
        return all(_own_bytes_of(session, base) is not None for base in databases)
    return own_bytes(session) is not None


def tables_in(session: Session, place: Place) -> dict[str, Row]:
    """The tables of a schema or database, by the names that people see."""
    return {
        place.shown(schema, str(row["name"])): row
        for schema in schemas_in(session, place)
        for row in objects(session, "TABLES", schema)
    }


def objects(session: Session, kind: str, schema: Place) -> list[Row]:
    """The objects of a kind (as SHOW calls them) in a schema.

    Of a database only those of kinds that are not listed in pages: a page begins after a name, and
    in several schemas objects may have the same.

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
            f"{schema.called} has more than {PAGE:,} {kind.lower()}, which is as many as"
            " Snowflake lists.",
            remedy="Take it out of `schemas`, or divide it.",
        )
    return rows


def require_bases(session: Session, bases: Iterable[Place]) -> dict[Place, Row]:
    """What SHOW says of base schemas or databases.

    Raises:
        BaseSchemaNotFound: One of them does not exist, or this role may not see it.
    """
    rows = schema_rows(session)
    for base in bases:
        if base.name not in rows:
            found = [name for name in rows if not is_mark(rows[name]["comment"])]
            where = session.database or _account(session)
            raise BaseSchemaNotFound(base.name, database=where, found=found)
    return {base: rows[base.name] for base in bases}


def require_own(session: Session, bases: Mapping[Place, Row]) -> None:
    """Refuses base schemas or databases that cannot be cloned, as they lie in another account.

    Raises:
        CloneFailed: The database was made from a share.
    """
    shared = None if session.database is None else database_row(session)
    for base, row in bases.items():
        database = shared or row
        if rights.is_imported(database):
            raise errors.imported(str(database["name"]), base=base.called)


def check_again(session: Session, expects: Sequence[Expectation]) -> None:
    """Checks what a plan expects.

    Raises:
        StalePlan: It is no longer so.
    """
    if not expects:
        return
    rows = schema_rows(session)
    for expected in expects:
        row = rows.get(expected.schema)
        found = None if row is None else row["comment"] or None
        if found != expected.comment or (row is not None and expected.comment is None):
            called = session.home.named(expected.schema).called
            raise StalePlan(
                f"{called} changed after the plan was made; nothing was done.",
                remedy="Plan again.",
            )


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
    place = session.home.named(facts.name)
    tables = tables_in(session, place).values()
    if isinstance(place, DatabaseName):
        size = _own_bytes_of(session, place)
    else:
        size = None if own is None else own.get(facts.name, 0)
    return replace(
        facts,
        tables=len(tables),
        rows=sum(int(row["rows"] or 0) for row in tables),
        size_bytes=size,
    )


def _own_bytes_of(session: Session, database: DatabaseName) -> int | None:
    try:
        rows = session.read(statements.own_bytes_of_database(database))
    except BranchToolkitError:
        return None
    return int(next(iter(rows[0].values())) or 0)


def _account(session: Session) -> str:
    organization, account = session.read(statements.ACCOUNT)[0].values()
    return f"{organization}.{account}"


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
