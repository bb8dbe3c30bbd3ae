"""What a person fills in to launch a job: each field with its description and default."""

from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.errors import InvalidAsOf, InvalidBranch, InvalidPolicy
from branch_toolkit.core.policy import Policy
from branch_toolkit.resources import WarehouseResource

_LONGEST_GRACE_HOURS = 10 * 365 * 24
_DRY_RUN = "Only say what would be done: the plan is shown, nothing is executed."


class BranchConfig(dg.Config):
    """Which branch. Left empty in a branch deployment: its own."""

    pull_request: int | None = Field(
        default=None,
        description=(
            "Number of the pull (or merge) request. Leave empty for a branch without one, or in a"
            " branch deployment, which knows its own."
        ),
    )
    branch: str | None = Field(
        default=None,
        description=(
            "The branch's name as git has it. Identifies the branch where there is no pull"
            " request; otherwise it is only shown."
        ),
    )
    repository: str | None = Field(
        default=None,
        description="owner/name. Only needed where several repositories share this project.",
    )
    schema_only: bool = Field(
        default=False,
        description="Make all tables empty: no row of the base schemas gets in.",
    )
    as_of: str | None = Field(
        default=None,
        description=(
            "Data as of then: a time with its zone, as in 2026-11-22T12:00:00+00:00, or"
            " before:<query id> of a statement. Only where the warehouse has time travel."
        ),
    )
    as_of_run: str | None = Field(
        default=None,
        description=(
            "Id of a run of this deployment: data as it was just before that run began. In place"
            " of `as_of`."
        ),
    )
    dry_run: bool = Field(default=False, description=_DRY_RUN)

    def to_branch(self, warehouse: WarehouseResource) -> Branch:
        """The branch that is meant."""
        own = warehouse.deployment.branch
        if self.pull_request is None and self.branch is None:
            if own is not None:
                return own
            raise InvalidBranch(
                "Neither a pull request nor a branch is given, and this is no branch deployment"
                " that would know its own.",
                remedy="Fill in `pull_request` or `branch`.",
            )
        key = BranchKey(repository=self.repository, number=self.pull_request, name=self.branch)
        asked = Branch(key=key, name=self.branch, repository=self.repository)
        # Of its own branch a deployment knows more than was filled in.
        if own is None or own.key.number is None or own.key.number != key.number:
            return asked
        return own if self.repository in (None, own.repository) else asked

    def to_as_of(self, instance: dg.DagsterInstance) -> AsOf | None:
        """The point in the past that is asked for; None for the present.

        Raises:
            InvalidAsOf: It is given twice, or cannot be told.
        """
        if self.as_of is not None and self.as_of_run is not None:
            raise InvalidAsOf(
                "Both `as_of` and `as_of_run` are given.", remedy="Leave one of them empty."
            )
        if self.as_of_run is not None:
            return AsOf(time=_beginning_of(self.as_of_run.strip(), instance))
        return None if self.as_of is None else AsOf.parse(self.as_of)


class EnvironmentConfig(dg.Config):
    """Which environment."""

    environment: str = Field(
        description="The environment's name as the asset `branch_environments` lists it: pr_42."
    )
    dry_run: bool = Field(default=False, description=_DRY_RUN)


class RetireConfig(EnvironmentConfig):
    """Which environment, why, and for how long it can still be restored."""

    reason: str = Field(
        default="it was asked for", description="Why, for those who wonder where it went."
    )
    # The values of `Cause`; the Launchpad would show an enum's names.
    cause: Literal["asked", "merged", "closed", "gone", "idle", "age", "quota"] = Field(
        default="asked",
        description="The reason in a word: the policy's grace period may differ by it.",
    )
    sha: str | None = Field(
        default=None,
        description="The branch's head. A later push brings back what was idle or over the quota.",
    )
    unless_used_since: str | None = Field(
        default=None,
        description="A time (ISO 8601): nothing is done if a run has used it after that.",
    )
    unless_kept: bool = Field(
        default=False, description="Do nothing while it has a lease (`keep_branch`)."
    )
    grace_hours: float | None = Field(
        default=None,
        description="Hours in which it can be restored before a sweep drops it. Default: policy.",
    )


class KeepConfig(EnvironmentConfig):
    """Which environment, and for how long."""

    days: float = Field(
        default=7.0,
        description=(
            "Days from now in which no sensor or sweep retires or drops it; 0 ends that at once."
        ),
    )


class SweepConfig(dg.Config):
    """What to sweep."""

    environment: str | None = Field(
        default=None,
        description="Only this environment, such as pr_42. Default: all of the project.",
    )
    dry_run: bool = Field(default=False, description=_DRY_RUN)


def grace_of(hours: float | None, policy: Policy, cause: Cause) -> timedelta:
    """The grace period that was asked for, or else the policy's.

    Raises:
        InvalidPolicy: It is negative or longer than ten years.
    """
    if hours is None:
        return policy.grace_after(cause)
    if not 0 <= hours <= _LONGEST_GRACE_HOURS:
        raise InvalidPolicy(
            f"A grace period of {hours:g} hours was asked for.",
            remedy=f"Give 0 to {_LONGEST_GRACE_HOURS} hours.",
        )
    return timedelta(hours=hours)


def time_of(text: str | None) -> datetime | None:
    """A time that was filled in.

    Raises:
        InvalidPolicy: It is none, or has no time zone.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidPolicy(
            f"{text[:40]!r} is not a time with a time zone.",
            remedy="Give it as in 2026-11-22T12:00:00+00:00, or leave it empty.",
        )
    return time


def _beginning_of(run_id: str, instance: dg.DagsterInstance) -> datetime:
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        raise InvalidAsOf(
            f"There is no run {run_id[:60]!r} in this deployment.",
            remedy=(
                "Give the whole id, as the run's page shows it. Of a run of another deployment,"
                " give the time at which it began as `as_of`."
            ),
        )
    if record.start_time is None:
        raise InvalidAsOf(
            f"Run {run_id!r} has not begun, so it has no time before it.",
            remedy="Leave `as_of_run` empty to take base's present state.",
        )
    began = datetime.fromtimestamp(record.start_time, tz=timezone.utc)
    # Time travel knows no less than a millisecond; rounding up could let in what the run did.
    return began.replace(microsecond=began.microsecond // 1000 * 1000)


def lease_until(days: float, policy: Policy, *, now: datetime) -> datetime | None:
    """The end of a lease of so many days; None for 0, which ends it.

    Raises:
        InvalidPolicy: It is negative or longer than the policy allows.
    """
    most = policy.max_lease / timedelta(days=1)
    if not 0 <= days <= most:
        raise InvalidPolicy(
            f"A lease of {days:g} days was asked for, and the policy allows {most:g}.",
            remedy=f"Give 0 to {most:g} days, or raise max_lease. A lease can be renewed.",
        )
    return now + timedelta(days=days) if days else None


def prefilled(op: str, config: dg.Config) -> dict[str, Any]:
    """The run config that the Launchpad shows; by itself it would leave optional fields out."""
    return {"ops": {op: {"config": config.model_dump(mode="json")}}}
