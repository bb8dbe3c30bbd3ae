"""The double's schemas, against what Snowflake's documentation says of them.

All of these are plain SQL, so that they also say of a real account whether the double is right.
"""

from __future__ import annotations

import pytest
from snowflake.connector.errors import ProgrammingError

from branch_toolkit_tests.snowflakes import Asking, SnowflakeDatabase, double_of


def _schema(ask: Asking, name: str) -> dict[str, object]:
    return next(row for row in ask.rows("SHOW SCHEMAS") if row["name"] == name)


def test_a_schema_has_the_comment_and_options_that_it_was_made_with(ask: Asking) -> None:
    ask(
        "CREATE TRANSIENT SCHEMA B WITH MANAGED ACCESS DATA_RETENTION_TIME_IN_DAYS = 0"
        " COMMENT = 'it''s {\"a\": \"\\\\\\\\d\"}'"
    )
    found = _schema(ask, "B")
    assert found["comment"] == 'it\'s {"a": "\\\\d"}'
    assert found["options"] == "TRANSIENT, MANAGED ACCESS"
    assert (found["retention_time"], found["owner_role_type"]) == ("0", "ROLE")


def test_a_comment_is_set_and_unset(ask: Asking) -> None:
    ask("ALTER SCHEMA A SET COMMENT = 'one'")
    assert _schema(ask, "A")["comment"] == "one"
    ask("COMMENT ON SCHEMA A IS 'two'")
    assert _schema(ask, "A")["comment"] == "two"
    ask("ALTER SCHEMA A UNSET COMMENT")
    assert _schema(ask, "A")["comment"] == ""


def test_unquoted_names_fold_and_quoted_ones_do_not(ask: Asking) -> None:
    ask("CREATE SCHEMA mixed")
    ask('CREATE SCHEMA "mixed"')
    ask('CREATE SCHEMA "odd ""one"" 100%; drop"')
    names = ask.column("SHOW SCHEMAS")
    assert {"MIXED", "mixed", 'odd "one" 100%; drop'} <= set(names)
    with pytest.raises(ProgrammingError, match="already exists"):
        ask("CREATE SCHEMA MiXeD")


def test_a_schema_is_renamed_with_what_is_in_it(ask: Asking) -> None:
    ask("CREATE TABLE T AS SELECT 1 AS N")
    made = _schema(ask, "A")["created_on"]
    ask("ALTER SCHEMA A RENAME TO B")
    assert ask("SELECT N FROM B.T") == [(1,)]
    assert _schema(ask, "B")["created_on"] == made
    with pytest.raises(ProgrammingError, match=r"does not exist or not authorized") as caught:
        ask("SELECT N FROM A.T")
    assert caught.value.errno == 2003


def test_a_schema_is_not_renamed_to_a_name_that_is_taken(ask: Asking) -> None:
    ask("CREATE SCHEMA B")
    with pytest.raises(ProgrammingError, match="already exists") as caught:
        ask("ALTER SCHEMA B RENAME TO A")
    assert caught.value.errno == 2002


def test_undrop_brings_back_the_schema_that_was_dropped_last(ask: Asking) -> None:
    for number in (1, 2):
        ask("CREATE OR REPLACE SCHEMA B")
        ask(f"CREATE TABLE T AS SELECT {number} AS N")
        ask("DROP SCHEMA B CASCADE")
    ask("UNDROP SCHEMA B")
    assert ask("SELECT N FROM B.T") == [(2,)]


def test_undrop_fails_where_the_name_is_taken(ask: Asking) -> None:
    ask("CREATE SCHEMA B")
    ask("DROP SCHEMA B")
    ask("CREATE SCHEMA B")
    with pytest.raises(ProgrammingError, match="already exists"):
        ask("UNDROP SCHEMA B")


def test_without_retention_nothing_is_left_to_undrop(ask: Asking) -> None:
    ask("CREATE SCHEMA B DATA_RETENTION_TIME_IN_DAYS = 0")
    ask("DROP SCHEMA B")
    with pytest.raises(ProgrammingError):
        ask("UNDROP SCHEMA B")


def test_a_dropped_schema_is_not_dropped_again_unless_asked_if_it_exists(ask: Asking) -> None:
    ask("CREATE SCHEMA B")
    ask("DROP SCHEMA B")
    ask("DROP SCHEMA IF EXISTS B")
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        ask("DROP SCHEMA B")


def test_a_name_of_more_than_255_characters_is_refused(ask: Asking) -> None:
    ask(f"CREATE SCHEMA {'B' * 255}")
    with pytest.raises(ProgrammingError, match="255"):
        ask(f"CREATE SCHEMA {'B' * 256}")


def test_a_longer_retention_than_the_account_allows_is_refused(
    ask: Asking, snowflake_database: SnowflakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = double_of(snowflake_database).account
    ask("CREATE SCHEMA B DATA_RETENTION_TIME_IN_DAYS = 90")
    monkeypatch.setattr(account, "longest_retention", 1)
    with pytest.raises(ProgrammingError, match="Exceeds maximum allowable retention time"):
        ask("CREATE SCHEMA C DATA_RETENTION_TIME_IN_DAYS = 2")
    with pytest.raises(ProgrammingError, match="Exceeds maximum allowable retention time"):
        ask("ALTER SCHEMA A SET DATA_RETENTION_TIME_IN_DAYS = 2")


def test_a_transient_schema_keeps_at_most_a_day(ask: Asking) -> None:
    with pytest.raises(ProgrammingError, match="retention time"):
        ask("CREATE TRANSIENT SCHEMA B DATA_RETENTION_TIME_IN_DAYS = 2")


def test_only_a_tag_that_exists_is_set(ask: Asking) -> None:
    with pytest.raises(ProgrammingError, match=r"Tag .* does not exist or not authorized"):
        ask("ALTER SCHEMA A SET TAG A.COST = 'pr_1'")
    ask("CREATE TAG A.COST")
    ask("ALTER SCHEMA A SET TAG A.COST = 'pr_1'")


def test_a_new_schema_is_the_sessions_own_until_it_is_dropped(ask: Asking) -> None:
    ask("CREATE SCHEMA B")
    assert ask("SELECT CURRENT_SCHEMA()") == [("B",)]
    ask("DROP SCHEMA B")
    assert ask("SELECT CURRENT_SCHEMA()") == [(None,)]
    with pytest.raises(ProgrammingError, match="does not have a current schema"):
        ask("CREATE TABLE T (N INT)")


def test_a_statement_that_cannot_be_read_is_a_syntax_error(ask: Asking) -> None:
    for wrong in ("CREATE SCHEMA", "SELEC 1", "ALTER SCHEMA A SET COMMENT 'x'"):
        with pytest.raises(ProgrammingError, match="syntax error") as caught:
            ask(wrong)
        assert caught.value.errno == 1003


def test_what_the_double_does_not_know_is_refused_and_never_answered_with_ok(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    double_of(snowflake_database)
    for unknown in ("SHOW NONSENSE", "CREATE NONSENSE X", "ALTER TABLE A.T FROBNICATE"):
        with pytest.raises(ProgrammingError):
            ask(unknown)
