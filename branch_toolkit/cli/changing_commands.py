"""The commands that change environments. What they do is imported when they run."""

from __future__ import annotations

import click

from branch_toolkit.cli.branch_options import (
    SHA_OPTION,
    environment_options,
    event_options,
    wanted_options,
)
from branch_toolkit.cli.options import (
    TEXT,
    Hours,
    Output,
    TargetOptions,
    as_of_option,
    dry_run_option,
    target_options,
    yes_option,
)
from branch_toolkit.cli.wanted import CiEvent, Wanted
from branch_toolkit.core.as_of import AsOf


@click.command()
@wanted_options
@event_options
@click.option(
    "--refresh", is_flag=True, help="Replace its clones by new ones; what it has written is lost."
)
@click.option(
    "--schema-only", is_flag=True, help="Make all tables empty: no row of production gets into it."
)
@as_of_option
@dry_run_option
@yes_option
@target_options
def provision(
    *,
    target: TargetOptions,
    output: Output,
    wanted: Wanted,
    event: CiEvent | None,
    refresh: bool,
    schema_only: bool,
    as_of: AsOf | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """See to it that a branch has its environment.

    Makes a clone of each base schema that the branch has none of yet, all of it or nothing, and
    brings back an environment that was retired. What is there is kept, with the branch's data:
    call it as often as you like. In a branch deployment the branch need not be given.

    Only reads the base schemas: it never changes them, and gives way to production's locks. With
    --refresh the branch's clones are replaced, and it asks first if that loses data. With --as-of
    they get the data of then; an environment that is there with other data is left as it is.

    By hand it makes an environment for any branch; with --by-policy only for one that a sensor
    would make it for, and else says why not.

    \b
    Examples:
        branch-toolkit provision --pull-request 42 -m acme_pipelines.definitions
        branch-toolkit provision --branch feature/login --dry-run -m acme_pipelines.definitions
        branch-toolkit provision --pull-request 42 --refresh --yes -m acme_pipelines.definitions
        branch-toolkit provision --branch x --as-of 2026-11-22T04:00Z -m acme_pipelines.definitions

    \b
    JSON: verb environment dry_run applied seconds results [schema object action rows size_bytes
        seconds] notes [object text] statements [sql action schema object hazards rows size_bytes]
    """
    from branch_toolkit.cli.working import provision as run

    run(
        target,
        output,
        wanted=wanted,
        event=event,
        refresh=refresh,
        schema_only=schema_only,
        as_of=as_of,
        dry_run=dry_run,
        yes=yes,
    )


@click.command()
@environment_options
@click.option(
    "--cause",
    type=click.Choice(["merged", "closed"]),
    help="How the branch ended; the policy's grace period may differ. Default: it did not.",
)
@click.option(
    "--by-policy",
    is_flag=True,
    help="Only if a sensor would, now that the branch has ended. For CI; needs --cause.",
)
@click.option(
    "--reason",
    type=TEXT,
    help="Why, for those who wonder where it went. Default: by --cause, or that it was asked for.",
)
@SHA_OPTION
@click.option(
    "--grace-hours",
    type=Hours(),
    help="Hours in which it can be restored. Default: the policy's, which is 72 unless set.",
)
@dry_run_option
@yes_option
@target_options
def retire(
    *,
    target: TargetOptions,
    output: Output,
    wanted: Wanted,
    cause: str | None,
    by_policy: bool,
    reason: str | None,
    sha: str | None,
    grace_hours: float | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Set an ENVIRONMENT aside, such as pr_42.

    Only its marks are changed: the branch's runs no longer find it, and `restore` brings it back
    until the grace period is over. Never drops anything; a later `sweep` does.

    Instead of the environment its branch can be named; then it is no error if it has none. In a
    branch deployment neither need be given. With --by-policy one that is protected, or that
    somebody asked to keep, stays.

    \b
    Examples:
        branch-toolkit retire pr_42 --reason "superseded by #57" -m acme_pipelines.definitions
        branch-toolkit retire --pull-request 42 --cause merged --yes -m acme_pipelines.definitions

    \b
    JSON: verb environment dry_run applied seconds results [schema object action rows size_bytes
        seconds] notes [object text] statements [sql action schema object hazards rows size_bytes]
    """
    from branch_toolkit.cli.working import retire as run
    from branch_toolkit.core.cause import Cause

    run(
        target,
        output,
        wanted=wanted,
        cause=Cause(cause) if cause else Cause.ASKED,
        by_policy=by_policy,
        reason=reason,
        sha=sha or None,
        grace_hours=grace_hours,
        dry_run=dry_run,
        yes=yes,
    )


@click.command()
@environment_options
@dry_run_option
@target_options
def restore(*, target: TargetOptions, output: Output, wanted: Wanted, dry_run: bool) -> None:
    """Bring a retired ENVIRONMENT back, with its data.

    Only its marks are changed; no table is touched, nothing is cloned anew. What was dropped
    already cannot come back. Instead of the environment its branch can be named.

    \b
    Examples:
        branch-toolkit restore pr_42 -m acme_pipelines.definitions
        branch-toolkit restore --pull-request 42 -m acme_pipelines.definitions

    \b
    JSON: verb environment dry_run applied seconds results [schema object action rows size_bytes
        seconds] notes [object text] statements [sql action schema object hazards rows size_bytes]
    """
    from branch_toolkit.cli.working import restore as run

    run(target, output, wanted=wanted, dry_run=dry_run)


@click.command()
@click.argument("environment", type=TEXT, required=False)
@dry_run_option
@yes_option
@target_options
def sweep(
    *, target: TargetOptions, output: Output, environment: str | None, dry_run: bool, yes: bool
) -> None:
    """Retire what has ended, and drop what is due.

    Compares the environments (or only ENVIRONMENT) with the branches. One whose branch is merged,
    closed or gone is retired; one that is retired and past its grace period is dropped for good,
    with all that is in its schemas.

    Never drops an environment in use, a schema without this project's own unedited mark, or one
    that objects elsewhere depend on; and what it is not sure of, it keeps. Not available in a
    branch deployment.

    \b
    Examples:
        branch-toolkit sweep --dry-run -m acme_pipelines.definitions
        branch-toolkit sweep --yes -m acme_pipelines.definitions

    \b
    JSON: dry_run decisions [verb environment branch pull_request reason cause next {verb at because
        cause} sensor error report {verb
        environment dry_run applied seconds results [schema object action rows size_bytes seconds]
        notes [object text] statements [sql action schema object hazards rows size_bytes]}]
        branches {source repository complete note branches} refused [schema reason]
    """
    from branch_toolkit.cli.sweeping import sweep as run

    run(target, output, only=environment, dry_run=dry_run, yes=yes)
