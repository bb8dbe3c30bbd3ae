"""Help: every command has an example, and lists the keys of its JSON document."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import branch_toolkit
from branch_toolkit.cli import program
from branch_toolkit.version import __version__
from branch_toolkit_tests.cli.conftest import Call, document, succeeded
from branch_toolkit_tests.cli.memory_project import World


def _commands(group: click.Group, *above: str) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        path = (*above, name)
        found |= _commands(command, *path) if isinstance(command, click.Group) else {path: command}
    return found


COMMANDS = _commands(program)
WITHOUT_DATABASE = {("ci", "init"), ("snowflake-setup",)}
HEAVY = ("dagster", "pandas", "sqlalchemy", "psycopg", "pydantic", "rich")


def _help(*arguments: str, **variables: str) -> str:
    runner = CliRunner()
    return succeeded(
        runner.invoke(program, [*arguments, "--help"], prog_name="branch-toolkit", env=variables)
    )


def test_the_commands() -> None:
    names = (
        "ci init, doctor, keep, list, own, plan, provision, restore, retire, snowflake-setup, sweep"
    )
    assert ", ".join(sorted(map(" ".join, COMMANDS))) == names


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_an_example(command: tuple[str, ...]) -> None:
    shown = _help(*command)
    assert re.search(r"Examples?:\n +branch-toolkit " + " ".join(command), shown)
    assert "--json" in shown


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_is_explained(command: tuple[str, ...]) -> None:
    for parameter in COMMANDS[command].params:
        assert parameter.param_type_name == "argument" or getattr(parameter, "help", None)


def test_short_helps_are_whole() -> None:
    commands = _help().partition("Commands:")[2]
    assert "..." not in commands
    for command in program.commands:
        assert f"  {command} " in commands
    assert "..." not in _help("ci").partition("Commands:")[2]


def test_help_does_not_show_what_variables_hold() -> None:
    url = "postgresql://etl:correct-horse-battery@host/db"
    for command in COMMANDS:
        shown = _help(*command, BRANCH_TOOLKIT_URL=url, BRANCH_TOOLKIT_GIT_REMOTE=url)
        assert "correct-horse" not in shown
        assert ("BRANCH_TOOLKIT_URL" in shown) == (command not in WITHOUT_DATABASE)


def test_version() -> None:
    result = CliRunner().invoke(program, ["--version"], prog_name="branch-toolkit")
    assert succeeded(result) == f"branch-toolkit, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["plan", "--sql"],
        ["provision", "--pull-request", "2"],
        ["retire", "pr_1", "--yes"],
        ["keep", "pr_1", "--days", "1"],
        ["restore", "pr_1"],
        ["sweep", "--yes"],
        ["doctor"],
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_every_key_of_the_json_is_documented(
    call: Call, world: World, arguments: list[str]
) -> None:
    succeeded(call("provision", "--pull-request", "1"))
    held = world.warehouse.held
    held["copied"] = held["analytics__pr_1"]
    documented = set(re.findall(r"\w+", _help(arguments[0]).partition("JSON:")[2]))
    missing = _keys(document(call(*arguments, "--json"))) - documented
    assert not missing


def _keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def test_help_imports_nothing_heavy() -> None:
    # The package's own `__init__` is left out: this is about what the commands import.
    folder = str(Path(branch_toolkit.__file__).parent)
    code = (
        "import sys, types\n"
        "package = types.ModuleType('branch_toolkit')\n"
        f"package.__path__ = [{folder!r}]\n"
        "sys.modules['branch_toolkit'] = package\n"
        "from branch_toolkit.cli import main\n"
        "sys.argv = ['branch-toolkit', 'plan', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: " in done.stdout
    assert done.stderr == "[]\n"
