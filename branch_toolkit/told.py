"""The announcing sensor's cursor: what each pull request was told last, and by which run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """

    entries: Entries = field(default_factory=dict)
    run_key: str | None = None
    asked: Mapping[str, Entry | None] = field(default_factory=dict)


def encode_told(told: Told) -> str:
    """The cursor's text."""
    content = {"told": told.entries, "run_key": told.run_key, "asked": told.asked}
    return json.dumps({"version": _VERSION, **content})


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
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return Told()


def _entry(entry: list[object]) -> Entry:
    number, told = entry
    return int(str(number)), str(told)
