"""A repository's pull requests in memory, as a forge keeps them, to be edited by the demo."""

from __future__ import annotations

import hashlib
import itertools
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

OWNER = "octo-dev"
"""Who opens pull requests and whose the token is."""

_BEGAN = datetime(2026, 11, 1, 9, tzinfo=timezone.utc)


@dataclass
class ForgeComment:
    """A comment on a pull request.

    Args:
        id: What it is edited by.
        author: Who wrote it.
        text: What it says.
        at: When it was written or last edited.
    """

    id: int
    author: str
    text: str
    at: datetime


@dataclass
class ForgeStatus:
    """A status on a commit.

    Args:
        id: Counts up.
        name: GitHub's context.
        state: In the words of the forge that it was given to.
        summary: What it says.
        url: Where it leads to.
        at: When it was set.
    """

    id: int
    name: str
    state: str
    summary: str
    url: str | None
    at: datetime


@dataclass
class PullRequest:
    """A pull request.

    Args:
        number: Counts up from 1.
        head: Its branch's name.
        sha: The commit at its head.
        base: The branch that it is to be merged into.
        created_at: When it was opened.
        updated_at: When anything about it last changed.
        state: `open`, `merged`, `closed`, or anything that a forge may come to say.
        draft: Whether it is not ready for review.
        fork: Owner of the fork that it comes from, if it comes from one.
        fork_deleted: Whether that fork is gone.
        head_deleted: Whether its branch is gone.
        labels: What it is labelled with.
        ended_at: When it was merged or closed.
        comments: Oldest first.
    """

    number: int
    head: str
    sha: str
    base: str
    created_at: datetime
    updated_at: datetime
    state: str = "open"
    draft: bool = False
    fork: str | None = None
    fork_deleted: bool = False
    head_deleted: bool = False
    labels: list[str] = field(default_factory=list)
    ended_at: datetime | None = None
    comments: list[ForgeComment] = field(default_factory=list)


class ForgeRepository:
    """What a forge knows of one repository. Each edit happens a second after the one before.

    Args:
        name: owner/name.
        token: What it wants to be asked with.
    """

    def __init__(self, name: str = "acme/pipelines", *, token: str = "demo") -> None:
        self.name = name
        self.token = token
        self.lock = threading.RLock()
        self.pull_requests: dict[int, PullRequest] = {}
        self.statuses: dict[str, list[ForgeStatus]] = {}
        self.now = _BEGAN
        self._ids = itertools.count(1001)

    def open(
        self,
        head: str,
        *,
        base: str = "main",
        draft: bool = False,
        fork: str | None = None,
        labels: tuple[str, ...] = (),
        sha: str | None = None,
    ) -> int:
        """Opens a pull request; returns its number."""
        with self.lock:
            self._pass()
            number = max(self.pull_requests, default=0) + 1
            self.pull_requests[number] = PullRequest(
                number=number,
                head=head,
                sha=sha or _sha(head, self.now),
                base=base,
                created_at=self.now,
                updated_at=self.now,
                draft=draft,
                fork=fork,
                labels=list(labels),
            )
            return number

    def push(self, number: int, *, sha: str | None = None) -> str:
        """Pushes a commit to its branch; returns the commit."""
        with self.lock:
            found = self._touch(number)
            found.sha = sha or _sha(found.head, self.now)
            return found.sha

    def close(self, number: int) -> None:
        """Closes it without a merge."""
        self._edit(number, state="closed", ended=True)

    def merge(self, number: int) -> None:
        """Merges it."""
        self._edit(number, state="merged", ended=True)

    def reopen(self, number: int) -> None:
        """Opens it again after it was closed."""
        self._edit(number, state="open", ended=False)

    def label(self, number: int, *labels: str) -> None:
        """Labels it with these and no others."""
        self._edit(number, labels=list(labels))

    def ready(self, number: int, *, draft: bool = False) -> None:
        """Marks it as ready for review, or as a draft again."""
        self._edit(number, draft=draft)

    def retarget(self, number: int, base: str) -> None:
        """Changes the branch that it is to be merged into."""
        self._edit(number, base=base)

    def rename_head(self, number: int, head: str) -> None:
        """Renames its branch."""
        self._edit(number, head=head)

    def delete_head(self, number: int) -> None:
        """Deletes its branch."""
        self._edit(number, head_deleted=True)

    def delete_fork(self, number: int) -> None:
        """Deletes the fork that it comes from."""
        self._edit(number, fork_deleted=True)

    def delete(self, number: int) -> None:
        """Deletes the pull request itself, which leaves no trace; few forges let anyone do it."""
        with self.lock:
            self._pass()
            del self.pull_requests[number]

    def comment(self, number: int, text: str, *, author: str = "somebody") -> ForgeComment:
        """Adds a comment."""
        with self.lock:
            found = self._touch(number)
            made = ForgeComment(next(self._ids), author, text, self.now)
            found.comments.append(made)
            return made

    def edit_comment(self, comment: int, text: str) -> ForgeComment | None:
        """Replaces what a comment says; None where there is no such comment."""
        with self.lock:
            for found in self.pull_requests.values():
                for each in found.comments:
                    if each.id == comment:
                        self._touch(found.number)
                        each.text, each.at = text, self.now
                        return each
            return None

    def set_status(
        self, sha: str, *, name: str, state: str, summary: str, url: str | None
    ) -> ForgeStatus:
        """Gives a commit a status; earlier ones stay, as forges keep them."""
        with self.lock:
            self._pass()
            made = ForgeStatus(next(self._ids), name, state, summary, url, self.now)
            self.statuses.setdefault(sha, []).append(made)
            return made

    def pass_time(self, time: timedelta) -> None:
        """Lets time pass."""
        with self.lock:
            self.now += time

    def in_state(self, *states: str) -> list[PullRequest]:
        """Those in one of these states, or all, by number."""
        found = sorted(self.pull_requests.values(), key=lambda each: each.number)
        return [each for each in found if not states or each.state in states]

    def _edit(self, number: int, *, ended: bool | None = None, **fields: object) -> None:
        with self.lock:
            found = self._touch(number)
            for name, value in fields.items():
                setattr(found, name, value)
            if ended is not None:
                found.ended_at = self.now if ended else None

    def _touch(self, number: int) -> PullRequest:
        self._pass()
        found = self.pull_requests[number]
        found.updated_at = self.now
        return found

    def _pass(self) -> None:
        self.now += timedelta(seconds=1)


def newest_first(found: list[PullRequest]) -> list[PullRequest]:
    """By last update, as forges sort; of two in one second, the later number first."""
    return sorted(found, key=lambda each: (each.updated_at, each.number), reverse=True)


def _sha(head: str, at: datetime) -> str:
    return hashlib.sha1(f"{head} {at}".encode(), usedforsecurity=False).hexdigest()
