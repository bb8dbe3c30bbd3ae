"""Asking before something is changed that people could miss."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from branch_toolkit.cli.failing import FAILED
from branch_toolkit.cli.wording import one_line


def can_answer() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty()


def require_answerable(*, yes: bool) -> None:
    """Refuses, before any work, a call that would have to ask where nobody can answer.

    Raises:
        click.UsageError: There is neither a terminal nor `--yes`.
    """
    if not (yes or can_answer()):
        raise click.UsageError(
            "This command asks before it changes anything, and there is no terminal to ask on."
            " Give --yes, or --dry-run to see what it would do."
        )


def ask(question: str, *, beforehand: Sequence[str] = ()) -> None:
    """Asks on the terminal, and ends the command unless the answer is yes.

    Args:
        question: What is to be confirmed.
        beforehand: What a person should know to answer.
    """
    for line in beforehand:
        click.echo(one_line(line), err=True)
    if not click.confirm(question, err=True):
        click.echo("Nothing was changed.", err=True)
        click.get_current_context().exit(FAILED)
