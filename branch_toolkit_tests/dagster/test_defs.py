"""What `build_branch_defs` adds to a user's definitions."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from datetime import timedelta

import dagster as dg
import pytest

from branch_toolkit import (
    AzureDevOpsBranches,
    GitHubBranches,
    GitRemoteBranches,
    Policy,
    PostgresWarehouse,
    StaticBranches,
    build_branch_defs,
)
from branch_toolkit.branches import BranchSource
from branch_toolkit.core.errors import InvalidPolicy
from branch_toolkit_tests.dagster.conftest import Deployed
from branch_toolkit_tests.dagster.memory import BASES, HeldWarehouse, ToldBranches, World

NAMES = {
    "jobs": {
        "provision_branch",
        "refresh_branch",
        "retire_branch",
        "restore_branch",
        "keep_branch",
        "sweep_branches",
    },
    "sensors": {"branch_provision_sensor", "branch_cleanup_sensor"},
    "assets": {"branch_environments"},
}


def a_users_definitions() -> dg.Definitions:
    """DESIGN.md §1, on a warehouse in memory: one object, under the user's key and under ours."""
    warehouse = HeldWarehouse(schemas=BASES)

    @dg.asset
    def orders(warehouse: HeldWarehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(metadata={"schema": warehouse.schema("analytics")})

    return dg.Definitions.merge(
        dg.Definitions(assets=[orders], resources={"warehouse": warehouse}),
        build_branch_defs(warehouse=warehouse, branches=ToldBranches()),
    )


def test_the_names_are_those_that_are_documented() -> None:
    repository = a_users_definitions().get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} - {"__ASSET_JOB"} == NAMES["jobs"]
    assert {sensor.name for sensor in repository.sensor_defs} == NAMES["sensors"]
    keys = {key.to_user_string() for key in repository.assets_defs_by_key}
    assert keys == NAMES["assets"] | {"orders"}


def test_they_load_beside_the_users_own() -> None:
    dg.Definitions.validate_loadable(a_users_definitions())


@pytest.mark.parametrize("url", ["postgresql://a:b@h/d", dg.EnvVar("NOT_SET_ANYWHERE")])
def test_they_load_where_there_is_no_database_and_no_variable(url: str) -> None:
    defs = build_branch_defs(
        warehouse=PostgresWarehouse(url=url, schemas=["a"]), branches=StaticBranches()
    )
    dg.Definitions.validate_loadable(defs)


LITERAL, GIVEN = "s3cret-t0ken", dg.EnvVar("BRANCHES_TOKEN")


@pytest.mark.parametrize(
    ("source", "warns"),
    [
        (GitHubBranches(repository="acme/x", token=LITERAL), True),
        (GitHubBranches(repository="acme/x", token=GIVEN), False),
        (GitHubBranches(repository="acme/x"), False),
        (GitHubBranches(repository="acme/x", app_id="1", private_key=LITERAL), True),
        (GitHubBranches(repository="acme/x", app_id="1", private_key=GIVEN), False),
        (
            AzureDevOpsBranches(
                organization="acme", project="x", repository="x", access_token=LITERAL
            ),
            True,
        ),
        (GitRemoteBranches(url=f"https://me:{LITERAL}@git.example/x.git"), True),
        (GitRemoteBranches(url=f"https://git.example/x.git?private_token={LITERAL}"), True),
        (GitRemoteBranches(url="ssh://git@git.example/x.git"), False),
        (GitRemoteBranches(url=GIVEN), False),
        (StaticBranches(), False),
    ],
)
def test_a_credential_of_the_branch_source_in_the_definitions_is_warned_of(
    source: BranchSource, *, warns: bool
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build_branch_defs(warehouse=HeldWarehouse(schemas=BASES), branches=source)
    said = [warning for warning in caught if "branch source's credential" in str(warning.message)]
    assert bool(said) is warns
    assert all(warning.filename == __file__ for warning in said)
    assert LITERAL not in " ".join(str(warning.message) for warning in said)


def test_the_users_asset_and_our_job_see_the_same_warehouse(
    world: World, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = Deployed(a_users_definitions(), instance)
    monkeypatch.setenv("BRANCH_TOOLKIT_IS_BRANCH_DEPLOYMENT", "1")
    monkeypatch.setenv("BRANCH_TOOLKIT_PULL_REQUEST_ID", "42")
    assert deployed.run("provision_branch").success
    job = deployed.definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("orders")])
    [materialization] = result.asset_materializations_for_node("orders")
    assert materialization.metadata["schema"].value == "analytics__pr_42"


def test_sensors_are_off_until_they_are_switched_on() -> None:
    sensors = a_users_definitions().get_repository_def().sensor_defs
    assert {sensor.default_status for sensor in sensors} == {dg.DefaultSensorStatus.STOPPED}
    assert {sensor.minimum_interval_seconds for sensor in sensors} == {60}


def test_sensors_can_be_on_from_the_start_and_tick_more_seldom() -> None:
    defs = build_branch_defs(
        warehouse=HeldWarehouse(schemas=BASES),
        branches=ToldBranches(),
        sensor_interval=300,
        sensor_status=dg.DefaultSensorStatus.RUNNING,
    )
    sensors = defs.get_repository_def().sensor_defs
    assert {sensor.default_status for sensor in sensors} == {dg.DefaultSensorStatus.RUNNING}
    assert {sensor.minimum_interval_seconds for sensor in sensors} == {300}


def test_every_sensor_is_described_and_asks_for_its_own_jobs_only() -> None:
    sensors = {each.name: each for each in a_users_definitions().get_repository_def().sensor_defs}
    assert all(sensor.description for sensor in sensors.values())
    asked = {
        name: {target.job_name for target in sensor.targets} for name, sensor in sensors.items()
    }
    assert asked == {
        "branch_provision_sensor": {"provision_branch", "restore_branch"},
        "branch_cleanup_sensor": {"retire_branch", "sweep_branches"},
    }


def test_a_policy_that_contradicts_itself_is_refused_when_it_is_written() -> None:
    with pytest.raises(InvalidPolicy, match="grace is negative"):
        Policy(grace=timedelta(hours=-1))


@pytest.mark.parametrize(
    "schemas",
    [
        [],
        ["analytics", "analytics"],
    ],
    ids=["none", "twice"],
)
def test_base_schemas_that_cannot_be_meant_are_refused_when_they_are_written(
    schemas: list[str],
) -> None:
    with pytest.raises(ValueError, match="schemas"):
        PostgresWarehouse(url="postgresql://", schemas=schemas)


def test_the_import_takes_no_driver_and_no_pandas() -> None:
    program = "import sys, json, branch_toolkit; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.check_output([sys.executable, "-W", "ignore", "-c", program])
    assert not {"pandas", "numpy", "psycopg", "sqlalchemy"} & set(json.loads(output))


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    import branch_toolkit

    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = branch_toolkit.Nonsense
    assert all(hasattr(branch_toolkit, name) for name in branch_toolkit.__all__)
