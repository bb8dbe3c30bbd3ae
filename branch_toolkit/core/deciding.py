"""The decision about one environment, or one branch without one. Never sure too soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from branch_toolkit.core.action import Action, Outlook, Verb
from branch_toolkit.core.branch import Branch, BranchSnapshot, BranchState, same_repository
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment, missing_schemas
from branch_toolkit.core.outlook import (
    has_keep_label,
    is_protected,
    next_drop,
    next_retirement,
)
from branch_toolkit.core.pairing import would_be_told
from branch_toolkit.core.policy import Policy

CLOCK_TOLERANCE = timedelta(minutes=5)
"""Marks from further in the future than this mean that some clock is wrong."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What every decision of one tick goes by."""

    snapshot: BranchSnapshot
    policy: Policy
    schemas: Sequence[str]
    now: datetime


def decide_branch(branch: Branch, policy: Policy, *, now: datetime) -> Action:
    """About an open branch that has no environment."""
    reason = policy.why_not(branch, now=now)
    if reason is None:
        return Action(verb=Verb.PROVISION, reason="the branch is open", branch=branch)
    return Action(verb=Verb.LEAVE, reason=reason, branch=branch)


def decide_environment(
    environment: Environment, branch: Branch | None, given: Circumstances
) -> Action:
    """About an environment, whose branch the source told of, or did not."""
    case = _Case(environment, branch, given)
    if _from_the_future(environment, given.now):
        return case.leave_alone("its mark is dated in the future, so some clock is wrong")
    if not same_repository(environment.repository, given.snapshot.repository):
        return case.leave_alone(f"it belongs to another repository ({environment.repository})")
    if branch is not None and branch.state is BranchState.OPEN:
        return case.of_open_branch()
    return case.of_ended_or_unknown_branch()


