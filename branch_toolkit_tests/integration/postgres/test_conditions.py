"""Conditions of sample rules are tried before anything is made."""

from __future__ import annotations

import pytest

from branch_toolkit.core.strategy import COPY_ALL, InvalidRule, Rule, Strategy
from branch_toolkit.warehouses.postgres.conditions import check_conditions
from branch_toolkit_tests.integration.postgres.loading import Loading

BASE = """
    CREATE TABLE orders (id int PRIMARY KEY, note text, at timestamptz);
    INSERT INTO orders VALUES (1, 'a', now());
    CREATE TABLE customers (id int PRIMARY KEY);
    CREATE SEQUENCE counter;
    CREATE FUNCTION writes(int) RETURNS boolean LANGUAGE sql
        AS 'INSERT INTO prod.orders (id) VALUES ($1 + 1000) RETURNING true';
    CREATE FUNCTION reads(int) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT $1 > 0';
    CREATE VIEW counting AS SELECT nextval('prod.counter') AS n;
"""


@pytest.fixture
def loading(database: str) -> Loading:
    loading = Loading(database)
    loading.prepare(BASE)
    return loading


def check(loading: Loading, where: str, *, tables: str = "ord*") -> None:
    rules = (Rule(tables=tables, strategy=Strategy.SAMPLE, where=where), COPY_ALL)
    loading.rules = rules
    loading.run("DROP SCHEMA IF EXISTS branch CASCADE")
    structure = loading.prepare()
    with loading.connect() as connection:
        check_conditions(connection, structure.tables, rules)
        path = connection.execute("SELECT current_setting('search_path')").fetchone()
        assert path == ('"$user", public',)


@pytest.mark.parametrize(
    "where",
    [
        "id < 10",
        "id < 10 -- the first ten",
        "note LIKE '%a%' AND orders.id % 2 = 0",
        "at > now() - interval '1 day'",
        "at > current_date - 7",
        "random() < 0.1",
        "pg_catalog.random () < 0.1 OR id = 1",
        "id IN (SELECT c.id FROM prod.customers AS c)",
        "EXISTS (SELECT FROM (SELECT id FROM prod.customers LIMIT 5) AS c WHERE c.id = orders.id)",
        "prod.reads(id)",
        "note = 'it''s; a semicolon'",
        "false",
    ],
)
def test_what_only_reads_is_let_through(loading: Loading, where: str) -> None:
    check(loading, where)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("idd < 10", 'column "idd" does not exist'),
        ("id <", "syntax error"),
        ("id", "must be type boolean"),
        ("id = 'x'", "invalid input syntax"),
        ("count(*) > 1", "aggregate functions are not allowed"),
        ("id < 10); DROP TABLE prod.orders; SELECT (true", "cannot insert multiple commands"),
        ("true /*", "unterminated"),
        ("id IN (SELECT id FROM customers)", 'relation "customers" does not exist'),
        ("reads(id)", "does not exist"),
        ("(DELETE FROM prod.orders)", "syntax error"),
    ],
)
def test_what_postgres_refuses_is_refused(loading: Loading, where: str, message: str) -> None:
    with pytest.raises(InvalidRule, match=r"rule for tables 'ord\*' on prod\.orders") as raised:
        check(loading, where)

    assert message in str(raised.value)
    assert loading.run("SELECT count(*) FROM prod.orders") == [(1,)]


@pytest.mark.parametrize(
    "where",
    [
        "prod.writes(id)",
        "nextval('prod.counter') > 0",
        "id IN (SELECT nextval('prod.counter'))",
        "EXISTS (SELECT FROM prod.counting)",
        "pg_sleep(1) IS NOT NULL",
        "CASE WHEN id > 5 THEN prod.writes(id) ELSE true END",
    ],
)
def test_what_could_write_is_refused(loading: Loading, where: str) -> None:
    with pytest.raises(InvalidRule, match="volatile function"):
        check(loading, where)

    assert loading.run("SELECT last_value, is_called FROM prod.counter") == [(1, False)]
    assert loading.run("SELECT count(*) FROM prod.orders") == [(1,)]
