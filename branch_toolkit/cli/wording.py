"""How values are worded for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import click

Document = Mapping[str, Any]

_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


def printable(text: str) -> str:
    """The text with every character escaped that would act on a terminal or cannot be encoded."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """The text as one printable line."""
    return printable(" ".join(text.split()))


def duration(span: timedelta) -> str:
    """`3 days`, `1 hour`, `a moment`: in the largest unit that fits, to the nearest."""
    for unit, name in _UNITS:
        if abs(span) >= unit:
            return count(round(abs(span) / unit), name)
    return "a moment"


def iso(time: datetime | None) -> str | None:
    """A time for programs."""
    return time.isoformat() if time else None


def count(number: int, noun: str) -> str:
    """`1 branch`, `2 environments`."""
    if number == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{ending}"


def print_json(document: Document) -> None:
    """One document on stdout, in ASCII, so that every terminal and pipe takes it."""
    click.echo(json.dumps(document, indent=2))
