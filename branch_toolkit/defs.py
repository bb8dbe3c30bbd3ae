"""What a user adds to their `Definitions`: the jobs, the sensors and the inventory asset."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import dagster as dg
from dagster_shared.libraries import DagsterLibraryRegistry

from branch_toolkit.announcements import build_announce_job, build_announce_sensor
from branch_toolkit.branches import BranchSource
from branch_toolkit.core.policy import Policy
from branch_toolkit.history.resource import BaseHistory
from branch_toolkit.inventory import build_inventory_asset
from branch_toolkit.jobs import (
    HISTORY_KEY,
    OUTPUTS_KEY,
    POLICY_KEY,
    SOURCE_KEY,
    WAREHOUSE_KEY,
    build_branch_jobs,
)
from branch_toolkit.outputs import BranchOutput
from branch_toolkit.outputs.group import group_outputs
from branch_toolkit.resources import WarehouseResource
from branch_toolkit.sensors import build_branch_sensors
from branch_toolkit.version import __version__

DagsterLibraryRegistry.register("dagster-branch-toolkit", __version__, is_dagster_package=False)


def build_branch_defs(
    *,
    warehouse: WarehouseResource,
    branches: BranchSource,
    policy: Policy | None = None,
    outputs: Sequence[BranchOutput] = (),
    history: BaseHistory | None = None,
    sensor_interval: int = 60,
    sensor_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
    dagster_url: str | None = None,
) -> dg.Definitions:
    """Everything that looks after the branches' environments.

    Args:
        warehouse: Where the environments are; the same object that the assets use.
        branches: Who says which branches are open.
        policy: Which branches get an environment, and how long it is kept; the defaults keep
            rather than drop.
        outputs: What else a branch leaves behind, to go with its environment.
        history: The base deployment, where its materializations are to be seen in branches too.
        sensor_interval: Least seconds between two ticks of a sensor.
        sensor_status: Whether the sensors run without being switched on in the UI.
        dagster_url: The address of this deployment's UI, for links on pull requests.

    Returns:
        Definitions to merge with your own by `dg.Definitions.merge`: the jobs `provision_branch`,
        `refresh_branch`, `retire_branch`, `restore_branch`, `keep_branch` and `sweep_branches`, the
        sensors `branch_provision_sensor` and `branch_cleanup_sensor`, and the asset
        `branch_environments`. Where the branch source announces on pull requests, the job
        `announce_branches` and the sensor `branch_announce_sensor` too.
    """
    _warn_of_secrets(warehouse, history, branches)
    if history is not None:
        history.check()
    policy = policy or Policy()
    jobs = build_branch_jobs(policy)
    sensors = build_branch_sensors(
        jobs,
        policy,
        interval=sensor_interval,
        default_status=sensor_status,
        # An output may hold what no environment of the warehouse tells of.
        sweep_daily=bool(outputs),
    )
    announcing = []
    if branches.announces:
        announcing.append(build_announce_job(policy, dagster_url=dagster_url))
        sensors.append(
            build_announce_sensor(
                announcing[0], policy, interval=sensor_interval, default_status=sensor_status
            )
        )
    return dg.Definitions(
        assets=[build_inventory_asset(policy)],
        jobs=[*jobs.all, *announcing],
        sensors=sensors,
        resources={
            WAREHOUSE_KEY: warehouse,
            SOURCE_KEY: branches,
            POLICY_KEY: policy,
            OUTPUTS_KEY: group_outputs(outputs),
            HISTORY_KEY: history or dg.ResourceDefinition.none_resource(),
        },
    )


def _warn_of_secrets(
    warehouse: WarehouseResource, history: BaseHistory | None, branches: BranchSource
) -> None:
    if warehouse.shows_a_secret:
        _warn("The warehouse's URL with its password stands", "WAREHOUSE_URL")
    if history is not None and history.shows_a_secret:
        _warn("The history's token stands", "BASE_TOKEN")
    if branches.shows_a_secret:
        _warn("The branch source's credential stands", "BRANCHES_TOKEN")


def _warn(problem: str, variable: str) -> None:
    warnings.warn(
        f"{problem} in the definitions, and Dagster shows it in the UI and keeps it in snapshots."
        f' Give it by dg.EnvVar("{variable}").',
        # The line that calls build_branch_defs.
        stacklevel=4,
    )
