"""Rows that are loaded on several connections are those of one snapshot of base."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy.engine import make_url

from branch_toolkit.core.strategy import COPY_ALL, Rule, Strategy
from branch_toolkit.warehouses.postgres import parts
from branch_toolkit_tests.integration.postgres.loading import (
    NUMBERS,
    PAGE,
    Loading,
    Once,
    either,
    loading,
    small_parts,
)
from branch_toolkit_tests.integration.postgres.oracle import Place, differences
from branch_toolkit_tests.integration.postgres.test_structure import (
    make_hard_schema,
    place,
)

__all__ = ["either", "loading", "place", "small_parts"]


@pytest.mark.usefixtures("small_parts")
def test_a_hard_schema_is_loaded_without_a_difference(place: Place) -> None:
    make_hard_schema(place, "prod")
    loading = Loading(place.server.url(place.database))

    structure = loading.prepare()
    results = loading.load(structure, connections=3)
    loading.finish(structure)

    assert differences(place, loading.clones) == []
    copied = {result.object: result.rows for result in results if result.action == "copy"}
    assert len(copied) == len(structure.tables)
    for table in structure.tables:
        count = f"SELECT count(*) FROM ONLY {table.source}"
        assert [(copied[f"table {table.table}"],)] == loading.run(count)
        if not table.rerouted:
            ours, theirs = (
                sorted(loading.run(f"SELECT t::text FROM ONLY {name} AS t"))
                for name in (table.clone, table.source)
            )
            assert ours == theirs
    assert loading.run("SELECT count(*) FROM branch.hashed") == [(20,)]


@pytest.mark.usefixtures("small_parts")
def test_all_kinds_of_rows_come_over(loading: Loading) -> None:
    structure = loading.prepare("""
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE TABLE wide (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, big text,
                           twice int GENERATED ALWAYS AS (n * 2) STORED, n int);
        ALTER TABLE wide ALTER COLUMN big SET STORAGE EXTERNAL;
        INSERT INTO wide (m, big, n)
            SELECT (ARRAY['good', 'bad'])[n % 2 + 1]::mood, repeat(n::text, 5000), n
            FROM generate_series(1, 40) AS n;
        CREATE TABLE nothing ();
        INSERT INTO nothing SELECT FROM generate_series(1, 3);
        CREATE TABLE tree (at int, note text) PARTITION BY RANGE (at);
        CREATE TABLE tree_1 PARTITION OF tree FOR VALUES FROM (0) TO (100) PARTITION BY LIST (note);
        CREATE TABLE tree_1_a PARTITION OF tree_1 FOR VALUES IN ('a');
        CREATE TABLE tree_1_b PARTITION OF tree_1 DEFAULT;
        CREATE TABLE tree_2 PARTITION OF tree DEFAULT;
        CREATE INDEX ON tree (at);
        INSERT INTO tree SELECT n, chr(97 + n % 3) FROM generate_series(1, 200) AS n;
        CREATE TABLE parent (id int);
        CREATE TABLE child (more text) INHERITS (parent);
        INSERT INTO parent VALUES (1);
        INSERT INTO child VALUES (2, 'two');
        CREATE TABLE "odd ""name%s" ("a column%" int);
        INSERT INTO "odd ""name%s" VALUES (1);
    """)

    loading.load(structure, connections=3)

    for table in ("wide", "tree", "tree_1_a", "parent", "child", '"odd ""name%s"'):
        assert loading.rows(table) == loading.base_rows(table) != []
    assert loading.run("SELECT count(*) FROM branch.nothing") == [(3,)]
    analyzed = "SELECT count(*) FROM pg_stats WHERE schemaname = 'branch' AND tablename = 'wide'"
    assert loading.run(analyzed) == [(5,)]


@pytest.mark.parametrize("pages", [1, 2, 7, 10_000])
def test_parts_lose_and_double_nothing(
    loading: Loading, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", pages * PAGE)
    structure = loading.prepare("""
        CREATE TABLE numbers (id int, text text);
        INSERT INTO numbers SELECT n, repeat('x', n % 700) FROM generate_series(1, 3000) AS n;
        DELETE FROM numbers WHERE id % 7 = 0 OR id < 500;
        UPDATE numbers SET text = text || 'y' WHERE id % 3 = 0;
    """)
    # It has grown since its pages were counted.
    loading.run("INSERT INTO prod.numbers SELECT n, '' FROM generate_series(9000, 12000) AS n")

    results = loading.load(structure)

    assert loading.rows("numbers") == loading.base_rows("numbers")
    assert results[0].rows == len(loading.rows("numbers"))


@pytest.mark.usefixtures("small_parts")
def test_all_tables_are_of_one_snapshot(loading: Loading) -> None:
    structure = loading.prepare("""
        CREATE TABLE a (id int PRIMARY KEY, amount int, text text);
        CREATE TABLE b (LIKE a INCLUDING ALL);
        INSERT INTO a SELECT n, 100, repeat('x', 200) FROM generate_series(1, 1000) AS n;
        INSERT INTO b SELECT * FROM a;
    """)
    move = """
        UPDATE prod.a SET amount = amount - 1 WHERE id = {0};
        UPDATE prod.b SET amount = amount + 1 WHERE id = {0};
    """
    stop = threading.Event()

    def write() -> None:
        with loading.connect() as connection:
            number = 0
            while not stop.is_set():
                with connection.transaction():
                    connection.execute(move.format(number % 1000 + 1).encode())
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        loading.load(structure, connections=2)
    finally:
        stop.set()
        writer.join()

    total = "SELECT sum(amount) FROM (SELECT amount FROM {0}.a UNION ALL SELECT amount FROM {0}.b)"
    assert loading.run(total.format("prod") + " AS t") == [(200_000,)]
    assert loading.run(total.format("branch") + " AS t") == [(200_000,)]
    assert loading.run("SELECT sum(amount) FROM prod.a") != [(100_000,)]


def test_a_throttle_slows_the_copies_down(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)
    size = next(table.bytes for table in structure.tables if table.table == "numbers")
    began = time.monotonic()

    loading.load(structure, throttle=size / 2)

    assert 1 < time.monotonic() - began < 10
    assert loading.rows("numbers") == loading.base_rows("numbers")


def test_a_role_without_special_rights_can_load(loading: Loading) -> None:
    loading.run(f"CREATE SCHEMA prod; SET search_path = prod; {NUMBERS}")
    loading.run("""
        DO $$ BEGIN CREATE ROLE plain LOGIN PASSWORD 'plain';
        EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        GRANT USAGE ON SCHEMA prod TO plain;
        GRANT SELECT ON ALL TABLES IN SCHEMA prod TO plain;
    """)
    database = make_url(loading.url).database
    loading.run(f"GRANT CREATE ON DATABASE {database} TO plain")
    url = make_url(loading.url).set(username="plain", password="plain")
    plain = Loading(url.render_as_string(hide_password=False))

    plain.load(plain.prepare())

    assert plain.rows("numbers") == plain.base_rows("numbers")
    loading.run("DROP OWNED BY plain")


@pytest.mark.usefixtures("small_parts")
def test_a_condition_that_has_an_index_is_not_divided(loading: Loading) -> None:
    loading.rules = (
        Rule(tables="numbers", strategy=Strategy.SAMPLE, where="id < 100"),
        Rule(tables="copies", strategy=Strategy.SAMPLE, where="text LIKE 'x%'"),
        COPY_ALL,
    )
    more = "CREATE TABLE copies AS SELECT * FROM numbers; ANALYZE numbers, copies;"
    structure = loading.prepare(NUMBERS + more)
    watch = Once("", lambda: None)

    loading.load(structure, on_progress=watch)

    texts = {told.text for told in watch.told}
    assert "copying prod.numbers" in texts
    assert any(text.startswith("copying prod.copies (part 9 of") for text in texts)
    assert len(loading.rows("numbers")) == 99
    assert loading.rows("copies") == loading.base_rows("copies")


def test_progress_is_told_of_in_the_callers_thread(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)
    watch = Once("", lambda: None)

    loading.load(structure, on_progress=watch)

    assert watch.threads == {threading.current_thread()}
    assert [told.done for told in watch.told] == list(range(len(watch.told)))
    last = watch.told[-1]
    assert last.done == last.total
    assert last.done_bytes <= last.total_bytes
