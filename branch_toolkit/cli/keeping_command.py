"""The command that keeps an environment for a while. What it does is imported when it runs."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Any

import click

from branch_toolkit.cli.branch_options import environment_options
from branch_toolkit.cli.options import Days, Output, TargetOptions, dry_run_option, target_options
from branch_toolkit.cli.wanted import Wanted


class _Until(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A day, which is kept to its end, or a time; in UTC where it does not say otherwise."""

    name = "date"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        text = str(value).strip()
        try:
            found = datetime.fromisoformat(text.replace("Z", "+00:00"))
            if len(text) <= len("2026-12-24"):
                found = datetime.combine(found + timedelta(days=1), time.min)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no date, such as 2026-12-24", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


@click.command()
@environment_options
@click.option("--days", type=Days(), metavar="N", help="For so many days from now.")
@click.option(
    "--until",
    type=_Until(),
    metavar="DATE",
    help="To the end of that day, or until that time (ISO 8601); in UTC where no zone is given.",
)
@click.option("--release", is_flag=True, help="No longer.")
@dry_run_option
@target_options
def keep(
    *,
    target: TargetOptions,
    output: Output,
    wanted: Wanted,
    days: float | None,
    until: datetime | None,
    release: bool,
    dry_run: bool,
) -> None:
    """Keep an ENVIRONMENT, such as pr_42, for a while.

    No sensor or sweep retires or drops it in that time, whether its branch ends, nobody uses it or
    there are too many. At most for as long as the policy's max_lease; it can be renewed. By hand it
    can still be retired. Only its marks are changed.

    \b
    Examples:
        branch-toolkit keep pr_42 --days 7 -m acme_pipelines.definitions
        branch-toolkit keep --pull-request 42 --until 2026-12-24 -m acme_pipelines.definitions
        branch-toolkit keep pr_42 --release -m acme_pipelines.definitions

    \b
    JSON: verb environment dry_run applied seconds results [schema object action rows size_bytes
        seconds] notes [object text] statements [sql action schema object hazards rows size_bytes]
    """
    from branch_toolkit.cli.keeping import keep as run

    run(
        target,
        output,
        wanted=wanted,
        days=days,
        until=until,
        release=release,
        dry_run=dry_run,
    )
