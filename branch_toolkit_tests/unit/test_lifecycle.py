"""What to do: compares branches with environments. Not knowing means keeping."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from branch_toolkit.core.branch import Branch, BranchKey, BranchState
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.lifecycle import CLOCK_TOLERANCE, Action, Verb, reconcile
from branch_toolkit.core.names import environment_name
from branch_toolkit.core.policy import Policy
from branch_toolkit_tests.strategies import (
    BASES,
    DAY,
    NOW,
    Scene,
    make_branch,
    make_clone,
    make_environment,
    make_mark,
    make_snapshot,
    quick,
    scenes,
    thorough,
)

OPEN, MERGED, CLOSED, UNKNOWN = BranchState
TICK = timedelta(microseconds=1)
ANALYTICS = ("analytics",)
GENEROUS = Policy(max_retired_share=1, max_provisions=10**6, max_retirements=10**6, max_drops=10**6)
LOGIN = BranchKey(name="feature/login")
UNCERTAIN = pytest.mark.parametrize("complete", [True, False])


def decide(
    branches: Iterable[Branch] = (),
    environments: Iterable[Environment] = (),
    policy: Policy = GENEROUS,
    *,
    complete: bool = True,
    schemas: Iterable[str] = ANALYTICS,
    repository: str | None = None,
    **knows: bool,
) -> tuple[Action, ...]:
    snapshot = make_snapshot(*branches, complete=complete, repository=repository)
    snapshot = replace(snapshot, **knows)
    return reconcile(snapshot, list(environments), policy, schemas=tuple(schemas), now=NOW)


def verbs(*args: object, **options: object) -> list[Verb]:
    return [action.verb for action in decide(*args, **options)]


def decide_scene(scene: Scene) -> tuple[Action, ...]:
    return reconcile(scene.snapshot, scene.environments, scene.policy, schemas=BASES, now=NOW)


def retired(number: int | BranchKey = 42, **changes: object) -> Environment:
    return make_environment(number, retired=ANALYTICS, **changes)


# --- one branch, one environment ----------------------------------------------------------------


@UNCERTAIN
def test_an_open_branch_without_environment_gets_one(complete):
    (action,) = decide([make_branch(42)], complete=complete)
    assert (action.verb, action.key, action.environment) == (
        Verb.PROVISION,
        BranchKey(number=42),
        None,
    )


@pytest.mark.parametrize("state", [MERGED, CLOSED, UNKNOWN])
def test_a_branch_that_is_not_known_to_be_open_gets_no_environment(state):
    assert decide([make_branch(42, state)]) == ()


@UNCERTAIN
def test_an_open_branch_with_its_environment_is_left_in_peace(complete):
    assert verbs([make_branch(42)], [make_environment()], complete=complete) == [Verb.KEEP]


@UNCERTAIN
def test_an_open_branch_that_lacks_a_clone_is_completed(complete):
    (action,) = decide(
        [make_branch(42)], [make_environment()], complete=complete, schemas=["analytics", "web"]
    )
    assert action.verb is Verb.PROVISION
    assert action.environment is not None


@UNCERTAIN
@pytest.mark.parametrize("state", [MERGED, CLOSED])
def test_an_ended_branch_is_retired_at_once_and_not_dropped(state, complete):
    (action,) = decide([make_branch(42, state)], [make_environment()], complete=complete)
    assert action.verb is Verb.RETIRE
    assert state.value in action.reason


def test_a_branch_that_is_gone_from_a_complete_answer_is_retired():
    (action,) = decide([], [make_environment()])
    assert action.verb is Verb.RETIRE
    assert "gone from the forge" in action.reason


@pytest.mark.parametrize("environment", [make_environment(), retired(drop_after=NOW - DAY)])
def test_a_branch_that_is_missing_from_an_incomplete_answer_is_kept_with_the_reason(environment):
    (action,) = decide([], [environment], complete=False)
    assert action.verb is Verb.KEEP
    assert "the second page failed" in action.reason


@UNCERTAIN
@pytest.mark.parametrize("environment", [make_environment(), retired(drop_after=NOW - DAY)])
def test_a_branch_of_unknown_state_is_kept(environment, complete):
    assert verbs([make_branch(42, UNKNOWN)], [environment], complete=complete) == [Verb.KEEP]


@pytest.mark.parametrize("branches", [[], [make_branch(42, MERGED)], [make_branch(42, CLOSED)]])
@pytest.mark.parametrize(
    ("drop_after", "verb"),
    [
        (NOW - DAY, Verb.DROP),
        (NOW, Verb.DROP),
        (NOW + TICK, Verb.KEEP),
        (NOW + DAY, Verb.KEEP),
        (None, Verb.KEEP),
    ],
)
def test_a_retired_environment_is_dropped_when_its_grace_is_over_and_not_a_moment_before(
    branches, drop_after, verb
):
    assert verbs(branches, [retired(drop_after=drop_after)]) == [verb]


def test_an_environment_in_use_is_not_dropped_although_its_mark_has_a_date_for_it():
    odd = make_environment(drop_after=None)
    mark = replace(odd.clones[0].mark, drop_after=NOW - DAY)
    odd = Environment(odd.name, odd.key, (make_clone(mark),))
    assert verbs([make_branch(42, MERGED)], [odd]) == [Verb.RETIRE]


@UNCERTAIN
@pytest.mark.parametrize("drop_after", [NOW - DAY, NOW + DAY])
def test_a_reopened_branch_gets_its_environment_back_even_past_its_grace(drop_after, complete):
    found = verbs([make_branch(42)], [retired(drop_after=drop_after)], complete=complete)
    assert found == [Verb.RESTORE]


# --- partly retired -----------------------------------------------------------------------------

PARTLY = make_environment(bases=BASES, retired=BASES[:1], drop_after=NOW - DAY)


def test_a_partly_retired_environment_of_an_open_branch_is_restored_before_it_is_completed():
    assert verbs([make_branch(42)], [PARTLY], schemas=[*BASES, "web"]) == [Verb.RESTORE]


@pytest.mark.parametrize("branches", [[], [make_branch(42, MERGED)]])
def test_a_partly_retired_environment_of_an_ended_branch_is_retired_whole_and_never_dropped(
    branches,
):
    assert verbs(branches, [PARTLY], schemas=BASES) == [Verb.RETIRE]


def test_an_environment_is_dropped_only_when_the_grace_of_its_last_clone_is_over():
    marks = [
        make_mark(base=base).retire(now=NOW - 9 * DAY, because="merged", grace=grace)
        for base, grace in (("analytics", DAY), ("staging", 10 * DAY))
    ]
    environment = Environment("pr_42", BranchKey(number=42), tuple(map(make_clone, marks)))
    assert verbs([], [environment], schemas=BASES) == [Verb.KEEP]


# --- protected and ignored ----------------------------------------------------------------------

PROTECTING = replace(GENEROUS, protected_branches=("release/*",))


@pytest.mark.parametrize("branches", [[], [make_branch(42, MERGED, "release/1")]])
def test_a_protected_branchs_environment_is_neither_retired_nor_dropped(branches):
    for environment in (
        make_environment(branch="release/1"),
        retired(branch="release/1", drop_after=NOW - DAY),
    ):
        (action,) = decide(branches, [environment], PROTECTING)
        assert (action.verb, action.reason) == (Verb.KEEP, "the branch is protected")


def test_a_protected_branch_that_is_open_is_provisioned_and_restored_as_any_other():
    branch = make_branch(42, OPEN, "release/1")
    assert verbs([branch], [], PROTECTING) == [Verb.PROVISION]
    assert verbs([branch], [retired(branch="release/1")], PROTECTING) == [Verb.RESTORE]


def test_a_branch_is_protected_by_the_name_the_source_gives_where_the_mark_has_none():
    # A deployment may know the number alone; the source knows that #42 is release/1.
    told = make_branch(42, MERGED, "release/1")
    assert verbs([told], [make_environment(branch=None)], PROTECTING) == [Verb.KEEP]


def test_a_branch_is_protected_by_its_new_name_and_by_its_old_one():
    told = make_branch(42, MERGED, "release/1")
    assert verbs([told], [make_environment(branch="feature/x")], PROTECTING) == [Verb.KEEP]
    told = make_branch(42, MERGED, "feature/x")
    assert verbs([told], [make_environment(branch="release/1")], PROTECTING) == [Verb.KEEP]


def test_an_ignored_branch_gets_no_environment_but_keeps_the_one_it_has():
    main = make_branch(BranchKey(name="main"))
    assert decide([main]) == ()
    assert verbs([main], [make_environment(BranchKey(name="main"))]) == [Verb.KEEP]


def test_a_branch_is_ignored_by_its_identity_where_the_source_gives_no_other_name():
    assert decide([Branch(key=BranchKey(name="main"))]) == ()


# --- clocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["created_at", "retired_at"])
@pytest.mark.parametrize(
    ("ahead", "trusted"),
    [(timedelta(0), True), (CLOCK_TOLERANCE, True), (CLOCK_TOLERANCE + TICK, False), (DAY, False)],
)
def test_a_mark_from_the_future_means_that_a_clock_is_wrong_and_that_nothing_is_removed(
    field, ahead, trusted
):
    environment = retired(drop_after=NOW - DAY)
    mark = replace(environment.clones[0].mark, **{field: NOW + ahead})
    environment = Environment(environment.name, environment.key, (make_clone(mark),))
    (action,) = decide([make_branch(42, MERGED)], [environment])
    assert action.verb is (Verb.DROP if trusted else Verb.KEEP)
    assert trusted or "clock" in action.reason


def test_a_use_in_the_future_means_that_a_clock_is_wrong_too():
    used = make_environment(last_used_at=NOW + DAY)
    assert verbs([make_branch(42, MERGED)], [used]) == [Verb.KEEP]


def test_one_clone_from_the_future_is_enough_to_keep_them_all():
    marks = [make_mark(base="analytics"), make_mark(base="staging", created_at=NOW + DAY)]
    environment = Environment("pr_42", BranchKey(number=42), tuple(map(make_clone, marks)))
    assert verbs([], [environment], schemas=BASES) == [Verb.KEEP]


# --- sources that know names only ---------------------------------------------------------------


def test_a_source_of_names_keeps_a_numbered_environment_whose_branch_is_still_there():
    found = decide([make_branch(LOGIN)], [make_environment(42, branch="feature/login")])
    assert [action.verb for action in found] == [Verb.KEEP]
    assert found[0].environment.key == BranchKey(number=42)
    assert found[0].branch.key == LOGIN


def test_a_source_of_names_retires_a_numbered_environment_whose_branch_is_gone():
    environment = make_environment(42, branch="feature/login")
    assert verbs([make_branch(BranchKey(name="other"))], [environment]) == [
        Verb.RETIRE,
        Verb.PROVISION,
    ]


def test_a_source_of_names_restores_every_numbered_environment_of_the_name_and_adds_none():
    environments = [retired(number, branch="feature/login") for number in (41, 42)]
    assert verbs([make_branch(LOGIN)], environments) == [Verb.RESTORE, Verb.RESTORE]


def test_the_number_counts_where_the_source_knows_it_and_a_namesake_does_not():
    # Names are used again: #41 was merged, #42 is open, and both are feature/login.
    told = [make_branch(41, MERGED, "feature/login"), make_branch(42, OPEN, "feature/login")]
    environments = [make_environment(number, branch="feature/login") for number in (41, 42)]
    assert verbs(told, environments) == [Verb.RETIRE, Verb.KEEP]


def test_the_exact_number_outweighs_an_unnumbered_namesake():
    told = [make_branch(42, MERGED, "feature/login"), make_branch(LOGIN)]
    found = decide(told, [make_environment(42, branch="feature/login")])
    assert [action.verb for action in found] == [Verb.RETIRE, Verb.PROVISION]


def test_a_source_of_names_cannot_tell_that_a_numbered_environment_without_name_is_gone():
    # The deployment knew the number alone, plain git knows no numbers: absence says nothing.
    told = [make_branch(LOGIN)]
    nameless = [make_environment(42, branch=None)]
    assert verbs(told, nameless, knows_numbers=False)[0] is Verb.KEEP
    assert verbs(told, nameless)[0] is Verb.RETIRE


def test_a_source_of_pull_requests_cannot_tell_that_a_branch_without_one_is_gone():
    told = [make_branch(7, name="other")]
    assert verbs(told, [make_environment(LOGIN)], knows_names=False)[0] is Verb.KEEP
    assert verbs(told, [make_environment(LOGIN)])[0] is Verb.RETIRE


def test_an_environment_made_before_its_pull_request_was_opened_is_not_retired_by_it():
    told = make_branch(42, OPEN, "feature/login")
    assert verbs([told], [make_environment(LOGIN)]) == [Verb.KEEP, Verb.PROVISION]


@pytest.mark.parametrize("order", [1, -1], ids=["open last", "open first"])
@pytest.mark.parametrize("ended", [MERGED, CLOSED])
def test_of_several_pull_requests_of_one_name_an_open_one_keeps_the_unnumbered_environment(
    order, ended
):
    # Forges list the newest first, and the name was used by an older pull request too.
    told = [make_branch(41, ended, "feature/login"), make_branch(42, OPEN, "feature/login")]
    assert decide(told[::order], [make_environment(LOGIN)])[0].verb is Verb.KEEP


def test_an_ended_namesake_does_not_end_an_environment_without_a_number():
    told = make_branch(41, MERGED, "feature/login")
    environment = make_environment(LOGIN, created_at=NOW - DAY)
    assert verbs([told], [environment], complete=False) == [Verb.KEEP]


def test_an_unnumbered_namesake_that_ended_does_not_retire_a_number_of_an_incomplete_answer():
    told = make_branch(LOGIN, CLOSED)
    environment = make_environment(42, branch="feature/login")
    assert verbs([told], [environment], complete=False) == [Verb.KEEP]


# --- several repositories -----------------------------------------------------------------------

FOREIGN = BranchKey(repository="evil/pipelines", number=42)


def test_another_repositorys_pull_request_of_the_same_number_is_another_branch():
    told = [make_branch(42, MERGED), make_branch(FOREIGN)]
    assert verbs(told, [make_environment(42), make_environment(FOREIGN)]) == [
        Verb.RETIRE,
        Verb.KEEP,
    ]


def test_our_own_branch_does_not_keep_another_repositorys_namesake_from_its_own_state():
    foreign = BranchKey(repository="evil/pipelines", name="feature/login")
    told = [make_branch(LOGIN), make_branch(foreign, CLOSED)]
    assert verbs(told, [make_environment(foreign)]) == [Verb.RETIRE, Verb.PROVISION]


def test_another_repositorys_namesake_decides_nothing_about_our_own_branch():
    foreign = BranchKey(repository="evil/pipelines", name="feature/login")
    ours = make_environment(42, branch="feature/login")
    assert verbs([make_branch(foreign)], [ours]) == [Verb.RETIRE, Verb.PROVISION]
    assert verbs([make_branch(foreign, CLOSED)], [ours], complete=False) == [Verb.KEEP]


@pytest.mark.parametrize("asked", ["acme/pipelines", None])
@pytest.mark.parametrize("changes", [{}, {"retired": ANALYTICS, "drop_after": NOW - DAY}])
def test_a_repository_that_the_source_was_not_asked_about_is_kept(asked, changes):
    # Every open branch of ours is in the answer; of the other repository it says nothing.
    environment = make_environment(FOREIGN, **changes)
    assert verbs([make_branch(1)], [environment], repository=asked)[0] is Verb.KEEP


@pytest.mark.parametrize("told", [[], [make_branch(42, CLOSED)]])
@pytest.mark.parametrize("changes", [{}, {"retired": ANALYTICS, "drop_after": NOW - DAY}])
def test_the_same_number_of_a_repository_that_is_known_to_be_another_decides_nothing(told, changes):
    # With `Project()` as it comes, keys have no repository; the marks and the source do.
    environment = make_environment(42, repository="acme/website", **changes)
    (action,) = decide(told, [environment], repository="acme/pipelines")
    assert action.verb is Verb.KEEP
    assert "acme/website" in action.reason


@pytest.mark.parametrize("asked", ["acme/pipelines", "https://github.com/Acme/Pipelines.git", None])
@pytest.mark.parametrize("marked", ["acme/pipelines", "pipelines", None])
def test_a_repository_that_is_or_may_be_the_one_asked_about_is_decided_on(asked, marked):
    environment = make_environment(42, repository=marked)
    told = make_branch(42, MERGED)
    assert verbs([told], [environment], repository=asked) == [Verb.RETIRE]


# --- a source that contradicts itself -----------------------------------------------------------


@pytest.mark.parametrize("key", [BranchKey(number=42), LOGIN], ids=str)
@pytest.mark.parametrize("order", [1, -1], ids=["open first", "open last"])
@pytest.mark.parametrize("ended", [MERGED, CLOSED])
def test_a_branch_that_is_told_of_as_open_and_as_ended_is_not_retired(key, order, ended):
    # Pages shift while they are read, and names are used again.
    told = [make_branch(key), make_branch(key, ended)][::order]
    assert Verb.RETIRE not in verbs(told, [make_environment(key)])


@UNCERTAIN
def test_a_branch_that_is_told_of_twice_is_provisioned_once(complete):
    assert verbs([make_branch(42), make_branch(42)], complete=complete) == [Verb.PROVISION]


def test_a_branch_that_is_told_of_twice_and_has_an_environment_gets_no_second_one():
    told = [make_branch(42, name="old-name"), make_branch(42, name="new-name")]
    assert verbs(told, [make_environment()]) == [Verb.KEEP]


# --- the breaker and the cap --------------------------------------------------------------------


def merged(count: int, *, still_open: int = 0, aside: int = 0) -> tuple[list[Branch], list]:
    branches = [
        make_branch(n, MERGED if n <= count else OPEN) for n in range(1, count + still_open + 1)
    ]
    environments = [make_environment(branch.key.number) for branch in branches]
    return branches, [*environments, *(retired(1000 + n) for n in range(aside))]


@pytest.mark.parametrize(
    ("count", "still_open", "limits", "broken"),
    [
        (3, 3, {"max_retired_share": 0.5}, False),
        (4, 2, {"max_retired_share": 0.5}, True),
        (6, 0, {"max_retired_share": 1}, False),
        (5, 0, {"max_retired_share": 0.5}, False),
        (5, 0, {"max_retired_share": 0.5, "share_applies_from": 5}, True),
        (5, 95, {"max_retirements": 5}, False),
        (6, 94, {"max_retirements": 5}, True),
        (1, 0, {"max_retirements": 1}, False),
        (2, 0, {"max_retirements": 1}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("aside", [0, 50])
def test_more_retirements_than_allowed_at_once_are_none_and_an_answer_is_asked_for(
    count, still_open, limits, broken, aside
):
    branches, environments = merged(count, still_open=still_open, aside=aside)
    found = decide(branches, environments, Policy(**limits))
    happened = Counter(action.verb for action in found)
    assert happened[Verb.RETIRE] == (0 if broken else count)
    stopped = [action.reason for action in found if "at once" in action.reason]
    assert len(stopped) == (count if broken else 0)
    for reason in stopped:
        assert f"{count} of {count + still_open}" in reason
        assert "max_retirements" in reason


def test_an_empty_answer_that_claims_to_be_complete_retires_nothing_of_many():
    environments = [make_environment(number) for number in range(1, 101)]
    assert set(verbs([], environments, Policy())) == {Verb.KEEP}


def test_the_breaker_stops_only_retiring():
    branches, environments = merged(8)
    branches += [make_branch(50), make_branch(51)]
    environments += [retired(51), retired(52, drop_after=NOW)]
    happened = Counter(verbs(branches, environments, Policy()))
    assert happened == {Verb.KEEP: 8, Verb.RESTORE: 1, Verb.DROP: 1, Verb.PROVISION: 1}


def test_no_more_are_dropped_in_one_tick_than_allowed_and_the_rest_is_kept_for_the_next():
    environments = [retired(number, drop_after=NOW - DAY) for number in range(1, 61)]
    found = decide([], environments, Policy(max_drops=50))
    assert Counter(action.verb for action in found) == {Verb.DROP: 50, Verb.KEEP: 10}
    dropped = {action.key for action in found if action.verb is Verb.DROP}
    rest = [environment for environment in environments if environment.key not in dropped]
    assert verbs([], rest, Policy(max_drops=50)) == [Verb.DROP] * 10


# --- properties ---------------------------------------------------------------------------------


def told_of(scene: Scene) -> dict[BranchKey, Branch]:
    return {branch.key: branch for branch in scene.snapshot.branches}


def future(environment: Environment) -> bool:
    return environment.clones[0].mark.created_at > NOW + CLOCK_TOLERANCE


@thorough
@given(scenes())
def test_every_environment_has_one_action_and_every_new_open_branch_one_provision(scene):
    actions = decide_scene(scene)
    on_environments = [action.environment for action in actions if action.environment]
    assert on_environments == list(scene.environments)
    have = {environment.key for environment in scene.environments}
    wanted = [
        branch.key
        for branch in scene.snapshot.branches
        if branch.state is OPEN and branch.key not in have and branch.name != "main"
    ]
    others = [action for action in actions if action.environment is None]
    assert [action.key for action in others] == wanted
    assert {action.verb for action in others} <= {Verb.PROVISION}
    assert all(action.reason for action in actions)


@thorough
@given(scenes())
def test_nothing_is_retired_or_dropped_unless_its_end_is_known(scene):
    told = told_of(scene)
    for action in decide_scene(scene):
        if action.verb not in (Verb.RETIRE, Verb.DROP):
            continue
        branch = told.get(action.key)
        assert branch.state in (MERGED, CLOSED) if branch else scene.snapshot.complete
        assert not scene.policy.protects(action.environment.branch)
        assert not future(action.environment)


@thorough
@given(scenes())
def test_nothing_is_dropped_that_is_in_use_or_within_its_grace(scene):
    drops = [action.environment for action in decide_scene(scene) if action.verb is Verb.DROP]
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
        assert retiring <= scene.policy.max_retired_share * active


@thorough
@given(scenes())
def test_an_open_branch_never_loses_anything_and_gets_back_what_was_set_aside(scene):
    told = told_of(scene)
    for action in decide_scene(scene):
        branch = told.get(action.key)
        if branch is None or branch.state is not OPEN:
            continue
        aside = action.environment and any(c.mark.retired for c in action.environment.clones)
        if aside and not future(action.environment):
            assert action.verb is Verb.RESTORE
        else:
            assert action.verb in (Verb.PROVISION, Verb.KEEP)


@quick
@given(scenes())
def test_knowing_less_never_removes_more(scene):
    def removed(complete: bool) -> set[BranchKey]:
        snapshot = replace(scene.snapshot, complete=complete)
        policy = replace(scene.policy, max_retirements=99, max_retired_share=1, max_drops=99)
        return {
            action.key
            for action in decide_scene(scene._replace(snapshot=snapshot, policy=policy))
            if action.verb in (Verb.RETIRE, Verb.DROP)
        }

    assert removed(complete=False) <= removed(complete=True)


@quick
@given(scenes())
def test_the_same_question_has_the_same_answer_and_the_order_of_branches_does_not_matter(scene):
    assert decide_scene(scene) == decide_scene(scene)
    turned = replace(scene.snapshot, branches=scene.snapshot.branches[::-1])
    found = decide_scene(scene._replace(snapshot=turned))
    assert set(found) == set(decide_scene(scene))


# --- applying what was decided ------------------------------------------------------------------


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
        if action.verb is Verb.DROP:
            del self.environments[key]
            return
        if action.verb is Verb.PROVISION:
            name = action.branch.name
            for base in BASES:
                marks.setdefault(base, make_mark(key, base, branch=name))
        if action.verb is Verb.RETIRE:
            grace = self.scene.policy.grace
            marks = {
                base: mark.retire(now=NOW, because=action.reason, grace=grace)
                for base, mark in marks.items()
            }
        if action.verb is Verb.RESTORE:
            marks = {base: mark.restore(now=NOW) for base, mark in marks.items()}
        clones = tuple(make_clone(marks[base]) for base in sorted(marks))
        self.environments[key] = Environment(environment_name(key), key, clones)

    def _clones(self, key: BranchKey) -> tuple:
        return self.environments[key].clones if key in self.environments else ()


@quick
@given(scenes())
def test_carrying_out_what_was_decided_comes_to_rest_and_every_open_branch_has_all_its_clones(
    scene,
):
    world = World(scene)
    for _ in range(30):
        actions = [action for action in world.decide() if action.verb is not Verb.KEEP]
        if not actions:
            break
        for action in actions:
            world.apply(action)
    else:
        pytest.fail(f"no rest after 30 ticks: {actions}")
    for branch in scene.snapshot.branches:
        if branch.state is OPEN and branch.name != "main":
            environment = world.environments[branch.key]
            if not future(environment):
                assert {clone.mark.base_schema for clone in environment.clones} == set(BASES)
                assert not any(clone.mark.retired for clone in environment.clones)


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


# --- figures and small things -------------------------------------------------------------------


def test_ten_thousand_branches_and_ten_thousand_environments_are_reconciled(capsys):
    states = (OPEN, OPEN, MERGED, CLOSED, UNKNOWN)
    branches = [
        make_branch(number, states[number % 5], f"feature/{number}")
        for number in range(5_001, 15_001)
    ]
    environments = [make_environment(number, branch=f"b{number}") for number in range(1, 10_001)]
    started = time.process_time()
    found = decide(branches, environments)
    seconds = time.process_time() - started
    with capsys.disabled():
        print(f"\nreconcile, 10,000 branches x 10,000 environments: {seconds:.3f} s CPU")
    happened = Counter(action.verb for action in found)
    assert happened == {Verb.RETIRE: 7_000, Verb.KEEP: 3_000, Verb.PROVISION: 2_000}


def test_an_action_about_nothing_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="branch or an environment"):
        _ = Action(verb=Verb.KEEP, reason="…").key


def test_the_reason_for_keeping_a_retired_environment_says_until_when():
    (action,) = decide([], [retired(drop_after=NOW + DAY)])
    assert "2026-11-23" in action.reason


def test_a_retired_environment_without_a_date_is_kept_and_not_promised_one():
    (action,) = decide([], [retired(drop_after=None)])
    assert action.verb is Verb.KEEP
    assert "None" not in action.reason
