"""What to do: compares branches with environments. Not knowing means keeping."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.deciding import CLOCK_TOLERANCE
from branch_toolkit.core.environment import Environment
from branch_toolkit_tests.strategies import (
    BASES,
    DAY,
    NOW,
    make_branch,
    make_clone,
    make_environment,
    make_mark,
)
from branch_toolkit_tests.unit.decisions import (
    ANALYTICS,
    CLOSED,
    GENEROUS,
    MERGED,
    OPEN,
    TICK,
    UNKNOWN,
    decide,
    retired,
    verbs,
)

LOGIN = BranchKey(name="feature/login")
UNCERTAIN = pytest.mark.parametrize("complete", [True, False])


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
    (action,) = decide([main])
    assert (action.verb, action.environment) == (Verb.LEAVE, None)
    assert "ignores" in action.reason
    assert verbs([main], [make_environment(BranchKey(name="main"))]) == [Verb.KEEP]


def test_a_branch_is_ignored_by_its_identity_where_the_source_gives_no_other_name():
    assert verbs([Branch(key=BranchKey(name="main"))]) == [Verb.LEAVE]


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
