"""The double's Time Travel: https://docs.snowflake.com/en/sql-reference/constructs/at-before."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from snowflake.connector.errors import ProgrammingError

from branch_toolkit_tests.snowflakes import Asking


def _now(ask: Asking) -> str:
    """A moment between two statements."""
    time.sleep(0.005)
    [(now,)] = ask("SELECT CURRENT_TIMESTAMP()")
    assert isinstance(now, datetime)
    time.sleep(0.005)
    return f"'{now.isoformat()}'::TIMESTAMP_TZ"


@pytest.fixture
def then(ask: Asking) -> str:
    """A moment when A had other rows and tables than it has now."""
    ask("CREATE TABLE T AS SELECT 1 AS N")
    ask("CREATE TABLE GONE AS SELECT 5 AS N")
    moment = _now(ask)
    ask("INSERT INTO T VALUES (2)")
    ask("UPDATE T SET N = N + 10")
    ask("DROP TABLE GONE")
    ask("CREATE TABLE LATE AS SELECT 7 AS N")
    return moment


def test_a_schema_is_cloned_as_it_was(ask: Asking, then: str) -> None:
    ask(f"CREATE SCHEMA B CLONE A AT (TIMESTAMP => {then})")
    assert ask.column("SHOW TABLES IN SCHEMA B") == ["GONE", "T"]
    assert ask("SELECT N FROM B.T") == [(1,)]
    assert ask("SELECT N FROM A.T ORDER BY N") == [(11,), (12,)]


def test_a_table_is_cloned_and_queried_as_it_was(ask: Asking, then: str) -> None:
    ask(f"CREATE TABLE U CLONE T AT (TIMESTAMP => {then})")
    assert ask("SELECT N FROM U") == [(1,)]
    assert ask(f"SELECT N FROM T AT (TIMESTAMP => {then})") == [(1,)]


def test_before_a_statement_is_what_it_found(ask: Asking) -> None:
    ask("CREATE TABLE T AS SELECT 1 AS N")
    cursor = ask.connection.cursor()
    cursor.execute("DELETE FROM T")
    ask("INSERT INTO T VALUES (3)")
    ask(f"CREATE SCHEMA B CLONE A BEFORE (STATEMENT => '{cursor.sfqid}')")
    assert ask("SELECT N FROM B.T") == [(1,)]
    ask(f"CREATE SCHEMA C CLONE A AT (STATEMENT => '{cursor.sfqid}')")
    assert ask("SELECT N FROM C.T") == []


def test_a_replaced_table_is_found_as_it_was(ask: Asking) -> None:
    ask("CREATE TABLE T AS SELECT 1 AS N")
    moment = _now(ask)
    ask("CREATE OR REPLACE TABLE T AS SELECT 'x' AS OTHER")
    ask(f"CREATE SCHEMA B CLONE A AT (TIMESTAMP => {moment})")
    assert ask("SELECT N FROM B.T") == [(1,)]


def test_nothing_is_known_of_the_time_before_a_schema_was_made(ask: Asking) -> None:
    with pytest.raises(ProgrammingError, match="Time travel data is not available for schema A"):
        ask("CREATE SCHEMA B CLONE A AT (TIMESTAMP => '2020-01-01T00:00:00+00:00'::TIMESTAMP_TZ)")
    with pytest.raises(ProgrammingError, match="Time travel data is not available"):
        ask("CREATE SCHEMA B CLONE A AT (OFFSET => -3600)")


def test_a_statement_that_never_was_is_no_moment(ask: Asking) -> None:
    nowhere = "01a9b094-0102-2f97-0001-01e200d7576e"
    with pytest.raises(ProgrammingError, match="Statement"):
        ask(f"CREATE SCHEMA B CLONE A BEFORE (STATEMENT => '{nowhere}')")


def test_history_follows_a_schema_that_is_renamed(ask: Asking, then: str) -> None:
    ask("ALTER SCHEMA A RENAME TO A2")
    ask(f"CREATE SCHEMA B CLONE A2 AT (TIMESTAMP => {then})")
    assert ask("SELECT N FROM B.T") == [(1,)]
