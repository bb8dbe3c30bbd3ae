"""The double's clones, against https://docs.snowflake.com/en/user-guide/object-clone."""

from __future__ import annotations

import pytest
from snowflake.connector.errors import ProgrammingError

from branch_toolkit_tests.snowflakes import Asking, SnowflakeDatabase, double_of


@pytest.fixture
def base(ask: Asking) -> Asking:
    """A schema with some of everything."""
    for statement in (
        "CREATE SEQUENCE S START 10 INCREMENT 5",
        "CREATE TABLE T (ID INT DEFAULT S.NEXTVAL, N INT, X VARCHAR(10) NOT NULL)",
        "INSERT INTO T (N, X) VALUES (1, 'a'), (2, 'b')",
        "CREATE VIEW NEAR AS SELECT N FROM T",
        "CREATE VIEW FAR AS SELECT N FROM A.T -- A.T\n WHERE X <> 'A.T'",
        "CREATE FUNCTION F(N NUMBER) RETURNS NUMBER AS 'N + 1'",
        "CREATE PROCEDURE P() RETURNS VARCHAR LANGUAGE SQL AS $$ BEGIN RETURN 'x'; END $$",
        "CREATE STAGE INSIDE",
        "CREATE FILE FORMAT FF TYPE = CSV",
        "CREATE TASK K SCHEDULE = '5 MINUTE' AS SELECT 1",
        "ALTER TASK K RESUME",
        "CREATE STREAM M ON TABLE T",
        "CREATE PIPE R AS COPY INTO T FROM @INSIDE",
    ):
        ask(statement)
    return ask


def test_a_clone_has_all_that_is_in_base_but_pipes_on_internal_stages(base: Asking) -> None:
    base("CREATE SCHEMA B CLONE A")
    for kind in ("TABLES", "VIEWS", "SEQUENCES", "USER FUNCTIONS", "USER PROCEDURES", "STAGES"):
        assert base.column(f"SHOW {kind} IN SCHEMA B") == base.column(f"SHOW {kind} IN SCHEMA A")
    for kind in ("TASKS", "STREAMS", "FILE FORMATS"):
        assert len(base(f"SHOW {kind} IN SCHEMA B")) == 1
    assert base("SHOW PIPES IN SCHEMA B") == []


def test_a_clone_and_its_base_go_their_own_ways(base: Asking) -> None:
    base("CREATE SCHEMA B CLONE A")
    base("INSERT INTO B.T (N, X) VALUES (3, 'c')")
    base("DELETE FROM A.T WHERE N = 1")
    assert base("SELECT N FROM A.T ORDER BY N") == [(2,)]
    assert base("SELECT N FROM B.T ORDER BY N") == [(1,), (2,), (3,)]


def test_a_views_absolute_references_still_lead_to_base(base: Asking) -> None:
    base("CREATE SCHEMA B CLONE A")
    base("TRUNCATE TABLE B.T")
    assert base("SELECT * FROM B.NEAR") == []
    assert base("SELECT * FROM B.FAR ORDER BY N") == [(1,), (2,)]


def test_a_default_takes_the_cloned_sequence(base: Asking) -> None:
    base("CREATE SCHEMA B CLONE A")
    base("INSERT INTO B.T (N, X) VALUES (3, 'c')")
    base("INSERT INTO A.T (N, X) VALUES (4, 'd')")
    assert base("SELECT ID FROM B.T WHERE N = 3") == base("SELECT ID FROM A.T WHERE N = 4")
    [default] = {row["default"] for row in base.rows("SHOW COLUMNS IN SCHEMA B")} - {"", None}
    assert default.endswith(".B.S.NEXTVAL")


def test_a_default_that_takes_a_sequence_elsewhere_keeps_it(base: Asking) -> None:
    base("CREATE SCHEMA OTHER")
    base("CREATE TABLE OTHER.U (ID INT DEFAULT A.S.NEXTVAL, N INT)")
    base("CREATE SCHEMA B CLONE OTHER")
    base("INSERT INTO B.U (N) VALUES (1)")
    base("INSERT INTO OTHER.U (N) VALUES (1)")
    assert base("SELECT ID FROM B.U") != base("SELECT ID FROM OTHER.U")


def test_cloned_tasks_are_suspended(base: Asking) -> None:
    base("CREATE SCHEMA B CLONE A")
    assert base.column("SHOW TASKS IN SCHEMA A", "state") == ["started"]
    assert base.column("SHOW TASKS IN SCHEMA B", "state") == ["suspended"]


def test_a_table_is_cloned_alone_with_its_rows_and_defaults(base: Asking) -> None:
    base("CREATE SCHEMA B")
    base("CREATE TABLE B.T CLONE A.T COPY GRANTS")
    base("INSERT INTO B.T (N, X) VALUES (3, 'c')")
    assert base("SELECT N FROM B.T ORDER BY N") == [(1,), (2,), (3,)]
    [default] = {row["default"] for row in base.rows("SHOW COLUMNS IN TABLE B.T")} - {"", None}
    assert default.endswith(".A.S.NEXTVAL")


