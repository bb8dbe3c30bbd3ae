"""How the tests of the core ask for decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import Branch, BranchKey, BranchState
from branch_toolkit.core.deciding import CLOCK_TOLERANCE
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.lifecycle import reconcile
from branch_toolkit.core.policy import Policy
from branch_toolkit_tests.strategies import BASES, NOW, Scene, make_environment, make_snapshot

OPEN, MERGED, CLOSED, UNKNOWN = BranchState
TICK = timedelta(microseconds=1)
ANALYTICS = ("analytics",)
GENEROUS = Policy(max_retired_share=1, max_provisions=10**6, max_retirements=10**6, max_drops=10**6)


def decide(
    branches: Iterable[Branch] = (),
    environments: Iterable[Environment] = (),
    policy: Policy = GENEROUS,
    *,
    complete: bool = True,
    schemas: Iterable[str] = ANALYTICS,
    repository: str | None = None,
    now: datetime = NOW,
    **knows: bool,
) -> tuple[Action, ...]:
    """What is decided, by a policy that has no narrow limits unless it is given."""
    snapshot = make_snapshot(*branches, complete=complete, repository=repository)
    snapshot = replace(snapshot, **knows)
    return reconcile(snapshot, list(environments), policy, schemas=tuple(schemas), now=now)


def verbs(*args: object, **options: object) -> list[Verb]:
    """The same, by its verbs alone."""
    return [action.verb for action in decide(*args, **options)]


def decide_scene(scene: Scene) -> tuple[Action, ...]:
    """What is decided about a scene."""
    return reconcile(scene.snapshot, scene.environments, scene.policy, schemas=BASES, now=NOW)


def retired(number: int | BranchKey = 42, **changes: object) -> Environment:
    """An environment that is set aside."""
    return make_environment(number, retired=ANALYTICS, **changes)


def future(environment: Environment) -> bool:
    """Whether an environment is dated in the future, so that a clock must be wrong."""
    return environment.clones[0].mark.created_at > NOW + CLOCK_TOLERANCE
