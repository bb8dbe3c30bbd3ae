"""A user's module of definitions whose warehouse and branch source the tests hold in their hands.

It is loaded by name in this process (`-m`) and by path in others (`-f`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg

from branch_toolkit import BranchSource, Policy, build_branch_defs
from branch_toolkit.core.branch import Branch, BranchKey, BranchSnapshot, BranchState
from branch_toolkit.resources import WarehouseResource
from branch_toolkit.warehouses import Warehouse
from branch_toolkit.warehouses.memory import MemoryWarehouse

MODULE = __name__


def _content() -> MemoryWarehouse:
    return MemoryWarehouse(
        {"analytics": {"orders": [{"id": 1}, {"id": 2}]}, "staging": {"raw": []}}
    )


@dataclass
class World:
    """What is there."""

    warehouse: MemoryWarehouse = field(default_factory=_content)
    branches: list[Branch] = field(default_factory=list)
    complete: bool = True
    snapshot_error: Exception | None = None

    def open_pull_request(self, number: int, name: str) -> None:
        """Opens a pull request."""
        self.branches.append(Branch(key=BranchKey(number=number), name=name))

    def close(self, number: int) -> None:
        """Closes it without a merge."""
        self.branches = [each for each in self.branches if each.key.number != number]
        closed = Branch(key=BranchKey(number=number), state=BranchState.CLOSED)
        self.branches.append(closed)


world = World()


class HeldWarehouse(WarehouseResource):
    """The world's warehouse."""

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        """See `WarehouseResource.open`."""
        yield world.warehouse


class ToldBranches(BranchSource):
    """The world's branches."""

    def snapshot(self) -> BranchSnapshot:
        """See `BranchSource.snapshot`."""
        if world.snapshot_error is not None:
            raise world.snapshot_error
        return BranchSnapshot(
            branches=tuple(world.branches), complete=world.complete, source="the forge"
        )


defs = dg.Definitions.merge(
    dg.Definitions(resources={"unrelated": "a plain value"}),
    build_branch_defs(
        warehouse=HeldWarehouse(schemas=["analytics", "staging"]),
        branches=ToldBranches(),
        policy=Policy(share_applies_from=100),
    ),
)
