"""Deferred tables: planned as base's own, and base is free to do what it likes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy

from branch_toolkit.warehouses.postgres.connection import raw
from branch_toolkit.warehouses.postgres.explaining import DeferredTableChanged, TableDeferred
from branch_toolkit.warehouses.postgres.session import open_session
from branch_toolkit.warehouses.postgres.structure import read_leaks
from branch_toolkit_tests.integration.postgres.branch import CLONES, Branch
from branch_toolkit_tests.integration.postgres.oracle import Place
from branch_toolkit_tests.integration.postgres.test_structure import make_hard_schema, place

__all__ = ["place"]

BASE = """
CREATE SCHEMA prod;
CREATE TABLE prod.orders (id integer PRIMARY KEY, customer_id integer, amount numeric(10, 2));
CREATE INDEX orders_amount ON prod.orders (amount);
CREATE TABLE prod.customers (id integer PRIMARY KEY, name text);
CREATE TABLE prod.events (day date, id integer) PARTITION BY RANGE (day);
CREATE TABLE prod.events_1 PARTITION OF prod.events
    FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE prod.events_2 PARTITION OF prod.events
    FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO prod.customers SELECT n, 'c' || n FROM generate_series(1, 1000) n;
INSERT INTO prod.orders SELECT n, 1 + n % 1000, n FROM generate_series(1, 20000) n;
INSERT INTO prod.events SELECT '2026-01-01'::date + n % 50, n FROM generate_series(0, 999) n;
ANALYZE;
"""
PARALLEL = (
    "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
    "SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;"
)

SWAP = """
ALTER TABLE prod.customers RENAME TO old;
CREATE TABLE prod.customers AS SELECT id, name FROM prod.old LIMIT 5;
DROP TABLE prod.old
"""
REPLACE = """
DROP TABLE prod.customers;
CREATE TABLE prod.customers (id integer, name text);
INSERT INTO prod.customers VALUES (1, 'x')
"""
"""What pandas does for `if_exists='replace'`."""


@pytest.fixture
def branch(place: Place) -> Branch:
    """A branch in which all tables are deferred."""
    with place.connect() as connection:
        connection.execute(BASE)
    made = Branch(place, CLONES)
    made.provision()
    return made


def execute(branch: Branch, statement: str) -> Any:
    """The first value that a statement returns, as user code gets it."""
    url = branch.databases.server.url(branch.databases.database)
    with open_session(url, search_path=["br"]) as session:
        result = session.exec_driver_sql(statement)
        return result.scalar() if result.returns_rows else None


def copy_in(branch: Branch) -> None:
    url = branch.databases.server.url(branch.databases.database)
    with (
        open_session(url, search_path=["br"]) as session,
        raw(session).cursor().copy("COPY customers FROM STDIN") as copy,
    ):
        copy.write_row((1, "x"))


def plan_of(branch: Branch, query: str, *, schema: str, settings: str = "") -> list[Any]:
    """The kinds of a plan's nodes, with what they scan."""
    with branch.connect() as connection:
        connection.execute(f"{settings} SET search_path = {schema}".encode())
        row = connection.execute(f"EXPLAIN (FORMAT json, COSTS off) {query}".encode()).fetchone()
    assert row is not None
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return list(_nodes(plan[0]["Plan"]))


def _nodes(plan: dict[str, Any]) -> Any:
    yield plan["Node Type"], plan.get("Relation Name"), plan.get("Index Name")
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


PLANS = [
    ("SELECT * FROM orders WHERE id = 7", ("Index Scan", "orders", "orders_pkey")),
    ("SELECT amount FROM orders ORDER BY amount LIMIT 3", ("Limit", None, None)),
    ("SELECT * FROM orders WHERE amount BETWEEN 3 AND 4 AND customer_id = 5", None),
    ("SELECT c.name FROM orders o JOIN customers c ON c.id = o.customer_id", None),
    ("SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = 3", None),
    ("SELECT * FROM events WHERE day = '2026-01-05'", ("Seq Scan", "events_1", None)),
    ("SELECT * FROM orders WHERE id = ANY (ARRAY[1, 2, 3])", None),
    ("SELECT max(amount) FROM orders", None),
]
"""Queries, and a node that their plans have."""


