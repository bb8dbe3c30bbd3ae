"""A load whose connections break, or that fails, goes on or ends as a whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from branch_toolkit.core.errors import CloneFailed, StalePlan
from branch_toolkit.core.plan import Progress
from branch_toolkit.core.strategy import COPY_ALL, Rule, Strategy
from branch_toolkit.warehouses.postgres.snapshot import SnapshotLost, SnapshotTooOld
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


@pytest.mark.usefixtures("small_parts")
def test_a_worker_whose_connection_is_lost_goes_on_with_another(either: Loading) -> None:
    structure = either.prepare(NUMBERS)
    kill = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'branch_toolkit' AND datname = current_database()
        AND query !~ 'pg_export_snapshot|SELECT 1$'"""
    killed: list[Any] = []
    watch = Once("(part", lambda: killed.extend(either.run(kill)))

    either.load(structure, on_progress=watch)

    assert killed[0][0] > 0
    assert either.rows("numbers") == either.base_rows("numbers")


@pytest.mark.usefixtures("small_parts")
def test_rows_whose_commit_was_not_answered_are_not_copied_twice(
    loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    structure = loading.prepare(NUMBERS)
    original, lost = psycopg.Connection.transaction, []

    @contextmanager
    def unanswered(connection: psycopg.Connection[Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
        with original(connection, *args, **kwargs) as transaction:
            yield transaction
        if len(lost) < 5 and threading.current_thread().name == "copying":
            lost.append(connection)
            connection.close()
            raise psycopg.OperationalError("lost")

    monkeypatch.setattr(psycopg.Connection, "transaction", unanswered)
    loading.load(structure)

    assert len(lost) == 5
    assert loading.rows("numbers") == loading.base_rows("numbers")


@pytest.mark.usefixtures("small_parts")
def test_a_lost_snapshot_ends_it(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)
    kill = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'branch_toolkit' AND datname = current_database()
        AND query ~ 'pg_export_snapshot|SELECT 1$'"""

    with pytest.raises(SnapshotLost, match="snapshot of base"):
        loading.load(structure, on_progress=Once("(part", lambda: loading.run(kill)))

    assert loading.sessions() == []


def test_a_snapshot_is_not_kept_for_too_long(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)
    began = time.monotonic()

    with pytest.raises(SnapshotTooOld, match="within 1 seconds"):
        loading.load(structure, throttle=1000, max_snapshot_seconds=1)

    assert time.monotonic() - began < 10
    assert loading.sessions() == []


def test_one_that_fails_stops_the_others_at_once(loading: Loading) -> None:
    slow = Rule(tables="numbers", strategy=Strategy.SAMPLE, where="pg_sleep(60) IS NOT NULL")
    loading.rules = (slow, COPY_ALL)
    structure = loading.prepare(NUMBERS)
    began = time.monotonic()

    with pytest.raises(StalePlan, match=r"prod\.other"):
        loading.load(structure, on_snapshot=lambda _: loading.run("TRUNCATE prod.other"))

    assert time.monotonic() - began < 10
    assert loading.sessions() == []


def test_an_error_of_the_database_is_told_as_ours(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)
    loading.run("ALTER TABLE branch.numbers ADD CHECK (id < 100)")

    with pytest.raises(CloneFailed, match="violates check constraint"):
        loading.load(structure)


def test_a_caller_who_raises_ends_it(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loading.load(structure, on_progress=Once("creating", interrupt))

    assert loading.sessions() == []


def test_what_was_loaded_survives_a_crash(loading: Loading) -> None:
    structure = loading.prepare(NUMBERS)
    written: list[Any] = []

    def look(_progress: Progress) -> None:
        written.append(loading.run("SELECT pg_current_wal_insert_lsn()")[0][0])

    loading.load(structure, on_progress=look)

    flushed = f"SELECT pg_current_wal_flush_lsn() >= '{written[-1]}'::pg_lsn"
    assert loading.run(flushed) == [(True,)]
