"""A code location whose warehouse and branch source the tests hold in their hands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from itertools import product

import dagster as dg

from branch_toolkit import BranchSource, Policy, build_branch_defs
from branch_toolkit.branches import Announcement
from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.branch import Branch, BranchKey, BranchSnapshot, BranchState, Project
from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.mark import Mark, encode
from branch_toolkit.core.plan import Hazard, Note, OnProgress, Plan, Report, silent
from branch_toolkit.core.strategy import Rule
from branch_toolkit.resources import WarehouseResource
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses import Warehouse
from branch_toolkit.warehouses.memory import MemorySchema, MemoryWarehouse

MODULE = __name__
BASES = ["analytics", "staging"]
CONTENT = {"analytics": {"orders": [{"id": 1}, {"id": 2}]}, "staging": {"raw": [{"id": 3}]}}


class WatchedWarehouse(MemoryWarehouse):
    """A warehouse in memory that can be made to fail, and to say something about what it clones.

    With `travels` it takes any point in the past for the present, and notes what it was asked for.
    """

    def __init__(self) -> None:
        super().__init__(CONTENT)
        self.before_apply: Callable[[Plan], None] = lambda _plan: None
        self.notes: tuple[Note, ...] = ()
        self.travels = False
        self.asked_as_of: list[AsOf | None] = []

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
        if self.travels:
            self.asked_as_of.append(as_of)
            as_of = None
        plan = super().plan_provision(
            environment, marks, beside=beside, replacing=replacing, rules=rules, as_of=as_of
        )
        return replace(plan, notes=self.notes)

    def apply(
        self,
        plan: Plan,
        *,
        allow: Collection[Hazard] = (),
        on_progress: OnProgress = silent,
        wait: bool = True,
    ) -> Report:
        self.before_apply(plan)
        return super().apply(plan, allow=allow, on_progress=on_progress, wait=wait)


@dataclass
class World:
    """What there is: a warehouse, and branches."""

    warehouse: WatchedWarehouse = field(default_factory=WatchedWarehouse)
    branches: list[Branch] = field(default_factory=list)
    complete: bool = True
    note: str | None = None
    on_open: Callable[[], None] = lambda: None
    on_snapshot: Callable[[], None] = lambda: None
    on_announce: Callable[[Announcement], None] = lambda _announcement: None
    told: dict[int, Announcement] = field(default_factory=dict)
    opened: int = 0

    def say(self, state: BranchState, number: int, name: str | None = None) -> None:
        """Makes the branch source say that of a pull request."""
        others = [branch for branch in self.branches if branch.key.number != number]
        name = name or f"feature/{number}"
        self.branches = [*others, Branch(key=BranchKey(number=number), name=name, state=state)]

    def open(self, *numbers: int) -> None:
        """Opens pull requests, or reopens them."""
        for number in numbers:
            self.say(BranchState.OPEN, number)

    def close(self, *numbers: int) -> None:
        """Closes pull requests without a merge."""
        for number in numbers:
            self.say(BranchState.CLOSED, number)

    def environments(self, project: Project = Project()) -> Environments:  # noqa: B008
        """The environments, seen not through Dagster."""
        return Environments(self.warehouse, project, tuple(BASES))

    def provide(self, *numbers: int) -> None:
        """Opens pull requests whose environments are there."""
        self.open(*numbers)
        for branch in self.branches:
            self.environments().provision(branch, now=datetime.now(tz=timezone.utc))

    def fill(self, count: int) -> None:
        """Makes that many open branches with their environments, fast and without a table."""
        now = datetime.now(tz=timezone.utc)
        self.open(*range(1, count + 1))
        for number, base in product(range(1, count + 1), BASES):
            mark = Mark(
                project="default",
                clone=f"{base}__pr_{number}",
                base_schema=base,
                database=self.warehouse.identity(),
                branch=f"feature/{number}",
                pull_request=number,
                created_at=now,
                last_used_at=now,
            )
            self.warehouse.held[mark.clone] = MemorySchema(comment=encode(mark))

    def states(self) -> dict[str, str]:
        """`active` or `retired` by environment."""
        found = self.environments().inventory().environments
        return {environment.name: environment.state for environment in found}

    def rows(self, schema: str, table: str) -> list[int]:
        """The ids in a table."""
        return [row["id"] for row in self.warehouse.held[schema].tables[table]]

    def base(self) -> dict[str, object]:
        """All of production, to see that nothing of it changed."""
        return {name: (self.warehouse.held[name].comment, self._tables(name)) for name in BASES}

    def _tables(self, schema: str) -> dict[str, list[object]]:
        held = self.warehouse.held[schema].tables
        return {table: list(rows) for table, rows in held.items()}


worlds: dict[str, World] = {}
"""By name, since a resource's fields are configuration and Dagster copies the resource."""


class HeldWarehouse(WarehouseResource):
    """The warehouse of a world."""

    world: str = "it"

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        world = worlds[self.world]
        world.opened += 1
        world.on_open()
        yield world.warehouse


class ToldBranches(BranchSource):
    """The branches of a world."""

    world: str = "it"
    tells: bool = False

    @property
    def announces(self) -> bool:
        return self.tells

    def announce(self, announcement: Announcement) -> None:
        world = worlds[self.world]
        world.on_announce(announcement)
        world.told[announcement.number] = announcement

    def snapshot(self) -> BranchSnapshot:
        world = worlds[self.world]
        world.on_snapshot()
        return BranchSnapshot(
            branches=tuple(world.branches),
            complete=world.complete,
            source="the forge",
            note=world.note,
        )


def definitions(
    *,
    world: str = "it",
    policy: Policy | None = None,
    repository: str | None = None,
    announces: bool = False,
) -> dg.Definitions:
    """What a user writes, on a world."""
    return build_branch_defs(
        warehouse=HeldWarehouse(world=world, schemas=BASES, repository=repository),
        branches=ToldBranches(world=world, tells=announces),
        policy=policy,
        # Nothing waits for the next tick but the tests of the sensors' own back-off.
        sensor_interval=1,
        sensor_status=dg.DefaultSensorStatus.RUNNING,
        dagster_url="https://dagster.acme.example/prod/" if announces else None,
    )


defs = definitions(world="daemon")
