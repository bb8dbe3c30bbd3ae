"""What to do: compares the branches with the environments. Pure, total, and never sure too soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from branch_toolkit.core.branch import (
    Branch,
    BranchKey,
    BranchSnapshot,
    BranchState,
    same_repository,
)
from branch_toolkit.core.environment import Environment, missing_schemas
from branch_toolkit.core.policy import Policy

CLOCK_TOLERANCE = timedelta(minutes=5)
"""Marks from further in the future than this mean that some clock is wrong."""


class Verb(str, Enum):
    """What is to be done with a branch or its environment."""

    PROVISION = "provision"
    RETIRE = "retire"
    RESTORE = "restore"
    DROP = "drop"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One decision.

    Args:
        verb: What to do.
        reason: Why, as a clause that completes "because".
        branch: The branch, where the source told of it.
        environment: The environment, where there is one.
    """

    verb: Verb
    reason: str
    branch: Branch | None = None
    environment: Environment | None = None

    @property
    def key(self) -> BranchKey:
        """The branch that it is about."""
        if self.environment is not None:
            return self.environment.key
        if self.branch is not None:
            return self.branch.key
        raise ValueError("an action is about a branch or an environment")

    @property
    def subject(self) -> Branch:
        """The branch; one that has an environment keeps the identity that it has there."""
        if self.branch is None or self.environment is None:
            return self.branch or Branch(key=self.key)
        return replace(self.branch, key=self.environment.key)


def reconcile(
    snapshot: BranchSnapshot,
    environments: Sequence[Environment],
    policy: Policy,
    *,
    schemas: Sequence[str],
    now: datetime,
) -> tuple[Action, ...]:
    """Decides for every branch and every environment.

    Args:
        snapshot: What the branch source answered.
        environments: What the warehouse holds.
        policy: How long things are kept.
        schemas: The base schemas that an environment clones.
        now: The time.

    Returns:
        One action per environment and one per open branch that lacks one. An environment that
        nothing is known of is kept.
    """
    index = _Index.of(snapshot)
    paired = [(environment, index.find(environment)) for environment in environments]
    provided = {
        branch.key
        for environment, branch in paired
        if branch is not None and (branch.key == environment.key or branch.key.number is None)
    }
    actions = [
        _for_environment(environment, branch, snapshot, policy, schemas=schemas, now=now)
        for environment, branch in paired
    ]
    actions += [
        Action(verb=Verb.PROVISION, reason="the branch is open", branch=branch)
        for branch in index.by_key.values()
        if branch.state is BranchState.OPEN
        and branch.key not in provided
        and not policy.ignores(branch.name or branch.key.name)
    ]
    actions = _break_circuit(actions, environments, policy)
    actions = _cap(actions, Verb.PROVISION, policy.max_provisions, now=now)
    return tuple(_cap(actions, Verb.DROP, policy.max_drops, now=now))


@dataclass(frozen=True, slots=True)
class _Index:
    by_key: dict[BranchKey, Branch]
    by_name: dict[str, Branch]
    knows_numbers: bool

    @classmethod
    def of(cls, snapshot: BranchSnapshot) -> _Index:
        # Of what is told twice, that counts which keeps: open before unknown before ended.
        ordered = sorted(snapshot.branches, key=_keeps_least)
        return cls(
            {branch.key: branch for branch in ordered},
            {branch.name: branch for branch in ordered if branch.name and _is_own(branch.key)},
            snapshot.knows_numbers,
        )

    def find(self, environment: Environment) -> Branch | None:
        exact = self.by_key.get(environment.key)
        if exact is not None or environment.branch is None or not _is_own(environment.key):
            return exact
        # Plain git knows names where a branch deployment knows a number, and a pull request may be
        # opened after the branch. Then the name has to do, but only to keep; two numbers are two
        # branches.
        namesake = self.by_name.get(environment.branch)
        if namesake is None or namesake.state.ended:
            return None
        both_numbered = None not in (namesake.key.number, environment.key.number)
        return None if both_numbered and self.knows_numbers else namesake


def _keeps_least(branch: Branch) -> int:
    if branch.state is BranchState.OPEN:
        return 2
    return 0 if branch.state.ended else 1


def _is_own(key: BranchKey) -> bool:
    return key.repository is None


