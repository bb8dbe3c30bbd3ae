"""Environments by their branch, as CI names them: wrong ids, late calls, and the policy."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from branch_toolkit.core.mark import decode
from branch_toolkit_tests.cli.conftest import Call, document, succeeded
from branch_toolkit_tests.cli.judging import explained, invoke, usage
from branch_toolkit_tests.cli.memory_project import World

VERBS = (
    ["provision"],
    ["own", "orders"],
    ["retire", "--yes"],
    ["restore"],
    ["keep", "--days", "1"],
    ["plan"],
)
BY_ENVIRONMENT = (["retire", "--yes"], ["restore"], ["keep", "--days", "1"])


def _listed(call: Call) -> dict[str, Any]:
    found = document(call("list", "--json"))["environments"]
    return {each["environment"]: each for each in found}


class TestWrongIds:
    @pytest.mark.parametrize("verb", VERBS, ids=" ".join)
    @pytest.mark.parametrize("number", ["abc", "0", "-1", "4_2", "4.0", "٤٢", "#42", "1" * 19])
    def test_a_number_that_no_forge_shows(
        self, call: Call, world: World, verb: list[str], number: str
    ) -> None:
        before = copy.deepcopy(world.warehouse.held)
        usage(call(*verb, f"--pull-request={number}"), "is not a pull request's number", "42")
        assert world.warehouse.held == before

    @pytest.mark.parametrize("verb", VERBS, ids=" ".join)
    def test_a_variable_of_ci_that_is_not_set(self, call: Call, verb: list[str]) -> None:
        usage(call(*verb, "--pull-request="), "where CI gives it by a variable, that is not set")

    @pytest.mark.parametrize("verb", BY_ENVIRONMENT, ids=" ".join)
    def test_an_environment_and_a_branch(self, call: Call, verb: list[str]) -> None:
        usage(call(*verb, "pr_1", "--pull-request", "1"), "Give either ENVIRONMENT (pr_1) or")
        usage(call(*verb, "pr_1", "--branch", "x"), "not both")

    @pytest.mark.parametrize("verb", BY_ENVIRONMENT, ids=" ".join)
    def test_neither(self, call: Call, verb: list[str]) -> None:
        usage(call(*verb), "Which environment?", "--pull-request or --branch")

    @pytest.mark.parametrize("verb", BY_ENVIRONMENT, ids=" ".join)
    def test_the_same_number_of_another_repository(
        self, call: Call, world: World, verb: list[str]
    ) -> None:
        succeeded(call("provision", "--pull-request", "1", "--branch-repository", "acme/one"))
        before = copy.deepcopy(world.warehouse.held)
        result = call(*verb, "--pull-request", "1", "--branch-repository", "acme/two")
        explained(result, "belongs to repository 'acme/one', not to 'acme/two'", "own `project`")
        assert world.warehouse.held == before

    @pytest.mark.parametrize("verb", BY_ENVIRONMENT, ids=" ".join)
    def test_a_number_that_the_deployments_variables_contradict(
        self, call: Call, world: World, verb: list[str]
    ) -> None:
        succeeded(call("provision", "--pull-request", "2"))
        before = copy.deepcopy(world.warehouse.held)
        variables = {
            "BRANCH_TOOLKIT_IS_BRANCH_DEPLOYMENT": "1",
            "BRANCH_TOOLKIT_PULL_REQUEST_ID": "1",
        }
        result = call(*verb, "--pull-request", "2", env=variables)
        explained(result, "the branch deployment of 'pr_1'; it may not work on 'pr_2'")
        assert world.warehouse.held == before

    @pytest.mark.parametrize("verb", BY_ENVIRONMENT, ids=" ".join)
    def test_a_branch_whose_environment_goes_by_its_pull_request(
        self, call: Call, world: World, verb: list[str]
    ) -> None:
        succeeded(call("provision", "--pull-request", "7", "--branch", "feature/login"))
        before = copy.deepcopy(world.warehouse.held)
        result = call(*verb, "--branch", "feature/login")
        explained(result, "there is 'pr_7', made for its pull request", "Give --pull-request 7")
        assert world.warehouse.held == before

    @pytest.mark.parametrize("verb", [["restore"], ["keep", "--days", "1"]], ids=" ".join)
    def test_no_environment_to_restore_or_keep(self, call: Call, verb: list[str]) -> None:
        explained(call(*verb, "--pull-request", "9"), "There is no environment 'pr_9'")


class TestRetire:
    @pytest.mark.parametrize("further", [[], ["--by-policy"], ["--dry-run"]], ids=" ".join)
    def test_it_is_no_error_that_a_branch_has_no_environment(
        self, call: Call, further: list[str]
    ) -> None:
        late = ["retire", "--pull-request", "9", "--cause", "merged", "--yes", *further]
        shown = succeeded(call(*late))
        assert "the branch has no environment, so there is nothing to retire" in shown
        report = document(call(*late, "--json"))
        assert (report["environment"], report["applied"]) == ("pr_9", False)
        assert report["notes"][0]["object"] == "pr_9"

    def test_it_is_one_that_a_name_is_wrong(self, call: Call) -> None:
        explained(call("retire", "pr_9", "--yes"), "There is no environment 'pr_9'")

    @pytest.mark.parametrize("cause", ["merged", "closed"])
    def test_the_cause_is_in_the_mark(self, call: Call, world: World, cause: str) -> None:
        succeeded(call("provision", "--pull-request", "1"))
        options = ["--cause", cause, "--sha", "abc123", "--yes"]
        succeeded(call("retire", "--pull-request", "1", *options))
        mark = decode(world.warehouse.held["analytics__pr_1"].comment)
        assert (mark.cause, mark.sha) == (cause, "abc123")
        assert mark.retired_because == f"the branch was {cause}"

    def test_by_hand_the_cause_is_that_it_was_asked_for(self, call: Call, world: World) -> None:
        succeeded(call("provision", "--pull-request", "1"))
        succeeded(call("retire", "pr_1", "--yes"))
        mark = decode(world.warehouse.held["analytics__pr_1"].comment)
        assert (mark.cause, mark.retired_because) == ("asked", "it was asked for")

    @pytest.mark.parametrize("cause", ["gone", "idle", "open"])
    def test_other_causes_are_for_sensors(self, call: Call, cause: str) -> None:
        usage(call("retire", "pr_1", "--cause", cause, "--yes"), "not one of")

    @pytest.mark.parametrize("arguments", [["pr_1", "--cause", "merged"], ["--pull-request", "1"]])
    def test_by_policy_needs_the_branch_and_its_end(self, call: Call, arguments: list[str]) -> None:
        usage(call("retire", *arguments, "--by-policy", "--yes"), "--by-policy needs --cause")


class TestByPolicy:
    """On definitions whose policy has something to say."""

    @pytest.fixture
    def call(self, world: World, tmp_path: Path) -> Call:
        assert world.branches == []
        file = tmp_path / "definitions.py"
        file.write_text(
            "from datetime import timedelta\n"
            "from branch_toolkit import build_branch_defs, Policy\n"
            "from branch_toolkit_tests.cli.memory_project import HeldWarehouse, ToldBranches\n"
            "policy = Policy(provision_on='label', drafts=False, base_branches=('main',),\n"
            "    protected_branches=('demo/*',), grace_after_merge=timedelta(hours=1),\n"
            "    grace_after_close=timedelta(days=9))\n"
            "defs = build_branch_defs(\n"
            "    warehouse=HeldWarehouse(schemas=['analytics']), branches=ToldBranches(),\n"
            "    policy=policy)\n"
        )
        return lambda *arguments: invoke(*arguments, "-f", str(file))

    def _provision(self, call: Call, *options: str) -> str:
        labelled = ["--labels", "bug, branch-environment", "--base", "main"]
        named = ["--pull-request", "1", "--branch", "work", "--by-policy"]
        return succeeded(call("provision", *named, *labelled, *options))

    def test_a_branch_that_the_policy_wants(self, call: Call, world: World) -> None:
        assert "provision pr_1: done in" in self._provision(call)
        assert "analytics__pr_1" in world.warehouse.held

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["--labels", "bug"], "it does not have the label 'branch-environment'"),
            (["--labels", ""], "it does not have the label"),
            (["--draft", "true"], "it is a draft"),
            (["--base", "release"], "it is to be merged into 'release'"),
            (["--branch", "main"], "the policy ignores branches of that name"),
        ],
    )
    def test_one_that_it_does_not_want(
        self, call: Call, world: World, options: list[str], reason: str
    ) -> None:
        shown = self._provision(call, *options)
        assert f"note: pr_1: {reason}" in shown
        assert list(world.warehouse.held) == ["analytics", "staging"]

    def test_by_hand_any_branch_gets_one(self, call: Call, world: World) -> None:
        succeeded(call("provision", "--pull-request", "1", "--branch", "main"))
        assert "analytics__pr_1" in world.warehouse.held

    def test_what_it_has_is_not_taken_away_by_a_policy(self, call: Call, world: World) -> None:
        self._provision(call)
        assert "nothing to do, it is as it should be" in self._provision(call, "--labels", "bug")
        succeeded(call("retire", "--pull-request", "1", "--cause", "closed", "--yes"))
        self._provision(call, "--labels", "bug")
        assert not decode(world.warehouse.held["analytics__pr_1"].comment).retired

    def test_a_push_brings_back_what_was_asked_to_go(self, call: Call, world: World) -> None:
        self._provision(call)
        succeeded(call("retire", "pr_1", "--sha", "one", "--yes"))
        assert "it was asked for" in self._provision(call, "--sha", "one")
        assert decode(world.warehouse.held["analytics__pr_1"].comment).retired
        self._provision(call, "--sha", "two")
        assert not decode(world.warehouse.held["analytics__pr_1"].comment).retired

    @pytest.mark.parametrize(("cause", "hours"), [("merged", 1), ("closed", 9 * 24)])
    def test_the_grace_period_is_that_of_the_cause(
        self, call: Call, cause: str, hours: int
    ) -> None:
        self._provision(call)
        ended = ["--pull-request", "1", "--cause", cause, "--by-policy", "--yes"]
        assert "retire pr_1: done in" in succeeded(call("retire", *ended))
        found = _listed(call)["pr_1"]
        retired_at = datetime.fromisoformat(found["schemas"][0]["retired_at"])
        drop_after = datetime.fromisoformat(found["drop_after"])
        assert drop_after - retired_at == timedelta(hours=hours)

    def test_what_is_protected_or_kept_stays(self, call: Call, world: World) -> None:
        succeeded(call("provision", "--pull-request", "1", "--branch", "demo/one"))
        succeeded(call("provision", "--pull-request", "2", "--branch", "two"))
        succeeded(call("keep", "pr_2", "--days", "3"))
        reasons = {"1": "the branch is protected", "2": "it was asked to be kept until"}
        for number, reason in reasons.items():
            ended = ["retire", "--pull-request", number, "--cause", "merged", "--yes"]
            assert f"note: pr_{number}: {reason}" in succeeded(call(*ended, "--by-policy"))
            assert _listed(call)[f"pr_{number}"]["state"] == "active"
            assert "done in" in succeeded(call(*ended))

    def test_the_forge_is_not_asked(self, call: Call, world: World) -> None:
        world.snapshot_error = AssertionError("it was asked")
        self._provision(call)
        ended = ["--pull-request", "1", "--cause", "merged", "--by-policy", "--yes"]
        succeeded(call("retire", *ended))

    def test_the_same_number_of_another_repository(self, call: Call, world: World) -> None:
        self._provision(call, "--branch-repository", "acme/one")
        before = copy.deepcopy(world.warehouse.held)
        others = ["--pull-request", "1", "--branch-repository", "acme/two", "--by-policy"]
        explained(call("provision", *others), "belongs to repository 'acme/one'")
        explained(
            call("retire", *others, "--cause", "merged", "--yes"),
            "belongs to repository 'acme/one'",
        )
        assert world.warehouse.held == before


class TestKeep:
    @pytest.fixture(autouse=True)
    def _environment(self, call: Call, world: World) -> None:
        succeeded(call("provision", "--pull-request", "1"))
        assert "analytics__pr_1" in world.warehouse.held

    def test_no_sweep_retires_it_meanwhile(self, call: Call) -> None:
        assert "kept until" in succeeded(call("keep", "--pull-request", "1", "--days", "1.5"))
        assert "keep pr_1: it was asked to be kept until" in succeeded(call("sweep", "--yes"))
        assert "no longer kept" in succeeded(call("keep", "pr_1", "--release"))
        assert "retire pr_1: " in succeeded(call("sweep", "--yes"))

    @pytest.mark.parametrize(
        ("given", "end"),
        [
            ("{day}", "{next}T00:00:00+00:00"),
            ("{day}T12:30", "{day}T12:30:00+00:00"),
            ("{day}T12:30:00+02:00", "{day}T12:30:00+02:00"),
            ("{day}T12:30:00Z", "{day}T12:30:00+00:00"),
        ],
    )
    def test_until_a_day_or_a_time(self, call: Call, given: str, end: str) -> None:
        now = datetime.fromisoformat(_listed(call)["pr_1"]["created_at"])
        days = {
            "day": (now + timedelta(days=5)).date().isoformat(),
            "next": (now + timedelta(days=6)).date().isoformat(),
        }
        succeeded(call("keep", "pr_1", "--until", given.format(**days)))
        found = datetime.fromisoformat(_listed(call)["pr_1"]["keep_until"])
        assert found == datetime.fromisoformat(end.format(**days))

    @pytest.mark.parametrize(
        "options",
        [[], ["--days", "1", "--release"], ["--days", "1", "--until", "2999-01-01"]],
        ids=" ".join,
    )
    def test_one_of_three_is_needed(self, call: Call, options: list[str]) -> None:
        usage(call("keep", "pr_1", *options), "Give one of --days, --until and --release")

    @pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "soon"])
    def test_no_days(self, call: Call, days: str) -> None:
        usage(call("keep", "pr_1", "--days", days))

    @pytest.mark.parametrize("date", ["soon", "2026-13-01", "", "9999-12-31", "12"])
    def test_no_date(self, call: Call, date: str) -> None:
        usage(call("keep", "pr_1", "--until", date), "is no date, such as 2026-12-24")

    def test_a_date_that_is_past(self, call: Call) -> None:
        usage(call("keep", "pr_1", "--until", "2020-02-29"), "is not in the future")

    @pytest.mark.parametrize("option", [["--days", "31"], ["--until", "2999-01-01"]], ids=" ".join)
    def test_longer_than_the_policy_allows(self, call: Call, option: list[str]) -> None:
        explained(call("keep", "pr_1", *option), "the policy allows 30", "raise max_lease")
