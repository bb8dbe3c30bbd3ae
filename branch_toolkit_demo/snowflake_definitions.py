"""What a user writes: a daily asset on Snowflake, and the branch toolkit beside it."""

import os
from datetime import timedelta
from typing import Any

import dagster as dg
import pandas as pd

from branch_toolkit import (
    BranchSnowflakePandasIOManager,
    GitHubBranches,
    Policy,
    SnowflakeWarehouse,
    build_branch_defs,
)


def _setting(name: str, default: float) -> float:
    return float(os.environ.get(name, default))


def _connection_arguments() -> dict[str, Any]:
    """Where Snowflake's double listens; an account needs none of these."""
    return {
        "host": "127.0.0.1",
        "port": dg.EnvVar("DEMO_SNOWFLAKE_PORT"),
        "protocol": "http",
        "platform_detection_timeout_seconds": 0,
        "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    }


warehouse = SnowflakeWarehouse(
    account="acme-analytics",
    user="DAGSTER",
    password=dg.EnvVar("SNOWFLAKE_PASSWORD"),
    role="SYSADMIN",
    database="prod",
    schemas=["analytics"],
    login_timeout=20,
    network_timeout=20,
    additional_snowflake_connection_args=_connection_arguments(),
)

days = dg.DailyPartitionsDefinition("2024-03-01", end_date="2024-03-04")


class Counting(dg.Config):
    """What a branch might change about the asset."""

    urgent_only: bool = False


@dg.asset(
    partitions_def=days,
    metadata={"partition_expr": "day"},
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def daily_revenue(
    context: dg.AssetExecutionContext, config: Counting, warehouse: SnowflakeWarehouse
) -> pd.DataFrame:
    """What was ordered on each day, and for how much."""
    condition = "AND priority = 'urgent'" if config.urgent_only else ""
    query = (
        "SELECT day, count(*) AS orders, sum(price) AS revenue FROM orders"
        f" WHERE day >= %s AND day < %s {condition} GROUP BY day ORDER BY day"
    )
    start, end = context.partition_time_window
    with warehouse.get_connection() as connection, connection.cursor() as cursor:
        cursor.execute(query, (start.date(), end.date()))
        rows = cursor.fetchall()
    return pd.DataFrame(rows, columns=["day", "orders", "revenue"])


defs = dg.Definitions.merge(
    dg.Definitions(
        assets=[daily_revenue],
        resources={
            "warehouse": warehouse,
            "io_manager": BranchSnowflakePandasIOManager(warehouse=warehouse),
        },
        executor=dg.in_process_executor,
    ),
    build_branch_defs(
        warehouse=warehouse,
        branches=GitHubBranches(
            repository="acme/pipelines",
            url=dg.EnvVar("DEMO_FORGE_URL"),
            token=dg.EnvVar("DEMO_FORGE_TOKEN"),
        ),
        # Three days in earnest; the demo does not want to wait for that.
        policy=Policy(grace_after_merge=timedelta(seconds=_setting("DEMO_GRACE_SECONDS", 259_200))),
        sensor_interval=int(_setting("DEMO_SENSOR_SECONDS", 60)),
        sensor_status=dg.DefaultSensorStatus.RUNNING,
    ),
)