def _for_environment(
    environment: Environment,
    branch: Branch | None,
    snapshot: BranchSnapshot,
    policy: Policy,
    *,
    schemas: Sequence[str],
    now: datetime,
) -> Action:
    def act(verb: Verb, reason: str) -> Action:
        return Action(verb=verb, reason=reason, branch=branch, environment=environment)

    if _from_the_future(environment, now):
        return act(Verb.KEEP, "its mark is dated in the future, so some clock is wrong")
    if not same_repository(environment.repository, snapshot.repository):
        return act(Verb.KEEP, f"it belongs to another repository ({environment.repository})")
    ended = _ended(environment, branch, snapshot)
    if branch is not None and branch.state is BranchState.OPEN:
        if environment.retired or environment.partly_retired:
            return act(Verb.RESTORE, "the branch is open again")
        if missing_schemas(environment, schemas):
            return act(Verb.PROVISION, "it lacks clones of some base schemas")
        return act(Verb.KEEP, "the branch is open")
    if policy.protects(environment.branch) or (branch and policy.protects(branch.name)):
        return act(Verb.KEEP, "the branch is protected")
    if ended is None:
        return act(Verb.KEEP, _why_unknown(environment, branch, snapshot))
    if not environment.retired:
        return act(Verb.RETIRE, ended)
    if environment.drop_after is None:
        return act(Verb.KEEP, "it is set aside without a date to drop it after")
    if environment.drop_after <= now:
        return act(Verb.DROP, f"{ended} and its grace period is over")
    return act(Verb.KEEP, f"{ended} and its grace period ends {environment.drop_after}")


def _ended(environment: Environment, branch: Branch | None, snapshot: BranchSnapshot) -> str | None:
    if branch is not None:
        return f"the branch was {branch.state.value}" if branch.state.ended else None
    if not snapshot.complete or not _would_be_told(environment, snapshot):
        return None
    return f"the branch is gone from {snapshot.source}"


def _would_be_told(environment: Environment, snapshot: BranchSnapshot) -> bool:
    """Whether a complete answer would have the branch in it, if it were open."""
    if not _is_own(environment.key) and snapshot.repository is None:
        return False
    if snapshot.knows_numbers and environment.key.number is not None:
        return True
    return snapshot.knows_names and environment.branch is not None


def _why_unknown(environment: Environment, branch: Branch | None, snapshot: BranchSnapshot) -> str:
    if branch is not None:
        return f"{snapshot.source} does not say whether the branch is open"
    if snapshot.complete and not _would_be_told(environment, snapshot):
        return f"{snapshot.source} cannot tell whether the branch is open"
    note = f" ({snapshot.note})" if snapshot.note else ""
    return f"{snapshot.source} did not tell of every open branch{note}"


def _from_the_future(environment: Environment, now: datetime) -> bool:
    return any(
        time is not None and time > now + CLOCK_TOLERANCE
        for clone in environment.clones
        for time in (clone.mark.created_at, clone.mark.last_used_at, clone.mark.retired_at)
    )


def _break_circuit(
    actions: list[Action], environments: Sequence[Environment], policy: Policy
) -> list[Action]:
    retiring = [action for action in actions if action.verb is Verb.RETIRE]
    active = sum(not environment.retired for environment in environments)
    too_many = len(retiring) > policy.max_retirements
    share_applies = active >= policy.share_applies_from
    too_large = share_applies and len(retiring) > policy.max_retired_share * active
    if not (too_many or too_large):
        return actions
    reason = (
        f"{len(retiring)} of {active} environments would be retired at once, which is more than the"
        " policy allows without asking; check the branch source, then retire them by hand or raise"
        " max_retirements or max_retired_share"
    )
    return [
        replace(action, verb=Verb.KEEP, reason=reason) if action.verb is Verb.RETIRE else action
        for action in actions
    ]


def _cap(actions: list[Action], verb: Verb, most: int, *, now: datetime) -> list[Action]:
    capped = [action for action in actions if action.verb is verb]
    if len(capped) <= most:
        return actions
    # Not always the same come first: those that fail would keep the others waiting for ever.
    start = int(now.timestamp()) // 60 % len(capped)
    first = {id(action) for action in (capped[start:] + capped[:start])[:most]}
    return [
        replace(action, verb=Verb.KEEP, reason=f"others are to {verb.value} first; it follows")
        if action.verb is verb and id(action) not in first
        else action
        for action in actions
    ]
