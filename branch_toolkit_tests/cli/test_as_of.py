"""`provision --as-of`, and where `list` shows what an environment has the data of."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click
import pytest
from click.testing import CliRunner

from branch_toolkit.cli.options import as_of_option
from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.plan import Plan
from branch_toolkit.verbs import Environments
from branch_toolkit_tests.cli.conftest import Call, document, succeeded
from branch_toolkit_tests.cli.memory_project import World

BASES = ("analytics", "staging")
QUERY = "before:01a9b094-0102-2f97-0001-01e200d7576e"
THEN = "2026-11-21T04:00:00+00:00"
POINTS = [("2026-11-21T05:00+01:00", THEN), ("2026-11-21T04:00Z", THEN), (QUERY.upper(), QUERY)]
NO_POINTS = ["", "yesterday", "2026-11-21", "2026-11-21T04:00", "before:that"]


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[AsOf | None]:
    """Lets the warehouse take the past for the present, and notes what it was asked for."""
    plan_provision = world.warehouse.plan_provision
    noted: list[AsOf | None] = []

    def travel(*arguments: Any, as_of: AsOf | None = None, **options: Any) -> Plan:
        noted.append(as_of)
        return plan_provision(*arguments, **options)

    monkeypatch.setattr(world.warehouse, "plan_provision", travel)
    return noted


@pytest.fixture
def past(world: World, asked: list[AsOf | None]) -> World:
    """An environment as of the past, and one of the present."""
    environments = Environments(world.warehouse, Project(), BASES)
    now = datetime.now(tz=timezone.utc)
    for number, as_of in ((1, AsOf.parse(THEN)), (2, None)):
        environments.provision(Branch(key=BranchKey(number=number)), now=now, as_of=as_of)
    return world


@click.command()
@as_of_option
def echo(*, as_of: AsOf | None) -> None:
    """Says what it was given."""
    click.echo(str(as_of))


@pytest.mark.parametrize(("text", "read"), POINTS)
def test_a_point_is_read_in_each_of_its_forms(text: str, read: str) -> None:
    assert succeeded(CliRunner().invoke(echo, ["--as-of", text])) == f"{read}\n"


@pytest.mark.parametrize("text", NO_POINTS)
def test_what_is_no_point_is_a_wrong_use_that_shows_a_right_one(text: str) -> None:
    result = CliRunner().invoke(echo, ["--as-of", text])
    assert result.exit_code == 2
    assert "is no point in time" in result.stderr
    assert "2026-11-22T12:00:00+00:00" in " ".join(result.stderr.split())


def test_without_the_option_there_is_none() -> None:
    assert succeeded(CliRunner().invoke(echo, [])) == "None\n"


@pytest.mark.usefixtures("past")
def test_verbose_list_shows_it_of_each_clone_that_has_one(call: Call) -> None:
    lines = [line for line in succeeded(call("list", "-v")).splitlines() if "version" in line]
    assert len(lines) == 4
    for line in lines:
        assert (f"copy, as of {THEN}, version" in line) == ("__pr_1 " in line)


@pytest.mark.parametrize("arguments", [[], ["--refresh", "--yes"]], ids=["new", "refresh"])
@pytest.mark.parametrize(("text", "read"), POINTS)
def test_provision_takes_the_data_of_then(
    call: Call, world: World, asked: list[AsOf | None], arguments: list[str], text: str, read: str
) -> None:
    shown = succeeded(call("provision", "--pull-request", "42", "--as-of", text, *arguments))
    assert "done in" in shown
    assert {str(each) for each in asked} == {read}
    (found,) = document(call("list", "--json"))["environments"]
    assert [clone["as_of"] for clone in found["schemas"]] == [read, read]


@pytest.mark.usefixtures("past")
def test_list_as_json_has_it_of_each_clone_or_null(call: Call) -> None:
    found = document(call("list", "--json"))["environments"]
    assert [[clone["as_of"] for clone in each["schemas"]] for each in found] == [
        [THEN, THEN],
        [None, None],
    ]


def test_provision_refuses_what_is_there_with_other_data(call: Call, past: World) -> None:
    before = dict(past.warehouse.held)
    result = call("provision", "--pull-request", "2", "--as-of", THEN)
    assert result.exit_code == 1
    assert "data as of the time that it was made, not as of" in " ".join(result.stderr.split())
    assert "nothing to do" in succeeded(call("provision", "--pull-request", "1", "--as-of", THEN))
    assert past.warehouse.held == before


@pytest.mark.parametrize(
    ("text", "said"),
    [("2926-01-01T00:00Z", "is in the future"), (THEN, "has no time travel")],
)
def test_provision_refuses_what_cannot_be_had(
    call: Call, world: World, text: str, said: str
) -> None:
    result = call("provision", "--pull-request", "42", "--as-of", text)
    assert result.exit_code == 1
    assert said in result.stderr
    assert set(world.warehouse.held) == set(BASES)


@pytest.mark.parametrize("text", NO_POINTS)
def test_provision_takes_nothing_else_for_a_point(call: Call, world: World, text: str) -> None:
    result = call("provision", "--pull-request", "42", "--as-of", text)
    assert result.exit_code == 2
    assert set(world.warehouse.held) == set(BASES)
