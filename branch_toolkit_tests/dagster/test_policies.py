"""Policies through the real sensors and jobs: who gets an environment, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from branch_toolkit import Policy
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.mark import BUILDING, encode
from branch_toolkit.core.policy import Forks, ProvisionOn
from branch_toolkit.warehouses.memory import MemorySchema
from branch_toolkit_tests.dagster.conftest import CLEANUP, PROVISION, Deployed, failure
from branch_toolkit_tests.dagster.memory import World

DAY = timedelta(days=1)
Deploy = Callable[..., Deployed]


def pull_request(number: int, **changes: Any) -> Branch:
    return replace(
        Branch(key=BranchKey(number=number), name=f"feature/{number}", sha="a" * 40), **changes
    )


def now() -> datetime:
    return datetime.now(tz=timezone.utc)


def test_a_fork_gets_no_environment_and_the_sensor_says_why(
    world: World, deployed: Deployed
) -> None:
    world.branches = [pull_request(42, fork=True)]
    result = deployed.tick(PROVISION)
    assert not result.run_requests
    assert "leave pr_42: it comes from a fork, which the policy denies" in result.skip_message


def test_a_fork_gets_empty_tables_where_the_policy_says_so_and_keeps_them_in_a_refresh(
    world: World, deploy: Deploy
) -> None:
    deployed = deploy(policy=Policy(forks=Forks.SCHEMA_ONLY))
    world.branches = [pull_request(42, fork=True), pull_request(43)]
    deployed.live_through_tick()
    assert world.rows("analytics__pr_42", "orders") == []
    assert world.rows("analytics__pr_43", "orders") == [1, 2]
    assert deployed.run("refresh_branch", {"pull_request": 42}).success
    assert world.rows("analytics__pr_42", "orders") == []


def test_a_label_asks_for_an_environment_and_taking_it_off_does_not_take_that_away(
    world: World, deploy: Deploy
) -> None:
    deployed = deploy(policy=Policy(provision_on=ProvisionOn.LABEL, provision_label="data"))
    world.branches = [pull_request(42)]
    assert deployed.live_through_tick() == []
    world.branches = [pull_request(42, labels=frozenset({"data"}))]
    deployed.live_through_tick()
    world.branches = [pull_request(42)]
    assert deployed.live_through_tick() == []
    assert world.states() == {"pr_42": "active"}


def test_on_demand_no_sensor_makes_one_but_what_was_made_by_hand_is_cleaned_up(
    world: World, deploy: Deploy
) -> None:
    deployed = deploy(policy=Policy(provision_on=ProvisionOn.DEMAND))
    world.branches = [pull_request(42)]
    assert deployed.live_through_tick() == []
    assert deployed.run("provision_branch", {"pull_request": 42}).success
    world.close(42)
    deployed.live_through_tick()
    assert world.states() == {"pr_42": "retired"}


def test_an_idle_environment_is_retired_and_a_push_brings_it_back_with_its_data(
    world: World, deploy: Deploy
) -> None:
    deployed = deploy(policy=Policy(idle_after=5 * DAY))
    branch = pull_request(42)
    world.branches = [branch]
    world.environments().provision(branch, now=now() - 6 * DAY)
    world.warehouse.held["analytics__pr_42"].tables["orders"].append({"id": 9})
    [request] = deployed.live_through_tick()
    assert request.job_name == "retire_branch"
    [environment] = world.environments().inventory().environments
    assert (environment.cause, environment.retired_sha) == (Cause.IDLE, "a" * 40)
    assert deployed.live_through_tick() == []
    world.branches = [replace(branch, sha="b" * 40)]
    [request] = deployed.live_through_tick()
    assert request.job_name == "restore_branch"
    assert world.rows("analytics__pr_42", "orders") == [1, 2, 9]
    assert deployed.live_through_tick() == []


@pytest.mark.parametrize("meanwhile", ["used", "kept"])
def test_what_is_used_or_kept_after_the_decision_stays(
    world: World, deploy: Deploy, meanwhile: str
) -> None:
    deployed = deploy(policy=Policy(idle_after=5 * DAY))
    branch = pull_request(42)
    world.branches = [branch]
    world.environments().provision(branch, now=now() - 6 * DAY)
    [request] = deployed.tick(CLEANUP).run_requests
    [environment] = world.environments().inventory().environments
    if meanwhile == "used":
        world.environments().record_use(environment, now=now())
    else:
        world.environments().keep("pr_42", until=now() + DAY)
    assert deployed.execute(request).success
    assert world.states() == {"pr_42": "active"}


def test_a_refresh_keeps_the_lease(world: World, deployed: Deployed) -> None:
    world.provide(42)
    assert deployed.run("keep_branch", {"environment": "pr_42", "days": 2}).success
    assert deployed.run("refresh_branch", {"pull_request": 42}).success
    [environment] = world.environments().inventory().environments
    assert environment.is_kept(now=now() + DAY)


def test_what_was_retired_by_hand_stays_so_until_it_is_asked_for(
    world: World, deployed: Deployed
) -> None:
    world.branches = [pull_request(42)]
    deployed.live_through_tick()
    assert deployed.run("retire_branch", {"environment": "pr_42"}).success
    assert deployed.live_through_tick() == []
    assert deployed.run("provision_branch", {"pull_request": 42}).success
    assert world.states() == {"pr_42": "active"}


def test_a_lease_puts_off_the_end_of_a_merged_branchs_environment(
    world: World, deployed: Deployed
) -> None:
    world.provide(42)
    assert deployed.run("keep_branch", {"environment": "pr_42", "days": 2}).success
    world.close(42)
    assert deployed.live_through_tick() == []
    assert "asked to be kept until" in deployed.tick(CLEANUP).skip_message
    assert deployed.run("keep_branch", {"environment": "pr_42", "days": 0}).success
    deployed.live_through_tick()
    assert world.states() == {"pr_42": "retired"}


def test_a_lease_of_something_retired_puts_off_its_drop(world: World, deploy: Deploy) -> None:
    deployed = deploy(policy=Policy(grace=timedelta(0)))
    world.provide(42)
    world.close(42)
    deployed.live_through_tick()
    assert deployed.run("keep_branch", {"environment": "pr_42", "days": 1}).success
    assert deployed.live_through_tick() == []
    assert world.states() == {"pr_42": "retired"}


@pytest.mark.parametrize("days", [-1, 31])
def test_a_lease_beyond_the_policy_is_refused(
    world: World, deployed: Deployed, days: float
) -> None:
    world.provide(42)
    result = deployed.run("keep_branch", {"environment": "pr_42", "days": days})
    assert "the policy allows 30" in failure(result).user_failure_data.description


def test_beyond_the_quota_the_least_recently_used_goes_and_comes_back_by_a_push(
    world: World, deploy: Deploy
) -> None:
    deployed = deploy(policy=Policy(max_environments=2))
    branches = [pull_request(number) for number in (1, 2, 3)]
    world.branches = branches
    for days, branch in zip((3, 2), branches, strict=False):
        world.environments().provision(branch, now=now() - days * DAY)
    deployed.live_through_tick()
    assert world.states() == {"pr_1": "retired", "pr_2": "active", "pr_3": "active"}
    assert deployed.live_through_tick() == []
    world.branches = [replace(branches[0], sha="b" * 40), *branches[1:]]
    deployed.live_through_tick()
    assert world.states() == {"pr_1": "active", "pr_2": "retired", "pr_3": "active"}


@pytest.mark.parametrize(
    ("state", "grace"), [("merged", timedelta(hours=1)), ("closed", timedelta(days=9))]
)
def test_the_grace_period_may_differ_after_a_merge_and_after_a_close(
    world: World, deploy: Deploy, state: str, grace: timedelta
) -> None:
    policy = Policy(grace_after_merge=timedelta(hours=1), grace_after_close=timedelta(days=9))
    deployed = deploy(policy=policy)
    world.provide(42)
    [branch] = world.branches
    world.branches = [replace(branch, state=type(branch.state)(state))]
    deployed.live_through_tick()
    [environment] = world.environments().inventory().environments
    mark = environment.clones[0].mark
    assert mark.drop_after is not None
    assert mark.retired_at is not None
    assert mark.drop_after - mark.retired_at == grace
    assert environment.cause is Cause(state)


def test_what_a_killed_run_has_left_is_cleared_though_no_environment_is_left(
    world: World, deployed: Deployed
) -> None:
    world.provide(42)
    [environment] = world.environments().inventory().environments
    for clone in environment.clones:
        half = clone.mark.half(BUILDING, name=f"{clone.name}__building")
        world.warehouse.held[half.clone] = MemorySchema(comment=encode(half))
        del world.warehouse.held[clone.name]
    world.branches = []
    [request] = deployed.tick(CLEANUP).run_requests
    assert (request.job_name, request.tags["branch_toolkit/environment"]) == (
        "sweep_branches",
        "pr_42",
    )
    assert deployed.execute(request).success
    assert set(world.warehouse.held) == {"analytics", "staging"}
    assert deployed.live_through_tick() == []
