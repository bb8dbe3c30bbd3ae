"""What is about whole schemas, or makes its names as it runs, is refused and never passed on."""

from __future__ import annotations

import pytest

from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.references import Moves, Unreadable, repoint

BASE = SchemaName("PROD", "ANALYTICS")
MOVES = Moves({BASE: SchemaName("PROD", "ANALYTICS__PR_42")}, BASE)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP SCHEMA PROD.ANALYTICS",
        "TRUNCATE DATABASE PROD",
        "DROP DATABASE prod",
        "UNDROP SCHEMA analytics",
        "CREATE OR REPLACE SCHEMA analytics",
        "CREATE TRANSIENT SCHEMA other CLONE analytics",
        "ALTER SCHEMA analytics RENAME TO gone",
        "COMMENT ON SCHEMA analytics IS 'mine'",
        "USE SCHEMA analytics",
        "USE analytics",
    ],
)
def test_a_procedure_about_whole_schemas_is_not_taken_along(statement: str) -> None:
    ddl = (
        "CREATE OR REPLACE PROCEDURE PROD.ANALYTICS.RESET() RETURNS VARCHAR LANGUAGE SQL"
        f" AS $${statement}$$;"
    )
    with pytest.raises(Unreadable):
        repoint(ddl, MOVES)


@pytest.mark.parametrize(
    "argument", ["'SELECT * FROM prod.analytics.t'", "SQL => 'SELECT 1'", "'SELECT ' || '1'"]
)
def test_a_query_that_is_made_of_text_is_not_taken_along(argument: str) -> None:
    ddl = f"create or replace view PROD.ANALYTICS.V as select * from TABLE(TO_QUERY({argument}));"
    with pytest.raises(Unreadable):
        repoint(ddl, MOVES)


@pytest.mark.parametrize(
    "statement",
    [
        r"EXECUTE IMMEDIATE 'delete from prod.ana\x6cytics.t'",
        r"EXECUTE IMMEDIATE 'delete from prod.ana\u006cytics.t'",
        r"DELETE FROM IDENTIFIER('prod.ana\154ytics.t')",
        r"SELECT * FROM TABLE('prod.ana\x6cytics.t')",
    ],
)
def test_a_name_that_may_be_written_with_escapes_is_not_taken_along(statement: str) -> None:
    ddl = (
        "CREATE OR REPLACE PROCEDURE PROD.ANALYTICS.CLEAR() RETURNS VARCHAR LANGUAGE SQL"
        f" AS $${statement}$$;"
    )
    with pytest.raises(Unreadable, match="escapes"):
        repoint(ddl, MOVES)


def test_columns_with_such_names_do_no_harm() -> None:
    ddl = "create or replace view PROD.ANALYTICS.V as select schema, database from ANALYTICS.T;"
    assert 'from "ANALYTICS__PR_42".T' in repoint(ddl, MOVES).sql
