"""The jobs that a person launches from the UI, and that the sensors launch: one verb each."""

# No `from __future__ import annotations` here: Dagster reads the ops' annotations as they are.

from dataclasses import dataclass
from datetime import datetime, timezone

import dagster as dg

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.plan import Report
from branch_toolkit.core.policy import Policy
from branch_toolkit.guards import require_base, require_own
from branch_toolkit.history.reporting import report_base_history
from branch_toolkit.history.resource import BaseHistory
from branch_toolkit.launchpad import (
    BranchConfig,
    EnvironmentConfig,
    KeepConfig,
    RetireConfig,
    SweepConfig,
    grace_of,
    lease_until,
    prefilled,
    time_of,
)
from branch_toolkit.outputs.group import BranchOutputs
from branch_toolkit.reporting import (
    explained,
    log_progress,
    report_metadata,
    summary,
)
from branch_toolkit.resources import WarehouseResource
from branch_toolkit.sweeping import sweep_environments
from branch_toolkit.verbs import Environments

BRANCH_TAG = "branch_toolkit/branch"
ENVIRONMENT_TAG = "branch_toolkit/environment"
DRY_RUN_TAG = "branch_toolkit/dry_run"
POOL = "branch_toolkit"
"""The concurrency pool of all ops; limit it in the UI under Deployment → Concurrency."""

WAREHOUSE_KEY = "branch_warehouse"
SOURCE_KEY = "branch_source"
POLICY_KEY = "branch_policy"
OUTPUTS_KEY = "branch_outputs"
HISTORY_KEY = "branch_history"

RETRY = dg.RetryPolicy(
    max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@dataclass(frozen=True)
class BranchJobs:
    """The six jobs."""

    provision: dg.JobDefinition
    refresh: dg.JobDefinition
    retire: dg.JobDefinition
    restore: dg.JobDefinition
    keep: dg.JobDefinition
    sweep: dg.JobDefinition

    @property
    def all(self) -> list[dg.JobDefinition]:
        """All of them."""
        return [self.provision, self.refresh, self.retire, self.restore, self.keep, self.sweep]


def build_branch_jobs(policy: Policy) -> BranchJobs:
    """The jobs, under a policy."""
    return BranchJobs(
        provision=_provision_job(),
        refresh=_refresh_job(),
        retire=_retire_job(policy),
        restore=_restore_job(),
        keep=_keep_job(policy),
        sweep=_sweep_job(policy),
    )


def _provision_job() -> dg.JobDefinition:
    @dg.op(retry_policy=RETRY, pool=POOL, tags={"branch_toolkit/verb": "provision"})
    def provision(
        context: dg.OpExecutionContext,
        config: BranchConfig,
        branch_warehouse: WarehouseResource,
        branch_outputs: BranchOutputs,
        branch_history: dg.ResourceParam[BaseHistory | None],
    ) -> None:
        """Makes the branch's clones, or those that it lacks; restores a retired environment."""
        _provision(context, config, branch_warehouse, branch_outputs, branch_history, refresh=False)

    @dg.job(
        executor_def=dg.in_process_executor,
        config=prefilled("provision", BranchConfig()),
        description=(
            "Sees to it that a branch has its environment: a clone of each base schema. Launch it"
            " as often as you like; what is there is kept, with the branch's data."
        ),
    )
    def provision_branch() -> None:
        provision()

    return provision_branch


def _refresh_job() -> dg.JobDefinition:
    @dg.op(retry_policy=RETRY, pool=POOL, tags={"branch_toolkit/verb": "refresh"})
    def refresh(
        context: dg.OpExecutionContext,
        config: BranchConfig,
        branch_warehouse: WarehouseResource,
        branch_outputs: BranchOutputs,
        branch_history: dg.ResourceParam[BaseHistory | None],
    ) -> None:
        """Replaces the branch's clones by new ones; what the branch has written is lost."""
        _provision(context, config, branch_warehouse, branch_outputs, branch_history, refresh=True)

    @dg.job(
        executor_def=dg.in_process_executor,
        config=prefilled("refresh", BranchConfig()),
        description=(
            "Takes production's state again, the present one or that of `as_of`: the branch's"
            " clones are replaced by new ones, all at once. What the branch has written is lost."
        ),
    )
    def refresh_branch() -> None:
        refresh()

    return refresh_branch


def _retire_job(policy: Policy) -> dg.JobDefinition:
    @dg.op(retry_policy=RETRY, pool=POOL, tags={"branch_toolkit/verb": "retire"})
    def retire(
        context: dg.OpExecutionContext,
        config: RetireConfig,
        branch_warehouse: WarehouseResource,
        branch_outputs: BranchOutputs,
    ) -> None:
        """Sets the environment aside; nothing is dropped before the grace period is over."""
        followers = branch_outputs.followers
        with explained(), branch_warehouse.environments(followers) as environments:
            grace = grace_of(config.grace_hours, policy, Cause(config.cause))
            require_own(branch_warehouse.deployment, environments, config.environment)
            _tag(context, environments, config.environment, dry_run=config.dry_run)
            _finish(
                context,
                environments.retire(
                    config.environment,
                    because=config.reason,
                    grace=grace,
                    now=_now(),
                    cause=Cause(config.cause),
                    sha=config.sha,
                    unless_used_since=time_of(config.unless_used_since),
                    unless_kept=config.unless_kept,
                    anew=config.grace_hours is not None,
                    dry_run=config.dry_run,
                    on_progress=log_progress(context.log.info),
                ),
            )

    @dg.job(
        executor_def=dg.in_process_executor,
        config=prefilled("retire", RetireConfig(environment="")),
        description=(
            "Sets a branch's environment aside. It can be restored with its data until the grace"
            " period is over; then a sweep drops it."
        ),
    )
    def retire_branch() -> None:
        retire()

    return retire_branch


def _restore_job() -> dg.JobDefinition:
    @dg.op(retry_policy=RETRY, pool=POOL, tags={"branch_toolkit/verb": "restore"})
    def restore(
        context: dg.OpExecutionContext,
        config: EnvironmentConfig,
        branch_warehouse: WarehouseResource,
        branch_outputs: BranchOutputs,
    ) -> None:
        """Brings a retired environment back, with its data."""
        followers = branch_outputs.followers
        with explained(), branch_warehouse.environments(followers) as environments:
            require_own(branch_warehouse.deployment, environments, config.environment)
            _tag(context, environments, config.environment, dry_run=config.dry_run)
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
        config=prefilled("restore", EnvironmentConfig(environment="")),
        description="Brings a retired environment back, with its data.",
    )
    def restore_branch() -> None:
        restore()

    return restore_branch


