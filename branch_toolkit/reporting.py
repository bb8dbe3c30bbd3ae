"""What people see of a run: metadata tables, log lines, failures that say what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from branch_toolkit.core.environment import Environment
from branch_toolkit.core.errors import (
    BaseBusy,
    BranchSourceUnavailable,
    BranchToolkitError,
    EnvironmentBusy,
    StalePlan,
    WarehouseUnavailable,
)
from branch_toolkit.core.lifecycle import Action
from branch_toolkit.core.plan import OnProgress, Progress, Report, Result

_TRANSIENT = (
    BaseBusy,
    BranchSourceUnavailable,
    EnvironmentBusy,
    StalePlan,
    WarehouseUnavailable,
)
_SECONDS_BETWEEN_LINES = 2.0
_INTERNAL = frozenset({"set", "analyze"})


@contextmanager
def explained() -> Iterator[None]:
    """Turns our errors into Dagster failures; only those that may pass are retried."""
    try:
        yield
    except BranchToolkitError as error:
        raise dg.Failure(
            description=str(error),
            metadata={
                "problem": dg.MetadataValue.text(error.problem),
                "remedy": dg.MetadataValue.text(error.remedy),
            },
            allow_retries=isinstance(error, _TRANSIENT),
        ) from error


def log_progress(write: Callable[[str], object]) -> OnProgress:
    """Writes a line for the first statement, and then every few seconds."""
    last = 0.0

    def on_progress(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if last and now - last < _SECONDS_BETWEEN_LINES:
            return
        last = now
        write(progress_line(progress))

    return on_progress


def progress_line(progress: Progress) -> str:
    """`3/40 copy analytics__pr_42: table orders (12.0 MB of 120.0 MB)`."""
    line = f"{progress.done}/{progress.total} {progress.text}"
    if progress.total_bytes:
        line += f" ({size(progress.done_bytes)} of {size(progress.total_bytes)})"
    return line


def size(size_bytes: int | None) -> str:
    """A size for people to read: `12.0 MB`."""
    if size_bytes is None:
        return ""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def summary(report: Report) -> str:
    """One sentence on what became of a plan."""
    plan = report.plan
    if plan.empty:
        return f"{plan.verb} {plan.environment}: nothing to do, it is as it should be"
    schemas = sorted(
        {statement.schema for statement in plan.statements if statement.action != "set"}
    )
    done = "done" if report.applied else "would be done (dry run)"
    took = f" in {report.seconds:.2f} s" if report.applied else ""
    return f"{plan.verb} {plan.environment}: {done}{took}; schemas {', '.join(schemas)}"


def report_metadata(report: Report) -> dict[str, dg.MetadataValue]:
    """The metadata of a run that applied a plan, or would have."""
    metadata: dict[str, dg.MetadataValue] = {
        "summary": dg.MetadataValue.text(summary(report)),
        "environment": dg.MetadataValue.text(report.plan.environment),
        "applied": dg.MetadataValue.bool(report.applied),
        "objects": _result_table(shown_results(report)),
    }
    if report.plan.statements:
        statements = ";\n".join(statement.sql for statement in report.plan.statements)
        metadata["statements"] = dg.MetadataValue.md(f"```sql\n{statements};\n```")
    if report.plan.notes:
        lines = "\n".join(f"- **{note.object}**: {note.text}" for note in report.plan.notes)
        metadata["not cloned"] = dg.MetadataValue.md(lines)
    return metadata


def shown_results(report: Report) -> list[Result]:
    """The results that a person wants to see: not the settings, nor what only helps the planner."""
    return [result for result in report.results if result.action not in _INTERNAL]


def environment_rows(environments: Sequence[Environment]) -> list[dict[str, str | int]]:
    """The inventory as rows for a table."""
    return [
        {
            "environment": environment.name,
            "branch": environment.label,
            "state": environment.state,
            "why": environment.retired_because or "",
            "schemas": ", ".join(clone.name for clone in environment.clones),
            "created": environment.created_at.isoformat(timespec="seconds"),
            "last used": environment.last_used_at.isoformat(timespec="seconds"),
            "drop after": (
                environment.drop_after.isoformat(timespec="seconds")
                if environment.drop_after
                else ""
            ),
            "tables": environment.tables,
            "rows (estimate)": environment.rows,
            "size": size(environment.size_bytes),
            "strategy": environment.strategy,
        }
        for environment in environments
    ]


def table(rows: Sequence[dict[str, str | int]]) -> dg.MetadataValue:
    """Rows as a metadata table; an empty one says so."""
    if not rows:
        return dg.MetadataValue.text("none")
    columns = [
        dg.TableColumn(name, "integer" if isinstance(value, int) else "string")
        for name, value in rows[0].items()
    ]
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(row)) for row in rows], schema=dg.TableSchema(columns=columns)
    )


def action_line(action: Action, name: str) -> str:
    """`retire pr_42: the branch is gone from the git remote …`."""
    return f"{action.verb.value} {name}: {action.reason}"


def _result_table(results: Sequence[Result]) -> dg.MetadataValue:
    return table(
        [
            {
                "schema": result.schema,
                "object": result.object,
                "action": result.action,
                "rows": "" if result.rows is None else f"{result.rows:,}",
                "size": size(result.size_bytes),
                "seconds": "" if result.seconds is None else f"{result.seconds:.3f}",
            }
            for result in results
        ]
    )
