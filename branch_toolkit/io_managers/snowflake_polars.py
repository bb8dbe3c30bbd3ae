"""The I/O manager for Polars DataFrames in Snowflake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import dagster as dg
import polars as pl
from pydantic import Field
from snowflake.connector import SnowflakeConnection

from branch_toolkit.dagster_private import DbTypeHandler, TableSlice
from branch_toolkit.io_managers.snowflake import BranchSnowflakeIOManager
from branch_toolkit.io_managers.snowflake_rows import NO_TABLE, reading, replace_rows, told_of
from branch_toolkit.io_managers.snowflake_statements import select
from branch_toolkit.snowflake_resource import SnowflakeWarehouse

_Frame: TypeAlias = "pl.DataFrame | pl.LazyFrame"


class PolarsHandler(DbTypeHandler[_Frame]):
    """Writes DataFrames to tables and reads them, by way of Arrow."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """DataFrames, and lazy ones."""
        return [pl.DataFrame, pl.LazyFrame]

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: _Frame,
        connection: SnowflakeConnection,
    ) -> Mapping[str, Any]:
        """Replaces the slice's rows by the frame's; returns what the UI shows of them."""
        frame = obj.lazy().collect()
        stored = frame.to_pandas(use_pyarrow_extension_array=True)
        if not replace_rows(connection, table_slice, stored):
            context.log.warning(NO_TABLE)
        return told_of(table_slice, frame.schema, rows=len(frame))

    def load_input(
        self, context: dg.InputContext, table_slice: TableSlice, connection: SnowflakeConnection
    ) -> _Frame:
        """The slice's rows."""
        # Where no partition is asked for, none needs to have been written yet.
        if context.has_asset_partitions and not context.asset_partition_keys:
            frame = pl.DataFrame()
        else:
            with reading(table_slice):
                frame = _read(connection, select(table_slice))
        return frame.lazy() if context.dagster_type.typing_type is pl.LazyFrame else frame


def _read(connection: SnowflakeConnection, sql: str) -> pl.DataFrame:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        # Each part of a result has the smallest whole numbers that its own values fit in.
        parts = list(cursor.fetch_arrow_batches())
        parts = parts or [cursor.fetch_arrow_all(force_return_table=True)]
    frame = pl.concat((pl.DataFrame(part) for part in parts), how="vertical_relaxed")
    return frame.rename(str.lower).cast({pl.selectors.integer(): pl.Int64})


class BranchSnowflakePolarsIOManager(dg.ConfigurableIOManagerFactory[BranchSnowflakeIOManager]):
    """Stores assets that are Polars DataFrames in Snowflake: a branch's in the branch's schemas.

    Where an asset's table is, and what a write replaces, is as with
    `BranchSnowflakePandasIOManager`, and so are the rights that it takes. A `LazyFrame` is
    collected when it is written; an input that is annotated so is given as one.

    Dagster's own (`dagster_snowflake_polars`) writes over ADBC, with a login of its own, and
    replaces a table by dropping it, with what is granted on it. This one works on the warehouse's
    connection, and keeps the table. Whole numbers are read as Int64. NUMBER with a scale is read as
    Float64, or as Decimal if `arrow_number_to_decimal` is among the warehouse's
    `additional_snowflake_connection_args`.

    Examples:
        ```python
        @dg.asset
        def orders() -> pl.DataFrame: ...


        @dg.asset
        def revenue(orders: pl.LazyFrame) -> pl.LazyFrame: ...


        defs = dg.Definitions(
            assets=[orders, revenue],
            resources={"io_manager": BranchSnowflakePolarsIOManager(warehouse=warehouse)},
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

    def create_io_manager(self, context: dg.InitResourceContext) -> BranchSnowflakeIOManager:
        """See `dagster.ConfigurableIOManagerFactory`."""
        return BranchSnowflakeIOManager(self.warehouse, PolarsHandler(), schema=self.schema_)
