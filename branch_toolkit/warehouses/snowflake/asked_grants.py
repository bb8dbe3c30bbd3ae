"""GRANT statements that an administrator is asked to execute; we never execute them ourselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from branch_toolkit.warehouses.snowflake.names import SchemaName, quote
from branch_toolkit.warehouses.snowflake.statements import grant_on_future, grant_on_schema

_NAME = r'"(?:[^"]|"")+"'
_SCHEMA = rf"{_NAME}\.{_NAME}"
_OBJECT = rf"{_SCHEMA}\.{_NAME}"
# As newer answers end: "Your primary role X must have OWNERSHIP granted on TABLE DB.S.T."
_TOLD = re.compile(r"must have ([A-Z][A-Z ]*?) granted on ([A-Z][A-Z ]*?) (\S+?)\.?\s*\Z")


def create_schema(database: str, role: str) -> str:
    """Lets a role make schemas in a database."""
    return _grant("CREATE SCHEMA", f"DATABASE {quote(database)}", role)


def create_database(role: str) -> str:
    """Lets a role make databases.

    https://docs.snowflake.com/en/user-guide/security-access-control-privileges
    """
    return _grant("CREATE DATABASE", "ACCOUNT", role)


def use_database(database: str, role: str) -> str:
    """Lets a role see into a database."""
    return _grant("USAGE", f"DATABASE {quote(database)}", role)


def use_schema(schema: SchemaName, role: str) -> str:
    """Lets a role see into a schema."""
    return grant_on_schema("USAGE", schema, role)


def read_all(kind: str, schema: SchemaName, role: str) -> str:
    """Lets a role read the `TABLES` or `VIEWS` that are in a schema."""
    return _grant("SELECT", f"ALL {kind} IN SCHEMA {schema}", role)


def read_future(kind: str, schema: SchemaName, role: str, *, in_database: bool = False) -> str:
    """Lets a role read the `TABLES` or `VIEWS` that will be made in a schema, or in all of them.

    https://docs.snowflake.com/en/sql-reference/sql/grant-privilege: a future grant in a schema
    switches off those that its database has for that kind of object, whoever they are given to. So
    where the database has some, ours must be there too.
    """
    if in_database:
        place = f"FUTURE {kind} IN DATABASE {quote(schema.database)}"
        return _grant("SELECT", place, role)
    return grant_on_future("SELECT", kind, schema, role)


def needed(sql: str, *, message: str, database: str, role: str) -> list[str]:
    """The grants that one of our statements may have lacked, as exactly as that can be told.

    Args:
        sql: The statement, with all its names quoted.
        message: What Snowflake said.
        database: The database that we work in.
        role: The role that lacks them.

    https://docs.snowflake.com/en/user-guide/security-access-control-privileges
    """
    if told := _TOLD.search(message):
        privilege, kind, name = told.groups()
        return [_grant(privilege, f"{kind} {name}", role)]
    for kind_of_statement in _KINDS:
        if found := kind_of_statement.pattern.match(sql):
            return [*kind_of_statement.grants(found, database, role)]
    return []


Grants = Callable[["re.Match[str]", str, str], Iterator[str]]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of statement, and what it needs."""

    pattern: re.Pattern[str]
    grants: Grants


def _to_clone_schema(found: re.Match[str], database: str, role: str) -> Iterator[str]:
    yield use_database(database, role)
    yield create_schema(database, role)
    if base := found["base"]:
        yield _grant("USAGE", f"SCHEMA {base}", role)
        yield _grant("SELECT", f"ALL TABLES IN SCHEMA {base}", role)


