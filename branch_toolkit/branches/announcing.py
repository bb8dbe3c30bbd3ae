"""Telling a pull request of its environment: one comment, edited in place, and a commit status."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from branch_toolkit.branches import Announcement
from branch_toolkit.branches.forge import ForgeBranches
from branch_toolkit.branches.items import Item
from branch_toolkit.branches.listing import Query

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Conversation

STATUS_NAME = "branch-toolkit"
"""What our commit statuses are called."""

_MOST_SUMMARY = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment on a pull request.

    Args:
        id: What it is edited by.
        text: What it says.
        ours: Whether we wrote it, as far as the forge tells.
    """

    id: int
    text: str
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """A status on a commit.

    Args:
        state: In the forge's words.
        summary: At most 140 characters.
        url: Where it leads to.
    """

    state: str
    summary: str
    url: str | None


class Notices(Protocol):
    """How a forge is told of an environment."""

    def comments(self, number: int) -> Iterable[Comment]:
        """The comments of a pull request, oldest first."""

    def create_comment(self, number: int, text: str) -> None:
        """Adds a comment."""

    def edit_comment(self, number: int, comment: int, text: str) -> None:
        """Replaces what a comment says."""

    def wanted_status(self, announcement: Announcement, summary: str) -> CommitStatus:
        """The status in the forge's words."""

    def status(self, sha: str) -> CommitStatus | None:
        """The status of ours that a commit has now."""

    def set_status(self, sha: str, status: CommitStatus) -> None:
        """Gives a commit our status."""


class AnnouncingForgeBranches(ForgeBranches):
    """A forge whose pull requests can be told of their environments."""

    comments: bool = Field(
        default=False,
        description="Whether each pull request gets one comment about its environment.",
    )
    commit_statuses: bool = Field(
        default=False,
        description="Whether the head of each pull request gets a status `branch-toolkit`.",
    )

    @abstractmethod
    def _notices(self, talk: Conversation) -> Notices:
        """How it is told."""

    @property
    def announces(self) -> bool:
        """See `BranchSource.announces`."""
        return self.comments or self.commit_statuses

    @property
    def announces_commits(self) -> bool:
        """See `BranchSource.announces_commits`."""
        return self.commit_statuses

    def announce(self, announcement: Announcement) -> None:
        """See `BranchSource.announce`. What it says already is not said again."""
        if not self.announces:
            return
        with self._conversation(replace(self._forge(), announcing=True)) as talk:
            notices = self._notices(talk)
            if self.comments:
                keep_comment(notices, announcement)
            if self.commit_statuses and announcement.sha is not None:
                keep_status(notices, announcement, announcement.sha)


def keep_comment(notices: Notices, announcement: Announcement) -> None:
    """Leaves one comment that says what is announced."""
    sign = f"<!-- {announcement.marker} -->"
    text = f"{sign}\n{announcement.text}"
    # Who quotes our comment has the sign further on; who answers it has none.
    found = (c for c in notices.comments(announcement.number) if c.text.startswith(sign) and c.ours)
    comment = next(iter(found), None)
    if comment is None:
        notices.create_comment(announcement.number, text)
    elif _plain(comment.text) != _plain(text):
        notices.edit_comment(announcement.number, comment.id, text)


def keep_status(notices: Notices, announcement: Announcement, sha: str) -> None:
    """Leaves a status that says what is announced."""
    wanted = notices.wanted_status(announcement, _cut(announcement.summary))
    if notices.status(sha) != wanted:
        notices.set_status(sha, wanted)


def comments_of(items: Iterable[Item], *, ours: Callable[[Item], bool]) -> list[Comment]:
    """The comments in an answer whose objects have `id` and `body`.

    Args:
        items: The objects.
        ours: Whether we wrote one.
    """
    found = ((item, item.number("id"), item.text("body")) for item in items)
    return [
        Comment(id=number, text=text, ours=ours(item))
        for item, number, text in found
        if number is not None and text is not None
    ]


def ours_by(*path: str, me: str | None) -> Callable[[Item], bool]:
    """Tells our comments by their author; all are taken for ours where we do not know our name.

    Args:
        path: Where the author's name stands.
        me: Our name.
    """
    return lambda item: me is None or item.text(*path) == me


def every_comment(
    page: Callable[[Query], tuple[list[Comment], Query | None]], first: Query
) -> Iterator[Comment]:
    """The comments of all pages; a page with nothing new is the last, whatever it says.

    Args:
        page: Gives the comments of a page, and the query of the following one.
        first: The query of the first page.
    """
    seen: set[int] = set()
    query: Query | None = first
    while query is not None:
        comments, query = page(query)
        new = [comment for comment in comments if comment.id not in seen]
        if not new:
            return
        seen.update(comment.id for comment in new)
        yield from new


def newest_status(found: Iterable[object], *, state: str, name: str) -> CommitStatus | None:
    """Our status in a list of a commit's statuses, newest first.

    Args:
        found: The list, as the forge answered.
        state: The field that its state stands in.
        name: The field that its name stands in.
    """
    for each in found:
        item = Item.of(each)
        if item.text(name) == STATUS_NAME:
            return CommitStatus(
                state=item.text(state) or "",
                summary=item.text("description") or "",
                url=item.text("target_url"),
            )
    return None


def _plain(text: str) -> str:
    # Forges store line ends their own way, and some cut blanks at the end.
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _cut(summary: str) -> str:
    if len(summary) <= _MOST_SUMMARY:
        return summary
    return summary[: _MOST_SUMMARY - 1] + "…"