def test_the_plan_is_that_of_base(branch: Branch) -> None:
    for query, has in PLANS:
        ours = plan_of(branch, query, schema="br")
        assert ours == plan_of(branch, query, schema="prod"), query
        assert has is None or has in ours, query


def test_a_partition_that_is_not_asked_for_is_not_read(branch: Branch) -> None:
    plan = plan_of(branch, "SELECT * FROM events WHERE day < '2026-02-01'", schema="br")
    assert {relation for _, relation, _ in plan if relation} == {"events_1"}


def test_a_parallel_plan_is_parallel(branch: Branch) -> None:
    query = "SELECT count(*) FROM orders WHERE amount > 5"
    ours = plan_of(branch, query, schema="br", settings=PARALLEL)
    assert "Gather" in {kind for kind, *_ in ours}
    assert ours == plan_of(branch, query, schema="prod", settings=PARALLEL)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("TRUNCATE prod.customers", 0),
        ("DROP INDEX prod.orders_amount; ALTER TABLE prod.customers ADD COLUMN more integer", 1000),
        ("ALTER TABLE prod.customers DROP CONSTRAINT customers_pkey", 1000),
        (SWAP, 5),
        (REPLACE, 1),
        ("ALTER TABLE prod.customers RENAME COLUMN name TO called", "column d.name does not exist"),
        ("ALTER TABLE prod.customers ALTER name TYPE integer USING id", "operator does not exist"),
        ("ALTER TABLE prod.customers ALTER id TYPE bigint", "operator does not exist"),
        ("DROP TABLE prod.customers", 'relation "prod.customers" does not exist'),
        (
            "ALTER TABLE prod.customers RENAME TO clients",
            'relation "prod.customers" does not exist',
        ),
    ],
    ids=str,
)
def test_base_is_free_to_change(branch: Branch, change: str, shown: int | str) -> None:
    with branch.connect() as connection:
        # Nothing of the branch holds it up or goes along.
        connection.execute("SET lock_timeout = '1s'")
        connection.execute(change.encode())
    query = "SELECT count(name) FROM customers"
    if isinstance(shown, int):
        assert execute(branch, query) == shown
        return
    with pytest.raises(DeferredTableChanged, match="refresh") as caught:
        execute(branch, query)
    assert shown in str(caught.value)
    assert caught.value.table == "customers"
    assert caught.value.__cause__ is not None


WRITES = [
    "INSERT INTO customers VALUES (1)",
    "INSERT INTO customers VALUES (1) ON CONFLICT (id) DO NOTHING",
    "UPDATE customers SET name = ''",
    "DELETE FROM customers",
    "TRUNCATE customers",
    "DROP TABLE customers",
    "ALTER TABLE customers ADD COLUMN more integer",
    "CREATE INDEX ON customers (name)",
    "CREATE TABLE mine (id integer REFERENCES customers)",
]


def test_a_write_says_what_to_do(branch: Branch) -> None:
    for statement in WRITES:
        with pytest.raises(TableDeferred, match=r"warehouse\.own\('customers'\)"):
            execute(branch, statement)
    assert branch.value("SELECT count(*) FROM prod.customers") == 1000


def test_a_copy_says_what_to_do(branch: Branch) -> None:
    with pytest.raises(TableDeferred):
        copy_in(branch)


def test_errors_that_have_nothing_to_do_with_it_pass(branch: Branch) -> None:
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match="nowhere"):
        execute(branch, "SELECT * FROM nowhere")


def test_a_hard_schema_is_deferred_without_a_dependency_on_base(place: Place) -> None:
    make_hard_schema(place, "prod")
    branch = Branch(place, CLONES)
    structure = branch.provision()
    with branch.connect() as connection:
        found = read_leaks(connection, CLONES, shared_types=structure.shared_types)
    assert found == ()
    for table in structure.deferred:
        if table.table == "empty":  # A materialized view without data, here as there.
            continue
        rows = 'SELECT count(*), sum(hashtext(t::text)) FROM {}."{}" AS t'
        ours = branch.run(rows.format("br", table.table))
        assert ours == branch.run(rows.format("prod", table.table)), table.table
