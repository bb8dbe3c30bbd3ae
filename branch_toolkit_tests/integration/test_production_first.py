"""Production goes first: nothing of it fails or waits for us, whatever branches do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.errors import BaseBusy, StalePlan
from branch_toolkit.core.strategy import Rule, Strategy
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit_tests.integration.scene import NOW
from branch_toolkit_tests.integration.traffic import SCHEMA, TABLES, Traffic

ENVIRONMENTS = 20
_RULES = {
    "defer": (),
    "copy some": (
        Rule(tables="t[12]", strategy=Strategy.COPY),
        Rule(tables=f"t{TABLES}", strategy=Strategy.COPY),
    ),
    # All that nobody alters: what is altered twenty times a second cannot be copied whole.
    "copy half": (
        Rule(tables="t[1-9]", strategy=Strategy.COPY),
        Rule(tables="t1[0-2]", strategy=Strategy.COPY),
    ),
}


@pytest.fixture
def traffic(database: str) -> Traffic:
    return Traffic(database).build()


@pytest.mark.parametrize("rules", _RULES.values(), ids=_RULES.keys())
def test_base_works_on_while_environments_come_and_go(
    traffic: Traffic, rules: tuple[Rule, ...]
) -> None:
    count = ENVIRONMENTS if not rules else 4

    def live(number: int) -> None:
        branch = Branch(key=BranchKey(number=number), name=f"b{number}")
        with PostgresAdapter.connect(traffic.url) as adapter:
            environments = Environments(adapter, Project(), (SCHEMA,), rules)
            _until_it_works(lambda: environments.provision(branch, now=NOW))
            _read(traffic, f"{SCHEMA}__pr_{number}")
            environments.retire(f"pr_{number}", because="test", grace=timedelta(0), now=NOW)
            environments.drop(f"pr_{number}", now=NOW)

    with traffic.running(), ThreadPoolExecutor(4) as pool:
        list(pool.map(live, range(1, count + 1)))

    assert traffic.failures == []
    assert traffic.locks == set()
    assert len(traffic.seconds) > 100
    assert traffic.longest_snapshot < 30


def _until_it_works(act: Callable[[], object]) -> None:
    # As the jobs' retries do: to give way to production is no failure.
    for _ in range(20):
        try:
            act()
        except (BaseBusy, StalePlan):
            continue
        return
    raise AssertionError("production never left a moment for it")


def _read(traffic: Traffic, clone: str) -> None:
    with traffic.connect() as connection:
        for number in range(1, TABLES // 2 + 1):
            row = connection.execute(f"SELECT count(*) FROM {clone}.t{number}").fetchone()
            assert row is not None
            assert row[0] >= 2_000
        for number in range(TABLES // 2 + 1, TABLES + 1):
            try:
                connection.execute(f"SELECT count(*) FROM {clone}.t{number}")
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
                # Altered since, and said so; never other rows than base has.
                continue
