"""`doctor`: it finds what is wrong, says how to mend it, and that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import Result

from branch_toolkit.warehouses import Server
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit_tests.cli.conftest import Call, Shell, document, succeeded
from branch_toolkit_tests.cli.memory_project import World


def _checks(result: Result) -> Mapping[str, Mapping[str, object]]:
    return {each["check"]: each for each in document(result)["checks"]}


def test_all_is_well(shell: Shell) -> None:
    shown = succeeded(shell("doctor"))
    assert shown.endswith("All is well.\n")
    assert "analytics (1 table), staging (1 table)" in shown
    assert f"database '{shell.url.database}', role 'postgres'" in shown
    assert " fix " not in shown
    assert {each["status"] for each in _checks(shell("doctor", "--json")).values()} == {"ok"}


def test_it_changes_nothing(shell: Shell) -> None:
    before = shell.schemas()
    shell("doctor")
    assert shell.schemas() == before


def test_an_unreachable_database_explains_the_rest(shell: Shell) -> None:
    url = "postgresql://etl:secret-word@127.0.0.1:1/db"
    result = shell("doctor", "--json", BRANCH_TOOLKIT_URL=url)
    assert result.exit_code == 1
    checks = _checks(result)
    assert checks["connection"]["status"] == "fix"
    assert checks["rights"]["status"] == "skipped"
    assert checks["branch source"]["status"] == "ok"
    assert "secret-word" not in result.output


def test_a_missing_base_schema(shell: Shell) -> None:
    result = shell("doctor", "--json", BRANCH_TOOLKIT_SCHEMAS="analytics,stagging")
    assert result.exit_code == 1
    shown = shell("doctor", BRANCH_TOOLKIT_SCHEMAS="analytics,stagging")
    assert shown.stdout.endswith("1 to fix, 0 to look at.\n")
    checks = _checks(result)
    assert "not in the database: stagging" in str(checks["base schemas"]["text"])
    assert checks["rights"]["status"] == "ok"


def test_the_grants_that_it_prints_are_enough(shell: Shell) -> None:
    shell.execute(
        "DO $$ BEGIN CREATE ROLE needy LOGIN PASSWORD 'needy-password';"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    url = shell.url.set(username="needy", password="needy-password")
    text = url.render_as_string(hide_password=False)
    result = shell("doctor", "--json", BRANCH_TOOLKIT_URL=text)
    assert result.exit_code == 1
    rights = _checks(result)["rights"]
    grants = rights["remedy"]
    assert isinstance(grants, list)
    assert f"GRANT CREATE ON DATABASE {shell.url.database} TO needy;" in grants
    shell.execute(*grants)
    assert shell("doctor", BRANCH_TOOLKIT_URL=text).exit_code == 0
    provided = shell("provision", "--pull-request", "1", BRANCH_TOOLKIT_URL=text)
    assert provided.exit_code == 0


def test_a_taken_name(shell: Shell) -> None:
    shell.execute("CREATE SCHEMA analytics__pr_42")
    result = shell("doctor", "--json")
    assert result.exit_code == 1
    assert "analytics__pr_42" in str(_checks(result)["names"]["text"])


def test_a_name_that_is_cut(shell: Shell) -> None:
    long = "a" * 60
    shell.execute(f"CREATE SCHEMA {long}")
    result = shell("doctor", "--json", BRANCH_TOOLKIT_SCHEMAS=long)
    names = _checks(result)["names"]
    assert names["status"] == "ok"
    assert "cut to Postgres's 63" in str(names["text"])


def test_marks_that_are_refused_or_incomplete(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "1"))
    world.warehouse.held["edited"] = type(world.warehouse.held["analytics"])('{"branch_toolkit":1')
    del world.warehouse.held["staging__pr_1"]
    marks = _checks(call("doctor", "--json"))["marks"]
    assert marks["status"] == "warn"
    assert "edited is left alone because the mark is not valid JSON" in str(marks["text"])
    assert "pr_1 lacks clones of staging" in str(marks["text"])


def test_an_environment_that_is_retired_in_part(call: Call, world: World) -> None:
    succeeded(call("provision", "--pull-request", "1"))
    comment = world.warehouse.held["staging__pr_1"].comment
    succeeded(call("retire", "pr_1", "--yes"))
    world.warehouse.held["staging__pr_1"].comment = comment
    assert "pr_1 is retired in part" in str(_checks(call("doctor", "--json"))["marks"]["text"])


def test_a_source_that_does_not_tell_of_all(call: Call, world: World) -> None:
    world.complete = False
    result = call("doctor", "--json")
    assert result.exit_code == 0
    assert _checks(result)["branch source"]["status"] == "warn"
    assert succeeded(call("doctor")).endswith("Nothing to fix, 1 to look at.\n")


def test_a_source_that_cannot_be_asked(shell: Shell) -> None:
    result = shell("doctor", "--json", BRANCH_TOOLKIT_GIT_REMOTE="/nowhere/at/all")
    assert result.exit_code == 1
    assert _checks(result)["branch source"]["status"] == "fix"


def test_no_source(shell: Shell) -> None:
    result = shell("doctor", "--json", BRANCH_TOOLKIT_GIT_REMOTE=None)
    assert result.exit_code == 0
    assert _checks(result)["branch source"]["status"] == "warn"


def test_a_clock_that_is_wrong(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = PostgresAdapter.server

    def behind(warehouse: PostgresAdapter) -> Server:
        found = answer(warehouse)
        return replace(found, time=found.time - timedelta(hours=1))

    monkeypatch.setattr(PostgresAdapter, "server", behind)
    clock = _checks(shell("doctor", "--json"))["clock"]
    assert clock["status"] == "fix"
    assert "-3600." in str(clock["text"])


def test_a_branch_deployment_looks_at_its_own_environment(call: Call) -> None:
    own = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_PULL_REQUEST_ID": "5"}
    result = call("doctor", "--json", env=own)
    assert result.exit_code == 1
    checks = _checks(result)
    assert checks["deployment"]["text"] == "the branch deployment of #5"
    assert checks["environment"]["text"] == "pr_5 lacks clones of analytics, staging"
    succeeded(call("provision", env=own))
    assert call("doctor", env=own).exit_code == 0


def test_variables_that_cannot_be_read(call: Call) -> None:
    result = call("doctor", "--json", env={"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "maybe"})
    assert result.exit_code == 1
    checks = _checks(result)
    assert checks["deployment"]["status"] == "fix"
    assert checks["base schemas"]["status"] == "ok"
