"""The SQL of a table slice in Snowflake. All names of schemas, tables and columns are quoted."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg
from dagster_snowflake.snowflake_io_manager import SnowflakeDbClient, partition_where_clause

from branch_toolkit.dagster_private import TablePartitionDimension, TableSlice
from branch_toolkit.warehouses.snowflake.names import ObjectName, SchemaName, quote


def table_name(table_slice: TableSlice) -> ObjectName:
    """The whole name of the slice's table."""
    return SchemaName(table_slice.database or "", table_slice.schema) / table_slice.table


def quoted(table_slice: TableSlice) -> TableSlice:
    """The slice as Dagster's own code has to be given it, which puts names into SQL as they are."""
    return TableSlice(
        table=quote(table_slice.table),
        schema=quote(table_slice.schema),
        database=quote(table_slice.database or ""),
        columns=table_slice.columns,
        partition_dimensions=list(map(_escaped, table_slice.partition_dimensions or ())),
    )


def select(table_slice: TableSlice) -> str:
    """The statement that reads a slice."""
    return str(SnowflakeDbClient.get_select_statement(quoted(table_slice)))


def delete(table_slice: TableSlice) -> str:
    """The statement that makes room for new rows."""
    return f"DELETE FROM {table_name(table_slice)}{where(table_slice)}"


def count(table_slice: TableSlice) -> str:
    """The statement that counts a slice's rows."""
    return f"SELECT COUNT(*) FROM {table_name(table_slice)}{where(table_slice)}"


def insert(table_slice: TableSlice, rows: ObjectName, columns: Iterable[str]) -> str:
    """The statement that takes over the rows of another table."""
    names = ", ".join(map(quote, columns))
    return f"INSERT INTO {table_name(table_slice)} ({names}) SELECT {names} FROM {rows}"


def create(table_slice: TableSlice, rows: ObjectName) -> str:
    """The statement that makes a table with another's columns and types."""
    return f"CREATE TABLE {table_name(table_slice)} AS SELECT * FROM {rows} WHERE FALSE"


def where(table_slice: TableSlice) -> str:
    """The WHERE clause of a slice; empty for a whole table."""
    dimensions = quoted(table_slice).partition_dimensions
    return f" WHERE {partition_where_clause(dimensions)}" if dimensions else ""


def _escaped(dimension: TablePartitionDimension) -> TablePartitionDimension:
    # Dagster's own code doubles quotes, but in Snowflake a backslash escapes too:
    # https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants
    if isinstance(dimension.partitions, dg.TimeWindow):
        return dimension
    keys = [key.replace("\\", "\\\\") for key in dimension.partitions]
    return dimension._replace(partitions=keys)
