"""Postgres behind the port: reads catalogs, composes plans, applies each in one transaction."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy

from branch_toolkit.core.environment import OwnedSchema, SchemaFacts
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    EnvironmentBusy,
    MissingRight,
    SchemaNotOwned,
    StalePlan,
)
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.names import POSTGRES, Dialect
from branch_toolkit.core.plan import (
    Expectation,
    Hazard,
    OnProgress,
    Plan,
    Progress,
    Report,
    silent,
)
from branch_toolkit.core.strategy import Rule
from branch_toolkit.warehouses import Server
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.applying import (
    audit,
    check_base,
    dropped_schemas,
    execute,
    hold_base,
    hold_dropped,
    read_base,
    require_unused,
)
from branch_toolkit.warehouses.postgres.connection import bound_waiting, create_engine, transaction
from branch_toolkit.warehouses.postgres.provisioning import ProvisionPlan, clones_of, compose
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.statements import drop_schema, mark_schema

_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class PostgresAdapter:
    """A Postgres database behind the `Warehouse` port.

    Args:
        engine: SQLAlchemy on psycopg 3.
        lock_timeout: Seconds to wait for a lock on a base table.
        patience: Seconds to wait for another run on the same environment.
    """

    engine: sqlalchemy.Engine
    lock_timeout: float = 5.0
    patience: float = 3600.0

    @classmethod
    @contextmanager
    def connect(cls, url: str, *, lock_timeout: float = 5.0) -> Iterator[PostgresAdapter]:
        """The database at a URL; no connection outlives the block."""
        engine = create_engine(url)
        try:
            yield cls(engine, lock_timeout=lock_timeout)
        finally:
            engine.dispose()

    @property
    def dialect(self) -> Dialect:
        """See `Warehouse.dialect`."""
        return POSTGRES

    def identity(self) -> str:
        """The cluster's system identifier and the database's oid."""
        with self._transaction() as connection:
            return queries.identity(connection)

    def server(self) -> Server:
        """See `Warehouse.server`."""
        with self._transaction() as connection:
            return queries.server(connection)

    def schemas(
        self, *, marked: bool = True, names: Collection[str] | None = None
    ) -> Sequence[SchemaFacts]:
        """See `Warehouse.schemas`."""
        with self._transaction() as connection:
            return queries.schema_facts(connection, marked=marked, names=names)

    def missing_grants(self, base_schemas: Sequence[str]) -> Sequence[str]:
        """See `Warehouse.missing_grants`."""
        with self._transaction() as connection:
            self._require_bases(connection, base_schemas)
            return queries.missing_grants(connection, base_schemas)

    def plan_provision(
        self,
        environment: str,
        marks: Sequence[Mark],
        *,
        beside: Sequence[OwnedSchema] = (),
        replacing: Sequence[OwnedSchema] = (),
        rules: Sequence[Rule] = (),
    ) -> Plan:
        """See `Warehouse.plan_provision`."""
        if not marks:
            return Plan(verb="provision", environment=environment)
        bases = [mark.base_schema for mark in marks]
        with self._transaction() as connection:
            self._require_bases(connection, bases)
            self._require_rights(connection, bases)
            _require_free(connection, marks, replacing)
            require_unused(connection, [clone.name for clone in replacing])
            clones = clones_of(marks, beside)
            structure = read_base(connection, clones, rules)
            outward = queries.outward(connection, list(clones))
        return compose(
            environment,
            marks,
            structure,
            outward,
            beside=beside,
            replacing=replacing,
            rules=rules,
        )

    def plan_marks(
        self, verb: str, environment: str, changes: Sequence[tuple[OwnedSchema, Mark]]
    ) -> Plan:
        """See `Warehouse.plan_marks`."""
        return Plan(
            verb=verb,
            environment=environment,
            statements=tuple(mark_schema(clone.name, mark) for clone, mark in changes),
            expects=tuple(_unchanged(clone) for clone, _ in changes),
        )

    def plan_drop(self, environment: str, clones: Sequence[OwnedSchema]) -> Plan:
        """See `Warehouse.plan_drop`."""
        with self._transaction() as connection:
            require_unused(connection, [clone.name for clone in clones])
        return Plan(
            verb="drop",
            environment=environment,
            statements=tuple(drop_schema(clone.name) for clone in clones),
            expects=tuple(map(_unchanged, clones)),
        )

    def apply(
        self, plan: Plan, *, allow: Collection[Hazard] = (), on_progress: OnProgress = silent
    ) -> Report:
        """See `Warehouse.apply`."""
        plan.require(allow)
        started = time.monotonic()
        while (report := self._try_apply(plan, on_progress)) is None:
            if time.monotonic() - started > self.patience:
                raise EnvironmentBusy(
                    f"Another run has been working on {plan.environment!r} for"
                    f" {self.patience:.0f} seconds.",
                    remedy="See the runs with its tag in the Dagster UI; nothing was changed here.",
                )
            text = "another run works on this environment; waiting for it"
            on_progress(Progress(done=0, total=len(plan.statements), text=text))
            time.sleep(_POLL_SECONDS)
        return report

    def _try_apply(self, plan: Plan, on_progress: OnProgress) -> Report | None:
        """Applies the plan, or returns None if another run works on the environment."""
        started = time.monotonic()
        # One snapshot for all tables, so that the copies agree with each other.
        isolation = "REPEATABLE READ" if isinstance(plan, ProvisionPlan) else "READ COMMITTED"
        with self._transaction(isolation=isolation) as connection:
            hold_base(connection, plan)
            if not queries.try_lock(connection, plan.environment):
                return None
            hold_dropped(connection, plan)
            check_base(connection, plan)
            self._check_again(plan)
            results = execute(connection, plan, on_progress)
            audit(connection, plan)
        return Report(plan=plan, applied=True, results=results, seconds=time.monotonic() - started)

    @contextmanager
    def _transaction(self, *, isolation: str = "READ COMMITTED") -> Iterator[Connection]:
        with transaction(self.engine, isolation=isolation) as connection:
            bound_waiting(connection, lock_timeout=self.lock_timeout)
            yield connection

    def _check_again(self, plan: Plan) -> None:
        # On a connection of its own: the applying transaction may have a snapshot from just before
        # the last holder of the environment's lock, or somebody else, committed.
        with self._transaction() as connection:
            found = queries.comments(connection, [expected.schema for expected in plan.expects])
            require_unused(connection, dropped_schemas(plan))
        for expected in plan.expects:
            absent = expected.schema not in found
            if absent != (expected.comment is None) or (
                not absent and found[expected.schema] != expected.comment
            ):
                raise StalePlan(
                    f"Schema {expected.schema!r} changed after the plan was made; nothing was"
                    " done.",
                    remedy="Plan again.",
                )

    def _require_bases(self, connection: Connection, base_schemas: Sequence[str]) -> None:
        found = queries.schema_names(connection)
        for schema in base_schemas:
            if schema not in found:
                system = ("pg_", "information_schema")
                listed = [name for name in found if not name.startswith(system)]
                raise BaseSchemaNotFound(
                    schema, database=str(self.engine.url.database), found=listed
                )

    def _require_rights(self, connection: Connection, base_schemas: Sequence[str]) -> None:
        if grants := queries.missing_grants(connection, base_schemas):
            raise MissingRight(
                f"Role {self.engine.url.username!r} lacks {len(grants)} right(s) to clone"
                f" {', '.join(base_schemas)}; nothing was made.",
                remedy="Have an owner execute: " + "; ".join(grants) + ".",
            )


def _require_free(
    connection: Connection, marks: Sequence[Mark], replacing: Sequence[OwnedSchema]
) -> None:
    replaced = {clone.name for clone in replacing}
    names = [mark.clone for mark in marks if mark.clone not in replaced]
    for name, comment in queries.comments(connection, names).items():
        marked = "" if comment else " without a mark"
        raise SchemaNotOwned(
            name,
            reason=f"a schema of that name exists{marked}, and is not a clone of this environment",
        )


def _unchanged(clone: OwnedSchema) -> Expectation:
    return Expectation(clone.name, clone.facts.comment)
