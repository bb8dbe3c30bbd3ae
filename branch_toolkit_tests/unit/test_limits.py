"""The breaker, the caps and the quota: what one tick may do at most."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from branch_toolkit.core.action import Verb
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.policy import Policy
from branch_toolkit_tests.strategies import DAY, NOW, make_branch, make_environment
from branch_toolkit_tests.unit.decisions import (
    ANALYTICS,
    GENEROUS,
    MERGED,
    OPEN,
    UNKNOWN,
    decide,
    retired,
    verbs,
)

# --- the breaker and the caps -------------------------------------------------------------------


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


@pytest.mark.parametrize("policy", [Policy(idle_after=4 * DAY), Policy(max_age=4 * DAY)], ids=str)
def test_what_the_clock_ends_goes_by_and_by_as_no_source_can_err_in_it(policy):
    branches = [make_branch(number) for number in range(1, 11)]
    left = [make_environment(number) for number in range(1, 11)]
    for active, expected in ((10, 5), (5, 5)):
        found = decide(branches, left, policy)
        assert len(left) == active
        retired = [action.key for action in found if action.verb is Verb.RETIRE]
        assert len(retired) == expected
        left = [environment for environment in left if environment.key not in retired]
    assert not left


def test_what_the_clock_ends_does_not_trip_the_breaker_for_what_has_ended():
    branches = [make_branch(1, MERGED), *(make_branch(number) for number in range(2, 11))]
    environments = [make_environment(number) for number in range(1, 11)]
    for minute in range(10):
        found = decide(
            branches, environments, Policy(idle_after=4 * DAY), now=NOW + timedelta(minutes=minute)
        )
        retired = {action.key for action in found if action.verb is Verb.RETIRE}
        environments = [each for each in environments if each.key not in retired]
    assert not environments


def test_one_that_ended_is_retired_however_small_the_share():
    policy = Policy(max_retired_share=0.01)
    environments = [make_environment(number) for number in range(1, 11)]
    branches = [make_branch(number) for number in range(2, 11)]
    assert Counter(a.verb for a in decide(branches, environments, policy))[Verb.RETIRE] == 1


def test_no_more_are_provisioned_in_one_tick_than_allowed_and_all_get_their_turn():
    branches = [make_branch(number) for number in range(1, 8)]
    policy = replace(GENEROUS, max_provisions=3)
    have: list[Environment] = []
    for minute in range(3):
        found = decide(branches, have, policy, now=NOW + timedelta(minutes=minute))
        made = [action.key for action in found if action.verb is Verb.PROVISION]
        waiting = [action for action in found if action.verb is Verb.LEAVE]
        assert len(made) == min(3, 7 - len(have))
        assert len(waiting) == 7 - len(have) - len(made)
        assert all("it follows" in action.reason for action in waiting)
        have += [make_environment(key) for key in made]
    assert {each.key for each in have} == {branch.key for branch in branches}


def test_one_that_always_fails_does_not_keep_the_others_from_their_turn():
    branches = [make_branch(number) for number in range(1, 5)]
    policy = replace(GENEROUS, max_provisions=1)
    first = {
        next(action.key for action in found if action.verb is Verb.PROVISION)
        for minute in range(4)
        for found in [decide(branches, [], policy, now=NOW + timedelta(minutes=minute))]
    }
    assert len(first) == 4


# --- the quota ----------------------------------------------------------------------------------


def quota(most: int, **changes: object) -> Policy:
    return replace(GENEROUS, max_environments=most, **changes)


def used(number: int, *, days_ago: float, **changes: object) -> Environment:
    return make_environment(number, last_used_at=NOW - days_ago * DAY, **changes)


def displaced(number: int, **changes: object) -> Environment:
    return retired(number, aside={"cause": "quota", "sha": "a"}, **changes)


def opened(*numbers: int, **details: object) -> list[Branch]:
    return [make_branch(number, OPEN, f"feature/{number}", **details) for number in numbers]


def test_over_the_quota_the_least_recently_used_are_retired_first():
    environments = [used(1, days_ago=1), used(2, days_ago=3), used(3, days_ago=2)]
    found = decide(opened(1, 2, 3), environments, quota(1))
    assert [action.verb for action in found] == [Verb.KEEP, Verb.RETIRE, Verb.RETIRE]
    assert {action.cause for action in found[1:]} == {Cause.QUOTA}
    assert "allows 1" in found[1].reason


def test_at_the_quota_nothing_happens():
    environments = [used(1, days_ago=1), used(2, days_ago=3)]
    assert verbs(opened(1, 2), environments, quota(2)) == [Verb.KEEP, Verb.KEEP]


def test_a_new_pull_request_displaces_the_least_recently_used_of_older_ones():
    found = decide(opened(1, 2, 3), [used(1, days_ago=9), used(2, days_ago=1)], quota(2))
    assert [action.verb for action in found] == [Verb.RETIRE, Verb.KEEP, Verb.PROVISION]


@pytest.mark.parametrize("late", [1, BranchKey(name="feature/1")], ids=str)
def test_an_older_pull_request_or_a_branch_without_one_waits_for_room(late):
    environments = [used(2, days_ago=9), used(3, days_ago=1)]
    found = decide([make_branch(late), *opened(2, 3)], environments, quota(2))
    assert [action.verb for action in found] == [Verb.KEEP, Verb.KEEP, Verb.LEAVE]
    assert "allows 2 environments" in found[2].reason


def test_what_is_retired_in_the_same_tick_makes_room():
    branches = [make_branch(1, MERGED), *opened(2, 3)]
    found = decide(branches, [used(1, days_ago=0), used(2, days_ago=9)], quota(2))
    assert [action.verb for action in found] == [Verb.RETIRE, Verb.KEEP, Verb.PROVISION]
    assert found[0].cause is Cause.MERGED


def test_what_was_displaced_comes_back_by_a_push_and_displaces_in_turn():
    environments = [displaced(1), used(2, days_ago=1)]
    found = decide([*opened(1, sha="b"), *opened(2)], environments, quota(1))
    assert [action.verb for action in found] == [Verb.RESTORE, Verb.RETIRE]


@pytest.mark.parametrize("drop_after", [NOW + DAY, NOW - DAY])
def test_what_was_displaced_comes_back_with_its_data_when_there_is_room_again(drop_after):
    environments = [displaced(1, drop_after=drop_after), used(2, days_ago=1)]
    branches = [*opened(1, sha="a"), make_branch(2, MERGED)]
    assert verbs(branches, environments, quota(1)) == [Verb.RESTORE, Verb.RETIRE]


def test_without_room_and_without_a_push_what_was_displaced_stays_aside():
    environments = [displaced(1), used(2, days_ago=9)]
    assert verbs(opened(1, 2, sha="a"), environments, quota(1)) == [Verb.KEEP, Verb.KEEP]


def test_what_was_displaced_comes_back_when_the_policy_has_no_quota_any_more():
    assert verbs(opened(1, sha="a"), [displaced(1)], GENEROUS) == [Verb.RESTORE]


def test_of_several_that_wait_for_room_the_most_recently_used_comes_back():
    environments = [
        displaced(1, last_used_at=NOW - 3 * DAY),
        displaced(2, last_used_at=NOW - 2 * DAY),
        displaced(3, last_used_at=NOW - 4 * DAY),
    ]
    found = verbs(opened(1, 2, 3, sha="a"), environments, quota(1))
    assert found == [Verb.KEEP, Verb.RESTORE, Verb.KEEP]


@pytest.mark.parametrize(
    ("changes", "details", "policy"),
    [
        ({"keep_until": NOW + DAY}, {}, quota(1)),
        ({"branch": "release/1"}, {}, quota(1, protected_branches=("release/*",))),
        ({}, {"labels": frozenset({"keep-environment"})}, quota(1)),
        ({"repository": "acme/website"}, {"repository": "acme/pipelines"}, quota(1)),
        ({"created_at": NOW + DAY}, {}, quota(1)),
    ],
    ids=["leased", "protected", "labelled", "of another repository", "from the future"],
)
def test_some_are_exempt_from_the_quota_although_they_were_used_longest_ago(
    changes, details, policy
):
    environments = [used(1, days_ago=30, **changes), used(2, days_ago=1), used(3, days_ago=2)]
    branches = [*opened(1, **details), *opened(2, 3)]
    repository = details.get("repository")
    found = decide(branches, environments, policy, repository=repository)
    assert found[0].verb is Verb.KEEP
    assert found[2].verb is Verb.RETIRE


def test_one_with_the_label_is_not_counted_and_needs_no_room():
    label = frozenset({"keep-environment"})
    found = decide([*opened(1), *opened(2, labels=label)], [used(1, days_ago=1)], quota(1))
    assert [action.verb for action in found] == [Verb.KEEP, Verb.PROVISION]
    environments = [used(1, days_ago=1), used(2, days_ago=9)]
    found = decide([*opened(1), *opened(2, labels=label)], environments, quota(1))
    assert [action.verb for action in found] == [Verb.KEEP, Verb.KEEP]


def test_a_reopened_branch_waits_where_nothing_can_be_displaced_and_is_not_dropped_meanwhile():
    environments = [retired(1, drop_after=NOW - DAY), used(2, days_ago=1, keep_until=NOW + DAY)]
    found = decide(opened(1, 2), environments, quota(1))
    assert [action.verb for action in found] == [Verb.KEEP, Verb.KEEP]
    assert "all are in use" in found[0].reason


def test_an_incomplete_answer_displaces_nothing_as_what_is_not_told_may_have_ended():
    # All told, #1 would have ended and made the room itself.
    environments = [used(1, days_ago=1), used(2, days_ago=9)]
    assert verbs(opened(2), environments, quota(1), complete=False) == [Verb.KEEP, Verb.KEEP]
    assert verbs(opened(2), environments, quota(1)) == [Verb.RETIRE, Verb.KEEP]


def test_where_the_breaker_keeps_those_that_were_to_make_room_the_others_wait():
    environments = [used(number, days_ago=number) for number in (1, 2, 3)]
    policy = quota(3, max_retirements=1)
    found = decide(opened(1, 2, 3, 4, 5), environments, policy)
    assert Counter(action.verb for action in found) == {
        Verb.RETIRE: 1,
        Verb.KEEP: 2,
        Verb.PROVISION: 1,
        Verb.LEAVE: 1,
    }


def test_what_is_in_daily_use_gives_way_to_none_that_is_only_wanted():
    # #5 was displaced and dropped; nobody pushes to it, and its number is the higher one.
    assert verbs(opened(3, 5), [used(3, days_ago=0)], quota(1)) == [Verb.KEEP, Verb.LEAVE]
    assert verbs(opened(3, 5), [used(3, days_ago=1)], quota(1)) == [Verb.RETIRE, Verb.PROVISION]


def test_two_branches_do_not_displace_each_other_in_turns():
    # #1 is displaced by #2, and nobody pushes: it waits, tick after tick.
    first = decide(opened(1, 2, sha="a"), [used(1, days_ago=1)], quota(1))
    assert [action.verb for action in first] == [Verb.RETIRE, Verb.PROVISION]
    second = [displaced(1, drop_after=NOW - DAY), used(2, days_ago=0)]
    assert verbs(opened(1, 2, sha="a"), second, quota(1)) == [Verb.DROP, Verb.KEEP]
    assert verbs(opened(1, 2, sha="a"), second[1:], quota(1)) == [Verb.KEEP, Verb.LEAVE]


def test_a_branch_of_unknown_state_takes_its_room():
    environments = [used(1, days_ago=1)]
    assert verbs([make_branch(1, UNKNOWN), *opened(2)], environments, quota(2)) == [
        Verb.KEEP,
        Verb.PROVISION,
    ]


def test_one_that_lacks_a_clone_is_displaced_as_any_other_and_not_completed():
    environments = [
        used(1, days_ago=9),
        used(2, days_ago=1, bases=("analytics", "web")),
        used(3, days_ago=2),
    ]
    found = decide(opened(1, 2, 3), environments, quota(2), schemas=(*ANALYTICS, "web"))
    assert [action.verb for action in found] == [Verb.RETIRE, Verb.KEEP, Verb.PROVISION]
