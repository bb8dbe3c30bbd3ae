"""What holds of every decision, whatever the branches, environments and policies are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.lifecycle import reconcile
from branch_toolkit.core.outlook import has_keep_label, is_protected
from branch_toolkit_tests.strategies import BASES, NOW, Scene, quick, scenes, thorough
from branch_toolkit_tests.unit.decisions import (
    CLOSED,
    MERGED,
    OPEN,
    TICK,
    decide_scene,
    future,
)

REMOVING = (Verb.RETIRE, Verb.DROP)
UNLIMITED = {"max_retirements": 99, "max_retired_share": 1, "max_drops": 99, "max_provisions": 99}


def told_of(scene: Scene) -> dict[BranchKey, Branch]:
    return {branch.key: branch for branch in scene.snapshot.branches}


def chosen(scene: Scene, *verbs: Verb) -> Iterator[tuple[Action, Environment, Branch | None]]:
    """The actions of these verbs, with their environment and what was told of its branch."""
    told = told_of(scene)
    for action in decide_scene(scene):
        if action.verb in verbs and action.environment is not None:
            yield action, action.environment, told.get(action.key)


def unlimited(scene: Scene, **changes: object) -> Scene:
    """The same scene without breaker and caps."""
    return scene._replace(policy=replace(scene.policy, **UNLIMITED, **changes))


def in_use_afterwards(actions: tuple[Action, ...]) -> list[Action]:
    """What is in use once all that was decided is done."""
    return [
        action
        for action in actions
        if action.verb in (Verb.PROVISION, Verb.RESTORE)
        or (action.verb is Verb.KEEP and action.environment and not action.environment.retired)
    ]


@thorough
@given(scenes())
def test_every_environment_and_every_open_branch_without_one_has_one_action_with_a_reason(scene):
    actions = decide_scene(scene)
    on_environments = [action.environment for action in actions if action.environment]
    assert on_environments == list(scene.environments)
    have = {environment.key for environment in scene.environments}
    wanted = [
        branch
        for branch in scene.snapshot.branches
        if branch.state is OPEN and branch.key not in have
    ]
    others = [action for action in actions if action.environment is None]
    assert [action.branch for action in others] == wanted
    assert {action.verb for action in others} <= {Verb.PROVISION, Verb.LEAVE}
    assert all(action.reason for action in actions)


@thorough
@given(scenes())
def test_an_open_branch_gets_an_environment_unless_policy_or_a_limit_says_why_not(scene):
    for action in decide_scene(scene):
        if action.environment is not None:
            continue
        denied = scene.policy.why_not(action.branch, now=NOW)
        if action.verb is Verb.PROVISION:
            assert denied is None
        else:
            assert action.reason == denied or "allows" in action.reason or "first" in action.reason


@thorough
@given(scenes())
def test_what_is_retired_or_dropped_has_ended_as_is_known_or_its_time_or_the_quota_is_over(scene):
    policy = scene.policy
    for action, environment, branch in chosen(scene, *REMOVING):
        cause = action.cause if action.verb is Verb.RETIRE else environment.cause
        if cause in (None, Cause.MERGED, Cause.CLOSED, Cause.GONE):
            assert branch.state in (MERGED, CLOSED) if branch else scene.snapshot.complete
        elif action.verb is Verb.DROP:
            assert branch is not None or scene.snapshot.complete
        elif cause is Cause.IDLE:
            assert environment.last_used_at + policy.idle_after <= NOW
        elif cause is Cause.AGE:
            assert environment.renewed_at + policy.max_age <= NOW
        else:
            assert cause is Cause.QUOTA
            assert scene.snapshot.complete


@thorough
@given(scenes())
def test_what_is_protected_leased_labelled_or_from_the_future_is_never_removed(scene):
    for action, environment, branch in chosen(scene, *REMOVING):
        assert not is_protected(environment, branch, scene.policy)
        assert not environment.is_kept(now=NOW)
        assert not has_keep_label(branch, scene.policy)
        assert not future(environment)
        assert not action.hands_off


@thorough
@given(scenes())
def test_nothing_is_dropped_that_is_in_use_or_within_its_grace(scene):
    drops = [environment for _, environment, _ in chosen(scene, Verb.DROP)]
    assert len(drops) <= scene.policy.max_drops
    for environment in drops:
        assert all(clone.mark.retired_at is not None for clone in environment.clones)
        assert all(clone.mark.drop_after <= NOW for clone in environment.clones)


@thorough
@given(scenes())
def test_no_tick_retires_more_than_the_policy_allows(scene):
    retiring = sum(action.verb is Verb.RETIRE for action in decide_scene(scene))
    active = sum(not environment.retired for environment in scene.environments)
    assert retiring <= scene.policy.max_retirements
    if active >= scene.policy.share_applies_from:
        assert retiring <= max(scene.policy.max_retired_share * active, 1)


@thorough
@given(scenes())
def test_an_open_branch_gets_back_what_was_set_aside_because_it_had_ended(scene):
    for action, environment, branch in chosen(unlimited(scene, max_environments=None), *Verb):
        aside = any(clone.mark.retired for clone in environment.clones)
        if branch is None or branch.state is not OPEN or not aside or future(environment):
            continue
        if environment.partly_retired or environment.cause is None or environment.cause.ended:
            assert action.verb is Verb.RESTORE


@thorough
@given(scenes())
def test_what_was_set_aside_for_itself_comes_back_only_by_a_push_a_label_or_for_room(scene):
    for action, environment, branch in chosen(scene, Verb.RESTORE):
        if not environment.retired or environment.cause is None or environment.cause.ended:
            continue
        pushed = None not in (branch.sha, environment.retired_sha) and (
            branch.sha != environment.retired_sha
        )
        if environment.cause is Cause.ASKED:
            assert pushed
        elif environment.cause is Cause.AGE:
            assert has_keep_label(branch, scene.policy)
        elif environment.cause is Cause.IDLE:
            assert pushed or has_keep_label(branch, scene.policy)
        assert action.branch is branch


@quick
@given(scenes())
def test_knowing_less_never_removes_more(scene):
    def removed(*, complete: bool) -> set[BranchKey]:
        snapshot = replace(scene.snapshot, complete=complete)
        actions = decide_scene(unlimited(scene)._replace(snapshot=snapshot))
        return {action.key for action in actions if action.verb in REMOVING}

    assert removed(complete=False) <= removed(complete=True)


@quick
@given(scenes())
def test_an_answer_with_gaps_never_removes_more_than_the_whole_one(scene):
    def removed(branches: tuple[Branch, ...], *, complete: bool) -> set[BranchKey]:
        snapshot = replace(scene.snapshot, branches=branches, complete=complete)
        actions = decide_scene(unlimited(scene)._replace(snapshot=snapshot))
        return {action.key for action in actions if action.verb in REMOVING}

    whole = scene.snapshot.branches
    for gap in range(len(whole)):
        rest = whole[:gap] + whole[gap + 1 :]
        assert removed(rest, complete=False) <= removed(whole, complete=True)


@thorough
@given(scenes())
def test_no_more_are_in_use_afterwards_than_the_quota_allows_but_for_those_it_cannot_touch(scene):
    policy = scene.policy
    if policy.max_environments is None or not scene.snapshot.complete:
        return
    actions = decide_scene(unlimited(scene))
    counted = [
        action for action in in_use_afterwards(actions) if not has_keep_label(action.branch, policy)
    ]
    untouchable = [
        action
        for action in counted
        if action.environment is not None
        and (
            action.hands_off
            or action.verb is Verb.RESTORE
            or action.environment.is_kept(now=NOW)
            or is_protected(action.environment, action.branch, policy)
        )
    ]
    assert len(counted) <= max(policy.max_environments, len(untouchable))


@thorough
@given(scenes())
def test_the_quota_never_lets_more_come_than_there_is_room_for_whatever_the_breaker_does(scene):
    policy = scene.policy
    if policy.max_environments is None:
        return
    actions = decide_scene(scene)
    counted = [
        action for action in in_use_afterwards(actions) if not has_keep_label(action.branch, policy)
    ]
    coming = [action for action in counted if action.environment is None]
    coming += [action for action in counted if action.environment and action.environment.retired]
    assert not coming or len(counted) <= policy.max_environments


@thorough
@given(scenes())
def test_the_quota_retires_nothing_that_was_used_more_recently_than_what_it_keeps(scene):
    policy = scene.policy
    actions = decide_scene(unlimited(scene))
    displaced = [action.environment for action in actions if action.cause is Cause.QUOTA]
    for action in actions:
        environment = action.environment
        stays = action.verb in (Verb.KEEP, Verb.PROVISION)
        if environment is None or not stays or environment.retired:
            continue
        exempt = (
            action.hands_off
            or has_keep_label(action.branch, policy)
            or environment.is_kept(now=NOW)
            or is_protected(environment, action.branch, policy)
        )
        if not exempt:
            assert all(each.last_used_at <= environment.last_used_at for each in displaced)


@thorough
@given(scenes())
def test_what_comes_next_is_true_it_does_not_happen_before_and_happens_then(scene):
    def at(time) -> dict[BranchKey, Action]:
        found = reconcile(
            scene.snapshot,
            scene.environments,
            unlimited(scene, max_environments=None).policy,
            schemas=BASES,
            now=time,
        )
        return {action.key: action for action in found if action.environment}

    for key, action in at(NOW).items():
        if action.verb is not Verb.KEEP or action.hands_off:
            continue
        if action.next is None:
            later = at(NOW + 400 * TICK)[key]
            assert later.verb is Verb.KEEP
            continue
        assert action.next.at > NOW
        assert at(action.next.at - TICK)[key].verb is Verb.KEEP
        then = at(action.next.at)[key]
        assert (then.verb, then.cause) == (action.next.verb, action.next.cause)


@quick
@given(scenes())
def test_the_same_question_has_the_same_answer_and_the_order_of_branches_does_not_matter(scene):
    assert decide_scene(scene) == decide_scene(scene)
    turned = replace(scene.snapshot, branches=scene.snapshot.branches[::-1])
    scene = unlimited(scene)
    found = decide_scene(scene._replace(snapshot=turned))
    assert Counter(map(str, found)) == Counter(map(str, decide_scene(scene)))
