"""From pages of pull requests to all open ones: what to ask, and when the answer is complete.

A forge cuts its lists into pages by counting, so one that is closed while we turn a page moves all
that follow it up, and an open one slips past us. Three rules make an answer complete all the same:
one page is of one moment; a list by last update, newest first, loses nothing but what goes to its
top; and a walk counts if its beginning is the same afterwards. An answer that may lack some tells
only what this look saw: what is remembered may have changed on a page that was not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Protocol

from branch_toolkit.core.branch import Branch
from branch_toolkit.core.errors import BranchSourceUnavailable

_WALKS = 3
_CATCH_UP_PAGES = 5
_MOST_BARREN_PAGES = 3
_MOST_ENDED = 1000
# What a forge's replicas and the seconds of its clock may lag behind.
_OVERLAP = timedelta(minutes=5)
_LIST_AGAIN = timedelta(hours=4).total_seconds()
_TRY_AGAIN = timedelta(minutes=10).total_seconds()
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)

NOTHING_TOLD = (
    "it told of no pull request in any state; so does a repository that was made anew under its old"
    " name, and one whose pull requests are not shown to the credential"
)
"""Why an answer without any pull request is no proof that a branch is gone."""

Query = tuple[tuple[str, str], ...]
"""What a page is asked for by: the names and values in a URL's query."""


