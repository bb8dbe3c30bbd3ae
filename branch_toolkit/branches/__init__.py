"""The port to a branch source: who says which branches are open, merged or closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

import dagster as dg
from pydantic import ConfigDict

from branch_toolkit.core.branch import BranchSnapshot


class StatusState(str, Enum):
    """What a commit status shows."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a pull request is to be told of its environment.

    Args:
        number: The pull request's number.
        marker: What tells our one comment from all others, and from other projects' ones; plain
            text without `--`, as it stands in the comment where nobody sees it.
        text: The comment, in Markdown.
        sha: The commit to put a status on, where known.
        status: The status.
        summary: The status in at most 140 characters.
        url: Where the status leads to, where known.
    """

    number: int
    marker: str
    text: str
    sha: str | None = None
    status: StatusState = StatusState.SUCCESS
    summary: str = ""
    url: str | None = None


_CREDENTIALS = ("token", "access_token", "private_key")


class BranchSource(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]
    """Tells which branches there are. Subclass it for a forge that is not here yet."""

    # Of a mistake in one field pydantic would show them all, secrets too.
    model_config = ConfigDict(hide_input_in_errors=True)

    @abstractmethod
    def snapshot(self) -> BranchSnapshot:
        """What is known now.

        `complete` may only be true if every open branch is in the answer: then an environment
        whose branch is not in it is retired. A page that is full, an error half-way: not complete.

        Raises:
            BranchSourceUnavailable: Nothing can be known; nothing is changed.
        """

    @property
    def shows_a_secret(self) -> bool:
        """Whether a secret stands in the definitions, from where Dagster shows it."""
        given = [getattr(self, name, None) for name in _CREDENTIALS]
        return any(each and not isinstance(each, dg.EnvVar) for each in given)

    @property
    def announces(self) -> bool:
        """Whether pull requests are told of their environments; by default they are not."""
        return False

    @property
    def announces_commits(self) -> bool:
        """Whether each new commit is told too, as it has a status of its own."""
        return False

    def announce(self, announcement: Announcement) -> None:
        """Tells a pull request of its environment: in one comment, edited in place, or a status.

        Raises:
            BranchSourceUnavailable: It could not be told; what was done stays done.
        """