def test_a_default_can_be_set_to_another_sequence(base: Asking) -> None:
    base("CREATE SCHEMA B")
    base("CREATE SEQUENCE B.S CLONE A.S")
    base("CREATE TABLE B.T CLONE A.T")
    base("ALTER TABLE B.T ALTER COLUMN ID SET DEFAULT B.S.NEXTVAL")
    base("INSERT INTO B.T (N, X) VALUES (3, 'c')")
    base("INSERT INTO A.T (N, X) VALUES (4, 'd')")
    assert base("SELECT ID FROM B.T WHERE N = 3") == base("SELECT ID FROM A.T WHERE N = 4")
    with pytest.raises(ProgrammingError, match="Alter Column Set Default"):
        base("ALTER TABLE B.T ALTER COLUMN N SET DEFAULT B.S.NEXTVAL")


def test_a_table_like_another_has_its_columns_and_no_rows(base: Asking) -> None:
    base("CREATE TABLE U LIKE T")
    assert base("SELECT * FROM U") == []
    assert base.column("DESCRIBE TABLE U") == ["ID", "N", "X"]
    with pytest.raises(ProgrammingError):
        base("INSERT INTO U (N, X) VALUES (1, NULL)")


def test_a_file_format_is_cloned(base: Asking) -> None:
    base("CREATE SCHEMA B")
    base("CREATE FILE FORMAT B.FF CLONE A.FF")
    assert base.column("SHOW FILE FORMATS IN SCHEMA B", "type") == ["CSV"]


def test_a_schema_with_a_hybrid_table_is_cloned_only_without_it(
    base: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    double_of(snowflake_database)  # Not in every account's region.
    base("CREATE HYBRID TABLE A.H (ID INT PRIMARY KEY)")
    with pytest.raises(ProgrammingError, match="IGNORE HYBRID TABLES") as caught:
        base("CREATE SCHEMA B CLONE A")
    assert caught.value.errno == 392105
    base("CREATE SCHEMA B CLONE A IGNORE HYBRID TABLES")
    assert base.column("SHOW TABLES IN SCHEMA B") == ["T"]


def test_external_tables_are_not_cloned(
    base: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    double_of(snowflake_database)
    base("CREATE EXTERNAL TABLE A.E WITH LOCATION = @INSIDE FILE_FORMAT = (TYPE = PARQUET)")
    base("CREATE SCHEMA B CLONE A")
    assert base.column("SHOW EXTERNAL TABLES IN SCHEMA A") == ["E"]
    assert base("SHOW EXTERNAL TABLES IN SCHEMA B") == []


def test_what_is_transient_has_no_permanent_clone(ask: Asking) -> None:
    ask("CREATE TRANSIENT SCHEMA B")
    ask("CREATE TABLE B.T AS SELECT 1 AS N")
    with pytest.raises(ProgrammingError, match=r"(?i)transient"):
        ask("CREATE SCHEMA C CLONE B")
    with pytest.raises(ProgrammingError, match=r"(?i)transient"):
        ask("CREATE TABLE A.T CLONE B.T")
    ask("CREATE TRANSIENT SCHEMA C CLONE B")
    ask("CREATE TRANSIENT TABLE A.T CLONE B.T")
    assert ask.column("SHOW TABLES IN SCHEMA C", "kind") == ["TRANSIENT"]


def test_an_imported_database_cannot_be_cloned_from(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    account = double_of(snowflake_database).account
    name = f"{snowflake_database.name}_IMPORTED"
    ask(f"CREATE DATABASE {name} FROM SHARE PROVIDER.SHARE")
    try:
        [row] = ask.rows(f"SHOW DATABASES LIKE '{name}'")
        assert (row["kind"], row["origin"]) == ("IMPORTED DATABASE", "PROVIDER.SHARE")
        with pytest.raises(ProgrammingError, match="imported database"):
            ask(f"CREATE SCHEMA {snowflake_database.name}.B CLONE {name}.PUBLIC")
    finally:
        del account.databases[name]


def test_a_clone_of_what_is_not_there_is_refused_and_makes_nothing(ask: Asking) -> None:
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        ask("CREATE SCHEMA B CLONE NOWHERE")
    assert "B" not in ask.column("SHOW SCHEMAS")


def test_bytes_are_those_that_a_clone_does_not_share(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    double = double_of(snowflake_database)
    ask("CREATE TABLE A.T AS SELECT 1 AS N")
    ask("CREATE SCHEMA B CLONE A")
    query = (
        "SELECT TABLE_SCHEMA, ACTIVE_BYTES FROM INFORMATION_SCHEMA.TABLE_STORAGE_METRICS"
        " WHERE TABLE_DROPPED IS NULL"
    )
    assert {schema: size > 0 for schema, size in ask(query)} == {"A": True, "B": False}
    ask("INSERT INTO B.T VALUES (2)")
    assert {schema: size > 0 for schema, size in ask(query)} == {"A": True, "B": True}
    double.metrics_readable = False
    with pytest.raises(ProgrammingError, match="Insufficient privileges"):
        ask(query)
