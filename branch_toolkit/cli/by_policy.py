"""What a sensor would do about one branch, given what CI was told of it; nobody else is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from branch_toolkit.cli.target import Target
from branch_toolkit.cli.wanted import CiEvent
from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import Branch, BranchSnapshot, BranchState
from branch_toolkit.core.lifecycle import reconcile
from branch_toolkit.verbs import Environments


def why_not_provision(
    branch: Branch, event: CiEvent, target: Target, environments: Environments, *, now: datetime
) -> str | None:
    """Why no sensor would provide an open branch with an environment; None if one would."""
    described = replace(
        branch,
        state=BranchState.OPEN,
        base=event.base,
        draft=event.draft,
        labels=event.labels,
        sha=event.sha,
    )
    action = _decide(described, target, environments, now=now)
    if action is None or action.verb is Verb.LEAVE:
        return action.reason if action else "nothing is known of it"
    # One that is in use is kept so, whatever the clock says: it was pushed to just now.
    set_aside = action.environment is not None and action.environment.retired
    return action.reason if set_aside and action.verb is not Verb.RESTORE else None


def why_not_retire(
    branch: Branch,
    state: BranchState,
    target: Target,
    environments: Environments,
    *,
    now: datetime,
) -> str | None:
    """Why no sensor would retire the environment of a branch that has ended; None if one would."""
    action = _decide(replace(branch, state=state), target, environments, now=now)
    return None if action is None or action.verb is Verb.RETIRE else action.reason


def _decide(
    branch: Branch, target: Target, environments: Environments, *, now: datetime
) -> Action | None:
    told = environments.adopt(branch)
    # Of one branch only, and so not complete: nothing follows for any other.
    snapshot = BranchSnapshot(
        branches=(told,), complete=False, source="this call", repository=branch.repository
    )
    actions = reconcile(
        snapshot,
        environments.inventory().environments,
        target.policy,
        schemas=environments.schemas,
        now=now,
    )
    return next((each for each in actions if each.branch and each.branch.key == told.key), None)
