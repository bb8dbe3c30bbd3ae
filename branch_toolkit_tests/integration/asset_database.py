"""A warehouse with schemas, assets to store in it, and a look at it behind Dagster's back."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import dagster as dg
import pandas as pd
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from branch_toolkit.io_managers.pandas import PostgresPandasIOManager
from branch_toolkit.resources import PostgresWarehouse

BASES = ["analytics", "staging"]
NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)


class Database:
    """The warehouse, and a view of it that does not go through the I/O manager."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self.warehouse = PostgresWarehouse(url=url, schemas=BASES)

    def create_schemas(self) -> Database:
        for schema in self.warehouse.schemas:
            self.run(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)).as_string(None))
        return self

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement))  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def tables(self) -> dict[str, int]:
        found = self.run(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema !~ '^pg_|^information_schema$'"
        )
        return {f"{s}.{t}": self.run(f'SELECT count(*) FROM "{s}"."{t}"')[0][0] for s, t in found}

    def provision(self) -> None:
        branch = self.warehouse.deployment.branch
        assert branch is not None
        with self.warehouse.environments() as environments:
            environments.provision(branch, now=NOW)

    def materialize(
        self, *assets: Any, schema: str | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        manager = PostgresPandasIOManager(warehouse=self.warehouse, schema=schema)
        return dg.materialize([*assets], resources={"io_manager": manager}, **options)


def asset_of(frame: pd.DataFrame, name: str = "orders", **options: Any) -> dg.AssetsDefinition:
    @dg.asset(name=name, **options)
    def made() -> pd.DataFrame:
        return frame

    return made


def numbers(*values: int, column: str = "n") -> pd.DataFrame:
    return pd.DataFrame({column: list(values)})


def passed_on(upstream: str = "orders", **options: Any) -> dg.AssetsDefinition:
    @dg.asset(name="passed_on", ins={"frame": dg.AssetIn(upstream, **options)})
    def made(frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    return made


def external_orders(**metadata: Any) -> dg.AssetSpec:
    """The asset `orders` as a code location sees it that does not define it."""
    return dg.AssetSpec("orders", metadata=metadata).with_io_manager_key("io_manager")


def reader(found: list[pd.DataFrame]) -> dg.AssetsDefinition:
    """An asset that only reads `orders`."""

    @dg.asset(name="reader")
    def read(orders: pd.DataFrame) -> None:
        found.append(orders)

    return read
