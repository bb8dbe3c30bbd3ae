"""What a plan is asked about: everything, or one branch or environment."""

from __future__ import annotations

from dataclasses import dataclass

from branch_toolkit.cli.deciding import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which decisions are wanted; all of them, if nothing is given.

    Args:
        environment: An environment's name.
        pull_request: A pull request's number.
        branch: A branch's name.
    """

    environment: str | None = None
    pull_request: int | None = None
    branch: str | None = None

    @property
    def given(self) -> bool:
        """Whether one is asked about."""
        return (self.environment, self.pull_request, self.branch) != (None, None, None)

    def __str__(self) -> str:
        number = f"#{self.pull_request}" if self.pull_request else None
        return self.environment or number or self.branch or ""

    def matches(self, decision: Decision) -> bool:
        """Whether a decision is about it."""
        action = decision.action
        numbers = {action.key.number} | ({action.branch.key.number} if action.branch else set())
        names = {action.key.name}
        names |= {action.branch.name} if action.branch else set()
        names |= {action.environment.branch} if action.environment else set()
        return (
            self.environment in (None, decision.name)
            and self.pull_request in (None, *numbers)
            and self.branch in (None, *names)
        )
