"""Assets as Postgres tables: where an asset's table is, and how its rows are replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeAlias

import dagster as dg
import sqlalchemy
from psycopg import sql

from branch_toolkit.dagster_private import DbClient, DbIOManager, DbTypeHandler, TableSlice
from branch_toolkit.io_managers import statements
from branch_toolkit.io_managers.columns import NewColumn, WritableColumn
from branch_toolkit.io_managers.errors import ColumnsChanged, RowsOutsidePartition, TableMissing
from branch_toolkit.io_managers.partitions import partition_dimensions
from branch_toolkit.io_managers.tables import (
    Connection,
    Table,
    add_columns,
    create_table,
    find_table,
    require_replaceable,
    require_schema,
)
from branch_toolkit.warehouses.postgres.connection import raw
from branch_toolkit.warehouses.postgres.owning import (
    Owned,
    Unfinished,
    finish_writing,
    own_before_writing,
)
from branch_toolkit.warehouses.postgres.places import TablePlace

Context: TypeAlias = dg.InputContext | dg.OutputContext

_ROWS = 50_000


class BranchAwarePostgres(Protocol):
    """What an I/O manager needs of the warehouse resource."""

    @property
    def schemas(self) -> list[str]:
        """The base schemas; the first is that of assets that name none."""

    def locate(self, table: str, *, schema: str | None = None, writing: bool) -> TablePlace:
        """Where a table is in this deployment; an error where that is nowhere to be."""

    def get_connection(self) -> AbstractContextManager[sqlalchemy.Connection]:
        """A connection; committed at the end, rolled back on any error."""


class PlacedSlice(TableSlice):
    """A slice of a table that may have to be made before it is written to."""

    place: TablePlace | None = None


class PostgresClient(DbClient[Connection]):
    """How `DbIOManager` reaches Postgres."""

    def __init__(self, warehouse: BranchAwarePostgres) -> None:
        self._warehouse = warehouse

    @contextmanager
    def connect(  # type: ignore[override]  # a static method there, but called on the instance
        self, context: Context, table_slice: TableSlice
    ) -> Iterator[Connection]:
        """A psycopg connection in a transaction."""
        with self._warehouse.get_connection() as connection:
            if not connection.in_transaction():
                # What is done on the psycopg connection begins none that SQLAlchemy would commit.
                connection.begin()
            yield raw(connection)

    @staticmethod
    def ensure_schema_exists(
        context: dg.OutputContext, table_slice: TableSlice, connection: Connection
    ) -> None:
        """Raises an error where the schema does not exist; makes the table if the place says so."""
        require_schema(connection, table_slice.schema)
        place = table_slice.place if isinstance(table_slice, PlacedSlice) else None
        if place is not None and place.prepare is not None:
            _log(place.prepare(connection, rows=bool(table_slice.partition_dimensions)))

    @staticmethod
    def delete_table_slice(
        context: dg.OutputContext, table_slice: TableSlice, connection: Connection
    ) -> None:
        """Deletes nothing yet: `replace_rows` does it, once the table is known to fit."""

    @staticmethod
    def get_select_statement(table_slice: TableSlice) -> str:
        """The statement that reads a slice."""
        return statements.select(table_slice).as_string(None)


class PostgresIOManager(DbIOManager):
    """Stores assets in the schemas of the deployment that it runs in.

    Args:
        warehouse: Says which schema stands for a base schema in this deployment.
        handler: For the objects that it stores; an input that names no type is of the first.
        schema: The base schema of assets whose metadata name none; it goes before key prefixes.
    """

    def __init__(
        self,
        warehouse: BranchAwarePostgres,
        handler: DbTypeHandler[Any],
        *,
        schema: str | None = None,
    ) -> None:
        super().__init__(
            type_handlers=[handler],
            db_client=PostgresClient(warehouse),
            database="",
            schema=schema,
            io_manager_name=type(self).__name__,
            default_load_type=handler.supported_types[0],
        )
        self._warehouse = warehouse

    def _get_table_slice(
        self, context: Context, output_context: dg.OutputContext | None
    ) -> TableSlice:
        # An input of an op may come from no output; it then says itself where its table is.
        source = output_context or context
        metadata = source.definition_metadata or {}
        path = context.asset_key.path if context.has_asset_key else []
        base_schema = (
            metadata.get("schema")
            or self._schema
            or (path[-2] if len(path) > 1 else self._warehouse.schemas[0])
        )
        # Whatever named it: nothing reaches a table but through here.
        place = self._warehouse.locate(
            path[-1] if path else str(metadata.get("table", source.name)),
            schema=str(base_schema),
            writing=isinstance(context, dg.OutputContext),
        )
        found = PlacedSlice(
            table=place.table,
            schema=place.schema,
            columns=(context.definition_metadata or {}).get("columns"),
            partition_dimensions=partition_dimensions(context, metadata.get("partition_expr")),
        )
        found.place = place
        return found


def replace_rows(
    connection: Connection, table_slice: TableSlice, columns: Sequence[WritableColumn], *, rows: int
) -> Table:
    """Replaces a slice's rows by those of columns; see `replace_slice`."""

    def load(table: Table) -> None:
        _copy(connection, table_slice, table, columns, rows=rows)

    return replace_slice(connection, table_slice, columns, load, rows=rows)


