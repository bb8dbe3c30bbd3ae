"""Options that several commands share, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from branch_toolkit.cli.errors import BY_DEFINITIONS, BY_FLAGS
from branch_toolkit.cli.failing import redaction_of, remember
from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.errors import InvalidAsOf

Command = Callable[..., None]

_BY_FLAGS = ("url", "schemas", "copies", "project", "repository", "git_remote")
_FLAGS = {"schemas": "--schema", "copies": "--copy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """Where the warehouse and the branch source are to come from.

    Args:
        module_name: A module that holds `Definitions`.
        python_file: A file that holds `Definitions`.
        working_directory: What imports of that module or file are resolved against.
        attribute: Which `Definitions` of it.
        url: The database.
        schemas: The base schemas.
        copies: Globs of the tables that are copied; the others are deferred.
        project: The project, if not the default one.
        repository: The project's own repository.
        git_remote: The git remote that tells of branches.
    """

    module_name: str | None = None
    python_file: Path | None = None
    working_directory: Path = Path()
    attribute: str | None = None
    url: str | None = field(default=None, repr=False)
    schemas: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    project: str | None = None
    repository: str | None = None
    git_remote: str | None = field(default=None, repr=False)

    @property
    def by_definitions(self) -> bool:
        """Whether a user's definitions are to be loaded."""
        return self.module_name is not None or self.python_file is not None


@dataclass(frozen=True, slots=True)
class Output:
    """How a command is to answer.

    Args:
        as_json: One JSON document on stdout instead of text.
        verbose: Say more.
    """

    as_json: bool = False
    verbose: bool = False


