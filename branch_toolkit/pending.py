"""The sensors' cursor: what was asked for and has not come about yet, and when to ask again.

A run key fires once per sensor, for ever, even if its run fails. So it names the attempt too: what
is still to be done after a run has ended is asked for again, later each time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_FIRST_DELAY = timedelta(seconds=30)
_LONGEST_DELAY = timedelta(hours=1)
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Something that is to be done.

    Args:
        since: When it was first seen; names the occasion, so that a reopened branch is a new one.
        attempts: How often a run was asked for.
        not_before: When a run may be asked for again.
    """

    since: datetime
    attempts: int = 0
    not_before: datetime | None = None

    def wait(self, now: datetime) -> str | None:
        """Why no run is asked for now; None if one may be."""
        if self.not_before is None or now >= self.not_before:
            return None
        if self.not_before - now > _LONGEST_DELAY:
            # A clock that was wrong once must not silence the sensor until it is right again.
            return None
        return f"asked for {self.attempts} time(s), again after {self.not_before:%H:%M:%S %Z}"

    def attempted(self, now: datetime) -> Pending:
        """The same, after one more run was asked for."""
        delay = min(_FIRST_DELAY * 2 ** min(self.attempts, 10), _LONGEST_DELAY)
        return replace(self, attempts=self.attempts + 1, not_before=now + delay)

    def run_key(self, key: str) -> str:
        """The run key of the latest attempt."""
        return f"{key}/{self.since.isoformat()}/{self.attempts}"


def encode_pending(pending: Mapping[str, Pending]) -> str:
    """The cursor's text."""
    items = {
        key: [item.since.isoformat(), item.attempts, _iso(item.not_before)]
        for key, item in pending.items()
    }
    return json.dumps({"version": _VERSION, "pending": items})


def decode_pending(cursor: str | None) -> dict[str, Pending]:
    """What the cursor says; nothing, if it is empty or of another version.

    To forget is safe: a run is then asked for once more, and every verb is idempotent.
    """
    try:
        content = json.loads(cursor or "")
        if content["version"] != _VERSION:
            return {}
        return {
            key: Pending(
                since=_aware(since),
                attempts=int(attempts),
                not_before=_aware(not_before) if not_before else None,
            )
            for key, (since, attempts, not_before) in content["pending"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _aware(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
