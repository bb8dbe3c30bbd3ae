"""A forge in the test's hands: the truth about branches, and what it tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from branch_toolkit.core.branch import Branch, BranchKey, BranchSnapshot, BranchState
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.errors import BranchSourceUnavailable

REPOSITORY = "acme/pipelines"


class Fault(str, Enum):
    """What is the matter with the forge. It may say too little; what it says is true."""

    NONE = "none"
    DOWN = "down"
    """It does not answer."""
    TRUNCATED = "truncated"
    """Some branches are missing, and it says so."""
    VAGUE = "vague"
    """Of some branches it does not say whether they are open."""


@dataclass
class Forge:
    """Branches by key, and how much of them is told.

    Args:
        branches: The truth.
        fault: What is the matter.
        hidden: The branches that a fault keeps back.
        tells_ended: Whether it lists merged and closed pull requests, as after a cut they are not.
    """

    branches: dict[BranchKey, Branch] = field(default_factory=dict)
    fault: Fault = Fault.NONE
    hidden: frozenset[BranchKey] = frozenset()
    tells_ended: bool = True

    def put(self, key: BranchKey, **changes: Any) -> None:
        """Opens a branch, or alters one."""
        known = self.branches.get(key) or Branch(key=key, name=key.name, repository=REPOSITORY)
        self.branches[key] = replace(known, **changes)

    def mend(self) -> None:
        """From now on it tells all of the truth."""
        self.fault, self.hidden = Fault.NONE, frozenset()

    def open(self) -> list[Branch]:
        """The branches that are open in truth."""
        return [each for each in self.branches.values() if each.state is BranchState.OPEN]

    def keeps(self, environment: Environment) -> bool:
        """Whether an open branch is the environment's; one without number goes by its name."""
        key = environment.key
        return any(
            each.key == key or (key.number is None and each.name == key.name)
            for each in self.open()
        )

    def may_keep(self, environment: Environment) -> bool:
        """The same, or a branch without number may be: it has the name that is in the mark."""
        return self.keeps(environment) or any(
            each.key.number is None and each.name == environment.branch for each in self.open()
        )

    def snapshot(self) -> BranchSnapshot:
        """See `BranchSource.snapshot`."""
        if self.fault is Fault.DOWN:
            raise BranchSourceUnavailable("The forge is down.", remedy="Wait.")
        truncated = self.fault is Fault.TRUNCATED
        return BranchSnapshot(
            branches=tuple(filter(None, map(self._told, self.branches.values()))),
            complete=not truncated,
            source="the forge",
            repository=REPOSITORY,
            note="the second page failed" if truncated else None,
        )

    def _told(self, branch: Branch) -> Branch | None:
        if branch.key in self.hidden and self.fault is Fault.TRUNCATED:
            return None
        if branch.key in self.hidden and self.fault is Fault.VAGUE:
            return replace(branch, state=BranchState.UNKNOWN)
        return branch if self.tells_ended or not branch.state.ended else None
