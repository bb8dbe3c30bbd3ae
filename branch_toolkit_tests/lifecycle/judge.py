"""Judges what a sensor has decided by the truth, which it may know only in part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import BranchState, same_repository
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.policy import Policy
from branch_toolkit.observing import Observation
from branch_toolkit_tests.lifecycle.forge import REPOSITORY, Forge


def judge(seen: Observation, forge: Forge, policy: Policy, *, now: datetime) -> None:
    """Fails if anything was decided that must not be."""
    retiring = [action for action in seen.actions if action.verb is Verb.RETIRE]
    dropping = [action for action in seen.actions if action.verb is Verb.DROP]
    for action in (*retiring, *dropping):
        _is_removable(action, forge, policy, now=now)
    for action in retiring:
        known = action.cause is not Cause.QUOTA or seen.snapshot.complete
        assert known, f"{action.key} is to make room, though others may have ended"
    for action in dropping:
        environment = _of(action)
        assert environment.retired, f"{environment.name} would be dropped while in use"
        assert environment.drop_after is not None
        assert environment.drop_after <= now, f"{environment.name} would be dropped too soon"
    for action in seen.actions:
        if action.verb in (Verb.PROVISION, Verb.RESTORE):
            assert (
                forge.may_keep(_of(action)) if action.environment else action.branch in forge.open()
            )
    active = sum(not each.retired for each in seen.inventory.environments)
    _limits_are_kept(seen.actions, policy, retiring=len(retiring), active=active)


def _of(action: Action) -> Environment:
    assert action.environment is not None
    return action.environment


def _is_removable(action: Action, forge: Forge, policy: Policy, *, now: datetime) -> None:
    environment = _of(action)
    what = f"{environment.name}, of which is said that {action.reason},"
    branch = forge.branches.get(environment.key)
    # Of a name that it was not told, nobody can know that it is protected.
    name = action.branch.name if action.branch else None
    protected = any(map(policy.protects, (environment.branch, name)))
    assert not protected, f"{what} is protected"
    leased = environment.keep_until is not None and environment.keep_until > now
    assert not leased, f"{what} is leased"
    assert same_repository(environment.repository, REPOSITORY), f"{what} is another repository's"
    if branch is not None and branch.state is BranchState.OPEN:
        assert policy.keep_label not in branch.labels, f"{what} is labelled to be kept"
    cause = action.cause if action.verb is Verb.RETIRE else environment.cause
    if cause is None or cause.ended:
        assert not forge.keeps(environment), f"{what} belongs to an open branch"


def _limits_are_kept(
    actions: Sequence[Action], policy: Policy, *, retiring: int, active: int
) -> None:
    assert retiring <= policy.max_retirements, "more would be retired than the breaker allows"
    if active >= policy.share_applies_from:
        assert retiring <= policy.max_retired_share * active, "too large a share would be retired"
    for verb, most in ((Verb.PROVISION, policy.max_provisions), (Verb.DROP, policy.max_drops)):
        assert sum(action.verb is verb for action in actions) <= most, f"too many to {verb.value}"
