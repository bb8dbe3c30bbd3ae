"""Decisions carried out again and again: they come to rest, and the data is still there."""

from __future__ import annotations

import pytest
from hypothesis import given

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import BranchKey
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.lifecycle import reconcile
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.names import environment_name
from branch_toolkit.core.policy import Policy
from branch_toolkit_tests.strategies import (
    BASES,
    DAY,
    NOW,
    Scene,
    make_branch,
    make_clone,
    make_mark,
    make_snapshot,
    quick,
    scenes,
    thorough,
)
from branch_toolkit_tests.unit.decisions import CLOSED, MERGED, OPEN, decide_scene, future


class World:
    """A warehouse of marks alone, on which actions are carried out."""

    def __init__(self, scene: Scene) -> None:
        self.environments = {found.key: found for found in scene.environments}
        self.scene = scene

    def decide(self) -> tuple[Action, ...]:
        return decide_scene(self.scene._replace(environments=tuple(self.environments.values())))

    def apply(self, action: Action) -> None:
        key = action.key
        marks = {clone.mark.base_schema: clone.mark for clone in self._clones(key)}
        if action.verb is Verb.LEAVE:
            return
        if action.verb is Verb.DROP:
            del self.environments[key]
            return
        if action.verb is Verb.PROVISION:
            name = action.branch.name
            for base in BASES:
                new = make_mark(key, base, branch=name, created_at=NOW, last_used_at=NOW)
                marks.setdefault(base, new)
        if action.verb is Verb.RETIRE:
            marks = {
                base: mark if mark.retired else self._retire(mark, action)
                for base, mark in marks.items()
            }
        if action.verb is Verb.RESTORE:
            marks = {base: mark.restore(now=NOW) for base, mark in marks.items()}
        clones = tuple(make_clone(marks[base]) for base in sorted(marks))
        self.environments[key] = Environment(environment_name(key), key, clones)

    def _retire(self, mark: Mark, action: Action) -> Mark:
        return mark.retire(
            now=NOW,
            because=action.reason,
            grace=self.scene.policy.grace_after(action.cause),
            cause=action.cause,
            sha=action.branch.sha if action.branch else None,
        )

    def _clones(self, key: BranchKey) -> tuple:
        return self.environments[key].clones if key in self.environments else ()


AT_REST = {Verb.KEEP, Verb.LEAVE}


@thorough
@given(scenes())
def test_carrying_out_what_was_decided_comes_to_rest_and_every_open_branch_has_all_its_clones(
    scene,
):
    world = World(scene)
    for _ in range(60):
        actions = [action for action in world.decide() if action.verb not in AT_REST]
        if not actions:
            break
        for action in actions:
            world.apply(action)
    else:
        pytest.fail(f"no rest after 60 ticks: {actions}")
    if scene.policy.max_environments is not None:
        return
    # Those over their cap take their turns by the minute, and here it is always the same one.
    for branch in scene.snapshot.branches:
        environment = world.environments.get(branch.key)
        if branch.state is not OPEN or (environment and future(environment)):
            continue
        assert environment is not None or scene.policy.why_not(branch, now=NOW) is not None
        if environment is not None:
            whole = {clone.mark.base_schema for clone in environment.clones} == set(BASES)
            assert whole or environment.retired
            for_its_own_sake = environment.cause is not None and not environment.cause.ended
            assert not environment.partly_retired
            assert for_its_own_sake or not environment.retired


@quick
@given(scenes())
def test_an_action_carried_out_twice_is_carried_out_once(scene):
    # The tick that asked for it may be repeated before the run has ended.
    once, twice = World(scene), World(scene)
    for action in once.decide():
        once.apply(action)
        if action.verb is not Verb.DROP:
            twice.apply(action)
        twice.apply(action)
    assert once.environments == twice.environments


def test_a_branch_goes_through_its_whole_life_and_keeps_its_data_when_it_is_reopened():
    policy = Policy(grace=3 * DAY)
    world = World(Scene(make_snapshot(make_branch(42)), (), policy))
    life = []
    for branches in (
        [make_branch(42)],
        [make_branch(42)],
        [make_branch(42, CLOSED)],
        [make_branch(42, CLOSED)],
        [make_branch(42)],
        [make_branch(42, MERGED)],
        [],
    ):
        world.scene = world.scene._replace(snapshot=make_snapshot(*branches))
        (action,) = world.decide()
        life.append(action.verb.value)
        world.apply(action)
    assert life == ["provision", "keep", "retire", "keep", "restore", "retire", "keep"]
    assert set(world.environments) == {BranchKey(number=42)}
    later = reconcile(
        make_snapshot(),
        tuple(world.environments.values()),
        policy,
        schemas=BASES,
        now=NOW + 3 * DAY,
    )
    assert [action.verb for action in later] == [Verb.DROP]
