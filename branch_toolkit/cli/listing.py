"""`branch-toolkit list`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from branch_toolkit.cli.documents import environment_document, refused_documents
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.progress import waiting
from branch_toolkit.cli.showing import show_line, show_table
from branch_toolkit.cli.target import open_target
from branch_toolkit.cli.wording import count, duration, print_json
from branch_toolkit.core.environment import Environment, Inventory, Refused
from branch_toolkit.reporting import size

_COLUMNS = (
    "environment",
    "branch",
    "state",
    "age",
    "last used",
    "tables",
    "size",
    "drops",
    "why",
)
_SCHEMA_COLUMNS = ("schema", "clone of", "tables", "rows", "size", "made by")


def list_environments(target: TargetOptions, output: Output) -> None:
    """Shows every environment of the project, and what is left alone."""
    with (
        open_target(target) as opened,
        waiting("reading the environments …"),
        opened.warehouse.environments() as environments,
    ):
        inventory = environments.inventory()
    if output.as_json:
        found = [environment_document(each) for each in inventory.environments]
        print_json({"environments": found, "refused": refused_documents(inventory.refused)})
        return
    _show(inventory, now=datetime.now(tz=timezone.utc), verbose=output.verbose)


def show_refused(refused: Sequence[Refused]) -> None:
    """The marked schemas that are left alone, and why."""
    if refused:
        show_line(f"{count(len(refused), 'marked schema')} left alone:")
        for found in refused:
            show_line(f"- {found.schema}, because {found.reason}")


def _show(inventory: Inventory, *, now: datetime, verbose: bool) -> None:
    if inventory.environments:
        show_table(_COLUMNS, [_row(each, now=now) for each in inventory.environments])
    else:
        show_line("There is no environment in this warehouse.")
    if verbose and inventory.environments:
        show_table(_SCHEMA_COLUMNS, _schema_rows(inventory.environments))
    show_refused(inventory.refused)


def _row(environment: Environment, *, now: datetime) -> tuple[str, ...]:
    return (
        environment.name,
        environment.label,
        environment.state,
        duration(now - environment.created_at),
        f"{duration(now - environment.last_used_at)} ago",
        f"{environment.tables:,}",
        size(environment.size_bytes),
        _drops(environment.drop_after, now=now),
        environment.retired_because or "",
    )


def _drops(drop_after: datetime | None, *, now: datetime) -> str:
    if drop_after is None:
        return ""
    return "at the next sweep" if drop_after <= now else f"in {duration(drop_after - now)}"


def _schema_rows(environments: Sequence[Environment]) -> list[tuple[str, ...]]:
    return [
        (
            clone.name,
            clone.mark.base_schema,
            f"{clone.facts.tables:,}",
            f"{clone.facts.rows:,}",
            size(clone.facts.size_bytes),
            f"{clone.mark.strategy}, version {clone.mark.toolkit}",
        )
        for environment in environments
        for clone in environment.clones
    ]
