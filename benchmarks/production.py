"""What production notices of branches: the time of its own statements, without and with them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.ground import NOW, Ground, branch, drop
from benchmarks.results import Part, times
from branch_toolkit.core.errors import BaseBusy, StalePlan
from branch_toolkit.verbs import Environments
from branch_toolkit_tests.integration.traffic import SCHEMA, TABLES, Traffic

_ENVIRONMENTS = 20
_CALM_SECONDS = 20.0


def measure(ground: Ground, part: Part) -> None:
    """Production alone, then while environments are provisioned, read and dropped."""
    calm = Traffic(ground.url).build()
    with calm.running():
        time.sleep(_CALM_SECONDS)
    busy = Traffic(ground.url)
    started = time.monotonic()
    with busy.running(), ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: _live(ground, number), range(1, _ENVIRONMENTS + 1)))
    lasted = time.monotonic() - started
    part.table(
        f"Production's statements while {_ENVIRONMENTS} environments come, are read and go in"
        f" {lasted:.0f} s; two writers and a loop of DDL",
        ("", "statements", "median", "p99", "of p99 alone", "failed", "locks above ACCESS SHARE"),
        [_row("alone", calm, calm), _row("with branches", busy, calm)],
    )
    part.lines.append(f"Longest snapshot of ours that was seen: {busy.longest_snapshot:.2f} s.\n")


def _row(label: str, traffic: Traffic, calm: Traffic) -> tuple[str, ...]:
    ordered = sorted(traffic.seconds)
    return (
        label,
        f"{len(ordered):,}",
        f"{ordered[len(ordered) // 2] * 1e3:.2f} ms",
        f"{traffic.p99() * 1e3:.2f} ms",
        times(traffic.p99(), calm.p99()),
        str(len(traffic.failures)),
        str(len(traffic.locks)),
    )


def _live(ground: Ground, number: int) -> None:
    with ground.environments([SCHEMA]) as environments:
        _provision(environments, number)
        with ground.connect() as connection:
            for table in range(1, TABLES // 2 + 1):
                connection.execute(f"SELECT count(*) FROM {SCHEMA}__pr_{number}.t{table}".encode())
        drop(environments, number)


def _provision(environments: Environments, number: int) -> None:
    for _ in range(50):
        try:
            environments.provision(branch(number), now=NOW)
        except (BaseBusy, StalePlan):
            continue
        return
