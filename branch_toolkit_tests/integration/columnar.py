"""The libraries whose tables go by way of Arrow, for tests that hold for each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
import pyarrow as pa

from branch_toolkit.io_managers.arrow import PostgresArrowIOManager
from branch_toolkit.io_managers.polars import PostgresPolarsIOManager
from branch_toolkit_tests.integration.asset_database import Database


@dataclass(frozen=True)
class Library:
    """A library, its I/O manager, and how its tables are made and looked into."""

    manager: type[dg.ConfigurableIOManagerFactory[Any]]
    made_of: Callable[[pa.Table], Any]
    to_arrow: Callable[[Any], pa.Table]

    def frame(self, columns: Any, schema: pa.Schema | None = None) -> Any:
        return self.made_of(pa.table(columns, schema=schema))

    def rows(self, frame: Any) -> list[dict[str, Any]]:
        return self.to_arrow(frame).to_pylist()

    def materialize(
        self, db: Database, *assets: Any, schema: str | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        manager = self.manager(warehouse=db.warehouse, schema=schema)
        return dg.materialize([*assets], resources={"io_manager": manager}, **options)


def _itself(table: pa.Table) -> pa.Table:
    return table


LIBRARIES = {
    "arrow": Library(PostgresArrowIOManager, _itself, _itself),
    "polars": Library(PostgresPolarsIOManager, pl.from_arrow, pl.DataFrame.to_arrow),
}


def asset_of(frame: Any, name: str = "orders", **options: Any) -> dg.AssetsDefinition:
    """An asset that returns a frame."""

    @dg.asset(name=name, **options)
    def made():  # type: ignore[no-untyped-def]  # of any library
        return frame

    return made


def reader(
    found: list[Any], asked_for: Any = Any, *, columns: list[str] | None = None
) -> dg.AssetsDefinition:
    """An asset that only reads `orders`, as that type."""

    def read(orders):  # type: ignore[no-untyped-def]
        found.append(orders)

    read.__annotations__ = {"orders": asked_for, "return": None}
    metadata = {"columns": columns} if columns else {}
    return dg.asset(name="reader", ins={"orders": dg.AssetIn(metadata=metadata)})(read)