@dataclass(frozen=True, slots=True)
class _Case:
    environment: Environment
    branch: Branch | None
    given: Circumstances

    def keep(self, reason: str, outlook: Outlook | None = None) -> Action:
        return self._act(Verb.KEEP, reason, outlook=outlook)

    def leave_alone(self, reason: str) -> Action:
        return replace(self.keep(reason), hands_off=True)

    def of_open_branch(self) -> Action:
        environment = self.environment
        if environment.partly_retired or (environment.retired and self._comes_back()):
            return self._act(Verb.RESTORE, self._why_back())
        if environment.retired:
            return self._of_retired("it was set aside for good")
        due = next_retirement(environment, self.branch, self.given.policy)
        if due is not None and due.at <= self.given.now:
            return self._act(Verb.RETIRE, due.because, cause=due.cause)
        if missing_schemas(environment, self.given.schemas):
            return self._act(Verb.PROVISION, "it lacks clones of some base schemas", outlook=due)
        return self.keep("the branch is open", due)

    def of_ended_or_unknown_branch(self) -> Action:
        environment, given = self.environment, self.given
        if is_protected(environment, self.branch, given.policy):
            return self.keep("the branch is protected")
        cause = self._ended()
        if environment.retired:
            return self._of_retired(None if cause is None else self._how(cause))
        if environment.is_kept(now=given.now):
            return self.keep(
                f"it was asked to be kept until {environment.keep_until:%Y-%m-%d %H:%M %Z}",
                self._after_lease(cause),
            )
        if cause is not None:
            return self._act(Verb.RETIRE, self._how(cause), cause=cause)
        due = self._due_of_unknown()
        if due is not None and due.at <= given.now:
            return self._act(Verb.RETIRE, due.because, cause=due.cause)
        return self.keep(self._why_unknown(), due)

    def _due_of_unknown(self) -> Outlook | None:
        """When the clock retires what nobody says has ended."""
        if self.branch is None and not self.given.snapshot.complete:
            # What is not told may have the label that keeps it.
            return None
        return next_retirement(self.environment, self.branch, self.given.policy)

    def _after_lease(self, cause: Cause | None) -> Outlook | None:
        """What comes when the lease ends."""
        if cause is None or self.environment.keep_until is None:
            return self._due_of_unknown()
        return Outlook(
            verb=Verb.RETIRE,
            at=self.environment.keep_until,
            because=self._how(cause),
            cause=cause,
        )

    def _of_retired(self, ended: str | None) -> Action:
        """About what is set aside, and is not to be brought back."""
        environment, given = self.environment, self.given
        if is_protected(environment, self.branch, given.policy):
            return self.keep("the branch is protected")
        if has_keep_label(self.branch, given.policy):
            return self.keep(f"its pull request has the label {given.policy.keep_label!r}")
        if ended is None and not self._may_go_unknown():
            return self.keep(self._why_unknown())
        reason = environment.retired_because if _for_its_own_sake(environment) else ended
        reason = reason or "it was set aside"
        drop = next_drop(environment)
        if drop is None:
            return self.keep("it is set aside without a date to drop it after")
        if drop.at <= given.now:
            return self._act(Verb.DROP, f"{reason} and its grace period is over")
        return self.keep(f"{reason} and its grace period ends {drop.at:%Y-%m-%d %H:%M %Z}", drop)

    def _comes_back(self) -> bool:
        """Whether the open branch gets back what was set aside."""
        cause, policy = self.environment.cause, self.given.policy
        if not _for_its_own_sake(self.environment):
            return True
        if cause is not Cause.ASKED and has_keep_label(self.branch, policy):
            return True
        if cause is Cause.AGE:
            return False
        if cause is Cause.QUOTA and policy.max_environments is None:
            return True
        sha, then = self.branch.sha if self.branch else None, self.environment.retired_sha
        if sha is None or then is None:
            return False
        # Some forges cut them short.
        return not (sha.startswith(then) or then.startswith(sha))

    def _why_back(self) -> str:
        if has_keep_label(self.branch, self.given.policy):
            return f"its pull request has the label {self.given.policy.keep_label!r}"
        if self.environment.cause is Cause.QUOTA and self.given.policy.max_environments is None:
            return "the policy has no quota any more"
        if _for_its_own_sake(self.environment):
            return "the branch was pushed to after its environment was set aside"
        return "the branch is open again"

    def _ended(self) -> Cause | None:
        branch, snapshot = self.branch, self.given.snapshot
        if branch is not None:
            ends = {BranchState.MERGED: Cause.MERGED, BranchState.CLOSED: Cause.CLOSED}
            return ends.get(branch.state)
        if not snapshot.complete or not would_be_told(self.environment, snapshot):
            return None
        return Cause.GONE

    def _how(self, cause: Cause) -> str:
        if cause is Cause.GONE:
            return f"the branch is gone from {self.given.snapshot.source}"
        return f"the branch was {cause.value}"

    def _may_go_unknown(self) -> bool:
        """Whether what was set aside for its own sake goes, though nobody knows of the branch."""
        # An answer with gaps may lack the push that would bring it back.
        return (
            _for_its_own_sake(self.environment)
            and self.branch is None
            and self.given.snapshot.complete
        )

    def _why_unknown(self) -> str:
        snapshot = self.given.snapshot
        if self.branch is not None:
            return f"{snapshot.source} does not say whether the branch is open"
        if snapshot.complete and not would_be_told(self.environment, snapshot):
            return f"{snapshot.source} cannot tell whether the branch is open"
        note = f" ({snapshot.note})" if snapshot.note else ""
        return f"{snapshot.source} did not tell of every open branch{note}"

    def _act(
        self,
        verb: Verb,
        reason: str,
        *,
        cause: Cause | None = None,
        outlook: Outlook | None = None,
    ) -> Action:
        return Action(
            verb=verb,
            reason=reason,
            branch=self.branch,
            environment=self.environment,
            cause=cause,
            next=outlook,
        )


def _for_its_own_sake(environment: Environment) -> bool:
    """Whether it was retired for something else than the end of its branch."""
    return environment.cause is not None and not environment.cause.ended


def _from_the_future(environment: Environment, now: datetime) -> bool:
    return any(
        time is not None and time > now + CLOCK_TOLERANCE
        for clone in environment.clones
        for time in (
            clone.mark.created_at,
            clone.mark.last_used_at,
            clone.mark.restored_at,
            clone.mark.retired_at,
        )
    )
