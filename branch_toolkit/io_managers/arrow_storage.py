"""Arrow tables in and out of the slices of `DbIOManager`, whatever library they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
from psycopg import errors

from branch_toolkit.dagster_private import TableMetadataSet, TableSlice
from branch_toolkit.io_managers import statements
from branch_toolkit.io_managers.arrow_columns import arrow_columns, copy_columns
from branch_toolkit.io_managers.arrow_results import read_table
from branch_toolkit.io_managers.errors import TableMissing
from branch_toolkit.io_managers.postgres import replace_slice
from branch_toolkit.io_managers.tables import Connection, Table
from branch_toolkit.warehouses.postgres.explaining import comes_of_deferral


def write_slice(connection: Connection, table_slice: TableSlice, rows: pa.Table) -> Table:
    """Replaces the slice's rows; returns the table that they are in."""
    columns = arrow_columns(rows)

    def add(table: Table) -> None:
        copy_columns(connection, table_slice, table, columns, rows=rows.num_rows)

    return replace_slice(connection, table_slice, columns, add, rows=rows.num_rows)


def store(connection: Connection, table_slice: TableSlice, rows: pa.Table) -> Mapping[str, Any]:
    """Replaces the slice's rows; returns what the UI shows of them."""
    table = write_slice(connection, table_slice, rows)
    partitioned = bool(table_slice.partition_dimensions)
    # DbIOManager adds a table_name only where there is none yet, and knows no database.
    return dict(
        TableMetadataSet(
            column_schema=table.schema(),
            table_name=f"{connection.info.dbname}.{table_slice.schema}.{table_slice.table}",
            storage_kind="postgres",
            partition_row_count=rows.num_rows if partitioned else None,
            row_count=None if partitioned else rows.num_rows,
        )
    )


def load(context: dg.InputContext, table_slice: TableSlice, connection: Connection) -> pa.Table:
    """The slice's rows.

    Raises:
        TableMissing: There is no table, but a partition of it is asked for, or all of it.
        UnreadableValues: Arrow has no type for a column's values.
    """
    try:
        return read_table(connection, statements.select(table_slice))
    except errors.UndefinedTable as error:
        if comes_of_deferral(error):
            raise
        # Where no partition is asked for, none needs to have been written yet.
        if not context.has_asset_partitions or context.asset_partition_keys:
            table = statements.table_name(table_slice).as_string(None)
            raise TableMissing(table) from error
        return pa.table({})
