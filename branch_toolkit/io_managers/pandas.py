"""The I/O manager for pandas DataFrames in Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd
from psycopg import errors
from pydantic import Field

from branch_toolkit.dagster_private import DbTypeHandler, TableMetadataSet, TableSlice
from branch_toolkit.io_managers import statements
from branch_toolkit.io_managers.errors import TableMissing
from branch_toolkit.io_managers.frames import frame_columns
from branch_toolkit.io_managers.postgres import PostgresIOManager, replace_rows
from branch_toolkit.io_managers.results import read_frame
from branch_toolkit.io_managers.tables import Connection
from branch_toolkit.resources import PostgresWarehouse
from branch_toolkit.warehouses.postgres.explaining import comes_of_deferral


class PandasHandler(DbTypeHandler[pd.DataFrame]):
    """Writes DataFrames to tables and reads them."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """DataFrames."""
        return [pd.DataFrame]

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: pd.DataFrame,
        connection: Connection,
    ) -> Mapping[str, Any]:
        """Replaces the slice's rows by the frame's; returns what the UI shows of them."""
        rows = len(obj)
        table = replace_rows(connection, table_slice, frame_columns(obj), rows=rows)
        partitioned = bool(table_slice.partition_dimensions)
        # DbIOManager adds a table_name only where there is none yet, and knows no database.
        return dict(
            TableMetadataSet(
                column_schema=table.schema(),
                table_name=f"{connection.info.dbname}.{table_slice.schema}.{table_slice.table}",
                storage_kind="postgres",
                partition_row_count=rows if partitioned else None,
                row_count=None if partitioned else rows,
            )
        )

    def load_input(
        self, context: dg.InputContext, table_slice: TableSlice, connection: Connection
    ) -> pd.DataFrame:
        """The slice's rows."""
        try:
            frame: pd.DataFrame = read_frame(connection, statements.select(table_slice))
        except errors.UndefinedTable as error:
            if comes_of_deferral(error):
                raise
            # Where no partition is asked for, none needs to have been written yet.
            if not context.has_asset_partitions or context.asset_partition_keys:
                table = statements.table_name(table_slice).as_string(None)
                raise TableMissing(table) from error
            frame = pd.DataFrame()
        return frame


class PostgresPandasIOManager(dg.ConfigurableIOManagerFactory[PostgresIOManager]):
    """Stores assets that are pandas DataFrames in Postgres: a branch's in the branch's own schemas.

    The table is named by the last part of the asset's key. Its base schema is, in this order, the
    asset's or op's metadata `schema`, this I/O manager's `schema`, the key's prefix, the first of
    the warehouse's `schemas`. In a branch deployment the branch's clone of that schema takes its
    place, for outputs and inputs alike; if it is missing, that is an error. No schema is created.

    **Writing** replaces a table's rows, or in a partitioned asset those of the run's partitions
    (metadata `partition_expr`), in one transaction: readers see the old rows or the new ones. The
    table itself stays, with its keys, indexes, grants and the views on it; a missing one is
    created from the frame's dtypes. Columns are matched by name. A column that the table lacks is
    added; one that the frame lacks is filled by Postgres, with its default or NULL; both at once
    is an error, because it looks like a rename. Rows outside of the run's partitions are an error
    too, as no later write would replace them. The frame's index is not stored. NaN, NaT, NA and
    None become NULL; datetimes are cut to microseconds; the session's time zone is UTC.

    **Reading** takes only the columns that the input's metadata `columns` lists, if it does. Types
    are those of `pandas.read_sql`, so numeric becomes float64; but whole numbers and booleans
    beside a NULL become `Int64` and `boolean`, and timestamptz is in UTC.

    Examples:
        ```python
        warehouse = PostgresWarehouse(url=dg.EnvVar("WAREHOUSE_URL"), schemas=["analytics"])


        @dg.asset
        def orders() -> pd.DataFrame: ...


        @dg.asset(
            metadata={"schema": "staging", "partition_expr": "day"},
            partitions_def=dg.DailyPartitionsDefinition("2024-01-01"),
            ins={"orders": dg.AssetIn(metadata={"columns": ["day", "price"]})},
        )
        def revenue(orders: pd.DataFrame) -> pd.DataFrame: ...


        defs = dg.Definitions(
            assets=[orders, revenue],
            resources={
                "warehouse": warehouse,
                "io_manager": PostgresPandasIOManager(warehouse=warehouse),
            },
        )
        ```
    """

    warehouse: PostgresWarehouse
    schema_: str | None = Field(
        default=None,
        alias="schema",
        description=(
            "The base schema of assets whose metadata name none; it goes before key prefixes. In a"
            " branch deployment the branch's clone of it is used."
        ),
    )  # `schema` is a method of pydantic's models.

    def create_io_manager(self, context: dg.InitResourceContext) -> PostgresIOManager:
        """See `dagster.ConfigurableIOManagerFactory`."""
        return PostgresIOManager(self.warehouse, PandasHandler(), schema=self.schema_)
