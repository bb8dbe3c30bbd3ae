"""`branch-toolkit keep`: a lease on an environment."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial

import click

from branch_toolkit.cli.choosing import name_of, refuse_namesake
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.showing import show_line
from branch_toolkit.cli.target import open_target
from branch_toolkit.cli.wanted import Wanted
from branch_toolkit.cli.working import do
from branch_toolkit.core.errors import EnvironmentNotFound
from branch_toolkit.core.policy import Policy
from branch_toolkit.launchpad import lease_until

_DAY = timedelta(days=1)


def keep(
    target: TargetOptions,
    output: Output,
    *,
    wanted: Wanted,
    days: float | None,
    until: datetime | None,
    release: bool,
    dry_run: bool,
) -> None:
    """Puts off every retirement and drop by sensors and sweeps, or ends that."""
    if [days is not None, until is not None, release].count(True) != 1:
        raise click.UsageError("Give one of --days, --until and --release.")
    with open_target(target) as opened, opened.environments() as environments:
        name = name_of(wanted, opened, environments)
        end = None if release else _end(days, until, opened.policy)
        try:
            do(partial(environments.keep, name, until=end), output, dry_run=dry_run)
        except EnvironmentNotFound:
            refuse_namesake(wanted, environments)
            raise
    if not output.as_json:
        show_line(f"kept until {end:%Y-%m-%d %H:%M %Z}" if end else "no longer kept")


def _end(days: float | None, until: datetime | None, policy: Policy) -> datetime | None:
    now = datetime.now(tz=timezone.utc)
    if until is None:
        return lease_until(days or 0.0, policy, now=now)
    if until <= now:
        raise click.UsageError(f"--until: {until:%Y-%m-%d %H:%M %Z} is not in the future.")
    # Asked for its judgement only: the sum of a day's fractions would miss the time by a little.
    lease_until((until - now) / _DAY, policy, now=now)
    return until
