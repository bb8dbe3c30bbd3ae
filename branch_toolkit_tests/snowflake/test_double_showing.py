"""The double's SHOW and GET_DDL: https://docs.snowflake.com/en/sql-reference/sql/show."""

from __future__ import annotations

import pytest
from snowflake.connector.errors import ProgrammingError

from branch_toolkit_tests.snowflakes import Asking, SnowflakeDatabase


@pytest.fixture
def several(ask: Asking) -> Asking:
    """Schemas with alike names."""
    for name in ("A_1", "AX1", '"a_1"', "B"):
        ask(f"CREATE SCHEMA {name}")
    return ask


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        ("LIKE 'A_1'", ["AX1", "A_1", "a_1"]),
        (r"LIKE 'a\\_1'", ["A_1", "a_1"]),
        ("LIKE 'A%'", ["A", "AX1", "A_1", "a_1"]),
        ("STARTS WITH 'A_'", ["A_1"]),
        ("STARTS WITH 'A' LIMIT 2", ["A", "AX1"]),
        ("LIMIT 2 FROM 'A'", ["AX1", "A_1"]),
    ],
)
def test_schemas_are_found_by_pattern_beginning_and_page(
    several: Asking, snowflake_database: SnowflakeDatabase, filter_: str, names: list[str]
) -> None:
    like, _, rest = filter_.partition(" STARTS") if "LIKE" in filter_ else ("", "", filter_)
    sql = f"SHOW SCHEMAS {like} IN DATABASE {snowflake_database.name} {rest}"
    assert several.column(sql) == names


