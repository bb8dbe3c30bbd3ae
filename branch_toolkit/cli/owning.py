"""`branch-toolkit own`: a deferred table becomes the branch's own."""

from __future__ import annotations

import click

from branch_toolkit.cli.choosing import branch_of
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.showing import show_line
from branch_toolkit.cli.target import open_target
from branch_toolkit.cli.wanted import Wanted
from branch_toolkit.cli.wording import print_json
from branch_toolkit.guards import require_own
from branch_toolkit.resources import PostgresWarehouse
from branch_toolkit.warehouses.postgres.owning import Owned


def own(
    target: TargetOptions,
    output: Output,
    *,
    table: str,
    base_schema: str | None,
    rows: bool,
    wanted: Wanted,
) -> None:
    """Makes a deferred table the branch's own."""
    with open_target(target) as opened:
        warehouse = opened.warehouse
        if not isinstance(warehouse, PostgresWarehouse):
            raise click.UsageError("Only Postgres defers tables; elsewhere a clone has its own.")
        branch = branch_of(wanted, opened)
        with warehouse.environments() as environments:
            name = environments.name_of(branch)
            require_own(warehouse.deployment, environments, name)
        owned = warehouse.own(table, schema=base_schema, rows=rows, branch=branch)
    if output.as_json:
        print_json(_document(owned))
        return
    show_line(owned.summary)
    for note in owned.notes:
        show_line(f"note: {note.object}: {note.text}")


def _document(owned: Owned) -> dict[str, object]:
    return {
        "schema": owned.schema,
        "table": owned.table,
        "made": [{"table": made.table, "rows": made.rows} for made in owned.made],
        "notes": [{"object": note.object, "text": note.text} for note in owned.notes],
        "seconds": owned.seconds,
    }
