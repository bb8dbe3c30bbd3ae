"""From Azure DevOps' pages to all open pull requests, where no list is sorted by last update.

One page is of one moment. More than one are not: a pull request that ends while a page is turned
moves up all that follow it, and one slips past us. So they are walked until two walks agree. What
has ended is only asked for when something that was open is not any more, or nothing is open. An
answer that may lack some tells only what this look saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import islice
from typing import Protocol

from branch_toolkit.branches.items import Reading
from branch_toolkit.branches.listing import NOTHING_TOLD, Known, Page, Seen
from branch_toolkit.core.branch import Branch
from branch_toolkit.core.errors import BranchSourceUnavailable

_WALKS = 4
_MOST_PAGES = 200
_MOST_ENDED = 1000
_ASK_AGAIN = timedelta(hours=4).total_seconds()
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)

Branches = Mapping[int, Branch]
"""Pull requests by number."""


class Status(str, Enum):
    """What Azure DevOps lists pull requests by."""

    ACTIVE = "active"
    COMPLETED = "completed"
    ABANDONED = "abandoned"


class Pages(Protocol):
    """How it is asked."""

    def walk(self, status: Status) -> Iterator[Reading]:
        """The pages of a list, each when it is asked for; lately ended ones first."""


def look(pages: Pages, known: Known | None, *, now: float) -> Seen:
    """All open pull requests and those that ended lately, by as few requests as can be.

    Args:
        pages: How it is asked.
        known: What the last look established; None: nothing.
        now: Seconds of a monotonic clock.

    Raises:
        BranchSourceUnavailable: The first request failed, so nothing is known.
    """
    met: dict[int, Branch] = {}
    try:
        active, note = _settled(pages, met)
    except BranchSourceUnavailable as error:
        if not met:
            raise
        active, note = met, f"the list broke off: {error.problem}"
    if note is not None:
        return _incomplete(active, note)
    # No open one at all is also what a credential sees that may see none.
    lately = known is not None and now - known.listed_at < _ASK_AGAIN
    if known is not None and lately and active and _unchanged(active, known):
        return Seen(branches=tuple(known.branches.values()), known=known)
    try:
        ended = _newest_ended(pages)
    except BranchSourceUnavailable as error:
        return _incomplete(active, f"the list of ended ones broke off: {error.problem}")
    if not active and not ended:
        return _incomplete(active, NOTHING_TOLD)
    # Open goes before ended: a replica that lags behind must not close what was opened again.
    branches = {**_remembered(known), **ended, **active}
    top = Page(branches=tuple(active.values()))
    return Seen(
        branches=tuple(branches.values()),
        known=Known(branches=branches, top=top, watermark=None, listed_at=now),
    )


def _settled(pages: Pages, met: dict[int, Branch]) -> tuple[Branches, str | None]:
    """The open ones, and why they may not be all of them; `met` is given each as it is met."""
    before = None
    for _ in range(_WALKS):
        walk: dict[int, Branch] = {}
        unreadable = turned = 0
        for page in islice(pages.walk(Status.ACTIVE), _MOST_PAGES):
            walk.update(_by_number(page))
            met.update(walk)
            unreadable += page.unreadable
            turned += 1
        if turned == _MOST_PAGES:
            return met, f"after {turned} pages there is always another"
        if unreadable:
            return met, f"{unreadable} pull request(s) could not be read, and may be open"
        if turned == 1 or walk.keys() == before:
            return walk, None
        before = walk.keys()
    return met, (
        f"pull requests were opened or closed during each of {_WALKS} walks, so an open one may"
        " have been missed; the next tick tries again"
    )


def _newest_ended(pages: Pages) -> Branches:
    """The newest page of each list of ended ones, which are sorted by when they ended."""
    ended: dict[int, Branch] = {}
    for status in (Status.COMPLETED, Status.ABANDONED):
        ended.update(_by_number(next(pages.walk(status))))
    return ended


def _by_number(page: Reading) -> Branches:
    return {branch.key.number: branch for branch in page.branches if branch.key.number is not None}


def _unchanged(active: Branches, known: Known) -> bool:
    return frozenset(active.values()) == frozenset(known.top.branches)


def _remembered(known: Known | None) -> Branches:
    """What had ended before, if it is not too much."""
    branches = known.branches.values() if known is not None else ()
    ended = [branch for branch in branches if branch.state.ended]
    ended.sort(key=lambda branch: branch.updated_at or _LONG_AGO)
    return _by_number(Reading(tuple(ended[-_MOST_ENDED:])))


def _incomplete(found: Branches, note: str) -> Seen:
    return Seen(branches=tuple(found.values()), complete=False, note=note)
