"""A branch's prefix in a store: made with a mark, removed only by it, the mark last."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from branch_toolkit.core.branch import same_repository
from branch_toolkit.core.errors import InvalidMark
from branch_toolkit.core.mark import DROPPING, Mark, decode, encode, is_mark
from branch_toolkit.outputs import OutputContext, left_alone
from branch_toolkit.outputs.errors import OutputBusy, OutputNotOwned, OutputUnavailable
from branch_toolkit.outputs.files import Files
from branch_toolkit.outputs.locations import Location, project_folder

MARK = ".branch_toolkit.json"
_TRACE = f"{MARK}."
"""What the names begin with that a mark has while it is written."""
_STRATEGY = "output"
_ATTEMPTS = 10
_PASSES = 3


class _Superseded(Exception):
    """Another process has finished the drop, and may have made the prefix anew."""


@dataclass(frozen=True)
class BranchPrefix:
    """The prefix of one environment.

    Stores have no locks. So nothing is decided but by the mark, every step may be repeated, and a
    drop looks at the mark again before each batch: a prefix that was made anew is another one.

    Args:
        files: What is below `branches`.
        branches: Where all branches' prefixes lie.
        production: Where production's lies.
        context: Whose prefix it is.
    """

    files: Files
    branches: Location
    production: Location
    context: OutputContext

    @property
    def folder(self) -> str:
        """Its path below `branches`."""
        return f"{project_folder(self.context.project)}/{self.context.environment}"

    @property
    def where(self) -> str:
        """Its URL."""
        return str(self.location)

    @property
    def location(self) -> Location:
        """Where it is."""
        return self.branches.child(*self.folder.split("/"))

    def mark(self) -> Mark | None:
        """Its mark; None where it has none.

        Raises:
            OutputNotOwned: There is one that does not prove the prefix to be this environment's.
        """
        content = self.files.read(self.folder, MARK)
        if content is None:
            return None
        mark = self._decoded(content.decode(errors="replace"))
        for problem in self._objections(mark):
            raise OutputNotOwned(self.where, reason=problem)
        return mark

    def holds_only_traces(self) -> bool:
        """Whether there is nothing but what a killed process may have left."""
        return all(name.startswith(_TRACE) for name in self._contents())

    def provision(self, *, dry_run: bool = False) -> list[str]:
        """Sees to it that it is there with its mark, and in use.

        Raises:
            OutputNotOwned: What is there is not this environment's.
            OutputBusy: Another process keeps removing it.
        """
        lines: list[str] = []
        for _ in range(_ATTEMPTS):
            mark = self.mark()
            if mark is not None and not mark.retired and mark.condition is None:
                return lines
            lines.append(self._mend(mark, dry_run=dry_run))
            if dry_run:
                return lines
        raise OutputBusy(
            f"{self.where} is removed by others each time that it is made.",
            remedy="See which runs or sweeps are at work on this environment, and run again.",
        )

    def retire(self, *, because: str, grace: timedelta, dry_run: bool = False) -> list[str]:
        """Sets it aside until `now + grace`; what is set aside already keeps its time."""
        mark = self._own_mark()
        if mark is None or mark.retired or mark.condition:
            return []
        retired = mark.retire(now=self.context.now, because=because, grace=grace)
        if not dry_run:
            self._write(retired)
        return [f"{self.where} is set aside until {retired.drop_after}."]

    def restore(self, *, dry_run: bool = False) -> list[str]:
        """Brings it back, if it was set aside."""
        mark = self._own_mark()
        if mark is None or not mark.retired or mark.condition:
            return []
        if not dry_run:
            self._write(mark.restore(now=self.context.now))
        return [f"{self.where} is in use again."]

    def drop(self, *, dry_run: bool = False) -> list[str]:
        """Removes all that is in it, the mark last. What is not this environment's is left alone.

        Raises:
            OutputUnavailable: Some of it could not be removed; the mark is still there.
        """
        try:
            mark = self.mark()
            if mark is None:
                return self._drop_unmarked(dry_run=dry_run)
        except OutputNotOwned as error:
            return [error.problem]
        if self._is_of_a_later_one(mark):
            return [left_alone(self.where, "it was made for an environment that came after")]
        found = self._contents()
        if not dry_run:
            self._remove(mark)
        return [f"{self.where} goes: {_summed(found)}."]

    def _mend(self, mark: Mark | None, *, dry_run: bool) -> str:
        """One step towards a prefix that is in use, and what it is."""
        if mark is None:
            self._require_bare()
            line, act = f"{self.where} is made.", self._begin
        elif mark.condition == DROPPING:
            # What is half gone is no use to anybody.
            line, act = (
                f"{self.where} was half dropped; the rest goes.",
                partial(self._remove, mark),
            )
        else:
            restored = mark.restore(now=self.context.now)
            line, act = f"{self.where} is in use again.", partial(self._write, restored)
        if not dry_run:
            act()
        return line

    def _is_of_a_later_one(self, mark: Mark) -> bool:
        """Whether it was made or brought back after the environment that is dropped was retired."""
        ended = self.context.retired_at
        begun = mark.restored_at or mark.created_at
        return ended is not None and mark.condition is None and not mark.retired and begun > ended

    def _drop_unmarked(self, *, dry_run: bool) -> list[str]:
        """Removes what a process left that was killed as it made or removed a prefix, if it did."""
        self._require_bare()
        if not dry_run:
            traces = [name for name in self._contents() if name.startswith(_TRACE)]
            self.files.remove(self.folder, traces, check=self._require_bare)
            self.files.remove_folder(self.folder, last=None)
        return []

    def _own_mark(self) -> Mark | None:
        try:
            return self.mark()
        except OutputNotOwned:
            return None

    def _decoded(self, text: str) -> Mark:
        if not is_mark(text):
            raise OutputNotOwned(self.where, reason=f"its {MARK} is no mark of ours")
        try:
            return decode(text)
        except InvalidMark as error:
            reason = error.problem[0].lower() + error.problem[1:].rstrip(".")
            raise OutputNotOwned(self.where, reason=reason) from None

    def _objections(self, mark: Mark) -> Iterator[str]:
        if mark.strategy != _STRATEGY:
            yield "its mark is that of a schema"
        if mark.project != self.context.project:
            yield f"it belongs to project {mark.project!r}, not to {self.context.project!r}"
        if mark.clone != self.folder:
            yield f"its mark is that of a prefix called {mark.clone!r}"
        if not mark.database.startswith(f"{self.branches} "):
            yield "its mark was made at another place and came with a copy"
        elif mark.database != self._identity:
            yield "it belongs to an environment of another warehouse"
        if not same_repository(mark.repository, self.context.repository):
            yield (
                f"it belongs to repository {mark.repository!r}, not to"
                f" {self.context.repository!r}; give each its own `project`"
            )

    def _contents(self) -> Mapping[str, int]:
        found = self.files.contents(self.folder)
        return {name: size for name, size in found.items() if name != MARK}

    @property
    def _identity(self) -> str:
        """What tells it from a copy, and from one of the same name of another warehouse."""
        return f"{self.branches} {self.context.database}"

    def _require_bare(self) -> None:
        """Refuses what others have put there; only what a killed process left may be there."""
        foreign = sum(not name.startswith(_TRACE) for name in self._contents())
        if foreign and self.files.read(self.folder, MARK) is None:
            reason = f"it carries no mark of ours, and holds {foreign} object(s)"
            raise OutputNotOwned(self.where, reason=reason)

    def _begin(self) -> None:
        now = self.context.now
        self._write(
            Mark(
                project=self.context.project,
                clone=self.folder,
                base_schema=str(self.production),
                database=self._identity,
                repository=self.context.repository,
                branch=self.context.branch,
                pull_request=self.context.pull_request,
                strategy=_STRATEGY,
                # Tells it from one of the same name that was there before, or comes after it.
                base_state=uuid.uuid4().hex,
                created_at=now,
                last_used_at=now,
            )
        )

    def _write(self, mark: Mark) -> None:
        self.files.write(self.folder, MARK, encode(mark).encode())

    def _remove(self, mark: Mark) -> None:
        if self._own_mark() != mark:
            # It was made anew, or brought back, since it was looked at.
            return
        if mark.condition != DROPPING:
            self._write(replace(mark, condition=DROPPING))

        def check() -> None:
            found = self._own_mark()
            if found is None or found.condition is None or found.base_state != mark.base_state:
                raise _Superseded

        with suppress(_Superseded):
            self._remove_contents(check)
            check()
            self.files.remove_folder(self.folder, last=MARK)
            if self.files.read(self.folder, MARK) is not None:
                check()
                raise self._not_removed([MARK])

    def _remove_contents(self, check: Callable[[], None]) -> None:
        for _ in range(_PASSES):
            names = sorted(self._contents())
            if not names:
                return
            self.files.remove(self.folder, names, check=check)
        # Some stores say nothing of what they refuse to remove.
        if remaining := sorted(self._contents()):
            raise self._not_removed(remaining)

    def _not_removed(self, remaining: Sequence[str]) -> OutputUnavailable:
        return OutputUnavailable(
            f"{len(remaining)} object(s) in {self.where}, such as {remaining[0]!r}, could not be"
            " removed, or others keep writing them.",
            remedy="Grant the right to delete objects there, and see which runs still write.",
        )


def is_due_from(mark: Mark) -> datetime | None:
    """When a leftover may be dropped: at once, where its drop was begun; None while in use."""
    return mark.created_at if mark.condition == DROPPING else mark.drop_after


def _summed(found: Mapping[str, int]) -> str:
    return f"{len(found):,} object(s), {sum(found.values()) / 1e6:,.1f} MB"
