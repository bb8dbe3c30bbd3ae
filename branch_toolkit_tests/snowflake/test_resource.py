"""The Snowflake resource in use: one code, its own schemas in every deployment."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from branch_toolkit import SnowflakeWarehouse
from branch_toolkit.core import errors
from branch_toolkit_tests.snowflakes import SnowflakeDatabase, double_of

BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_PULL_REQUEST_ID": "42"}
NOW = datetime.now(tz=timezone.utc)
UNREACHABLE = SnowflakeWarehouse(
    account="acme", user="DAGSTER", password="none", database="prod", schemas=["analytics"]
)


@pytest.fixture
def warehouse(snowflake_database: SnowflakeDatabase) -> SnowflakeWarehouse:
    """Production: two schemas, named in lower case by the user."""
    for schema in ("ANALYTICS", "STAGING"):
        snowflake_database.run(f"CREATE SCHEMA {schema}")
        snowflake_database.run(f"CREATE TABLE {schema}.ORDERS (N INT)")
    return SnowflakeWarehouse(**snowflake_database.resource_args, schemas=["analytics", "staging"])


Become = Callable[..., None]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Makes this a branch's deployment."""

    def become() -> None:
        for name, value in BRANCH.items():
            monkeypatch.setenv(name, value)

    return become


@pytest.fixture
def in_branch(warehouse: SnowflakeWarehouse, become: Become) -> SnowflakeWarehouse:
    """In the branch deployment of #42, whose environment is there."""
    become()
    provision(warehouse)
    return warehouse


def provision(warehouse: SnowflakeWarehouse) -> None:
    branch = warehouse.deployment.branch
    assert branch
    with warehouse.environments() as environments:
        environments.provision(branch, now=NOW)


def insert(warehouse: SnowflakeWarehouse, number: int, **options: Any) -> None:
    with warehouse.get_connection(**options) as connection:
        connection.cursor().execute(f"INSERT INTO orders VALUES ({number})")


class TestBase:
    def test_schemas_are_as_snowflake_has_them_and_nobody_is_asked(self) -> None:
        assert UNREACHABLE.schema("Analytics") == "Analytics"
        assert UNREACHABLE.resolve() == {"ANALYTICS": "ANALYTICS"}
        assert UNREACHABLE.table("orders") == '"PROD"."ANALYTICS"."ORDERS"'
        assert UNREACHABLE.table('"orders"', schema='"s"') == '"PROD"."s"."orders"'

    def test_a_connection_reads_and_writes_production(
        self, warehouse: SnowflakeWarehouse, snowflake_database: SnowflakeDatabase
    ) -> None:
        insert(warehouse, 1)
        insert(warehouse, 2, schema="Staging")
        assert snowflake_database.run("SELECT N FROM ANALYTICS.ORDERS") == [(1,)]
        assert snowflake_database.run("SELECT N FROM STAGING.ORDERS") == [(2,)]

    def test_a_schema_that_is_not_there_is_an_error_and_is_not_made(
        self, warehouse: SnowflakeWarehouse, snowflake_database: SnowflakeDatabase
    ) -> None:
        with (
            pytest.raises(errors.BranchToolkitError, match="use schema"),
            warehouse.get_connection(schema="STAGIN_"),
        ):
            pass
        assert len(snowflake_database.run("SHOW SCHEMAS STARTS WITH 'STAG'")) == 1

    def test_the_connection_lives_beyond_a_collection_and_is_closed_after_an_error(
        self, warehouse: SnowflakeWarehouse
    ) -> None:
        with warehouse.get_connection() as connection:
            gc.collect()
            assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]
        with suppress(LookupError), warehouse.get_connection() as another:
            raise LookupError
        assert connection.is_closed()
        assert another.is_closed()

    def test_an_open_transaction_is_committed_at_the_end_and_rolled_back_on_an_error(
        self, warehouse: SnowflakeWarehouse, snowflake_database: SnowflakeDatabase
    ) -> None:
        for number, error in ((1, None), (2, LookupError)):
            with suppress(LookupError), warehouse.get_connection() as connection:
                connection.cursor().execute("BEGIN")
                connection.cursor().execute(f"INSERT INTO orders VALUES ({number})")
                if error:
                    raise error
        assert snowflake_database.run("SELECT N FROM ANALYTICS.ORDERS") == [(1,)]


