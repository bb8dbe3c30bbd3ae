"""A table of base that changes while it is copied is copied as it was, or not at all."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from branch_toolkit.core.errors import BaseBusy, StalePlan
from branch_toolkit.core.strategy import COPY_ALL, Rule, Strategy
from branch_toolkit.warehouses.postgres import workers
from branch_toolkit_tests.integration.postgres.loading import (
    NUMBERS,
    Loading,
    Once,
    either,
    loading,
    small_parts,
)
from branch_toolkit_tests.integration.postgres.test_structure import (
    place,
)

__all__ = ["either", "loading", "place", "small_parts"]


HARMFUL = {
    "truncated": "TRUNCATE prod.numbers",
    "rewritten": "VACUUM FULL prod.numbers",
    "retyped": "ALTER TABLE prod.numbers ALTER COLUMN id TYPE bigint",
    "dropped": "DROP TABLE prod.numbers",
    "made again": "DROP TABLE prod.numbers; CREATE TABLE prod.numbers (id int, text text)",
    "swapped": """ALTER TABLE prod.numbers RENAME TO old; ALTER TABLE prod.other RENAME TO numbers;
        ALTER TABLE prod.old RENAME TO other""",
    "columns swapped": """ALTER TABLE prod.numbers RENAME id TO i;
        ALTER TABLE prod.numbers RENAME text TO id; ALTER TABLE prod.numbers RENAME i TO text""",
    "column dropped": "ALTER TABLE prod.numbers DROP COLUMN text",
    "schema swapped": """ALTER SCHEMA prod RENAME TO old; CREATE SCHEMA prod;
        CREATE TABLE prod.numbers (id int, text text); CREATE TABLE prod.other (id int, text text)
        """,
}
HARMLESS = {
    "written to": """DELETE FROM prod.numbers; INSERT INTO prod.numbers VALUES (-1, '');
        UPDATE prod.other SET text = 'changed'""",
    "vacuumed": "DELETE FROM prod.numbers",
    "given a column": "ALTER TABLE prod.numbers ADD COLUMN more int",
    "indexed": "CREATE INDEX ON prod.numbers (text); ANALYZE prod.numbers",
}


@pytest.mark.parametrize("change", HARMFUL)
def test_a_table_that_is_changed_before_it_is_copied_is_never_copied(
    either: Loading, change: str
) -> None:
    structure = either.prepare(NUMBERS)

    with pytest.raises(StalePlan, match=r"Base table prod\.(numbers|other) was"):
        either.load(structure, on_snapshot=lambda _: run_each(either, HARMFUL[change]))

    assert either.rows("numbers") == []
    assert either.sessions() == []


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("change", ["truncated", "rewritten", "made again", "swapped"])
def test_a_table_that_is_changed_while_it_is_copied_is_not_copied_by_halves(
    loading: Loading, change: str
) -> None:
    structure = loading.prepare(NUMBERS)
    watch = Once("copying prod.numbers (part", lambda: run_each(loading, HARMFUL[change]))

    with pytest.raises(StalePlan, match=r"prod\.numbers was .* while it was being copied"):
        loading.load(structure, on_progress=watch)

    assert watch.done


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("change", HARMLESS)
def test_what_is_written_meanwhile_is_not_seen(loading: Loading, change: str) -> None:
    structure = loading.prepare(NUMBERS)
    before = loading.base_rows("numbers"), loading.base_rows("other")

    def alter() -> None:
        run_each(loading, HARMLESS[change])
        if change == "vacuumed":
            loading.run("VACUUM prod.numbers")

    loading.load(
        structure,
        on_snapshot=lambda _: alter() if change != "vacuumed" else None,
        on_progress=Once("(part", alter if change == "vacuumed" else lambda: None),
    )

    assert (loading.rows("numbers"), loading.rows("other")) == before


def test_a_table_that_only_a_condition_reads_is_watched_as_well(loading: Loading) -> None:
    loading.rules = (
        Rule(
            tables="numbers",
            strategy=Strategy.SAMPLE,
            where="id IN (SELECT o.id FROM prod.other AS o)",
        ),
        COPY_ALL,
    )
    structure = loading.prepare(NUMBERS)
    loading.load(structure)
    assert len(loading.rows("numbers")) == 10

    loading.run("DROP SCHEMA branch CASCADE")
    structure = loading.prepare()
    with pytest.raises(StalePlan, match=r"prod\.other was truncated or rewritten"):
        loading.load(structure, on_snapshot=lambda _: loading.run("TRUNCATE prod.other"))


def test_a_locked_table_is_not_waited_for_forever(
    loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_BACK_OFF_SECONDS", 0.1)
    structure = loading.prepare(NUMBERS)

    with loading.connect() as holder:
        holder.execute("BEGIN; LOCK TABLE prod.numbers IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(BaseBusy, match=r"prod\.numbers was locked"):
            loading.load(structure, lock_timeout=0.1)


def test_a_lock_that_is_given_back_is_waited_for(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)

    with loading.connect() as holder:
        holder.execute("BEGIN; LOCK TABLE prod.numbers IN ACCESS EXCLUSIVE MODE")
        timer = threading.Timer(0.25, lambda: holder.execute("COMMIT"))
        timer.start()
        loading.load(structure, lock_timeout=0.1)
        timer.join()

    assert loading.rows("numbers") == loading.base_rows("numbers")


def test_base_is_locked_no_longer_than_it_takes(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)
    held: list[Any] = []
    query = """SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE c.relnamespace = 'prod'::regnamespace"""

    loading.load(
        structure,
        connections=1,  # So that all is copied when the first key is made.
        on_snapshot=lambda _: held.append(loading.run(query)),
        on_progress=Once("creating", lambda: held.append(loading.run(query))),
    )

    assert held == [[], []]


def run_each(loading: Loading, script: str) -> None:
    # One by one, as VACUUM cannot be part of several.
    for statement in script.split(";"):
        if statement.strip():
            loading.run(statement)
