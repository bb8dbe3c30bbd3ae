"""A sweep clears away what runs that were killed have left, half-made or half-dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from branch_toolkit import Policy
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.errors import CloneMissing, EnvironmentBusy
from branch_toolkit.core.mark import BUILDING, DROPPING, decode, encode
from branch_toolkit.core.names import half_name
from branch_toolkit.core.plan import Plan
from branch_toolkit.warehouses.memory import MemorySchema
from branch_toolkit_tests.dagster.conftest import PROVISION, Deployed, metadata
from branch_toolkit_tests.dagster.memory import BASES, HeldWarehouse, World


@pytest.fixture
def deployed(deploy: Callable[..., Deployed], world: World) -> Deployed:
    world.provide(1, 2)
    return deploy(policy=Policy(max_drops=2))


def leave(world: World, number: int, condition: str) -> str:
    """Leaves half a clone."""
    mark = decode(world.warehouse.held["analytics__pr_1"].comment)
    whole = f"analytics__pr_{number}"
    name = half_name(whole, condition)
    half = mark.half(condition, name=name)
    half = replace(half, pull_request=number, branch=f"feature/{number}")
    world.warehouse.held[name] = MemorySchema(comment=encode(half))
    return name


def test_it_is_dropped_and_reported_and_the_others_are_kept(
    world: World, deployed: Deployed
) -> None:
    name = leave(world, 1, DROPPING)
    shown = metadata(deployed.run("sweep_branches"))
    assert [(row["environment"], row["decision"]) for row in shown["decisions"]] == [
        ("pr_1", "keep"),
        ("pr_2", "keep"),
        ("pr_1", "drop"),
    ]
    assert "was killed" in shown["decisions"][2]["because"]
    assert name in shown["decisions"][2]["outcome"]
    assert name not in world.warehouse.held
    assert world.states() == {"pr_1": "active", "pr_2": "active"}


def test_a_dry_run_only_says_so(world: World, deployed: Deployed) -> None:
    name = leave(world, 1, BUILDING)
    shown = metadata(deployed.run("sweep_branches", {"dry_run": True}))
    assert "dry run" in shown["decisions"][2]["outcome"]
    assert name in world.warehouse.held


def test_no_more_than_the_policy_allows_are_dropped_in_one_sweep(
    world: World, deployed: Deployed
) -> None:
    names = [leave(world, number, BUILDING) for number in (5, 6, 7)]
    deployed.run("sweep_branches")
    assert len([name for name in names if name in world.warehouse.held]) == len(names) - 2
    deployed.run("sweep_branches")
    assert [name for name in names if name in world.warehouse.held] == []


def test_told_of_one_environment_it_leaves_what_is_left_of_others(
    world: World, deployed: Deployed
) -> None:
    names = [leave(world, number, BUILDING) for number in (5, 6)]
    assert deployed.run("sweep_branches", {"environment": "pr_6"}).success
    assert [name for name in names if name in world.warehouse.held] == names[:1]


def test_what_a_run_is_at_work_on_is_no_failure(world: World, deployed: Deployed) -> None:
    name = leave(world, 1, BUILDING)

    def busy(_plan: Plan) -> None:
        raise EnvironmentBusy("Another run works on it.", remedy="Wait.")

    world.warehouse.before_apply = busy
    result = deployed.run("sweep_branches")
    assert result.success
    assert "at work" in metadata(result)["decisions"][2]["outcome"]
    assert name in world.warehouse.held


def test_sensors_take_no_notice_of_it(world: World, deployed: Deployed) -> None:
    leave(world, 1, DROPPING)
    leave(world, 1, BUILDING)
    assert deployed.tick(PROVISION).run_requests == []


def test_a_branch_is_told_that_its_clone_is_missing(
    world: World, deployed: Deployed, branch_deployment: Callable[..., None]
) -> None:
    leave(world, 7, DROPPING)
    branch_deployment(7, "feature/7")
    with pytest.raises(CloneMissing, match="missing"):
        HeldWarehouse(schemas=BASES).schema("analytics")
    assert world.environments().of(Branch(key=BranchKey(number=7))) is None
