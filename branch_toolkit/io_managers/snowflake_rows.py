"""How the rows of an asset's table in Snowflake are replaced, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error, ProgrammingError
from snowflake.connector.pandas_tools import write_pandas

from branch_toolkit.dagster_private import TableMetadataSet, TableSlice
from branch_toolkit.io_managers import snowflake_statements as statements
from branch_toolkit.io_managers.errors import RowsOutsidePartition, TableMissing, UnusableName
from branch_toolkit.warehouses.snowflake.names import ObjectName

if TYPE_CHECKING:
    import pandas as pd

_EXISTS, _NOT_THERE = 2002, 2003

NO_TABLE = (
    "The frame has no rows and there is no table yet, so none was made; reading it will fail."
)


def replace_rows(
    connection: SnowflakeConnection, table_slice: TableSlice, frame: pd.DataFrame
) -> bool:
    """Replaces a slice's rows by a frame's in one transaction; readers see the old ones until then.

    The rows are loaded into a temporary table first, since what loads them makes a stage, and a
    DDL statement ends a transaction: https://docs.snowflake.com/en/sql-reference/transactions. Only
    this session sees that table, and it is gone with it:
    https://docs.snowflake.com/en/user-guide/tables-temp-transient.

    Args:
        connection: In no transaction.
        table_slice: Which rows of which table. A missing table is made, with the frame's types,
            unless the frame is empty.
        frame: The rows; its columns' names are taken in upper case.

    Returns:
        Whether there is such a table now.

    Raises:
        RowsOutsidePartition: Some rows are not of the slice.
        UnusableName: Two columns have one name in upper case.
    """
    columns = _upper_case(frame)
    if frame.empty:
        return _delete_if_there(connection, table_slice)
    renamed = frame.set_axis(list(columns), axis=1).reset_index(drop=True)
    with _loaded(connection, table_slice, renamed) as rows:
        _Replacement(connection, table_slice, rows, columns, len(frame)).make()
    return True


@contextmanager
def reading(table_slice: TableSlice) -> Iterator[None]:
    """Says what to do where the table that is read in the block is not there.

    Raises:
        TableMissing: That.
    """
    try:
        yield
    except Exception as error:
        # Pandas wraps what the connector raises.
        cause = error if isinstance(error, ProgrammingError) else error.__cause__
        if isinstance(cause, ProgrammingError) and cause.errno == _NOT_THERE:
            raise TableMissing(str(statements.table_name(table_slice))) from error
        raise


def told_of(table_slice: TableSlice, types: Mapping[Any, Any], *, rows: int) -> dict[str, Any]:
    """What the UI shows of an output, as it does with Dagster's own I/O manager.

    Args:
        table_slice: What was written.
        types: The types of its columns.
        rows: How many rows there are.
    """
    partitioned = bool(table_slice.partition_dimensions)
    columns = [dg.TableColumn(name=str(name), type=str(type_)) for name, type_ in types.items()]
    return {
        **TableMetadataSet(
            storage_kind="snowflake",
            partition_row_count=rows if partitioned else None,
            row_count=None if partitioned else rows,
        ),
        "dataframe_columns": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
    }


@dataclass(frozen=True, slots=True)
class _Replacement:
    """New rows in the place of a slice's.

    Args:
        connection: In no transaction.
        table_slice: Whose rows are replaced.
        rows: The table that holds the new ones.
        columns: Their columns.
        count: How many there are.
    """

    connection: SnowflakeConnection
    table_slice: TableSlice
    rows: ObjectName
    columns: tuple[str, ...]
    count: int

    def make(self) -> None:
        """Replaces the rows; makes the table if there is none."""
        try:
            self._swap()
        except ProgrammingError as error:
            # Nothing but the table can be missing: the session is in its schema.
            if error.errno != _NOT_THERE:
                raise
            self._create()
            self._swap()

    def _swap(self) -> None:
        _run(self.connection, "BEGIN")
        try:
            _run(self.connection, statements.delete(self.table_slice))
            _run(self.connection, statements.insert(self.table_slice, self.rows, self.columns))
            self._require_inside()
            _run(self.connection, "COMMIT")
        except BaseException:
            # Of a connection that is lost, Snowflake itself rolls it back, after five minutes where
            # it keeps another waiting: https://docs.snowflake.com/en/sql-reference/transactions.
            with suppress(Error):
                _run(self.connection, "ROLLBACK")
            raise

    def _create(self) -> None:
        try:
            _run(self.connection, statements.create(self.table_slice, self.rows))
        except ProgrammingError as error:
            # Partitions are often written at the same time: one makes the table.
            if error.errno != _EXISTS:
                raise

    def _require_inside(self) -> None:
        condition = statements.where(self.table_slice)
        if not condition:
            return
        found = _run(self.connection, statements.count(self.table_slice))[0][0]
        if found < self.count:
            raise RowsOutsidePartition(
                str(statements.table_name(self.table_slice)),
                partition=condition.removeprefix(" WHERE "),
                outside=self.count - found,
                rows=self.count,
            )


@contextmanager
def _loaded(
    connection: SnowflakeConnection, table_slice: TableSlice, frame: pd.DataFrame
) -> Iterator[ObjectName]:
    """A temporary table with the frame's rows, dropped at the end of the block."""
    name = f"BRANCH_TOOLKIT_ROWS_{uuid.uuid4().hex.upper()}"
    rows = statements.table_name(table_slice._replace(table=name))
    try:
        write_pandas(
            connection,
            frame,
            name,
            database=table_slice.database,
            schema=table_slice.schema,
            auto_create_table=True,
            table_type="temporary",
            use_logical_type=True,
        )
        yield rows
    finally:
        # Else it goes with the session.
        with suppress(Error):
            _run(connection, f"DROP TABLE IF EXISTS {rows}")


def _delete_if_there(connection: SnowflakeConnection, table_slice: TableSlice) -> bool:
    try:
        _run(connection, statements.delete(table_slice))
    except ProgrammingError as error:
        if error.errno != _NOT_THERE:
            raise
        return False
    return True


def _run(connection: SnowflakeConnection, sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _upper_case(frame: pd.DataFrame) -> tuple[str, ...]:
    names = [str(name).upper() for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise UnusableName(name, reason="two of the frame's columns are called so")
    return tuple(names)
