"""`branch-toolkit list`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import click

from branch_toolkit.cli.documents import (
    Document,
    environment_document,
    error_document,
    outlook_document,
    refused_documents,
    source_document,
)
from branch_toolkit.cli.failing import redaction_of
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.progress import waiting
from branch_toolkit.cli.prospects import Prospect, Survey, survey
from branch_toolkit.cli.showing import show_line, show_table
from branch_toolkit.cli.target import open_target
from branch_toolkit.cli.wording import count, duration, one_line, print_json
from branch_toolkit.core.environment import Environment, OwnedSchema, Refused
from branch_toolkit.reporting import number, size

_COLUMNS = (
    "environment",
    "branch",
    "state",
    "age",
    "last used",
    "tables",
    "size",
    "why",
    "next",
    "when",
)
_SCHEMA_COLUMNS = ("schema", "clone of", "tables", "rows", "size", "role", "made by")


def list_environments(target: TargetOptions, output: Output, *, offline: bool = False) -> None:
    """Shows every environment of the project with its prospects, and what is left alone."""
    now = datetime.now(tz=timezone.utc)
    with (
        open_target(target) as opened,
        waiting("reading the environments …"),
        opened.warehouse.environments() as environments,
    ):
        found = survey(environments, opened, offline=offline, now=now)
    if output.as_json:
        print_json(_document(found))
    else:
        _show(found, now=now, verbose=output.verbose)


def show_refused(refused: Sequence[Refused]) -> None:
    """The marked schemas that are left alone, and why."""
    if refused:
        show_line(f"{count(len(refused), 'marked schema')} left alone:")
        for found in refused:
            show_line(f"- {found.schema}, because {found.reason}")


def _document(found: Survey) -> Document:
    return {
        "environments": [
            {
                **environment_document(each.environment),
                "why": each.why,
                "next": outlook_document(each.next),
            }
            for each in found.prospects
        ],
        "refused": refused_documents(found.refused),
        "branches": source_document(found.snapshot) if found.snapshot else None,
        "error": error_document(found.error),
    }


def _show(found: Survey, *, now: datetime, verbose: bool) -> None:
    if found.prospects:
        show_table(_COLUMNS, [_row(each, now=now) for each in found.prospects])
    else:
        show_line("There is no environment in this warehouse.")
    if verbose and found.prospects:
        show_table(_SCHEMA_COLUMNS, _schema_rows([each.environment for each in found.prospects]))
    show_refused(found.refused)
    if found.error is not None:
        text = f"The branches were not asked for, so this goes by the marks alone: {found.error}"
        click.echo(one_line(redaction_of(click.get_current_context()).clean(text)), err=True)


def _row(prospect: Prospect, *, now: datetime) -> tuple[str, ...]:
    environment = prospect.environment
    return (
        environment.name,
        environment.label,
        environment.state,
        duration(now - environment.created_at),
        f"{duration(now - environment.last_used_at)} ago",
        number(environment.tables),
        size(environment.size_bytes),
        prospect.why,
        prospect.next.verb.value if prospect.next else "",
        _when(prospect, now=now),
    )


def _when(prospect: Prospect, *, now: datetime) -> str:
    if prospect.next is None:
        return ""
    at = prospect.next.at
    return "at the next tick" if at <= now else f"in {duration(at - now)}"


def _made_by(clone: OwnedSchema) -> str:
    then = f", as of {clone.mark.as_of}" if clone.mark.as_of else ""
    return f"{clone.mark.strategy}{then}, version {clone.mark.toolkit}"


def _schema_rows(environments: Sequence[Environment]) -> list[tuple[str, ...]]:
    return [
        (
            clone.name,
            clone.mark.base_schema,
            number(clone.facts.tables),
            number(clone.facts.rows),
            size(clone.facts.size_bytes),
            clone.mark.role or "",
            _made_by(clone),
        )
        for environment in environments
        for clone in environment.clones
    ]
