"""Assets as Snowflake tables: where an asset's table is, and how its rows are replaced.

What Dagster's own manager does with unquoted names, in whatever schema they lead to, is done here
with the whole, quoted name of this deployment's table. No schema is made in passing: Dagster's
makes an empty one where a branch's clone is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeAlias

import dagster as dg
from snowflake.connector import SnowflakeConnection

from branch_toolkit.dagster_private import DbClient, DbIOManager, DbTypeHandler, TableSlice
from branch_toolkit.io_managers import snowflake_statements as statements
from branch_toolkit.io_managers.partitions import partition_dimensions
from branch_toolkit.snowflake_resource import SchemaPlace
from branch_toolkit.warehouses.snowflake.names import fold

Context: TypeAlias = dg.InputContext | dg.OutputContext


class BranchAwareSnowflake(Protocol):
    """What an I/O manager needs of the warehouse resource."""

    @property
    def default_schema(self) -> str:
        """The base schema of assets that name none."""

    def locate(self, base_schema: str) -> SchemaPlace:
        """Where a base schema's tables are in this deployment; an error where that is nowhere."""

    def session(self, place: SchemaPlace) -> AbstractContextManager[SnowflakeConnection]:
        """A connection whose current schema is that of the place; an error if it is not there."""


class PlacedSlice(TableSlice):
    """A slice of a table, its names as Snowflake stores them, and where its schema was found."""

    place: SchemaPlace | None = None


class SnowflakeClient(DbClient[SnowflakeConnection]):
    """How `DbIOManager` reaches Snowflake."""

    def __init__(self, warehouse: BranchAwareSnowflake) -> None:
        self._warehouse = warehouse

    @contextmanager
    def connect(  # type: ignore[override]  # a static method there, but called on the instance
        self, context: Context, table_slice: TableSlice
    ) -> Iterator[SnowflakeConnection]:
        """A connection whose current schema is the slice's."""
        place = table_slice.place if isinstance(table_slice, PlacedSlice) else None
        if place is None:
            raise TypeError("the slice was not placed by this I/O manager")
        with self._warehouse.session(place) as connection:
            yield connection

    @staticmethod
    def ensure_schema_exists(
        context: dg.OutputContext, table_slice: TableSlice, connection: SnowflakeConnection
    ) -> None:
        """Nothing: the session is in the schema, by its exact name, or there would be none."""

    @staticmethod
    def delete_table_slice(
        context: dg.OutputContext, table_slice: TableSlice, connection: SnowflakeConnection
    ) -> None:
        """Deletes nothing yet: `replace_rows` does it, in one transaction with the new rows."""

    @staticmethod
    def get_select_statement(table_slice: TableSlice) -> str:
        """The statement that reads a slice."""
        return statements.select(table_slice)

    @staticmethod
    def get_table_name(table_slice: TableSlice) -> str:
        """The table's whole name, for the UI."""
        return f"{table_slice.database}.{table_slice.schema}.{table_slice.table}"


class BranchSnowflakeIOManager(DbIOManager):
    """Stores assets in the schemas of the deployment that it runs in.

    Args:
        warehouse: Says which schema stands for a base schema in this deployment.
        handler: For the objects that it stores; an input that names no type is of the first.
        schema: The base schema of assets whose metadata name none; it goes before key prefixes.
    """

    def __init__(
        self,
        warehouse: BranchAwareSnowflake,
        handler: DbTypeHandler[Any],
        *,
        schema: str | None = None,
    ) -> None:
        super().__init__(
            type_handlers=[handler],
            db_client=SnowflakeClient(warehouse),
            database="",
            schema=schema,
            io_manager_name=type(self).__name__,
            default_load_type=handler.supported_types[0],
        )
        self._warehouse = warehouse

    def _get_table_slice(
        self, context: Context, output_context: dg.OutputContext | None
    ) -> TableSlice:
        # An input of an op may come from no output; it then says itself where its table is.
        source = output_context or context
        metadata = source.definition_metadata or {}
        path = context.asset_key.path if context.has_asset_key else []
        base_schema = (
            metadata.get("schema")
            or self._schema
            or (path[-2] if len(path) > 1 else self._warehouse.default_schema)
        )
        # Whatever named it: nothing reaches a table but through here.
        place = self._warehouse.locate(str(base_schema))
        found = PlacedSlice(
            table=fold(path[-1] if path else str(metadata.get("table", source.name))),
            schema=place.schema.schema,
            database=place.schema.database,
            columns=(context.definition_metadata or {}).get("columns"),
            partition_dimensions=partition_dimensions(context, metadata.get("partition_expr")),
        )
        found.place = place
        return found
