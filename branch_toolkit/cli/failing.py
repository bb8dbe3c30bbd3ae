"""Failures of a command: what is said on stderr, and the exit code."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from branch_toolkit.cli.errors import ExtraMissing
from branch_toolkit.cli.redaction import Redaction
from branch_toolkit.cli.wording import one_line, print_json
from branch_toolkit.core.errors import BranchToolkitError

FAILED = 1
SOMETHING_TO_DO = 3
INTERNAL = 70
"""EX_SOFTWARE of sysexits.h."""
INTERRUPTED = 130
"""128 + SIGINT, as a shell reports it."""

_DEBUG = "branch_toolkit.debug"
_JSON = "branch_toolkit.json"
_REDACTION = "branch_toolkit.redaction"
_EXTRAS = {
    "psycopg": "postgres",
    "sqlalchemy": "postgres",
    "snowflake": "snowflake",
    "dagster_snowflake": "snowflake",
    "sqlglot": "snowflake",
}
"""The extra of our distribution that brings each driver."""


def remember(context: click.Context, *, debug: bool, as_json: bool) -> None:
    """How failures of this run are to be shown."""
    context.meta[_DEBUG] = debug
    context.meta[_JSON] = as_json


def redaction_of(context: click.Context) -> Redaction:
    """What must not be said in this run."""
    found = context.meta.get(_REDACTION)
    if not isinstance(found, Redaction):
        found = context.meta[_REDACTION] = Redaction.of(os.environ)
    return found


@contextmanager
def reported(context: click.Context) -> Iterator[None]:
    """Turns every failure inside into words and an exit code; a traceback only by --debug."""
    try:
        yield
    except click.UsageError as error:
        message = redaction_of(context).clean(error.format_message())
        raise click.UsageError(message, ctx=error.ctx) from None
    except (click.exceptions.Exit, click.ClickException, BrokenPipeError):
        raise
    except (KeyboardInterrupt, click.Abort):
        _say(
            context,
            "Interrupted. An environment is changed as a whole or not at all; what a warehouse"
            " could not take back is marked, and cleared away by the next run.",
        )
        context.exit(INTERRUPTED)
    except BranchToolkitError as error:
        _fail(context, error)
    except ModuleNotFoundError as error:
        if error.name is None or error.name not in _EXTRAS:
            _crash(context, error)
        else:
            _fail(context, ExtraMissing(error.name, extra=_EXTRAS[error.name]))
    except Exception as error:  # noqa: BLE001  # the outermost: nobody else would explain it
        _crash(context, error)


def fail_for(context: click.Context, errors: Sequence[BranchToolkitError]) -> None:
    """Says what kept some of several environments from theirs, and ends the command if any did."""
    for error in errors:
        _tell(context, error)
    if errors:
        context.exit(FAILED)


def _tell(context: click.Context, error: BranchToolkitError) -> None:
    if context.meta.get(_DEBUG):
        _say_traceback(context, error)
    _say(context, f"Error: {error}")


def _fail(context: click.Context, error: BranchToolkitError) -> None:
    _tell(context, error)
    if context.meta.get(_JSON):
        clean = redaction_of(context).clean
        kind, problem, remedy = type(error).__name__, clean(error.problem), clean(error.remedy)
        print_json({"error": {"kind": kind, "problem": problem, "remedy": remedy}})
    context.exit(FAILED)


def _crash(context: click.Context, error: Exception) -> None:
    if context.meta.get(_DEBUG):
        _say_traceback(context, error)
        context.exit(INTERNAL)
    name = type(error).__name__
    _say(context, f"Internal error ({name}: {error}). Run it with --debug for the traceback.")
    context.exit(INTERNAL)


def _say_traceback(context: click.Context, error: Exception) -> None:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    click.echo(redaction_of(context).clean(text), err=True)


def _say(context: click.Context, text: str) -> None:
    click.echo(one_line(redaction_of(context).clean(text)), err=True)