class Text(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """Text that can be stored; not empty, unless an empty one is to be explained elsewhere."""

    name = "text"
    # A name may hold a blank but hardly a comma.
    envvar_list_splitter = ","

    def __init__(self, *, empty: bool = False) -> None:
        self._empty = empty

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        text = str(value).strip()
        if not (text or self._empty):
            self.fail("it is empty", param, ctx)
        if any("\ud800" <= char <= "\udfff" for char in text):
            self.fail("it is not valid UTF-8", param, ctx)
        return text


class _Amount(click.FloatRange):
    """A number that is not negative, and finite."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """See `click.ParamType.convert`."""
        number = super().convert(value, param, ctx)
        # Not a number is neither below nor above any bound.
        return self.fail("it is not a number", param, ctx) if math.isnan(number) else number


class Hours(_Amount):
    """A number of hours, up to ten years."""

    name = "hours"

    def __init__(self) -> None:
        super().__init__(min=0, max=24 * 3653)


class Days(_Amount):
    """A number of days, more than none and up to ten years."""

    name = "days"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True, max=3653)


class PointInTime(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A time with its zone, or `before:` and a query id."""

    name = "when"

    def convert(self, value: Any, param: Any, ctx: Any) -> AsOf:
        if isinstance(value, AsOf):
            return value
        try:
            return AsOf.parse(str(value))
        except InvalidAsOf as error:
            self.fail(str(error), param, ctx)


TEXT = Text()


def target_options(command: Command) -> Command:
    """Gives a command the options that say where; it gets them as `target` and `output`."""

    @wraps(command)
    def run(*, output: Output, **values: Any) -> None:
        own = {name: values.pop(name) for name in list(values) if name not in _TARGET_NAMES}
        target = _target(click.get_current_context(), TargetOptions(**values))
        command(target=target, output=output, **own)

    return given(_TARGET_OPTIONS, output_options(run))


def output_options(command: Command) -> Command:
    """Gives a command the options that say how to answer; it gets them as `output`."""

    @wraps(command)
    def run(*, as_json: bool, verbose: bool, debug: bool, **values: Any) -> None:
        remember(click.get_current_context(), debug=debug, as_json=as_json)
        command(output=Output(as_json, verbose), **values)

    return given(_OUTPUT_OPTIONS, run)


def given(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """A command with these options, shown in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def dry_run_option(command: Command) -> Command:
    """Gives a command `--dry-run`."""
    text = "Only say what would be done; nothing is changed."
    return click.option("-n", "--dry-run", is_flag=True, help=text)(command)


def yes_option(command: Command) -> Command:
    """Gives a command `--yes`."""
    text = "Do not ask. Needed where there is no terminal to ask on."
    return click.option("-y", "--yes", is_flag=True, help=text)(command)


def as_of_option(command: Command) -> Command:
    """Gives a command `--as-of`."""
    text = (
        "Take base's data of then: a time with its zone, or before:QUERY_ID. Only in a warehouse"
        " that has time travel."
    )
    return click.option("--as-of", type=PointInTime(), metavar="WHEN", help=text)(command)


def _target(context: click.Context, target: TargetOptions) -> TargetOptions:
    redaction = redaction_of(context)
    redaction.learn(target.url)
    redaction.learn(target.git_remote)
    if target.by_definitions:
        _refuse_both(context, target)
    elif target.url is None or not target.schemas:
        missing = "--url" if target.url is None else "--schema"
        raise click.UsageError(
            f"{missing} is missing: which database is meant? Either name the code that Dagster"
            f" loads, as in `{context.command_path} {BY_DEFINITIONS}`, or the database itself, as"
            f" in `{context.command_path} {BY_FLAGS}` (each of these can also be set by an"
            " environment variable, see --help)."
        )
    return target


def _refuse_both(context: click.Context, target: TargetOptions) -> None:
    if target.module_name is not None and target.python_file is not None:
        raise click.UsageError("Give either -m/--module-name or -f/--python-file, not both.")
    for name in _BY_FLAGS:
        # Variables that are set for another use give way; what was typed here does not.
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            raise click.UsageError(
                f"{flag} cannot be given beside -m or -f: there the definitions say it."
            )


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_TARGET_OPTIONS = [
    click.option(
        "-m",
        "--module-name",
        type=TEXT,
        metavar="MODULE",
        help="Module with the Definitions that build_branch_defs is part of.",
    ),
    click.option(
        "-f", "--python-file", type=_FILE, metavar="FILE", help="The same, as a Python file."
    ),
    click.option(
        "-d",
        "--working-directory",
        type=_FOLDER,
        default=Path(),
        metavar="FOLDER",
        help="Where that module's imports start. Default: the current folder.",
    ),
    click.option(
        "-a",
        "--attribute",
        type=TEXT,
        metavar="NAME",
        help="Which Definitions, if there are several in it.",
    ),
    click.option(
        "--url",
        envvar="BRANCH_TOOLKIT_URL",
        show_envvar=True,
        metavar="URL",
        help=(
            "The database, as postgresql://user:password@host:5432/name. Better in the variable:"
            " other users of the machine can read command lines."
        ),
    ),
    click.option(
        "--schema",
        "schemas",
        type=TEXT,
        multiple=True,
        envvar="BRANCH_TOOLKIT_SCHEMAS",
        show_envvar=True,
        metavar="SCHEMA",
        help="A base schema; repeat it for each. In the variable: separated by commas.",
    ),
    click.option(
        "--copy",
        "copies",
        type=TEXT,
        multiple=True,
        metavar="GLOB",
        help="Copy the tables that match instead of deferring them; repeat it for each glob.",
    ),
    click.option(
        "--project",
        type=TEXT,
        envvar="BRANCH_TOOLKIT_PROJECT",
        show_envvar=True,
        help="The project, where several share the database.",
    ),
    click.option(
        "--repository",
        type=TEXT,
        envvar="BRANCH_TOOLKIT_REPOSITORY",
        show_envvar=True,
        metavar="OWNER/NAME",
        help="The project's own repository, where several share the project.",
    ),
    click.option(
        "--git-remote",
        type=TEXT,
        envvar="BRANCH_TOOLKIT_GIT_REMOTE",
        show_envvar=True,
        metavar="URL",
        help="The git remote that tells which branches are open.",
    ),
]

_OUTPUT_OPTIONS = [
    click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
    click.option("-v", "--verbose", is_flag=True, help="Say more."),
    click.option("--debug", is_flag=True, help="Show the traceback of an error."),
]

_TARGET_NAMES = frozenset(TargetOptions.__dataclass_fields__)
