"""The jobs that a person launches from the UI, and that the sensors launch: one verb each."""

# No `from __future__ import annotations` here: Dagster reads the ops' annotations as they are.

from dataclasses import dataclass
from datetime import datetime, timezone

import dagster as dg

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.plan import Report
from branch_toolkit.core.policy import Policy
from branch_toolkit.guards import require_base, require_own
from branch_toolkit.launchpad import (
    BranchConfig,
    EnvironmentConfig,
    RetireConfig,
    SweepConfig,
    grace_of,
    prefilled,
)
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

_RETRY = dg.RetryPolicy(
    max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


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
    @dg.op(retry_policy=_RETRY, pool=POOL, tags={"branch_toolkit/verb": "refresh"})
    def refresh(
        context: dg.OpExecutionContext, config: BranchConfig, branch_warehouse: WarehouseResource
    ) -> None:
        """Replaces the branch's clones by new ones; what the branch has written is lost."""
        _provision(context, config, branch_warehouse, refresh=True)

    @dg.job(
        executor_def=dg.in_process_executor,
        config=prefilled("refresh", BranchConfig()),
        description=(
            "Takes production's state again: the branch's clones are replaced by new ones, all at"
            " once. What the branch has written is lost."
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
        with explained(), branch_warehouse.environments() as environments:
            grace = grace_of(config.grace_hours, policy)
            require_own(branch_warehouse.deployment, environments, config.environment)
            _tag(context, environments, config.environment, dry_run=config.dry_run)
            _finish(
                context,
                environments.retire(
                    config.environment,
                    because=config.reason,
                    grace=grace,
                    now=_now(),
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
    @dg.op(retry_policy=_RETRY, pool=POOL, tags={"branch_toolkit/verb": "restore"})
    def restore(
        context: dg.OpExecutionContext,
        config: EnvironmentConfig,
        branch_warehouse: WarehouseResource,
    ) -> None:
        """Brings a retired environment back, with its data."""
        with explained(), branch_warehouse.environments() as environments:
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
            require_base(branch_warehouse.deployment)
            sweep_environments(context, config, environments, branch_source, policy)

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
    *,
    refresh: bool,
) -> None:
    with explained(), warehouse.environments() as environments:
        branch = config.to_branch(warehouse)
        name = environments.name_of(branch)
        require_own(warehouse.deployment, environments, name)
        _tag(context, environments, name, dry_run=config.dry_run, branch=branch.label)
        report = environments.provision(
            branch,
            now=_now(),
            refresh=refresh,
            dry_run=config.dry_run,
            on_progress=log_progress(context.log.info),
        )
        _finish(context, report)


def _finish(context: dg.OpExecutionContext, report: Report) -> None:
    context.log.info(summary(report))
    for note in report.plan.notes:
        context.log.warning(f"{note.object}: {note.text}")
    context.add_output_metadata(report_metadata(report))


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
