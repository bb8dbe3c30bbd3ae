"""Every bad input gets one paragraph with a remedy, no traceback, and the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from branch_toolkit_demo.git_remote import GitRemote
from branch_toolkit_tests.cli.conftest import Call, Shell, document
from branch_toolkit_tests.cli.judging import PASSWORD, explained, invoke, usage

ALL = (
    ["list"],
    ["plan"],
    ["provision", "--pull-request", "1"],
    ["retire", "pr_1", "--yes"],
    ["restore", "pr_1"],
    ["sweep", "--yes"],
)


class TestWhere:
    @pytest.mark.parametrize("arguments", [*ALL, ["doctor"]], ids=" ".join)
    def test_nothing_given_names_both_ways(self, arguments: list[str]) -> None:
        name = arguments[0]
        usage(
            invoke(*arguments),
            f"branch-toolkit {name} -m acme_pipelines.definitions",
            f'branch-toolkit {name} --url "$WAREHOUSE_URL" --schema analytics',
        )

    def test_a_url_without_a_schema(self) -> None:
        usage(invoke("list", "--url", "postgresql://host/db"), "--schema is missing")

    def test_both_given(self) -> None:
        usage(invoke("list", "-m", "a", "--url", "x"), "--url cannot be given beside -m")
        usage(invoke("list", "-m", "a", "--schema", "x"), "--schema cannot be given beside")
        usage(invoke("list", "-m", "a", "-f", __file__), "not both")

    def test_variables_give_way_to_definitions(self, call: Call) -> None:
        result = call("list", env={"BRANCH_TOOLKIT_URL": "postgresql://nowhere/db"})
        assert result.exit_code == 0

    @pytest.mark.parametrize("arguments", [["plan"], ["sweep", "--yes"]], ids=" ".join)
    def test_no_branch_source(self, shell: Shell, arguments: list[str]) -> None:
        result = shell(*arguments, BRANCH_TOOLKIT_GIT_REMOTE=None)
        usage(result, "--git-remote is missing")


class TestDatabase:
    @pytest.mark.parametrize("arguments", ALL, ids=" ".join)
    def test_unreachable(self, arguments: list[str]) -> None:
        url = f"postgresql://etl:{PASSWORD}@127.0.0.1:1/db"
        result = invoke(*arguments, "--url", url, "--schema", "a", "--git-remote", "/none")
        explained(result, "'db' at 127.0.0.1:1", "Check host and port")

    @pytest.mark.parametrize("arguments", ALL, ids=" ".join)
    def test_wrong_password(self, shell: Shell, arguments: list[str]) -> None:
        url = shell.url.set(password=PASSWORD).render_as_string(hide_password=False)
        result = shell(*arguments, BRANCH_TOOLKIT_URL=url)
        explained(result, "password authentication failed", "Check the user and the password")
        assert PASSWORD not in result.output

    def test_no_such_database(self, shell: Shell) -> None:
        url = shell.url.set(database="nowhere").render_as_string(hide_password=False)
        explained(shell("list", BRANCH_TOOLKIT_URL=url), "does not exist")

    @pytest.mark.parametrize(
        "url",
        [
            f"mysql://etl:{PASSWORD}@127.0.0.1/db",
            f"postgres ql://etl:{PASSWORD}@127.0.0.1/db",
            PASSWORD,
        ],
    )
    def test_not_a_url_of_postgres(self, url: str) -> None:
        explained(invoke("list", "--url", url, "--schema", "a"), "not one of Postgres")

    @pytest.mark.parametrize("arguments", [[], ["--debug"], ["--json"]])
    @pytest.mark.parametrize("torn", [f"a@{PASSWORD}", f"a:b@{PASSWORD}:c", f"a/{PASSWORD}?b#c"])
    def test_an_unquoted_password_is_not_said_either(self, torn: str, arguments: list[str]) -> None:
        result = invoke(
            "list", "--url", f"postgresql://etl:{torn}@127.0.0.1:1/db", "--schema", "a", *arguments
        )
        assert result.exit_code in (1, 70)

    def test_a_url_in_the_wrong_place_is_not_repeated(self) -> None:
        url = f"postgresql://etl:{PASSWORD}@127.0.0.1/db"
        usage(invoke("list", url), "unexpected extra argument")
        usage(invoke(url), "No such command")
        usage(invoke("provision", "--pull-request", url), "is not a pull request's number")

    def test_missing_rights(self, shell: Shell) -> None:
        url = _poor_role(shell)
        result = shell("provision", "--pull-request", "1", BRANCH_TOOLKIT_URL=url)
        line = explained(result, "'poor' lacks")
        assert f"GRANT CREATE ON DATABASE {shell.url.database} TO poor" in line
        assert "GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO poor" in line

    def test_a_role_without_rights_may_look(self, shell: Shell) -> None:
        url = _poor_role(shell)
        assert shell("list", BRANCH_TOOLKIT_URL=url).exit_code == 0

    def test_no_such_base_schema(self, shell: Shell) -> None:
        result = shell("provision", "--pull-request", "1", BRANCH_TOOLKIT_SCHEMAS="analitics")
        explained(result, "'analitics' does not exist", "schemas there: analytics, ")
        assert list(shell.schemas()) == ["analytics", "staging"]

    def test_no_schema_can_have_that_name(self, shell: Shell) -> None:
        result = shell("provision", "--pull-request", "1", BRANCH_TOOLKIT_SCHEMAS="x" * 64)
        explained(result, "cannot be a schema's name")

    def test_a_clone_would_be_a_base_schema(self, shell: Shell) -> None:
        schemas = "analytics,analytics__pr_1"
        result = shell("provision", "--pull-request", "1", BRANCH_TOOLKIT_SCHEMAS=schemas)
        explained(result, "is itself a base schema")

    def test_a_schema_of_the_clones_name_is_there(self, shell: Shell) -> None:
        shell.execute("CREATE SCHEMA analytics__pr_1")
        result = shell("provision", "--pull-request", "1")
        explained(result, "without a mark")


class TestBranchSource:
    @pytest.mark.parametrize("arguments", [["plan"], ["sweep", "--yes"]], ids=" ".join)
    def test_unreachable_remote(self, shell: Shell, arguments: list[str]) -> None:
        remote = f"http://etl:{PASSWORD}@127.0.0.1:1/acme/pipelines.git"
        result = shell(*arguments, BRANCH_TOOLKIT_GIT_REMOTE=remote)
        explained(result, "could not be read", "git ls-remote")
        assert PASSWORD not in result.output

    @pytest.mark.parametrize("arguments", [["plan"], ["sweep", "--yes"]], ids=" ".join)
    def test_empty_remote(self, shell: Shell, tmp_path: Path, arguments: list[str]) -> None:
        empty = GitRemote.create(tmp_path / "empty")
        (empty.remote / "packed-refs").unlink(missing_ok=True)
        for ref in (empty.remote / "refs" / "heads").iterdir():
            ref.unlink()
        shell("provision", "--pull-request", "1")
        result = shell(*arguments, BRANCH_TOOLKIT_GIT_REMOTE=str(empty.remote))
        explained(result, "has no branch at all")
        assert "analytics__pr_1" in shell.schemas()


class TestNames:
    @pytest.mark.parametrize("name", ["", " ", "---", "/./"])
    def test_branch_without_a_letter(self, call: Call, name: str) -> None:
        explained(call("provision", "--branch", name), "no letter or digit")

    def test_no_branch(self, call: Call) -> None:
        usage(call("provision"), "Give --pull-request or --branch")

    @pytest.mark.parametrize("number", ["0", "-1", "x", "1.5"])
    def test_no_number(self, call: Call, number: str) -> None:
        usage(call("provision", "--pull-request", number))

    @pytest.mark.parametrize(
        "arguments",
        [["retire", "pr_7", "--yes"], ["restore", "pr_7"], ["sweep", "pr_7", "--yes"]],
        ids=" ".join,
    )
    def test_unknown_environment(self, call: Call, arguments: list[str]) -> None:
        call("provision", "--pull-request", "1")
        explained(call(*arguments), "no environment 'pr_7'", "there are: pr_1")

    @pytest.mark.parametrize("arguments", [["retire"], ["retire", ""], ["restore"]])
    def test_no_environment(self, call: Call, arguments: list[str]) -> None:
        usage(call(*arguments))

    @pytest.mark.parametrize("hours", ["-1", "nan", "inf", "1e9", "soon"])
    def test_no_hours(self, call: Call, hours: str) -> None:
        usage(call("retire", "pr_1", "--yes", "--grace-hours", hours))

    @pytest.mark.parametrize(
        ("command", "instead"), [("refresh", "provision --refresh"), ("drop", "retire")]
    )
    def test_verbs_without_a_command(self, command: str, instead: str) -> None:
        usage(invoke(command), f"use {instead}")

    def test_text_that_is_not_utf_8(self, call: Call) -> None:
        usage(call("retire", "pr_1", "--yes", "--reason", "\udcff"), "not valid UTF-8")
        usage(call("provision", "--branch", "x\udcff"), "not valid UTF-8")


class TestDeployment:
    def test_variables_that_contradict_each_other(self, call: Call) -> None:
        result = call("list", env={"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "maybe"})
        assert result.exit_code == 0
        result = call(
            "provision",
            "--pull-request",
            "1",
            env={"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "maybe"},
        )
        explained(result, "neither true nor false")


def _poor_role(shell: Shell) -> str:
    shell.execute(
        "DO $$ BEGIN CREATE ROLE poor LOGIN PASSWORD 'poor-password';"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        "GRANT USAGE ON SCHEMA analytics, staging TO poor",
    )
    url = shell.url.set(username="poor", password="poor-password")
    return url.render_as_string(hide_password=False)


def test_the_error_is_in_the_document_too(call: Call) -> None:
    result = call("restore", "pr_7", "--json")
    assert result.exit_code == 1
    error = document(result)["error"]
    assert error["kind"] == "EnvironmentNotFound"
    assert result.stderr == f"Error: {error['problem']} {error['remedy']}\n"


def test_a_traceback_is_shown_on_demand_only(call: Call) -> None:
    assert "Traceback" not in call("restore", "pr_7").output
    result = call("restore", "pr_7", "--debug")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


class TestCrash:
    @pytest.fixture(autouse=True)
    def _crash(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(*_arguments: object, **_options: object) -> None:
            raise RuntimeError(f"no connection to postgresql://etl:{PASSWORD}@host/db")

        monkeypatch.setattr("branch_toolkit.cli.listing.list_environments", crash)

    def test_it_is_one_line(self, call: Call) -> None:
        result = call("list")
        assert result.exit_code == 70
        assert result.stderr == (
            "Internal error (RuntimeError: no connection to postgresql://***@host/db)."
            " Run it with --debug for the traceback.\n"
        )

    def test_the_traceback_holds_no_secret(self, call: Call) -> None:
        result = call("list", "--debug")
        assert result.exit_code == 70
        assert "Traceback" in result.stderr
        assert PASSWORD not in result.output


def test_a_driver_that_is_not_installed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_arguments: object, **_options: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr("branch_toolkit.cli.listing.list_environments", missing)
    explained(call("list"), "pip install 'dagster-branch-toolkit[postgres]'")


def test_a_module_of_ours_that_is_missing_is_a_crash(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_arguments: object, **_options: object) -> None:
        raise ModuleNotFoundError("No module named 'other'", name="other")

    monkeypatch.setattr("branch_toolkit.cli.listing.list_environments", missing)
    assert call("list").exit_code == 70
