"""The sensors decide and never act; what they ask for leads to the state that is wanted."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import (
    InProcessTestWorkspaceLoadTarget,
    create_test_daemon_workspace_context,
    freeze_time,
    instance_for_test,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._time import get_current_datetime
from sqlalchemy import text

from branch_toolkit import GitRemoteBranches, Policy, jobs, pending, sensors
from branch_toolkit.core.branch import Branch, BranchKey, BranchState, Project
from branch_toolkit.core.errors import (
    BranchSourceUnavailable,
    BranchToolkitError,
    InvalidDeployment,
    SchemaInUse,
    WarehouseUnavailable,
)
from branch_toolkit.observing import observe
from branch_toolkit.pending import decode_pending
from branch_toolkit_tests.dagster import memory
from branch_toolkit_tests.dagster.conftest import CLEANUP, PROVISION, RUN_KEY, Deployed
from branch_toolkit_tests.dagster.memory import World, definitions, worlds

BOTH = [PROVISION, CLEANUP]
NO_GRACE = Policy(grace=timedelta(0))
ACTIVE = ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"]
LOCATION = InProcessCodeLocationOrigin(
    LoadableTargetOrigin(
        executable_path=sys.executable, module_name=memory.MODULE, attribute="defs"
    ),
    location_name="it",
)
ENDED = ["SUCCESS", "FAILURE", "CANCELED"]


def requests(result: Any) -> list[dg.RunRequest]:
    return list(result.run_requests or ())


def add_run(deployed: Deployed, request: dg.RunRequest, status: str) -> str:
    """A run as the daemon makes it of a request, without executing it."""
    job = str(request.job_name)
    run = dg.DagsterRun(
        job_name=job,
        run_config=request.run_config,
        tags={**request.tags, RUN_KEY: str(request.run_key)},
        status=dg.DagsterRunStatus[status],
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(LOCATION, "it"), job),
    )
    return deployed.instance.add_run(run).run_id


class TestFixedPoint:
    """One tick and its runs, and the next tick has nothing left to ask for."""

    def test_open_branches_have_environments_after_one_tick(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(1, 2, 3)
        before = world.base()
        asked = deployed.live_through_tick()
        assert [request.job_name for request in asked] == ["provision_branch"] * 3
        assert world.states() == {"pr_1": "active", "pr_2": "active", "pr_3": "active"}
        assert deployed.live_through_tick() == []
        assert world.base() == before

    @pytest.mark.parametrize("state", [BranchState.MERGED, BranchState.CLOSED])
    def test_an_ended_branch_is_retired_and_kept_for_the_grace_period(
        self, world: World, deployed: Deployed, state: BranchState
    ) -> None:
        world.open(1)
        deployed.live_through_tick()
        world.say(state, 1)
        [asked] = deployed.live_through_tick()
        assert asked.job_name == "retire_branch"
        assert world.states() == {"pr_1": "retired"}
        assert deployed.live_through_tick() == []
        assert world.rows("analytics__pr_1", "orders") == [1, 2]

    def test_a_branch_that_is_gone_is_retired_and_after_the_grace_period_dropped(
        self, world: World, deploy: Callable[..., Deployed]
    ) -> None:
        deployed = deploy(policy=NO_GRACE)
        before = world.base()
        world.open(1, 2)
        deployed.live_through_tick()
        world.branches = world.branches[1:]
        asked = [[request.job_name for request in deployed.live_through_tick()] for _ in range(3)]
        assert asked == [["retire_branch"], ["sweep_branches"], []]
        assert world.states() == {"pr_2": "active"}
        assert world.base() == before

    def test_a_reopened_branch_gets_its_data_back(self, world: World, deployed: Deployed) -> None:
        world.open(1)
        deployed.live_through_tick()
        world.warehouse.held["analytics__pr_1"].tables["orders"].append({"id": 99})
        world.close(1)
        deployed.live_through_tick()
        world.open(1)
        [asked] = deployed.live_through_tick()
        assert asked.job_name == "restore_branch"
        assert world.states() == {"pr_1": "active"}
        assert world.rows("analytics__pr_1", "orders") == [1, 2, 99]
        assert deployed.live_through_tick() == []

    def test_an_environment_that_lacks_a_schema_gets_it_and_keeps_its_data(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(1)
        deployed.live_through_tick()
        assert deployed.live_through_tick() == []
        world.warehouse.held["analytics__pr_1"].tables["orders"].append({"id": 99})
        del world.warehouse.held["staging__pr_1"]
        [asked] = deployed.live_through_tick()
        assert asked.job_name == "provision_branch"
        assert world.rows("staging__pr_1", "raw") == [3]
        assert world.rows("analytics__pr_1", "orders") == [1, 2, 99]
        assert deployed.live_through_tick() == []

    @pytest.mark.parametrize(
        ("key", "name", "repository"),
        [
            (BranchKey(number=7), None, None),
            (BranchKey(number=7), "feature/x", "acme/pipelines"),
            (BranchKey(number=7), "feature/x", "https://github.com/Acme/Pipelines.git"),
            (BranchKey(number=7), "feature/x", "other/fork"),
            (BranchKey(name="feature/x"), "feature/x", "other/fork"),
            (BranchKey(name="feature/x"), None, None),
            (BranchKey(name="Ünï-ЖЖ 1"), "Ünï-ЖЖ 1", "git@github.com:acme/pipelines.git"),
            (BranchKey(name="x" * 200), "x" * 200, None),
            (BranchKey(name="{{ x }}: ${y} 'z' \"q\" #!"), None, None),
        ],
        ids=str,
    )
    def test_the_run_makes_the_environment_that_its_tag_names_whatever_the_branch_is_called(
        self,
        world: World,
        deploy: Callable[..., Deployed],
        key: BranchKey,
        name: str | None,
        repository: str | None,
    ) -> None:
        deployed = deploy(repository="acme/pipelines")
        world.branches = [Branch(key=key, name=name, repository=repository)]
        [asked] = deployed.live_through_tick()
        project = Project(repository="acme/pipelines")
        [environment] = world.environments(project).inventory().environments
        assert environment.name == asked.tags["branch_toolkit/environment"]
        assert deployed.live_through_tick() == []

    def test_plain_git_that_knows_only_names_mends_the_environment_of_a_pull_request(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(42)
        deployed.live_through_tick()
        world.branches = [Branch(key=BranchKey(name="feature/42"), name="feature/42")]
        assert deployed.live_through_tick() == []
        del world.warehouse.held["staging__pr_42"]
        deployed.live_through_tick()
        assert sorted(world.warehouse.held) == sorted(
            ["analytics", "staging", "analytics__pr_42", "staging__pr_42"]
        )


class TestRequests:
    def test_a_run_is_tagged_with_its_branch_its_environment_and_why(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(42)
        [asked] = requests(deployed.tick(PROVISION))
        assert asked.tags["branch_toolkit/branch"] == "#42 (feature/42)"
        assert asked.tags["branch_toolkit/environment"] == "pr_42"
        assert asked.tags["branch_toolkit/reason"] == "the branch is open"
        run = deployed.instance.get_run_by_id(deployed.execute(asked).run_id)
        assert run
        assert asked.tags.items() <= run.tags.items()

    def test_all_requests_of_an_environment_carry_the_same_tags(
        self, world: World, deploy: Callable[..., Deployed]
    ) -> None:
        deployed = deploy(policy=NO_GRACE)
        world.open(42)
        asked = deployed.live_through_tick()
        for change in (world.close, world.open, world.close):
            change(42)
            asked += deployed.live_through_tick()
        asked += deployed.live_through_tick()
        assert [request.job_name for request in asked] == [
            "provision_branch",
            "retire_branch",
            "restore_branch",
            "retire_branch",
            "sweep_branches",
        ]
        assert {request.tags["branch_toolkit/environment"] for request in asked} == {"pr_42"}
        assert {request.tags["branch_toolkit/branch"] for request in asked} == {"#42 (feature/42)"}

    def test_a_sensor_changes_nothing(self, world: World, deployed: Deployed) -> None:
        world.provide(1)
        world.close(1)
        world.open(2)
        before = world.states()

        def refuse(_plan: object) -> None:
            raise AssertionError("a sensor acted")

        world.warehouse.before_apply = refuse
        assert requests(deployed.tick(PROVISION))
        assert requests(deployed.tick(CLEANUP))
        assert world.states() == before

    def test_one_environment_is_asked_for_once_though_two_branches_are_one(
        self, world: World, deployed: Deployed
    ) -> None:
        # Two branch names on the head commit of one pull request, as `git ls-remote` sees them.
        world.branches = [
            Branch(key=BranchKey(number=7), name="feature/x"),
            Branch(key=BranchKey(number=7), name="backup-of-x"),
        ]
        assert len(requests(deployed.tick(PROVISION))) == 1


class TestAskingAgain:
    def test_a_tick_that_is_evaluated_twice_from_one_cursor_asks_under_one_run_key(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(1)
        deployed.tick(PROVISION)
        deployed.pass_back_off()
        [first], [second] = (requests(deployed.evaluate(PROVISION)) for _ in range(2))
        assert first.run_key == second.run_key

    def test_a_first_tick_whose_cursor_was_lost_waits_for_the_run_that_it_asked_for(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(1)
        [asked] = requests(deployed.evaluate(PROVISION))
        add_run(deployed, asked, "QUEUED")
        assert requests(deployed.evaluate(PROVISION)) == []

    @pytest.mark.parametrize("status", ENDED)
    def test_what_a_run_left_undone_is_asked_for_under_a_new_key_after_the_back_off(
        self, world: World, deployed: Deployed, status: str
    ) -> None:
        world.open(1)
        keys = []
        for _ in range(4):
            [asked] = requests(deployed.tick(PROVISION))
            keys.append(asked.run_key)
            add_run(deployed, asked, status)
            in_between = deployed.tick(PROVISION)
            assert requests(in_between) == []
            assert "provision/pr_1: asked for" in str(in_between.skip_message)
            deployed.pass_back_off()
        assert len(set(keys)) == 4

    def test_a_run_that_really_failed_is_followed_by_one_that_succeeds(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(1)

        def fail(_plan: object) -> None:
            raise BranchToolkitError("It is broken.", remedy="Mend it.")

        world.warehouse.before_apply = fail
        [asked] = requests(deployed.tick(PROVISION))
        assert not deployed.execute(asked).success
        assert requests(deployed.tick(PROVISION)) == []
        world.warehouse.before_apply = lambda _plan: None
        deployed.pass_back_off()
        deployed.live_through_tick()
        assert world.states() == {"pr_1": "active"}
        assert decode_pending(deployed.tick(PROVISION).cursor) == {}

    @pytest.mark.parametrize("status", ACTIVE)
    def test_while_a_run_works_on_it_nothing_is_asked_for_and_the_run_is_named(
        self, world: World, deployed: Deployed, status: str
    ) -> None:
        world.open(1)
        [asked] = requests(deployed.tick(PROVISION))
        run_id = add_run(deployed, asked, status)
        deployed.pass_back_off()
        result = deployed.tick(PROVISION)
        assert requests(result) == []
        assert result.skip_message == f"Waiting: provision/pr_1: run {run_id} works on it"

    def test_a_run_is_named_within_the_back_off_too(self, world: World, deployed: Deployed) -> None:
        world.open(1)
        [asked] = requests(deployed.tick(PROVISION))
        run_id = add_run(deployed, asked, "STARTED")
        assert run_id in str(deployed.tick(PROVISION).skip_message)

    # Dagster leaves such a run STARTED for ever unless run monitoring is on; by default it is off.
    def test_a_run_whose_worker_was_killed_yesterday_does_not_block_for_ever(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(1)
        run = dg.DagsterRun(
            job_name="provision_branch",
            tags={"branch_toolkit/environment": "pr_1"},
            status=dg.DagsterRunStatus.STARTED,
        )
        deployed.instance.add_run(run)
        storage: Any = deployed.instance.run_storage
        with storage.connect() as connection:
            connection.execute(text("UPDATE runs SET update_timestamp = '2026-01-01 00:00:00'"))
        assert len(requests(deployed.tick(PROVISION))) == 1

    def test_a_run_of_the_other_sensor_is_waited_for_too(
        self, world: World, deployed: Deployed
    ) -> None:
        world.provide(1)
        world.close(1)
        [retiring] = requests(deployed.tick(CLEANUP))
        deployed.execute(retiring)
        world.open(1)
        add_run(deployed, retiring, "STARTED")
        assert requests(deployed.tick(PROVISION)) == []

    def test_a_run_launched_by_hand_is_waited_for_too(
        self, world: World, deployed: Deployed
    ) -> None:
        world.provide(1)
        seen: dict[str, str] = {}

        def look(_plan: object) -> None:
            [run] = deployed.instance.get_runs(
                filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
            )
            seen.update(run.tags)

        world.warehouse.before_apply = look
        assert deployed.run("retire_branch", {"environment": "pr_1"}).success
        assert seen["branch_toolkit/environment"] == "pr_1"

    def test_the_waiting_of_one_does_not_hold_up_the_others(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(1)
        deployed.tick(PROVISION)
        world.open(2)
        [asked] = requests(deployed.tick(PROVISION))
        assert asked.tags["branch_toolkit/environment"] == "pr_2"

    def test_those_that_cannot_be_dropped_do_not_keep_the_others_from_it(
        self,
        world: World,
        deploy: Callable[..., Deployed],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        deployed = deploy(policy=Policy(grace=timedelta(0), max_drops=1))
        world.provide(1, 2)
        world.close(1, 2)
        deployed.live_through_tick()

        def in_use(plan: Any) -> None:
            if plan.environment == "pr_1":
                raise SchemaInUse("analytics__pr_1", dependents=["view public.report"])

        world.warehouse.before_apply = in_use
        start = datetime.now(tz=timezone.utc)
        for minute in range(4):
            now = start + timedelta(minutes=minute)
            clock = type("Clock", (datetime,), {"now": classmethod(lambda cls, tz, now=now: now)})
            monkeypatch.setattr(sensors, "datetime", clock)
            monkeypatch.setattr(jobs, "_now", lambda now=now: now)
            for request in requests(deployed.tick(CLEANUP)):
                deployed.execute(request)
            deployed.pass_back_off()
        assert world.states() == {"pr_1": "retired"}

    @pytest.mark.parametrize(
        "cursor",
        [
            None,
            "garbage",
            '{"version": 0, "pending": {"provision/pr_1": ["x", 1, null]}}',
        ],
    )
    @pytest.mark.parametrize("sensor", BOTH)
    def test_a_cursor_that_cannot_be_read_is_written_anew(
        self, world: World, deployed: Deployed, cursor: str | None, sensor: str
    ) -> None:
        world.provide(1)
        world.open(2)
        world.close(1)
        deployed.cursors[sensor] = cursor
        result = deployed.tick(sensor)
        assert len(requests(result)) == 1
        assert len(decode_pending(result.cursor)) == 1

    def test_what_has_come_about_is_forgotten(self, world: World, deployed: Deployed) -> None:
        world.open(1)
        deployed.live_through_tick()
        assert len(decode_pending(deployed.cursors[PROVISION])) == 1
        deployed.tick(PROVISION)
        assert decode_pending(deployed.cursors[PROVISION]) == {}


class TestNotKnowing:
    """Not knowing means keeping, and saying why."""

    @pytest.fixture
    def with_two(self, world: World, deployed: Deployed) -> Deployed:
        world.provide(1, 2)
        return deployed

    def test_an_incomplete_answer_retires_nothing_and_says_why(
        self, world: World, with_two: Deployed
    ) -> None:
        world.branches, world.complete, world.note = [], False, "the page was full"
        result = with_two.tick(CLEANUP)
        assert requests(result) == []
        assert "the forge did not tell of every open branch" in str(result.skip_message)
        assert "the page was full" in str(result.skip_message)

    def test_what_an_incomplete_answer_does_say_is_believed(
        self, world: World, with_two: Deployed
    ) -> None:
        world.branches, world.complete = [], False
        world.close(1)
        world.open(3)
        asked = [r.tags["branch_toolkit/environment"] for r in requests(with_two.tick(CLEANUP))]
        asked += [r.tags["branch_toolkit/environment"] for r in requests(with_two.tick(PROVISION))]
        assert asked == ["pr_1", "pr_3"]

    @pytest.mark.parametrize("sensor", BOTH)
    def test_an_error_of_the_source_fails_the_tick_with_its_remedy_and_keeps_the_cursor(
        self, world: World, with_two: Deployed, sensor: str
    ) -> None:
        def fail() -> None:
            raise BranchSourceUnavailable("The forge is down.", remedy="Wait for it.")

        with_two.tick(sensor)
        cursor = with_two.cursors[sensor]
        world.on_snapshot = fail
        with pytest.raises(BranchSourceUnavailable, match=r"The forge is down. Wait for it."):
            with_two.tick(sensor)
        assert with_two.cursors[sensor] == cursor
        assert world.states() == {"pr_1": "active", "pr_2": "active"}

    @pytest.mark.parametrize("sensor", BOTH)
    def test_an_error_of_the_warehouse_fails_the_tick_with_its_remedy(
        self, world: World, with_two: Deployed, sensor: str
    ) -> None:
        def fail() -> None:
            raise WarehouseUnavailable("The warehouse is down.", remedy="Start it.")

        world.on_open = fail
        with pytest.raises(WarehouseUnavailable, match=r"The warehouse is down. Start it."):
            with_two.tick(sensor)

    def test_a_branch_of_unknown_state_is_kept(self, world: World, with_two: Deployed) -> None:
        world.say(BranchState.UNKNOWN, 1)
        world.say(BranchState.UNKNOWN, 3)
        cleanup, provision = with_two.tick(CLEANUP), with_two.tick(PROVISION)
        assert requests(cleanup) == requests(provision) == []
        assert "the forge does not say whether the branch is open" in str(cleanup.skip_message)

    def test_too_many_retirements_at_once_are_none_and_the_reason_says_what_to_do(
        self, world: World, deployed: Deployed
    ) -> None:
        world.open(*range(1, 11))
        deployed.live_through_tick()
        world.branches = world.branches[:4]
        result = deployed.tick(CLEANUP)
        assert requests(result) == []
        assert "6 of 10 environments would be retired at once" in str(result.skip_message)
        assert "check the branch source" in str(result.skip_message)
        assert "max_retired_share" in str(result.skip_message)

    def test_another_projects_environment_is_not_even_looked_at(
        self, world: World, deployed: Deployed
    ) -> None:
        theirs = world.environments(Project(name="theirs"))
        theirs.provision(Branch(key=BranchKey(number=9)), now=datetime.now(tz=timezone.utc))
        before = dict(world.warehouse.held)
        assert deployed.live_through_tick() == []
        assert world.warehouse.held == before


class TestPlainGit:
    """A remote tells of heads, and of pull requests by number; not of what belongs together."""

    @pytest.fixture
    def git(self, tmp_path: Path) -> Callable[..., None]:
        def git(*arguments: str) -> None:
            identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
            command = ["git", "-C", str(tmp_path), *identity, *arguments]
            subprocess.run(command, check=True, capture_output=True)

        git("init", "-b", "main")
        git("commit", "--allow-empty", "-m", "1")
        git("checkout", "-b", "feature/41")
        git("commit", "--allow-empty", "-m", "2")
        git("update-ref", "refs/pull/41/head", "feature/41")
        return git

    def decide(self, world: World, tmp_path: Path) -> list[str]:
        now = datetime.now(tz=timezone.utc)
        # What is checked out would be taken for the remote's default branch.
        subprocess.run(["git", "-C", str(tmp_path), "checkout", "--quiet", "main"], check=True)
        source = GitRemoteBranches(url=str(tmp_path))
        actions = observe(world.environments(), source, Policy(), now=now).actions
        return [action.verb.value for action in actions if action.environment]

    def test_of_two_pull_requests_of_one_head_neither_is_gone(
        self, world: World, git: Callable[..., None], tmp_path: Path
    ) -> None:
        world.provide(41)
        assert self.decide(world, tmp_path) == ["keep"]
        git("update-ref", "refs/pull/42/head", "feature/41")
        assert self.decide(world, tmp_path) == ["keep"]

    # Launched in base with `pull_request` alone, the mark has no branch name, and while GitHub's
    # refs/pull/N/head lags behind a push nothing pairs them.
    def test_an_environment_without_a_name_is_not_gone_while_its_pull_requests_ref_lags(
        self, world: World, git: Callable[..., None], tmp_path: Path
    ) -> None:
        now = datetime.now(tz=timezone.utc)
        world.environments().provision(Branch(key=BranchKey(number=41)), now=now)
        git("commit", "--allow-empty", "-m", "3")
        assert self.decide(world, tmp_path) == ["keep"]


class TestBranchDeployment:
    @pytest.mark.parametrize("sensor", BOTH)
    def test_in_a_branch_deployment_the_sensor_says_where_it_belongs(
        self,
        world: World,
        deployed: Deployed,
        branch_deployment: Callable[..., None],
        sensor: str,
    ) -> None:
        world.open(1)
        branch_deployment()
        result = deployed.tick(sensor)
        assert requests(result) == []
        assert "switch this sensor on there and off here" in str(result.skip_message)
        assert world.opened == 0

    @pytest.mark.parametrize("sensor", BOTH)
    def test_a_deployment_that_cannot_be_told_fails_the_tick(
        self,
        world: World,
        deployed: Deployed,
        branch_deployment: Callable[..., None],
        sensor: str,
    ) -> None:
        branch_deployment(None, None)
        with pytest.raises(InvalidDeployment, match="there is no telling which branch it is"):
            deployed.tick(sensor)
        assert world.opened == 0


class TestMany:
    @pytest.fixture
    def counted(self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """The instance's queries for runs."""
        calls: list[Any] = []
        for name in ("get_runs", "get_run_records", "get_run_ids"):
            original = getattr(instance, name)

            def counting(*args: Any, _original: Any = original, **options: Any) -> Any:
                calls.append((args, options))
                return _original(*args, **options)

            monkeypatch.setattr(instance, name, counting)
        return calls

    @pytest.fixture
    def thousand(self, world: World, deploy: Callable[..., Deployed]) -> Deployed:
        world.fill(1000)
        return deploy(policy=Policy(max_retirements=1000, max_retired_share=1.0))

    @pytest.mark.parametrize("sensor", BOTH)
    def test_a_thousand_environments_give_a_short_reason_and_no_query_of_runs(
        self, thousand: Deployed, counted: list[Any], sensor: str
    ) -> None:
        result = thousand.tick(sensor)
        assert requests(result) == []
        assert len(str(result.skip_message)) < 1000
        assert str(result.skip_message).endswith("and 990 more")
        assert counted == []

    def test_runs_are_queried_once_per_action_at_most(
        self, world: World, thousand: Deployed, counted: list[Any]
    ) -> None:
        world.close(*range(1, 31))
        assert len(requests(thousand.tick(CLEANUP))) == 30
        assert len(counted) <= 30

    def test_a_reason_to_wait_for_many_says_how_many(
        self, world: World, thousand: Deployed
    ) -> None:
        world.close(*range(1, 31))
        thousand.tick(CLEANUP)
        reason = str(thousand.tick(CLEANUP).skip_message)
        assert len(reason) < 2000
        assert reason.endswith("and 20 more")


