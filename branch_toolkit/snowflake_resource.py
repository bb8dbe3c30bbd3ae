"""The resource for Snowflake: one code, its own schemas in every deployment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import dagster as dg
from pydantic import Field, field_validator

from branch_toolkit.core.branch import Branch
from branch_toolkit.core.environment import Environment
from branch_toolkit.snowflake_login import SnowflakeLogin
from branch_toolkit.warehouses import Warehouse
from branch_toolkit.warehouses.snowflake.names import SchemaName, canonical, fold, quote

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_NAME = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")'
_TAG = re.compile(rf"{_NAME}(?:\.{_NAME}){{0,2}}")


@dataclass(frozen=True, slots=True)
class SchemaPlace:
    """The schema that stands for a base schema in a deployment.

    Args:
        schema: Its whole name.
        environment: The environment that it is of; None if it is production's own.
        role: The role that the environment is worked on as, if it has one.
    """

    schema: SchemaName
    environment: str | None = None
    role: str | None = None


class SnowflakeWarehouse(SnowflakeLogin):
    """A Snowflake database.

    In a base deployment it is what its fields say. In a branch deployment connections and schema
    names are those of the branch's own clones, and a clone that is missing is an error.

    It logs in as `dagster_snowflake.SnowflakeResource` does, and the fields for that have the same
    names. Names are written as in SQL: `analytics` is `ANALYTICS`, `"sales"` keeps its case.

    Examples:
        ```python
        warehouse = SnowflakeWarehouse(
            account="acme-analytics",
            user="DAGSTER",
            private_key=dg.EnvVar("SNOWFLAKE_PRIVATE_KEY"),
            warehouse="TRANSFORMING",
            database="PROD",
            schemas=["analytics"],
        )


        @dg.asset
        def revenue(warehouse: SnowflakeWarehouse) -> None:
            with warehouse.get_connection() as connection:
                connection.cursor().execute("INSERT INTO revenue SELECT sum(price) FROM orders")
        ```
    """

    transient: bool | None = Field(
        default=None,
        description="Make clones without Fail-safe, which is not billed then. Default: as base is.",
    )
    retention_days: int | None = Field(
        default=None,
        ge=0,
        le=90,
        description=(
            "For how many days a dropped clone can be undropped, and its past be read. Default: the"
            " database's. With 0, what is dropped is gone at once."
        ),
    )
    managed_access: bool | None = Field(
        default=None,
        description="Let only a clone's owner grant rights in it. Default: as in base.",
    )
    clone_by: Literal["auto", "schema", "tables"] = Field(
        default="auto",
        description=(
            "Whether to clone whole schemas, or table by table, in parallel, so that `role` owns"
            " what is in the clone. `auto`: by tables where `role` does not own base's, or there"
            " are very many."
        ),
    )
    threads: int = Field(
        default=8, ge=1, description="How many connections clone tables at the same time."
    )
    branch_role: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "A role that cannot write production. Clones are handed over to it, and in branch"
            " deployments connections are that role's. `role` has to have it granted."
        ),
    )
    tag: str | None = Field(
        default=None,
        description=(
            "A tag, as database.schema.tag, that is set on every clone to its environment's name,"
            " so that storage can be attributed."
        ),
    )
    lock_lease: float = Field(
        default=120,
        gt=0,
        description=(
            "Seconds after which a run that died no longer keeps others from its environment."
        ),
    )

    @field_validator("schemas")
    @classmethod
    def _check_folded_schemas(cls, schemas: list[str]) -> list[str]:
        if len(set(map(fold, schemas))) < len(schemas):
            raise ValueError("two of the base schemas are one in Snowflake; name it once")
        # Marks tell the base schema: one that is spelt otherwise later is still the same.
        return list(map(canonical, schemas))

    @field_validator("tag")
    @classmethod
    def _check_tag(cls, tag: str | None) -> str | None:
        if tag is not None and not isinstance(tag, dg.EnvVar) and not _TAG.fullmatch(tag):
            raise ValueError("write the tag as database.schema.tag, with quotes where SQL has them")
        return tag

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        """See `WarehouseResource.open`."""
        from branch_toolkit.warehouses.snowflake.adapter import SnowflakeAdapter

        with SnowflakeAdapter.connect(
            self.log_in,
            database=fold(self.database),
            base_schemas=tuple(self.schemas),
            transient=self.transient,
            retention_days=self.retention_days,
            managed_access=self.managed_access,
            clone_by=self.clone_by,
            threads=self.threads,
            branch_role=fold(self.branch_role) if self.branch_role else None,
            tag=self.tag,
            lock_lease=self.lock_lease,
        ) as adapter:
            yield adapter

    def resolve(self, base_schemas: list[str] | None = None) -> dict[str, str]:
        """The schemas to use in this deployment, by base schema (by default for all of them).

        In a base deployment these are the names as given; those of clones are given as Snowflake
        stores them, in their true case. Names that Snowflake takes for one are one here too.
        """
        if self.deployment.branch is None:
            return super().resolve(base_schemas)
        wanted = self.schemas if base_schemas is None else base_schemas
        configured = {base: self._configured(base) for base in wanted}
        found = super().resolve(list(dict.fromkeys(configured.values())))
        return {base: found[configured[base]] for base in wanted}

    def environment_of(self, branch: Branch, base_schemas: list[str]) -> Environment:
        """See `WarehouseResource.environment_of`."""
        return super().environment_of(branch, [self._configured(base) for base in base_schemas])

    @contextmanager
    def get_connection(self, *, schema: str | None = None) -> Iterator[SnowflakeConnection]:
        """A connection on which unqualified names mean this deployment's schema.

        Each statement is committed by itself, unless the session's AUTOCOMMIT is off or a
        transaction was begun: what is then open is committed at the end of the block, and rolled
        back on any error. The connection is closed in either case.

        Args:
            schema: The base schema that unqualified names are of; by default the first of
                `schemas`. For tables in others, write what `table` returns.

        Raises:
            CloneMissing: In a branch deployment, the clone is not there, or set aside.
            WarehouseUnavailable: Snowflake cannot be reached, or refuses the login.
        """
        with self.session(self.locate(schema or self.schemas[0])) as connection:
            yield connection

    def table(self, table: str, *, schema: str | None = None) -> str:
        """A table's whole name in this deployment, quoted, for SQL.

        Args:
            table: Its name, as one would write it in SQL.
            schema: Its base schema; by default the first of `schemas`.

        Raises:
            CloneMissing: In a branch deployment, the clone is not there, or set aside.
        """
        return str(self.locate(schema or self.schemas[0]).schema / fold(table))

    @property
    def default_schema(self) -> str:
        """The base schema of assets that name none."""
        return self.schemas[0]

    def locate(self, base_schema: str) -> SchemaPlace:
        """Where a base schema's tables are in this deployment.

        Raises:
            UnknownSchema: A branch deployment asked for a schema that is not cloned.
            CloneMissing: The branch's clone is not there, or set aside.
        """
        branch = self.deployment.branch
        if branch is None:
            return SchemaPlace(self._named(fold(base_schema)))
        base = self._configured(base_schema)
        environment = self.environment_of(branch, [base])
        clone = next(one for one in environment.clones if one.mark.base_schema == base)
        # A clone that was not handed over is then refused, rather than production within reach.
        role = environment.role or (fold(self.branch_role) if self.branch_role else None)
        return SchemaPlace(self._named(clone.name), environment.name, role)

    @contextmanager
    def session(self, place: SchemaPlace) -> Iterator[SnowflakeConnection]:
        """A connection whose current schema is that of the place; see `get_connection`."""
        told = {"environment": place.environment} if place.environment else {}
        deployment = "branch" if place.environment else "base"
        connection = self.log_in({"deployment": deployment, **told})
        try:
            self._enter(connection, place)
            yield connection
            if not connection.is_closed():
                connection.commit()
        finally:
            # https://docs.snowflake.com/en/sql-reference/transactions: a transaction that is open
            # when its session is closed is rolled back.
            connection.close()

    def _enter(self, connection: SnowflakeConnection, place: SchemaPlace) -> None:
        from branch_toolkit.warehouses.snowflake.errors import explained

        for sql in _entering(place):
            with explained(
                doing=f"use schema {place.schema}",
                sql=sql,
                role=place.role or self.role or "?",
                database=place.schema.database,
            ):
                connection.cursor().execute(sql)

    def _configured(self, base_schema: str) -> str:
        """The base schema as `schemas` has it, if it is one of them."""
        return canonical(base_schema) if canonical(base_schema) in self.schemas else base_schema

    def _named(self, schema: str) -> SchemaName:
        return SchemaName(fold(self.database), schema)


def _entering(place: SchemaPlace) -> Iterator[str]:
    if place.role is not None:
        yield f"USE ROLE {quote(place.role)}"
        # Else what the user's other roles may write, a branch's statements could write too:
        # https://docs.snowflake.com/en/sql-reference/sql/use-secondary-roles.
        yield "USE SECONDARY ROLES NONE"
    if place.environment is not None:
        # By default unqualified names are looked for in PUBLIC next, which is production's:
        # https://docs.snowflake.com/en/sql-reference/name-resolution.
        yield "ALTER SESSION SET SEARCH_PATH = '$current'"
    # By its exact name, and never made: https://docs.snowflake.com/en/sql-reference/sql/use-schema.
    yield f"USE SCHEMA {place.schema}"
