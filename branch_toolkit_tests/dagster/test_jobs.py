"""The jobs, as a person launches them: what they do, what they show, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy.engine import make_url

from branch_toolkit import Policy, PostgresWarehouse, StaticBranches, build_branch_defs
from branch_toolkit.core import errors
from branch_toolkit.core.branch import BranchState
from branch_toolkit.core.plan import Note
from branch_toolkit_tests.contract.harness import PostgresHarness
from branch_toolkit_tests.dagster.conftest import Deployed, attempts, failure, metadata, plain
from branch_toolkit_tests.dagster.memory import World, definitions

JOBS = [
    "provision_branch",
    "refresh_branch",
    "retire_branch",
    "restore_branch",
    "sweep_branches",
]
PERMANENT = [
    errors.MissingRight("The role lacks a right.", remedy="GRANT it."),
    errors.CloneFailed("Postgres refused it.", remedy="Mend it."),
    errors.BaseSchemaNotFound("analytics", database="dwh", found=[]),
    errors.SchemaNotOwned("analytics__pr_42", reason="it carries no mark"),
    errors.HazardNotAllowed("It deletes.", remedy="Use the other verb."),
]
TRANSIENT = [
    errors.BaseBusy("A lock was not had.", remedy="Wait."),
    errors.WarehouseUnavailable("It is down.", remedy="Start it."),
    errors.EnvironmentBusy("Another run works on it.", remedy="Wait."),
    errors.StalePlan("It changed.", remedy="Plan again."),
]


def told(result: dg.ExecuteInProcessResult) -> str:
    """What a failed run says at first sight."""
    data = failure(result).user_failure_data
    assert data is not None, failure(result).error
    return str(data.description)


class TestProvision:
    def test_it_makes_the_clones_and_shows_what_it_did(
        self, world: World, deployed: Deployed
    ) -> None:
        before = world.base()
        result = deployed.run("provision_branch", {"pull_request": 42})
        assert result.success
        assert world.states() == {"pr_42": "active"}
        assert world.base() == before
        shown = metadata(result)
        assert shown["summary"].startswith("provision pr_42: done in ")
        assert shown["summary"].endswith("schemas analytics__pr_42, staging__pr_42")
        assert shown["environment"] == "pr_42"
        assert shown["applied"] is True
        assert shown["statements"].startswith("```sql\n")
        assert "not cloned" not in shown
        assert [(r["schema"], r["table"], r["rows"]) for r in shown["tables"]] == [
            ("analytics__pr_42", "orders", "2"),
            ("staging__pr_42", "raw", "1"),
        ]
        assert shown["other objects"] == "create: 2 schemas; mark: 2 schemas"

    def test_what_is_not_cloned_is_shown_and_warned_of(
        self, world: World, deployed: Deployed, capfd: pytest.CaptureFixture[str]
    ) -> None:
        world.warehouse.notes = (Note("analytics: table secret", "a policy hides rows of it"),)
        result = deployed.run("provision_branch", {"pull_request": 42})
        expected = "- **analytics: table secret**: a policy hides rows of it"
        assert metadata(result)["not cloned"] == expected
        lines = capfd.readouterr().err.splitlines()
        assert any("WARNING" in each and "a policy hides rows" in each for each in lines)

    def test_again_it_changes_nothing_and_says_so(self, world: World, deployed: Deployed) -> None:
        deployed.run("provision_branch", {"pull_request": 42})
        before = dict(world.warehouse.held)
        result = deployed.run("provision_branch", {"pull_request": 42})
        assert world.warehouse.held == before
        shown = metadata(result)
        assert shown["summary"] == "provision pr_42: nothing to do, it is as it should be"
        assert shown["applied"] is False
        assert "statements" not in shown

    def test_it_restores_what_was_retired(self, world: World, deployed: Deployed) -> None:
        world.provide(42)
        world.warehouse.held["analytics__pr_42"].tables["orders"].append({"id": 99})
        deployed.run("retire_branch", {"environment": "pr_42"})
        result = deployed.run("provision_branch", {"pull_request": 42})
        assert world.states() == {"pr_42": "active"}
        assert world.rows("analytics__pr_42", "orders") == [1, 2, 99]
        assert metadata(result)["applied"] is True

    def test_its_run_is_tagged_though_it_was_launched_by_hand(
        self, world: World, deployed: Deployed
    ) -> None:
        result = deployed.run("provision_branch", {"pull_request": 42, "branch": "feature/x"})
        run = deployed.instance.get_run_by_id(result.run_id)
        assert run
        assert run.tags["branch_toolkit/environment"] == "pr_42"
        assert run.tags["branch_toolkit/branch"] == "#42 (feature/x)"

    @pytest.mark.parametrize("job", ["provision_branch", "refresh_branch"])
    def test_in_base_it_has_to_be_told_which_branch(
        self, world: World, deployed: Deployed, job: str
    ) -> None:
        result = deployed.run(job)
        assert not result.success
        assert "this is no branch deployment that would know its own" in told(result)
        assert "Fill in `pull_request` or `branch`." in told(result)
        assert world.states() == {}

    def test_a_name_that_names_nothing_is_refused_with_a_remedy(
        self, world: World, deployed: Deployed
    ) -> None:
        result = deployed.run("provision_branch", {"branch": "---"})
        assert "has no letter or digit to name a schema by" in told(result)
        assert attempts(result) == 1


class TestRefresh:
    def test_it_takes_bases_state_again_and_shows_that_something_was_dropped(
        self, world: World, deployed: Deployed
    ) -> None:
        world.provide(42)
        world.warehouse.held["analytics__pr_42"].tables["orders"].append({"id": 99})
        world.warehouse.held["analytics"].tables["orders"].append({"id": 3})
        result = deployed.run("refresh_branch", {"pull_request": 42})
        assert world.rows("analytics__pr_42", "orders") == [1, 2, 3]
        assert metadata(result)["summary"].startswith("refresh pr_42: done in ")
        assert metadata(result)["other objects"].startswith("drop: 2 schemas; create: 2 schemas")

    def test_without_an_environment_it_makes_one(self, world: World, deployed: Deployed) -> None:
        assert deployed.run("refresh_branch", {"pull_request": 42}).success
        assert world.states() == {"pr_42": "active"}

    def test_a_refresh_that_fails_keeps_what_the_branch_had(
        self, world: World, deployed: Deployed
    ) -> None:
        world.provide(42)
        world.warehouse.held["analytics__pr_42"].tables["orders"].append({"id": 99})
        del world.warehouse.held["staging"]
        result = deployed.run("refresh_branch", {"pull_request": 42})
        assert "Base schema 'staging' does not exist" in told(result)
        assert world.rows("analytics__pr_42", "orders") == [1, 2, 99]


class TestRetireAndRestore:
    @pytest.fixture(autouse=True)
    def _provisioned(self, world: World) -> None:
        world.provide(42)

    def test_retire_sets_aside_with_the_reason_and_the_policys_grace(
        self, world: World, deployed: Deployed
    ) -> None:
        config = {"environment": "pr_42", "reason": "it is no longer needed"}
        result = deployed.run("retire_branch", config)
        assert metadata(result)["summary"].startswith("retire pr_42: done in ")
        [environment] = world.environments().inventory().environments
        assert environment.retired_because == "it is no longer needed"
        [retired_at] = {clone.mark.retired_at for clone in environment.clones}
        assert retired_at
        assert environment.drop_after == retired_at + timedelta(days=3)
        assert world.rows("analytics__pr_42", "orders") == [1, 2]

    def test_the_launchpads_grace_goes_before_the_policys(
        self, world: World, deployed: Deployed
    ) -> None:
        deployed.run("retire_branch", {"environment": "pr_42", "grace_hours": 1.5})
        [environment] = world.environments().inventory().environments
        [mark, _] = [clone.mark for clone in environment.clones]
        assert mark.retired_at
        assert environment.drop_after == mark.retired_at + timedelta(minutes=90)

    def test_restore_brings_it_back(self, world: World, deployed: Deployed) -> None:
        deployed.run("retire_branch", {"environment": "pr_42"})
        result = deployed.run("restore_branch", {"environment": "pr_42"})
        assert metadata(result)["summary"].startswith("restore pr_42: done in ")
        assert world.states() == {"pr_42": "active"}

    @pytest.mark.parametrize("job", ["retire_branch", "restore_branch"])
    def test_twice_is_once(self, world: World, deployed: Deployed, job: str) -> None:
        deployed.run(job, {"environment": "pr_42"})
        states = world.states()
        result = deployed.run(job, {"environment": "pr_42"})
        assert "nothing to do" in metadata(result)["summary"]
        assert world.states() == states

    @pytest.mark.parametrize("job", ["retire_branch", "restore_branch"])
    def test_a_name_that_is_not_there_fails_with_those_that_are(
        self, deployed: Deployed, job: str
    ) -> None:
        result = deployed.run(job, {"environment": "pr_41"})
        assert "There is no environment 'pr_41' in this warehouse (there are: pr_42)" in told(
            result
        )
        assert attempts(result) == 1

    # timedelta would raise OverflowError, which is not ours: retried for minutes, without a remedy.
    @pytest.mark.parametrize("hours", [1e12, float("inf")])
    def test_an_absurd_grace_is_refused_once_and_by_name(
        self, deployed: Deployed, hours: float
    ) -> None:
        result = deployed.run("retire_branch", {"environment": "pr_42", "grace_hours": hours})
        assert "grace_hours" in str(failure(result))
        assert attempts(result) == 1

    def test_the_grace_of_a_retired_environment_can_be_shortened(
        self, world: World, deployed: Deployed
    ) -> None:
        deployed.run("retire_branch", {"environment": "pr_42"})
        deployed.run("retire_branch", {"environment": "pr_42", "grace_hours": 0})
        world.close(42)
        deployed.run("sweep_branches")
        assert world.states() == {}


class TestSweep:
    @pytest.fixture
    def deployed(self, deploy: Callable[..., Deployed], world: World) -> Deployed:
        deployed = deploy(policy=Policy(grace=timedelta(0)))
        world.provide(1, 2, 3)
        return deployed

    def test_it_retires_what_has_ended_then_drops_it_and_shows_every_decision(
        self, world: World, deployed: Deployed
    ) -> None:
        world.close(1)
        shown = metadata(deployed.run("sweep_branches"))
        assert [(r["environment"], r["decision"]) for r in shown["decisions"]] == [
            ("pr_1", "retire"),
            ("pr_2", "keep"),
            ("pr_3", "keep"),
        ]
        assert shown["decisions"][0]["because"] == "the branch was closed"
        assert shown["decisions"][1]["outcome"] == "kept"
        assert shown["branches"] == 3
        assert shown["left alone"] == "none"
        assert world.environments().inventory().find("pr_1").retired_because == (
            "the branch was closed"
        )
        shown = metadata(deployed.run("sweep_branches"))
        assert shown["decisions"][0]["decision"] == "drop"
        assert "drop pr_1: done" in shown["decisions"][0]["outcome"]
        assert world.states() == {"pr_2": "active", "pr_3": "active"}

    def test_told_of_one_environment_it_leaves_the_others(
        self, world: World, deployed: Deployed
    ) -> None:
        world.close(1, 2)
        deployed.run("sweep_branches", {"environment": "pr_2"})
        assert world.states() == {"pr_1": "active", "pr_2": "retired", "pr_3": "active"}

    def test_a_name_that_is_not_there_is_not_passed_over_in_silence(
        self, deployed: Deployed
    ) -> None:
        result = deployed.run("sweep_branches", {"environment": "pr_22"})
        assert not result.success or "pr_22" in str(metadata(result))

    # `reconcile` caps the drops before the op picks the one that it was told of, and
    # the cap lets others through every minute; a run that starts in another minute than its tick
    # keeps what it was asked to drop. A sweep of one environment needs no cap.
    def test_told_of_one_environment_it_does_not_let_others_go_first(
        self, world: World, deploy: Callable[..., Deployed]
    ) -> None:
        deployed = deploy(policy=Policy(grace=timedelta(0), max_drops=1))
        world.provide(1, 2)
        world.close(1, 2)
        deployed.run("sweep_branches")
        for name in ("pr_1", "pr_2"):
            shown = metadata(deployed.run("sweep_branches", {"environment": name, "dry_run": True}))
            assert [record["decision"] for record in shown["decisions"]] == ["drop"]

    def test_it_asks_the_source_again_so_that_a_stale_request_drops_nothing(
        self, world: World, deployed: Deployed
    ) -> None:
        world.close(1)
        deployed.run("sweep_branches")
        world.open(1)
        deployed.run("sweep_branches", {"environment": "pr_1"})
        assert world.states()["pr_1"] == "retired"

    def test_what_it_does_not_know_it_keeps(self, world: World, deployed: Deployed) -> None:
        world.branches, world.complete = [], False
        world.say(BranchState.UNKNOWN, 1)
        shown = metadata(deployed.run("sweep_branches"))
        assert {record["decision"] for record in shown["decisions"]} == {"keep"}

    def test_marks_that_prove_nothing_are_listed_and_left_alone(
        self, world: World, deployed: Deployed
    ) -> None:
        held = world.warehouse.held
        held["stolen"] = held["analytics__pr_1"]
        held["staging__pr_2"].comment = str(held["staging__pr_2"].comment).replace("2026", "2025")
        world.branches = []
        shown = metadata(deployed.run("sweep_branches"))
        assert {record["schema"] for record in shown["left alone"]} == {"stolen", "staging__pr_2"}
        assert {"stolen", "staging__pr_2"} <= set(held)

    @pytest.fixture
    def one_in_use(self, world: World, deployed: Deployed) -> dg.ExecuteInProcessResult:
        """A sweep that may drop three, of which the first cannot be."""
        world.close(1, 2, 3)
        deployed.run("sweep_branches")

        def in_use(plan: Any) -> None:
            if plan.environment == "pr_1":
                raise errors.SchemaInUse("analytics__pr_1", dependents=["view public.report"])

        world.warehouse.before_apply = in_use
        return deployed.run("sweep_branches")

    def test_one_that_cannot_be_dropped_keeps_none_of_the_others(
        self, world: World, one_in_use: dg.ExecuteInProcessResult
    ) -> None:
        assert world.states() == {"pr_1": "retired"}

    def test_a_sweep_of_which_one_failed_fails_and_says_which(
        self, one_in_use: dg.ExecuteInProcessResult
    ) -> None:
        assert not one_in_use.success
        assert "Schema 'analytics__pr_1' was not dropped" in told(one_in_use)
        assert "view public.report" in told(one_in_use)
        assert attempts(one_in_use) == 1

    def test_a_sweep_of_which_one_failed_still_shows_every_decision(
        self, one_in_use: dg.ExecuteInProcessResult
    ) -> None:
        shown = plain(failure(one_in_use).user_failure_data.metadata)
        assert [record["environment"] for record in shown["decisions"]] == ["pr_1", "pr_2", "pr_3"]

    def test_a_sweep_of_which_two_failed_tells_of_both(
        self, world: World, deployed: Deployed
    ) -> None:
        world.close(1, 2, 3)

        def fail(plan: Any) -> None:
            if plan.environment != "pr_3":
                raise errors.CloneFailed(f"{plan.environment} is broken.", remedy="Mend it.")

        world.warehouse.before_apply = fail
        result = deployed.run("sweep_branches")
        assert world.states() == {"pr_1": "active", "pr_2": "active", "pr_3": "retired"}
        assert told(result).startswith("2 of 3 failed. ")
        assert "pr_1 is broken." in told(result)
        assert "pr_2 is broken." in told(result)
        shown = plain(failure(result).user_failure_data.metadata)
        assert [r["outcome"] for r in shown["decisions"]][:2] == [
            "pr_1 is broken. Mend it.",
            "pr_2 is broken. Mend it.",
        ]

    def test_two_sweeps_at_once_both_succeed(self, world: World, deployed: Deployed) -> None:
        world.close(1)
        deployed.run("sweep_branches")

        def drop_first() -> None:
            world.on_snapshot = lambda: None
            assert deployed.run("sweep_branches").success

        world.on_snapshot = drop_first
        result = deployed.run("sweep_branches")
        assert world.states() == {"pr_2": "active", "pr_3": "active"}
        assert result.success, told(result)

    def test_a_branch_that_is_restored_meanwhile_is_kept_and_no_failure(
        self, world: World, deployed: Deployed
    ) -> None:
        world.close(1)
        deployed.run("sweep_branches")

        def restore() -> None:
            world.on_snapshot = lambda: None
            assert deployed.run("restore_branch", {"environment": "pr_1"}).success

        world.on_snapshot = restore
        result = deployed.run("sweep_branches")
        assert world.states()["pr_1"] == "active"
        assert result.success, told(result)

    def test_an_error_of_the_source_changes_nothing(
        self, world: World, deploy: Callable[..., Deployed]
    ) -> None:
        deployed = deploy()
        world.provide(1)
        world.close(1)

        def fail() -> None:
            raise errors.BranchSourceUnavailable("The forge is down.", remedy="Wait for it.")

        world.on_snapshot = fail
        result = deployed.run("sweep_branches")
        assert told(result) == "The forge is down. Wait for it."
        assert attempts(result) == 4
        assert world.states() == {"pr_1": "active"}


class TestDryRun:
    @pytest.mark.parametrize(
        ("job", "config"),
        [
            ("provision_branch", {"pull_request": 7}),
            ("refresh_branch", {"pull_request": 1}),
            ("retire_branch", {"environment": "pr_1"}),
            ("restore_branch", {"environment": "pr_2"}),
            ("provision_branch", {"pull_request": 2}),
        ],
    )
    def test_it_shows_the_table_and_the_statements_and_changes_nothing(
        self, world: World, deployed: Deployed, job: str, config: dict[str, Any]
    ) -> None:
        world.provide(1, 2)
        deployed.run("retire_branch", {"environment": "pr_2"})
        before = dict(world.warehouse.held)
        result = deployed.run(job, {**config, "dry_run": True})
        assert result.success
        assert world.warehouse.held == before
        shown = metadata(result)
        assert "would be done (dry run)" in shown["summary"]
        assert shown["applied"] is False
        assert shown["other objects"]
        assert "```sql" in shown["statements"]
        if job == "refresh_branch" or config == {"pull_request": 7}:
            found = [(r["table"], r["rows"], r["seconds"]) for r in shown["tables"]]
            assert found == [("orders", "2", ""), ("raw", "1", "")]

    def test_of_a_sweep_it_shows_the_decisions_and_changes_nothing(
        self, world: World, deploy: Callable[..., Deployed]
    ) -> None:
        deployed = deploy(policy=Policy(grace=timedelta(0)))
        world.provide(1, 2)
        deployed.run("retire_branch", {"environment": "pr_2"})
        world.close(1, 2)
        before = dict(world.warehouse.held)
        shown = metadata(deployed.run("sweep_branches", {"dry_run": True}))
        assert world.warehouse.held == before
        assert shown["dry_run"] is True
        assert [(r["environment"], r["decision"]) for r in shown["decisions"]] == [
            ("pr_1", "retire"),
            ("pr_2", "drop"),
        ]
        assert all("would be done (dry run)" in r["outcome"] for r in shown["decisions"])


class TestLaunchpad:
    @pytest.mark.parametrize("job", JOBS)
    def test_every_field_is_described_and_has_a_default_where_one_is_sensible(
        self, deployed: Deployed, job: str
    ) -> None:
        definition = deployed.definitions.resolve_job_def(job)
        [node] = definition.nodes
        fields = node.definition.config_schema.config_type.fields  # type: ignore[attr-defined]
        assert "dry_run" in fields
        for name, field in fields.items():
            assert field.description, name
            required = job in ("retire_branch", "restore_branch") and name == "environment"
            assert field.is_required == required, name

    @pytest.mark.parametrize("job", JOBS)
    def test_every_job_and_op_is_described(self, deployed: Deployed, job: str) -> None:
        definition = deployed.definitions.resolve_job_def(job)
        assert definition.description
        assert all(node.definition.description for node in definition.nodes)

    @pytest.mark.parametrize(
        ("job", "config", "named"),
        [
            ("provision_branch", {"pull_request": "42; DROP"}, "pull_request"),
            ("provision_branch", {"pr": 42}, "pr"),
            ("retire_branch", {}, "environment"),
        ],
    )
    def test_what_is_not_of_the_forms_type_is_refused_before_a_run_is_made(
        self,
        world: World,
        deployed: Deployed,
        job: str,
        config: dict[str, Any],
        named: str,
    ) -> None:
        with pytest.raises(Exception, match=named):
            deployed.run(job, config)
        assert world.opened == 0


class TestRetries:
    # Dagster's Launchpad knows no bounds, so what pydantic refuses would fail when the step has
    # begun, by no Failure of ours: tried four times within minutes.
    @pytest.mark.parametrize(
        ("job", "config"),
        [
            ("provision_branch", {"pull_request": 0}),
            ("refresh_branch", {"pull_request": -1}),
            ("retire_branch", {"environment": "pr_1", "grace_hours": -1}),
        ],
        ids=str,
    )
    def test_a_number_out_of_range_is_refused_once(
        self, world: World, deployed: Deployed, job: str, config: dict[str, Any]
    ) -> None:
        result = deployed.run(job, config)
        assert not result.success
        assert attempts(result) == 1

    @pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
    def test_what_will_not_pass_is_tried_once(
        self, world: World, deployed: Deployed, error: Exception
    ) -> None:
        def fail(_plan: object) -> None:
            raise error

        world.warehouse.before_apply = fail
        result = deployed.run("provision_branch", {"pull_request": 42})
        assert attempts(result) == 1
        assert told(result) == str(error)
        shown = plain(failure(result).user_failure_data.metadata)
        assert shown == {"problem": error.problem, "remedy": error.remedy}  # type: ignore[attr-defined]

    @pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
    def test_what_may_pass_is_tried_again_until_it_has(
        self, world: World, deployed: Deployed, error: Exception
    ) -> None:
        # A plan that is stale is made anew ten times within one attempt.
        tries = 10 if isinstance(error, errors.StalePlan) else 1
        left = [error] * 2 * tries

        def fail(_plan: object) -> None:
            if left:
                raise left.pop()

        world.warehouse.before_apply = fail
        result = deployed.run("provision_branch", {"pull_request": 42})
        assert result.success
        assert attempts(result) == 3
        assert world.states() == {"pr_42": "active"}

    def test_what_does_not_pass_is_given_up_in_the_end_and_nothing_is_left_behind(
        self, world: World, deployed: Deployed
    ) -> None:
        def fail(_plan: object) -> None:
            raise TRANSIENT[0]

        world.warehouse.before_apply = fail
        result = deployed.run("provision_branch", {"pull_request": 42})
        assert attempts(result) == 4
        assert told(result) == str(TRANSIENT[0])
        assert world.states() == {}

    @pytest.mark.parametrize("job", JOBS)
    def test_every_job_retries_three_times_with_a_growing_delay(self, job: str) -> None:
        [node] = definitions().resolve_job_def(job).nodes
        policy = node.definition.retry_policy  # type: ignore[attr-defined]
        assert policy.max_retries == 3
        assert policy.backoff is dg.Backoff.EXPONENTIAL
        assert policy.jitter is not None


class TestBranchDeployment:
    @pytest.fixture
    def in_branch(
        self, world: World, deployed: Deployed, branch_deployment: Callable[..., None]
    ) -> Deployed:
        """The branch deployment of pull request 42, beside one of 7."""
        world.provide(7)
        branch_deployment(42, "feature/42")
        return deployed

    def test_an_empty_form_provisions_its_own_environment(
        self, world: World, in_branch: Deployed
    ) -> None:
        result = in_branch.run("provision_branch")
        assert metadata(result)["environment"] == "pr_42"
        assert world.states() == {"pr_42": "active", "pr_7": "active"}

    def test_without_a_pull_request_it_is_its_branch_by_name(
        self, world: World, deployed: Deployed, branch_deployment: Callable[..., None]
    ) -> None:
        branch_deployment(None, "feature/login")
        assert deployed.run("provision_branch").success
        [environment] = world.environments().inventory().environments
        assert environment.branch == "feature/login"

    def test_its_own_number_is_its_own_environment_too(
        self, world: World, in_branch: Deployed
    ) -> None:
        assert in_branch.run("provision_branch", {"pull_request": 42}).success
        assert in_branch.run("refresh_branch", {"pull_request": 42}).success

    # Plain git, which knows names only, would else take the branch for gone.
    @pytest.mark.parametrize("config", [{}, {"pull_request": 42}], ids=str)
    def test_what_the_deployment_knows_of_its_branch_is_in_the_mark(
        self, world: World, in_branch: Deployed, config: dict[str, Any]
    ) -> None:
        in_branch.run("provision_branch", config)
        assert world.environments().inventory().find("pr_42").branch == "feature/42"

    @pytest.mark.parametrize(
        ("job", "config"),
        [
            ("provision_branch", {"pull_request": 7}),
            ("provision_branch", {"branch": "feature/42"}),
            ("provision_branch", {"pull_request": 42, "repository": "other/x"}),
            ("refresh_branch", {"pull_request": 7}),
            ("retire_branch", {"environment": "pr_7"}),
            ("restore_branch", {"environment": "pr_7"}),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_anothers_environment_is_refused(
        self,
        world: World,
        deploy: Callable[..., Deployed],
        branch_deployment: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
        job: str,
        config: dict[str, Any],
        dry_run: bool,
    ) -> None:
        deployed = deploy(repository="acme/pipelines")
        world.provide(7)
        monkeypatch.setenv("DAGSTER_CLOUD_GIT_REPO", "acme/pipelines")
        branch_deployment(42, "feature/42")
        before = dict(world.warehouse.held)
        result = deployed.run(job, {**config, "dry_run": dry_run})
        assert "This is the branch deployment of 'pr_42'; it may not work on " in told(result)
        assert "in the base deployment." in told(result)
        assert world.warehouse.held == before
        assert attempts(result) == 1

    def test_its_own_environment_can_be_retired_and_restored(
        self, world: World, in_branch: Deployed
    ) -> None:
        in_branch.run("provision_branch")
        in_branch.run("retire_branch", {"environment": "pr_42"})
        assert world.states() == {"pr_42": "retired", "pr_7": "active"}
        in_branch.run("restore_branch", {"environment": "pr_42"})
        assert world.states() == {"pr_42": "active", "pr_7": "active"}

    @pytest.mark.parametrize("config", [{}, {"environment": "pr_42"}, {"dry_run": True}], ids=str)
    def test_it_never_sweeps_not_even_itself(
        self, world: World, in_branch: Deployed, config: dict[str, Any]
    ) -> None:
        in_branch.run("provision_branch")
        asked: list[int] = []
        world.on_snapshot = lambda: asked.append(1)
        result = in_branch.run("sweep_branches", config)
        assert "sweeps run in the base deployment only" in told(result)
        assert world.states() == {"pr_42": "active", "pr_7": "active"}
        assert asked == []

    @pytest.mark.parametrize("job", JOBS)
    def test_a_deployment_that_cannot_be_told_does_nothing(
        self,
        world: World,
        deployed: Deployed,
        branch_deployment: Callable[..., None],
        job: str,
    ) -> None:
        world.provide(7)
        before = dict(world.warehouse.held)
        branch_deployment(None, None)
        config = {
            "provision_branch": {"pull_request": 8},
            "refresh_branch": {"pull_request": 7},
            "sweep_branches": {},
        }.get(job, {"environment": "pr_7"})
        result = deployed.run(job, config)
        assert "there is no telling which branch it is" in told(result)
        assert world.warehouse.held == before
        assert attempts(result) == 1


SECRET = "s3cr3t-Pa55word"


class TestSecrets:
    """On a real database: the password is nowhere that a person or a store could see it."""

    @pytest.fixture
    def url(self, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
        role = "keeper_" + str(make_url(database).database)[-4:]
        harness = PostgresHarness(database)
        harness._run(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{SECRET}'")
        harness.create("analytics", {"orders": [1, 2]})
        monkeypatch.setenv("PGPASSWORD", "another")
        url = make_url(database).set(username=role, password=SECRET)
        return url.render_as_string(hide_password=False)

    @pytest.fixture
    def on_postgres(
        self,
        url: str,
        instance: dg.DagsterInstance,
        monkeypatch: pytest.MonkeyPatch,
        no_delay: None,
    ) -> Deployed:
        monkeypatch.setenv("WAREHOUSE_URL", url)
        defs = build_branch_defs(
            warehouse=PostgresWarehouse(url=dg.EnvVar("WAREHOUSE_URL"), schemas=["analytics"]),
            branches=StaticBranches(open_pull_requests={"1": "a"}),
            policy=Policy(grace=timedelta(0)),
        )
        return Deployed(defs, instance)

    @pytest.fixture
    def everything_said(
        self, on_postgres: Deployed, capfd: pytest.CaptureFixture[str], caplog: Any
    ) -> Callable[[], str]:
        """All that was written anywhere until now."""

        def gather() -> str:
            instance = on_postgres.instance
            runs = instance.get_runs()
            records = [record for run in runs for record in instance.all_logs(run.run_id)]
            snapshots = [
                instance.get_job_snapshot(str(run.job_snapshot_id))
                for run in runs
                if run.job_snapshot_id
            ]
            shown = [*runs, *[run.tags for run in runs], *records, *snapshots]
            texts = [text for each in shown for text in (repr(each), dg.serialize_value(each))]
            out, err = capfd.readouterr()
            return "\n".join([*texts, out, err, caplog.text, repr(on_postgres.definitions)])

        return gather

    def test_no_verb_says_the_password(
        self, on_postgres: Deployed, everything_said: Callable[[], str]
    ) -> None:
        for job, config in [
            ("provision_branch", {"pull_request": 1}),
            ("refresh_branch", {"pull_request": 1}),
            ("provision_branch", {"pull_request": 2}),
            ("retire_branch", {"environment": "pr_2"}),
            ("restore_branch", {"environment": "pr_2"}),
            ("sweep_branches", {}),
            ("sweep_branches", {}),
            ("retire_branch", {"environment": "nonsense"}),
        ]:
            result = on_postgres.run(job, config)
            assert result.success == (config.get("environment") != "nonsense"), (job, config)
        said = everything_said()
        assert "provision_branch" in said
        assert SECRET not in said

    @pytest.mark.parametrize("job", JOBS)
    def test_a_refused_login_says_neither_the_right_nor_the_wrong_password(
        self,
        on_postgres: Deployed,
        url: str,
        monkeypatch: pytest.MonkeyPatch,
        everything_said: Callable[[], str],
        job: str,
    ) -> None:
        monkeypatch.setenv("WAREHOUSE_URL", url.replace(SECRET, f"wr0ng-{SECRET}"))
        config = {"environment": "pr_1"} if job.startswith("re") else {}
        config = {"pull_request": 1} if job in ("provision_branch", "refresh_branch") else config
        result = on_postgres.run(job, config)
        assert not result.success
        assert "Check the user and the password in the URL." in told(result)
        assert SECRET not in everything_said()

    @pytest.mark.parametrize(
        "write",
        [
            lambda url: url.replace(SECRET, f"p@{SECRET}"),
            lambda url: url.replace(SECRET, f"p@x:{SECRET}"),
            lambda url: url.replace(SECRET, f"p@x/{SECRET}"),
            lambda url: url.replace(SECRET, f"p#{SECRET}"),
            lambda url: url.replace(SECRET, f"p/{SECRET}"),
            lambda url: url.replace("postgresql", "mysql", 1),
            lambda url: url.replace("://", ":", 1),
            lambda url: url.replace(SECRET, "wrong") + "?password=" + SECRET + "&user=nobody",
            lambda url: url.replace("5432", "port").replace("@127", ":x@127"),
        ],
        ids=[
            "unescaped @",
            "unescaped @ and :",
            "unescaped @ and /",
            "unescaped #",
            "unescaped /",
            "another database's",
            "not a URL",
            "as an option",
            "not a number for a port",
        ],
    )
    # With an unescaped \"@\" the rest of the password becomes the host, the port or the database.
    def test_a_password_that_was_not_escaped_is_not_repeated(
        self,
        on_postgres: Deployed,
        url: str,
        monkeypatch: pytest.MonkeyPatch,
        everything_said: Callable[[], str],
        write: Callable[[str], str],
    ) -> None:
        monkeypatch.setenv("WAREHOUSE_URL", write(url))
        result = on_postgres.run("provision_branch", {"pull_request": 1})
        assert not result.success
        said = everything_said()
        assert SECRET not in said
        assert told(result)

    def test_a_variable_that_is_not_set_is_named(
        self, on_postgres: Deployed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WAREHOUSE_URL")
        with pytest.raises(Exception, match="WAREHOUSE_URL"):
            on_postgres.run("provision_branch", {"pull_request": 1})
