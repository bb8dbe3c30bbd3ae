"""What rules make of tables, and which tables and rules are refused or left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from branch_toolkit.core.branch import Project
from branch_toolkit.core.plan import Report
from branch_toolkit.core.strategy import Indexes, InvalidRule, Rule, Strategy
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_tests.databases import own_database
from branch_toolkit_tests.integration.scene import BRANCH, NOW, Scene

LONG = "ü" * 31 + "x"  # 63 bytes
ODD = ['We"ird; --', "SELECT", "with space", "Ünïcødé", LONG, "_deferred_x"]
BASE = """
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id int PRIMARY KEY, name text);
CREATE TABLE shop.orders (id int PRIMARY KEY, customer int REFERENCES shop.customers, total int);
CREATE INDEX orders_by_total ON shop.orders (total);
CREATE UNIQUE INDEX orders_once ON shop.orders (customer, total);
CREATE TABLE shop.events (day date, n int) PARTITION BY RANGE (day);
CREATE TABLE shop.events_2025 PARTITION OF shop.events
    FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE shop.events_2026 PARTITION OF shop.events
    FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW shop.totals AS SELECT customer, sum(total) FROM shop.orders GROUP BY customer;
INSERT INTO shop.customers SELECT n, 'c' || n FROM generate_series(1, 100) n;
INSERT INTO shop.orders SELECT n, 1 + n % 100, n FROM generate_series(1, 1000) n;
INSERT INTO shop.events SELECT '2025-06-01', n FROM generate_series(1, 50) n;
INSERT INTO shop.events SELECT '2026-06-01', n FROM generate_series(1, 70) n;
ANALYZE;
"""


@pytest.fixture(params=["18", "15"])
def base(request: pytest.FixtureRequest) -> Iterator[Scene]:
    server: EmbeddedPostgres = request.getfixturevalue(f"postgres_{request.param}")
    for url in own_database(server, request):
        scene = Scene(url)
        with scene.connect() as connection:
            connection.execute(BASE.encode())
        yield scene


def provision(scene: Scene, *rules: Rule, schema: str = "shop", dry_run: bool = False) -> Report:
    with PostgresAdapter.connect(scene.url) as adapter:
        environments = Environments(adapter, Project(), (schema,), rules)
        return environments.provision(BRANCH, now=NOW, dry_run=dry_run)


def counted(scene: Scene, table: str) -> Any:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("shop__pr_42", table))
    with scene.connect() as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def rule(tables: str, strategy: Strategy, **options: Any) -> Rule:
    return Rule(tables=tables, strategy=strategy, **options)


def test_each_table_gets_what_its_rule_says(base: Scene) -> None:
    provision(
        base,
        rule("customers", Strategy.COPY),
        rule("orders", Strategy.SAMPLE, where="total % 2 = 0", limit=20),
        rule("events", Strategy.COPY, partitions="*_2026"),
    )
    assert counted(base, "customers") == 100
    assert counted(base, "orders") == 20
    assert (counted(base, "events_2025"), counted(base, "events_2026")) == (0, 70)


def test_what_is_skipped_is_not_there_nor_what_needs_it_and_both_are_said(base: Scene) -> None:
    report = provision(base, rule("orders", Strategy.SKIP))
    told = {note.object: note.text for note in report.plan.notes}
    assert "A rule says to skip it" in told["shop: table orders"]
    assert "needs table orders" in told["shop: view totals"]
    with pytest.raises(psycopg.errors.UndefinedTable):
        counted(base, "orders")


def test_indexes_that_only_find_rows_can_be_left_out(base: Scene) -> None:
    provision(
        base,
        rule("orders", Strategy.COPY, indexes=Indexes.UNIQUE, omit_foreign_keys=True),
    )
    with base.connect() as connection:
        rows = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'shop__pr_42' ORDER BY 1"
        )
        assert [name for (name,) in rows] == ["orders_once", "orders_pkey"]


def test_a_foreign_key_to_a_deferred_table_is_refused_and_can_be_left_out(base: Scene) -> None:
    with pytest.raises(InvalidRule, match=r"orders_customer_fkey of shop\.orders needs") as error:
        provision(base, rule("orders", Strategy.COPY))
    assert "omit_foreign_keys=True" in error.value.remedy
    assert base.schemas() == {"shop"}
    report = provision(base, rule("orders", Strategy.COPY, omit_foreign_keys=True))
    assert any("orders_customer_fkey" in note.object for note in report.plan.notes)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("total >", "syntax"),
        ("no_such > 1", "no_such"),
        ("nextval('shop.x') > 0", "x"),
        ("pg_sleep(0) IS NOT NULL", "volatile"),
        ("true); DROP TABLE shop.orders; --", "syntax"),
    ],
)
def test_a_condition_that_is_invalid_or_does_something_is_refused_before_anything_is_made(
    base: Scene, where: str, told: str
) -> None:
    with pytest.raises(InvalidRule, match=told):
        provision(base, rule("orders", Strategy.SAMPLE, where=where, omit_foreign_keys=True))
    assert base.schemas() == {"shop"}
    with base.connect() as connection:
        assert connection.execute("SELECT count(*) FROM shop.orders").fetchone() == (1000,)


def test_a_dry_run_shows_rows_and_bytes_of_base_for_each_table(base: Scene) -> None:
    report = provision(base, rule("customers", Strategy.COPY), dry_run=True)
    found = {each.object: each for each in report.plan.statements if each.base_bytes is not None}
    assert found["table customers"].action == "copy"
    assert found["table orders"].action == "defer"
    assert (found["table orders"].base_rows, found["table customers"].base_rows) == (1000, 100)
    assert base.schemas() == {"shop"}


@pytest.mark.parametrize("strategy", [Strategy.DEFER, Strategy.COPY])
def test_tables_of_any_name_and_with_hundreds_of_columns(base: Scene, strategy: Strategy) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} numeric(9, 2) DEFAULT 1").format(sql.Identifier(f'Col "{n}"'))
        for n in range(600)
    )
    with base.connect() as connection:
        for name in ODD:
            table = sql.Identifier("shop", name)
            connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
            connection.execute(sql.SQL("INSERT INTO {} DEFAULT VALUES").format(table))
    provision(base, rule("*", strategy))
    assert [counted(base, name) for name in ODD] == [1] * len(ODD)


def test_a_base_without_tables_has_an_environment_too(base: Scene) -> None:
    with base.connect() as connection:
        connection.execute("CREATE SCHEMA bare")
    report = provision(base, schema="bare")
    assert report.applied
    assert "bare__pr_42" in base.schemas()


def test_a_table_with_a_column_of_another_tables_row_type_is_left_out_with_the_remedy(
    base: Scene,
) -> None:
    with base.connect() as connection:
        connection.execute("CREATE TABLE shop.nested (who shop.customers)")
    report = provision(base)
    told = {note.object: note.text for note in report.plan.notes}
    assert "give it the strategy 'copy'" in told["shop: table nested"]
