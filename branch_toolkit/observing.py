"""Observe and plan: asks the branch source and the warehouse, and lets `reconcile` decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.branch import BranchSnapshot
from branch_toolkit.core.environment import Inventory
from branch_toolkit.core.lifecycle import Action, reconcile
from branch_toolkit.core.policy import Policy
from branch_toolkit.verbs import Environments


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen, and what follows from it."""

    snapshot: BranchSnapshot
    inventory: Inventory
    actions: tuple[Action, ...]


def observe(
    environments: Environments, source: BranchSource, policy: Policy, *, now: datetime
) -> Observation:
    """Sees and decides; changes nothing.

    Raises:
        BranchSourceUnavailable: The branch source gave no answer that can be trusted.
        WarehouseUnavailable: The warehouse cannot be reached.
    """
    # The warehouse first: a branch that is opened in between then lacks an environment for one
    # tick; the other way round, a new environment's branch would look gone.
    inventory = environments.inventory()
    answer = source.snapshot()
    snapshot = replace(answer, branches=environments.project.adopt(answer.branches))
    actions = reconcile(
        snapshot, inventory.environments, policy, schemas=environments.schemas, now=now
    )
    return Observation(snapshot, inventory, actions)