def replace_slice(
    connection: Connection,
    table_slice: TableSlice,
    columns: Sequence[NewColumn],
    load: Callable[[Table], None],
    *,
    rows: int,
) -> Table:
    """Replaces a slice's rows in the connection's transaction; readers see the old ones until then.

    Args:
        connection: In a transaction.
        table_slice: Which rows of which table.
        columns: Of the new rows.
        load: Adds the new rows to the table, once that is known to fit; not called for none.
        rows: How many there are.

    Returns:
        The table; created, or given new columns, if need be.

    Raises:
        NotATable: The name belongs to a view or the like.
        ColumnsChanged: The columns do not fit.
        RowsOutsidePartition: Some rows are not of the slice.
        RowsDependOnTable: A foreign key would change other tables.
    """
    connection.execute("SET LOCAL timezone = 'UTC'")
    unfinished = _own(connection, table_slice)
    table = _fitting_table(connection, table_slice, columns)
    require_replaceable(connection, table, table_slice)
    _lock(connection, table_slice)
    # A foreign key to this table is checked when the new rows are in, where it allows that.
    connection.execute("SET CONSTRAINTS ALL DEFERRED")
    connection.execute(statements.delete(table_slice))
    if columns and rows:
        load(table)
    _require_inside(connection, table_slice, rows=rows)
    if unfinished:
        _log(finish_writing(connection, unfinished))
    return table


def _own(connection: Connection, table_slice: TableSlice) -> Unfinished | None:
    """Makes a branch's deferred table its own, with base's rows only if some of them stay."""
    table = find_table(connection, table_slice)
    if table is None or not table.deferred:
        return None
    rows = bool(table_slice.partition_dimensions)
    return own_before_writing(connection, table_slice.schema, table_slice.table, rows=rows)


def _log(owned: Owned) -> None:
    logger = dg.get_dagster_logger()
    if owned.made:
        logger.info(owned.summary)
    for note in owned.notes:
        logger.warning(f"{note.object}: {note.text}")


def _fitting_table(
    connection: Connection, table_slice: TableSlice, columns: Sequence[NewColumn]
) -> Table:
    names = [column.name for column in columns]
    table = find_table(connection, table_slice)
    if table is not None and not table.lacks(names):
        return table
    # Partitions are often written at the same time: one creates the table, the others wait.
    _advisory_lock(connection, _shown(table_slice))
    _create_or_extend(connection, table_slice, columns)
    made = find_table(connection, table_slice)
    if made is None:
        raise TableMissing(_shown(table_slice))
    return made


def _create_or_extend(
    connection: Connection, table_slice: TableSlice, columns: Sequence[NewColumn]
) -> None:
    declared = {column.name: column.kind.declared for column in columns}
    table = find_table(connection, table_slice)
    if table is None:
        create_table(connection, table_slice, list(declared.items()))
        return
    require_replaceable(connection, table, table_slice)
    gained = table.lacks(declared)
    lost = [c.name for c in table.columns if c.name not in declared and not c.filled]
    if gained and lost:
        raise ColumnsChanged(_shown(table_slice), lost=lost, gained=gained)
    if gained:
        add_columns(connection, table_slice, [(name, declared[name]) for name in gained])


def _lock(connection: Connection, table_slice: TableSlice) -> None:
    # Two writers of the same rows would each delete the old ones and add their own. Readers go on;
    # so do writers of other partitions.
    if table_slice.partition_dimensions:
        _advisory_lock(connection, statements.delete(table_slice).as_string(None))
        return
    statement = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE")
    connection.execute(statement.format(statements.table_name(table_slice)))


def _advisory_lock(connection: Connection, name: str) -> None:
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"branch_toolkit:{name}"]
    )


def _copy(
    connection: Connection,
    table_slice: TableSlice,
    table: Table,
    columns: Sequence[WritableColumn],
    *,
    rows: int,
) -> None:
    types = [table.column(column.name).type for column in columns]
    fitted = [column.fitted(type_) for column, type_ in zip(columns, types, strict=True)]
    sent = [column.binary_type(type_) for column, type_ in zip(fitted, types, strict=True)]
    binary = [type_ for type_ in sent if type_ is not None]
    # Binary is more than twice as fast, but Postgres then converts nothing: one column that needs
    # it, and all are sent as text.
    is_binary = len(binary) == len(sent)
    statement = statements.copy(table_slice, [c.name for c in columns], binary=is_binary)
    with connection.cursor().copy(statement) as copy:
        if is_binary:
            copy.set_types(binary)
        for start in range(0, rows, _ROWS):
            stop = min(start + _ROWS, rows)
            for row in zip(*(column.values(start, stop) for column in fitted), strict=True):
                copy.write_row(row)


def _require_inside(connection: Connection, table_slice: TableSlice, *, rows: int) -> None:
    if not table_slice.partition_dimensions:
        return
    found = connection.execute(statements.count(table_slice)).fetchall()[0][0]
    if found < rows:
        raise RowsOutsidePartition(
            _shown(table_slice),
            partition=statements.where(table_slice).as_string(None).removeprefix(" WHERE "),
            outside=rows - found,
            rows=rows,
        )


def _shown(table_slice: TableSlice) -> str:
    return statements.table_name(table_slice).as_string(None)
