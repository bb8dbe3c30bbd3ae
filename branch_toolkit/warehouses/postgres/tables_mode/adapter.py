"""Postgres in tables mode behind the port: clones are groups of tables in one schema."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.environment import OwnedSchema, SchemaFacts
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
from branch_toolkit.warehouses.postgres import queries as postgres
from branch_toolkit.warehouses.postgres.connection import bound_waiting, create_engine, transaction
from branch_toolkit.warehouses.postgres.disk import require_room
from branch_toolkit.warehouses.postgres.preconditions import require_bases
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.tables_mode import groups, queries, statements
from branch_toolkit.warehouses.postgres.tables_mode.applying import Attempt
from branch_toolkit.warehouses.postgres.tables_mode.examining import examine_groups, role_advice
from branch_toolkit.warehouses.postgres.tables_mode.locating import Group, all_tables
from branch_toolkit.warehouses.postgres.tables_mode.planning import (
    GroupsPlan,
    choose_rules,
    compose,
    new_group,
)
from branch_toolkit.warehouses.postgres.tables_mode.sampling import check_samples

_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class TablesAdapter:
    """A Postgres database in tables mode behind the `Warehouse` port.

    Args:
        engine: SQLAlchemy on psycopg 3.
        branch_schema: The schema in which all branches' tables are.
        lock_timeout: Seconds to wait for a lock on a base table.
        patience: Seconds to wait for another run on the same environment.
        max_copy_bytes: Most bytes that one plan may copy; None for as many as the disk has room
            for, where that can be told.
        rules: How tables get into groups; for what is asked about those that are there.
        read_only: The base schemas that the role should not be able to change: in a branch
            deployment all of them.
    """

    engine: sqlalchemy.Engine
    branch_schema: str
    lock_timeout: float = 5.0
    patience: float = 3600.0
    max_copy_bytes: int | None = None
    rules: tuple[Rule, ...] = ()
    read_only: tuple[str, ...] = ()

    @classmethod
    @contextmanager
    def connect(cls, url: str, **options: Any) -> Iterator[TablesAdapter]:
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
            return postgres.identity(connection)

    def server(self) -> Server:
        """See `Warehouse.server`."""
        with self._transaction() as connection:
            return postgres.server(connection)

    def schemas(
        self,
        *,
        marked: bool = True,
        names: Collection[str] | None = None,
        sizes: bool = False,
    ) -> Sequence[SchemaFacts]:
        """The groups, as if they were schemas; unless only marked ones are asked for, those too.

        Schemas with a mark are another warehouse's: one that is not in tables mode.
        """
        with self._transaction() as connection:
            found = queries.group_facts(connection, self.branch_schema, marked=marked, names=names)
            if marked:
                return found
            there = {facts.name for facts in found}
            schemas = postgres.schema_facts(connection, marked=False, names=names)
            return [*found, *(facts for facts in schemas if facts.name not in there)]

    def tables(self, clones: Sequence[OwnedSchema]) -> Mapping[tuple[str, str], bool]:
        """The tables of clones, by clone and base table, and whether each is read from base."""
        with self._transaction() as connection:
            there = [Group(self.branch_schema, "", c.mark, self.rules) for c in clones]
            return all_tables(connection, there)

    def missing_grants(self, base_schemas: Sequence[str]) -> Sequence[str]:
        """See `Warehouse.missing_grants`."""
        with self._transaction() as connection:
            require_bases(connection, base_schemas)
            return queries.missing_grants(connection, self.branch_schema, base_schemas)

    def advice(self) -> Sequence[Note]:
        """What the role may change in production, if it is one of branches only."""
        with self._transaction() as connection:
            return role_advice(connection, self.read_only)

    def examine(self, clones: Sequence[OwnedSchema]) -> Sequence[Note]:
        """See `Warehouse.examine`."""
        with self._transaction() as connection:
            return examine_groups(connection, self.branch_schema, clones)

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
            # What is read from base needs no mending when base is altered.
            return Plan(verb="provision", environment=environment)
        bases = [mark.base_schema for mark in marks]
        every = list(dict.fromkeys([*bases, *(clone.mark.base_schema for clone in beside)]))
        with self._transaction(isolation="REPEATABLE READ") as connection:
            require_bases(connection, every)
            groups.require_rights(connection, self.branch_schema, bases)
            replaced = {clone.name for clone in replacing}
            groups.require_free(connection, self.branch_schema, marks, replaced)
            tables = queries.base_tables(connection, every)
            chosen = choose_rules(rules, tables)
            made = [new_group(self.branch_schema, mark, tables, chosen) for mark in marks]
            plan = compose(
                environment,
                self.branch_schema,
                verb="refresh" if replacing else "provision",
                drop=replacing,
                members=self._members(connection, replacing),
                make=[group for group, _ in made],
                expects=tuple(map(_unchanged, beside)),
                notes=[note for _, notes in made for note in notes],
            )
            self._require_possible(connection, plan)
            check_samples(connection, plan.members)
        return plan

    def plan_marks(
        self, verb: str, environment: str, changes: Sequence[tuple[OwnedSchema, Mark]]
    ) -> Plan:
        """See `Warehouse.plan_marks`."""
        schema = self.branch_schema
        return Plan(
            verb=verb,
            environment=environment,
            statements=tuple(
                statements.shown_mark(schema, clone.name, mark) for clone, mark in changes
            ),
            expects=tuple(_unchanged(clone) for clone, _ in changes),
        )

    def plan_drop(self, environment: str, clones: Sequence[OwnedSchema]) -> Plan:
        """See `Warehouse.plan_drop`."""
        with self._transaction() as connection:
            plan = compose(
                environment,
                self.branch_schema,
                verb="drop",
                drop=clones,
                members=self._members(connection, clones),
            )
            self._require_possible(connection, plan)
        return plan

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
        attempt = Attempt(self.engine, self.branch_schema, self.lock_timeout)
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

    def _members(self, connection: Connection, clones: Sequence[OwnedSchema]) -> groups.Members:
        """The groups' members.

        Raises:
            SchemaInUse: Something outside depends on one.
        """
        marks = groups.marks_by_name(clones)
        found = groups.members_of(connection, self.branch_schema, marks)
        anchors = queries.tables(connection, self.branch_schema, list(marks))
        oids = [one.oid for pairs in found.values() for one, _ in pairs]
        oids += [anchor.oid for anchor in anchors.values()]
        groups.require_unused(connection, list(marks), oids)
        return found

    def _require_possible(self, connection: Connection, plan: GroupsPlan) -> None:
        dropped = groups.members_of(connection, self.branch_schema, groups.marks_by_name(plan.drop))
        old = {found.name for pairs in dropped.values() for found, _ in pairs}
        new = [member.name for member in plan.members if member.name not in old]
        groups.require_members_free(connection, self.branch_schema, new)
        if plan.in_parts:
            whole = [clone.mark for clone in plan.drop if clone.mark.condition is None]
            making = [group.mark for group in plan.make]
            groups.require_not_taken(connection, self.branch_schema, whole, DROPPING)
            groups.require_not_taken(connection, self.branch_schema, making, BUILDING)
        wanted = sum(member.size_bytes for member in plan.members)
        require_room(connection, wanted, max_copy_bytes=self.max_copy_bytes)

    @contextmanager
    def _transaction(self, *, isolation: str = "READ COMMITTED") -> Iterator[Connection]:
        with transaction(self.engine, isolation=isolation) as connection:
            bound_waiting(connection, lock_timeout=self.lock_timeout)
            yield connection


def _unchanged(clone: OwnedSchema) -> Expectation:
    return Expectation(clone.name, clone.facts.comment)
