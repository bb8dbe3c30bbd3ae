"""How far a command has come, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from branch_toolkit.cli.options import Output
from branch_toolkit.cli.wording import one_line
from branch_toolkit.core.plan import OnProgress, Progress
from branch_toolkit.reporting import log_progress, progress_line, size


@contextmanager
def progress(output: Output) -> Iterator[OnProgress]:
    """Shows the progress of what is done in the block."""
    if not _on_terminal():
        yield _tell_all if output.verbose else log_progress(_tell)
        return
    with _bars() as bars:
        yield _Bar(bars)


def waiting(text: str) -> AbstractContextManager[object]:
    """Says what is being waited for, while it lasts, on a terminal."""
    return Console(stderr=True).status(Text(text)) if _on_terminal() else nullcontext()


class _Bar:
    """One bar: in bytes where they are estimated, else in statements."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID = bars.add_task("", total=None, amount="")

    def __call__(self, progress: Progress) -> None:
        in_bytes = progress.total_bytes > 0
        amount = f"{progress.done}/{progress.total}"
        if in_bytes:
            amount += f", {size(progress.done_bytes)} of {size(progress.total_bytes)}"
        self._bars.update(
            self._task,
            description=one_line(progress.text),
            completed=progress.done_bytes if in_bytes else progress.done,
            total=progress.total_bytes if in_bytes else progress.total,
            amount=amount,
        )


def _bars() -> Bars:
    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _on_terminal() -> bool:
    return sys.stderr.isatty()


def _tell(line: str) -> None:
    click.echo(one_line(line), err=True)


def _tell_all(progress: Progress) -> None:
    _tell(progress_line(progress))
