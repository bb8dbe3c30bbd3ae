"""Owned at once, read meanwhile, or killed at any moment: a table is deferred or owned, whole."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from branch_toolkit.warehouses.postgres.owning.errors import TableInUse
from branch_toolkit.warehouses.postgres.owning.holding import sessions
from branch_toolkit_tests.integration.postgres.branch import CLONES, Branch
from branch_toolkit_tests.integration.postgres.oracle import Place
from branch_toolkit_tests.integration.postgres.test_structure import place

__all__ = ["place"]

FORK = multiprocessing.get_context("fork")
KILLS = 10 * int(os.environ.get("BRANCH_TOOLKIT_TEST_KILLS", "1"))
ROWS = 20_000
BASE = f"""
CREATE SCHEMA prod;
CREATE TABLE prod.customers (id serial PRIMARY KEY, name text DEFAULT 'old');
CREATE TABLE prod.orders (
    id serial PRIMARY KEY, customer_id integer REFERENCES prod.customers, note text DEFAULT 'x'
);
CREATE INDEX orders_note ON prod.orders (note, id);
INSERT INTO prod.customers SELECT n FROM generate_series(1, 100) n;
INSERT INTO prod.orders (customer_id) SELECT 1 + n % 100 FROM generate_series(1, {ROWS}) n;
CREATE VIEW prod.seen AS SELECT o.id, c.name FROM prod.orders o
    JOIN prod.customers c ON c.id = o.customer_id;
CREATE VIEW prod.counted AS SELECT count(*) AS n FROM prod.seen;
"""


@pytest.fixture
def branch(place: Place) -> Iterator[Branch]:
    """A branch of a base with enough rows for a copy to take a while."""
    with place.connect() as connection:
        connection.execute(BASE)
    made = Branch(place, CLONES)
    made.provision()
    yield made
    for child in multiprocessing.active_children():
        child.kill()
        child.join()


def reset(branch: Branch) -> None:
    branch.run("DROP SCHEMA br CASCADE")
    branch.provision()


def assert_whole(branch: Branch) -> None:
    """Fails unless the table is deferred or owned, and reads the same either way."""
    kinds = dict(
        branch.run(
            "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = 'br'::regnamespace"
            " AND relkind IN ('r', 'v')"
        )
    )
    assert set(kinds) == {"customers", "orders", "seen", "counted"}, kinds
    functions = {
        name
        for (name,) in branch.run(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'br'::regnamespace"
        )
    }
    deferred = {f"_deferred_{name}" for name in ("customers", "orders") if kinds[name] == "v"}
    assert functions == {"_deferred_write", *deferred}
    assert branch.value("SELECT count(*) FROM br.orders") == ROWS
    assert branch.value("SELECT n FROM br.counted") == ROWS
    if kinds["orders"] == "r":
        assert (
            branch.value("SELECT count(*) FROM pg_index WHERE indrelid = 'br.orders'::regclass")
            == 2
        )


def started(act: Callable[[], Any]) -> Any:
    process = FORK.Process(target=act)
    process.start()
    return process


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    gate, results = FORK.Barrier(len(acts)), FORK.Queue()

    def report(act: Callable[[], Any]) -> None:
        gate.wait()
        try:
            results.put(act())
        except BaseException as error:  # noqa: BLE001  # the parent is told whatever it is
            results.put(repr(error))

    processes = [started(lambda act=act: report(act)) for act in acts]  # type: ignore[misc]
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return found


def test_readers_see_the_old_or_the_new_and_never_an_error(branch: Branch) -> None:
    queries = [
        "SELECT count(*) FROM br.orders",
        "SELECT n FROM br.counted",
        "SELECT count(*) FROM br.seen",
        "SELECT count(*) FROM br.customers c JOIN br.orders o ON o.customer_id = c.id",
        "SELECT count(*) FROM br.orders o JOIN br.seen s USING (id)",
        "SELECT count(*) FROM br.seen JOIN br.orders USING (id) CROSS JOIN br.counted",
    ]
    stop, errors, reads = threading.Event(), [], [0] * len(queries)

    def read(number: int) -> None:
        with branch.connect() as connection:
            while not stop.is_set():
                try:
                    row = connection.execute(queries[number].encode()).fetchone()
                    assert row == (ROWS,), (queries[number], row)
                    reads[number] += 1
                except Exception as error:  # noqa: BLE001  # whatever it is, a reader met it
                    errors.append((queries[number], repr(error)))

    readers = [threading.Thread(target=read, args=(number,)) for number in range(len(queries))]
    for reader in readers:
        reader.start()
    try:
        for table in ("orders", "customers"):
            time.sleep(0.2)
            branch.own(table)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert errors == []
    assert min(reads) > 0
    assert_whole(branch)


def test_two_processes_that_own_at_once_make_one_table(branch: Branch) -> None:
    for _ in range(2):
        made = at_once([lambda: bool(branch.own("orders").made)] * 4)
        assert sorted(made) == [False, False, False, True]
        assert_whole(branch)
        reset(branch)


def test_two_tables_that_are_owned_at_once_find_their_foreign_key(branch: Branch) -> None:
    for _ in range(3):
        made = at_once([lambda: branch.own("orders").rows, lambda: branch.own("customers").rows])
        assert sorted(made) == [100, ROWS]
        key = "SELECT confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
        key += " AND conrelid = 'br.orders'::regclass"
        assert branch.run(key) == [("br.customers",)]
        assert_whole(branch)
        reset(branch)


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_killed_at_any_moment_it_is_deferred_or_owned(branch: Branch, how: str) -> None:
    before = time.monotonic()
    branch.own("orders")
    whole = time.monotonic() - before
    generator, unfinished = random.Random(7), 0
    for number in range(KILLS):
        reset(branch)
        process = started(lambda: branch.own("orders"))
        time.sleep(whole * 1.3 * (number + generator.random()) / KILLS)
        if how == "kill" and process.pid and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        elif how == "terminate":
            branch.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )
        process.join()
        settle(branch)
        unfinished += branch.value(
            "SELECT relkind = 'v' FROM pg_class WHERE oid = 'br.orders'::regclass"
        )
        assert_whole(branch)
        branch.own("orders")
        assert_whole(branch)
    assert unfinished > 0


def settle(branch: Branch) -> None:
    """Waits until the server has noticed that clients are gone."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    for _ in range(400):
        if branch.value(others) == 0:
            return
        time.sleep(0.05)
    raise AssertionError("a killed client's backend works on")