def test_a_database_is_shown_with_when_it_was_made(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    first, second = (ask.rows(f"SHOW DATABASES LIKE '{snowflake_database.name}'") for _ in "12")
    assert first == second
    assert (first[0]["kind"], first[0]["origin"]) == ("STANDARD", "")
    assert first[0]["created_on"].tzinfo is not None


def test_tables_are_shown_with_rows_owner_and_kind(ask: Asking) -> None:
    ask("CREATE TABLE T AS SELECT 1 AS N UNION ALL SELECT 2")
    ask("CREATE TRANSIENT TABLE U (N INT) COMMENT = 'mine'")
    ask("CREATE DYNAMIC TABLE D TARGET_LAG = '1 hour' WAREHOUSE = W AS SELECT N FROM T")
    rows = {row["name"]: row for row in ask.rows("SHOW TABLES IN SCHEMA A")}
    assert (rows["T"]["rows"], rows["T"]["kind"], rows["T"]["is_dynamic"]) == (2, "TABLE", "N")
    assert rows["T"]["bytes"] > 0
    assert (rows["U"]["kind"], rows["U"]["comment"]) == ("TRANSIENT", "mine")
    assert rows["D"]["is_dynamic"] == "Y"
    assert [row["text"][:20] for row in ask.rows("SHOW DYNAMIC TABLES")] == ["CREATE DYNAMIC TABLE"]
    assert ask.column("SHOW TABLES IN DATABASE", "schema_name") == ["A", "A", "A"]


def test_views_are_shown_with_their_text(ask: Asking) -> None:
    text = "CREATE SECURE VIEW V COMMENT = 'x' AS SELECT 1 AS N -- as it is"
    ask(text)
    [row] = ask.rows("SHOW VIEWS IN SCHEMA A")
    assert (row["text"], row["is_secure"], row["is_materialized"]) == (text, "true", "false")
    assert row["comment"] == "x"


def test_columns_are_shown_with_types_defaults_and_identity(ask: Asking) -> None:
    ask("CREATE SEQUENCE S")
    ask(
        "CREATE TABLE T (A INT AUTOINCREMENT START 5 INCREMENT 2, B NUMBER DEFAULT A.S.NEXTVAL,"
        " C VARCHAR(7) NOT NULL DEFAULT 'x', D TIMESTAMP_TZ)"
    )
    rows = {row["column_name"]: row for row in ask.rows("SHOW COLUMNS IN TABLE A.T")}
    assert rows["A"]["autoincrement"] == "IDENTITY START 5 INCREMENT 2 NOORDER"
    assert rows["B"]["default"].endswith(".A.S.NEXTVAL")
    assert (rows["C"]["null?"], rows["D"]["null?"]) == ("NOT_NULL", "true")
    assert '"type":"TEXT","length":7' in rows["C"]["data_type"]
    ask("INSERT INTO T (D) VALUES (NULL), (NULL)")
    assert ask("SELECT A, C, D FROM T ORDER BY A") == [(5, "x", None), (7, "x", None)]


def test_functions_are_told_apart_by_their_arguments(ask: Asking) -> None:
    ask("CREATE FUNCTION F(N NUMBER(38, 0)) RETURNS NUMBER AS 'N + 1'")
    ask("CREATE FUNCTION F(N INT, X STRING) RETURNS VARCHAR AS 'X'")
    shown = ask.column("SHOW USER FUNCTIONS IN SCHEMA A", "arguments")
    assert shown == ["F(NUMBER) RETURN NUMBER", "F(NUMBER, VARCHAR) RETURN VARCHAR"]
    ask("DROP FUNCTION F(NUMBER)")
    assert ask.column("SHOW USER FUNCTIONS IN SCHEMA A", "arguments") == shown[1:]


@pytest.mark.parametrize(
    ("kind", "name", "written", "expected"),
    [
        (
            "VIEW",
            "V",
            "create view v(a comment 'x', b) as\n select 1, 2 -- A.T",
            "create or replace view {db}.A.V(a comment 'x', b) as\n select 1, 2 -- A.T;",
        ),
        (
            "VIEW",
            '"v ""2"""',
            'create or replace secure view A."v ""2""" copy grants as select 1 as n;',
            'create or replace secure view {db}.A."v ""2""" copy grants as select 1 as n;',
        ),
        (
            "FUNCTION",
            "F(NUMBER)",
            "create function f(n number) returns number as $$ n + 1 $$",
            "create or replace function {db}.A.F(n number) returns number as $$ n + 1 $$;",
        ),
        (
            "PROCEDURE",
            "P()",
            "create procedure p() returns varchar language sql as 'begin return 1; end'",
            (
                "create or replace procedure {db}.A.P() returns varchar language sql"
                " as 'begin return 1; end';"
            ),
        ),
        (
            "TABLE",
            "T",
            'create table t (id int not null, "x y" varchar(3))',
            (
                "create or replace TABLE {db}.A.T (\n\tID NUMBER(38,0) NOT NULL,\n"
                '\t"x y" VARCHAR(3)\n);'
            ),
        ),
    ],
)
def test_ddl_is_as_written_with_the_objects_whole_name(
    ask: Asking,
    snowflake_database: SnowflakeDatabase,
    kind: str,
    name: str,
    written: str,
    expected: str,
) -> None:
    ask(written)
    quoted = name.replace("'", "''")
    [(ddl,)] = ask(f"SELECT GET_DDL('{kind}', '{snowflake_database.name}.A.{quoted}', TRUE)")
    assert ddl == expected.format(db=snowflake_database.name)


def test_foreign_keys_are_kept_and_never_enforced(ask: Asking) -> None:
    ask("CREATE TABLE T (ID INT PRIMARY KEY)")
    ask("CREATE SCHEMA B")
    ask("CREATE TABLE B.U (ID INT, CONSTRAINT TO_T FOREIGN KEY (ID) REFERENCES A.T (ID))")
    ask("ALTER TABLE B.U ADD CONSTRAINT AGAIN FOREIGN KEY (ID) REFERENCES A.T (ID)")
    for statement in ("INSERT INTO A.T VALUES (1), (1)", "INSERT INTO B.U VALUES (9)"):
        ask(statement)
    found = ask(
        "SELECT CONSTRAINT_SCHEMA, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_SCHEMA"
        " FROM INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS ORDER BY 2"
    )
    assert found == [("B", "AGAIN", "A"), ("B", "TO_T", "A")]
    with pytest.raises(ProgrammingError):
        ask("INSERT INTO A.T VALUES (NULL)")


def test_what_the_information_schema_has_is_what_show_has(ask: Asking) -> None:
    ask("CREATE TABLE T (N INT DEFAULT 3)")
    ask("CREATE VIEW V AS SELECT N FROM T")
    schemas = {name for (name,) in ask("SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA")}
    assert {"A", "PUBLIC"} <= schemas
    tables = ask("SELECT TABLE_NAME, TABLE_TYPE FROM INFORMATION_SCHEMA.TABLES ORDER BY 1")
    assert [row for row in tables if row[0] in "TV"] == [("T", "BASE TABLE"), ("V", "VIEW")]
    columns = "SELECT COLUMN_NAME, COLUMN_DEFAULT FROM INFORMATION_SCHEMA.COLUMNS"
    assert ask(f"{columns} WHERE TABLE_NAME = 'T'") == [("N", "3")]
