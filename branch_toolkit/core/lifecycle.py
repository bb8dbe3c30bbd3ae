"""What to do: compares the branches with the environments. Pure, total, and never sure too soon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import BranchSnapshot, BranchState
from branch_toolkit.core.deciding import Circumstances, decide_branch, decide_environment
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.limits import break_circuit, cap, keep_quota, refuse_beyond_quota
from branch_toolkit.core.pairing import BranchIndex
from branch_toolkit.core.policy import Policy


def reconcile(
    snapshot: BranchSnapshot,
    environments: Sequence[Environment],
    policy: Policy,
    *,
    schemas: Sequence[str],
    now: datetime,
) -> tuple[Action, ...]:
    """Decides for every branch and every environment.

    Args:
        snapshot: What the branch source answered.
        environments: What the warehouse holds.
        policy: Which branches get an environment, and how long it is kept.
        schemas: The base schemas that an environment clones.
        now: The time.

    Returns:
        One action per environment and one per open branch that has none. An environment that
        nothing is known of is kept.
    """
    index = BranchIndex.of(snapshot)
    paired = [(environment, index.find(environment)) for environment in environments]
    provided = {
        branch.key
        for environment, branch in paired
        if branch is not None and (branch.key == environment.key or branch.key.number is None)
    }
    given = Circumstances(snapshot, policy, schemas, now)
    actions = [decide_environment(environment, branch, given) for environment, branch in paired]
    actions += [
        decide_branch(branch, policy, now=now)
        for branch in index.by_key.values()
        if branch.state is BranchState.OPEN and branch.key not in provided
    ]
    actions = keep_quota(actions, policy, now=now, complete=snapshot.complete)
    actions = break_circuit(actions, environments, policy, now=now)
    actions = refuse_beyond_quota(actions, policy)
    actions = cap(actions, Verb.PROVISION, policy.max_provisions, now=now)
    return tuple(cap(actions, Verb.DROP, policy.max_drops, now=now))
