"""What a user writes: two assets on a Postgres warehouse, and the branch toolkit beside them."""

import os
from datetime import timedelta

import dagster as dg
import pandas as pd
import sqlalchemy

from branch_toolkit import (
    GitHubBranches,
    Policy,
    PostgresPandasIOManager,
    PostgresWarehouse,
    build_branch_defs,
)


def _setting(name: str, default: float) -> float:
    return float(os.environ.get(name, default))


warehouse = PostgresWarehouse(url=dg.EnvVar("WAREHOUSE_URL"), schemas=["analytics"])


class Priorities(dg.Config):
    """What a branch might change about the asset."""

    urgent_only: bool = False


@dg.asset
def order_priorities(config: Priorities, warehouse: PostgresWarehouse) -> pd.DataFrame:
    """How many orders there are of each priority."""
    condition = "WHERE o_orderpriority = '1-URGENT'" if config.urgent_only else ""
    query = f"SELECT o_orderpriority, count(*) AS orders FROM orders {condition} GROUP BY 1"
    with warehouse.get_connection() as connection:
        counts: pd.DataFrame = pd.read_sql(sqlalchemy.text(query), connection)
    return counts


@dg.asset
def largest_priority(order_priorities: pd.DataFrame) -> pd.DataFrame:
    """The priority with the most orders."""
    largest: pd.DataFrame = order_priorities.sort_values("orders").tail(1)
    return largest


defs = dg.Definitions.merge(
    dg.Definitions(
        assets=[order_priorities, largest_priority],
        resources={
            "warehouse": warehouse,
            "io_manager": PostgresPandasIOManager(warehouse=warehouse),
        },
    ),
    build_branch_defs(
        warehouse=warehouse,
        branches=GitHubBranches(
            repository="acme/pipelines",
            url=dg.EnvVar("DEMO_FORGE_URL"),
            token=dg.EnvVar("DEMO_FORGE_TOKEN"),
            comments=True,
        ),
        # Three days in earnest; the demo does not want to wait for that.
        policy=Policy(grace_after_merge=timedelta(seconds=_setting("DEMO_GRACE_SECONDS", 259_200))),
        sensor_interval=int(_setting("DEMO_SENSOR_SECONDS", 60)),
    ),
)
