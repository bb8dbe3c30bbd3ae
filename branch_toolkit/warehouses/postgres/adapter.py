"""Postgres behind the port: reads catalogs, composes plans, applies each in one transaction."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.environment import BranchRoles, OwnedSchema, SchemaFacts
from branch_toolkit.core.errors import EnvironmentBusy, NoTimeTravel
from branch_toolkit.core.mark import BUILDING, DROPPING, Mark
from branch_toolkit.core.names import POSTGRES, Dialect
from branch_toolkit.core.plan import (
    Expectation,
    Hazard,
    Note,
    OnProgress,
    Plan,
    Progress,
    Report,
    silent,
)
from branch_toolkit.core.strategy import Rule
from branch_toolkit.warehouses import Server
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.applying import read_base
from branch_toolkit.warehouses.postgres.attempt import Attempt
from branch_toolkit.warehouses.postgres.batches import MOST_BYTES, MOST_RELATIONS
from branch_toolkit.warehouses.postgres.building import Loading
from branch_toolkit.warehouses.postgres.checking import require_unused
from branch_toolkit.warehouses.postgres.conditions import check_conditions
from branch_toolkit.warehouses.postgres.connection import bound_waiting, create_engine, transaction
from branch_toolkit.warehouses.postgres.disk import copied_bytes, require_room
from branch_toolkit.warehouses.postgres.dropping import (
    compose_drop,
)
from branch_toolkit.warehouses.postgres.examining import examine_clones
from branch_toolkit.warehouses.postgres.mending import plan_mend
from branch_toolkit.warehouses.postgres.preconditions import (
    require_bases,
    require_free,
    require_not_taken,
    require_rights,
)
from branch_toolkit.warehouses.postgres.provisioning import (
    Base,
    Sketch,
    clones_of,
    compose,
)
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.roles import (
    BranchRole,
    drop_roles,
    find_role,
    role_advice,
)
from branch_toolkit.warehouses.postgres.staging import building_names, compose_staged
from branch_toolkit.warehouses.postgres.statements import drop_schema, mark_schema
from branch_toolkit.warehouses.postgres.structure import Structure, read_fingerprint

_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class PostgresAdapter:
    """A Postgres database behind the `Warehouse` port.

    Args:
        engine: SQLAlchemy on psycopg 3.
        lock_timeout: Seconds to wait for a lock on a base table.
        patience: Seconds to wait for another run on the same environment.
        connections: How many connections copy the rows of a large environment.
        throttle: Most bytes that they copy per second; None for no limit.
        max_copy_bytes: Most bytes that one plan may copy; None for as many as the disk has room
            for, where that can be told.
        branch_roles: Whether environments get a role of their own.
        read_role: The role through which they read base; None for `pg_read_all_data`.
    """

    engine: sqlalchemy.Engine
    lock_timeout: float = 5.0
    patience: float = 3600.0
    connections: int = 2
    throttle: float | None = None
    max_copy_bytes: int | None = None
    branch_roles: BranchRoles = BranchRoles.OFF
    read_role: str | None = None

    @classmethod
    @contextmanager
    def connect(cls, url: str, **options: Any) -> Iterator[PostgresAdapter]:
        """The database at a URL, with options as above; no connection outlives the block."""
        engine = create_engine(url)
        try:
            yield cls(engine, **options)
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
        self,
        *,
        marked: bool = True,
        names: Collection[str] | None = None,
        sizes: bool = False,
    ) -> Sequence[SchemaFacts]:
        """See `Warehouse.schemas`."""
        with self._transaction() as connection:
            return queries.schema_facts(connection, marked=marked, names=names)

    def missing_grants(self, base_schemas: Sequence[str]) -> Sequence[str]:
        """See `Warehouse.missing_grants`."""
        with self._transaction() as connection:
            require_bases(connection, base_schemas)
            return queries.missing_grants(connection, base_schemas)

    def advice(self) -> Sequence[Note]:
        """See `Warehouse.advice`."""
        with self._transaction() as connection:
            return role_advice(connection, wanted=self.branch_roles, reader=self.read_role)

    def examine(self, clones: Sequence[OwnedSchema]) -> Sequence[Note]:
        """See `Warehouse.examine`."""
        with self._transaction() as connection:
            return examine_clones(connection, clones)

    def tables(self, clones: Sequence[OwnedSchema]) -> Mapping[tuple[str, str], bool]:
        """See `Warehouse.tables`."""
        with self._transaction() as connection:
            return queries.tables_of_clones(connection, [clone.name for clone in clones])

    def plan_provision(
        self,
        environment: str,
        marks: Sequence[Mark],
        *,
        beside: Sequence[OwnedSchema] = (),
        replacing: Sequence[OwnedSchema] = (),
        rules: Sequence[Rule] = (),
        as_of: AsOf | None = None,
    ) -> Plan:
        """See `Warehouse.plan_provision`."""
        if as_of is not None:
            raise NoTimeTravel("Postgres")
        if not marks:
            with self._transaction() as connection:
                return plan_mend(connection, environment, beside)
        bases = [mark.base_schema for mark in marks]
        # One snapshot, so that what is altered meanwhile is not read by halves.
        with self._transaction(isolation="REPEATABLE READ") as connection:
            require_bases(connection, bases)
            require_rights(connection, bases)
            require_free(connection, marks, replacing)
            require_unused(connection, [clone.name for clone in replacing])
            # What is made of base's views and functions may have to see what is not cloned.
            schema_only = any(mark.schema_only for mark in marks)
            reads_base = not schema_only or bool(queries.outward(connection, bases))
            role, without = self._find_role(connection, environment, marks, reads_base=reads_base)
            sketch = Sketch(environment, marks, beside, replacing, rules, role, without)
            if self._exceeds(connection, bases, replacing):
                return self._plan_staged(connection, sketch)
            base = self._read(connection, clones_of(marks, beside), rules)
            if copied_bytes(base.structure, bases) > MOST_BYTES:
                return self._plan_staged(connection, sketch)
            self._require_room(connection, base.structure, bases)
        return compose(sketch, base)

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
        names = [clone.name for clone in clones]
        expects = tuple(map(_unchanged, clones))
        with self._transaction() as connection:
            require_unused(connection, names)
            objects = queries.relations(connection, names)
            if objects > MOST_RELATIONS:
                return self._plan_batched(connection, environment, clones, objects, expects)
            roles, notes = drop_roles(connection, environment, [clone.mark for clone in clones])
        return Plan(
            verb="drop",
            environment=environment,
            statements=(*(drop_schema(clone.name, clone.mark) for clone in clones), *roles),
            expects=expects,
            notes=notes,
        )

    def apply(
        self,
        plan: Plan,
        *,
        allow: Collection[Hazard] = (),
        on_progress: OnProgress = silent,
        wait: bool = True,
    ) -> Report:
        """See `Warehouse.apply`."""
        plan.require(allow)
        started = time.monotonic()
        patience = self.patience if wait else 0
        loading = Loading(self.engine, self.connections, self.throttle)
        attempt = Attempt(self.engine, self.lock_timeout, loading)
        while (report := attempt.apply(plan, on_progress)) is None:
            if time.monotonic() - started >= patience:
                raise EnvironmentBusy(
                    f"Another run has been working on {plan.environment!r} for"
                    f" {patience:.0f} seconds.",
                    remedy="See the runs with its tag in the Dagster UI; nothing was changed here.",
                )
            text = "another run works on this environment; waiting for it"
            on_progress(Progress(done=0, total=len(plan.statements), text=text))
            time.sleep(_POLL_SECONDS)
        return report

    def _exceeds(
        self, connection: Connection, bases: Sequence[str], replacing: Sequence[OwnedSchema]
    ) -> bool:
        """Whether there are more tables and views than one transaction may make and drop."""
        schemas = [*bases, *(clone.name for clone in replacing)]
        return queries.relations(connection, schemas) > MOST_RELATIONS

    def _plan_staged(self, connection: Connection, sketch: Sketch) -> Plan:
        names = building_names(sketch.marks, sketch.beside)
        require_not_taken(connection, sketch.marks, BUILDING)
        require_not_taken(connection, [clone.mark for clone in sketch.replacing], DROPPING)
        base = self._read(connection, names, sketch.rules)
        self._require_room(connection, base.structure, [mark.base_schema for mark in sketch.marks])
        return compose_staged(
            sketch,
            base,
            replaced_objects=queries.relations(
                connection, [clone.name for clone in sketch.replacing]
            ),
        )

    def _plan_batched(
        self,
        connection: Connection,
        environment: str,
        clones: Sequence[OwnedSchema],
        objects: int,
        expects: Sequence[Expectation],
    ) -> Plan:
        whole = [clone.mark for clone in clones if clone.mark.condition is None]
        require_not_taken(connection, whole, DROPPING)
        return compose_drop(environment, clones, objects=objects, expects=expects)

    def _read(
        self, connection: Connection, clones: Mapping[str, str], rules: Sequence[Rule]
    ) -> Base:
        structure = read_base(connection, clones, rules)
        check_conditions(connection, structure.tables, rules)
        return Base(
            structure,
            queries.outward(connection, list(clones)),
            read_fingerprint(connection, list(clones), structure.made),
        )

    def _find_role(
        self,
        connection: Connection,
        environment: str,
        marks: Sequence[Mark],
        *,
        reads_base: bool,
    ) -> tuple[BranchRole | None, str]:
        return find_role(
            connection,
            environment,
            project=marks[0].project,
            database=marks[0].database,
            wanted=self.branch_roles,
            reader=self.read_role,
            schemas=[mark.base_schema for mark in marks],
            reads_base=reads_base,
        )

    def _require_room(
        self, connection: Connection, structure: Structure, bases: Collection[str]
    ) -> None:
        wanted = copied_bytes(structure, bases)
        require_room(connection, wanted, max_copy_bytes=self.max_copy_bytes)

    @contextmanager
    def _transaction(self, *, isolation: str = "READ COMMITTED") -> Iterator[Connection]:
        with transaction(self.engine, isolation=isolation) as connection:
            bound_waiting(connection, lock_timeout=self.lock_timeout)
            yield connection


def _unchanged(clone: OwnedSchema) -> Expectation:
    return Expectation(clone.name, clone.facts.comment)