class TestBranch:
    def test_schemas_are_the_branchs_clones_however_their_base_is_spelt(
        self, in_branch: SnowflakeWarehouse, snowflake_database: SnowflakeDatabase
    ) -> None:
        assert in_branch.resolve() == {
            "ANALYTICS": "ANALYTICS__PR_42",
            "STAGING": "STAGING__PR_42",
        }
        assert in_branch.schema("Analytics") == in_branch.schema('"ANALYTICS"')
        database = snowflake_database.name
        assert in_branch.table("orders") == f'"{database}"."ANALYTICS__PR_42"."ORDERS"'

    def test_a_connection_reads_and_writes_the_clone(
        self, in_branch: SnowflakeWarehouse, snowflake_database: SnowflakeDatabase
    ) -> None:
        insert(in_branch, 1)
        insert(in_branch, 2, schema="STAGING")
        assert snowflake_database.run("SELECT N FROM ANALYTICS.ORDERS") == []
        assert snowflake_database.run("SELECT N FROM ANALYTICS__PR_42.ORDERS") == [(1,)]
        assert snowflake_database.run("SELECT N FROM STAGING__PR_42.ORDERS") == [(2,)]

    def test_every_statement_says_which_environment_it_is_for(
        self, in_branch: SnowflakeWarehouse, snowflake_database: SnowflakeDatabase
    ) -> None:
        double = double_of(snowflake_database)
        with in_branch.get_connection() as connection:
            connection.cursor().execute("SELECT 'mine'")
        [received] = [one for one in double.statements if one.text == "SELECT 'mine'"]
        assert json.loads(received.tag) == {
            "app": "branch_toolkit",
            "deployment": "branch",
            "environment": "pr_42",
        }

    def test_with_a_role_for_branches_production_cannot_be_written(
        self, warehouse: SnowflakeWarehouse, snowflake_database: SnowflakeDatabase, become: Become
    ) -> None:
        double = double_of(snowflake_database)
        role = f"BRANCHER_{snowflake_database.name}"
        for sql in (
            f"CREATE ROLE {role}",
            f"GRANT ROLE {role} TO ROLE SYSADMIN",
            f"GRANT USAGE ON DATABASE {snowflake_database.name} TO ROLE {role}",
            f"GRANT USAGE ON SCHEMA ANALYTICS TO ROLE {role}",
            f"GRANT SELECT ON TABLE ANALYTICS.ORDERS TO ROLE {role}",
        ):
            snowflake_database.run(sql, role="ACCOUNTADMIN")
        fields = {**snowflake_database.resource_args, "branch_role": role.lower()}
        in_branch = SnowflakeWarehouse(**fields, schemas=["analytics", "staging"])
        become()
        provision(in_branch)
        insert(in_branch, 1)
        with in_branch.get_connection() as connection:
            cursor = connection.cursor()
            assert cursor.execute("SELECT CURRENT_ROLE()").fetchall() == [(role,)]
            assert cursor.execute("SELECT N FROM ANALYTICS.ORDERS").fetchall() == []
            with pytest.raises(ProgrammingError, match=r"(?i)not authorized|privileges"):
                cursor.execute("INSERT INTO ANALYTICS.ORDERS VALUES (2)")
        assert snowflake_database.run("SELECT N FROM ANALYTICS__PR_42.ORDERS") == [(1,)]
        assert "USE SECONDARY ROLES NONE" in [one.text for one in double.statements]

    def test_production_is_not_used_where_the_clone_is_missing(
        self, warehouse: SnowflakeWarehouse, become: Become
    ) -> None:
        become()
        with pytest.raises(errors.CloneMissing, match="ANALYTICS__PR_42"):
            insert(warehouse, 1)
        with pytest.raises(errors.UnknownSchema):
            warehouse.schema("public")

    def test_a_quoted_base_schema_keeps_its_case(
        self, snowflake_database: SnowflakeDatabase, become: Become
    ) -> None:
        snowflake_database.run('CREATE SCHEMA "sales"')
        warehouse = SnowflakeWarehouse(**snowflake_database.resource_args, schemas=['"sales"'])
        become()
        provision(warehouse)
        assert warehouse.schema('"sales"') == "sales__PR_42"
        with pytest.raises(errors.UnknownSchema):
            warehouse.schema("sales")
