"""Limits on what one tick does: the quota, the breaker, and the caps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import BranchState
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.outlook import has_keep_label, is_protected
from branch_toolkit.core.policy import Policy

IN_USE_FOR = timedelta(days=1)
"""For how long after its last use an environment gives way to none that is only wanted."""


def keep_quota(
    actions: Sequence[Action], policy: Policy, *, now: datetime, complete: bool
) -> list[Action]:
    """Retires the least recently used where more are in use, or wanted, than the policy allows.

    A branch that has none displaces that of an older pull request, if that was not used for a day.
    What was displaced comes back by a push, or when there is room. So two branches never displace
    each other in turns, and what is in daily use stays.

    Args:
        actions: What was decided about each by itself.
        policy: The policy.
        now: The time.
        complete: Whether every open branch was told of. If not, none is displaced: what is not
            told may have ended, or be exempt.
    """
    most = policy.max_environments
    if most is None:
        return list(actions)
    displaceable = sorted(
        (action for action in actions if complete and _may_be_displaced(action, policy, now=now)),
        key=_last_used,
    )
    room = _room(actions, policy, most=most)
    displaced = {id(displaceable.pop(0)) for _ in range(min(max(-room, 0), len(displaceable)))}
    room = max(room, 0)
    refused: set[int] = set()
    for action in _wanted(actions, policy):
        if room > 0:
            room -= 1
        elif displaceable and _displaces(action, displaceable[0], now=now):
            displaced.add(id(displaceable.pop(0)))
        else:
            refused.add(id(action))
    returning = sorted(filter(_waits_for_room, actions), key=_last_used, reverse=True)[:room]
    coming = set(map(id, returning))
    return [
        _come_back(action)
        if id(action) in coming
        else _after_quota(action, displaced, refused, most=most)
        for action in actions
    ]


def refuse_beyond_quota(actions: Sequence[Action], policy: Policy) -> list[Action]:
    """Makes none for which there is no room, as when those to be displaced stay after all."""
    most = policy.max_environments
    if most is None:
        return list(actions)
    room = max(_room(actions, policy, most=most), 0)
    refused = set(map(id, _wanted(actions, policy)[room:]))
    return [_after_quota(action, set(), refused, most=most) for action in actions]


def break_circuit(
    actions: Sequence[Action], environments: Sequence[Environment], policy: Policy, *, now: datetime
) -> list[Action]:
    """Retires none of those whose branch ended, where more would be than the policy allows at once.

    A branch source that errs may seem to say that all have ended. What is idle, too old or over the
    quota is not the source's word: of those as many go in a tick as are allowed, and others follow.
    """
    active = sum(not environment.retired for environment in environments)
    most = policy.max_retirements
    if active >= policy.share_applies_from:
        most = min(most, max(int(policy.max_retired_share * active), 1))
    ended = [a for a in actions if a.verb is Verb.RETIRE and a.cause and a.cause.ended]
    if len(ended) > most:
        reason = (
            f"{len(ended)} of {active} environments would be retired at once, which is more than"
            " the policy allows without asking; check the branch source, then retire them by hand"
            " or raise max_retirements or max_retired_share"
        )
        kept = set(map(id, ended))
        actions = [_put_off(a, reason) if id(a) in kept else a for a in actions]
    return cap(actions, Verb.RETIRE, most, now=now)


def cap(actions: Sequence[Action], verb: Verb, most: int, *, now: datetime) -> list[Action]:
    """Does no more of one verb in one tick than the policy allows; the others follow."""
    capped = [action for action in actions if action.verb is verb]
    if len(capped) <= most:
        return list(actions)
    # Not always the same come first: those that fail would keep the others waiting for ever.
    start = int(now.timestamp()) // 60 % len(capped)
    first = {id(action) for action in (capped[start:] + capped[:start])[:most]}
    reason = f"others are to {verb.value} first; it follows"
    return [
        _put_off(action, reason) if action.verb is verb and id(action) not in first else action
        for action in actions
    ]


def _put_off(action: Action, reason: str) -> Action:
    verb = Verb.LEAVE if action.environment is None else Verb.KEEP
    return replace(action, verb=verb, cause=None, reason=reason)


def _is_staying(action: Action) -> bool:
    environment = action.environment
    return environment is not None and not environment.retired and action.verb is not Verb.RETIRE


def _wants_room(action: Action) -> bool:
    if action.environment is None:
        return action.verb is Verb.PROVISION
    return action.verb is Verb.RESTORE and action.environment.retired


def _room(actions: Sequence[Action], policy: Policy, *, most: int) -> int:
    """For how many more the quota has room; negative, if more are in use already."""
    return most - sum(
        _is_staying(action) and not has_keep_label(action.branch, policy) for action in actions
    )


def _wanted(actions: Sequence[Action], policy: Policy) -> list[Action]:
    """What needs room, the most urgent first; the label needs none."""
    wanted = (
        action
        for action in actions
        if _wants_room(action) and not has_keep_label(action.branch, policy)
    )
    return sorted(wanted, key=_urgency, reverse=True)


def _may_be_displaced(action: Action, policy: Policy, *, now: datetime) -> bool:
    environment = action.environment
    return (
        environment is not None
        and _is_staying(action)
        and action.verb in (Verb.KEEP, Verb.PROVISION)
        and not action.hands_off
        and not has_keep_label(action.branch, policy)
        and not environment.is_kept(now=now)
        and not is_protected(environment, action.branch, policy)
    )


def _waits_for_room(action: Action) -> bool:
    """Whether it was displaced from an open branch, and nothing but room is lacking."""
    environment, branch = action.environment, action.branch
    return (
        environment is not None
        and branch is not None
        and branch.state is BranchState.OPEN
        and environment.retired
        and environment.cause is Cause.QUOTA
        and action.verb in (Verb.KEEP, Verb.DROP)
        and not action.hands_off
    )


def _come_back(action: Action) -> Action:
    return replace(action, verb=Verb.RESTORE, next=None, reason="there is room for it again")


def _last_used(action: Action) -> tuple[datetime, str]:
    if action.environment is None:
        raise ValueError("only an environment is used")
    return action.environment.last_used_at, action.environment.name


def _urgency(action: Action) -> tuple[bool, int]:
    # What somebody had, and has worked on since, goes before what is new.
    return action.environment is not None, action.key.number or 0


def _displaces(wanted: Action, staying: Action, *, now: datetime) -> bool:
    if wanted.environment is not None:
        return True
    # It may have been dropped as the least used, and would displace who displaced it.
    new, old = wanted.key.number, staying.key.number
    used, _ = _last_used(staying)
    return new is not None and (old is None or new > old) and now - used >= IN_USE_FOR


def _after_quota(action: Action, displaced: set[int], refused: set[int], *, most: int) -> Action:
    if id(action) in displaced:
        return replace(
            action,
            verb=Verb.RETIRE,
            cause=Cause.QUOTA,
            next=None,
            reason=f"the policy allows {most} environments, and others were used more recently",
        )
    if id(action) in refused:
        return _put_off(action, f"the policy allows {most} environments, and all are in use")
    return action