class TestAtOnce:
    def test_two_sensors_at_once_and_their_runs_lead_to_the_same_state(
        self, world: World, deployed: Deployed
    ) -> None:
        world.provide(1, 2, 3, 4)
        world.close(1, 2)
        world.open(5, 6)
        asked: list[dg.RunRequest] = []
        barrier = threading.Barrier(2)

        def tick(sensor: str) -> None:
            barrier.wait()
            asked.extend(requests(deployed.tick(sensor)))

        threads = [threading.Thread(target=tick, args=[sensor]) for sensor in BOTH]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(asked) == 4
        for request in asked:
            assert deployed.execute(request).success
        assert world.states() == {
            **{f"pr_{number}": "retired" for number in (1, 2)},
            **{f"pr_{number}": "active" for number in (3, 4, 5, 6)},
        }
        assert deployed.live_through_tick() == []

    def test_one_sensor_in_two_deployments_on_one_warehouse_converges(
        self, world: World, deployed: Deployed
    ) -> None:
        with dg.DagsterInstance.ephemeral() as other:
            staging = Deployed(definitions(), other)
            world.open(1)
            [here], [there] = (requests(d.tick(PROVISION)) for d in (deployed, staging))
            assert deployed.execute(here).success
            assert staging.execute(there).success
            assert world.states() == {"pr_1": "active"}
            assert deployed.live_through_tick() == staging.live_through_tick() == []


