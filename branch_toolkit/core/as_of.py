"""The point in the past that clones are made as of, in warehouses that keep past states."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from branch_toolkit.core.errors import InvalidAsOf

_BEFORE = "before:"
# https://docs.snowflake.com/en/sql-reference/constructs/at-before shows query ids of this form.
_QUERY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REMEDY = (
    "Give a time with its zone, as in 2026-11-22T12:00:00+00:00, or a Snowflake query id, as in"
    " before:01a9b094-0102-2f97-0001-01e200d7576e, for what was before that statement."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """A point in the past: a time, or just before a statement took effect.

    As text it is `2026-11-22T12:00:00+00:00` or `before:<query id>`; equal points have equal texts.

    Args:
        time: The time, aware.
        before: The statement's query id.

    Raises:
        ValueError: Neither or both are given, the time has no zone, or the id is none.
    """

    time: datetime | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if (self.time is None) == (self.before is None):
            raise ValueError("give either a time or a query id")
        if self.time is not None and self.time.tzinfo is None:
            raise ValueError(f"the time has no zone: {self.time}")
        if self.before is not None and not _QUERY_ID.fullmatch(self.before):
            raise ValueError(f"this is no query id: {self.before[:40]!r}")

    @classmethod
    def parse(cls, text: str) -> AsOf:
        """The point that a text names.

        Raises:
            InvalidAsOf: It names none, or a time without its zone.
        """
        asked = text.strip()
        try:
            if asked.lower().startswith(_BEFORE):
                return cls(before=asked[len(_BEFORE) :].strip().lower())
            time = datetime.fromisoformat(asked.replace("Z", "+00:00"))
            return cls(time=time.astimezone(timezone.utc) if time.tzinfo else time)
        except (ValueError, OverflowError):
            raise InvalidAsOf(f"{asked[:60]!r} is no point in time.", remedy=_REMEDY) from None

    def require_past(self, *, now: datetime) -> None:
        """Refuses a time that has not come yet.

        Raises:
            InvalidAsOf: It has not.
        """
        if self.time is not None and self.time > now:
            raise InvalidAsOf(
                f"{self} is in the future: it is {now.astimezone(timezone.utc).isoformat()} now.",
                remedy="Give an earlier time.",
            )

    def __str__(self) -> str:
        if self.time is not None:
            return self.time.astimezone(timezone.utc).isoformat()
        return f"{_BEFORE}{self.before}"
