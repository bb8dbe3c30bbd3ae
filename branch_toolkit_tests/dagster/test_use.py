"""`last used`: recorded by whoever uses an environment, seldom enough, and never at its expense."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.errors import EnvironmentBusy, MissingRight
from branch_toolkit.core.plan import Plan
from branch_toolkit.verbs import USE_RECORDED_EVERY
from branch_toolkit_tests.dagster.conftest import Deployed
from branch_toolkit_tests.dagster.memory import BASES, HeldWarehouse, World

HOUR = timedelta(hours=1)
BRANCH = Branch(key=BranchKey(number=42), name="feature/42")


def now() -> datetime:
    return datetime.now(tz=timezone.utc)


@pytest.fixture
def warehouse(world: World, branch_deployment: Callable[..., None]) -> HeldWarehouse:
    """In the branch deployment of #42, whose environment nobody has used for an hour."""
    world.environments().provision(BRANCH, now=now() - HOUR)
    branch_deployment()
    return HeldWarehouse(schemas=BASES)


def unused(world: World) -> timedelta:
    [environment] = world.environments().inventory().environments
    return now() - environment.last_used_at


def test_who_asks_for_a_schema_uses_it(world: World, warehouse: HeldWarehouse) -> None:
    assert warehouse.schema("analytics") == "analytics__pr_42"
    assert unused(world) < timedelta(minutes=1)
    # All clones of the environment tell the same.
    used = {
        c.mark.last_used_at for e in world.environments().inventory().environments for c in e.clones
    }
    assert len(used) == 1


def test_use_is_recorded_once_in_a_while(world: World, warehouse: HeldWarehouse) -> None:
    applied: list[Plan] = []
    world.warehouse.before_apply = applied.append
    for _ in range(3):
        warehouse.schema("analytics")
    assert [plan.verb for plan in applied] == ["use"]


@pytest.mark.parametrize("after", [timedelta(0), USE_RECORDED_EVERY - timedelta(seconds=1)])
def test_a_second_use_soon_after_changes_no_mark(world: World, after: timedelta) -> None:
    environments = world.environments()
    environments.provision(BRANCH, now=now())
    [found] = environments.inventory().environments
    assert not environments.record_use(found, now=found.last_used_at + after)
    assert environments.record_use(found, now=found.last_used_at + USE_RECORDED_EVERY)


def test_a_clock_that_goes_back_does_not_make_it_look_unused(world: World) -> None:
    environments = world.environments()
    environments.provision(BRANCH, now=now())
    [before] = environments.inventory().environments
    assert not environments.record_use(before, now=before.last_used_at - HOUR)
    [clone, *_] = before.clones
    assert clone.mark.use(now=before.last_used_at - HOUR) == clone.mark


@pytest.mark.parametrize(
    "error",
    [EnvironmentBusy("A run is at work.", remedy="Wait."), MissingRight("No.", remedy="Grant it.")],
)
def test_a_run_does_not_fail_because_its_use_cannot_be_recorded(
    world: World, warehouse: HeldWarehouse, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_plan: Plan) -> None:
        raise error

    world.warehouse.before_apply = refuse
    with caplog.at_level(logging.WARNING):
        assert warehouse.schema("analytics") == "analytics__pr_42"
    told = "could not be recorded" in caplog.text
    # Somebody at work there is use as well; whatever else keeps it from being recorded is said.
    assert told is isinstance(error, MissingRight)


def test_a_base_deployment_uses_no_environment(world: World) -> None:
    world.environments().provision(BRANCH, now=now() - HOUR)
    assert HeldWarehouse(schemas=BASES).schema("analytics") == "analytics"
    assert unused(world) >= HOUR


def test_a_provision_of_what_is_there_counts_as_use(world: World, deployed: Deployed) -> None:
    world.environments().provision(BRANCH, now=now() - HOUR)
    assert deployed.run("provision_branch", {"pull_request": 42, "dry_run": True}).success
    assert unused(world) >= HOUR
    assert deployed.run("provision_branch", {"pull_request": 42}).success
    assert unused(world) < timedelta(minutes=1)