def test_who_holds_the_table_is_named_and_nothing_changed(branch: Branch) -> None:
    with branch.connect() as other, other.transaction():
        other.execute("SELECT * FROM br.counted")
        with pytest.raises(TableInUse, match="counted"):
            branch.own("orders", patience=0.5)
        assert_whole(branch)
    assert branch.own("orders").made


def test_a_process_that_would_wait_for_itself_is_told(branch: Branch) -> None:
    with branch.connect() as other, other.transaction():
        sessions.add(other.info.backend_pid)
        other.execute("SELECT * FROM br.orders")
        with pytest.raises(TableInUse, match="This process holds it itself"):
            branch.own("orders", patience=0.5)
        sessions.discard(other.info.backend_pid)


def test_production_goes_first(branch: Branch) -> None:
    with branch.connect() as production, production.transaction():
        production.execute("ALTER TABLE prod.orders ADD COLUMN more integer")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            branch.own("orders", lock_timeout=0.3)
    assert_whole(branch)


def test_rows_of_a_table_that_is_swapped_meanwhile_are_not_missed(branch: Branch) -> None:
    with ThreadPoolExecutor() as executor:
        with branch.connect() as production, production.transaction():
            production.execute(
                "ALTER TABLE prod.orders RENAME TO orders_old;"
                "CREATE TABLE prod.orders (LIKE prod.orders_old INCLUDING ALL);"
                "INSERT INTO prod.orders SELECT * FROM prod.orders_old LIMIT 500"
            )
            owning = executor.submit(lambda: branch.own("orders", lock_timeout=20))
            time.sleep(0.5)
        assert owning.result().rows == 500
    assert branch.value("SELECT count(*) FROM br.orders") == 500