def _keep_job(policy: Policy) -> dg.JobDefinition:
    @dg.op(retry_policy=RETRY, pool=POOL, tags={"branch_toolkit/verb": "keep"})
    def keep(
        context: dg.OpExecutionContext, config: KeepConfig, branch_warehouse: WarehouseResource
    ) -> None:
        """Gives the environment a lease, or ends it."""
        with explained(), branch_warehouse.environments() as environments:
            until = lease_until(config.days, policy, now=_now())
            require_own(branch_warehouse.deployment, environments, config.environment)
            _tag(context, environments, config.environment, dry_run=config.dry_run)
            _finish(
                context,
                environments.keep(
                    config.environment,
                    until=until,
                    dry_run=config.dry_run,
                    on_progress=log_progress(context.log.info),
                ),
            )

    @dg.job(
        executor_def=dg.in_process_executor,
        config=prefilled("keep", KeepConfig(environment="")),
        description=(
            "Puts off every retirement and drop of a branch's environment by sensors and sweeps,"
            " for so many days as the policy allows. By hand it can still be retired."
        ),
    )
    def keep_branch() -> None:
        keep()

    return keep_branch


def _sweep_job(policy: Policy) -> dg.JobDefinition:
    @dg.op(retry_policy=RETRY, pool=POOL, tags={"branch_toolkit/verb": "sweep"})
    def sweep(
        context: dg.OpExecutionContext,
        config: SweepConfig,
        branch_warehouse: WarehouseResource,
        branch_source: BranchSource,
        branch_outputs: BranchOutputs,
    ) -> None:
        """Retires what has ended, and drops what was retired when its grace period is over."""
        followers = branch_outputs.followers
        with explained(), branch_warehouse.environments(followers) as environments:
            require_base(branch_warehouse.deployment)
            sweep_environments(
                context, config, environments, branch_source, policy, branch_outputs.members
            )

    @dg.job(
        executor_def=dg.in_process_executor,
        config=prefilled("sweep", SweepConfig()),
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
    outputs: BranchOutputs,
    history: BaseHistory | None,
    *,
    refresh: bool,
) -> None:
    with explained(), warehouse.environments(outputs.followers) as environments:
        branch = config.to_branch(warehouse)
        name = environments.name_of(branch)
        require_own(warehouse.deployment, environments, name)
        _tag(context, environments, name, dry_run=config.dry_run, branch=branch.label)
        as_of = config.to_as_of(context.instance)
        report = environments.provision(
            branch,
            now=_now(),
            refresh=refresh,
            schema_only=config.schema_only,
            as_of=as_of,
            dry_run=config.dry_run,
            on_progress=log_progress(context.log.info),
        )
        _finish(context, report, as_of=as_of)
        if history is not None and warehouse.deployment.is_branch and not config.dry_run:
            report_base_history(context, environments, name, history)


def _finish(context: dg.OpExecutionContext, report: Report, *, as_of: AsOf | None = None) -> None:
    context.log.info(summary(report))
    if as_of is not None:
        context.log.info(f"data as of {as_of}")
    for line in report.outputs:
        context.log.info(line)
    for note in report.plan.notes:
        context.log.warning(f"{note.object}: {note.text}")
    context.add_output_metadata(report_metadata(report, as_of=as_of))


def _tag(
    context: dg.OpExecutionContext,
    environments: Environments,
    name: str,
    *,
    dry_run: bool,
    branch: str | None = None,
) -> None:
    label = branch or environments.inventory().find(name).label
    tags = {BRANCH_TAG: label, ENVIRONMENT_TAG: name}
    if dry_run:
        tags[DRY_RUN_TAG] = "true"
    context.instance.add_run_tags(context.run_id, tags)


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
