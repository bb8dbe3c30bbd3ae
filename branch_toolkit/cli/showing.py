"""Answers for people, on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from branch_toolkit.cli.wording import count, one_line, printable
from branch_toolkit.core.plan import Plan, Report, Result, Statement
from branch_toolkit.reporting import shown_results, size, summary

_RIGHT = frozenset({"tables", "rows", "size", "seconds", "in base"})
# Wider than any table: in a pipe or a file nothing is to be wrapped or cut.
_UNLIMITED = 100_000


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; as wide as the terminal, or as it needs elsewhere."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        justify = "right" if column in _RIGHT else "left"
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        # As Text: a branch may be called `[red]`, which is no markup.
        table.add_row(*(Text(printable(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _UNLIMITED
    Console(file=sys.stdout, width=width).print(table)


def show_line(line: str) -> None:
    """One line."""
    click.echo(one_line(line))


def show_report(report: Report, *, dry_run: bool, verbose: bool) -> None:
    """What became of a plan: a sentence, and for a dry run or on demand all of it."""
    show_line(summary(report))
    copied = [result for result in report.results if result.action == "copy"]
    if copied:
        show_line(_amount(copied))
    deferred = [result for result in report.results if result.action == "defer"]
    if deferred:
        show_line(f"{count(len(deferred), 'table')} deferred: read through to production")
    if report.results and (dry_run or verbose):
        _show_results(report)
    if dry_run and verbose:
        show_statements(report.plan)
    for line in report.outputs:
        show_line(line)
    show_notes(report.plan)


def show_notes(plan: Plan) -> None:
    """What is not done, or done otherwise than one might think."""
    for note in plan.notes:
        show_line(f"note: {note.object}: {note.text}")


def show_statements(plan: Plan) -> None:
    """The statements, with their hazards as comments."""
    for statement in plan.statements:
        for hazard in sorted(statement.hazards):
            show_line(f"-- {statement.schema}, {statement.object}: {hazard.value}")
        # Line by line: a function's body keeps its lines.
        lines = statement.sql.rstrip().rstrip(";").split("\n")
        click.echo("\n".join(map(_sql_line, lines)) + ";")


def _amount(copied: Sequence[Result]) -> str:
    amounts = [count(len(copied), "table")]
    # Before the first ANALYZE the planner knows no rows, and a memory warehouse no bytes.
    if any(result.rows is not None for result in copied):
        amounts.append(count(sum(result.rows or 0 for result in copied), "row"))
    if any(result.size_bytes is not None for result in copied):
        amounts.append(size(sum(result.size_bytes or 0 for result in copied)))
    return ", ".join(amounts)


def _sql_line(line: str) -> str:
    return printable(line.replace("\t", "    "))


def _in_base(statement: Statement | None) -> str:
    """`1,200 rows, 80.0 kB`, of the table that a statement is about."""
    if statement is None or statement.base_bytes is None:
        return ""
    rows = "" if statement.base_rows is None else f"{count(statement.base_rows, 'row')}, "
    return f"{rows}{size(statement.base_bytes)}"


def _show_results(report: Report) -> None:
    statements = {(each.schema, each.object, each.action): each for each in report.plan.statements}
    show_table(
        ["schema", "object", "action", "in base", "rows", "size", "seconds"],
        [
            (
                result.schema,
                result.object,
                result.action,
                _in_base(statements.get((result.schema, result.object, result.action))),
                "" if result.rows is None else f"{result.rows:,}",
                size(result.size_bytes),
                "" if result.seconds is None else f"{result.seconds:.3f}",
            )
            for result in shown_results(report)
        ],
    )
