"""Outputs through the real jobs and sensors: a branch's files come and go with its environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest

from branch_toolkit import OutputStore, Policy, build_branch_defs
from branch_toolkit.core.output import OutputContext
from branch_toolkit_tests.dagster.conftest import CLEANUP, Deployed, metadata
from branch_toolkit_tests.dagster.memory import BASES, HeldWarehouse, ToldBranches, World

NO_GRACE = Policy(grace=timedelta(0))


@pytest.fixture
def store(tmp_path: Path) -> OutputStore:
    production = tmp_path / "files"
    production.mkdir()
    (production / "kept.txt").write_text("production's")
    return OutputStore(url=production.as_uri(), warehouse=HeldWarehouse(schemas=BASES))


@pytest.fixture
def deployed(
    world: World, instance: dg.DagsterInstance, no_delay: None, store: OutputStore
) -> Deployed:
    made = build_branch_defs(
        warehouse=HeldWarehouse(schemas=BASES),
        branches=ToldBranches(),
        outputs=[store],
        policy=NO_GRACE,
    )
    return Deployed(made, instance)


def test_files_of_a_branch_go_when_it_is_closed_and_productions_stay(
    world: World,
    deployed: Deployed,
    store: OutputStore,
    tmp_path: Path,
    branch_deployment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.open(42)
    deployed.live_through_tick()
    with monkeypatch.context() as context:
        context.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
        context.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", "42")
        path = Path(str(store.path("report.txt").path))
        path.write_text("the branch's")
    assert path.is_relative_to(tmp_path / "branches_of_files")
    world.close(42)
    deployed.live_through_tick()
    assert path.exists()
    deployed.live_through_tick()
    assert not path.exists()
    assert world.states() == {}
    assert [found.name for found in (tmp_path / "files").iterdir()] == ["kept.txt"]


def test_a_prefix_that_was_made_after_the_environment_ended_is_left_alone(
    world: World, deployed: Deployed, store: OutputStore, tmp_path: Path
) -> None:
    world.open(42)
    deployed.live_through_tick()
    [environment] = world.environments().inventory().environments
    context = OutputContext.of(environment, now=datetime.now(tz=timezone.utc))
    [line] = store.drop(replace(context, retired_at=environment.created_at - timedelta(hours=1)))
    assert "was left alone because it was made for an environment that came after" in line
    assert list((tmp_path / "branches_of_files").rglob(".branch_toolkit.json"))


def test_a_run_shows_what_became_of_the_outputs(world: World, deployed: Deployed) -> None:
    world.open(42)
    [request] = deployed.tick("branch_provision_sensor").run_requests
    shown = metadata(deployed.execute(request))
    assert "pr_42" in shown["other outputs"]


def test_what_has_lost_its_environment_is_found_by_the_daily_sweep(
    world: World, deployed: Deployed, tmp_path: Path
) -> None:
    world.open(42)
    deployed.live_through_tick()
    # Somebody has dropped the clones by hand, and the branch has been closed.
    for name in ("analytics__pr_42", "staging__pr_42"):
        del world.warehouse.held[name]
    world.branches = []
    sweeps = [request.run_key for request in deployed.tick(CLEANUP).run_requests or ()]
    assert sweeps == [], "today's was asked for already"
    for _ in ("set aside", "dropped"):
        assert deployed.run("sweep_branches").success
    assert not list((tmp_path / "branches_of_files").rglob("pr_42"))


def test_a_sweep_of_everything_is_asked_for_once_a_day_and_only_where_there_are_outputs(
    world: World, deployed: Deployed, instance: dg.DagsterInstance
) -> None:
    first = deployed.tick(CLEANUP)
    assert [request.job_name for request in first.run_requests] == ["sweep_branches"]
    assert not deployed.tick(CLEANUP).run_requests
    without = Deployed(
        build_branch_defs(warehouse=HeldWarehouse(schemas=BASES), branches=ToldBranches()),
        instance,
    )
    assert not without.tick(CLEANUP).run_requests
