"""The I/O manager for pandas DataFrames in Snowflake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd
from dagster_snowflake_pandas import SnowflakePandasTypeHandler
from pydantic import Field
from snowflake.connector import SnowflakeConnection

from branch_toolkit.dagster_private import TableSlice
from branch_toolkit.io_managers.snowflake import BranchSnowflakeIOManager
from branch_toolkit.io_managers.snowflake_rows import NO_TABLE, reading, replace_rows, told_of
from branch_toolkit.io_managers.snowflake_statements import quoted
from branch_toolkit.snowflake_resource import SnowflakeWarehouse


class PandasHandler(SnowflakePandasTypeHandler):
    """Reads DataFrames as Dagster's own handler does, and writes them in one transaction.

    Args:
        times_as_text: Store times as text.
    """

    def __init__(self, *, times_as_text: bool = False) -> None:
        self._times_as_text = times_as_text

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: pd.DataFrame,
        connection: SnowflakeConnection,
    ) -> Mapping[str, Any]:
        """Replaces the slice's rows by the frame's; returns what the UI shows of them."""
        stored = obj.apply(_as_text) if self._times_as_text and len(obj) else obj
        if not replace_rows(connection, table_slice, stored):
            context.log.warning(NO_TABLE)
        return told_of(table_slice, obj.dtypes.to_dict(), rows=len(obj))

    def load_input(
        self, context: dg.InputContext, table_slice: TableSlice, connection: SnowflakeConnection
    ) -> pd.DataFrame:
        """The slice's rows."""
        with reading(table_slice):
            frame: pd.DataFrame = super().load_input(context, quoted(table_slice), connection)
        return frame


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    # As Dagster's own handler writes them, and finds them when it reads.
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    text: pd.Series[Any] = column.dt.strftime("%Y-%m-%d %H:%M:%S.%f %z")
    return text


class BranchSnowflakePandasIOManager(dg.ConfigurableIOManagerFactory[BranchSnowflakeIOManager]):
    """Stores assets that are pandas DataFrames in Snowflake: a branch's in the branch's schemas.

    It takes the place of `dagster_snowflake_pandas.SnowflakePandasIOManager`, and finds and makes
    the same tables, columns and types. The table is named by the last part of the asset's key. Its
    base schema is, in this order, the asset's or op's metadata `schema`, this I/O manager's
    `schema`, the key's prefix, the first of the warehouse's `schemas`. In a branch deployment the
    branch's clone of that schema takes its place, for outputs and inputs alike; if it is missing,
    that is an error. No schema is created, in a base deployment neither.

    **Writing** replaces a table's rows, or in a partitioned asset those of the run's partitions
    (metadata `partition_expr`), in one transaction: readers see the old rows or the new ones, and
    if it fails at any point, the old ones. The table itself stays, with its grants; a missing one
    is created from the frame's dtypes. Columns are matched by name, in upper case; one that the
    frame lacks becomes NULL, one that the table lacks is an error. Rows outside of the run's
    partitions are an error too, as no later write would replace them. The role needs SELECT,
    INSERT and DELETE on the table, and CREATE TABLE, STAGE and FILE FORMAT on the schema.

    **Reading** takes only the columns that the input's metadata `columns` lists, if it does. The
    frame's columns are in lower case, and its types those of `pandas.read_sql`.

    Examples:
        ```python
        warehouse = SnowflakeWarehouse(
            account="acme-analytics",
            user="DAGSTER",
            private_key=dg.EnvVar("SNOWFLAKE_PRIVATE_KEY"),
            warehouse="TRANSFORMING",
            database="PROD",
            schemas=["analytics", "staging"],
        )


        @dg.asset
        def orders() -> pd.DataFrame: ...


        @dg.asset(
            metadata={"schema": "staging", "partition_expr": "day"},
            partitions_def=dg.DailyPartitionsDefinition("2024-01-01"),
        )
        def revenue(orders: pd.DataFrame) -> pd.DataFrame: ...


        defs = dg.Definitions(
            assets=[orders, revenue],
            resources={
                "warehouse": warehouse,
                "io_manager": BranchSnowflakePandasIOManager(warehouse=warehouse),
            },
        )
        ```
    """

    warehouse: SnowflakeWarehouse
    schema_: str | None = Field(
        default=None,
        alias="schema",
        description=(
            "The base schema of assets whose metadata name none; it goes before key prefixes. In a"
            " branch deployment the branch's clone of it is used."
        ),
    )  # `schema` is a method of pydantic's models.
    store_timestamps_as_strings: bool = Field(
        default=False,
        description=(
            "Store times as text, and read text that looks like times as times. By default they are"
            " stored as TIMESTAMP."
        ),
    )

    def create_io_manager(self, context: dg.InitResourceContext) -> BranchSnowflakeIOManager:
        """See `dagster.ConfigurableIOManagerFactory`."""
        handler = PandasHandler(times_as_text=self.store_timestamps_as_strings)
        return BranchSnowflakeIOManager(self.warehouse, handler, schema=self.schema_)
