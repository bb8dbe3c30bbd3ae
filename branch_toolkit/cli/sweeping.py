"""`branch-toolkit sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import click

from branch_toolkit.cli.asking import ask, require_answerable
from branch_toolkit.cli.deciding import Decision, attempt, decisions_of
from branch_toolkit.cli.documents import (
    Document,
    refused_documents,
    report_document,
    source_document,
)
from branch_toolkit.cli.failing import fail_for
from branch_toolkit.cli.listing import show_refused
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.progress import progress, waiting
from branch_toolkit.cli.showing import show_line
from branch_toolkit.cli.target import Target, open_target
from branch_toolkit.cli.wording import count, print_json
from branch_toolkit.core.action import Verb
from branch_toolkit.core.errors import EnvironmentBusy
from branch_toolkit.core.plan import OnProgress, Progress
from branch_toolkit.guards import require_base
from branch_toolkit.observing import Observation, carry_out, observe
from branch_toolkit.verbs import Environments

_ACTING = (Verb.RETIRE, Verb.DROP)


def sweep(
    target: TargetOptions, output: Output, *, only: str | None, dry_run: bool, yes: bool
) -> None:
    """Retires what has ended, and drops what was retired when its grace period is over."""
    if not dry_run:
        require_answerable(yes=yes)
    with open_target(target) as opened, opened.environments() as environments:
        require_base(opened.warehouse.deployment)
        decisions, seen = _decide(environments, opened, only=only)
        if not (dry_run or yes):
            decisions, seen = _confirmed(decisions, environments, opened, only=only)
        with progress(output) as on_progress:
            done = _execute(decisions, environments, opened, on_progress, dry_run=dry_run)
            halves = sorted({one.environment for one in seen.inventory.debris})
            cleared = [name for name in halves if not dry_run and _clear(environments, name)]
    if output.as_json:
        print_json(_document(done, seen, dry_run=dry_run))
    else:
        _show(done, seen, dry_run=dry_run)
        for name in cleared:
            show_line(f"clear {name}: what a run that did not come to its end left was dropped")
    fail_for(click.get_current_context(), [each.error for each in done if each.error])


def _clear(environments: Environments, name: str) -> bool:
    """Drops what is half-made or half-dropped of an environment, unless a run works on it now."""
    try:
        return environments.clear(name, now=_now(), wait=False).applied
    except EnvironmentBusy:
        return False


def _decide(
    environments: Environments, target: Target, *, only: str | None
) -> tuple[list[Decision], Observation]:
    source = target.require_source()
    with waiting("reading the branches and the environments …"):
        seen = observe(environments, source, target.policy, now=_now())
    if only is not None:
        seen.inventory.find(only)
    # To provision and to restore is the other sensor's business.
    swept = [each for each in seen.actions if each.verb in (*_ACTING, Verb.KEEP)]
    decisions = decisions_of(swept, environments)
    return [each for each in decisions if only in (None, each.name)], seen


def _confirmed(
    decisions: Sequence[Decision], environments: Environments, target: Target, *, only: str | None
) -> tuple[list[Decision], Observation]:
    due = [decision for decision in decisions if _acts(decision)]
    if due:
        ask(
            f"Retire or drop {count(len(due), 'environment')}?",
            beforehand=[decision.line for decision in due],
        )
    # Whoever answers may have taken an hour: what was shown is done only if it is still so.
    shown = {(decision.action.verb, decision.name) for decision in due}
    decisions, seen = _decide(environments, target, only=only)
    agreed = (each for each in decisions if (each.action.verb, each.name) in shown)
    return [*agreed, *(each for each in decisions if not _acts(each))], seen


def _acts(decision: Decision) -> bool:
    return decision.action.verb in _ACTING


def _execute(
    decisions: Sequence[Decision],
    environments: Environments,
    target: Target,
    on_progress: OnProgress,
    *,
    dry_run: bool,
) -> list[Decision]:
    due = sum(map(_acts, decisions))
    done: list[Decision] = []
    for decision in decisions:
        if _acts(decision) and not dry_run:
            finished = sum(map(_acts, done))
            on_progress(Progress(done=finished, total=due, text=decision.line))
        done.append(
            attempt(
                decision,
                lambda each: carry_out(
                    environments, each.action, target.policy, now=_now(), dry_run=dry_run
                ),
            )
        )
    return done


def _show(decisions: Sequence[Decision], seen: Observation, *, dry_run: bool) -> None:
    for decision in decisions:
        show_line(decision.line + _outcome(decision))
    if not decisions:
        show_line("There is no environment in this warehouse.")
    elif not any(map(_acts, decisions)):
        show_line("Nothing to do.")
    elif dry_run:
        show_line("Nothing was changed (dry run).")
    show_refused(seen.inventory.refused)


def _outcome(decision: Decision) -> str:
    if decision.error:
        return " (failed)"
    if decision.report is None:
        return ""
    if decision.report.applied:
        return f" (done in {decision.report.seconds:.2f} s)"
    return " (nothing to do)" if decision.report.plan.empty else " (dry run)"


def _document(decisions: Sequence[Decision], seen: Observation, *, dry_run: bool) -> Document:
    return {
        "dry_run": dry_run,
        "decisions": [
            {
                **decision.document(),
                "report": (
                    report_document(decision.report, dry_run=dry_run) if decision.report else None
                ),
            }
            for decision in decisions
        ],
        "branches": source_document(seen.snapshot),
        "refused": refused_documents(seen.inventory.refused),
    }


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
