"""What a command is asked about, and what its caller knows of it. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which environment or branch is meant.

    Args:
        environment: An environment's name.
        pull_request: A pull request's number.
        branch: A branch's name.
        repository: The branch's repository.
    """

    environment: str | None = None
    pull_request: int | None = None
    branch: str | None = None
    repository: str | None = None

    @property
    def given(self) -> bool:
        """Whether one is asked about."""
        return self.environment is not None or self.by_branch

    @property
    def by_branch(self) -> bool:
        """Whether a branch is named."""
        return self.pull_request is not None or self.branch is not None

    def __str__(self) -> str:
        number = f"#{self.pull_request}" if self.pull_request else None
        return self.environment or number or self.branch or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CiEvent:
    """What CI was told of a branch, so that the policy can be applied without asking the forge.

    Args:
        base: The branch that it is to be merged into.
        draft: Whether its pull request is a draft.
        labels: Its pull request's labels.
        sha: The commit at its head.
    """

    base: str | None = None
    draft: bool = False
    labels: frozenset[str] = frozenset()
    sha: str | None = None
