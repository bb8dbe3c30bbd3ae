"""A missing right names the GRANT that the very statement needs."""

from __future__ import annotations

import pytest
from snowflake.connector.errors import ProgrammingError

from branch_toolkit.core.errors import BranchToolkitError, MissingRight
from branch_toolkit.warehouses.snowflake import errors, statements
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.statements import SchemaOptions

BASE = SchemaName("PROD", "ANALYTICS")
CLONE = SchemaName("PROD", "ANALYTICS__PR_42")
CLONE_SCHEMA = statements.clone_schema(CLONE, BASE, SchemaOptions(), comment="{}")
CLONE_TABLE = statements.clone_table(CLONE / "ORDERS", BASE / "ORDERS", transient=False)
FILL = statements.fill(CLONE / "ORDERS", BASE / "ORDERS", where="day > 1")


def _denied(text: str, sql: str = CLONE_SCHEMA) -> BranchToolkitError:
    error = ProgrammingError(msg=text, errno=3001, sqlstate="42501")
    return errors.translate(error, doing="work", sql=sql, role="DAGSTER", database="PROD")


DENIED = "SQL access control error:\nInsufficient privileges to operate on"
OWN = 'GRANT OWNERSHIP ON SCHEMA "PROD"."ANALYTICS__PR_42" TO ROLE "DAGSTER" COPY CURRENT GRANTS'
LACKING = [
    (
        CLONE_SCHEMA,
        [
            'GRANT USAGE ON DATABASE "PROD" TO ROLE "DAGSTER"',
            'GRANT CREATE SCHEMA ON DATABASE "PROD" TO ROLE "DAGSTER"',
            'GRANT USAGE ON SCHEMA "PROD"."ANALYTICS" TO ROLE "DAGSTER"',
            'GRANT SELECT ON ALL TABLES IN SCHEMA "PROD"."ANALYTICS" TO ROLE "DAGSTER"',
        ],
    ),
    (
        statements.create_schema(CLONE, SchemaOptions(transient=True), comment="{}"),
        [
            'GRANT USAGE ON DATABASE "PROD" TO ROLE "DAGSTER"',
            'GRANT CREATE SCHEMA ON DATABASE "PROD" TO ROLE "DAGSTER"',
        ],
    ),
    (
        CLONE_TABLE,
        [
            'GRANT CREATE TABLE ON SCHEMA "PROD"."ANALYTICS__PR_42" TO ROLE "DAGSTER"',
            'GRANT SELECT ON TABLE "PROD"."ANALYTICS"."ORDERS" TO ROLE "DAGSTER"',
        ],
    ),
    (
        statements.table_like(CLONE / "A", BASE / "B", transient=True),
        [
            'GRANT CREATE TABLE ON SCHEMA "PROD"."ANALYTICS__PR_42" TO ROLE "DAGSTER"',
            'GRANT SELECT ON TABLE "PROD"."ANALYTICS"."B" TO ROLE "DAGSTER"',
        ],
    ),
    (
        statements.clone_object("FILE FORMAT", CLONE / "F", BASE / "F"),
        [
            'GRANT CREATE FILE FORMAT ON SCHEMA "PROD"."ANALYTICS__PR_42" TO ROLE "DAGSTER"',
            'GRANT USAGE ON FILE FORMAT "PROD"."ANALYTICS"."F" TO ROLE "DAGSTER"',
        ],
    ),
    (
        'create or replace secure view "PROD"."ANALYTICS__PR_42"."V" as select 1',
        ['GRANT CREATE VIEW ON SCHEMA "PROD"."ANALYTICS__PR_42" TO ROLE "DAGSTER"'],
    ),
    (
        FILL,
        [
            'GRANT INSERT ON TABLE "PROD"."ANALYTICS__PR_42"."ORDERS" TO ROLE "DAGSTER"',
            'GRANT SELECT ON TABLE "PROD"."ANALYTICS"."ORDERS" TO ROLE "DAGSTER"',
        ],
    ),
    (
        statements.comment_schema(CLONE, "it's"),
        [OWN],
    ),
    (
        statements.rename_schema(CLONE, "X"),
        [
            'GRANT CREATE SCHEMA ON DATABASE "PROD" TO ROLE "DAGSTER"',
            OWN,
        ],
    ),
    (
        statements.drop_schema(CLONE),
        [OWN],
    ),
    (
        statements.grant_on_schema("USAGE", CLONE, "ANALYST"),
        [OWN],
    ),
    (
        statements.show_objects("TABLES", BASE),
        [
            'GRANT USAGE ON DATABASE "PROD" TO ROLE "DAGSTER"',
            'GRANT USAGE ON SCHEMA "PROD"."ANALYTICS" TO ROLE "DAGSTER"',
        ],
    ),
    (
        statements.show_schemas("PROD"),
        ['GRANT USAGE ON DATABASE "PROD" TO ROLE "DAGSTER"'],
    ),
    (
        statements.ddl("VIEW", str(BASE / "it's")),
        ['GRANT SELECT ON VIEW "PROD"."ANALYTICS"."it\'s" TO ROLE "DAGSTER"'],
    ),
    (
        statements.ddl("FUNCTION", f"{BASE / 'F'}(NUMBER)"),
        ['GRANT USAGE ON FUNCTION "PROD"."ANALYTICS"."F"(NUMBER) TO ROLE "DAGSTER"'],
    ),
]


@pytest.mark.parametrize(("sql", "grants"), LACKING, ids=[sql[:45] for sql, _ in LACKING])
def test_a_missing_right_names_the_grants_that_the_statement_needs(
    sql: str, grants: list[str]
) -> None:
    error = _denied(f"{DENIED} schema 'ANALYTICS'.", sql)
    assert type(error) is MissingRight
    assert error.remedy == (
        f"Have an administrator execute what is missing of: {'; '.join(grants)}."
    )


def test_where_snowflake_names_the_privilege_that_one_is_asked_for() -> None:
    text = (
        f"{DENIED} view 'V'.\nYour primary role DAGSTER must have OWNERSHIP\n"
        "granted on VIEW PROD.ANALYTICS.V."
    )
    error = _denied(text)
    assert "of: GRANT OWNERSHIP ON VIEW PROD.ANALYTICS.V TO ROLE" in error.remedy
    assert "CREATE SCHEMA" not in error.remedy


def test_a_statement_that_is_not_ours_leads_to_doctor() -> None:
    error = _denied(f"{DENIED} task 'T'", "EXECUTE TASK t")
    assert "`branch-toolkit doctor`" in error.remedy


def test_where_the_role_is_not_known_the_reader_fills_it_in() -> None:
    error = ProgrammingError(msg=DENIED, errno=3001, sqlstate="42501")
    ours = errors.translate(error, doing="work", sql=FILL, role="?", database="PROD")
    assert 'TO ROLE "the_role"' in ours.remedy
