"""Whatever is opened and closed between two requests: an answer that is called complete is so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.branches.azure_listing import Status, look
from branch_toolkit.branches.items import Reading
from branch_toolkit.branches.listing import Known, Seen
from branch_toolkit.core.branch import Branch, BranchKey, BranchState
from branch_toolkit_tests.strategies import quick

_STATES = {
    Status.ACTIVE: BranchState.OPEN,
    Status.COMPLETED: BranchState.MERGED,
    Status.ABANDONED: BranchState.CLOSED,
}
_PAGE = 2
# A place among the open ones that is closed, or None: one is opened.
Edit = int | None


@dataclass
class Changing:
    """A repository in which something happens before each page is told.

    Args:
        open: The numbers of those that are open.
        edits: What happens before each request; then nothing more.
    """

    open: list[int]
    edits: Iterator[Sequence[Edit]]
    ended: list[int] = field(default_factory=list)
    asked: int = 0

    def walk(self, status: Status) -> Iterator[Reading]:
        for start in range(0, 10_000, _PAGE):
            self.asked += 1
            for edit in next(self.edits, ()):
                self._happen(edit)
            found = self._listed(status)[start : start + _PAGE]
            yield Reading(tuple(_branch(number, status) for number in found))
            if len(found) < _PAGE:
                return

    def _listed(self, status: Status) -> list[int]:
        if status is Status.ACTIVE:
            return sorted(self.open, reverse=True)
        # Those with an even number were merged.
        merged = status is Status.COMPLETED
        return [number for number in reversed(self.ended) if (number % 2 == 0) is merged]

    def _happen(self, edit: Edit) -> None:
        if edit is None:
            self.open.append(max([*self.open, *self.ended], default=0) + 1)
        elif self.open:
            self.ended.append(self.open.pop(edit % len(self.open)))


def _branch(number: int, status: Status) -> Branch:
    return Branch(key=BranchKey(number=number), name=f"b{number}", state=_STATES[status])


def _open(seen: Seen) -> set[int | None]:
    return {b.key.number for b in seen.branches if b.state is BranchState.OPEN}


_edits = st.lists(st.lists(st.none() | st.integers(0, 20), max_size=3), max_size=12)


@quick
@given(count=st.integers(0, 9), before=_edits, between=_edits)
def test_no_open_one_is_missing_from_a_complete_answer(
    count: int, before: list[list[Edit]], between: list[list[Edit]]
) -> None:
    forge = Changing(open=list(range(1, count + 1)), edits=iter(before))
    known: Known | None = None
    for edits in (before, between, []):
        forge.edits = iter(edits)
        at_first = set(forge.open)
        seen = look(forge, known, now=0.0)
        throughout = at_first & set(forge.open)
        if seen.complete:
            assert _open(seen) >= throughout
            assert _open(seen) <= at_first | set(forge.open) | set(forge.ended)
        known = seen.known or known
    assert seen.complete is bool(forge.open or forge.ended)
    assert _open(seen) == set(forge.open)


@quick
@given(count=st.integers(1, 9))
def test_a_quiet_repository_is_told_in_few_requests(count: int) -> None:
    forge = Changing(open=list(range(1, count + 1)), edits=iter(()))
    first = look(forge, None, now=0.0)
    pages = count // _PAGE + 1
    walks = 1 if pages == 1 else 2
    assert forge.asked == walks * pages + 2
    forge.asked = 0
    assert look(forge, first.known, now=1.0) == Seen(branches=first.branches, known=first.known)
    assert forge.asked == walks * pages
