"""The asset whose materialization lists every environment."""

from datetime import datetime, timezone

import dagster as dg

from branch_toolkit.core.policy import Policy
from branch_toolkit.reporting import environment_details, environment_rows, explained, table
from branch_toolkit.resources import WarehouseResource


def build_inventory_asset(policy: Policy) -> dg.AssetsDefinition:
    """The asset `branch_environments`, which tells what happens next by a policy."""

    @dg.asset(
        group_name="branch_toolkit",
        description=(
            "Every branch's environment in the warehouse: its branch, state, why, what happens next"
            " and when, age, last use, size and strategy. Materialize it to see them now."
        ),
    )
    def branch_environments(branch_warehouse: WarehouseResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with explained(), branch_warehouse.environments() as environments:
            inventory = environments.inventory(sizes=True)
        refused: list[dict[str, str | int]] = [
            {"schema": found.schema, "reason": found.reason} for found in inventory.refused
        ]
        size_bytes = sum(found.size_bytes or 0 for found in inventory.environments)
        return dg.MaterializeResult(
            metadata={
                "environments": table(
                    environment_rows(
                        inventory.environments, policy, now=datetime.now(tz=timezone.utc)
                    )
                ),
                "details": table(environment_details(inventory.environments)),
                "count": dg.MetadataValue.int(len(inventory.environments)),
                "size_bytes": dg.MetadataValue.int(size_bytes),
                "left alone": table(refused),
            }
        )

    return branch_environments
