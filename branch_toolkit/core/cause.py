"""Causes: what an environment was set aside for, in a word that a policy can go by."""

from __future__ import annotations

from enum import Enum


class Cause(str, Enum):
    """What an environment is retired for."""

    MERGED = "merged"
    CLOSED = "closed"
    GONE = "gone"
    """The branch source no longer tells of the branch."""
    IDLE = "idle"
    AGE = "age"
    QUOTA = "quota"
    ASKED = "asked"
    """Somebody retired it by hand."""

    @property
    def ended(self) -> bool:
        """Whether the branch itself has ended, so that a reopened one gets its environment back."""
        return self in (Cause.MERGED, Cause.CLOSED, Cause.GONE)
