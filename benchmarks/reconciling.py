"""One tick: what it costs to compare many branches with many environments."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

from psycopg import sql

from benchmarks.ground import NOW, Ground
from benchmarks.results import Part
from branch_toolkit import GitHubBranches
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.mark import Mark, encode
from branch_toolkit.core.policy import Policy
from branch_toolkit.observing import Observation, observe
from branch_toolkit.verbs import Environments
from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_demo.forge_server import ForgeServer
from branch_toolkit_demo.github_double import GitHubDialect

_COUNTS = (100, 1_000, 10_000)
_CHANGED = 100
_BASE = "analytics"
_POLICY = Policy(max_retirements=10**6)


@dataclass(frozen=True)
class _Tick:
    """What one tick took."""

    cpu: float
    wall: float
    requests: int
    actions: int


def measure(ground: Ground, part: Part) -> None:
    """Ticks with 100, 1,000 and 10,000 of both: the first, an unchanged one, 1% changed."""
    ground.execute(f"CREATE SCHEMA {_BASE}")
    rows: list[tuple[str, ...]] = []
    with ground.environments([_BASE]) as environments:
        made = 0
        for count in _COUNTS:
            _make_environments(ground, environments, range(made + 1, count + 1))
            made = count
            rows += _rows(environments, count)
    part.table(
        "One sensor tick: as many open pull requests on a GitHub (a double on this machine, in a"
        " process of its own) as environments in Postgres; all of the inventory, the source and the"
        " decisions",
        ("branches and environments", "tick", "CPU", "CPU per branch", "seconds", "requests"),
        rows,
    )
    peak = _peak(ground, made)
    part.lines.append(f"Peak of Python's memory in a tick with {made:,}: {peak / 1e6:.0f} MB.\n")


def _rows(environments: Environments, count: int) -> Iterator[tuple[str, ...]]:
    MEMORY.forget()
    with _forge(count) as (source, forge):
        for name, changed in (
            ("first of a process", 0),
            ("unchanged", 0),
            ("1% closed since", count // _CHANGED),
        ):
            forge.send(changed)
            forge.recv()
            tick = _tick(environments, source, forge)
            yield (
                f"{count:,}",
                name,
                f"{tick.cpu:.3f} s",
                f"{tick.cpu / count * 1e6:.0f} µs",
                f"{tick.wall:.2f}",
                f"{tick.requests}",
            )


def _tick(environments: Environments, source: GitHubBranches, forge: Connection) -> _Tick:
    cpu, wall = time.process_time(), time.monotonic()
    seen = _observe(environments, source)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    forge.send(None)
    return _Tick(cpu, wall, forge.recv(), len(seen.actions))


def _observe(environments: Environments, source: GitHubBranches) -> Observation:
    return observe(environments, source, _POLICY, now=NOW)


def _peak(ground: Ground, count: int) -> int:
    MEMORY.forget()
    with ground.environments([_BASE]) as environments, _forge(count) as (source, _):
        tracemalloc.start()
        _observe(environments, source)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def _make_environments(ground: Ground, environments: Environments, numbers: range) -> None:
    """Schemas with marks and nothing in them: what is measured is not how they are made."""
    database = environments.warehouse.identity()
    with ground.connect() as connection:
        for number in numbers:
            mark = Mark(
                project="default",
                clone=f"{_BASE}__pr_{number}",
                base_schema=_BASE,
                database=database,
                branch=f"feature/{number}",
                pull_request=number,
                created_at=NOW,
                last_used_at=NOW,
            )
            name = sql.Identifier(mark.clone)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
            text = sql.Literal(encode(mark))
            connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(name, text))


@contextmanager
def _forge(count: int) -> Iterator[tuple[GitHubBranches, Connection]]:
    """A forge in another process, so that its work is not counted as ours."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(count, theirs), daemon=True)
    process.start()
    try:
        url = ours.recv()
        yield GitHubBranches(repository="acme/pipelines", token="demo", url=url), ours
    finally:
        process.terminate()
        process.join()


def _serve(count: int, orders: Connection) -> None:
    """Closes as many as it is told to; of None it answers how often it was asked since then."""
    repository = ForgeRepository()
    for number in range(1, count + 1):
        repository.open(f"feature/{number}")
    with ForgeServer(repository, GitHubDialect()) as server:
        orders.send(server.url)
        closed = 0
        while True:
            order = orders.recv()
            if order is None:
                orders.send(len(server.asked))
                server.asked.clear()
                continue
            for number in range(closed + 1, closed + order + 1):
                repository.close(number)
            closed += order
            orders.send(closed)
