"""The world that the machine turns: a forge, a warehouse, a clock, and those who act in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.errors import (
    BranchSourceUnavailable,
    EnvironmentBusy,
    EnvironmentNotFound,
    NotDue,
    SchemaNotOwned,
    WarehouseUnavailable,
)
from branch_toolkit.core.policy import Policy
from branch_toolkit.observing import Observation, carry_out, observe
from branch_toolkit.verbs import Environments
from branch_toolkit_tests.lifecycle.drawing import START
from branch_toolkit_tests.lifecycle.forge import REPOSITORY, Forge
from branch_toolkit_tests.lifecycle.grounds import Ground
from branch_toolkit_tests.lifecycle.judge import judge
from branch_toolkit_tests.lifecycle.mortal import Fate, Killed, MortalWarehouse
from branch_toolkit_tests.lifecycle.witness import Witness

Act = Callable[[], object]


@dataclass
class World:
    """What there is, and what is done to it. Each act is followed by a look at everything.

    Args:
        ground: The warehouse.
        policy: The policy that sensors go by.
        happened: Counts what happened.
    """

    ground: Ground
    policy: Policy
    happened: Counter[str]
    now: datetime = START
    latest: datetime = START
    forge: Forge = field(default_factory=Forge)

    def __post_init__(self) -> None:
        self.warehouse = MortalWarehouse(self.ground.warehouse(), self.ground.end_sessions)
        project = Project(repository=REPOSITORY)
        self.environments = Environments(self.warehouse, project, self.ground.bases)  # type: ignore[arg-type]
        self.witness = Witness(self.ground, self.environments.territory, happened=self.happened)
        self.tokens = count(1000)

    def pass_time(self, time: timedelta) -> None:
        """The clock goes on, or leaps; what acts next goes by it."""
        self.now += time
        self.latest = max(self.now, self.latest)

    def do(self, act: Act, *, fate: Fate | None = None, meanwhile: Act | None = None) -> None:
        """Somebody acts, and may be killed at it, or be overtaken by somebody else."""
        self.warehouse.fate, self.warehouse.meanwhile = fate, self._seen(meanwhile)
        try:
            self._try(act, cut=fate is not None and fate.cut)
        finally:
            self.warehouse.fate = self.warehouse.meanwhile = None
        self.witness.look(now=self.now)

    def refresh(self, branch: Branch, *, fate: Fate | None) -> None:
        """Somebody takes base's state again, for a branch."""
        self.warehouse.fate = fate
        cut = fate is not None and fate.cut
        self._try(lambda: self.environments.provision(branch, now=self.now, refresh=True), cut=cut)
        self.warehouse.fate = None
        self.witness.look(now=self.now, refreshed=self.environments.name_of(branch))

    def observe(self) -> Observation | None:
        """What a sensor sees, judged at once by the truth; None if it cannot see."""
        try:
            seen = observe(self.environments, self.forge, self.policy, now=self.now)  # type: ignore[arg-type]
        except BranchSourceUnavailable:
            return None
        judge(seen, self.forge, self.policy, now=self.now)
        return seen

    def carry_out(self, action: Action) -> None:
        """Does what was decided, as the job that a sensor asks for does."""
        if action.verb is Verb.DROP:
            # The sweep looks again before it drops.
            self.sweep(only=self.environments.name_for(action.key))
        else:
            carry_out(self.environments, action, self.policy, now=self.now)

    def sweep(self, *, only: str | None = None) -> None:
        """Retires and drops what is to be, and clears what killed runs have left."""
        seen = self.observe()
        if seen is None:
            return
        for action in seen.actions:
            name = self.environments.name_for(action.key)
            if action.verb in (Verb.RETIRE, Verb.DROP) and only in (None, name):
                with suppress(EnvironmentNotFound, NotDue):
                    carry_out(self.environments, action, self.policy, now=self.now)
        for name in sorted({each.environment for each in seen.inventory.debris}):
            if only in (None, name):
                with suppress(EnvironmentBusy):
                    self.environments.clear(name, now=self.now, wait=False)

    def tick(self) -> Observation | None:
        """Both sensors, each of whose runs does its work at once."""
        seen = self.observe()
        for action in seen.actions if seen else ():
            if action.verb in (Verb.PROVISION, Verb.RESTORE, Verb.RETIRE):
                self.do(lambda action=action: self.carry_out(action))  # type: ignore[misc]
        self.do(self.sweep)
        return seen

    def write(self, environment: Environment) -> None:
        """The branch's run writes a row that must never be lost while it may be wanted."""
        for clone in environment.clones:
            number = next(self.tokens)
            self.ground.own(environment, clone.mark.base_schema)
            self.ground.insert(clone.name, number)
            self.witness.written[clone.name].add(number)
        self.witness.look(now=self.now)

    def is_blocked(self, key: BranchKey) -> bool:
        """Whether a stranger has the name of a branch's clone."""
        names = self.environments.clone_names(Branch(key=key, repository=key.repository)).values()
        return any(name in self.witness.strangers for name in names)

    def _try(self, act: Act, *, cut: bool) -> None:
        try:
            act()
        except (EnvironmentNotFound, NotDue):
            self.happened["too late"] += 1
        except Killed:
            self.happened["killed"] += 1
        except WarehouseUnavailable:
            self.happened["cut off"] += 1
            if not cut:
                raise
        except SchemaNotOwned as error:
            if error.schema not in self.witness.strangers:
                raise

    def _seen(self, act: Act | None) -> Act | None:
        """The same act, with a look at what it has done."""
        if act is None:
            return None

        def acting() -> None:
            self._try(act, cut=False)
            self.happened["overtaken"] += 1
            self.witness.look(now=self.now)

        return acting


def overlooking(policy: Policy) -> Policy:
    """The policy of somebody who was asked by the breaker, and lets it all happen."""
    return replace(policy, max_retirements=100, max_retired_share=1.0)
