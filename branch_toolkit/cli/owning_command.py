"""The command that makes a deferred table a branch's own. What it does is imported when it runs."""

from __future__ import annotations

import click

from branch_toolkit.cli.branch_options import wanted_options
from branch_toolkit.cli.options import TEXT, Output, TargetOptions, target_options
from branch_toolkit.cli.wanted import Wanted


@click.command()
@click.argument("table", type=TEXT)
@click.option(
    "--base-schema",
    type=TEXT,
    metavar="SCHEMA",
    help="The base schema that the table is in. Default: the first of the base schemas.",
)
@click.option("--empty", is_flag=True, help="Without base's rows, where all are replaced anyway.")
@wanted_options
@target_options
def own(
    *,
    target: TargetOptions,
    output: Output,
    table: str,
    base_schema: str | None,
    empty: bool,
    wanted: Wanted,
) -> None:
    """Make a deferred TABLE the branch's own, to be written to.

    I/O managers do it by themselves on the first write; SQL and other tools need it beforehand. The
    table gets base's structure, indexes and rows, its partitions with it, and what reads it in the
    branch reads the branch's rows from then on. What is the branch's own already is left as it is.

    Only reads the base schemas. Those who read the table in the branch wait until it is done. In a
    branch deployment the branch need not be given.

    \b
    Examples:
        branch-toolkit own orders --pull-request 42 -m acme_pipelines.definitions
        branch-toolkit own revenue --empty --pull-request 42 -m acme_pipelines.definitions

    \b
    JSON: schema table made [table rows] notes [object text] seconds
    """
    from branch_toolkit.cli.owning import own as run

    run(
        target,
        output,
        table=table,
        base_schema=base_schema,
        rows=not empty,
        wanted=wanted,
    )
