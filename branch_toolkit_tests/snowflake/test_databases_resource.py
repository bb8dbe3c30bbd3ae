"""The resource for whole databases in use: the code's schemas, in its deployment's database."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import dagster as dg
import pandas as pd
import pytest
from pydantic import ValidationError

from branch_toolkit import BranchSnowflakePandasIOManager, SnowflakeDatabasesWarehouse
from branch_toolkit.core.errors import CloneMissing, UnknownSchema
from branch_toolkit_tests.snowflake.account import Account
from branch_toolkit_tests.snowflake.scene import NOW
from branch_toolkit_tests.snowflakes import SnowflakeDatabase

LOGIN = {"account": "acme", "user": "DAGSTER", "password": "none"}
UNREACHABLE = SnowflakeDatabasesWarehouse(**LOGIN, databases=["prod", '"lake"'], schema="analytics")
Become = Callable[[], None]


@pytest.fixture
def account(snowflake_database: SnowflakeDatabase) -> Iterator[Account]:
    with Account.of(snowflake_database) as account:
        yield account


@pytest.fixture
def warehouse(account: Account, snowflake_database: SnowflakeDatabase) -> object:
    args = {**snowflake_database.resource_args, "databases": [account.base.lower()]}
    del args["database"]
    return SnowflakeDatabasesWarehouse(**args, schema="analytics")


@pytest.fixture
def become(warehouse: SnowflakeDatabasesWarehouse, monkeypatch: pytest.MonkeyPatch) -> Become:
    """Makes this the deployment of #42, whose environment is there."""

    def become() -> None:
        monkeypatch.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
        monkeypatch.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", "42")
        branch = warehouse.deployment.branch
        assert branch
        with warehouse.environments() as environments:
            environments.provision(branch, now=NOW)

    return become


def test_in_a_base_deployment_names_are_productions_and_nobody_is_asked() -> None:
    assert UNREACHABLE.schema("prod") == "prod"
    assert UNREACHABLE.table("orders") == '"PROD"."ANALYTICS"."ORDERS"'
    assert UNREACHABLE.table("t", schema="staging") == '"PROD"."STAGING"."T"'
    assert UNREACHABLE.table("t", schema='"s"', database='"lake"') == '"lake"."s"."T"'
    assert str(UNREACHABLE.locate('"lake".staging').schema) == '"lake"."STAGING"'
    assert UNREACHABLE.database == "prod"


def test_in_a_branch_the_database_is_the_clone_and_schemas_keep_their_names(
    account: Account, warehouse: SnowflakeDatabasesWarehouse, become: Become
) -> None:
    become()
    assert warehouse.schema(account.base) == account.clone
    assert warehouse.table("orders") == f'"{account.clone}"."ANALYTICS"."ORDERS"'
    assert warehouse.table("log", schema="staging") == f'"{account.clone}"."STAGING"."LOG"'
    with warehouse.get_connection() as connection:
        connection.cursor().execute("INSERT INTO orders (n) VALUES (70)")
    with warehouse.get_connection(schema="staging", database=account.base) as connection:
        connection.cursor().execute("INSERT INTO log VALUES (1)")
    assert account.run(f"SELECT N FROM {account.clone}.ANALYTICS.TOTALS") == [(100,)]
    assert account.run(f"SELECT N FROM {account.base}.ANALYTICS.TOTALS") == [(30,)]
    assert account.run(f"SELECT COUNT(*) FROM {account.base}.STAGING.LOG") == [(0,)]
    with pytest.raises(UnknownSchema):
        warehouse.table("orders", database="other")


def test_a_clone_that_is_missing_is_an_error(
    account: Account, warehouse: SnowflakeDatabasesWarehouse, become: Become
) -> None:
    become()
    account.run(f"DROP DATABASE {account.clone}")
    with pytest.raises(CloneMissing), warehouse.get_connection():
        pass


def test_an_asset_is_stored_in_its_schema_of_the_branchs_database(
    account: Account, warehouse: SnowflakeDatabasesWarehouse, become: Become
) -> None:
    @dg.asset
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"n": [1, 2, 3]})

    @dg.asset(metadata={"schema": "staging"})
    def doubled(numbers: pd.DataFrame) -> pd.DataFrame:
        return numbers * 2

    become()
    manager = BranchSnowflakePandasIOManager(warehouse=warehouse)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pandas only supports SQLAlchemy")
        assert dg.materialize([numbers, doubled], resources={"io_manager": manager}).success
    assert account.run(f"SELECT SUM(N) FROM {account.clone}.ANALYTICS.NUMBERS") == [(6,)]
    assert account.run(f"SELECT SUM(N) FROM {account.clone}.STAGING.DOUBLED") == [(12,)]
    base = account.databases[account.base].schemas
    assert ("TABLE", "NUMBERS") not in base["ANALYTICS"].things
    assert ("TABLE", "DOUBLED") not in base["STAGING"].things


def test_what_means_nothing_for_databases_is_refused() -> None:
    for field in ({"managed_access": True}, {"clone_by": "tables"}):
        with pytest.raises(ValidationError, match="mean nothing for whole databases"):
            SnowflakeDatabasesWarehouse(**LOGIN, databases=["prod"], **field)
    with pytest.raises(ValidationError, match="are one in Snowflake"):
        SnowflakeDatabasesWarehouse(**LOGIN, databases=["prod", "PROD"])


def test_it_can_be_configured_when_a_run_is_launched() -> None:
    @dg.op
    def shown(warehouse: SnowflakeDatabasesWarehouse) -> str:
        return warehouse.table("orders")

    @dg.job(resource_defs={"warehouse": SnowflakeDatabasesWarehouse.configure_at_launch()})
    def job() -> None:
        shown()

    config = {**LOGIN, "databases": ["prod"], "schema": "analytics"}
    result = job.execute_in_process({"resources": {"warehouse": {"config": config}}})
    assert result.output_for_node("shown") == '"PROD"."ANALYTICS"."ORDERS"'
