"""The verbs: observe, plan, apply. Jobs, sensors, resources and the CLI all call these.

Each is idempotent and may run at the same time as any other: what the plan expects is checked
again inside the transaction that applies it, and a plan that is out of date is made anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.branch import Branch
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import (
    Environment,
    OwnedSchema,
    missing_schemas,
    take_inventory,
)
from branch_toolkit.core.errors import EnvironmentBusy, NotAsOf, NotDue, StalePlan
from branch_toolkit.core.mark import BUILDING, DROPPING
from branch_toolkit.core.output import OutputContext
from branch_toolkit.core.plan import Hazard, OnProgress, Plan, Report, join, silent
from branch_toolkit.core.strategy import without_base_rows
from branch_toolkit.held import Holdings

USE_RECORDED_EVERY = timedelta(minutes=15)
"""How exact `last used` is: each record is a transaction of its own."""


@dataclass(frozen=True)
class Environments(Holdings):
    """The environments of a project in a warehouse, and what can be done with them."""

    def provision(
        self,
        branch: Branch,
        *,
        now: datetime,
        refresh: bool = False,
        schema_only: bool = False,
        as_of: AsOf | None = None,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Sees to it that a branch has a whole environment in use.

        Args:
            branch: The branch.
            now: The time, aware.
            refresh: Take base's state again; what the branch has written is lost.
            schema_only: Make all tables empty. An environment that was made so stays so.
            as_of: Take base's state of then; None for its present one.
            dry_run: Only say what would be done.
            on_progress: Told of each statement.

        Returns:
            What was done; nothing, if it was all there.

        Raises:
            InvalidAsOf: `as_of` is in the future.
            NotAsOf: Without `refresh`, the branch has an environment that is not as of then.
            NoTimeTravel: The warehouse keeps no past states.
        """
        if as_of is not None:
            as_of.require_past(now=now)
            if not refresh:
                _require_as_of(self.of(branch), as_of)
        name, halves = self.name_of(branch), self.half_names(branch)
        handed_on = self._handed_on(branch, schema_only=schema_only)
        cleared: list[Report] = []

        def plan() -> Plan:
            cleared.append(
                self._clear(name, now=now, among=halves, dry_run=dry_run, on_progress=on_progress)
            )
            return self._plan_provision(
                branch, now=now, refresh=refresh, as_of=as_of, handed_on=handed_on
            )

        restored = self._restore_first(branch, now=now, dry_run=dry_run, on_progress=on_progress)
        made = self.settle(
            plan,
            allow=[Hazard.COPIES_DATA, *([Hazard.DELETES_DATA] if refresh else [])],
            dry_run=dry_run,
            on_progress=on_progress,
        )
        if not made.applied and not dry_run:
            # Who provisions what is there, as CI does at each push, is about to use it.
            self._record_use_of(branch, now=now)
        context = OutputContext.of_branch(
            branch, self.project, database=self.territory.database, now=now
        )
        made = replace(made, outputs=self.outputs.provision(context, dry_run=dry_run))
        return join([restored, *cleared], made)

    def retire(
        self,
        name: str,
        *,
        because: str,
        grace: timedelta,
        now: datetime,
        cause: Cause = Cause.ASKED,
        sha: str | None = None,
        unless_used_since: datetime | None = None,
        unless_kept: bool = False,
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
            cause: The reason in a word.
            sha: The branch's head, where known: a later push brings back what was idle.
            unless_used_since: Do nothing if it was used after that: it is not idle any more.
            unless_kept: Do nothing while it has a lease, which may have come meanwhile.
            anew: Give what is set aside already this reason and grace too; else it keeps its own.
            dry_run: Only say what would be done.
            on_progress: Told of each statement.

        Raises:
            EnvironmentNotFound: There is none of that name.
        """

        def plan() -> Plan:
            environment = self.find(name)
            used = unless_used_since is not None and environment.last_used_at > unless_used_since
            if used or (unless_kept and environment.is_kept(now=now)):
                return Plan(verb="retire", environment=name)
            clones = [clone for clone in environment.clones if anew or not clone.mark.retired]
            changes = [
                (
                    clone,
                    clone.mark.retire(now=now, because=because, grace=grace, cause=cause, sha=sha),
                )
                for clone in clones
            ]
            return self.warehouse.plan_marks("retire", name, changes)

        report = self.settle(plan, dry_run=dry_run, on_progress=on_progress)
        environment = self.inventory().find(name) if self.outputs else None
        if environment is None or not (environment.retired or dry_run):
            return report
        context = OutputContext.of(environment, now=now)
        lines = self.outputs.retire(context, because=because, grace=grace, dry_run=dry_run)
        return replace(report, outputs=lines)

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
            clones = [c for c in self.find(name).clones if c.mark.retired]
            changes = [(clone, clone.mark.restore(now=now)) for clone in clones]
            return self.warehouse.plan_marks("restore", name, changes)

        report = self.settle(plan, dry_run=dry_run, on_progress=on_progress)
        if not self.outputs:
            return report
        context = OutputContext.of(self.inventory().find(name), now=now)
        return replace(report, outputs=self.outputs.restore(context, dry_run=dry_run))

    def keep(
        self,
        name: str,
        *,
        until: datetime | None,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Puts off every retirement and drop by sensors and sweeps; None ends that.

        Raises:
            EnvironmentNotFound: There is none of that name.
        """

        def plan() -> Plan:
            clones = [c for c in self.find(name).clones if c.mark.keep_until != until]
            changes = [(clone, clone.mark.keep(until=until)) for clone in clones]
            return self.warehouse.plan_marks("keep", name, changes)

        return self.settle(plan, dry_run=dry_run, on_progress=on_progress)

    def record_use(self, environment: Environment, *, now: datetime) -> bool:
        """Notes in the marks that an environment is in use, unless that was noted just now.

        Returns:
            Whether it was noted. Not, where another run is at work there: that is use as well.
        """
        if now - environment.last_used_at < USE_RECORDED_EVERY:
            return False
        changes = [(clone, clone.mark.use(now=now)) for clone in environment.clones]
        plan = self.warehouse.plan_marks("use", environment.name, changes)
        try:
            self.warehouse.apply(plan, wait=False)
        except (EnvironmentBusy, StalePlan):
            return False
        return True

    def align_outputs(
        self, environment: Environment, *, now: datetime, dry_run: bool = False
    ) -> tuple[str, ...]:
        """Does with an environment's outputs what was done with it, should that have failed.

        Returns:
            What was done, in lines for people.
        """
        context = OutputContext.of(environment, now=now)
        if not environment.retired:
            return self.outputs.provision(context, dry_run=dry_run)
        grace = max((environment.drop_after or now) - now, timedelta(0))
        because = environment.retired_because or "its environment was"
        return self.outputs.retire(context, because=because, grace=grace, dry_run=dry_run)

    def drop(
        self,
        name: str,
        *,
        now: datetime,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Drops a retired environment for good, once its grace period is over.

        Its other outputs are dropped before its clones, so that what fails is tried again.

        Raises:
            EnvironmentNotFound: There is none of that name.
            NotDue: It is in use, or its grace period is not over.
            SchemaInUse: Objects outside of it depend on it.
        """
        if self.outputs and not dry_run:
            return self._drop_with_outputs(name, now=now, on_progress=on_progress)
        cleared: list[Report] = []

        def plan() -> Plan:
            cleared.append(self.clear(name, now=now, dry_run=dry_run, on_progress=on_progress))
            inventory = self.inventory()
            if not all(report.plan.empty for report in cleared) and not inventory.has(name):
                # Another run had dropped half of it, and this one the rest.
                return Plan(verb="drop", environment=name)
            environment = inventory.find(name)
            _require_due(environment, now=now)
            return self.warehouse.plan_drop(name, environment.clones)

        dropped = self.settle(
            plan, allow=[Hazard.DELETES_DATA], dry_run=dry_run, on_progress=on_progress
        )
        if self.outputs and not dropped.plan.empty:
            context = OutputContext.of(self.inventory().find(name), now=now)
            lines = self.outputs.drop(context, still=lambda: True, dry_run=True)
            dropped = replace(dropped, outputs=lines)
        return join(cleared, dropped)

    def _drop_with_outputs(self, name: str, *, now: datetime, on_progress: OnProgress) -> Report:
        """Drops an environment whose outputs no transaction covers.

        Its marks say first that it is being dropped: from then on it cannot be restored, so that no
        branch is left with its clones and without its outputs.
        """
        left = self.clear(name, now=now, on_progress=on_progress)

        def plan() -> Plan:
            inventory = self.inventory()
            if not inventory.has(name) and left.applied:
                return Plan(verb="drop", environment=name)
            environment = inventory.find(name)
            _require_due(environment, now=now)
            # What could not be dropped is not to be given up.
            self.warehouse.plan_drop(name, environment.clones)
            changes = [(c, c.mark.half(DROPPING, name=c.name)) for c in environment.clones]
            return self.warehouse.plan_marks("drop", name, changes)

        given_up = self.settle(plan, dry_run=False, on_progress=on_progress)
        return join([left, given_up], self.clear(name, now=now, on_progress=on_progress))

    def clear(
        self,
        name: str,
        *,
        now: datetime,
        wait: bool = True,
        dry_run: bool = False,
        on_progress: OnProgress = silent,
    ) -> Report:
        """Drops what a run that was killed has left of an environment, half-made or half-dropped.

        Args:
            name: The environment.
            now: The time, aware.
            wait: Whether to wait for a run that is still at work there.
            dry_run: Only say what would be done.
            on_progress: Told of each statement.

        Raises:
            EnvironmentBusy: A run is at work there, so that nothing is left over.
            SchemaInUse: Objects outside of it depend on it.
        """
        return self._clear(name, now=now, wait=wait, dry_run=dry_run, on_progress=on_progress)

    def _clear(
        self,
        name: str,
        *,
        now: datetime,
        among: Collection[str] | None = None,
        wait: bool = True,
        dry_run: bool,
        on_progress: OnProgress,
    ) -> Report:
        def look() -> list[OwnedSchema]:
            found = take_inventory(self.warehouse.schemas(names=among), self.territory)
            return [one for one in found.debris if one.environment == name]

        def plan() -> Plan:
            debris = look()
            if not debris:
                return Plan(verb="drop", environment=name)
            return self.warehouse.plan_drop(name, debris)

        lines: tuple[str, ...] = ()
        if self.outputs:
            # What a refresh drops was in use, and belongs to an environment that lives on.
            given_up = [
                one for one in look() if one.mark.condition == DROPPING and one.mark.retired
            ]
            if given_up:
                if not wait:
                    # Not while another run is at work there.
                    self.warehouse.apply(Plan(verb="drop", environment=name), wait=False)
                context = OutputContext.of_clone(given_up[0], now=now)
                lines = self.outputs.drop(
                    context, still=lambda: not self.inventory().may_have(name), dry_run=dry_run
                )
        report = self.settle(plan, wait=wait, dry_run=dry_run, on_progress=on_progress)
        return replace(report, outputs=lines)

    def _record_use_of(self, branch: Branch, *, now: datetime) -> None:
        found = self.of(branch)
        if found is not None:
            self.record_use(found, now=now)

    def _restore_first(
        self, branch: Branch, *, now: datetime, dry_run: bool, on_progress: OnProgress
    ) -> Report | None:
        environment = self.of(branch)
        if environment is None or not (environment.retired or environment.partly_retired):
            return None
        return self.restore(environment.name, now=now, dry_run=dry_run, on_progress=on_progress)

    def _handed_on(self, branch: Branch, *, schema_only: bool) -> _HandedOn:
        name = self.name_of(branch)
        there = take_inventory(
            self.warehouse.schemas(names=self.half_names(branch)), self.territory
        )
        whole = [clone for found in there.environments for clone in found.clones]
        marks = [one.mark for one in (*whole, *there.debris) if one.environment == name]
        leases = [mark.keep_until for mark in marks if mark.keep_until is not None]
        return _HandedOn(
            schema_only=schema_only or any(mark.schema_only for mark in marks),
            keep_until=max(leases, default=None),
            as_of=next(
                (AsOf.parse(m.as_of) for m in marks if m.condition == BUILDING and m.as_of), None
            ),
        )

    def _plan_provision(
        self,
        branch: Branch,
        *,
        now: datetime,
        refresh: bool,
        as_of: AsOf | None,
        handed_on: _HandedOn,
    ) -> Plan:
        name, found = self.name_of(branch), self.of(branch)
        if as_of is None and found is None:
            # A run that was to make it as of then was killed.
            as_of = handed_on.as_of
        if as_of is not None and not refresh:
            # Another run may have made it meanwhile.
            _require_as_of(found, as_of)
        existing = found.clones if found else ()
        replaced = [clone for clone in existing if clone.mark.base_schema in self.schemas]
        wanted = self.schemas if refresh else missing_schemas(found, self.schemas)
        marks = self.new_marks(
            branch, wanted, now=now, schema_only=handed_on.schema_only, as_of=as_of
        )
        return self.warehouse.plan_provision(
            name,
            [mark.keep(until=handed_on.keep_until) for mark in marks],
            beside=() if refresh else existing,
            replacing=replaced if refresh else (),
            rules=without_base_rows(self.rules) if handed_on.schema_only else self.rules,
            as_of=as_of,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _HandedOn:
    """What clones that are made have from those before them, even if a refresh was cut short."""

    schema_only: bool
    keep_until: datetime | None
    as_of: AsOf | None


def _require_as_of(found: Environment | None, as_of: AsOf) -> None:
    times = {clone.mark.as_of for clone in found.clones} if found else set()
    if found is not None and times != {str(as_of)}:
        raise NotAsOf(found.name, asked=str(as_of), found=times)


def _require_due(environment: Environment, *, now: datetime) -> None:
    if not environment.retired or environment.drop_after is None:
        raise NotDue(environment.name, state="it is in use")
    if environment.drop_after > now:
        raise NotDue(environment.name, state=f"it can be restored until {environment.drop_after}")
    if environment.is_kept(now=now):
        # A lease may be given between the decision and the drop.
        state = f"it was asked to be kept until {environment.keep_until}"
        raise NotDue(environment.name, state=state)
