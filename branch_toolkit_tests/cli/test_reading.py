"""`list` and `plan`: they say what is there and what would be done, and change nothing."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit.core.mark import encode
from branch_toolkit_tests.cli.conftest import Call, document, succeeded
from branch_toolkit_tests.cli.memory_project import World


def _comments(world: World) -> dict[str, str | None]:
    return {name: schema.comment for name, schema in world.warehouse.held.items()}


def test_list_of_nothing(call: Call) -> None:
    assert succeeded(call("list")) == "There is no environment in this warehouse.\n"


def test_list_shows_every_environment_with_its_state(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "42", "--branch", "feature/login"))
    succeeded(call("provision", "--branch", "old"))
    old = document(call("list", "--json"))["environments"][0]["environment"]
    succeeded(call("retire", old, "--reason", "superseded", "--grace-hours", "48", "--yes"))
    lines = succeeded(call("list")).splitlines()
    columns = ["environment", "branch", "state", "age", "last used", "tables", "size"]
    assert re.split(r" {2,}", lines[0].rstrip()) == [*columns, "why", "next", "when"]
    assert lines[2].split()[:3] == [old, "old", "retired"]
    assert lines[2].split()[-4:] == ["drop", "in", "2", "days"]
    assert "superseded" in lines[2]
    assert lines[3].split()[:4] == ["pr_42", "#42", "(feature/login)", "active"]


def test_verbose_list_shows_the_schemas(call: Call) -> None:
    succeeded(call("provision", "--pull-request", "42"))
    assert "analytics__pr_42" not in succeeded(call("list"))
    assert "analytics__pr_42" in succeeded(call("list", "-v"))


def _prospects(call: Call, *options: str) -> dict[str, tuple[str | None, str]]:
    found = document(call("list", "--json", *options))["environments"]
    return {
        each["environment"]: (each["next"] and each["next"]["verb"], each["why"]) for each in found
    }


def test_list_says_what_happens_next_and_why(call: Call, world: World) -> None:
    for number in (1, 2, 3, 4):
        succeeded(call("provision", "--pull-request", str(number)))
    succeeded(call("retire", "pr_3", "--cause", "merged", "--yes"))
    succeeded(call("retire", "pr_4", "--cause", "closed", "--yes"))
    for number in (1, 4):
        world.open_pull_request(number, "work")
    prospects = _prospects(call)
    assert prospects["pr_1"] == (None, "the branch is open")
    assert prospects["pr_2"] == ("retire", "the branch is gone from the forge")
    assert prospects["pr_3"][0] == "drop"
    assert "gone from the forge and its grace period ends" in prospects["pr_3"][1]
    assert prospects["pr_4"] == ("restore", "the branch is open again")
    rows = succeeded(call("list")).splitlines()[2:]
    assert rows[1].split()[-5:] == ["retire", "at", "the", "next", "tick"]
    assert rows[2].split()[-4:] == ["drop", "in", "3", "days"]


def test_list_offline_goes_by_the_marks_alone(call: Call, world: World) -> None:
    for number in (1, 2, 3):
        succeeded(call("provision", "--pull-request", str(number)))
    succeeded(call("retire", "pr_2", "--cause", "merged", "--yes"))
    succeeded(call("keep", "pr_3", "--days", "2"))
    world.snapshot_error = AssertionError("it was asked")
    prospects = _prospects(call, "--offline")
    assert prospects["pr_1"] == (None, "")
    assert prospects["pr_2"] == ("drop", "the branch was merged")
    assert prospects["pr_3"][0] is None
    assert prospects["pr_3"][1].startswith("it was asked to be kept until")
    assert document(call("list", "--offline", "--json"))["branches"] is None


def test_list_without_an_answer_goes_by_the_marks_and_says_so(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "1"))
    world.snapshot_error = BranchSourceUnavailable("The forge is down.", remedy="Wait for it.")
    result = call("list")
    assert succeeded(result).splitlines()[2].startswith("pr_1")
    assert "this goes by the marks alone: The forge is down. Wait for it." in result.stderr
    shown = document(call("list", "--json"))
    assert (shown["branches"], shown["error"]["problem"]) == (None, "The forge is down.")


def test_list_has_the_time_of_the_next_step(call: Call) -> None:
    succeeded(call("provision", "--pull-request", "1"))
    succeeded(call("retire", "pr_1", "--cause", "merged", "--grace-hours", "48", "--yes"))
    (found,) = document(call("list", "--json"))["environments"]
    assert (found["cause"], found["next"]["at"]) == ("merged", found["drop_after"])
    kept_for = timedelta(days=5)
    succeeded(call("keep", "pr_1", "--days", str(kept_for.days)))
    (found,) = document(call("list", "--json"))["environments"]
    assert found["next"]["at"] == found["keep_until"] > found["drop_after"]


def test_plan_tells_of_branches_that_get_none_on_demand(call: Call, world: World) -> None:
    world.open_pull_request(7, "main")
    assert "Nothing to do" in succeeded(call("plan"))
    line = "leave pr_7: the policy ignores branches of that name"
    assert line in succeeded(call("plan", "-v"))
    assert line in succeeded(call("plan", "--pull-request", "7"))
    succeeded(call("plan", "--exit-code"))


def test_list_says_what_is_left_alone_and_why(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "42"))
    world.warehouse.held["copied"] = world.warehouse.held["analytics__pr_42"]
    world.warehouse.held["edited"] = type(world.warehouse.held["copied"])('{"branch_toolkit": 1}')
    shown = succeeded(call("list"))
    assert "2 marked schemas left alone:" in shown
    assert "- copied, because its mark is that of a schema called 'analytics__pr_42'" in shown
    assert [each["schema"] for each in document(call("list", "--json"))["refused"]] == [
        "copied",
        "edited",
    ]


def test_names_cannot_act_on_the_terminal(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "42", "--branch", "[red]\x1b[31mevil\n:boom:"))
    shown = succeeded(call("list"))
    assert "\x1b" not in shown
    assert "#42 ([red]\\x1b[31mevil\\n:boom:)" in shown


def test_list_as_json_has_times_with_offsets_and_bytes(call: Call) -> None:
    succeeded(call("provision", "--pull-request", "42"))
    (found,) = document(call("list", "--json"))["environments"]
    assert datetime.fromisoformat(found["created_at"]).tzinfo is not None
    assert found["drop_after"] is None
    assert isinstance(found["size_bytes"], int)
    assert [each["schema"] for each in found["schemas"]] == ["analytics__pr_42", "staging__pr_42"]


def test_plan_gives_a_decision_and_a_reason_for_each(call: Call, world: World) -> None:
    for number in (1, 2, 3):
        succeeded(call("provision", "--pull-request", str(number)))
    succeeded(call("retire", "pr_3", "--cause", "closed", "--grace-hours", "0", "--yes"))
    world.open_pull_request(1, "kept")
    world.open_pull_request(4, "new")
    before = _comments(world)
    assert succeeded(call("plan")).splitlines() == [
        "provision pr_4: the branch is open",
        "retire pr_2: the branch is gone from the forge",
        "drop pr_3: the branch is gone from the forge and its grace period is over",
        "keep pr_1: the branch is open",
    ]
    assert _comments(world) == before


def test_plan_of_everything_has_the_statements_on_demand(call: Call, world: World) -> None:
    world.open_pull_request(4, "new")
    assert '"action": "create"' not in succeeded(call("plan"))
    lines = succeeded(call("plan", "--sql")).splitlines()
    assert lines[0] == "-- provision pr_4: the branch is open"
    assert '{"action": "create", "schema": "analytics__pr_4"};' in lines
    assert "analytics__pr_4" not in world.warehouse.held


def test_plan_of_one_has_its_statements(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "5"))
    world.open_pull_request(4, "feature/new")
    world.open_pull_request(6, "other")
    for selection in (["pr_4"], ["--pull-request", "4"], ["--branch", "feature/new"]):
        (action,) = document(call("plan", *selection, "--json"))["actions"]
        assert (action["verb"], action["environment"]) == ("provision", "pr_4")
        assert action["sensor"] == "branch_provision_sensor"
        assert {each["action"] for each in action["statements"]} == {"create", "copy", "mark"}
    (retired,) = document(call("plan", "pr_5", "--json"))["actions"]
    assert [each["schema"] for each in retired["statements"]] == [
        "analytics__pr_5",
        "staging__pr_5",
    ]


def test_a_plan_to_drop_names_the_hazard(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "5"))
    succeeded(call("retire", "pr_5", "--grace-hours", "0", "--yes"))
    (action,) = document(call("plan", "pr_5", "--json"))["actions"]
    assert action["verb"] == "drop"
    assert action["statements"][0]["hazards"] == ["deletes_data"]
    shown = succeeded(call("plan", "pr_5"))
    assert "-- analytics__pr_5, schema: deletes data of the branch" in shown


def test_plan_of_what_is_to_be_restored(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "5"))
    succeeded(call("retire", "pr_5", "--cause", "closed", "--yes"))
    world.open_pull_request(5, "reopened")
    (action,) = document(call("plan", "pr_5", "--json"))["actions"]
    assert action["verb"] == "restore"
    assert len(action["statements"]) == 2


def test_plan_of_what_nobody_knows(call: Call, world: World) -> None:
    world.open_pull_request(4, "new")
    result = call("plan", "pr_7")
    assert result.exit_code == 1
    assert "There is nothing to plan for 'pr_7'" in result.stderr
    assert "(known: pr_4)" in result.stderr


def test_exit_code_of_plan(call: Call, world: World) -> None:
    succeeded(call("plan", "--exit-code"))
    world.open_pull_request(4, "new")
    succeeded(call("plan"))
    assert call("plan", "--exit-code").exit_code == 3
    succeeded(call("provision", "--pull-request", "4"))
    succeeded(call("plan", "--exit-code"))


def test_plan_says_where_the_answer_comes_from(call: Call, world: World) -> None:
    world.complete = False
    world.open_pull_request(4, "new")
    assert document(call("plan", "--json"))["branches"] == {
        "source": "the forge",
        "repository": None,
        "complete": False,
        "note": None,
        "branches": 1,
    }
    assert "the forge told of 1 branch (not complete)" in succeeded(call("plan", "-v"))


def test_one_plan_that_fails_does_not_hide_the_others(call: Call, world: World) -> None:
    world.open_pull_request(4, "taken")
    world.open_pull_request(6, "fine")
    world.warehouse.held["analytics__pr_4"] = type(world.warehouse.held["analytics"])()
    result = call("plan", "--sql", "--json")
    assert result.exit_code == 1
    taken, fine = document(result)["actions"]
    assert (taken["error"]["kind"], taken["statements"]) == ("SchemaNotOwned", None)
    assert fine["error"] is None
    assert result.stderr.startswith("Error: Schema 'analytics__pr_4' was left alone because")


def test_a_mark_of_another_project_is_not_listed(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "42"))
    inventory = document(call("list", "--json"))
    assert len(inventory["environments"]) == 1
    from dataclasses import replace

    from branch_toolkit.core.mark import decode

    held = world.warehouse.held["analytics__pr_42"]
    held.comment = encode(replace(decode(held.comment), project="theirs"))
    (refused,) = document(call("list", "--json"))["refused"]
    assert refused["reason"] == "it belongs to project 'theirs', not to 'default'"
