"""Marks: JSON in a schema's comment, the proof of ownership and the only state that we keep."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from branch_toolkit.core.cause import Cause
from branch_toolkit.core.errors import InvalidMark
from branch_toolkit.version import __version__

FORMAT = 1
FORMAT_KEY = "branch_toolkit"
CHECKSUM_KEY = "checksum"
BUILDING = "building"
DROPPING = "dropping"
CONDITIONS = (BUILDING, DROPPING)
_REMEDY = (
    "The schema is left alone. If it is yours, leave the comment as it is; if it is a clone whose"
    " comment was edited, drop it by hand."
)


_TIMES = frozenset(
    {"created_at", "last_used_at", "restored_at", "keep_until", "retired_at", "drop_after"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a clone says of itself.

    Args:
        project: The project that made it.
        clone: The clone's own name; a mark under another name proves nothing.
        base_schema: The schema that it was made from.
        database: The database's identity; a mark that came by a dump proves nothing.
        repository: The branch's repository, for people to read and to tell projects apart.
        branch: The branch's name when it was made, where known.
        pull_request: The pull request's number, where there is one.
        strategy: How its tables were made.
        role: The role that owns what is in the clone, if it has one of its own.
        base_state: A digest of base's structure when it was cloned.
        created_at: When it was made.
        last_used_at: When it was last made use of, to a quarter of an hour.
        restored_at: When it was last brought back.
        keep_until: Until when it was asked to be kept.
        schema_only: Whether it was made without base's rows.
        as_of: The past state of base that it was made from, as `AsOf` writes it; None for what base
            was when it was made.
        retired_at: When it was set aside; None while in use.
        retired_because: Why it was set aside.
        cause: The same in a word (`Cause`); None in marks of earlier versions.
        sha: The branch's head when it was set aside, where known.
        drop_after: When it may be dropped; None while in use.
        condition: What is half of it: `building` or `dropping`; None if it is whole.
        stamp: What the warehouse tells the schema by from others of its name; None where it does
            not say (`SchemaFacts.stamp`), or while the clone is being made.
        toolkit: The version that wrote the mark.
    """

    project: str
    clone: str
    base_schema: str
    database: str
    repository: str | None = None
    branch: str | None = None
    pull_request: int | None = None
    strategy: str = "copy"
    role: str | None = None
    base_state: str = ""
    created_at: datetime
    last_used_at: datetime
    restored_at: datetime | None = None
    keep_until: datetime | None = None
    schema_only: bool = False
    as_of: str | None = None
    retired_at: datetime | None = None
    retired_because: str | None = None
    cause: str | None = None
    sha: str | None = None
    drop_after: datetime | None = None
    condition: str | None = None
    stamp: str | None = None
    toolkit: str = __version__

    def __post_init__(self) -> None:
        for name in _TIMES:
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                raise ValueError(f"{name} of a mark has no time zone: {time}")
        if self.condition not in (None, *CONDITIONS):
            raise ValueError(f"condition of a mark is {self.condition!r}")

    @property
    def retired(self) -> bool:
        """Whether the clone is set aside."""
        return self.retired_at is not None

    def half(self, condition: str, *, name: str) -> Mark:
        """The mark of a schema of that name that is not yet, or no longer, the whole clone."""
        return replace(self, clone=name, condition=condition)

    def retire(
        self,
        *,
        now: datetime,
        because: str,
        grace: timedelta,
        cause: Cause = Cause.ASKED,
        sha: str | None = None,
    ) -> Mark:
        """The mark of the same clone, set aside until `now + grace`."""
        return replace(
            self,
            retired_at=now,
            retired_because=because,
            drop_after=now + grace,
            cause=cause.value,
            sha=sha,
        )

    def restore(self, *, now: datetime) -> Mark:
        """The mark of the same clone, in use again."""
        return replace(
            self,
            retired_at=None,
            retired_because=None,
            drop_after=None,
            cause=None,
            sha=None,
            last_used_at=now,
            restored_at=now,
        )

    def use(self, *, now: datetime) -> Mark:
        """The mark of the same clone, just made use of; never moved back by a slow clock."""
        return replace(self, last_used_at=max(now, self.last_used_at))

    def keep(self, *, until: datetime | None) -> Mark:
        """The mark of the same clone, asked to be kept until then, or no longer."""
        return replace(self, keep_until=until)


_OPTIONAL = frozenset(
    {
        "repository",
        "branch",
        "pull_request",
        "role",
        "restored_at",
        "keep_until",
        "as_of",
        "retired_at",
        "retired_because",
        "cause",
        "sha",
        "drop_after",
        "condition",
        "stamp",
    }
)
_ADDED_LATER: dict[str, Any] = {
    "role": None,
    "condition": None,
    "stamp": None,
    "restored_at": None,
    "keep_until": None,
    "schema_only": False,
    "as_of": None,
    "cause": None,
    "sha": None,
}
"""Fields that marks of earlier versions lack, and what they mean there."""
_FIELDS = tuple(field.name for field in fields(Mark))


def encode(mark: Mark) -> str:
    """The comment's text."""
    content: dict[str, Any] = {FORMAT_KEY: FORMAT}
    for name in _FIELDS:
        value = getattr(mark, name)
        content[name] = value.isoformat() if isinstance(value, datetime) else value
    return json.dumps({**content, CHECKSUM_KEY: _checksum(content)})


def is_mark(comment: str | None) -> bool:
    """Whether a comment claims to be a mark, readable or not."""
    return comment is not None and f'"{FORMAT_KEY}"' in comment


def decode(comment: str | None) -> Mark:
    """The mark in a schema's comment.

    Raises:
        InvalidMark: It is no mark, of another format version, or was edited.
    """
    content = _parse(comment)
    if content.get(FORMAT_KEY) != FORMAT:
        raise InvalidMark(
            f"The mark has format {content.get(FORMAT_KEY)!r}; this version reads {FORMAT}.",
            remedy="Use the version of dagster-branch-toolkit that wrote it. " + _REMEDY,
        )
    checksum = content.pop(CHECKSUM_KEY, None)
    if checksum != _checksum(content):
        raise InvalidMark("The mark was edited: its checksum does not agree.", remedy=_REMEDY)
    try:
        content = _ADDED_LATER | content
        return Mark(**{name: _value(name, content[name]) for name in _FIELDS})
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidMark(
            f"The mark lacks or misstates a field: {error}.", remedy=_REMEDY
        ) from None


def _parse(comment: str | None) -> dict[str, Any]:
    if not is_mark(comment):
        raise InvalidMark("The schema's comment is no mark of ours.", remedy=_REMEDY)
    try:
        content = json.loads(comment or "")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InvalidMark("The mark is not valid JSON.", remedy=_REMEDY)
    return content


def _value(name: str, value: Any) -> Any:
    if value is None:
        if name in _OPTIONAL:
            return None
        raise ValueError(f"{name} is missing")
    if name in _TIMES:
        return _aware(name, value)
    expected = {"pull_request": int, "schema_only": bool}.get(name, str)
    if type(value) is not expected:
        raise ValueError(f"{name} is {value!r}")
    return value


def _aware(name: str, value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}") from None
    if time.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return time


def _checksum(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
