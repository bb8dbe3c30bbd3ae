"""What production notices of branches: the time of its own statements, without and with them."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

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
    busy, beside = Traffic(ground.url), Traffic(ground.url)
    # A process of its own, as a run of Dagster's is: threads would wait for each other's Python.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(_live, ground, 99).result()
        started = time.monotonic()
        with busy.running():
            for number in range(1, _ENVIRONMENTS + 1):
                pool.submit(_live, ground, number).result()
        lasted = time.monotonic() - started
        with beside.running():
            pool.submit(_compute, ground, lasted).result()
    part.table(
        f"Production's statements while {_ENVIRONMENTS} environments come, are read and go, one"
        f" after the other, in {lasted:.0f} s; two writers and a loop of DDL",
        ("", "statements", "median", "p99", "of p99 alone", "failed", "locks above ACCESS SHARE"),
        [
            _row("alone", calm, calm),
            _row("beside a client that only computes, as long", beside, calm),
            _row("with branches", busy, calm),
        ],
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


def _compute(ground: Ground, seconds: float) -> None:
    """Keeps a client and a backend at work that touch nothing of production's."""
    end = time.monotonic() + seconds
    with ground.connect() as connection:
        while time.monotonic() < end:
            rows = connection.execute("SELECT n, md5(n::text) FROM generate_series(1, 2000) n")
            sorted(rows.fetchall(), key=str)


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
