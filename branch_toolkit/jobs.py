"""The jobs that a person launches from the UI, and that the sensors launch: one verb each."""

# No `from __future__ import annotations` here: Dagster reads the ops' annotations as they are.

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import dagster as dg
from pydantic import Field

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.errors import BranchToolkitError, InvalidBranch, InvalidDeployment
from branch_toolkit.core.lifecycle import Action, Verb
from branch_toolkit.core.names import environment_name
from branch_toolkit.core.plan import Report
from branch_toolkit.core.policy import Policy
from branch_toolkit.observing import Observation, observe
from branch_toolkit.reporting import (
    action_line,
    explained,
    log_progress,
    report_metadata,
    summary,
    table,
)
from branch_toolkit.resources import WarehouseResource
from branch_toolkit.verbs import Environments

BRANCH_TAG = "branch_toolkit/branch"
ENVIRONMENT_TAG = "branch_toolkit/environment"
POOL = "branch_toolkit"
"""The concurrency pool of all ops; limit it in the UI under Deployment → Concurrency."""

WAREHOUSE_KEY = "branch_warehouse"
SOURCE_KEY = "branch_source"
POLICY_KEY = "branch_policy"

_RETRY = dg.RetryPolicy(
    max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
_DRY_RUN = "Only say what would be done: the plan is shown, nothing is executed."


class BranchConfig(dg.Config):
    """Which branch. Left empty in a branch deployment: its own."""

    pull_request: int | None = Field(
        default=None,
        ge=1,
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
    dry_run: bool = Field(default=False, description=_DRY_RUN)

    def to_branch(self, warehouse: WarehouseResource) -> Branch:
        """The branch that is meant."""
        own = warehouse.deployment.branch
        if self.pull_request is None and not self.branch:
            if own is not None:
                return own
            raise InvalidBranch(
                "Neither `pull_request` nor `branch` is given, and this is no branch deployment"
                " that would know its own.",
                remedy="Fill in one of them in the Launchpad.",
            )
        key = BranchKey(number=self.pull_request, name=self.branch)
        return Branch(key=key, name=self.branch, repository=self.repository)


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
    grace_hours: float | None = Field(
        default=None,
        ge=0,
        description="Hours in which it can be restored before a sweep drops it. Default: policy.",
    )


class SweepConfig(dg.Config):
    """What to sweep."""

    environment: str | None = Field(
        default=None,
        description="Only this environment, such as pr_42. Default: all of the project.",
    )
    dry_run: bool = Field(default=False, description=_DRY_RUN)


@dataclass(frozen=True)
class BranchJobs:
    """The five jobs."""

    provision: dg.JobDefinition
    refresh: dg.JobDefinition
    retire: dg.JobDefinition
    restore: dg.JobDefinition
    sweep: dg.JobDefinition

    @property
    def all(self) -> list[dg.JobDefinition]:
        """All of them."""
        return [self.provision, self.refresh, self.retire, self.restore, self.sweep]


def build_branch_jobs(policy: Policy) -> BranchJobs:
    """The jobs, under a policy."""
    return BranchJobs(
        provision=_provision_job(),
        refresh=_refresh_job(),
        retire=_retire_job(policy),
        restore=_restore_job(),
        sweep=_sweep_job(policy),
    )


def _provision_job() -> dg.JobDefinition:
    @dg.op(retry_policy=_RETRY, pool=POOL, tags={"branch_toolkit/verb": "provision"})
    def provision(
        context: dg.OpExecutionContext, config: BranchConfig, branch_warehouse: WarehouseResource
    ) -> None:
        """Makes the branch's clones, or those that it lacks; restores a retired environment."""
        _provision(context, config, branch_warehouse, refresh=False)

    @dg.job(
        executor_def=dg.in_process_executor,
        description=(
            "Sees to it that a branch has its environment: a clone of each base schema. Launch it"
            " as often as you like; what is there is kept, with the branch's data."
        ),
    )
    def provision_branch() -> None:
        provision()

    return provision_branch


def _refresh_job() -> dg.JobDefinition:
    @dg.op(retry_policy=_RETRY, pool=POOL, tags={"branch_toolkit/verb": "refresh"})
    def refresh(
        context: dg.OpExecutionContext, config: BranchConfig, branch_warehouse: WarehouseResource
    ) -> None:
        """Replaces the branch's clones by new ones; what the branch has written is lost."""
        _provision(context, config, branch_warehouse, refresh=True)

    @dg.job(
        executor_def=dg.in_process_executor,
        description=(
            "Takes production's state again: the branch's clones are replaced by new ones in one"
            " transaction. What the branch has written is lost."
        ),
    )
    def refresh_branch() -> None:
        refresh()

    return refresh_branch


def _retire_job(policy: Policy) -> dg.JobDefinition:
    @dg.op(retry_policy=_RETRY, pool=POOL, tags={"branch_toolkit/verb": "retire"})
    def retire(
        context: dg.OpExecutionContext, config: RetireConfig, branch_warehouse: WarehouseResource
    ) -> None:
        """Sets the environment aside; nothing is dropped before the grace period is over."""
        hours = config.grace_hours
        grace = policy.grace if hours is None else timedelta(hours=hours)
        with explained(), branch_warehouse.environments() as environments:
            _require_own(branch_warehouse, environments, config.environment)
            _finish(
                context,
                environments.retire(
                    config.environment,
                    because=config.reason,
                    grace=grace,
                    now=_now(),
                    dry_run=config.dry_run,
                    on_progress=log_progress(context.log.info),
                ),
            )

    @dg.job(
        executor_def=dg.in_process_executor,
        description=(
            "Sets a branch's environment aside. It can be restored with its data until the grace"
            " period is over; then a sweep drops it."
        ),
    )
    def retire_branch() -> None:
        retire()

    return retire_branch


def _restore_job() -> dg.JobDefinition:
    @dg.op(retry_policy=_RETRY, pool=POOL, tags={"branch_toolkit/verb": "restore"})
    def restore(
        context: dg.OpExecutionContext,
        config: EnvironmentConfig,
        branch_warehouse: WarehouseResource,
    ) -> None:
        """Brings a retired environment back, with its data."""
        with explained(), branch_warehouse.environments() as environments:
            _require_own(branch_warehouse, environments, config.environment)
            _finish(
                context,
                environments.restore(
                    config.environment,
                    now=_now(),
                    dry_run=config.dry_run,
                    on_progress=log_progress(context.log.info),
                ),
            )

    @dg.job(
        executor_def=dg.in_process_executor,
        description="Brings a retired environment back, with its data.",
    )
    def restore_branch() -> None:
        restore()

    return restore_branch


def _sweep_job(policy: Policy) -> dg.JobDefinition:
    @dg.op(retry_policy=_RETRY, pool=POOL, tags={"branch_toolkit/verb": "sweep"})
    def sweep(
        context: dg.OpExecutionContext,
        config: SweepConfig,
        branch_warehouse: WarehouseResource,
        branch_source: BranchSource,
    ) -> None:
        """Retires what has ended, and drops what was retired when its grace period is over."""
        with explained(), branch_warehouse.environments() as environments:
            _require_base(branch_warehouse)
            seen = observe(environments, branch_source, policy, now=_now())
            chosen = [
                action
                for action in seen.actions
                if action.environment
                and config.environment in (None, environments_name(action, environments))
            ]
            _sweep(context, environments, chosen, policy, seen=seen, dry_run=config.dry_run)

    @dg.job(
        executor_def=dg.in_process_executor,
        description=(
            "Compares the environments with the branches: retires those whose branch is merged,"
            " closed or gone, and drops those whose grace period is over. What it is not sure of,"
            " it keeps, and says why."
        ),
    )
    def sweep_branches() -> None:
        sweep()

    return sweep_branches


def _provision(
    context: dg.OpExecutionContext,
    config: BranchConfig,
    warehouse: WarehouseResource,
    *,
    refresh: bool,
) -> None:
    with explained(), warehouse.environments() as environments:
        branch = config.to_branch(warehouse)
        name = environments.name_of(branch)
        _require_own(warehouse, environments, name)
        _tag(context, branch=branch.label, environment=name)
        report = environments.provision(
            branch,
            now=_now(),
            refresh=refresh,
            dry_run=config.dry_run,
            on_progress=log_progress(context.log.info),
        )
        _finish(context, report)


def _sweep(
    context: dg.OpExecutionContext,
    environments: Environments,
    actions: Sequence[Action],
    policy: Policy,
    *,
    seen: Observation,
    dry_run: bool,
) -> None:
    failures: list[BranchToolkitError] = []
    rows: list[dict[str, str | int]] = []
    for action in actions:
        name = environments_name(action, environments)
        try:
            report = sweep_one(environments, action, policy, dry_run=dry_run)
            outcome = summary(report) if report else "kept"
        except BranchToolkitError as error:
            # One that cannot be dropped must not keep the others from it.
            failures.append(error)
            outcome = str(error)
        context.log.info(f"{action_line(action, name)} ({outcome})")
        rows.append(
            {
                "environment": name,
                "decision": action.verb.value,
                "because": action.reason,
                "outcome": outcome,
            }
        )
    context.add_output_metadata(
        {
            "decisions": table(rows),
            "branches": dg.MetadataValue.int(len(seen.snapshot.branches)),
            "left alone": table(
                [{"schema": r.schema, "reason": r.reason} for r in seen.inventory.refused]
            ),
            "dry_run": dg.MetadataValue.bool(dry_run),
        }
    )
    if failures:
        raise failures[0]


def sweep_one(
    environments: Environments, action: Action, policy: Policy, *, dry_run: bool
) -> Report | None:
    """Executes one decision of a sweep; None where it is to keep."""
    name = environments_name(action, environments)
    if action.verb is Verb.RETIRE:
        return environments.retire(
            name, because=action.reason, grace=policy.grace, now=_now(), dry_run=dry_run
        )
    if action.verb is Verb.DROP:
        return environments.drop(name, now=_now(), dry_run=dry_run)
    return None


def environments_name(action: Action, environments: Environments) -> str:
    """The name of the environment that a decision is about."""
    return environment_name(action.key, project=environments.project.name)


def _require_own(warehouse: WarehouseResource, environments: Environments, name: str) -> None:
    own = warehouse.deployment.branch
    if own is not None and environments.name_of(own) != name:
        raise InvalidDeployment(
            f"This is the branch deployment of {environments.name_of(own)!r}; it may not work on"
            f" {name!r}.",
            remedy="Launch the job in the base deployment.",
        )


def _require_base(warehouse: WarehouseResource) -> None:
    if warehouse.deployment.is_branch:
        raise InvalidDeployment(
            "This is a branch deployment; sweeps run in the base deployment only, so that a"
            " branch's code never decides about other branches' data.",
            remedy="Launch `sweep_branches` in the base deployment.",
        )


def _finish(context: dg.OpExecutionContext, report: Report) -> None:
    context.log.info(summary(report))
    for note in report.plan.notes:
        context.log.warning(f"{note.object}: {note.text}")
    context.add_output_metadata(report_metadata(report))


def _tag(context: dg.OpExecutionContext, *, branch: str, environment: str) -> None:
    tags = {BRANCH_TAG: branch, ENVIRONMENT_TAG: environment}
    context.instance.add_run_tags(context.run_id, tags)


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
