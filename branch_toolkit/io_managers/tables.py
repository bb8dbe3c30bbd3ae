"""Tables as the catalog has them: found, created, and given further columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import dagster as dg
import psycopg
from psycopg import sql

from branch_toolkit.core.errors import BaseSchemaNotFound
from branch_toolkit.dagster_private import TableSlice
from branch_toolkit.io_managers import statements
from branch_toolkit.io_managers.errors import NotATable, RowsDependOnTable, UnusableName

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_MAX_BYTES = 63
_WRITABLE = frozenset({"r", "p", "f"})
_KINDS = {"v": "view", "m": "materialized view", "S": "sequence", "c": "type", "i": "index"}

_FIND = """
SELECT c.oid, c.relkind, c.relkind = 'v' AND EXISTS (
           SELECT FROM pg_rewrite r
           JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                           AND d.refclassid = 'pg_proc'::regclass
           JOIN pg_proc p ON p.oid = d.refobjid AND p.pronamespace = c.relnamespace
           WHERE r.ev_class = c.oid AND starts_with(p.proname, '_deferred_')),
       a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END,
       NOT (a.attnotnull OR t.typnotnull),
       a.atthasdef OR a.attidentity <> '',
       col_description(c.oid, a.attnum)
FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relname = %s AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
ORDER BY a.attnum
"""

_DELETE_ACTIONS = """
SELECT format('%%I of %%I.%%I', conname, n.nspname, c.relname)
FROM pg_constraint
JOIN pg_class c ON c.oid = conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE contype = 'f' AND confrelid = %s AND conrelid <> confrelid
  AND confdeltype IN ('c', 'n', 'd')
ORDER BY 1
"""

_SCHEMAS = r"""
SELECT current_database(), array_agg(nspname::text)
FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column.

    Args:
        name: Its name.
        declared: Its type as it would be declared, such as `numeric(12,2)`.
        type: Its type's name in `pg_catalog`, such as `int8`; empty for any other type.
        nullable: Whether it may be NULL.
        filled: Whether Postgres fills it when a row does not name it.
        description: Its comment.
    """

    name: str
    declared: str
    type: str
    nullable: bool
    filled: bool
    description: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its columns.

    Args:
        oid: Its object id.
        kind: Its `relkind`.
        columns: Its columns.
        deferred: Whether it may be a table of a branch that reads base's.
    """

    oid: int
    kind: str
    columns: tuple[Column, ...]
    deferred: bool = False

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def lacks(self, names: Iterable[str]) -> list[str]:
        """Which of the names are not columns of it."""
        own = {column.name for column in self.columns}
        return [name for name in names if name not in own]

    def schema(self) -> dg.TableSchema:
        """Its columns, for the UI."""
        return dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=column.name,
                    type=column.declared,
                    description=column.description,
                    constraints=dg.TableColumnConstraints(nullable=column.nullable),
                )
                for column in self.columns
            ]
        )


def find_table(connection: Connection, table_slice: TableSlice) -> Table | None:
    """The slice's table (or whatever has its name), or None."""
    rows = connection.execute(_FIND, [table_slice.table, table_slice.schema]).fetchall()
    if not rows:
        return None
    oid, kind, deferred, *_ = rows[0]
    columns = tuple(Column(*row[3:]) for row in rows if row[3] is not None)
    return Table(oid=oid, kind=kind, columns=columns, deferred=deferred)


def create_table(
    connection: Connection, table_slice: TableSlice, columns: Sequence[tuple[str, str]]
) -> None:
    """Creates the slice's table with columns of these names and types."""
    for name in (table_slice.table, *(name for name, _ in columns)):
        _require_whole(name)
    listed = sql.SQL(", ").join(_declaration(*column) for column in columns)
    statement = sql.SQL("CREATE TABLE {} ({})")
    connection.execute(statement.format(statements.table_name(table_slice), listed))


def add_columns(
    connection: Connection, table_slice: TableSlice, columns: Sequence[tuple[str, str]]
) -> None:
    """Adds nullable columns; the table is not rewritten."""
    for name, _ in columns:
        _require_whole(name)
    added = sql.SQL(", ").join(
        sql.SQL("ADD COLUMN {}").format(_declaration(*column)) for column in columns
    )
    statement = sql.SQL("ALTER TABLE {} ").format(statements.table_name(table_slice))
    connection.execute(statement + added)


def require_schema(connection: Connection, schema: str) -> None:
    """Raises an error where the schema does not exist: a schema is never created in passing.

    Raises:
        BaseSchemaNotFound: It does not exist.
    """
    database, found = connection.execute(_SCHEMAS).fetchall()[0]
    if schema not in (found or ()):
        raise BaseSchemaNotFound(schema, database=database, found=found or ())


def require_replaceable(connection: Connection, table: Table, table_slice: TableSlice) -> None:
    """Raises an error where rows cannot be replaced, or not without changing other tables.

    Raises:
        NotATable: It is a view or the like.
        RowsDependOnTable: A foreign key's ON DELETE would act on another table.
    """
    name = statements.table_name(table_slice).as_string(None)
    if table.kind not in _WRITABLE:
        raise NotATable(name, found=_KINDS.get(table.kind, "relation"))
    constraints = [row[0] for row in connection.execute(_DELETE_ACTIONS, [table.oid])]
    if constraints:
        raise RowsDependOnTable(name, constraints=constraints)


def _declaration(name: str, type_name: str) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(type_name))


def _require_whole(name: str) -> None:
    if len(name.encode()) > _MAX_BYTES:
        raise UnusableName(name, reason=f"Postgres would cut it after {_MAX_BYTES} bytes")
