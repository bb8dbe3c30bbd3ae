"""A text and what stands within its quotes: edits that leave all else byte for byte as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants
_ESCAPED = re.compile(r"''|\\(?:[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_LETTERS = {"0": "\0", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, order=True)
class Edit:
    """A piece of a text that is replaced.

    Args:
        start: Where it begins.
        end: Where it has ended.
        text: What takes its place.
    """

    start: int
    end: int
    text: str


def splice(text: str, edits: Iterable[Edit]) -> str:
    """The text with its edits made."""
    pieces, at = [], 0
    for edit in sorted(edits):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


@dataclass(frozen=True)
class Inner:
    """A text within another.

    Args:
        text: What it says, its escapes undone.
        offsets: Where each of its characters begins in the outer text, and where the last ended.
        escape: How it is written there.
    """

    text: str
    offsets: tuple[int, ...]
    escape: Callable[[str], str]

    def outward(self, edit: Edit) -> Edit:
        """The same edit in the outer text."""
        return Edit(self.offsets[edit.start], self.offsets[edit.end], self.escape(edit.text))


def part(text: str, start: int, end: int) -> Inner:
    """A piece of a text."""
    return Inner(text[start:end], tuple(range(start, end + 1)), lambda new: new)


def string(text: str, start: int, end: int) -> Inner:
    """What a string constant says, in single quotes or double dollars."""
    if text.startswith("$$", start):
        return part(text, start + 2, end - 2)
    letters: list[str] = []
    offsets: list[int] = []
    at = start + 1
    while at < end - 1:
        escaped = _ESCAPED.match(text, at, end - 1)
        written = escaped[0] if escaped else text[at]
        letters.append(_said(written))
        offsets.append(at)
        at += len(written)
    return Inner("".join(letters), (*offsets, end - 1), _escape)


def _said(written: str) -> str:
    if len(written) == 1:
        return written
    kind = written[1]
    if len(written) > 2:
        digits, radix = (written[1:], 8) if kind.isdigit() else (written[2:], 16)
        return chr(int(digits, radix))
    return _LETTERS.get(kind, kind)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")
