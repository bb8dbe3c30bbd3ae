"""The I/O manager for Polars DataFrames in Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import dagster as dg
import polars as pl
from pydantic import Field

from branch_toolkit.dagster_private import DbTypeHandler, TableSlice
from branch_toolkit.io_managers.arrow_storage import load, store
from branch_toolkit.io_managers.errors import UnreadableValues, UnsupportedValues
from branch_toolkit.io_managers.postgres import PostgresIOManager
from branch_toolkit.io_managers.tables import Connection
from branch_toolkit.resources import PostgresWarehouse

_Frame: TypeAlias = "pl.DataFrame | pl.LazyFrame"

# Polars exports an object as its address in memory; pyarrow has no integers of 128 bits.
_NOT_IN_ARROW = frozenset({"Object", "Int128", "UInt128"})


class PolarsHandler(DbTypeHandler[_Frame]):
    """Writes DataFrames to tables and reads them."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """DataFrames, and lazy ones."""
        return [pl.DataFrame, pl.LazyFrame]

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: _Frame,
        connection: Connection,
    ) -> Mapping[str, Any]:
        """Replaces the slice's rows by the frame's; returns what the UI shows of them."""
        return store(connection, table_slice, _to_arrow(obj.lazy().collect()))

    def load_input(
        self, context: dg.InputContext, table_slice: TableSlice, connection: Connection
    ) -> _Frame:
        """The slice's rows."""
        frame = _from_arrow(load(context, table_slice, connection))
        return frame.lazy() if context.dagster_type.typing_type is pl.LazyFrame else frame


def _to_arrow(frame: pl.DataFrame) -> Any:
    for name, dtype in frame.schema.items():
        if str(dtype) in _NOT_IN_ARROW:
            raise UnsupportedValues(name, found=f"polars.{dtype}")
    return frame.to_arrow()


def _from_arrow(table: Any) -> pl.DataFrame:
    for field in table.schema:
        # Polars ends the process's thread at them instead of raising an error.
        if "decimal256" in str(field.type):
            raise UnreadableValues(field.name, reason="Polars has no decimals of over 38 digits")
    return pl.DataFrame(pl.from_arrow(table))


class PostgresPolarsIOManager(dg.ConfigurableIOManagerFactory[PostgresIOManager]):
    """Stores assets that are Polars DataFrames in Postgres: a branch's in the branch's own schemas.

    Where an asset's table is, and what a write replaces, is as with `PostgresPandasIOManager`. A
    `LazyFrame` is collected when it is written; an input that is annotated so is given as one.

    Values go by way of Arrow, and are written and read as by `PostgresArrowIOManager`: Decimal,
    Date, Time, Datetime, whole numbers of 16 bits and more, Float32, Boolean, String, Binary and
    lists of those come back as they were, Datetimes and Durations in microseconds, and in UTC if
    they had a zone. Categorical and Enum come back as String; structs are stored as jsonb, which
    is read as String (see `polars.Expr.str.json_decode`). The smallest whole numbers come back
    wider (Int8 as Int16), UInt64 as Decimal. Object and Int128 are errors.

    Examples:
        ```python
        @dg.asset
        def orders() -> pl.DataFrame: ...


        @dg.asset
        def revenue(orders: pl.LazyFrame) -> pl.LazyFrame: ...


        defs = dg.Definitions(
            assets=[orders, revenue],
            resources={"io_manager": PostgresPolarsIOManager(warehouse=warehouse)},
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
        return PostgresIOManager(self.warehouse, PolarsHandler(), schema=self.schema_)
