"""The asset `branch_environments`: who looks at it sees every environment, and what was refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg
import pytest

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.errors import WarehouseUnavailable
from branch_toolkit_tests.dagster.conftest import Deployed, attempts, failure, plain
from branch_toolkit_tests.dagster.memory import World

ASSET = dg.AssetKey("branch_environments")


def materialize(deployed: Deployed, **options: Any) -> dg.ExecuteInProcessResult:
    return deployed.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=deployed.instance, asset_selection=[ASSET], raise_on_error=False, **options
    )


def shown(deployed: Deployed) -> dict[str, Any]:
    result = materialize(deployed)
    [materialization] = result.asset_materializations_for_node(ASSET.to_python_identifier())
    return plain(materialization.metadata)


def test_every_environment_is_listed_with_what_a_person_wants_to_know(
    world: World, deployed: Deployed
) -> None:
    deployed.run("provision_branch", {"pull_request": 42, "branch": "feature/login"})
    deployed.run("provision_branch", {"branch": "spike"})
    deployed.run("retire_branch", {"environment": "pr_42", "reason": "it was merged"})
    found = shown(deployed)
    assert found["count"] == 2
    assert found["left alone"] == "none"
    [retired, active] = found["environments"]
    assert retired["environment"] == "pr_42"
    assert retired["branch"] == "#42 (feature/login)"
    assert (retired["state"], retired["why"]) == ("retired", "it was merged")
    assert retired["next"].startswith("it is dropped after 20")
    assert (active["branch"], active["state"]) == ("spike", "active")
    assert active["next"] == "it is retired when its branch ends"
    [details, _] = found["details"]
    assert details["environment"] == "pr_42"
    assert details["schemas"] == "analytics__pr_42, staging__pr_42"
    assert (details["tables"], details["rows (estimate)"]) == ("2", "3")
    assert details["strategy"] == "copy"


def test_an_empty_warehouse_says_none(deployed: Deployed) -> None:
    assert shown(deployed) == {
        "environments": "none",
        "details": "none",
        "count": 0,
        "size_bytes": 0,
        "left alone": "none",
    }


def test_marks_that_prove_nothing_are_listed_with_the_reason(
    world: World, deployed: Deployed
) -> None:
    theirs = world.environments(Project(name="theirs"))
    theirs.provision(Branch(key=BranchKey(number=1)), now=datetime.now().astimezone())
    refused = shown(deployed)["left alone"]
    assert {record["reason"] for record in refused} == {
        "it belongs to project 'theirs', not to 'default'"
    }


def test_it_changes_nothing(world: World, deployed: Deployed) -> None:
    deployed.run("provision_branch", {"pull_request": 42})
    before = dict(world.warehouse.held)
    shown(deployed)
    assert world.warehouse.held == before


def test_it_stores_nothing_through_the_users_io_manager(
    deployed: Deployed, world: World, instance: dg.DagsterInstance
) -> None:
    class Refusing(dg.IOManager):
        def handle_output(self, context: dg.OutputContext, obj: object) -> None:
            raise AssertionError("the inventory was given to the I/O manager")

        def load_input(self, context: dg.InputContext) -> object:
            raise AssertionError("the inventory was asked of the I/O manager")

    merged = dg.Definitions.merge(
        deployed.definitions, dg.Definitions(resources={"io_manager": Refusing()})
    )
    assert materialize(Deployed(merged, instance)).success


def test_it_can_be_looked_at_in_a_branch_deployment_too(
    deployed: Deployed, branch_deployment: Callable[..., None]
) -> None:
    deployed.run("provision_branch", {"pull_request": 7})
    branch_deployment(42)
    assert [record["environment"] for record in shown(deployed)["environments"]] == ["pr_7"]


def test_a_thousand_environments_fit_a_page_and_are_all_counted(
    world: World, deployed: Deployed
) -> None:
    world.fill(1000)
    found = shown(deployed)
    assert found["count"] == 1000
    assert len(found["environments"]) == len(found["details"]) == 101
    assert found["environments"][-1]["environment"] == "… and 900 more"


def test_a_warehouse_that_is_down_fails_with_the_remedy(world: World, deployed: Deployed) -> None:
    def fail() -> None:
        raise WarehouseUnavailable("The warehouse is down.", remedy="Start it.")

    world.on_open = fail
    result = materialize(deployed)
    description = failure(result).user_failure_data.description
    assert description == "The warehouse is down. Start it."
    assert attempts(result) == 1


@pytest.mark.parametrize("group", ["branch_toolkit"])
def test_it_has_a_group_and_a_description(deployed: Deployed, group: str) -> None:
    [spec] = deployed.definitions.resolve_all_asset_specs()
    assert spec.key == ASSET
    assert spec.group_name == group
    assert spec.description
