"""`branch-toolkit provision`, `retire` and `restore`: a verb on one environment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial

import click

from branch_toolkit.cli.asking import ask, require_answerable
from branch_toolkit.cli.by_policy import why_not_provision, why_not_retire
from branch_toolkit.cli.choosing import branch_of, name_of, refuse_namesake
from branch_toolkit.cli.documents import report_document
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.progress import progress
from branch_toolkit.cli.showing import show_report
from branch_toolkit.cli.target import Target, open_target
from branch_toolkit.cli.wanted import CiEvent, Wanted
from branch_toolkit.cli.wording import print_json
from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.branch import BranchState
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.errors import EnvironmentNotFound
from branch_toolkit.core.plan import Hazard, Note, Plan, Report
from branch_toolkit.guards import require_own
from branch_toolkit.launchpad import grace_of
from branch_toolkit.verbs import Environments

Verb = Callable[..., Report]
"""A verb of `Environments` that lacks only its time, `dry_run` and `on_progress`."""

_LOST = "What the branch has written is lost; base's state is taken instead."
_NONE_THERE = "the branch has no environment, so there is nothing to retire"


def provision(
    target: TargetOptions,
    output: Output,
    *,
    wanted: Wanted,
    event: CiEvent | None,
    refresh: bool,
    schema_only: bool,
    as_of: AsOf | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Sees to it that a branch has its environment."""
    if refresh and not dry_run:
        require_answerable(yes=yes)
    with open_target(target) as opened:
        branch = branch_of(wanted, opened)
        with opened.environments() as environments:
            name = environments.name_of(branch)
            require_own(opened.warehouse.deployment, environments, name)
            if event is not None:
                environments.of(branch)
                reason = why_not_provision(branch, event, opened, environments, now=_now())
                if reason is not None:
                    _left("provision", name, reason, output, dry_run=dry_run)
                    return
            verb = partial(
                environments.provision,
                branch,
                refresh=refresh,
                schema_only=schema_only,
                as_of=as_of,
            )
            if refresh and not (dry_run or yes):
                _ask(verb, f"Refresh {name}?", warning=_LOST, hazard=Hazard.DELETES_DATA)
            do(partial(verb, now=_now()), output, dry_run=dry_run)


def retire(
    target: TargetOptions,
    output: Output,
    *,
    wanted: Wanted,
    cause: Cause,
    by_policy: bool,
    reason: str | None,
    sha: str | None,
    grace_hours: float | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Sets an environment aside."""
    if by_policy and not (cause.ended and wanted.by_branch):
        raise click.UsageError("--by-policy needs --cause, and --pull-request or --branch.")
    if not dry_run:
        require_answerable(yes=yes)
    with open_target(target) as opened, opened.environments() as environments:
        name = name_of(wanted, opened, environments)
        kept = _why_kept(wanted, cause, opened, environments) if by_policy else None
        if kept is not None:
            _left("retire", name, kept, output, dry_run=dry_run)
            return
        grace = grace_of(grace_hours, opened.policy, cause)
        verb = partial(
            environments.retire,
            name,
            because=reason or _because(cause),
            grace=grace,
            cause=cause,
            sha=sha,
            anew=grace_hours is not None,
        )
        try:
            if not (dry_run or yes):
                _ask(verb, f"Retire {name}?", warning=f"It can be restored for {_span(grace)}.")
            do(partial(verb, now=_now()), output, dry_run=dry_run)
        except EnvironmentNotFound:
            # CI cannot know whether there was one; whoever typed a name can.
            if wanted.environment is not None:
                raise
            refuse_namesake(wanted, environments)
            _left("retire", name, _NONE_THERE, output, dry_run=dry_run)


def restore(target: TargetOptions, output: Output, *, wanted: Wanted, dry_run: bool) -> None:
    """Brings a retired environment back."""
    with open_target(target) as opened, opened.environments() as environments:
        name = name_of(wanted, opened, environments)
        try:
            do(partial(environments.restore, name, now=_now()), output, dry_run=dry_run)
        except EnvironmentNotFound:
            refuse_namesake(wanted, environments)
            raise


def do(verb: Verb, output: Output, *, dry_run: bool) -> Report:
    """Does it, and shows what became of it.

    Args:
        verb: Lacks only `dry_run` and `on_progress`.
        output: How to answer.
        dry_run: Only say what would be done.
    """
    with progress(output) as on_progress:
        report = verb(dry_run=dry_run, on_progress=on_progress)
    _show(report, output, dry_run=dry_run)
    return report


def _left(verb: str, name: str, reason: str, output: Output, *, dry_run: bool) -> None:
    """Shows that nothing is done, and why."""
    plan = Plan(verb=verb, environment=name, notes=(Note(name, reason),))
    _show(Report(plan=plan, applied=False), output, dry_run=dry_run)


def _show(report: Report, output: Output, *, dry_run: bool) -> None:
    if output.as_json:
        print_json(report_document(report, dry_run=dry_run))
    else:
        show_report(report, dry_run=dry_run, verbose=output.verbose)


def _why_kept(
    wanted: Wanted, cause: Cause, target: Target, environments: Environments
) -> str | None:
    branch, state = branch_of(wanted, target), BranchState(cause.value)
    return why_not_retire(branch, state, target, environments, now=_now())


def _because(cause: Cause) -> str:
    return f"the branch was {cause.value}" if cause.ended else "it was asked for"


def _ask(verb: Verb, question: str, *, warning: str, hazard: Hazard | None = None) -> None:
    foreseen = verb(now=_now(), dry_run=True).plan
    if not foreseen.empty and (hazard is None or hazard in foreseen.hazards):
        changed = sorted({s.schema for s in foreseen.statements if s.action in ("drop", "mark")})
        ask(question, beforehand=[f"Schemas: {', '.join(changed)}.", warning])


def _span(grace: timedelta) -> str:
    return f"{grace.total_seconds() / 3600:g} hours"


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
