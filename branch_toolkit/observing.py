"""Observe, plan and apply: what sensors, the sweep and the command line have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import BranchSnapshot
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Inventory
from branch_toolkit.core.lifecycle import reconcile
from branch_toolkit.core.plan import OnProgress, Report, silent
from branch_toolkit.core.policy import Policy
from branch_toolkit.verbs import Environments


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen, and what follows from it."""

    snapshot: BranchSnapshot
    inventory: Inventory
    actions: tuple[Action, ...]


def observe(
    environments: Environments,
    source: BranchSource,
    policy: Policy,
    *,
    now: datetime,
    sizes: bool = False,
) -> Observation:
    """Sees and decides; changes nothing.

    Args:
        environments: What is looked at.
        source: Where branches are asked for.
        policy: By what is decided.
        now: The time, aware.
        sizes: Whether to see how large environments are, even if that takes further queries.

    Raises:
        BranchSourceUnavailable: The branch source gave no answer that can be trusted.
        WarehouseUnavailable: The warehouse cannot be reached.
    """
    # The warehouse first: a branch that is opened in between then lacks an environment for one
    # tick; the other way round, a new environment's branch would look gone.
    inventory = environments.inventory(sizes=sizes)
    answer = source.snapshot()
    snapshot = replace(answer, branches=environments.project.adopt(answer.branches))
    actions = reconcile(
        snapshot, inventory.environments, policy, schemas=environments.schemas, now=now
    )
    return Observation(snapshot, inventory, actions)


def used_before(action: Action) -> datetime | None:
    """Up to when an environment was used that is to be retired for not being used."""
    if action.environment is None or action.cause not in (Cause.IDLE, Cause.QUOTA):
        return None
    return action.environment.last_used_at


def carry_out(
    environments: Environments,
    action: Action,
    policy: Policy,
    *,
    now: datetime,
    dry_run: bool = False,
    on_progress: OnProgress = silent,
) -> Report | None:
    """Executes one decision, as the job that a sensor asks for would; None where it is to keep."""
    name = environments.name_for(action.key)
    if action.verb is Verb.PROVISION:
        return environments.provision(
            action.subject,
            now=now,
            schema_only=policy.schema_only(action.subject),
            dry_run=dry_run,
            on_progress=on_progress,
        )
    if action.verb is Verb.RESTORE:
        return environments.restore(name, now=now, dry_run=dry_run, on_progress=on_progress)
    if action.verb is Verb.RETIRE:
        cause = action.cause or Cause.ASKED
        return environments.retire(
            name,
            because=action.reason,
            grace=policy.grace_after(cause),
            now=now,
            cause=cause,
            sha=action.branch.sha if action.branch else None,
            unless_used_since=used_before(action),
            unless_kept=True,
            dry_run=dry_run,
            on_progress=on_progress,
        )
    if action.verb is Verb.DROP:
        return environments.drop(name, now=now, dry_run=dry_run, on_progress=on_progress)
    return None
