"""Decisions about branches and environments, each with what became of it, or would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from branch_toolkit.cli.documents import Document, error_document, outlook_document
from branch_toolkit.cli.wanted import Wanted
from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.plan import Report
from branch_toolkit.reporting import action_line
from branch_toolkit.verbs import Environments

_SENSORS = {
    Verb.PROVISION: "branch_provision_sensor",
    Verb.RESTORE: "branch_provision_sensor",
    Verb.RETIRE: "branch_cleanup_sensor",
    Verb.DROP: "branch_cleanup_sensor",
}
_ORDER = (Verb.PROVISION, Verb.RESTORE, Verb.RETIRE, Verb.DROP, Verb.KEEP, Verb.LEAVE)


@dataclass(frozen=True)
class Decision:
    """One decision.

    Args:
        action: What was decided, and why.
        name: The environment's name.
        report: What became of it, or would; None if it was not tried, or is to keep.
        error: Why it did not come about.
    """

    action: Action
    name: str
    report: Report | None = None
    error: BranchToolkitError | None = None

    @property
    def line(self) -> str:
        """`retire pr_42: the branch is gone from …`."""
        return action_line(self.action, self.name)

    @property
    def keeps(self) -> bool:
        """Whether nothing is to be done."""
        return self.action.verb in (Verb.KEEP, Verb.LEAVE)

    @property
    def about_environment(self) -> bool:
        """Whether there is an environment, or is to be one."""
        return self.action.verb is not Verb.LEAVE

    def matches(self, wanted: Wanted) -> bool:
        """Whether it is about what was asked for."""
        action = self.action
        numbers = {action.key.number} | ({action.branch.key.number} if action.branch else set())
        names = {action.key.name}
        names |= {action.branch.name} if action.branch else set()
        names |= {action.environment.branch} if action.environment else set()
        return (
            wanted.environment in (None, self.name)
            and wanted.pull_request in (None, *numbers)
            and wanted.branch in (None, *names)
        )

    def document(self) -> Document:
        """For programs."""
        branch, environment = self.action.branch, self.action.environment
        known = branch.name if branch else environment.branch if environment else None
        return {
            "verb": self.action.verb.value,
            "environment": self.name,
            "branch": known,
            "pull_request": self.action.key.number,
            "reason": self.action.reason,
            "cause": self.action.cause.value if self.action.cause else None,
            "next": outlook_document(self.action.next),
            "sensor": _SENSORS.get(self.action.verb),
            "error": error_document(self.error),
        }


def decisions_of(actions: Sequence[Action], environments: Environments) -> list[Decision]:
    """The decisions, what is to be done first."""
    decisions = [Decision(action, environments.name_for(action.key)) for action in actions]
    return sorted(decisions, key=lambda each: (_ORDER.index(each.action.verb), each.name))


def attempt(decision: Decision, act: Callable[[Decision], Report | None]) -> Decision:
    """The decision with what became of it; a failure must not keep the others from theirs."""
    try:
        return Decision(decision.action, decision.name, report=act(decision))
    except BranchToolkitError as error:
        return Decision(decision.action, decision.name, error=error)
