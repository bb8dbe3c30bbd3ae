"""The commands about CI. What they do is imported when they run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from branch_toolkit.cli.options import Output, dry_run_option, output_options


class _Matching(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """Text of one shape: it becomes part of a file that a shell reads."""

    def __init__(self, name: str, pattern: str, example: str) -> None:
        self.name = name
        self._pattern = re.compile(pattern)
        self._example = example

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        text = str(value).strip()
        if not self._pattern.fullmatch(text):
            self.fail(f"{text!r} is no {self.name}, such as {self._example}", param, ctx)
        return text


_MODULE = _Matching("module", r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", "acme_pipelines.definitions")
_FILE = _Matching("file in the project", r"(?!/)[\w./-]+\.py", "acme/definitions.py")
_PYTHON = _Matching("version of Python", r"3\.[0-9]{1,2}", "3.12")
# GitHub keeps names that begin with GITHUB_ for itself.
_SECRET = _Matching(
    "name of a variable", r"(?!(?i:GITHUB_))[A-Za-z_][A-Za-z0-9_]*", "WAREHOUSE_URL"
)


@click.group()
def ci() -> None:
    """Let CI hurry the sensors.

    The sensors make, restore and retire environments whether there is CI or not; with CI it happens
    at once instead of at their next tick.
    """


@ci.command()
@click.option("-m", "--module-name", type=_MODULE, metavar="MODULE", help="As in all commands.")
@click.option("-f", "--python-file", type=_FILE, metavar="FILE", help="The same, as a file.")
@click.option(
    "--forge",
    type=click.Choice(["github", "gitlab"]),
    help="Who runs it. Default: by the git remote's host.",
)
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to put it. Default: where the forge looks for it.",
)
@click.option(
    "--project-folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the project is, in the repository. Default: the current folder, or the root.",
)
@click.option(
    "--installer",
    type=click.Choice(["uv", "pip", "requirements"]),
    help="How CI installs the project. Default: by the project's files.",
)
@click.option(
    "--python", type=_PYTHON, metavar="X.Y", help="Default: as in .python-version, else 3.12."
)
@click.option(
    "--secret",
    "secrets",
    type=_SECRET,
    multiple=True,
    metavar="NAME",
    help="A variable that the definitions read; repeat it for each. Default: WAREHOUSE_URL.",
)
@click.option("--force", is_flag=True, help="Replace a file that says something else.")
@dry_run_option
@output_options
def init(
    *,
    output: Output,
    module_name: str | None,
    python_file: str | None,
    force: bool,
    dry_run: bool,
    **choices: Any,
) -> None:
    """Write the file by which CI hurries the sensors.

    For GitHub Actions or GitLab CI. It provisions when a pull request is opened, pushed to or
    opened again, and retires when it is merged or closed; pull requests from forks get nothing.
    What CI misses, the sensors do.

    Never overwrites a file that says something else, unless --force is given: it shows the
    difference. Needs no database.

    \b
    Examples:
        branch-toolkit ci init -m acme_pipelines.definitions
        branch-toolkit ci init -m acme_pipelines.definitions --forge gitlab --dry-run
        branch-toolkit ci init -f definitions.py --secret WAREHOUSE_URL --secret VAULT_TOKEN

    \b
    JSON: forge path state secrets dry_run difference, where state is missing, different or same:
        what was there before
    """
    from branch_toolkit.cli.ci_init import Wishes, write

    wishes = Wishes(module_name=module_name, python_file=python_file, **choices)
    write(wishes, output, force=force, dry_run=dry_run)
