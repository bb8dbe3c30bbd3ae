"""The group of commands. Nothing here imports Dagster or a driver: `--help` is to be quick."""

from __future__ import annotations

from typing import Any

import click

from branch_toolkit.cli.changing_commands import provision, restore, retire, sweep
from branch_toolkit.cli.ci_commands import ci
from branch_toolkit.cli.failing import reported
from branch_toolkit.cli.keeping_command import keep
from branch_toolkit.cli.owning_command import own
from branch_toolkit.cli.reading_commands import doctor, list_, plan
from branch_toolkit.cli.snowflake_setup import snowflake_setup
from branch_toolkit.version import __version__

_INSTEAD = {
    "refresh": "provision --refresh",
    "drop": "retire, and then sweep when its grace period is over",
    "ls": "list",
    "status": "list",
}


class _Program(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        with reported(ctx):
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in _INSTEAD:
            ctx.fail(f"There is no command {args[0]!r}: use {_INSTEAD[args[0]]}.")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="branch-toolkit")
def program() -> None:
    """Every git branch gets its own data environment: clones of the base schemas.

    The commands do what the jobs of the same names do in Dagster. None of them ever changes a base
    schema, or any schema that does not carry this project's own unedited mark.

    All but `ci` have to know the database. Name the code that Dagster loads, or the database
    itself, by flags or by the variables that they name:

    \b
        branch-toolkit list -m acme_pipelines.definitions
        branch-toolkit list --url "$WAREHOUSE_URL" --schema analytics

    Begin with `doctor`, which says what is missing. Exit codes: 0 done or nothing to do, 1 an
    error, 2 a wrong call, 3 `plan --exit-code` found something to do, 70 an internal error, 130
    interrupted.
    """


for _command in (
    doctor,
    list_,
    plan,
    provision,
    own,
    keep,
    retire,
    restore,
    sweep,
    ci,
    snowflake_setup,
):
    program.add_command(_command)
