"""Reading what forges answer: types that are wrong, times in every spelling, waits in every one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from branch_toolkit.branches.gitea import gitea_branch
from branch_toolkit.branches.github import github_branch, github_state
from branch_toolkit.branches.gitlab import gitlab_branch
from branch_toolkit.branches.items import Item, moment, read_branches
from branch_toolkit.branches.limits import wait_of
from branch_toolkit.core.branch import BranchState
from branch_toolkit.core.errors import InvalidBranch

NOON = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
DATE = {"Date": "Sun, 01 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-11-01T12:00:00Z", 0),
        ("2026-11-01T12:00:00z", 0),
        ("2026-11-01T12:00:00.5Z", 500_000),
        ("2026-11-01T12:00:00.123Z", 123_000),
        ("2026-11-01T12:00:00.1234567Z", 123_456),
        ("2026-11-01T14:00:00+02:00", 0),
        ("2026-11-01T12:00:00+00:00", 0),
    ],
)
def test_times_are_read_as_forges_write_them(text: str, micros: int) -> None:
    assert moment(text) == NOON + timedelta(microseconds=micros)


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "2026-11-01T12:00:00", "2026-13-01T00:00Z"]
)
def test_a_time_that_cannot_be_known_is_not_guessed(text: str | None) -> None:
    assert moment(text) is None


def test_a_field_of_another_type_reads_as_nothing() -> None:
    item = Item({"a": {"b": 1}, "n": True, "t": 5, "l": ["x", 3], "o": [{"k": 1}, None]})
    assert item.text("a", "b") is None
    assert item.text("a", "b", "c") is None
    assert item.number("a", "b") == 1
    assert item.number("n") is None
    assert item.flag("t") is False
    assert item.texts("l") == {"x"}
    assert [each.number("k") for each in item.items("o")] == [1]
    assert item.items("a") == ()


def test_what_may_be_open_and_cannot_be_read_is_counted_and_what_is_over_is_not() -> None:
    found = [{"number": 1, "state": "open"}, {"state": "open"}, {"state": "closed"}, {}, None, 7]
    reading = read_branches(
        found, branch=lambda item: github_branch(item, repository="acme/x"), state=github_state
    )
    assert [branch.key.number for branch in reading.branches] == [1]
    assert reading.unreadable == 4


@pytest.mark.parametrize("number", [None, "7", 0, -1, True, 7.0])
def test_a_number_that_is_none_identifies_nothing(number: object) -> None:
    for read, name in ((github_branch, "number"), (gitlab_branch, "iid"), (gitea_branch, "number")):
        with pytest.raises(InvalidBranch):
            read(Item({name: number}), repository="acme/x")


def test_little_is_needed_of_a_pull_request_and_the_rest_is_taken_to_be_foreign() -> None:
    for read, name in ((github_branch, "number"), (gitlab_branch, "iid"), (gitea_branch, "number")):
        branch = read(Item({name: 7}), repository="acme/x")
        assert branch.state is BranchState.UNKNOWN
        assert branch.name is None
        assert branch.fork, "whose code it is is not known, so it is not trusted"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ({"ref": "fix", "label": "fix"}, "fix"),
        ({"ref": "refs/pull/7/head", "label": "feature/fix"}, "feature/fix"),
        ({"ref": "refs/pull/7/head", "label": "stranger:main"}, "main"),
        ({"ref": "refs/pull/7/head"}, None),
    ],
)
def test_a_head_that_gitea_only_knows_as_a_pull_ref_has_its_name_in_the_label(
    head: dict[str, object], name: str | None
) -> None:
    assert gitea_branch(Item({"number": 7, "head": head}), repository="acme/x").name == name


def test_gitlab_before_14_calls_drafts_work_in_progress() -> None:
    assert gitlab_branch(Item({"iid": 7, "work_in_progress": True}), repository="a/x").draft


def test_a_merge_request_that_is_locked_may_still_not_be_merged() -> None:
    branch = gitlab_branch(Item({"iid": 7, "state": "locked"}), repository="a/x")
    assert branch.state is BranchState.OPEN


@pytest.mark.parametrize(
    ("status", "headers", "message", "seconds"),
    [
        (429, {"Retry-After": "7"}, "", 7),
        (429, {"Retry-After": "Sun, 01 Nov 2026 12:00:30 GMT"}, "", 30),
        (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": "1793534460"}, "", 60),
        (429, {}, "", 60),
        (429, {"Retry-After": "soon"}, "", 60),
        (403, {"Retry-After": "9"}, "You have exceeded a secondary rate limit", 9),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1793534405"}, "", 5),
        (403, {}, "You have exceeded a secondary rate limit", 60),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1793534000"}, "", 0),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 30}, "rate limit", 60),
    ],
)
def test_the_wait_is_what_the_forge_asks_for_by_its_own_clock(
    status: int, headers: dict[str, str], message: str, seconds: float
) -> None:
    wait = wait_of(status, {**DATE, **headers}, message)
    assert wait is not None
    assert wait.seconds == seconds
    assert wait.until.tzinfo is not None


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (403, {}, "Resource not accessible by personal access token"),
        (403, {"X-RateLimit-Remaining": "59", "X-RateLimit-Reset": "1793534460"}, "Forbidden"),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1793534460"}, ""),
        (404, {}, "Not Found"),
    ],
)
def test_what_is_not_about_a_limit_is_not_waited_for(
    status: int, headers: dict[str, str], message: str
) -> None:
    assert wait_of(status, {**DATE, **headers}, message) is None
