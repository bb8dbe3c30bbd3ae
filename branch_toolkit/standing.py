"""How an environment stands, in words: its state, why, and what happens next and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from branch_toolkit.core.action import Outlook, Verb
from branch_toolkit.core.branch import Branch
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.outlook import is_protected, next_drop, next_retirement
from branch_toolkit.core.policy import Policy

_RETIRED: dict[Cause | None, str] = {
    Cause.IDLE: "retired, unless a run uses it,",
    Cause.AGE: "retired as too old",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an environment stands.

    Args:
        state: `active` or `retired`.
        why: Why it is in that state.
        next: What happens next, if nothing changes.
        at: When that is at the earliest; None if the clock does not decide.
    """

    state: str
    why: str
    next: str
    at: datetime | None = None

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        return f"{self.state}, as {self.why}; {self.next}"


def standing_of(
    environment: Environment, policy: Policy, *, now: datetime, branch: Branch | None = None
) -> Standing:
    """How an environment stands under a policy.

    Args:
        environment: The environment.
        policy: The policy.
        now: The time.
        branch: Its branch as the source told of it, for its labels; None if it was not asked.
    """
    protected = is_protected(environment, branch, policy)
    if environment.retired:
        drop = None if protected else next_drop(environment)
        return Standing(
            state=environment.state,
            why=environment.retired_because or "it was set aside",
            next=_next(drop, "it is kept, as the branch is protected", now=now),
            at=drop.at if drop else None,
        )
    outlook = next_retirement(environment, branch, policy)
    rest = "it is kept" if protected else "it is retired when its branch ends"
    return Standing(
        state=environment.state,
        why=_why_active(environment, now=now),
        next=_next(outlook, rest, now=now),
        at=outlook.at if outlook else None,
    )


def minute(time: datetime) -> str:
    """A time for people to read: `2026-11-22 12:00 UTC`."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _why_active(environment: Environment, *, now: datetime) -> str:
    if environment.is_kept(now=now) and environment.keep_until is not None:
        return f"it was asked to be kept until {minute(environment.keep_until)}"
    if environment.schema_only:
        return "the branch was open when it was last looked at; its tables were made empty"
    return "the branch was open when it was last looked at"


def _next(outlook: Outlook | None, otherwise: str, *, now: datetime) -> str:
    if outlook is None:
        return otherwise
    verb = "dropped" if outlook.verb is Verb.DROP else _RETIRED.get(outlook.cause, "retired")
    due = "at the next tick" if outlook.at <= now else f"after {minute(outlook.at)}"
    return f"it is {verb} {due}"
