"""What is set aside for its own sake, leases, labels, and what comes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from branch_toolkit.core.action import Outlook, Verb
from branch_toolkit.core.branch import BranchKey
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment
from branch_toolkit_tests.strategies import (
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

IDLE = replace(GENEROUS, idle_after=4 * DAY)
OLD = replace(GENEROUS, max_age=4 * DAY)
KEPT = frozenset({"keep-environment"})
HOUR = timedelta(hours=1)


def aside(cause: str | None, sha: str | None = "a", **changes: object) -> Environment:
    return retired(42, aside={"cause": cause, "sha": sha}, **changes)


def fresh(**changes: object) -> Environment:
    return make_environment(42, **{"created_at": NOW - DAY, "last_used_at": NOW - DAY, **changes})


# --- what was set aside, and its branch is open -------------------------------------------------


@pytest.mark.parametrize("cause", ["merged", "closed", "gone", None, "of a later version"])
@pytest.mark.parametrize("sha", [None, "a", "b"])
def test_what_was_set_aside_for_the_branchs_end_comes_back_when_it_is_open(cause, sha):
    # A mark without cause is one of an earlier version, which knew no others.
    assert verbs([make_branch(42, sha=sha)], [aside(cause)]) == [Verb.RESTORE]


@pytest.mark.parametrize(
    ("cause", "before", "now", "back"),
    [
        ("idle", "a", "b", True),
        ("idle", "a", "a", False),
        ("idle", None, "b", False),
        ("idle", "a", None, False),
        ("idle", None, None, False),
        ("asked", "a", "b", True),
        ("asked", "a", "a", False),
        ("asked", None, "b", False),
        ("age", "a", "b", False),
        ("age", "a", "a", False),
    ],
)
def test_what_was_set_aside_for_its_own_sake_comes_back_only_when_it_is_known_to_be_pushed_to(
    cause, before, now, back
):
    (action,) = decide([make_branch(42, sha=now)], [aside(cause, before)])
    assert action.verb is (Verb.RESTORE if back else Verb.KEEP)
    assert not back or "pushed" in action.reason


@pytest.mark.parametrize("cause", ["idle", "age", "quota", "asked"])
def test_what_was_set_aside_for_its_own_sake_is_dropped_after_its_grace_though_it_is_open(cause):
    policy = replace(GENEROUS, max_environments=1)
    other = make_environment(7, branch="feature/7")
    branches = [make_branch(42, sha="a"), make_branch(7)]
    for drop_after, verb in ((NOW + TICK, Verb.KEEP), (NOW, Verb.DROP)):
        found = verbs(branches, [aside(cause, drop_after=drop_after), other], policy)
        assert found[0] is verb


@pytest.mark.parametrize(
    ("cause", "verb"),
    [
        ("idle", Verb.RESTORE),
        ("age", Verb.RESTORE),
        ("quota", Verb.RESTORE),
        ("asked", Verb.KEEP),
    ],
)
def test_the_label_brings_back_what_the_policy_had_set_aside_and_keeps_what_somebody_had(
    cause, verb
):
    branch = make_branch(42, sha="a", labels=KEPT)
    (action,) = decide([branch], [aside(cause, drop_after=NOW - DAY)])
    assert action.verb is verb
    assert "keep-environment" in action.reason


@pytest.mark.parametrize("complete", [True, False])
def test_what_was_set_aside_by_hand_goes_only_where_a_push_would_have_been_seen(complete):
    environment = aside("asked", drop_after=NOW - DAY, branch=None)
    found = verbs([], [environment], complete=complete)
    assert found == [Verb.DROP if complete else Verb.KEEP]


@pytest.mark.parametrize("cause", ["idle", "asked"])
def test_what_was_set_aside_for_its_own_sake_comes_back_to_a_force_push_or_retarget_of_its_number(
    cause,
):
    moved = make_branch(42, OPEN, "renamed", sha="c", base="develop", draft=True)
    assert verbs([moved], [aside(cause)]) == [Verb.RESTORE]


def test_a_closed_one_that_had_been_idle_before_is_not_restored_without_a_push_when_reopened():
    idle = aside("idle")
    assert verbs([make_branch(42, CLOSED, sha="a")], [idle]) == [Verb.KEEP]
    assert verbs([make_branch(42, sha="a")], [idle]) == [Verb.KEEP]


def test_where_clones_were_set_aside_for_different_reasons_the_one_that_restores_counts():
    marks = [
        make_mark(base=base).retire(now=NOW, because="x", grace=DAY, cause=cause)
        for base, cause in (("analytics", Cause.IDLE), ("staging", Cause.MERGED))
    ]
    environment = Environment("pr_42", BranchKey(number=42), tuple(map(make_clone, marks)))
    assert environment.cause is Cause.MERGED
    assert verbs([make_branch(42)], [environment]) == [Verb.RESTORE]


# --- idle and old -------------------------------------------------------------------------------


@pytest.mark.parametrize(("ago", "verb"), [(4 * DAY, Verb.RETIRE), (4 * DAY - TICK, Verb.KEEP)])
@pytest.mark.parametrize("state", [OPEN, UNKNOWN])
def test_idle_is_counted_from_the_last_use(state, ago, verb):
    environment = make_environment(42, last_used_at=NOW - ago)
    (action,) = decide([make_branch(42, state)], [environment], IDLE)
    assert action.verb is verb
    assert (action.cause or action.next.cause) is Cause.IDLE


def test_a_restored_one_is_not_idle_at_once():
    environment = make_environment(42, last_used_at=NOW - 9 * DAY, restored_at=NOW - DAY)
    assert verbs([make_branch(42)], [environment], IDLE) == [Verb.KEEP]


@pytest.mark.parametrize(("ago", "verb"), [(4 * DAY, Verb.RETIRE), (4 * DAY - TICK, Verb.KEEP)])
@pytest.mark.parametrize("field", ["created_at", "restored_at"])
def test_age_is_counted_from_its_making_or_restoring_though_it_is_used_all_the_time(
    field, ago, verb
):
    environment = make_environment(42, **{"last_used_at": NOW, field: NOW - ago})
    (action,) = decide([make_branch(42)], [environment], OLD)
    assert action.verb is verb
    assert (action.cause or action.next.cause) is Cause.AGE


def test_the_clock_retires_nothing_of_which_an_answer_with_gaps_does_not_tell():
    # It may have the label that keeps it.
    environment = make_environment(42, last_used_at=NOW - 30 * DAY)
    assert verbs([], [environment], IDLE, complete=False) == [Verb.KEEP]
    assert verbs([make_branch(42)], [environment], IDLE, complete=False) == [Verb.RETIRE]


@pytest.mark.parametrize("policy", [IDLE, OLD], ids=["idle", "old"])
@pytest.mark.parametrize("state", [OPEN, UNKNOWN])
def test_with_the_label_it_is_neither_idle_nor_old(state, policy):
    branch = make_branch(42, state, labels=KEPT)
    (action,) = decide([branch], [make_environment(42, last_used_at=NOW - 9 * DAY)], policy)
    assert (action.verb, action.next) == (Verb.KEEP, None)


@pytest.mark.parametrize("state", [MERGED, CLOSED])
def test_the_label_of_an_ended_pull_request_keeps_nothing(state):
    assert verbs([make_branch(42, state, labels=KEPT)], [fresh()]) == [Verb.RETIRE]


def test_a_source_that_cannot_tell_of_the_branch_leaves_it_to_the_clock():
    key = BranchKey(name="feature/login")
    environment = make_environment(key, last_used_at=NOW - 5 * DAY)
    found = decide([], [environment], IDLE, knows_names=False)
    assert [action.cause for action in found] == [Cause.IDLE]


# --- leases -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("until", "verb"), [(NOW, Verb.RETIRE), (NOW + TICK, Verb.KEEP)])
@pytest.mark.parametrize(
    "branches", [[make_branch(42, MERGED)], [], [make_branch(42)]], ids=["merged", "gone", "idle"]
)
def test_a_lease_puts_off_every_retirement_until_it_ends(branches, until, verb):
    assert verbs(branches, [make_environment(42, keep_until=until)], IDLE) == [verb]


@pytest.mark.parametrize(("until", "verb"), [(NOW, Verb.DROP), (NOW + TICK, Verb.KEEP)])
def test_a_lease_puts_off_the_drop(until, verb):
    environment = retired(drop_after=NOW - DAY, keep_until=until)
    (action,) = decide([make_branch(42, MERGED)], [environment])
    assert action.verb is verb
    assert verb is Verb.DROP or action.next.at == until


# --- what comes next ----------------------------------------------------------------------------


def test_the_first_of_idle_and_old_comes_next():
    policy = replace(GENEROUS, idle_after=4 * DAY, max_age=6 * DAY)
    (action,) = decide([make_branch(42)], [fresh()], policy)
    assert (action.next.verb, action.next.at, action.next.cause) == (
        Verb.RETIRE,
        NOW + 3 * DAY,
        Cause.IDLE,
    )
    used = fresh(created_at=NOW - 5 * DAY, last_used_at=NOW)
    (action,) = decide([make_branch(42)], [used], policy)
    assert (action.next.at, action.next.cause) == (NOW + DAY, Cause.AGE)


def test_a_lease_beyond_that_puts_it_off_and_a_shorter_one_does_not():
    for until, at in ((NOW + 9 * DAY, NOW + 9 * DAY), (NOW + DAY, NOW + 3 * DAY)):
        (action,) = decide([make_branch(42)], [fresh(keep_until=until)], IDLE)
        assert action.next.at == at


def test_an_ended_branch_with_a_lease_is_retired_when_it_ends():
    (action,) = decide([make_branch(42, MERGED)], [fresh(keep_until=NOW + DAY)])
    assert action.next == Outlook(
        verb=Verb.RETIRE, at=NOW + DAY, because="the branch was merged", cause=Cause.MERGED
    )


@pytest.mark.parametrize(
    "environment",
    [fresh(), fresh(branch="release/1"), retired(branch="release/1"), retired(drop_after=None)],
    ids=["no clock", "protected", "protected and aside", "no date"],
)
def test_where_nothing_is_to_come_nothing_is_told(environment):
    policy = replace(GENEROUS, protected_branches=("release/*",))
    told = [] if environment.retired else [make_branch(42)]
    assert decide(told, [environment], policy)[0].next is None


def test_what_was_set_aside_is_dropped_next_for_the_reason_in_its_mark():
    (action,) = decide([], [retired(drop_after=NOW + DAY)])
    assert (action.next.verb, action.next.at, action.next.because) == (
        Verb.DROP,
        NOW + DAY,
        "test",
    )
    assert action.next.cause is None


# --- identities ---------------------------------------------------------------------------------


def test_a_name_that_a_later_pull_request_uses_again_keeps_nothing_of_the_earlier_one():
    told = [make_branch(41, MERGED, "feature/x"), make_branch(42, OPEN, "feature/x")]
    environments = [make_environment(41, branch="feature/x")]
    found = decide(told, environments)
    assert [(action.verb, action.key.number) for action in found] == [
        (Verb.RETIRE, 41),
        (Verb.PROVISION, 42),
    ]


@pytest.mark.parametrize(
    "changes",
    [{"name": "renamed"}, {"sha": "other"}, {"base": "develop"}, {"draft": True}],
    ids=str,
)
def test_a_rename_force_push_retarget_or_turn_to_draft_does_nothing_to_an_environment(changes):
    policy = replace(GENEROUS, drafts=False, base_branches=("main",))
    branch = make_branch(42, OPEN, **{"name": "feature/x", **changes})
    assert verbs([branch], [fresh(branch="feature/x")], policy) == [Verb.KEEP]


def test_the_same_number_in_two_repositories_is_two_branches():
    foreign = BranchKey(repository="acme/website", number=42)
    told = [make_branch(42, MERGED), make_branch(foreign)]
    found = decide(told, [make_environment(42), make_environment(foreign)])
    assert [action.verb for action in found] == [Verb.RETIRE, Verb.KEEP]


def test_the_reason_of_a_branch_that_gets_none_is_said():
    (action,) = decide([make_branch(42, fork=True)])
    assert (action.verb, action.environment) == (Verb.LEAVE, None)
    assert "fork" in action.reason


def test_what_keeps_a_branch_from_an_environment_does_not_take_away_the_one_it_has():
    fork = make_branch(42, fork=True, draft=True)
    assert verbs([fork], [fresh()]) == [Verb.KEEP]
    assert verbs([fork], [retired()]) == [Verb.RESTORE]
    lacking = fresh(bases=ANALYTICS)
    assert verbs([fork], [lacking], schemas=[*ANALYTICS, "web"]) == [Verb.PROVISION]
