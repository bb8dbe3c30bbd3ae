"""The resource for Snowflake where code tells environments apart by their database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator
from typing_extensions import Self

from branch_toolkit.snowflake_resource import SchemaPlace, SnowflakeWarehouse
from branch_toolkit.warehouses import Warehouse
from branch_toolkit.warehouses.snowflake.names import DatabaseName, fold, parts, quote

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


class SnowflakeDatabasesWarehouse(SnowflakeWarehouse):
    """Whole Snowflake databases: a branch gets a clone of each, and schemas keep their names.

    What `SnowflakeWarehouse` puts into the schema `PROD.ANALYTICS__PR_42`, this one puts into
    `PROD__PR_42.ANALYTICS`. I/O managers, jobs, sensors and commands work as they do otherwise, and
    where they speak of schemas, databases are meant. The role needs CREATE DATABASE on the account.

    A database is always cloned as a whole: rules that leave out rows or tables are refused, and so
    is `schema_only`. What is in it keeps its owners.

    Examples:
        ```python
        warehouse = SnowflakeDatabasesWarehouse(
            account="acme-analytics",
            user="DAGSTER",
            private_key=dg.EnvVar("SNOWFLAKE_PRIVATE_KEY"),
            warehouse="TRANSFORMING",
            databases=["prod"],
            schema="analytics",
        )


        @dg.asset
        def revenue(warehouse: SnowflakeDatabasesWarehouse) -> None:
            with warehouse.get_connection() as connection:
                connection.cursor().execute("INSERT INTO revenue SELECT sum(price) FROM orders")
        ```
    """

    schemas: list[str] = Field(
        alias="databases",
        description=(
            "The databases that every branch gets a clone of. The first is where assets are stored,"
            " and what unqualified names are of."
        ),
    )
    schema_: str = Field(
        default="PUBLIC",
        alias="schema",
        min_length=1,
        description="The schema of assets and of connections that name none.",
    )  # `schema` is a method.
    database: str = Field(
        default="", description="What a session is logged in to. Default: the first of `databases`."
    )

    @model_validator(mode="before")
    @classmethod
    def _log_in_to_first(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("databases") and not given.get("database"):
            return {**given, "database": given["databases"][0]}
        return given

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if self.managed_access is not None or self.clone_by == "tables":
            raise ValueError(
                "managed_access and clone_by mean nothing for whole databases; leave them out"
            )
        return self

    @property
    def default_schema(self) -> str:
        """The schema of assets that name none."""
        return self.schema_

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        """See `WarehouseResource.open`."""
        from branch_toolkit.warehouses.snowflake.adapter import SnowflakeAdapter

        with SnowflakeAdapter.connect(
            self.log_in,
            database=None,
            base_schemas=tuple(self.schemas),
            transient=self.transient,
            retention_days=self.retention_days,
            threads=self.threads,
            branch_role=fold(self.branch_role) if self.branch_role else None,
            tag=self.tag,
            lock_lease=self.lock_lease,
        ) as adapter:
            yield adapter

    @contextmanager
    def get_connection(
        self, *, schema: str | None = None, database: str | None = None
    ) -> Iterator[SnowflakeConnection]:
        """A connection on which unqualified names mean this deployment's database.

        Transactions are as with `SnowflakeWarehouse.get_connection`.

        Args:
            schema: The schema that unqualified names are of; by default `schema` of the resource.
            database: The base database; by default the first of `databases`.

        Raises:
            CloneMissing: In a branch deployment, the clone is not there, or set aside.
            WarehouseUnavailable: Snowflake cannot be reached, or refuses the login.
        """
        place = self.locate(schema or self.default_schema, database=database)
        with self.session(place) as connection:
            yield connection

    def table(self, table: str, *, schema: str | None = None, database: str | None = None) -> str:
        """A table's whole name in this deployment, quoted, for SQL.

        Args:
            table: Its name, as one would write it in SQL.
            schema: Its schema; by default `schema` of the resource.
            database: Its base database; by default the first of `databases`.

        Raises:
            CloneMissing: In a branch deployment, the clone is not there, or set aside.
        """
        place = self.locate(schema or self.default_schema, database=database)
        return str(place.schema / fold(table))

    def locate(self, base_schema: str, *, database: str | None = None) -> SchemaPlace:
        """Where a schema's tables are in this deployment.

        Args:
            base_schema: The schema, as in SQL; `database.schema` where it is not in the first.
            database: The base database that it is in.

        Raises:
            UnknownSchema: A branch deployment asked for a database that is not cloned.
            CloneMissing: The branch's clone is not there, or set aside.
        """
        *above, schema = parts(base_schema)
        base = database or (quote(above[-1]) if above else self.schemas[0])
        found = super().locate(base)
        return replace(found, schema=DatabaseName(found.schema.name) / schema)
