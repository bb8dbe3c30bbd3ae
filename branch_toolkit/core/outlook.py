"""What happens next to an environment that is left as it is, and when."""

from __future__ import annotations

from dataclasses import replace

from branch_toolkit.core.action import Outlook, Verb
from branch_toolkit.core.branch import Branch
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.policy import Policy


def next_retirement(
    environment: Environment, branch: Branch | None, policy: Policy
) -> Outlook | None:
    """When an environment in use is retired by the clock, whatever becomes of its branch.

    A lease puts it off; the policy's label, and protection, rule it out.
    """
    if is_protected(environment, branch, policy) or has_keep_label(branch, policy):
        return None
    times = [*_idle(environment, policy), *_too_old(environment, policy)]
    if not times:
        return None
    first = min(times, key=lambda outlook: outlook.at)
    if environment.keep_until is None or environment.keep_until <= first.at:
        return first
    return replace(first, at=environment.keep_until)


def next_drop(environment: Environment) -> Outlook | None:
    """When a retired environment is dropped; None where no time is set."""
    if environment.drop_after is None:
        return None
    lease = environment.keep_until or environment.drop_after
    because = environment.retired_because or "it was set aside"
    return Outlook(verb=Verb.DROP, at=max(environment.drop_after, lease), because=because)


def is_protected(environment: Environment, branch: Branch | None, policy: Policy) -> bool:
    """Whether no sensor or sweep retires or drops it."""
    names = (environment.branch, branch.name if branch else None)
    return any(policy.protects(name) for name in names)


def has_keep_label(branch: Branch | None, policy: Policy) -> bool:
    """Whether the label of a pull request that has not ended, as far as known, keeps it."""
    return branch is not None and not branch.state.ended and policy.keep_label in branch.labels


def _idle(environment: Environment, policy: Policy) -> list[Outlook]:
    if policy.idle_after is None:
        return []
    return [
        Outlook(
            verb=Verb.RETIRE,
            at=max(environment.last_used_at, environment.renewed_at) + policy.idle_after,
            because=f"no run has used it since {environment.last_used_at:%Y-%m-%d %H:%M %Z}",
            cause=Cause.IDLE,
        )
    ]


def _too_old(environment: Environment, policy: Policy) -> list[Outlook]:
    if policy.max_age is None:
        return []
    return [
        Outlook(
            verb=Verb.RETIRE,
            at=environment.renewed_at + policy.max_age,
            because=f"it has been in use since {environment.renewed_at:%Y-%m-%d}, the policy's"
            " longest time",
            cause=Cause.AGE,
        )
    ]
