"""An asset that is written in a branch for the first time makes its table the branch's own."""

from __future__ import annotations

import json
import multiprocessing
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from branch_toolkit.cli.program import program
from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.postgres.explaining import DeferredTableChanged
from branch_toolkit_tests.integration.asset_database import (
    Database,
    asset_of,
    external_orders,
    numbers,
    reader,
)

FORK = multiprocessing.get_context("fork")
CLONE = "analytics__pr_42"
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-10")


@pytest.fixture
def branch(database: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A production with a table, and a branch of it that has it deferred."""
    made = Database(database).create_schemas()
    made.run(
        "CREATE TABLE analytics.orders (n bigint PRIMARY KEY, day date DEFAULT '2026-01-01');"
        "CREATE INDEX orders_day ON analytics.orders (day);"
        "COMMENT ON TABLE analytics.orders IS 'Sold';"
        "INSERT INTO analytics.orders SELECT n, '2026-01-01'::date + (n %% 3)::int"
        " FROM generate_series(1, 30) n;"
        "CREATE VIEW analytics.sold AS SELECT count(*) AS n FROM analytics.orders".replace(
            "%%", "%"
        )
    )
    monkeypatch.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
    monkeypatch.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", "42")
    monkeypatch.setenv("DAGSTER_CLOUD_GIT_BRANCH", "feature/x")
    made.provision()
    return made


def value(database: Database, statement: str) -> Any:
    return database.run(statement)[0][0]


def test_a_first_full_write_copies_nothing_of_base(branch: Database) -> None:
    reads = (
        "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relid = 'analytics.orders'::regclass"
    )
    branch.run("SELECT pg_stat_force_next_flush()")
    before = value(branch, reads)

    branch.materialize(asset_of(numbers(1, 2, 3)))

    branch.run("SELECT pg_stat_force_next_flush()")
    assert value(branch, reads) == before
    assert branch.run(f"SELECT n FROM {CLONE}.orders ORDER BY n") == [(1,), (2,), (3,)]
    assert value(branch, f"SELECT n FROM {CLONE}.sold") == 3
    assert value(branch, "SELECT count(*) FROM analytics.orders") == 30


def test_the_table_has_all_that_base_has(branch: Database) -> None:
    branch.materialize(asset_of(numbers(1, 2, 3)))
    indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = '{}' ORDER BY 1"
    assert branch.run(indexes.format(CLONE)) == branch.run(indexes.format("analytics"))
    assert value(branch, f"SELECT obj_description('{CLONE}.orders'::regclass)") == "Sold"


def test_a_first_write_of_a_partition_keeps_the_others(branch: Database) -> None:
    day = pd.DataFrame({"n": [100, 101], "day": [pd.Timestamp("2026-01-02")] * 2})
    asset = asset_of(day, partitions_def=DAYS, metadata={"partition_expr": "day"})

    branch.materialize(asset, partition_key="2026-01-02")

    rows = f"SELECT day::text, count(*) FROM {CLONE}.orders GROUP BY 1 ORDER BY 1"
    assert branch.run(rows) == [("2026-01-01", 10), ("2026-01-02", 2), ("2026-01-03", 10)]
    assert value(branch, "SELECT count(*) FROM analytics.orders") == 30


def test_two_partitions_that_are_written_first_at_once_are_both_there(branch: Database) -> None:
    def write(day: str, gate: Any) -> None:
        frame = pd.DataFrame({"n": [int(day[-2:]) + 1000], "day": [pd.Timestamp(day)]})
        asset = asset_of(frame, partitions_def=DAYS, metadata={"partition_expr": "day"})
        gate.wait()
        branch.materialize(asset, partition_key=day)

    days = ["2026-01-01", "2026-01-02", "2026-01-03"]
    gate = FORK.Barrier(len(days))
    processes = [FORK.Process(target=write, args=(day, gate)) for day in days]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert branch.run(f"SELECT n FROM {CLONE}.orders ORDER BY 1") == [(1001,), (1002,), (1003,)]


def test_a_write_that_fails_leaves_the_table_deferred(branch: Database) -> None:
    with pytest.raises(BranchToolkitError, match="rename"):
        branch.materialize(asset_of(numbers(1, column="renamed")))
    assert (
        value(branch, f"SELECT relkind::text FROM pg_class WHERE oid = '{CLONE}.orders'::regclass")
        == "v"
    )
    assert value(branch, f"SELECT count(*) FROM {CLONE}.orders") == 30


def test_a_deferred_table_is_read_as_it_is(branch: Database) -> None:
    found: list[pd.DataFrame] = []
    branch.materialize(
        reader(found), asset_of(numbers(), "orders").to_source_asset(), selection="reader"
    )
    assert len(found[0]) == 30


def test_own_in_code(branch: Database) -> None:
    owned = branch.warehouse.own("orders")
    assert (owned.schema, owned.rows) == (CLONE, 30)
    assert branch.warehouse.own("orders").made == ()
    with branch.warehouse.get_connection() as connection:
        connection.execute(text("DELETE FROM orders WHERE n > 10"))
    assert value(branch, f"SELECT n FROM {CLONE}.sold") == 10
    assert value(branch, "SELECT n FROM analytics.sold") == 30


def test_own_in_a_base_deployment_does_nothing(
    branch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT")
    monkeypatch.delenv("DAGSTER_CLOUD_PULL_REQUEST_ID")
    monkeypatch.delenv("DAGSTER_CLOUD_GIT_BRANCH")
    owned = branch.warehouse.own("orders")
    assert owned.base
    assert "nothing" in owned.summary


def test_own_on_the_command_line(branch: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANCH_TOOLKIT_URL", branch.dsn)
    monkeypatch.setenv("BRANCH_TOOLKIT_SCHEMAS", "analytics,staging")
    run = CliRunner().invoke

    first = run(program, ["own", "orders", "--empty", "--json"])
    again = run(program, ["own", "orders", "--pull-request", "42", "--base-schema", "analytics"])
    wrong = run(program, ["own", "ordres"])

    assert json.loads(first.output)["made"] == [{"table": "orders", "rows": None}]
    assert again.output == f"{CLONE}.orders is the branch's own already; nothing was done.\n"
    assert wrong.exit_code == 1
    assert "orders" in wrong.output
    assert value(branch, f"SELECT count(*) FROM {CLONE}.orders") == 0


def test_what_base_no_longer_has_is_said_on_reading(branch: Database) -> None:
    branch.run("DROP TABLE analytics.orders CASCADE")
    with pytest.raises(DeferredTableChanged, match="refresh"):
        branch.materialize(reader([]), external_orders())
