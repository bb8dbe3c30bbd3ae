"""The commands that change nothing. What they do is imported when they run."""

from __future__ import annotations

import click

from branch_toolkit.cli.branch_options import branch_options
from branch_toolkit.cli.options import TEXT, Output, TargetOptions, target_options
from branch_toolkit.cli.wanted import Wanted


@click.command("list")
@click.option(
    "--offline", is_flag=True, help="Do not ask the branch source: go by the marks alone."
)
@target_options
def list_(*, target: TargetOptions, output: Output, offline: bool) -> None:
    """List the environments.

    Shows every environment of the project with its branch, state, age, last use and size, why it
    is there or not in use, and what happens next and when; and schemas that carry a mark but are
    left alone, with the reason. Where the branch source cannot be asked, goes by the marks alone,
    and says so. Changes nothing. With -v the schemas of each environment, and its role, too.

    \b
    Example:
        branch-toolkit list -m acme_pipelines.definitions

    \b
    JSON: environments [environment branch pull_request repository state created_at last_used_at
        drop_after retired_because cause keep_until role strategy tables rows size_bytes schemas
        [schema base_schema retired_at as_of tables rows size_bytes] why next {verb at because
        cause}] refused [schema reason] branches {source repository complete note branches} error
        {kind problem remedy}. A time in `at` that is past: at the sensors' next tick
    """
    from branch_toolkit.cli.listing import list_environments

    list_environments(target, output, offline=offline)


@click.command()
@click.argument("environment", type=TEXT, required=False)
@branch_options
@click.option("--sql", "with_sql", is_flag=True, help="The statements too.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 if there is something to do.")
@target_options
def plan(
    *,
    target: TargetOptions,
    output: Output,
    environment: str | None,
    pull_request: int | None,
    branch: str | None,
    with_sql: bool,
    exit_code: bool,
) -> None:
    """Show what the sensors would do next, and why.

    Asks the branch source and the warehouse, and shows the decision for every branch and every
    environment: provision, restore, retire, drop, or keep; with -v also for branches that get no
    environment. With --sql, or for one ENVIRONMENT or
    branch, shows the statements too. Executes none of them, and takes no lock that production
    could notice.

    \b
    Examples:
        branch-toolkit plan -m acme_pipelines.definitions
        branch-toolkit plan pr_42 -m acme_pipelines.definitions
        branch-toolkit plan --exit-code --json -m acme_pipelines.definitions

    \b
    JSON: actions [verb environment branch pull_request reason cause next {verb at because cause}
        sensor error statements [sql action schema object hazards rows size_bytes]] branches {source
        repository complete note branches} refused [schema reason]
    """
    from branch_toolkit.cli.planning import plan as run

    wanted = Wanted(environment=environment, pull_request=pull_request, branch=branch)
    run(target, output, wanted=wanted, with_sql=with_sql, exit_code=exit_code)


@click.command()
@target_options
def doctor(*, target: TargetOptions, output: Output) -> None:
    """Check everything that the toolkit needs.

    Looks at the deployment's variables, the connection, the base schemas, the role's rights, the
    names that clones would get, the marks, the clocks and the branch source; says what is well,
    what to look at and what to fix, with the remedy, such as the exact GRANTs. Changes nothing.
    Exits with 1 if something must be fixed.

    \b
    Example:
        branch-toolkit doctor -m acme_pipelines.definitions

    \b
    JSON: checks [check status text remedy], where status is ok, warn, fix or skipped
    """
    from branch_toolkit.cli.examining import examine_all

    examine_all(target, output)
