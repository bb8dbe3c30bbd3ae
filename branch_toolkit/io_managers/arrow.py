"""The I/O manager for Arrow tables in Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import dagster as dg
import pyarrow as pa
from pydantic import Field

from branch_toolkit.dagster_private import DbTypeHandler, TableSlice
from branch_toolkit.io_managers.arrow_storage import load, store
from branch_toolkit.io_managers.postgres import PostgresIOManager
from branch_toolkit.io_managers.tables import Connection
from branch_toolkit.resources import PostgresWarehouse

_Rows: TypeAlias = "pa.Table | pa.RecordBatchReader"


class ArrowHandler(DbTypeHandler[_Rows]):
    """Writes Arrow tables to tables and reads them."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Tables, and readers of record batches."""
        return [pa.Table, pa.RecordBatchReader]

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: _Rows,
        connection: Connection,
    ) -> Mapping[str, Any]:
        """Replaces the slice's rows by the table's; returns what the UI shows of them."""
        rows = obj.read_all() if isinstance(obj, pa.RecordBatchReader) else obj
        return store(connection, table_slice, rows)

    def load_input(
        self, context: dg.InputContext, table_slice: TableSlice, connection: Connection
    ) -> _Rows:
        """The slice's rows."""
        table = load(context, table_slice, connection)
        asked_for = context.dagster_type.typing_type
        return table.to_reader() if asked_for is pa.RecordBatchReader else table


class PostgresArrowIOManager(dg.ConfigurableIOManagerFactory[PostgresIOManager]):
    """Stores assets that are `pyarrow.Table`s in Postgres: a branch's in the branch's own schemas.

    Where an asset's table is, and what a write replaces, is as with `PostgresPandasIOManager`. A
    `pyarrow.RecordBatchReader` is taken and given as well; its rows are held in memory.

    **Writing** creates a column of the type that is Postgres's for Arrow's: int32 becomes integer,
    decimal128(12, 2) numeric(12,2), a list of plain values an array, a struct, map or list of
    those jsonb. Where the column is there already, Postgres makes its values of theirs; into json
    or jsonb lists go as JSON, text as the JSON that it is. Times are cut to microseconds, those
    with a zone become timestamptz. A null becomes NULL; NaN stays NaN.

    **Reading** gives numeric(12,2) as decimal128(12, 2), and a numeric without a scale as a
    decimal with that of its longest fraction; timestamptz in UTC, in microseconds; interval as a
    duration (a month has 30 days, a year 365.25); arrays of one dimension as lists. uuid, json,
    jsonb and any type that Arrow has none for are text. Infinite dates and times, dates before
    the year 1 and NaN in a numeric are errors: no type of Arrow's holds them.

    Examples:
        ```python
        @dg.asset
        def orders() -> pa.Table: ...


        defs = dg.Definitions(
            assets=[orders],
            resources={"io_manager": PostgresArrowIOManager(warehouse=warehouse)},
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
        return PostgresIOManager(self.warehouse, ArrowHandler(), schema=self.schema_)
