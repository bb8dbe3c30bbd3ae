"""`branch-toolkit plan`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import click

from branch_toolkit.cli.deciding import Decision, attempt, decisions_of
from branch_toolkit.cli.documents import (
    Document,
    refused_documents,
    source_document,
    statement_documents,
)
from branch_toolkit.cli.errors import NothingKnown
from branch_toolkit.cli.failing import SOMETHING_TO_DO, fail_for
from branch_toolkit.cli.listing import show_refused
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.progress import waiting
from branch_toolkit.cli.showing import show_line, show_notes, show_statements
from branch_toolkit.cli.target import Target, open_target
from branch_toolkit.cli.wanted import Wanted
from branch_toolkit.cli.wording import count, print_json
from branch_toolkit.core.plan import Report
from branch_toolkit.observing import Observation, carry_out, observe
from branch_toolkit.verbs import Environments


def plan(
    target: TargetOptions, output: Output, *, wanted: Wanted, with_sql: bool, exit_code: bool
) -> None:
    """Shows what the next ticks of both sensors would do."""
    with open_target(target) as opened, opened.warehouse.environments() as environments:
        source = opened.require_source()
        with waiting("reading the branches and the environments …"):
            now = datetime.now(tz=timezone.utc)
            seen = observe(environments, source, opened.policy, now=now)
            decisions = _chosen(decisions_of(seen.actions, environments), seen, wanted)
            if with_sql or wanted.given:
                decisions = [_foreseen(each, environments, opened) for each in decisions]
        in_branch = opened.warehouse.deployment.is_branch
    if output.as_json:
        print_json(_document(decisions, seen))
    else:
        _show(decisions, seen, whole=not wanted.given, verbose=output.verbose)
    if in_branch:
        note = "The sensors act in the base deployment only; this is what they would do there."
        click.echo(note, err=True)
    context = click.get_current_context()
    fail_for(context, [decision.error for decision in decisions if decision.error])
    if exit_code and not all(decision.keeps for decision in decisions):
        context.exit(SOMETHING_TO_DO)


def _chosen(decisions: list[Decision], seen: Observation, wanted: Wanted) -> list[Decision]:
    chosen = [each for each in decisions if each.matches(wanted)]
    if wanted.given and not chosen:
        known = [each.name for each in decisions]
        raise NothingKnown(str(wanted), source=seen.snapshot.source, known=known)
    return chosen


def _foreseen(decision: Decision, environments: Environments, target: Target) -> Decision:
    def act(decision: Decision) -> Report | None:
        now = datetime.now(tz=timezone.utc)
        return carry_out(environments, decision.action, target.policy, now=now, dry_run=True)

    return attempt(decision, act)


def _show(decisions: Sequence[Decision], seen: Observation, *, whole: bool, verbose: bool) -> None:
    shown = [each for each in decisions if each.about_environment or verbose or not whole]
    for decision in shown:
        as_script = decision.report is not None
        show_line(f"-- {decision.line}" if as_script else decision.line)
        if decision.report is not None:
            show_statements(decision.report.plan)
            show_notes(decision.report.plan)
    if not shown:
        show_line("Nothing to do: there is no environment, and no open branch that is to have one.")
    if whole:
        show_refused(seen.inventory.refused)
    if verbose:
        show_line(
            f"{seen.snapshot.source} told of {count(len(seen.snapshot.branches), 'branch')}"
            f" ({'complete' if seen.snapshot.complete else 'not complete'})"
        )


def _document(decisions: Sequence[Decision], seen: Observation) -> Document:
    return {
        "actions": [
            {
                **decision.document(),
                "statements": (
                    statement_documents(decision.report.plan) if decision.report else None
                ),
            }
            for decision in decisions
        ],
        "branches": source_document(seen.snapshot),
        "refused": refused_documents(seen.inventory.refused),
    }
