"""The views of INFORMATION_SCHEMA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.model import Database, Schema, Thing
from branch_toolkit_tests.snowflake_double.reading import literal, quote
from branch_toolkit_tests.snowflake_double.refusals import no_right, not_there
from branch_toolkit_tests.snowflake_double.session import Session

Rows = list[Sequence[Any]]


def information_view(session: Session, database: str, name: str) -> str:
    """A query that has what a view of INFORMATION_SCHEMA has."""
    if name not in _VIEWS:
        raise not_there("Object", database, "INFORMATION_SCHEMA", name)
    columns, rows_of = _VIEWS[name]
    names = columns.split()
    rows = rows_of(session, session.account.database(database))
    return f"SELECT * FROM {_filled(session, name, names, rows)}"


def _filled(session: Session, name: str, columns: list[str], rows: Rows) -> str:
    """A table in DuckDB that has these rows."""
    table = store.place(f"_{name}")
    shaped = ", ".join(
        f"{quote(column)} {'BIGINT' if any(type(row[at]) is int for row in rows) else 'VARCHAR'}"
        for at, column in enumerate(columns)
    )
    session.duck.execute(f"CREATE OR REPLACE TABLE {table} ({shaped})")
    if rows:
        values = ", ".join(f"({', '.join(map(_value, row))})" for row in rows)
        session.duck.execute(f"INSERT INTO {table} VALUES {values}")
    return table


def _value(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else literal(str(value))


def _schemata(session: Session, database: Database) -> Rows:
    return [
        (database.name, schema.name, schema.owner, schema.comment)
        for schema in database.schemas.values()
        if session.may("ANY", schema)
    ]


def _tables(session: Session, database: Database) -> Rows:
    return [
        (
            database.name,
            schema.name,
            thing.name,
            thing.owner,
            "VIEW" if thing.kind == "VIEW" else "BASE TABLE",
            "YES" if thing.details.get("form") == "TRANSIENT" else "NO",
            None if thing.kind == "VIEW" else store.count(session.duck, thing.details["at"]),
            thing.comment,
        )
        for schema, thing in _relations(session, database)
    ]


def _columns(session: Session, database: Database) -> Rows:
    return [
        (
            database.name,
            schema.name,
            thing.name,
            column.name,
            number,
            column.default,
            "YES" if column.nullable else "NO",
            column.type.partition("(")[0].replace("VARCHAR", "TEXT"),
            column.comment,
        )
        for schema, thing in _relations(session, database)
        for number, column in enumerate(thing.details["columns"], start=1)
    ]


def _views(session: Session, database: Database) -> Rows:
    return [
        (database.name, schema.name, thing.name, thing.owner, thing.text)
        for schema, thing in _relations(session, database)
        if thing.kind == "VIEW"
    ]


def _references(session: Session, database: Database) -> Rows:
    """https://docs.snowflake.com/en/sql-reference/info-schema/referential_constraints."""
    return [
        (database.name, schema.name, key.name, key.table[0], key.table[1], "PK", "NONE")
        for schema, thing in _relations(session, database)
        for key in thing.details.get("keys", ())
    ]


def _storage(session: Session, database: Database) -> Rows:
    """A clone has no bytes of its own while it shares base's version.

    https://docs.snowflake.com/en/sql-reference/info-schema/table_storage_metrics
    """
    if not session.settings.metrics_readable:
        raise no_right("view", "TABLE_STORAGE_METRICS")
    seen: dict[str, str] = {}
    rows: Rows = []
    tables = [pair for pair in _relations(session, database) if pair[1].kind == "TABLE"]
    for schema, thing in sorted(tables, key=lambda pair: pair[1].created_on):
        version = thing.details["at"]
        shared = version in seen
        group = seen.setdefault(version, thing.name)
        size = 0 if shared else bytes_of(session, thing)
        rows.append((database.name, schema.name, thing.name, thing.name, group, size, None))
    return rows


def bytes_of(session: Session, table: Thing) -> int:
    """A size: so many bytes for each value."""
    rows = store.count(session.duck, table.details["at"])
    return rows * 8 * max(1, len(table.details["columns"]))


def _relations(session: Session, database: Database) -> list[tuple[Schema, Thing]]:
    return [
        (schema, thing)
        for schema in database.schemas.values()
        if session.may("ANY", schema)
        for thing in schema.of_kind("TABLE", "VIEW")
        if session.may("ANY", thing)
    ]


_VIEWS: dict[str, tuple[str, Callable[[Session, Database], Rows]]] = {
    "SCHEMATA": ("CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER COMMENT", _schemata),
    "TABLES": (
        (
            "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER TABLE_TYPE IS_TRANSIENT ROW_COUNT"
            " COMMENT"
        ),
        _tables,
    ),
    "COLUMNS": (
        (
            "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION COLUMN_DEFAULT"
            " IS_NULLABLE DATA_TYPE COMMENT"
        ),
        _columns,
    ),
    "VIEWS": ("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER VIEW_DEFINITION", _views),
    "REFERENTIAL_CONSTRAINTS": (
        (
            "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME UNIQUE_CONSTRAINT_CATALOG"
            " UNIQUE_CONSTRAINT_SCHEMA UNIQUE_CONSTRAINT_NAME MATCH_OPTION"
        ),
        _references,
    ),
    "TABLE_STORAGE_METRICS": (
        "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME ID CLONE_GROUP_ID ACTIVE_BYTES TABLE_DROPPED",
        _storage,
    ),
}
