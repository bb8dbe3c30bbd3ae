"""The announcing sensor's cursor: what each pull request was told last, and by which run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

_VERSION = 1

Entry: TypeAlias = tuple[int, str]
"""A pull request's number, and the fingerprint of what it was told."""

Entries: TypeAlias = Mapping[str, Entry]
"""By environment."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told, or asked to be.

    Args:
        entries: What each pull request knows, once the latest run has succeeded.
        run_key: The run that was asked for last.
        asked: What those that it is about knew before; None: nothing.
        asked_at: When it was asked for, aware.
    """

    entries: Entries = field(default_factory=dict)
    run_key: str | None = None
    asked: Mapping[str, Entry | None] = field(default_factory=dict)
    asked_at: datetime | None = None


def encode_told(told: Told) -> str:
    """The cursor's text."""
    return json.dumps(
        {
            "version": _VERSION,
            "told": told.entries,
            "run_key": told.run_key,
            "asked": told.asked,
            "asked_at": told.asked_at and told.asked_at.isoformat(),
        }
    )


def decode_told(cursor: str | None) -> Told:
    """What the cursor says; nothing, if it is empty or of another version: then all is told."""
    try:
        content = json.loads(cursor or "")
        if content["version"] != _VERSION:
            return Told()
        return Told(
            {name: _entry(entry) for name, entry in content["told"].items()},
            content["run_key"],
            {name: entry and _entry(entry) for name, entry in content["asked"].items()},
            _aware(content["asked_at"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return Told()


def _aware(text: str | None) -> datetime | None:
    time = datetime.fromisoformat(text) if text else None
    if time is not None and time.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time


def _entry(entry: list[object]) -> Entry:
    number, told = entry
    return int(str(number)), str(told)
