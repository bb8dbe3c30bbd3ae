"""What people see of a run: metadata tables, log lines, failures that say what to do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import accumulate

import dagster as dg

from branch_toolkit.core.action import Action
from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.errors import (
    BaseBusy,
    BranchSourceUnavailable,
    BranchToolkitError,
    EnvironmentBusy,
    StalePlan,
    WarehouseUnavailable,
)
from branch_toolkit.core.plan import OnProgress, Plan, Progress, Report, Result, Statement
from branch_toolkit.core.policy import Policy
from branch_toolkit.standing import minute, standing_of

_TRANSIENT = (
    BaseBusy,
    BranchSourceUnavailable,
    EnvironmentBusy,
    StalePlan,
    WarehouseUnavailable,
)
_SECONDS_BETWEEN_LINES = 2.0
_INTERNAL = frozenset({"set", "analyze"})
_MAKING = frozenset({"provision", "refresh"})
_TABLE_ACTIONS = frozenset({"copy", "defer"})
_MOST_ROWS = 100
_LONGEST_SCRIPT = 100_000


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
            allow_retries=may_pass(error),
        ) from error
    except dg.Failure:
        raise
    except Exception as error:
        # What we did not foresee will not mend itself either.
        raise dg.Failure(
            description=f"Unexpected {type(error).__name__}: {error}", allow_retries=False
        ) from error


def may_pass(error: BranchToolkitError) -> bool:
    """Whether the same may well work a little later."""
    return isinstance(error, _TRANSIENT)


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


def number(count: int | None) -> str:
    """A number for people to read: `1,234`; nothing where it is not known."""
    return "" if count is None else f"{count:,}"


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
        {each.schema for each in plan.statements if each.action != "set" and each.schema}
    )
    done = "done" if report.applied else "would be done (dry run)"
    took = f" in {report.seconds:.2f} s" if report.applied else ""
    return f"{plan.verb} {plan.environment}: {done}{took}; schemas {', '.join(schemas)}"


def report_metadata(report: Report, *, as_of: AsOf | None = None) -> dict[str, dg.MetadataValue]:
    """The metadata of a run that applied a plan, or would have.

    Args:
        report: What became of the plan.
        as_of: The past state of base that was asked for.
    """
    tables, others = _told_apart(report)
    metadata: dict[str, dg.MetadataValue] = {
        "summary": dg.MetadataValue.text(summary(report)),
        "environment": dg.MetadataValue.text(report.plan.environment),
        "applied": dg.MetadataValue.bool(report.applied),
    }
    if as_of is not None:
        metadata["data as of"] = dg.MetadataValue.text(str(as_of))
    if tables:
        statements = {(each.schema, each.object): each for each in report.plan.statements}
        rows = [
            _table_row(result, statements.get((result.schema, result.object))) for result in tables
        ]
        metadata["tables"] = table(rows)
    if others:
        metadata["other objects"] = dg.MetadataValue.text(_counted(others))
    if report.plan.statements:
        metadata["statements"] = dg.MetadataValue.md(f"```sql\n{_script(report.plan)}\n```")
    if report.applied and report.plan.verb in _MAKING:
        # It is proven before the clones are shown, or else the run fails.
        metadata["audit"] = dg.MetadataValue.text("no object of the clones depends on base")
    if report.outputs:
        metadata["other outputs"] = bullets(report.outputs)
    if report.plan.notes:
        lines = [f"- **{note.object}**: {note.text}" for note in report.plan.notes]
        metadata["not cloned"] = dg.MetadataValue.md("\n".join(_first(lines, _MOST_ROWS)))
    return metadata


def bullets(lines: Sequence[str]) -> dg.MetadataValue:
    """Lines as metadata, no more than a page can show."""
    return dg.MetadataValue.md("\n".join(_first([f"- {line}" for line in lines], _MOST_ROWS)))


def _told_apart(report: Report) -> tuple[list[Result], list[Result]]:
    """The tables that were copied or deferred, largest first, and everything else."""
    shown = shown_results(report)
    tables = [result for result in shown if result.action in _TABLE_ACTIONS]
    tables.sort(key=lambda result: (-(result.size_bytes or 0), result.schema, result.object))
    made = {(result.schema, result.object) for result in tables}
    others = [
        result
        for result in shown
        if result.action not in _TABLE_ACTIONS and (result.schema, result.object) not in made
    ]
    return tables, others


def _table_row(result: Result, statement: Statement | None) -> dict[str, str | int]:
    base_rows = statement.base_rows if statement else None
    return {
        "schema": result.schema,
        "table": result.object.removeprefix("table "),
        "strategy": result.action,
        "rows in base": "" if base_rows is None else f"{base_rows:,}",
        "size in base": size(statement.base_bytes) if statement else "",
        "rows": "" if result.rows is None else f"{result.rows:,}",
        "size": size(result.size_bytes),
        "seconds": "" if result.seconds is None else f"{result.seconds:.2f}",
    }


def _counted(results: Sequence[Result]) -> str:
    """`create: 2 schemas, 8 foreign keys, 1 view; mark: 2 schemas`."""
    counts = Counter((result.action, _kind(result.object)) for result in results)
    by_action: dict[str, list[str]] = {}
    for (action, kind), count in counts.items():
        by_action.setdefault(action, []).append(f"{count} {kind if count == 1 else _plural(kind)}")
    return "; ".join(f"{action}: {', '.join(kinds)}" for action, kinds in by_action.items())


def _kind(described: str) -> str:
    """`foreign key` of `foreign key x of table y`."""
    two_words = ("foreign key", "materialized view")
    return next((kind for kind in two_words if described.startswith(kind)), described.split()[0])


def _plural(kind: str) -> str:
    if kind.endswith("s"):
        return kind
    return f"{kind}es" if kind.endswith("x") else f"{kind}s"


def _script(plan: Plan) -> str:
    statements = [f"{statement.sql};" for statement in plan.statements]
    lengths = accumulate(len(statement) for statement in statements)
    fitting = sum(length <= _LONGEST_SCRIPT for length in lengths)
    return "\n".join(_first(statements, max(fitting, 1), comment="-- "))


def _first(lines: Sequence[str], most: int, *, comment: str = "") -> list[str]:
    # One event in the log must not grow with the warehouse.
    if len(lines) <= most:
        return list(lines)
    return [*lines[:most], f"{comment}… and {len(lines) - most} more"]


def shown_results(report: Report) -> list[Result]:
    """The results that a person wants to see: not the settings, nor what only helps the planner."""
    return [result for result in report.results if result.action not in _INTERNAL]


def environment_rows(
    environments: Sequence[Environment], policy: Policy, *, now: datetime
) -> list[dict[str, str | int]]:
    """The inventory as rows for a table that fits a page."""
    standings = [standing_of(environment, policy, now=now) for environment in environments]
    return [
        {
            "environment": environment.name,
            "branch": environment.label,
            "state": standing.state,
            "why": standing.why,
            "next": standing.next,
            "size": size(environment.size_bytes),
            "last used": minute(environment.last_used_at),
        }
        for environment, standing in zip(environments, standings, strict=True)
    ]


def environment_details(environments: Sequence[Environment]) -> list[dict[str, str | int]]:
    """What else there is to know of each."""
    return [
        {
            "environment": environment.name,
            "schemas": ", ".join(clone.name for clone in environment.clones),
            "created": _created(environment),
            "tables": _known(environment.tables),
            "rows (estimate)": _known(environment.rows),
            "strategy": environment.strategy,
            "role": environment.role or "",
            "repository": environment.repository or "",
        }
        for environment in environments
    ]


def _created(environment: Environment) -> str:
    """`2026-11-22 12:00 UTC`, and what it has the data of, where that is not the same time."""
    created = minute(environment.created_at)
    times = sorted({clone.mark.as_of for clone in environment.clones if clone.mark.as_of})
    return f"{created}, data as of {' and '.join(times)}" if times else created


def _known(count: int | None) -> str | int:
    return "" if count is None else count


def table(rows: Sequence[dict[str, str | int]]) -> dg.MetadataValue:
    """Rows as a metadata table, no more than a page can show; an empty one says so."""
    if not rows:
        return dg.MetadataValue.text("none")
    names = list(rows[0])
    records = [{name: str(row[name]) for name in names} for row in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        records.append(
            dict.fromkeys(names, "") | {names[0]: f"… and {len(rows) - _MOST_ROWS} more"}
        )
    return dg.MetadataValue.table(
        [dg.TableRecord(record) for record in records],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in names]),
    )


def action_line(action: Action, name: str) -> str:
    """`retire pr_42: the branch is gone from the git remote …`."""
    return f"{action.verb.value} {name}: {action.reason}"
