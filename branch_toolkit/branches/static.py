"""Branches that are told by the user: for tests, and for teams without a forge."""

from __future__ import annotations

from pydantic import Field, field_validator

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.branch import Branch, BranchKey, BranchSnapshot, BranchState


class StaticBranches(BranchSource):
    """A fixed answer.

    Examples:
        ```python
        StaticBranches(open_branches=["feature/login"], open_pull_requests={"42": "fix/total"})
        ```
    """

    open_branches: list[str] = Field(
        default_factory=list, description="Names of open branches that have no pull request."
    )
    open_pull_requests: dict[str, str] = Field(
        default_factory=dict, description="Branch name by number of each open pull request."
    )
    merged_pull_requests: dict[str, str] = Field(
        default_factory=dict, description="Branch name by number of merged pull requests."
    )
    closed_pull_requests: dict[str, str] = Field(
        default_factory=dict, description="Branch name by number of closed pull requests."
    )
    complete: bool = Field(
        default=True,
        description="Whether these are all open branches; others then count as gone.",
    )
    repository: str | None = Field(default=None, description="The repository, as owner/name.")

    @field_validator("open_pull_requests", "merged_pull_requests", "closed_pull_requests")
    @classmethod
    def _check_numbers(cls, branches: dict[str, str]) -> dict[str, str]:
        for number in branches:
            if not number.isdecimal() or int(number) < 1:
                raise ValueError(f"{number!r} is not the number of a pull request")
        return branches

    def snapshot(self) -> BranchSnapshot:
        """See `BranchSource.snapshot`."""
        named = [
            Branch(key=BranchKey(name=name), name=name, repository=self.repository)
            for name in self.open_branches
        ]
        numbered = [
            self._numbered(number, name, state)
            for state, branches in (
                (BranchState.OPEN, self.open_pull_requests),
                (BranchState.MERGED, self.merged_pull_requests),
                (BranchState.CLOSED, self.closed_pull_requests),
            )
            for number, name in branches.items()
        ]
        return BranchSnapshot(
            branches=(*named, *numbered),
            complete=self.complete,
            source="the static list",
            repository=self.repository,
        )

    def _numbered(self, number: str, name: str, state: BranchState) -> Branch:
        return Branch(
            key=BranchKey(number=int(number)), name=name, repository=self.repository, state=state
        )
