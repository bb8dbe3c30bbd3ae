"""`provision`, `retire`, `restore` and `sweep`: what they do, what they ask, what they refuse."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from branch_toolkit_tests.cli.conftest import Call, document, succeeded
from branch_toolkit_tests.cli.memory_project import World

IN_TEN_DAYS = (datetime.now(tz=timezone.utc) + timedelta(days=10)).date().isoformat()
CHANGING = (
    ["provision", "--pull-request", "9"],
    ["provision", "--pull-request", "1", "--refresh"],
    ["retire", "pr_1"],
    ["restore", "pr_2"],
    ["restore", "--pull-request", "2"],
    ["retire", "--pull-request", "1", "--cause", "merged"],
    ["keep", "pr_1", "--until", IN_TEN_DAYS],
    ["sweep"],
    ["sweep", "pr_1"],
)


@pytest.fixture
def scene(call: Call, world: World) -> World:
    """One environment in use, one retired, one to be dropped; no branch is open."""
    for number in (1, 2, 3):
        succeeded(call("provision", "--pull-request", str(number)))
    succeeded(call("retire", "pr_2", "--yes"))
    succeeded(call("retire", "pr_3", "--grace-hours", "0", "--yes"))
    return world


@pytest.mark.parametrize("arguments", CHANGING, ids=" ".join)
@pytest.mark.parametrize("output", [[], ["--json"]], ids=["text", "json"])
def test_a_dry_run_changes_nothing(
    call: Call, scene: World, arguments: list[str], output: list[str]
) -> None:
    before = copy.deepcopy(scene.warehouse.held)
    result = call(*arguments, "--dry-run", *output)
    assert "dry run" in succeeded(result) or document(result)["dry_run"] is True
    assert scene.warehouse.held == before


@pytest.mark.parametrize("arguments", CHANGING, ids=" ".join)
def test_each_is_done_once_and_then_there_is_nothing_to_do(
    call: Call, scene: World, arguments: list[str]
) -> None:
    asks = "--refresh" in arguments or arguments[0] in ("retire", "sweep")
    yes = ["--yes"] if asks else []
    before = copy.deepcopy(scene.warehouse.held)
    assert "done in" in succeeded(call(*arguments, *yes))
    assert scene.warehouse.held != before
    if "--refresh" not in arguments:
        assert "done in" not in succeeded(call(*arguments, *yes))


def test_provision_makes_the_clones(call: Call, world: World) -> None:
    shown = succeeded(call("provision", "--pull-request", "42"))
    assert shown.startswith("provision pr_42: done in ")
    assert "2 tables, 2 rows" in shown
    assert list(world.warehouse.held["analytics__pr_42"].tables) == ["orders"]
    assert "nothing to do" in succeeded(call("provision", "--pull-request", "42"))


def test_provision_tells_programs_what_was_done(call: Call) -> None:
    report = document(call("provision", "--pull-request", "42", "--json"))
    assert (report["verb"], report["environment"]) == ("provision", "pr_42")
    assert (report["applied"], report["dry_run"]) == (True, False)
    assert {"schema", "object", "action", "rows", "size_bytes", "seconds"} == set(
        report["results"][0]
    )


def test_a_verbose_dry_run_shows_objects_and_statements(call: Call) -> None:
    shown = succeeded(call("provision", "--pull-request", "42", "--dry-run", "-v"))
    assert "schema" in shown
    assert '{"action": "create", "schema": "analytics__pr_42"};' in shown


def test_notes_are_shown(call: Call, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from branch_toolkit.core.plan import Note, Plan

    plan_provision = world.warehouse.plan_provision

    def with_note(*arguments: Any, **options: Any) -> Plan:
        note = Note("staging: view v", "it reads another database")
        return replace(plan_provision(*arguments, **options), notes=(note,))

    monkeypatch.setattr(world.warehouse, "plan_provision", with_note)
    shown = succeeded(call("provision", "--pull-request", "42"))
    assert "note: staging: view v: it reads another database" in shown


def test_provision_by_name_keeps_the_repository(call: Call) -> None:
    succeeded(call("provision", "--branch", "fix", "--branch-repository", "acme/pipelines"))
    (found,) = document(call("list", "--json"))["environments"]
    assert (found["branch"], found["repository"]) == ("fix", "acme/pipelines")


def test_progress_is_told_on_stderr(call: Call) -> None:
    result = call("provision", "--pull-request", "42", "-v")
    assert len(result.stderr.splitlines()) > 2
    assert "orders" in result.stderr
    assert "1/" not in result.stdout


def test_a_refresh_takes_bases_state_again(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "42"))
    world.warehouse.held["analytics__pr_42"].tables["orders"] = []
    succeeded(call("provision", "--pull-request", "42", "--refresh", "--yes"))
    assert len(world.warehouse.held["analytics__pr_42"].tables["orders"]) == 2


def test_retire_and_restore(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "42"))
    succeeded(call("retire", "pr_42", "--reason", "too old", "--yes"))
    (found,) = document(call("list", "--json"))["environments"]
    assert (found["state"], found["retired_because"]) == ("retired", "too old")
    succeeded(call("restore", "pr_42"))
    (found,) = document(call("list", "--json"))["environments"]
    assert (found["state"], found["drop_after"]) == ("active", None)


def test_sweep_retires_and_drops(call: Call, scene: World) -> None:
    scene.close(1)
    result = document(call("sweep", "--yes", "--json"))
    assert [(each["verb"], each["environment"]) for each in result["decisions"]] == [
        ("retire", "pr_1"),
        ("drop", "pr_3"),
        ("keep", "pr_2"),
    ]
    assert result["decisions"][0]["report"]["applied"] is True
    assert result["decisions"][2]["report"] is None
    assert "analytics__pr_3" not in scene.warehouse.held
    assert "analytics__pr_1" in scene.warehouse.held


def test_sweep_of_one_leaves_the_others(call: Call, scene: World) -> None:
    succeeded(call("sweep", "pr_3", "--yes"))
    assert "analytics__pr_3" not in scene.warehouse.held
    states = document(call("list", "--json"))["environments"]
    assert [each["state"] for each in states] == ["active", "retired"]


def test_sweep_leaves_open_branches_to_the_other_sensor(call: Call, scene: World) -> None:
    for number in (2, 3):
        # As if their pull requests had been closed and opened again.
        retired = ["retire", f"pr_{number}", "--cause", "closed", "--grace-hours", "0", "--yes"]
        succeeded(call(*retired))
    for number in (1, 2, 3):
        scene.open_pull_request(number, f"branch-{number}")
    assert succeeded(call("sweep", "--yes")).splitlines() == [
        "keep pr_1: the branch is open",
        "Nothing to do.",
    ]


def test_one_that_cannot_be_dropped_does_not_keep_the_others(
    call: Call, scene: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from branch_toolkit.core.errors import SchemaInUse

    plan_drop = scene.warehouse.plan_drop

    def in_use(environment: str, clones: object) -> object:
        if environment == "pr_2":
            raise SchemaInUse("analytics__pr_2", dependents=["view elsewhere.v"])
        return plan_drop(environment, clones)  # type: ignore[arg-type]

    succeeded(call("restore", "pr_2"))
    succeeded(call("retire", "pr_2", "--grace-hours", "0", "--yes"))
    monkeypatch.setattr(scene.warehouse, "plan_drop", in_use)
    result = call("sweep", "--yes")
    assert result.exit_code == 1
    assert "outside of the environment depend on it" in result.stderr
    assert "analytics__pr_3" not in scene.warehouse.held
    assert "analytics__pr_2" in scene.warehouse.held


@pytest.mark.parametrize(
    "arguments",
    [["retire", "pr_1"], ["sweep"], ["provision", "--pull-request", "1", "--refresh"]],
    ids=" ".join,
)
class TestAsking:
    def test_refuses_where_nobody_can_answer(
        self, call: Call, scene: World, arguments: list[str]
    ) -> None:
        before = copy.deepcopy(scene.warehouse.held)
        result = call(*arguments)
        assert result.exit_code == 2
        assert "Give --yes, or --dry-run" in result.stderr
        assert scene.warehouse.held == before

    @pytest.mark.usefixtures("terminal")
    @pytest.mark.parametrize("answer", ["n\n", "\n"])
    def test_no_is_no(self, call: Call, scene: World, arguments: list[str], answer: str) -> None:
        before = copy.deepcopy(scene.warehouse.held)
        result = call(*arguments, input=answer)
        assert result.exit_code == 1
        assert result.stderr.endswith("Nothing was changed.\n")
        assert result.stdout == ""
        assert scene.warehouse.held == before

    @pytest.mark.usefixtures("terminal")
    def test_yes_is_yes(self, call: Call, scene: World, arguments: list[str]) -> None:
        before = copy.deepcopy(scene.warehouse.held)
        result = call(*arguments, input="y\n")
        assert "done in" in succeeded(result)
        assert "pr_1" in result.stderr
        assert scene.warehouse.held != before

    @pytest.mark.usefixtures("terminal")
    def test_the_end_of_the_input_is_no(
        self, call: Call, scene: World, arguments: list[str]
    ) -> None:
        before = copy.deepcopy(scene.warehouse.held)
        assert call(*arguments, input="").exit_code == 130
        assert scene.warehouse.held == before


@pytest.mark.usefixtures("terminal")
def test_nothing_is_asked_where_there_is_nothing_to_do(call: Call, world: World) -> None:
    assert "There is no environment" in succeeded(call("sweep"))
    succeeded(call("provision", "--pull-request", "7", "--refresh"))
    succeeded(call("retire", "pr_7", "--yes"))
    assert "nothing to do" in succeeded(call("retire", "pr_7"))


@pytest.mark.usefixtures("terminal")
def test_what_changed_while_it_asked_is_not_done(
    call: Call, scene: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reopened(*_arguments: object, **_options: object) -> bool:
        scene.open_pull_request(1, "reopened")
        return True

    monkeypatch.setattr("click.confirm", reopened)
    decisions = document(call("sweep", "--json"))["decisions"]
    done = [(each["verb"], each["environment"]) for each in decisions]
    assert done == [("drop", "pr_3"), ("keep", "pr_1"), ("keep", "pr_2")]


class TestBranchDeployment:
    @pytest.fixture(autouse=True)
    def _in_branch_deployment(self, scene: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
        monkeypatch.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", "1")

    def test_it_knows_its_own_branch(self, call: Call) -> None:
        assert "provision pr_1: nothing to do" in succeeded(call("provision"))

    def test_it_works_on_its_own_environment(self, call: Call) -> None:
        succeeded(call("retire", "pr_1", "--yes"))
        succeeded(call("restore", "pr_1"))
        succeeded(call("retire", "--yes"))
        assert "restore pr_1: done in" in succeeded(call("restore"))

    @pytest.mark.parametrize(
        "arguments",
        [
            ["provision", "--pull-request", "2"],
            ["provision", "--branch", "other"],
            ["retire", "pr_2", "--yes"],
            ["restore", "pr_2"],
            ["keep", "pr_2", "--days", "1"],
            ["sweep", "--yes"],
            ["sweep", "--dry-run"],
        ],
        ids=" ".join,
    )
    def test_it_may_not_work_on_others(
        self, call: Call, scene: World, arguments: list[str]
    ) -> None:
        before = copy.deepcopy(scene.warehouse.held)
        result = call(*arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: This is ")
        assert scene.warehouse.held == before

    def test_an_empty_branch_name_is_not_its_own(self, call: Call) -> None:
        assert call("provision", "--branch", "").exit_code == 1

    def test_a_plan_says_where_it_would_be_executed(self, call: Call) -> None:
        assert "base deployment only" in call("plan").stderr
