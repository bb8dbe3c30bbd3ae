"""How long a forge asks us to wait, by the headers of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_STATUSES = frozenset((403, 429))
_RESETS = ("X-RateLimit-Reset", "RateLimit-Reset")
_REMAINING = ("X-RateLimit-Remaining", "RateLimit-Remaining")
# What GitHub asks for where it gives no time.
_UNTOLD = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a forge asks for.

    Args:
        seconds: How long.
        until: Until when, by the forge's own clock where it tells it; aware.
    """

    seconds: float
    until: datetime


def wait_of(status: int, headers: Mapping[str, str], message: str) -> Wait | None:
    """The wait that an answer asks for, or None where it is not about a rate limit.

    GitHub says 403 both for "not allowed" and for "too often"; the headers, and for its secondary
    limits the message, tell them apart. Sources:
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api and
    https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/

    Args:
        status: The HTTP status.
        headers: The headers, by name in any case.
        message: What the answer says.
    """
    if status not in _STATUSES:
        return None
    now = _date(headers.get("Date")) or datetime.now(tz=timezone.utc)
    until = _retry_after(headers, now=now)
    if until is None and (_used_up(headers) or status == 429):
        until = _reset(headers)
    if until is None and (status == 429 or "rate limit" in message.lower()):
        until = now + _UNTOLD
    if until is None:
        return None
    return Wait(max((until - now).total_seconds(), 0.0), until)


def _retry_after(headers: Mapping[str, str], *, now: datetime) -> datetime | None:
    text = headers.get("Retry-After", "")
    return now + timedelta(seconds=int(text)) if text.isdecimal() else _date(text)


def _used_up(headers: Mapping[str, str]) -> bool:
    return any(headers.get(name) == "0" for name in _REMAINING)


def _reset(headers: Mapping[str, str]) -> datetime | None:
    for name in _RESETS:
        text = headers.get(name, "")
        if text.isdecimal():
            try:
                return datetime.fromtimestamp(int(text), tz=timezone.utc)
            except (OverflowError, ValueError):
                return None
    return None


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)
