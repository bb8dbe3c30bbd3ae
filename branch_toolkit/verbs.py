"""The verbs: observe, plan, apply. Jobs, sensors, resources and the CLI all call these.

Each is idempotent and may run at the same time as any other: what the plan expects is checked
again inside the transaction that applies it, and a plan that is out of date is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from branch_toolkit.core.branch import Branch, BranchKey, Project, same_repository
from branch_toolkit.core.environment import (
    Environment,
    Inventory,
    Territory,
    missing_schemas,
    take_inventory,
)
from branch_toolkit.core.errors import NotDue, SchemaNotOwned, StalePlan
from branch_toolkit.core.mark import CONDITIONS, Mark
from branch_toolkit.core.names import clone_names, environment_name, half_name
from branch_toolkit.core.plan import Hazard, OnProgress, Plan, Report, foresee, join, silent
from branch_toolkit.core.strategy import Rule
from branch_toolkit.warehouses import Warehouse

_ATTEMPTS = 10


@dataclass(frozen=True)
class Environments:
    """The environments of a project in a warehouse.

    Args:
        warehouse: Where they are.
        project: Whose they are.
        schemas: The base schemas that each clones.
        rules: How each table gets into its clone; what no rule matches is deferred.
    """

    warehouse: Warehouse
    project: Project
    schemas: tuple[str, ...]
    rules: tuple[Rule, ...] = ()

    @cached_property
    def territory(self) -> Territory:
        """What is ours and what is not."""
        fold = self.warehouse.dialect.fold
        return Territory(
            self.project, self.warehouse.identity(), frozenset(map(fold, self.schemas))
        )

    def inventory(self) -> Inventory:
        """What the warehouse holds now."""
        return take_inventory(self.warehouse.schemas(), self.territory)

    def adopt(self, branch: Branch) -> Branch:
        """The branch, identified within this project."""
        return self.project.adopt([branch])[0]

    def name_of(self, branch: Branch) -> str:
        """The name of a branch's environment."""
        return self.name_for(self.adopt(branch).key)

    def name_for(self, key: BranchKey) -> str:
        """The name of an environment, given the branch's identity within this project."""
        return environment_name(key, project=self.project.name)

    def clone_names(self, branch: Branch) -> Mapping[str, str]:
        """The names of a branch's clones, by base schema, whether they are there or not.

        Raises:
            InvalidName: A clone would have a name that cannot be used.
        """
        return clone_names(
            self.schemas,
            self.adopt(branch).key,
            project=self.project.name,
            dialect=self.warehouse.dialect,
        )

    def of(self, branch: Branch) -> Environment | None:
        """A branch's environment, or None.

        Raises:
            SchemaNotOwned: The name is taken by the same number in another repository.
        """
        key = self.adopt(branch).key
        facts = self.warehouse.schemas(names=self.clone_names(branch).values())
        environment = take_inventory(facts, self.territory).of(key)
        if environment and not same_repository(environment.repository, branch.repository):
            raise SchemaNotOwned(
                environment.clones[0].name,
                reason=(
                    f"it belongs to repository {environment.repository!r}, not to"
                    f" {branch.repository!r}; give each its own `project`"
                ),
            )
        return environment

    def provision(
        self,
        branch: Branch,
        *,
        now: datetime,
        refresh: bool = False,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Sees to it that a branch has a whole environment in use.

        Args:
            branch: The branch.
            now: The time, aware.
            refresh: Take base's state again; what the branch has written is lost.
            dry_run: Only say what would be done.
            on_progress: Told of each statement.

        Returns:
            What was done; nothing, if it was all there.
        """
        name, halves = self.name_of(branch), self._half_names(branch)
        cleared: list[Report] = []

        def plan() -> Plan:
            cleared.append(
                self._clear(name, among=halves, dry_run=dry_run, on_progress=on_progress)
            )
            return self._plan_provision(branch, now=now, refresh=refresh)

        restored = self._restore_first(branch, now=now, dry_run=dry_run, on_progress=on_progress)
        made = self._settle(
            plan,
            allow=[Hazard.COPIES_DATA, *([Hazard.DELETES_DATA] if refresh else [])],
            dry_run=dry_run,
            on_progress=on_progress,
        )
        return join([restored, *cleared], made)

    def retire(
        self,
        name: str,
        *,
        because: str,
        grace: timedelta,
        now: datetime,
        anew: bool = False,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Sets an environment aside; `restore` brings it back until `now + grace`.

        Args:
            name: The environment.
            because: Why, for people to read.
            grace: How long it can be restored.
            now: The time, aware.
            anew: Give what is set aside already this reason and grace too; else it keeps its own.
            dry_run: Only say what would be done.
            on_progress: Told of each statement.

        Raises:
            EnvironmentNotFound: There is none of that name.
        """

        def plan() -> Plan:
            found = self.inventory().find(name).clones
            clones = [clone for clone in found if anew or not clone.mark.retired]
            changes = [(c, c.mark.retire(now=now, because=because, grace=grace)) for c in clones]
            return self.warehouse.plan_marks("retire", name, changes)

        return self._settle(plan, dry_run=dry_run, on_progress=on_progress)

    def restore(
        self,
        name: str,
        *,
        now: datetime,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Brings a retired environment back, with its data.

        Raises:
            EnvironmentNotFound: There is none of that name, or it was dropped already.
        """

        def plan() -> Plan:
            clones = [c for c in self.inventory().find(name).clones if c.mark.retired]
            changes = [(clone, clone.mark.restore(now=now)) for clone in clones]
            return self.warehouse.plan_marks("restore", name, changes)

        return self._settle(plan, dry_run=dry_run, on_progress=on_progress)

    def drop(
        self,
        name: str,
        *,
        now: datetime,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Drops a retired environment for good, once its grace period is over.

        Raises:
            EnvironmentNotFound: There is none of that name.
            NotDue: It is in use, or its grace period is not over.
            SchemaInUse: Objects outside of it depend on it.
        """

        cleared: list[Report] = []

        def plan() -> Plan:
            cleared.append(self.clear(name, dry_run=dry_run, on_progress=on_progress))
            inventory = self.inventory()
            if not all(report.plan.empty for report in cleared) and not inventory.has(name):
                # Another run had dropped half of it, and this one the rest.
                return Plan(verb="drop", environment=name)
            environment = inventory.find(name)
            _require_due(environment, now=now)
            return self.warehouse.plan_drop(name, environment.clones)

        dropped = self._settle(
            plan, allow=[Hazard.DELETES_DATA], dry_run=dry_run, on_progress=on_progress
        )
        return join(cleared, dropped)

    def clear(
        self,
        name: str,
        *,
        wait: bool = True,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Drops what a run that was killed has left of an environment, half-made or half-dropped.

        Args:
            name: The environment.
            wait: Whether to wait for a run that is still at work there.
            dry_run: Only say what would be done.
            on_progress: Told of each statement.

        Raises:
            EnvironmentBusy: A run is at work there, so that nothing is left over.
            SchemaInUse: Objects outside of it depend on it.
        """
        return self._clear(name, wait=wait, dry_run=dry_run, on_progress=on_progress)

    def _clear(
        self,
        name: str,
        *,
        among: Collection[str] | None = None,
        wait: bool = True,
        dry_run: bool,
        on_progress: OnProgress,
    ) -> Report:
        def plan() -> Plan:
            found = take_inventory(self.warehouse.schemas(names=among), self.territory).debris
            debris = [one for one in found if one.environment == name]
            if not debris:
                return Plan(verb="drop", environment=name)
            return self.warehouse.plan_drop(name, debris)

        return self._settle(plan, wait=wait, dry_run=dry_run, on_progress=on_progress)

    def _half_names(self, branch: Branch) -> list[str]:
        """What a branch's clones are called while they are made or dropped."""
        dialect, names = self.warehouse.dialect, self.clone_names(branch).values()
        return [half_name(name, each, dialect=dialect) for name in names for each in CONDITIONS]

    def _restore_first(
        self, branch: Branch, *, now: datetime, dry_run: bool, on_progress: OnProgress
    ) -> Report | None:
        environment = self.of(branch)
        if environment is None or not (environment.retired or environment.partly_retired):
            return None
        return self.restore(environment.name, now=now, dry_run=dry_run, on_progress=on_progress)

    def _plan_provision(self, branch: Branch, *, now: datetime, refresh: bool) -> Plan:
        name, found = self.name_of(branch), self.of(branch)
        existing = found.clones if found else ()
        replaced = [clone for clone in existing if clone.mark.base_schema in self.schemas]
        wanted = self.schemas if refresh else missing_schemas(found, self.schemas)
        verb_marks = self._new_marks(branch, wanted, now=now)
        replacing = replaced if refresh else ()
        return self.warehouse.plan_provision(
            name,
            verb_marks,
            beside=() if refresh else existing,
            replacing=replacing,
            rules=self.rules,
        )

    def _new_marks(
        self, branch: Branch, base_schemas: Collection[str], *, now: datetime
    ) -> tuple[Mark, ...]:
        key = self.adopt(branch).key
        names = self.clone_names(branch)
        return tuple(
            Mark(
                project=self.project.name,
                clone=names[base],
                base_schema=base,
                database=self.territory.database,
                repository=branch.repository,
                branch=branch.name or key.name,
                pull_request=key.number,
                created_at=now,
                last_used_at=now,
            )
            for base in base_schemas
        )

    def _settle(
        self,
        make_plan: Callable[[], Plan],
        *,
        allow: Collection[Hazard] = (),
        wait: bool = True,
        dry_run: bool,
        on_progress: OnProgress,
    ) -> Report:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                plan = make_plan()
                if dry_run:
                    return foresee(plan)
                if plan.empty:
                    return Report(plan=plan, applied=False)
                return self.warehouse.apply(plan, allow=allow, on_progress=on_progress, wait=wait)
            except StalePlan:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")


def _require_due(environment: Environment, *, now: datetime) -> None:
    if not environment.retired or environment.drop_after is None:
        raise NotDue(environment.name, state="it is in use")
    if environment.drop_after > now:
        raise NotDue(environment.name, state=f"it can be restored until {environment.drop_after}")
