"""Snowflake behind the port: reads by SHOW, composes plans, applies each under a lock.

What the port calls a schema is a schema of one database, or else a whole database of the account.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.environment import OwnedSchema, SchemaFacts
from branch_toolkit.core.errors import EnvironmentBusy
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.names import SNOWFLAKE, Dialect
from branch_toolkit.core.plan import (
    Hazard,
    Note,
    OnProgress,
    Plan,
    Progress,
    Report,
    Result,
    silent,
)
from branch_toolkit.core.strategy import Rule
from branch_toolkit.warehouses import Server
from branch_toolkit.warehouses.snowflake import needs, queries
from branch_toolkit.warehouses.snowflake.bodies import leaking
from branch_toolkit.warehouses.snowflake.building import Building, Course
from branch_toolkit.warehouses.snowflake.choosing import CloneBy, Wishes
from branch_toolkit.warehouses.snowflake.dropping import (
    DropPlan,
    compose_drop,
    drop_hidden,
    hide,
    require_unused,
)
from branch_toolkit.warehouses.snowflake.locking import Lock, Locking
from branch_toolkit.warehouses.snowflake.marking import compose_marks
from branch_toolkit.warehouses.snowflake.names import Place, fold
from branch_toolkit.warehouses.snowflake.planning import MakingPlan, Sketch
from branch_toolkit.warehouses.snowflake.provisioning import moves_of, plan_making
from branch_toolkit.warehouses.snowflake.session import Connect, Session, opened
from branch_toolkit.warehouses.snowflake.statements import TimeTravel

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class SnowflakeAdapter:
    """A Snowflake database behind the `Warehouse` port.

    Args:
        session: What it is asked by, and where statements are executed one after the other.
        wishes: What the user has said about clones.
        base_schemas: What is cloned, as a user writes it; for advice.
        threads: How many statements are executed at the same time where tables are cloned.
        tag: The tag that clones get, as `database.schema.tag`.
        lock_lease: Seconds that the lock on an environment lasts without being renewed.
        patience: Seconds to wait for another run on the same environment.
    """

    session: Session
    wishes: Wishes = field(default_factory=Wishes)
    base_schemas: Sequence[str] = ()
    threads: int = 8
    tag: str | None = None
    lock_lease: float = 120.0
    patience: float = 3600.0

    @classmethod
    @contextmanager
    def connect(
        cls,
        connect: Connect,
        *,
        database: str | None,
        clone_by: str = "auto",
        transient: bool | None = None,
        managed_access: bool | None = None,
        retention_days: int | None = None,
        branch_role: str | None = None,
        **options: Any,
    ) -> Iterator[SnowflakeAdapter]:
        """The database of that stored name, with options as above and as in `Wishes`.

        Without a database, it is the account: environments are clones of whole databases.
        """
        wishes = Wishes(
            clone_by=CloneBy(clone_by),
            transient=transient,
            managed_access=managed_access,
            retention_days=retention_days,
            branch_role=branch_role,
        )
        with opened(connect, database) as session:
            yield cls(session, wishes, **options)

    @property
    def dialect(self) -> Dialect:
        """See `Warehouse.dialect`."""
        return SNOWFLAKE

    def server(self) -> Server:
        """See `Warehouse.server`."""
        return queries.server(self.session)

    def identity(self) -> str:
        """The account, the database, and when it was made."""
        return queries.identity(self.session)

    def schemas(
        self,
        *,
        marked: bool = True,
        names: Collection[str] | None = None,
        sizes: bool = False,
    ) -> Sequence[SchemaFacts]:
        """See `Warehouse.schemas`."""
        return queries.schema_facts(self.session, marked=marked, names=names, sizes=sizes)

    def missing_grants(self, base_schemas: Sequence[str]) -> Sequence[str]:
        """See `Warehouse.missing_grants`."""
        bases = self._bases(base_schemas)
        queries.require_bases(self.session, bases)
        return needs.missing_grants(self.session, bases)

    def advice(self) -> Sequence[Note]:
        """See `Warehouse.advice`."""
        bases = self._bases(self.base_schemas)
        notes = needs.advice(self.session, bases, self.wishes.branch_role)
        return [*notes, *self._of_sizes()]

    def examine(self, clones: Sequence[OwnedSchema]) -> Sequence[Note]:
        """See `Warehouse.examine`."""
        rows = queries.schema_rows(self.session)
        bases = moves_of(self.session, clones).keys()
        return [
            Note(f"{clone.name}: {one.shown}", "leads to base, or may do so")
            for clone in clones
            if clone.name in rows
            for one in leaking(self.session, self._at(clone.name), bases)
        ]

    def tables(self, clones: Sequence[OwnedSchema]) -> Mapping[tuple[str, str], bool]:
        """See `Warehouse.tables`; in Snowflake nothing is deferred."""
        return {
            (clone.name, place.shown(schema, str(row["name"]))): False
            for clone in clones
            for place in [self._at(clone.name)]
            for schema in queries.schemas_in(self.session, place)
            for kind in ("TABLES", "VIEWS")
            for row in queries.objects(self.session, kind, schema)
        }

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
        if not marks:
            return Plan(verb="provision", environment=environment)
        sketch = Sketch(
            home=self.session.home,
            environment=environment,
            marks=marks,
            beside=beside,
            replacing=replacing,
            rules=rules,
            at=None if as_of is None else TimeTravel(time=as_of.time, before=as_of.before),
            branch_role=self.wishes.branch_role,
            tag=self.tag,
        )
        return plan_making(self.session, sketch, self.wishes)

    def plan_marks(
        self, verb: str, environment: str, changes: Sequence[tuple[OwnedSchema, Mark]]
    ) -> Plan:
        """See `Warehouse.plan_marks`.

        Raises:
            CannotUndrop: To be retired is what could not be brought back once it is dropped.
        """
        return compose_marks(
            self.session,
            verb,
            environment,
            changes,
            without_undrop=self.wishes.retention_days == 0,
        )

    def plan_drop(self, environment: str, clones: Sequence[OwnedSchema]) -> Plan:
        """See `Warehouse.plan_drop`."""
        require_unused(self.session, clones)
        taken = queries.schema_rows(self.session)
        return compose_drop(environment, clones, self.session.home, taken=taken)

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
        locking = Locking(self.session.connect, self.session.database, self.lock_lease)
        session = self.session
        session.retag(verb=plan.verb, environment=plan.environment)
        while True:
            with locking.hold(session, plan.environment) as lock:
                if lock is not None:
                    results = self._apply(session, lock, plan, on_progress)
                    seconds = time.monotonic() - started
                    return Report(plan=plan, applied=True, results=tuple(results), seconds=seconds)
            self._wait(plan, on_progress, locking, until=started + patience)

    def _apply(
        self, session: Session, lock: Lock, plan: Plan, on_progress: OnProgress
    ) -> list[Result]:
        queries.check_again(session, plan.expects)
        course = Course(lock, on_progress, len(plan.statements))
        if isinstance(plan, MakingPlan):
            return Building(session, session.connect, self.threads, course).build(plan)
        if isinstance(plan, DropPlan):
            return _drop(session, plan, course)
        return [course.run(session, statement) for statement in plan.statements]

    def _of_sizes(self) -> Iterator[Note]:
        if not queries.tells_bytes(self.session, self._bases(self.base_schemas)):
            # https://docs.snowflake.com/en/sql-reference/info-schema/table_storage_metrics
            yield Note(
                "To see sizes, name a virtual warehouse, and ask as a role that owns the clones.",
                "TABLE_STORAGE_METRICS could not be read: lists show how many rows environments"
                " have, and not what they cost",
            )

    def _wait(self, plan: Plan, on_progress: OnProgress, locking: Locking, *, until: float) -> None:
        """Waits until the environment seems to be free, or the lock on it may have lapsed."""
        if time.monotonic() >= until:
            raise EnvironmentBusy(
                f"Another run works on {plan.environment!r}.",
                remedy="See the runs with its tag in the Dagster UI; nothing was changed here. The"
                f" lock of a run that was killed lapses within {self.lock_lease:g} seconds.",
            )
        text = "another run works on this environment; waiting for it"
        on_progress(Progress(done=0, total=len(plan.statements), text=text))
        lapses = time.monotonic() + self.lock_lease / 4
        while time.monotonic() < min(until, lapses):
            time.sleep(min(_POLL_SECONDS, self.lock_lease / 4))
            if not locking.is_held(self.session, plan.environment):
                return

    def _bases(self, base_schemas: Sequence[str]) -> list[Place]:
        return [self._at(fold(base)) for base in base_schemas]

    def _at(self, name: str) -> Place:
        return self.session.home.named(name)


def _drop(session: Session, plan: DropPlan, course: Course) -> list[Result]:
    results = []
    for doomed in plan.doomed:
        course.lock.require()
        started = time.monotonic()
        hide(session, doomed)
        course.lock.require()
        drop_hidden(session, doomed)
        for _ in doomed.hiding:
            course.done += 1
        results.append(course.tell(doomed.dropping, seconds=time.monotonic() - started))
    return results
