"""Branches: what identifies one, what state it is in, and what a branch source says of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from branch_toolkit.core.errors import InvalidBranch

_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^@/]*@)?[^/]*/", re.IGNORECASE)
_SCP_LIKE = re.compile(r"(?:[^@/]+@)?[^@/:]+:(?!/)")
# Up to the last `@`, as a password may hold one, or a slash, that was not quoted.
_CREDENTIALS = re.compile(r"(?<=://)\S*@")


class BranchState(str, Enum):
    """What a branch source says of a branch."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        """Whether the branch's environment is no longer needed. Not knowing means that it is."""
        return self in (BranchState.MERGED, BranchState.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchKey:
    """What identifies a branch: its repository and its pull-request number, or else its name.

    Branch names are reused by later pull requests and by forks, so where there is a number the
    name is not part of the identity.

    Args:
        repository: `owner/name`, or None for the project's own repository.
        number: Pull-request (GitLab: merge-request) number, or None where there is none.
        name: The branch's name as git has it; identifies the branch only where `number` is None.

    Raises:
        InvalidBranch: Neither a number nor a name with at least one letter or digit was given.
    """

    repository: str | None = None
    number: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.number is not None:
            if self.number < 1:
                raise InvalidBranch(
                    f"Pull-request number {self.number} is not a positive whole number.",
                    remedy="Give the number that the forge shows, such as 42.",
                )
            object.__setattr__(self, "name", None)
        elif self.name is not None and not _is_text(self.name):
            raise InvalidBranch(
                f"The branch's name {self.name!r} is not valid UTF-8.",
                remedy="Give a pull-request number, or rename the branch.",
            )
        elif self.name is None or not any(char.isalnum() for char in self.name):
            raise InvalidBranch(
                f"A branch was given with no pull-request number and the name {self.name!r},"
                " which has no letter or digit to name a schema by.",
                remedy="Give a pull-request number, or rename the branch.",
            )

    def __str__(self) -> str:
        reference = f"#{self.number}" if self.number is not None else f"@{self.name}"
        return f"{self.repository or ''}{reference}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One line of work, as a branch source or the deployment's variables describe it.

    Args:
        key: What identifies it.
        name: The branch's name as git has it, where known.
        repository: The repository as it was named to us, for people to read.
        state: Open, merged, closed or unknown.
        sha: The commit at its head, where known.
        base: The name of the branch that it is to be merged into, where known.
        draft: Whether it is not ready for review yet.
        fork: Whether its code lies in another repository than its pull request.
        labels: What the pull request is labelled with.
        updated_at: When anything about it last changed, aware, where known.
        url: The pull request's page.
    """

    key: BranchKey
    name: str | None = None
    repository: str | None = None
    state: BranchState = BranchState.OPEN
    sha: str | None = None
    base: str | None = None
    draft: bool = False
    fork: bool = False
    labels: frozenset[str] = frozenset()
    updated_at: datetime | None = None
    url: str | None = None

    @property
    def label(self) -> str:
        """How a person would call it: `#42 (feature/login)`, or just the name."""
        if self.key.number is None:
            return str(self.key.name)
        return f"#{self.key.number}" + (f" ({self.name})" if self.name else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchSnapshot:
    """What a branch source answered.

    Args:
        branches: The branches it told of.
        complete: Whether every open branch is among them. Only then does absence mean "gone".
        source: What was asked, for people to read.
        repository: The repository that was asked about; environments of others are not its
            business. None: unknown.
        note: Why it is not complete, where it is not.
        knows_numbers: Whether it knows every open pull request. If not, numbers in it are hints:
            a branch is told by its name, and the absence of a number says nothing.
        knows_names: Whether it knows branches without a pull request.
    """

    branches: tuple[Branch, ...]
    complete: bool
    source: str
    repository: str | None = None
    note: str | None = None
    knows_numbers: bool = True
    knows_names: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Whose branches these are. Teams that share a database each have a project of their own.

    Args:
        name: Set apart in every mark, and in the clones' names unless it is `default`.
        repository: The project's own repository, as `owner/name`. Clones of other repositories'
            branches have the repository in their name. None: there is only one repository.
    """

    name: str = "default"
    repository: str | None = None

    def key(
        self, *, repository: str | None, number: int | None = None, name: str | None = None
    ) -> BranchKey:
        """The identity of a branch, with the project's own repository left out of it."""
        own = self.repository is None or same_repository(repository, self.repository)
        foreign = None if own or repository is None else canonical_repository(repository)
        return BranchKey(repository=foreign, number=number, name=name)

    def adopt(self, branches: Iterable[Branch]) -> tuple[Branch, ...]:
        """The same branches, identified within this project."""
        return tuple(
            replace(
                branch,
                key=self.key(
                    repository=branch.repository or branch.key.repository,
                    number=branch.key.number,
                    name=branch.key.name,
                ),
            )
            for branch in branches
        )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def canonical_repository(text: str) -> str:
    """`owner/name` from any way of writing a repository: a URL, an scp-like address, a path."""
    rest = text.strip()
    for prefix in (_URL, _SCP_LIKE):
        if match := prefix.match(rest):
            rest = rest[match.end() :]
            break
    return rest.rstrip("/").removesuffix(".git").strip("/").lower()


def without_credentials(url: str) -> str:
    """A URL without its user and password, for people to read."""
    return _CREDENTIALS.sub("", url)


def same_repository(left: str | None, right: str | None) -> bool:
    """Whether two names may mean one repository.

    GitLab's branch deployments name only the project (`pipelines`), not its group, so a bare name
    that ends the other is taken for it. An unknown one is taken for any.
    """
    if left is None or right is None:
        return True
    short, long = sorted((canonical_repository(left), canonical_repository(right)), key=len)
    return long == short or ("/" not in short and long.endswith(f"/{short}"))
