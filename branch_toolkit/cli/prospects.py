"""What happens next to each environment, when and why: as the branch source tells, or the marks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from branch_toolkit.cli.errors import VariableMissing
from branch_toolkit.cli.target import Target
from branch_toolkit.core.action import Action, Outlook, Verb
from branch_toolkit.core.branch import BranchSnapshot
from branch_toolkit.core.environment import Environment, Refused
from branch_toolkit.core.errors import BranchSourceUnavailable, BranchToolkitError
from branch_toolkit.core.outlook import next_drop, next_retirement
from branch_toolkit.core.policy import Policy
from branch_toolkit.observing import Observation, observe
from branch_toolkit.verbs import Environments


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is ahead of an environment, if nothing changes.

    Args:
        environment: The environment.
        why: Why it is as it is.
        next: What happens next; at a time that is past, at the sensors' next tick.
    """

    environment: Environment
    why: str
    next: Outlook | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All environments with their prospects.

    Args:
        prospects: Those of each environment.
        refused: Marked schemas that are left alone.
        snapshot: What the branch source answered; None if it was not asked, or gave no answer.
        error: Why it gave none.
    """

    prospects: tuple[Prospect, ...]
    refused: tuple[Refused, ...]
    snapshot: BranchSnapshot | None = None
    error: BranchToolkitError | None = None


def survey(environments: Environments, target: Target, *, offline: bool, now: datetime) -> Survey:
    """Looks at every environment, and asks the branch source unless `offline`."""
    error: BranchToolkitError | None = None
    if target.find_source is not None and not offline:
        try:
            source = target.find_source()
            seen = observe(environments, source, target.policy, now=now, sizes=True)
        except (BranchSourceUnavailable, VariableMissing) as unavailable:
            error = unavailable
        else:
            return _told(seen, now=now)
    inventory = environments.inventory(sizes=True)
    return Survey(
        prospects=tuple(_by_marks(each, target.policy, now=now) for each in inventory.environments),
        refused=inventory.refused,
        error=error,
    )


def _told(seen: Observation, *, now: datetime) -> Survey:
    prospects = [
        Prospect(each.environment, each.reason, _next(each, now=now))
        for each in seen.actions
        if each.environment is not None
    ]
    return Survey(
        prospects=tuple(sorted(prospects, key=lambda each: each.environment.name)),
        refused=seen.inventory.refused,
        snapshot=seen.snapshot,
    )


def _next(action: Action, *, now: datetime) -> Outlook | None:
    if action.verb is not Verb.KEEP:
        return Outlook(verb=action.verb, at=now, because=action.reason, cause=action.cause)
    return action.next


def _by_marks(environment: Environment, policy: Policy, *, now: datetime) -> Prospect:
    if environment.retired:
        why, outlook = environment.retired_because or "", next_drop(environment)
    else:
        leased = environment.is_kept(now=now)
        why = f"it was asked to be kept until {environment.keep_until}" if leased else ""
        outlook = next_retirement(environment, None, policy)
    return Prospect(environment, why, outlook)
