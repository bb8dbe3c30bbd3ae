"""What a user adds to their `Definitions`: the jobs, the sensors and the inventory asset."""

from __future__ import annotations

import warnings

import dagster as dg
from dagster_shared.libraries import DagsterLibraryRegistry

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.policy import Policy
from branch_toolkit.inventory import build_inventory_asset
from branch_toolkit.jobs import POLICY_KEY, SOURCE_KEY, WAREHOUSE_KEY, build_branch_jobs
from branch_toolkit.resources import WarehouseResource
from branch_toolkit.sensors import build_branch_sensors
from branch_toolkit.version import __version__

DagsterLibraryRegistry.register("dagster-branch-toolkit", __version__, is_dagster_package=False)


def build_branch_defs(
    *,
    warehouse: WarehouseResource,
    branches: BranchSource,
    policy: Policy | None = None,
    sensor_interval: int = 60,
    sensor_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.Definitions:
    """Everything that looks after the branches' environments.

    Args:
        warehouse: Where the environments are; the same object that the assets use.
        branches: Who says which branches are open.
        policy: How long things are kept; the defaults keep rather than drop.
        sensor_interval: Least seconds between two ticks of a sensor.
        sensor_status: Whether the sensors run without being switched on in the UI.

    Returns:
        Definitions to merge with your own by `dg.Definitions.merge`: the jobs `provision_branch`,
        `refresh_branch`, `retire_branch`, `restore_branch` and `sweep_branches`, the sensors
        `branch_provision_sensor` and `branch_cleanup_sensor`, and the asset `branch_environments`.
    """
    if warehouse.shows_a_secret:
        warnings.warn(
            "The warehouse's URL with its password stands in the definitions, and Dagster shows it"
            ' in the UI and keeps it in snapshots. Give it by dg.EnvVar("WAREHOUSE_URL").',
            stacklevel=2,
        )
    policy = policy or Policy()
    jobs = build_branch_jobs(policy)
    return dg.Definitions(
        assets=[build_inventory_asset()],
        jobs=jobs.all,
        sensors=build_branch_sensors(
            jobs, policy, interval=sensor_interval, default_status=sensor_status
        ),
        resources={WAREHOUSE_KEY: warehouse, SOURCE_KEY: branches, POLICY_KEY: policy},
    )