def _to_clone_database(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    yield create_database(role)
    if base := found["base"]:
        yield _grant("USAGE", f"DATABASE {base}", role)
        yield _grant("USAGE", f"ALL SCHEMAS IN DATABASE {base}", role)
        yield _grant("SELECT", f"ALL TABLES IN DATABASE {base}", role)


def _to_rename_database(found: re.Match[str], database: str, role: str) -> Iterator[str]:
    yield create_database(role)
    yield from _to_own_database(found, database, role)


def _to_own_database(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    yield f"{_grant('OWNERSHIP', 'DATABASE ' + found['database'], role)} COPY CURRENT GRANTS"


def _to_clone_table(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    yield _grant("CREATE TABLE", f"SCHEMA {found['schema']}", role)
    yield _grant("SELECT", f"TABLE {found['base']}", role)


def _to_clone_object(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    yield _grant(f"CREATE {found['kind']}", f"SCHEMA {found['schema']}", role)
    yield _grant("USAGE", f"{found['kind']} {found['base']}", role)


def _to_make_object(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    yield _grant(f"CREATE {found['kind'].upper()}", f"SCHEMA {found['schema']}", role)


def _to_fill(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    yield _grant("INSERT", f"TABLE {found['table']}", role)
    yield _grant("SELECT", f"TABLE {found['base']}", role)


def _to_rename_schema(found: re.Match[str], database: str, role: str) -> Iterator[str]:
    yield create_schema(database, role)
    yield from _to_own(found, database, role)


def _to_own(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    yield f"{_grant('OWNERSHIP', 'SCHEMA ' + found['schema'], role)} COPY CURRENT GRANTS"


def _to_look_into(found: re.Match[str], database: str, role: str) -> Iterator[str]:
    yield use_database(database, role)
    if schema := found["schema"]:
        yield _grant("USAGE", f"SCHEMA {schema}", role)


def _to_read_ddl(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    kind, name = found["kind"], found["name"].replace("''", "'").replace("\\\\", "\\")
    privilege = "SELECT" if kind in ("VIEW", "TABLE") else "USAGE"
    yield _grant(privilege, f"{kind} {name}", role)


def _to_read(found: re.Match[str], _database: str, role: str) -> Iterator[str]:
    yield _grant("SELECT", f"TABLE {found['base']}", role)


def _grant(privilege: str, target: str, role: str) -> str:
    return f"GRANT {privilege} ON {target} TO ROLE {quote(role)}"


def _kind(pattern: str, grants: Grants) -> _Kind:
    return _Kind(re.compile(pattern, re.IGNORECASE | re.DOTALL), grants)


# In this order; the first that matches counts.
_KINDS = (
    _kind(
        rf"CREATE (?:TRANSIENT )?DATABASE {_NAME}(?: CLONE (?P<base>{_NAME}))?", _to_clone_database
    ),
    _kind(rf"(?:ALTER|UNDROP) DATABASE (?P<database>{_NAME})(?: RENAME TO|$)", _to_rename_database),
    _kind(rf"(?:ALTER|DROP) DATABASE (?P<database>{_NAME})", _to_own_database),
    _kind(rf"GRANT .+? (?:ON|IN) DATABASE (?P<database>{_NAME}) ", _to_own_database),
    _kind(
        rf"CREATE (?:TRANSIENT )?SCHEMA {_SCHEMA}(?: CLONE (?P<base>{_SCHEMA}))?", _to_clone_schema
    ),
    _kind(
        rf"CREATE (?:TRANSIENT )?TABLE (?P<schema>{_SCHEMA})\.{_NAME} (?:CLONE|LIKE)"
        rf" (?P<base>{_OBJECT})",
        _to_clone_table,
    ),
    _kind(
        rf"CREATE (?P<kind>[A-Z ]+?) (?P<schema>{_SCHEMA})\.{_NAME} CLONE (?P<base>{_OBJECT})",
        _to_clone_object,
    ),
    _kind(
        r"CREATE (?:(?:OR REPLACE|SECURE|RECURSIVE) )*"
        rf"(?P<kind>[A-Z ]+?) (?P<schema>{_SCHEMA})\.{_NAME}",
        _to_make_object,
    ),
    _kind(
        rf"INSERT (?:OVERWRITE )?INTO (?P<table>{_OBJECT}) SELECT \* FROM (?P<base>{_OBJECT})",  # noqa: S608
        _to_fill,
    ),
    _kind(rf"ALTER SCHEMA (?P<schema>{_SCHEMA}) RENAME TO", _to_rename_schema),
    _kind(rf"UNDROP SCHEMA (?P<schema>{_SCHEMA})", _to_rename_schema),
    _kind(rf"(?:ALTER|DROP) [A-Z ]+? (?P<schema>{_SCHEMA})(?:\.{_NAME})?", _to_own),
    _kind(rf"GRANT .+? (?:ON|IN) SCHEMA (?P<schema>{_SCHEMA}) ", _to_own),
    _kind(rf"SHOW .+? (?:IN|ON) (?:SCHEMA (?P<schema>{_SCHEMA})|DATABASE {_NAME})", _to_look_into),
    _kind(r"SELECT GET_DDL\('(?P<kind>[A-Z ]+)', '(?P<name>(?:[^']|'')+)', TRUE\)", _to_read_ddl),
    _kind(rf"SELECT .+? FROM (?P<base>{_OBJECT})", _to_read),  # noqa: S608
)
