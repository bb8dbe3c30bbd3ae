"""A code location as production and branch have it, for the tests of history."""

# No `from __future__ import annotations`: Dagster reads the type of `context` as it is.

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

import dagster as dg

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.history.reporting import report_base_history
from branch_toolkit.history.resource import BaseHistory
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.memory import MemoryWarehouse

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-06")
FAIL = "fail"


@dg.observable_source_asset
def feed() -> dg.DataVersion:
    """Observed, and never materialized."""
    return dg.DataVersion("feed-1")


@dg.asset(deps=[feed], code_version="1", key_prefix="analytics")
def orders() -> dg.MaterializeResult[None]:
    """Says itself which version of its data it has made."""
    return dg.MaterializeResult(
        data_version=dg.DataVersion("orders-1"), metadata={"dagster/row_count": 7}
    )


@dg.asset(deps=[orders], code_version="1", metadata={"schema": "analytics"})
def revenue() -> None:
    """Made from `orders`."""


@dg.asset(partitions_def=DAYS)
def clicks() -> None:
    """Daily."""


@dg.asset(partitions_def=DAYS, deps=[clicks])
def visits() -> None:
    """Daily, made from `clicks`."""


@dg.asset(deps=[clicks])
def audience() -> None:
    """Made from all days of `clicks`."""


@dg.asset(deps=["excluded"])
def flaky(context: dg.AssetExecutionContext) -> None:
    """Fails where it is told to."""
    if FAIL in context.run.tags:
        raise RuntimeError("as told")


@dg.asset
def excluded() -> None:
    """Of it, the environment has no table."""


@dg.asset
def never() -> None:
    """Never materialized."""


class Listing(MemoryWarehouse):
    """A warehouse that lists the tables of clones, all of them with rows of the clone's own."""

    def tables(self, clones: Sequence[OwnedSchema]) -> Mapping[tuple[str, str], bool]:
        """By clone and name, whether each reads through to base."""
        return {(c.name, name): False for c in clones for name in self.held[c.name].tables}


@dg.op
def provision_and_report(context: dg.OpExecutionContext, history: BaseHistory) -> None:
    """What `provision_branch` does."""
    warehouse = Listing({"analytics": {"orders": [], "revenue": []}})
    environments = Environments(warehouse, Project(), ("analytics",))
    environments.provision(Branch(key=BranchKey(number=42)), now=datetime.now(tz=timezone.utc))
    report_base_history(context, environments, "pr_42", history)


@dg.job(executor_def=dg.in_process_executor)
def provision() -> None:
    """Provisions, and reports."""
    provision_and_report()


defs = dg.Definitions(
    assets=[feed, orders, revenue, clicks, visits, audience, flaky, excluded, never],
    jobs=[provision],
    resources={"history": BaseHistory.configure_at_launch()},
)