def page_after(query: Query) -> Query:
    """The query for the following page, where pages are asked for by `page`, counted from 1."""
    return tuple((name, str(int(text) + 1) if name == "page" else text) for name, text in query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of pull requests.

    Args:
        branches: What is on it, in the forge's order.
        next: What the following page is asked for by; None: this is the last.
        etag: What a later request for the same page can be made conditional by.
        unreadable: How many on it could not be read, and may be open.
        total: How many there are on all pages, where the forge says so.
    """

    branches: tuple[Branch, ...]
    next: Query | None = None
    etag: str | None = None
    unreadable: int = 0
    total: int | None = None


class Pages(Protocol):
    """How a forge is asked for its pull requests."""

    def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
        """Pull requests in any state, last updated first.

        Args:
            following: What the page before gave as `next`; None: the first page.
            etag: What the first page had when it was last asked for.

        Returns:
            None where the first page has that ETag still.
        """

    def open(self, following: Query | None = None) -> Page:
        """Open pull requests, oldest first, where the forge can sort so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an earlier complete answer established, for the next one to start from.

    Args:
        branches: By number: every open one, and those that ended lately.
        top: The first page of those last updated.
        watermark: Up to which of the forge's times everything is known.
        listed_at: When all open ones were last listed, in seconds of a monotonic clock.
    """

    branches: Mapping[int, Branch]
    top: Page
    watermark: datetime | None
    listed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The answer to one look.

    Args:
        branches: What was seen, and where it is complete also what is still known.
        complete: Whether every open pull request is among them.
        note: Why not, where not.
        known: What to start from next time.
    """

    branches: tuple[Branch, ...]
    complete: bool = True
    note: str | None = None
    known: Known | None = None


def look(pages: Pages, known: Known | None, *, now: float) -> Seen:
    """All open pull requests, by as few requests as can be.

    Args:
        pages: How the forge is asked.
        known: What the last look established; None: nothing.
        now: Seconds of a monotonic clock.

    Raises:
        BranchSourceUnavailable: The first request failed, so nothing is known.
    """
    if known is None:
        return _list_all(pages, _first(pages.newest()), now=now)
    top, same = _ask_again(pages, known.top)
    if now - known.listed_at >= _LIST_AGAIN:
        return _list_again(pages, known, top, same=same, now=now)
    return _catch_up(pages, known, top, same=same, now=now)


def _first(page: Page | None) -> Page:
    # Without an ETag no forge can say "unchanged"; an empty page is what that would mean.
    return page or Page(branches=())


def _ask_again(pages: Pages, before: Page) -> tuple[Page, bool]:
    """The first page, and whether it is as it was before."""
    page = pages.newest(etag=before.etag)
    if page is None:
        return before, True
    return page, _content(page) == _content(before)


def _content(page: Page) -> tuple[object, ...]:
    return frozenset(page.branches), page.unreadable, page.total


def _list_again(pages: Pages, known: Known, top: Page, *, same: bool, now: float) -> Seen:
    # What slipped past us long ago, or was deleted without a trace, is found and mended here.
    listed = _list_all(pages, top, now=now)
    if listed.complete:
        return listed
    later = now - _LIST_AGAIN + _TRY_AGAIN
    return _catch_up(pages, replace(known, listed_at=later), top, same=same, now=now)


def _list_all(pages: Pages, top: Page, *, now: float) -> Seen:
    found = _Findings(top.branches)
    try:
        for _ in range(_WALKS):
            walk = found.walk(_all_open(pages))
            after, same = (top, True) if walk.pages == 1 else _ask_again(pages, top)
            if same and walk.still:
                return _listed(after, walk, found, now=now)
            top = after
            found.add(top.branches)
    except BranchSourceUnavailable as error:
        return found.incomplete(f"the list broke off: {error.problem}")
    return found.incomplete(
        f"pull requests changed during each of {_WALKS} walks through {walk.pages} pages, so an"
        " open one may have been missed; the next tick tries again"
    )


def _listed(top: Page, walk: _Walk, found: _Findings, *, now: float) -> Seen:
    if doubt := _doubt(walk, top):
        return found.incomplete(doubt)
    # Only what this walk found: what earlier ones did was out of date by then.
    final = _Findings(top.branches)
    final.add(walk.branches)
    return _complete(final.branches, top, watermark=_newest(top), listed_at=now)


def _catch_up(pages: Pages, known: Known, top: Page, *, same: bool, now: float) -> Seen:
    if same:
        return _complete(known.branches, top, watermark=known.watermark, listed_at=known.listed_at)
    found = _Findings(remembered=known.branches)
    try:
        for _ in range(_WALKS):
            walk = found.walk(_newer(pages, top, known.watermark))
            if not walk.reached:
                break
            after, same = (top, True) if walk.pages == 1 else _ask_again(pages, top)
            if same and walk.still:
                return _caught_up(known, after, walk, found)
            top = after
    except BranchSourceUnavailable as error:
        return found.incomplete(f"the list of changes broke off: {error.problem}")
    return _list_all(pages, top, now=now)


def _caught_up(known: Known, top: Page, walk: _Walk, found: _Findings) -> Seen:
    if doubt := _doubt(walk, top):
        return found.incomplete(doubt)
    watermark = _newest(top) or known.watermark
    return _complete(found.branches, top, watermark=watermark, listed_at=known.listed_at)


def _doubt(walk: _Walk, top: Page) -> str | None:
    """Why an open one may be missing, though all pages were read."""
    if walk.unreadable:
        return f"{walk.unreadable} pull request(s) in the answer could not be read, and may be open"
    return None if top.branches else NOTHING_TOLD


def _complete(
    branches: Mapping[int, Branch], top: Page, *, watermark: datetime | None, listed_at: float
) -> Seen:
    kept = _without_long_ended(branches)
    known = Known(branches=kept, top=top, watermark=watermark, listed_at=listed_at)
    return Seen(branches=_by_number(kept), known=known)


def _without_long_ended(branches: Mapping[int, Branch]) -> dict[int, Branch]:
    ended = [(b.updated_at or _LONG_AGO, n) for n, b in branches.items() if b.state.ended]
    gone = {number for _, number in sorted(ended)[:-_MOST_ENDED]}
    return {number: branch for number, branch in branches.items() if number not in gone}


def _by_number(branches: Mapping[int, Branch]) -> tuple[Branch, ...]:
    return tuple(branches[number] for number in sorted(branches))


def _newest(page: Page) -> datetime | None:
    return max((b.updated_at for b in page.branches if b.updated_at is not None), default=None)


@dataclass(slots=True)
class _Walk:
    """Some pages in a row.

    Args:
        branches: What is on them.
        pages: How many there are.
        unreadable: How many pull requests on them could not be read.
        reached: Whether they go as far as was asked for.
        totals: What each page said that there are on all of them.
    """

    branches: list[Branch] = field(default_factory=list)
    pages: int = 0
    unreadable: int = 0
    reached: bool = True
    totals: set[int | None] = field(default_factory=set)

    @property
    def still(self) -> bool:
        """Whether none was deleted meanwhile, which leaves no trace but that there is one less."""
        return len(self.totals - {None}) <= 1

    def add(self, page: Page) -> None:
        self.pages += 1
        self.branches += page.branches
        self.unreadable += page.unreadable
        self.totals.add(page.total)


class _Findings:
    """What the pages of one look say together: of each pull request, what was said last.

    Args:
        branches: What was found so far.
        remembered: What earlier looks found.
    """

    def __init__(
        self, branches: Iterable[Branch] = (), *, remembered: Mapping[int, Branch] | None = None
    ) -> None:
        self.branches = dict(remembered or {})
        self._told: set[int] = set()
        self.add(branches)

    def add(self, branches: Iterable[Branch]) -> None:
        for branch in branches:
            number = branch.key.number
            if number is not None and not _outdated(branch, self.branches.get(number)):
                self.branches[number] = branch
                self._told.add(number)

    def walk(self, pages: Iterable[Page | None]) -> _Walk:
        """Goes through pages; what is found stays even if a later one cannot be had."""
        walk = _Walk()
        for page in pages:
            if page is None:
                walk.reached = False
            else:
                walk.add(page)
                self.add(page.branches)
        return walk

    def incomplete(self, note: str) -> Seen:
        told = {number: self.branches[number] for number in self._told}
        return Seen(branches=_by_number(told), complete=False, note=note)


def _outdated(branch: Branch, known: Branch | None) -> bool:
    # A forge's replica that lags behind must not take back what another has said.
    if known is None or known.updated_at is None or branch.updated_at is None:
        return False
    return branch.updated_at < known.updated_at


def _all_open(pages: Pages) -> Iterator[Page]:
    page = pages.open()
    seen = {branch.key for branch in page.branches}
    barren = 0
    while page.next is not None and barren < _MOST_BARREN_PAGES:
        yield page
        page = pages.open(page.next)
        new = {branch.key for branch in page.branches} - seen
        seen |= new
        barren = 0 if new else barren + 1
    yield page
    if page.next is not None:
        raise BranchSourceUnavailable(
            f"the pages of open pull requests do not end; after {len(seen)} there are always more.",
            remedy="Check that the base URL is the forge's own, without a cache in between.",
        )


def _newer(pages: Pages, top: Page, watermark: datetime | None) -> Iterator[Page | None]:
    """The pages down to what was known before, and None where that is too far."""
    page = top
    for _ in range(_CATCH_UP_PAGES):
        yield page
        if page.next is None or _reaches(page, watermark):
            return
        page = _first(pages.newest(page.next))
    yield None


def _reaches(page: Page, watermark: datetime | None) -> bool:
    if watermark is None:
        return False
    edge = watermark - _OVERLAP
    return any(b.updated_at is not None and b.updated_at < edge for b in page.branches)
