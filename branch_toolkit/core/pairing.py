"""Which branch an environment belongs to, by what a branch source told."""

from __future__ import annotations

from dataclasses import dataclass

from branch_toolkit.core.branch import (
    Branch,
    BranchKey,
    BranchSnapshot,
    BranchState,
    same_repository,
)
from branch_toolkit.core.environment import Environment


@dataclass(frozen=True, slots=True)
class BranchIndex:
    """A source's branches, to be found by environment."""

    by_key: dict[BranchKey, Branch]
    by_name: dict[str, Branch]
    knows_numbers: bool

    @classmethod
    def of(cls, snapshot: BranchSnapshot) -> BranchIndex:
        """The index of an answer."""
        # Of what is told twice, that counts which keeps: open before unknown before ended.
        ordered = sorted(snapshot.branches, key=_keeps_least)
        return cls(
            {branch.key: branch for branch in ordered},
            {branch.name: branch for branch in ordered if branch.name and is_own(branch.key)},
            snapshot.knows_numbers,
        )

    def find(self, environment: Environment) -> Branch | None:
        """The branch of an environment, or None."""
        exact = self.by_key.get(environment.key)
        if exact is not None and not same_repository(exact.repository, environment.repository):
            # Of a source that tells of several repositories.
            return None
        if exact is not None or environment.branch is None or not is_own(environment.key):
            return exact
        # Plain git knows names where a branch deployment knows a number, and a pull request may be
        # opened after the branch. Then the name has to do, but only to keep; two numbers are two
        # branches.
        namesake = self.by_name.get(environment.branch)
        if namesake is None or namesake.state.ended:
            return None
        both_numbered = None not in (namesake.key.number, environment.key.number)
        return None if both_numbered and self.knows_numbers else namesake


def is_own(key: BranchKey) -> bool:
    """Whether a branch is of the project's own repository."""
    return key.repository is None


def would_be_told(environment: Environment, snapshot: BranchSnapshot) -> bool:
    """Whether a complete answer would have the branch in it, if it were open."""
    if not is_own(environment.key) and snapshot.repository is None:
        return False
    if snapshot.knows_numbers and environment.key.number is not None:
        return True
    return snapshot.knows_names and environment.branch is not None


def _keeps_least(branch: Branch) -> int:
    if branch.state is BranchState.OPEN:
        return 2
    return 0 if branch.state.ended else 1
