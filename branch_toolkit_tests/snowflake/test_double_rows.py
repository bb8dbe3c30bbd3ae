"""The double's queries, views, transactions and loads of rows."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.connector.pandas_tools import write_pandas

from branch_toolkit_tests.snowflakes import Asking, SnowflakeDatabase


@pytest.fixture
def rows(ask: Asking) -> Asking:
    """A table with rows."""
    ask("CREATE TABLE T (N INT, X VARCHAR)")
    ask("INSERT INTO T VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    return ask


def test_rows_are_changed(rows: Asking) -> None:
    rows("UPDATE A.T SET X = 'q' WHERE T.N = 2")
    rows("DELETE FROM T WHERE N = 1")
    rows(
        "MERGE INTO T USING (SELECT 9 AS N) AS S ON T.N = S.N"
        " WHEN NOT MATCHED THEN INSERT (N, X) VALUES (S.N, 'm')"
    )
    assert rows("SELECT * FROM T ORDER BY N") == [(2, "q"), (3, "c"), (9, "m")]
    rows("INSERT OVERWRITE INTO T SELECT * FROM T WHERE N > 2 LIMIT 1")
    assert rows("SELECT count(*) FROM T") == [(1,)]
    rows("TRUNCATE TABLE T")
    assert rows("SELECT * FROM T") == []


def test_columns_are_added_renamed_and_dropped(rows: Asking) -> None:
    rows("ALTER TABLE T ADD COLUMN Y NUMBER(10,2)")
    rows("ALTER TABLE T RENAME COLUMN X TO Z")
    rows("ALTER TABLE T DROP COLUMN N")
    assert rows.column("DESCRIBE TABLE T") == ["Z", "Y"]
    assert rows("SELECT Z, Y FROM T ORDER BY Z LIMIT 1") == [("a", None)]
    rows("ALTER TABLE T RENAME TO U")
    assert rows.column("SHOW TABLES") == ["U"]


def test_tables_are_found_in_their_own_letter_case_only(rows: Asking) -> None:
    rows('CREATE TABLE "t" AS SELECT 7 AS N')
    assert rows('SELECT N FROM "t"') == [(7,)]
    assert rows("SELECT count(*) FROM t") == [(3,)]
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        rows('SELECT * FROM "tT"')


def test_a_common_table_expression_hides_the_table_of_its_name(rows: Asking) -> None:
    assert rows("WITH T AS (SELECT N FROM T WHERE N = 1) SELECT * FROM T") == [(1,)]
    assert rows("WITH U AS (SELECT 5 AS N) SELECT * FROM U") == [(5,)]


def test_a_view_is_looked_up_when_it_is_read(rows: Asking) -> None:
    rows("CREATE VIEW V (K) AS SELECT N FROM T")
    rows("CREATE SCHEMA B")
    rows("CREATE VIEW B.W AS SELECT K FROM A.V")
    rows("DELETE FROM A.T WHERE N > 1")
    assert rows("SELECT W.K FROM B.W") == [(1,)]
    rows("ALTER SCHEMA A RENAME TO AWAY")
    with pytest.raises(ProgrammingError, match="Failure during expansion of view 'W'"):
        rows("SELECT * FROM B.W")
    assert rows("SELECT * FROM AWAY.V") == [(1,)]


def test_a_view_must_be_able_to_read_what_it_reads(rows: Asking) -> None:
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        rows("CREATE VIEW V AS SELECT * FROM NOWHERE")
    with pytest.raises(ProgrammingError):
        rows("CREATE VIEW V AS SELECT NO_SUCH_COLUMN FROM T")
    assert rows("SHOW VIEWS IN SCHEMA A") == []


def test_a_replaced_view_keeps_its_grants_only_if_asked(rows: Asking) -> None:
    rows("CREATE VIEW V AS SELECT N FROM T")
    rows("GRANT SELECT ON VIEW V TO ROLE PUBLIC")
    rows("CREATE OR REPLACE VIEW V COPY GRANTS AS SELECT X FROM T")
    assert "PUBLIC" in rows.column("SHOW GRANTS ON VIEW V", "grantee_name")
    rows("CREATE OR REPLACE VIEW V AS SELECT X FROM T")
    assert "PUBLIC" not in rows.column("SHOW GRANTS ON VIEW V", "grantee_name")


def test_sequences_count_on(rows: Asking) -> None:
    rows("CREATE SEQUENCE S START WITH 10 INCREMENT BY 10")
    assert [rows("SELECT S.NEXTVAL")[0][0] for _ in range(2)] == [10, 20]
    [row] = rows.rows("SHOW SEQUENCES")
    assert (row["next_value"], row["interval"]) == (30, 10)


def test_what_is_rolled_back_was_never_there(
    rows: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    rows("BEGIN")
    rows("DELETE FROM T")
    rows("INSERT INTO T VALUES (9, 'z')")
    assert rows("SELECT N FROM T") == [(9,)]
    assert snowflake_database.run("SELECT count(*) FROM A.T") == [(3,)]
    rows("ROLLBACK")
    assert rows("SELECT count(*) FROM T") == [(3,)]


def test_ddl_commits_what_is_open(rows: Asking, snowflake_database: SnowflakeDatabase) -> None:
    rows("BEGIN")
    rows("DELETE FROM T")
    rows("CREATE TABLE U (N INT)")
    rows("ROLLBACK")
    assert snowflake_database.run("SELECT count(*) FROM A.T") == [(0,)]


def test_a_session_that_ends_takes_back_what_it_had_open(
    rows: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    with snowflake_database.connect() as other:
        other.cursor().execute("BEGIN")
        other.cursor().execute("DELETE FROM A.T")
    assert rows("SELECT count(*) FROM T") == [(3,)]
    rows("DELETE FROM T WHERE N = 1")


def test_without_autocommit_a_change_waits_for_the_commit(
    rows: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    rows.connection.autocommit(False)
    rows("DELETE FROM T")
    assert snowflake_database.run("SELECT count(*) FROM A.T") == [(3,)]
    rows.connection.commit()
    assert snowflake_database.run("SELECT count(*) FROM A.T") == [(0,)]


def test_a_frame_is_written_and_read(ask: Asking, snowflake_database: SnowflakeDatabase) -> None:
    frame = pd.DataFrame(
        {"ID": [1, 2], "lower": ["a", None], "DAY": pd.to_datetime(["2026-01-01", "2026-01-02"])}
    )
    for _ in range(2):
        ok, _chunks, count, _ = write_pandas(
            ask.connection,
            frame,
            "FRAME",
            database=snowflake_database.name,
            schema="A",
            auto_create_table=True,
            use_logical_type=True,
        )
        assert (ok, count) == (True, 2)
    assert ask('SELECT ID, "lower", DAY FROM FRAME ORDER BY ID LIMIT 1') == [
        (1, "a", datetime(2026, 1, 1))  # noqa: DTZ001
    ]
    read = ask.connection.cursor().execute("SELECT * FROM FRAME").fetch_pandas_all()
    assert list(read.columns) == ["ID", "lower", "DAY"]
    assert len(read) == 4
