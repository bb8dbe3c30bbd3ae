"""How few requests tell all open pull requests, and when the answer is called complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from branch_toolkit.branches.listing import Known, Page, Query, look, page_after
from branch_toolkit.core.branch import Branch, BranchKey, BranchState
from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit_demo.forge import ForgeRepository, PullRequest, newest_first

PER_PAGE = 2
HOURS = 3600.0
FIRST: Query = (("page", "1"),)


class Forge:
    """The pages of a repository that is edited before each request.

    Args:
        repository: What there is.
        edits: What happens before each request, until there are no more.
        totals: Whether each page says how many there are in all.
        etags: Whether the first page can be asked for conditionally.
    """

    def __init__(
        self,
        repository: ForgeRepository,
        edits: Iterable[Callable[[], None]] = (),
        *,
        totals: bool = True,
        etags: bool = True,
    ) -> None:
        self.repository = repository
        self.edits = iter(edits)
        self.totals = totals
        self.etags = etags
        self.requests = 0

    def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
        self._request()
        page = self._page(newest_first(self.repository.in_state()), following)
        return None if etag is not None and page.etag == etag else page

    def open(self, following: Query | None = None) -> Page:
        self._request()
        return self._page(self.repository.in_state("open"), following)

    def _request(self) -> None:
        self.requests += 1
        next(self.edits, lambda: None)()

    def _page(self, found: list[PullRequest], following: Query | None) -> Page:
        query = following or FIRST
        start = (int(dict(query)["page"]) - 1) * PER_PAGE
        more = start + PER_PAGE < len(found)
        branches = tuple(map(_branch, found[start : start + PER_PAGE]))
        return Page(
            branches=branches,
            next=page_after(query) if more else None,
            etag=str(hash((branches, more))) if self.etags and following is None else None,
            total=len(found) if self.totals else None,
        )


def _branch(pull: PullRequest) -> Branch:
    return Branch(
        key=BranchKey(number=pull.number),
        name=pull.head,
        state=BranchState(pull.state),
        updated_at=pull.updated_at,
    )


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["open", "close", "merge", "reopen", "push", "wait", "nothing", "delete"]),
        st.integers(min_value=0, max_value=20),
    ),
    max_size=3,
)


class History:
    """Edits a repository at random, and notes who was open all the time of a look."""

    def __init__(self, repository: ForgeRepository, *, deletes: bool) -> None:
        self.repository = repository
        self.deletes = deletes
        self.deleted: set[int] = set()
        self.open_throughout: set[int] = set()
        self.ended_meanwhile: set[int] = set()

    def begin(self) -> None:
        """A look begins."""
        self.open_throughout = self.open_now()
        self.ended_meanwhile = set(self.repository.pull_requests) - self.open_now() | self.deleted

    def open_now(self) -> set[int]:
        return {pull.number for pull in self.repository.in_state("open")}

    def edit(self, edits: list[tuple[str, int]]) -> None:
        for verb, index in edits:
            self._edit(verb, index)
            self.open_throughout &= self.open_now()
            self.ended_meanwhile |= set(self.repository.pull_requests) - self.open_now()

    def _edit(self, verb: str, index: int) -> None:
        repository = self.repository
        if verb == "open":
            repository.open("late")
        elif verb == "wait":
            repository.pass_time(timedelta(minutes=4 * index))
        elif found := repository.in_state(*_BEFORE.get(verb, ("open",))):
            number = found[index % len(found)].number
            if verb == "delete":
                if self.deletes and number != max(repository.pull_requests):
                    repository.delete(number)
                    self.deleted.add(number)
                    self.ended_meanwhile.add(number)
            elif verb != "nothing":
                getattr(repository, verb)(number)


_BEFORE = {"reopen": ("closed",), "push": (), "delete": ()}


@settings(max_examples=250, deadline=None)
@given(
    started=st.integers(min_value=0, max_value=9),
    looks=st.lists(st.lists(EDITS, max_size=14), min_size=1, max_size=4),
    between=st.lists(EDITS, min_size=4, max_size=4),
    hours=st.lists(st.sampled_from([0.0, 0.0, 5.0]), min_size=4, max_size=4),
    breaks=st.lists(st.none() | st.integers(min_value=1, max_value=6), min_size=4, max_size=4),
    etags=st.booleans(),
    deletes=st.booleans(),
)
def test_no_open_one_is_ever_missing_in_a_complete_answer(
    started: int,
    looks: list[list[list[tuple[str, int]]]],
    between: list[list[tuple[str, int]]],
    hours: list[float],
    breaks: list[int | None],
    etags: bool,
    deletes: bool,
) -> None:
    repository = ForgeRepository()
    for number in range(started):
        repository.open(f"feature/{number}")
    history = History(repository, deletes=deletes)
    known: Known | None = None
    now = 0.0
    for edits, meanwhile, later, down in zip(looks, between, hours, breaks, strict=False):
        history.begin()
        steps = [lambda each=each: history.edit(each) for each in edits]
        if down is not None:
            steps = [*steps, *repeat(_nothing, down)]
            steps[down:] = [_fail]
        seen = look(Forge(repository, steps, etags=etags), known, now=now)
        states = {branch.key.number: branch.state for branch in seen.branches}
        if seen.complete:
            assert history.open_throughout <= {n for n, s in states.items() if not s.ended}
        ended = {n for n, s in states.items() if s.ended}
        assert ended <= history.ended_meanwhile, "said to be over, but was open all the time"
        known = seen.known or known
        history.edit(meanwhile)
        now += later * HOURS
    forge = Forge(repository, etags=etags)
    seen = look(forge, known, now=now)
    assert seen.complete is bool(repository.pull_requests)
    told = {branch.key.number for branch in seen.branches if not branch.state.ended}
    # One that was deleted leaves no trace; it is kept until everything is listed again.
    assert history.open_now() <= told <= history.open_now() | history.deleted
    settled = look(Forge(repository, etags=etags), seen.known, now=now)
    assert settled.branches == seen.branches
    listed = look(Forge(repository, etags=etags), None, now=now)
    assert {b.key.number for b in listed.branches if not b.state.ended} == history.open_now()


def _repository(count: int) -> ForgeRepository:
    repository = ForgeRepository()
    for number in range(count):
        repository.open(f"feature/{number}")
        repository.pass_time(timedelta(hours=1))
    return repository


@pytest.mark.parametrize(
    ("count", "requests"),
    [(2, 2), (3, 4), (10, 7)],
    ids=["one page", "two pages", "five pages"],
)
def test_the_first_look_takes_the_open_pages_and_the_newest_twice(
    count: int, requests: int
) -> None:
    forge = Forge(_repository(count))
    seen = look(forge, None, now=0.0)
    assert seen.complete
    assert len(seen.branches) == count
    # A single page is of one moment, and needs no second look at the newest.
    assert forge.requests == requests


@pytest.mark.parametrize("etags", [True, False], ids=["etag", "no etag"])
def test_later_looks_cost_what_has_changed(*, etags: bool) -> None:
    repository = _repository(10)
    known = look(Forge(repository, etags=etags), None, now=0.0).known
    quiet = Forge(repository, etags=etags)
    assert look(quiet, known, now=60.0).known is not None
    assert quiet.requests == 1
    repository.pass_time(timedelta(hours=1))
    repository.merge(3)
    changed = Forge(repository, etags=etags)
    seen = look(changed, known, now=60.0)
    assert changed.requests <= 3
    assert {b.key.number for b in seen.branches if b.state is BranchState.MERGED} == {3}


def test_what_changes_often_is_still_seen_where_only_the_newest_page_is_needed() -> None:
    repository = _repository(10)
    known = look(Forge(repository), None, now=0.0).known
    # Its page reaches back to what was known, so nothing that moves can hide from it.
    repository.pass_time(timedelta(hours=1))
    busy = Forge(repository, [lambda: repository.push(4)] * 9)
    seen = look(busy, known, now=60.0)
    assert seen.complete


def test_a_new_etag_for_the_same_content_is_used_from_then_on() -> None:
    repository = _repository(3)

    class Rotating(Forge):
        tag = "one"

        def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
            page = super().newest(following)
            assert page is not None
            made = Page(branches=page.branches, next=page.next, etag=self.tag, total=page.total)
            return None if etag == self.tag else made

    forge = Rotating(repository)
    known = look(forge, None, now=0.0).known
    forge.tag = "two"
    known = look(forge, known, now=1.0).known
    assert known is not None
    assert known.top.etag == "two"


def test_a_replica_that_lags_behind_takes_nothing_back() -> None:
    repository = _repository(1)
    known = look(Forge(repository), None, now=0.0).known
    old = _branch(repository.pull_requests[1])
    repository.close(1)
    known = look(Forge(repository), known, now=1.0).known

    class Lagging(Forge):
        def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
            return Page(branches=(old,))

    seen = look(Lagging(repository), known, now=2.0)
    assert [branch.state for branch in seen.branches] == [BranchState.CLOSED]


def test_what_ended_long_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("branch_toolkit.branches.listing._MOST_ENDED", 2)
    repository = _repository(6)
    known = look(Forge(repository), None, now=0.0).known
    for number in (5, 1, 2, 3):
        repository.close(number)
        known = look(Forge(repository), known, now=1.0).known
    assert known is not None
    assert sorted(known.branches) == [2, 3, 4, 6]


def test_where_nothing_at_all_is_told_nothing_is_certain() -> None:
    repository = _repository(1)
    known = look(Forge(repository), None, now=0.0).known
    # As if it were made anew under its old name; what is remembered is of the one before.
    for remembered in (None, known):
        for hours in (0, 5):
            seen = look(Forge(ForgeRepository()), remembered, now=hours * HOURS)
            assert (seen.branches, seen.complete, seen.known) == ((), False, None)
            assert "no pull request in any state" in (seen.note or "")


def test_an_answer_with_gaps_repeats_nothing_that_was_only_remembered() -> None:
    repository = _repository(4)
    repository.close(1)
    known = look(Forge(repository), None, now=0.0).known
    # It is open again, and on the second page of what changed.
    for each in (repository.reopen, repository.push):
        repository.pass_time(timedelta(hours=1))
        each(1)
    for number in (2, 3, 4):
        repository.push(number)
    assert known is not None
    assert known.branches[1].state is BranchState.CLOSED
    seen = look(Forge(repository, [_nothing, _fail]), known, now=1.0)
    assert not seen.complete
    assert {branch.key.number for branch in seen.branches} == {3, 4}


def test_one_that_cannot_be_read_is_not_told_as_it_was_remembered() -> None:
    repository = _repository(2)
    repository.close(1)
    known = look(Forge(repository), None, now=0.0).known
    repository.reopen(1)

    class Unreadable(Forge):
        def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
            page = super().newest(following)
            assert page is not None
            told = tuple(branch for branch in page.branches if branch.key.number != 1)
            return Page(branches=told, next=page.next, unreadable=1, total=page.total)

    seen = look(Unreadable(repository), known, now=1.0)
    assert not seen.complete
    assert {branch.key.number for branch in seen.branches} == {2}


def test_what_a_replica_says_that_lags_behind_is_no_news_in_an_answer_with_gaps() -> None:
    repository = _repository(3)
    repository.close(1)
    old = _branch(repository.pull_requests[1])
    repository.reopen(1)
    known = look(Forge(repository), None, now=0.0).known

    class Lagging(Forge):
        def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
            if following is not None:
                _fail()
            return Page(branches=(old,), next=page_after(FIRST))

    seen = look(Lagging(repository), known, now=2.0)
    assert (seen.branches, seen.complete) == ((), False)


def test_a_first_request_that_fails_is_an_error_and_a_later_one_a_note() -> None:
    repository = _repository(3)
    with pytest.raises(BranchSourceUnavailable):
        look(Forge(repository, [_fail]), None, now=0.0)
    for before in range(1, 4):
        steps = [_nothing] * before + [_fail]
        seen = look(Forge(repository, steps), None, now=0.0)
        assert not seen.complete
        assert seen.note == "the list broke off: It is down."
        assert seen.known is None


def test_a_list_that_fails_after_hours_does_not_undo_what_is_known() -> None:
    repository = _repository(3)
    known = look(Forge(repository), None, now=0.0).known
    forge = Forge(repository, [_nothing, _fail])
    seen = look(forge, known, now=5 * HOURS)
    assert seen.complete
    assert len(seen.branches) == 3
    # It is tried again after a while, not with every tick.
    soon = Forge(repository)
    look(soon, seen.known, now=5 * HOURS + 60)
    assert soon.requests == 1
    later = Forge(repository)
    look(later, seen.known, now=5 * HOURS + 660)
    assert later.requests > 1


def _nothing() -> None:
    """An edit that changes nothing."""


def _fail() -> None:
    raise BranchSourceUnavailable("It is down.", remedy="Wait.")


def test_one_that_moves_to_the_top_while_changes_are_read_is_not_missed() -> None:
    repository = _repository(2)
    known = look(Forge(repository), None, now=0.0).known
    hidden = repository.open("new")
    for number in (1, 2):
        repository.push(number)
    # The first page is read without it, and by the second it is on the first.
    forge = Forge(repository, [_nothing, lambda: repository.push(hidden)])
    seen = look(forge, known, now=1.0)
    assert seen.complete
    assert hidden in {branch.key.number for branch in seen.branches}


def test_one_that_is_deleted_while_pages_are_turned_hides_no_other() -> None:
    repository = _repository(6)
    # It is not among the newest, so that the number of all is the only trace.
    forge = Forge(repository, [_nothing, _nothing, lambda: repository.delete(1)])
    seen = look(forge, None, now=0.0)
    assert seen.complete
    assert {branch.key.number for branch in seen.branches} >= {2, 3, 4, 5, 6}