class TestDaemon:
    """The real daemon, which records run keys and never fires one twice."""

    @pytest.fixture
    def daemon(self, tmp_path: Any) -> Iterator[Callable[[], list[dg.DagsterRun]]]:
        """Ticks both sensors and runs what they ask for; returns the runs of that round."""
        worlds["daemon"] = World()
        synchronous = {
            "module": "dagster._core.launcher.sync_in_memory_run_launcher",
            "class": "SyncInMemoryRunLauncher",
        }
        coordinator = {
            "module": "dagster._core.run_coordinator",
            "class": "DefaultRunCoordinator",
        }
        overrides = {"run_launcher": synchronous, "run_coordinator": coordinator}
        with (
            instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance,
            create_test_daemon_workspace_context(
                InProcessTestWorkspaceLoadTarget(LOCATION), instance
            ) as workspace,
        ):
            times = iter(range(1, 1000))
            start = get_current_datetime()

            def live() -> list[dg.DagsterRun]:
                before = {run.run_id for run in instance.get_runs()}
                # The daemon's clock alone: it lets a minute pass, so that both sensors are due.
                with freeze_time(start + timedelta(minutes=next(times))):
                    list(execute_sensor_iteration(workspace, logging.getLogger(), None, None))
                runs = [run for run in instance.get_runs() if run.run_id not in before]
                return list(reversed(runs))

            yield live
        del worlds["daemon"]

    def test_a_branch_can_be_closed_and_reopened_for_ever(
        self, daemon: Callable[[], list[dg.DagsterRun]]
    ) -> None:
        world = worlds["daemon"]
        world.open(1)
        seen = daemon()
        states = []
        for change in [world.close, world.open, world.close]:
            change(1)
            seen += daemon()
            states.append(world.states()["pr_1"])
        assert states == ["retired", "active", "retired"]
        assert {run.status for run in seen} == {dg.DagsterRunStatus.SUCCESS}
        keys = [run.tags[RUN_KEY] for run in seen]
        assert len(keys) == len(set(keys)) == 4
        assert daemon() == []

    def test_a_failed_run_does_not_use_up_the_occasion(
        self, daemon: Callable[[], list[dg.DagsterRun]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pending, "_FIRST_DELAY", timedelta(0))
        world = worlds["daemon"]
        world.open(1)

        def fail(_plan: object) -> None:
            raise BranchToolkitError("It is broken.", remedy="Mend it.")

        world.warehouse.before_apply = fail
        [failed] = daemon()
        assert failed.status is dg.DagsterRunStatus.FAILURE
        world.warehouse.before_apply = lambda _plan: None
        [again] = daemon()
        assert again.status is dg.DagsterRunStatus.SUCCESS
        assert again.tags[RUN_KEY] != failed.tags[RUN_KEY]
        assert world.states() == {"pr_1": "active"}
