"""Decisions as values: what to do with a branch or its environment, why, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment


class Verb(str, Enum):
    """What is to be done with a branch or its environment."""

    PROVISION = "provision"
    RETIRE = "retire"
    RESTORE = "restore"
    DROP = "drop"
    KEEP = "keep"
    LEAVE = "leave"
    """The branch has no environment, and gets none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What happens next to an environment that is left as it is.

    Args:
        verb: What: retire or drop.
        at: When, at the earliest.
        because: Why, as a clause that completes "because".
        cause: What it is retired for; None where it is dropped.
    """

    verb: Verb
    at: datetime
    because: str
    cause: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One decision.

    Args:
        verb: What to do.
        reason: Why, as a clause that completes "because".
        branch: The branch, where the source told of it.
        environment: The environment, where there is one.
        cause: What it is retired for; None for other verbs.
        next: What happens next if nothing changes, where that is known.
        hands_off: Whether it is kept whatever the limits say.
    """

    verb: Verb
    reason: str
    branch: Branch | None = None
    environment: Environment | None = None
    cause: Cause | None = None
    next: Outlook | None = None
    hands_off: bool = False

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
