"""`branch-toolkit provision`, `retire` and `restore`: a verb on one environment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial

import click

from branch_toolkit.cli.asking import ask, require_answerable
from branch_toolkit.cli.documents import report_document
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.progress import progress
from branch_toolkit.cli.showing import show_report
from branch_toolkit.cli.target import Target, open_target
from branch_toolkit.cli.wanted import Wanted
from branch_toolkit.cli.wording import print_json
from branch_toolkit.core.branch import Branch
from branch_toolkit.core.plan import Hazard, Report
from branch_toolkit.guards import require_own
from branch_toolkit.launchpad import BranchConfig, grace_of

Verb = Callable[..., Report]
"""A verb of `Environments` that lacks only its time, `dry_run` and `on_progress`."""

_LOST = "What the branch has written is lost; base's state is taken instead."


def provision(
    target: TargetOptions,
    output: Output,
    *,
    wanted: Wanted,
    branch_repository: str | None,
    refresh: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Sees to it that a branch has its environment."""
    if refresh and not dry_run:
        require_answerable(yes=yes)
    with open_target(target) as opened:
        branch = branch_of(wanted, branch_repository, opened)
        with opened.warehouse.environments() as environments:
            name = environments.name_of(branch)
            require_own(opened.warehouse.deployment, environments, name)
            verb = partial(environments.provision, branch, refresh=refresh)
            if refresh and not (dry_run or yes):
                _ask(verb, f"Refresh {name}?", warning=_LOST, hazard=Hazard.DELETES_DATA)
            _do(verb, output, dry_run=dry_run)


def retire(
    target: TargetOptions,
    output: Output,
    *,
    name: str,
    reason: str,
    grace_hours: float | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Sets an environment aside."""
    if not dry_run:
        require_answerable(yes=yes)
    with open_target(target) as opened, opened.warehouse.environments() as environments:
        require_own(opened.warehouse.deployment, environments, name)
        grace = grace_of(grace_hours, opened.policy)
        anew = grace_hours is not None
        verb = partial(environments.retire, name, because=reason, grace=grace, anew=anew)
        if not (dry_run or yes):
            _ask(verb, f"Retire {name}?", warning=f"It can be restored for {_span(grace)}.")
        _do(verb, output, dry_run=dry_run)


def restore(target: TargetOptions, output: Output, *, name: str, dry_run: bool) -> None:
    """Brings a retired environment back."""
    with open_target(target) as opened, opened.warehouse.environments() as environments:
        require_own(opened.warehouse.deployment, environments, name)
        _do(partial(environments.restore, name), output, dry_run=dry_run)


def branch_of(wanted: Wanted, repository: str | None, target: Target) -> Branch:
    """The branch that is named, or else the deployment's own."""
    given = wanted.pull_request is not None or wanted.branch is not None
    if not given and not target.warehouse.deployment.is_branch:
        raise click.UsageError(
            "Which branch? Give --pull-request or --branch; only a branch deployment knows its own."
        )
    config = BranchConfig(
        pull_request=wanted.pull_request, branch=wanted.branch, repository=repository
    )
    return config.to_branch(target.warehouse)


def _ask(verb: Verb, question: str, *, warning: str, hazard: Hazard | None = None) -> None:
    foreseen = verb(now=_now(), dry_run=True).plan
    if not foreseen.empty and (hazard is None or hazard in foreseen.hazards):
        changed = sorted({s.schema for s in foreseen.statements if s.action in ("drop", "mark")})
        ask(question, beforehand=[f"Schemas: {', '.join(changed)}.", warning])


def _do(verb: Verb, output: Output, *, dry_run: bool) -> None:
    with progress(output) as on_progress:
        report = verb(now=_now(), dry_run=dry_run, on_progress=on_progress)
    if output.as_json:
        print_json(report_document(report, dry_run=dry_run))
    else:
        show_report(report, dry_run=dry_run, verbose=output.verbose)


def _span(grace: timedelta) -> str:
    return f"{grace.total_seconds() / 3600:g} hours"


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
