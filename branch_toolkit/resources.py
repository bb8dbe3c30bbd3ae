"""Resources: the one thing that a user adds so that the same code runs in production and branch."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import ConfigDict, Field, field_validator, model_validator
from typing_extensions import Self

from branch_toolkit.core.branch import Branch, Project
from branch_toolkit.core.deployment import Deployment
from branch_toolkit.core.environment import BranchRoles, Environment, OwnedSchema, SchemaFacts
from branch_toolkit.core.errors import (
    BranchToolkitError,
    CloneMissing,
    SchemaNotOwned,
    UnknownSchema,
)
from branch_toolkit.core.strategy import check_rules
from branch_toolkit.following import NO_OUTPUTS, Outputs
from branch_toolkit.rules import TableRule
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses import Warehouse

if TYPE_CHECKING:
    import sqlalchemy

    from branch_toolkit.warehouses.postgres.owning import Owned
    from branch_toolkit.warehouses.postgres.places import TablePlace

_log = logging.getLogger(__name__)


class WarehouseResource(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]
    """A warehouse, and which of its schemas a branch gets clones of."""

    # Of a mistake in one field pydantic would show them all, secrets too.
    model_config = ConfigDict(hide_input_in_errors=True)

    schemas: list[str] = Field(
        description=(
            "The base schemas that every branch gets a clone of. The first is where assets are"
            " stored that name no schema."
        ),
    )
    project: str = Field(
        default="default",
        min_length=1,
        description=(
            "Set it where several projects share this database: each sees and drops only its own"
            " clones."
        ),
    )
    repository: str | None = Field(
        default=None,
        description=(
            "The project's own repository, as owner/name. Only needed where branches of several"
            " repositories share this project."
        ),
    )

    rules: list[TableRule] = Field(
        default_factory=list,
        description=(
            "How tables get into a branch's clone, by globs; the first that fits counts. What none"
            " matches is deferred: read through to production until the branch first writes to it."
        ),
    )

    @field_validator("schemas")
    @classmethod
    def _check_schemas(cls, schemas: list[str]) -> list[str]:
        if not schemas or "" in schemas or len(set(schemas)) < len(schemas):
            raise ValueError("name at least one base schema, and each only once")
        return schemas

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, rules: list[TableRule]) -> list[TableRule]:
        check_rules([rule.to_rule() for rule in rules])
        return rules

    @abstractmethod
    def open(self) -> AbstractContextManager[Warehouse]:
        """The warehouse; closed at the end of the block."""

    @property
    def shows_a_secret(self) -> bool:
        """Whether a secret stands in the definitions, from where Dagster shows it."""
        return False

    @property
    def deployment(self) -> Deployment:
        """The deployment that this code runs in, read from the environment variables now."""
        return Deployment.from_env(os.environ)

    @contextmanager
    def environments(self, outputs: Outputs = NO_OUTPUTS) -> Iterator[Environments]:
        """The environments in this warehouse, for the verbs.

        Args:
            outputs: What goes with them beside their clones.
        """
        with self.open() as warehouse:
            yield Environments(
                warehouse,
                Project(name=self.project, repository=self.repository),
                tuple(self.schemas),
                tuple(rule.to_rule() for rule in self.rules),
                outputs,
            )

    def schema(self, base_schema: str) -> str:  # type: ignore[override]  # not pydantic's old one
        """The schema to use in this deployment where production uses `base_schema`.

        Returns:
            In a base deployment `base_schema` itself; in a branch deployment the branch's clone,
            which is there, marked as this project's, and in use.

        Raises:
            UnknownSchema: A branch deployment asked for a schema that is not cloned.
            CloneMissing: The branch's clone is not there, or set aside.
            InvalidDeployment: The deployment cannot be told from its variables.
        """
        return self.resolve([base_schema])[base_schema]

    def resolve(self, base_schemas: list[str] | None = None) -> dict[str, str]:
        """The schemas to use in this deployment, by base schema (by default for all of them)."""
        wanted = self.schemas if base_schemas is None else base_schemas
        deployment = self.deployment
        if deployment.branch is None:
            return {base: base for base in wanted}
        clones = {
            c.mark.base_schema: c for c in self.environment_of(deployment.branch, wanted).clones
        }
        return {base: clones[base].name for base in wanted}

    def environment_of(self, branch: Branch, base_schemas: list[str]) -> Environment:
        """A branch's environment, with a clone in use of each of these schemas.

        Raises:
            UnknownSchema: One of them is not cloned.
            CloneMissing: A clone is not there, or set aside.
        """
        for base in base_schemas:
            if base not in self.schemas:
                raise UnknownSchema(base, configured=self.schemas)
        with self.environments() as environments:
            found = environments.of(branch)
            clones = {clone.mark.base_schema: clone for clone in found.clones} if found else {}
            for base in base_schemas:
                if found is None or base not in clones or clones[base].mark.retired:
                    raise _unusable(environments, branch, base, clones.get(base))
            if found is None:
                raise ValueError("no base schema was given")
            _note_use(environments, found)
        return found


class PostgresWarehouse(WarehouseResource):
    """A Postgres database.

    In a base deployment it is what its URL says. In a branch deployment connections and schema
    names are those of the branch's own clones, and a clone that is missing is an error.

    Examples:
        ```python
        warehouse = PostgresWarehouse(url=dg.EnvVar("WAREHOUSE_URL"), schemas=["analytics"])

        @dg.asset
        def revenue(warehouse: PostgresWarehouse) -> None:
            with warehouse.get_connection() as connection:
                connection.execute(text("INSERT INTO revenue SELECT sum(price) FROM orders"))
        ```
    """

    url: str = Field(
        repr=False,
        description=(
            "postgresql://user:password@host:5432/database. Give it by dg.EnvVar, so that the"
            " password is not shown in the UI."
        ),
    )
    search_path: list[str] = Field(
        default_factory=list,
        description=(
            "Further schemas for unqualified names, after the deployment's own, such as the one"
            " that extensions are installed in. What can be written there, a branch can write."
        ),
    )
    lock_timeout: float = Field(
        default=5.0,
        gt=0,
        description="Seconds to wait for a lock on a base table before giving way to production.",
    )
    connections: int = Field(
        default=2, ge=1, description="How many connections copy the rows of large clones."
    )
    throttle_mb: float | None = Field(
        default=None,
        gt=0,
        description="Most megabytes that are copied in a second. Default: no limit.",
    )
    max_copy_gb: float | None = Field(
        default=None,
        gt=0,
        description="Most gigabytes that an environment may copy; more is refused beforehand.",
    )
    branch_roles: BranchRoles = Field(
        default=BranchRoles.AUTO,
        description=(
            "Whether each environment gets a role of its own that only reads production: `auto`,"
            " where the connecting role may make one; `on`, or nothing is provisioned; `off`."
        ),
    )
    read_role: str | None = Field(
        default=None,
        description=(
            "The role that may read production and that branches' roles become members of."
            " Default: pg_read_all_data."
        ),
    )

    @property
    def shows_a_secret(self) -> bool:
        """Whether the password stands in the definitions, from where Dagster shows it."""
        if isinstance(self.url, dg.EnvVar):
            return False
        return "@" in self.url or "password=" in self.url

    @model_validator(mode="after")
    def _check_search_path(self) -> Self:
        both = sorted(set(self.schemas) & set(self.search_path))
        if both:
            # On a branch's path it would be production that answers for a table that is missing.
            raise ValueError(f"search_path holds base schemas ({', '.join(both)}); take them out")
        return self

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        """See `WarehouseResource.open`."""
        from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter

        with PostgresAdapter.connect(
            self.url,
            lock_timeout=self.lock_timeout,
            connections=self.connections,
            throttle=_scaled(self.throttle_mb, 1e6),
            max_copy_bytes=_scaled(self.max_copy_gb, 1e9),
            branch_roles=self.branch_roles,
            read_role=self.read_role,
        ) as adapter:
            yield adapter

    @contextmanager
    def get_connection(self) -> Iterator[sqlalchemy.Connection]:
        """A connection on which unqualified names mean this deployment's schemas.

        It is in a transaction from its first statement; committed at the end of the block, rolled
        back on any error.

        Raises:
            CloneMissing: In a branch deployment, a clone is not there, or set aside.
            WarehouseUnavailable: The database cannot be reached, or refuses the login.
        """
        from branch_toolkit.warehouses.postgres.session import open_session

        path = [*self.resolve().values(), *self.search_path]
        with open_session(self.url, search_path=path, role=self._role()) as connection:
            yield connection

    def _role(self) -> str | None:
        """The role that the branch's environment works as, if this is a branch's deployment."""
        branch = self.deployment.branch
        if branch is None:
            return None
        return self.environment_of(branch, self.schemas).role

    def table(self, table: str, *, schema: str | None = None) -> str:
        """A table's name in this deployment, quoted and with its schema, for SQL that reads it.

        Code that uses it works in tables mode too (`PostgresTablesWarehouse`), where a branch's
        tables have other names. Before SQL that writes, call `own`, and this after it: until then
        a branch in tables mode reads production's table, under production's name.

        Args:
            table: Its name in base.
            schema: Its base schema; by default the first of `schemas`.

        Raises:
            CloneMissing: In a branch deployment, the clone is not there, or set aside.
        """
        return self.locate(table, schema=schema, writing=False).quoted

    def locate(self, table: str, *, schema: str | None = None, writing: bool) -> TablePlace:
        """Where a table is in this deployment, for I/O managers; see `table`.

        Args:
            table: Its name in base.
            schema: Its base schema; by default the first of `schemas`.
            writing: Whether it is to be written to.
        """
        from branch_toolkit.warehouses.postgres.places import TablePlace

        return TablePlace(self.schema(schema or self.schemas[0]), table)

    def own(
        self,
        table: str,
        *,
        schema: str | None = None,
        rows: bool = True,
        branch: Branch | None = None,
    ) -> Owned:
        """Makes a table that is deferred in a branch the branch's own, to be written to.

        I/O managers do it by themselves. Code that writes by SQL calls it before the transaction
        that writes, since it works on a connection of its own. It takes one transaction: others see
        the table as it was, or the branch's own; those who read it meanwhile wait. Base is read,
        and never changed.

        Args:
            table: The table's name. Partitions and children come along with their parent.
            schema: Its base schema; by default the first of `schemas`.
            rows: Copy base's rows; False is quicker where all of them are replaced anyway.
            branch: Whose; by default the branch of this deployment.

        Returns:
            What was done: nothing, where the table is the branch's own already, or in a base
            deployment.

        Raises:
            UnknownTable: The branch has no such table.
            TableInUse: Other transactions hold it, this process's own among them.
            CloneMissing: The branch's clone is not there, or set aside.
        """
        from branch_toolkit.warehouses.postgres.owning import Owned, own_by_itself, place_in

        base = schema or self.schemas[0]
        whose = branch or self.deployment.branch
        if whose is None:
            return Owned(schema=base, table=table, base=True)
        place = place_in(self.environment_of(whose, [base]), base)
        return own_by_itself(self.url, place, table, rows=rows, lock_timeout=self.lock_timeout)


def _note_use(environments: Environments, environment: Environment) -> None:
    """Records the use for the policy's idle time; a run does not fail for that."""
    try:
        environments.record_use(environment, now=datetime.now(tz=timezone.utc))
    except BranchToolkitError as error:
        _log.warning(
            "The use of the environment %s could not be recorded: %s", environment.name, error
        )


def _scaled(amount: float | None, unit: float) -> int | None:
    return None if amount is None else int(amount * unit)


def _unusable(
    environments: Environments, branch: Branch, base_schema: str, clone: OwnedSchema | None
) -> CloneMissing:
    expected = environments.clone_names(branch)[base_schema]
    state = f"set aside ({clone.mark.retired_because})" if clone else "missing"
    if clone is None:
        for facts in environments.warehouse.schemas(marked=False, names=[expected]):
            state = _why_not_ours(environments, facts)
    return CloneMissing(
        expected,
        base_schema=base_schema,
        environment=environments.name_of(branch),
        state=state,
    )


def _why_not_ours(environments: Environments, facts: SchemaFacts) -> str:
    try:
        OwnedSchema(facts, environments.territory)
    except SchemaNotOwned as error:
        return f"there, but not usable because {error.reason}"
    return "there, but of another branch"
