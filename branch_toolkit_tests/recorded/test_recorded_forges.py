"""The sources read what real forges answered, as the tests of ogr recorded it.

What is expected was found in the records by other means than the sources use: counted by hand, or
told by another field, or by the answer to another question.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import Any

import pytest

from branch_toolkit.branches.conversation import Answer
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.branch import Branch, BranchState
from branch_toolkit_tests.recorded.answers import (
    ALL,
    FORGEJO_OGR,
    GITHUB_OGR,
    GITLAB_OGR,
    Recorded,
    as_read,
    listed,
    records,
)
from branch_toolkit_tests.recorded.replay import replayed


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    MEMORY.forget()


@pytest.fixture(scope="module")
def github() -> dict[int, Branch]:
    return as_read(GITHUB_OGR)


@pytest.fixture(scope="module")
def gitlab() -> dict[int, Branch]:
    return as_read(GITLAB_OGR)


@pytest.fixture(scope="module")
def forgejo() -> dict[int, Branch]:
    return as_read(FORGEJO_OGR)


def _states(branches: dict[int, Branch]) -> dict[BranchState, int]:
    return Counter(branch.state for branch in branches.values())


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


# --- a repository that is larger than a page ----------------------------------------------------


@pytest.mark.parametrize("forge", ALL, ids=lambda forge: forge.file)
def test_every_open_one_is_told_of_and_a_request_is_one_that_the_forge_understands(
    forge: Recorded,
) -> None:
    found = listed(forge)
    with replayed(forge.shape, list(found.values())) as replay:
        snapshot = forge.source(replay.url).snapshot()
    told = {b.key.number for b in snapshot.branches if b.state is BranchState.OPEN}
    assert told == {number for number, each in found.items() if each["state"].startswith("open")}
    assert (snapshot.complete, snapshot.note, replay.refused) == (True, None, [])
    assert len(replay.asked) <= 4


# --- GitHub: 269 pull requests of packit/ogr ----------------------------------------------------


def test_github_tells_open_from_merged_from_closed(github: dict[int, Branch]) -> None:
    assert _states(github) == {
        BranchState.OPEN: 2,
        BranchState.MERGED: 240,
        BranchState.CLOSED: 27,
    }
    assert {n for n, b in github.items() if b.state is BranchState.OPEN} == {358, 452}


def test_github_was_asked_of_each_whether_it_was_merged_and_said_the_same(
    github: dict[int, Branch],
) -> None:
    asked = [each for each in records("github") if each.url.endswith("/merge")]
    answers = {
        int(each.url.split("/")[-2]): each.status == 204
        for each in asked
        if "/repos/packit/ogr/pulls/" in each.url
    }
    assert Counter(answers.values()) == {True: 215, False: 26}
    assert answers == {number: github[number].state is BranchState.MERGED for number in answers}


def test_github_labels_of_heads_tell_the_same_forks(github: dict[int, Branch]) -> None:
    owners = {n: each["head"]["label"].split(":")[0] for n, each in listed(GITHUB_OGR).items()}
    assert {n for n, branch in github.items() if branch.fork} == {
        n for n, owner in owners.items() if owner != "packit"
    }
    assert sum(branch.fork for branch in github.values()) == 244


def test_a_fork_of_github_that_is_deleted_is_a_fork(github: dict[int, Branch]) -> None:
    deleted = {n for n, each in listed(GITHUB_OGR).items() if each["head"]["repo"] is None}
    assert deleted == {426, 410, 405, 381, 93}
    assert all(github[number].fork for number in deleted)


def test_one_of_github_is_read_to_the_last_field(github: dict[int, Branch]) -> None:
    branch = github[393]
    assert branch.name == "0.11.3-release"
    assert branch.sha == "d787f390f474a21f62024c8501267fde27743a58"
    assert (branch.base, branch.draft, branch.state) == ("master", False, BranchState.MERGED)
    assert branch.labels == {"bot", "mergeit", "ready-for-review", "release-bot"}
    assert branch.updated_at == _utc("2020-04-27T10:00:28")
    assert branch.url == "https://github.com/packit/ogr/pull/393"
    assert branch.repository == "packit/ogr"


def test_branches_of_github_have_names_that_others_had_before(github: dict[int, Branch]) -> None:
    names = Counter(branch.name for branch in github.values())
    assert (names["master"], names["0.1.0-release"]) == (8, 4)
    assert len({branch.key for branch in github.values()}) == 269


# --- GitLab: 86 merge requests of packit-service/ogr-tests --------------------------------------


def test_gitlab_tells_open_from_merged_from_closed(gitlab: dict[int, Branch]) -> None:
    assert _states(gitlab) == {
        BranchState.OPEN: 8,
        BranchState.MERGED: 9,
        BranchState.CLOSED: 69,
    }


def test_gitlab_forks_and_drafts(gitlab: dict[int, Branch]) -> None:
    assert sum(branch.fork for branch in gitlab.values()) == 44
    assert {n for n, branch in gitlab.items() if branch.draft} == {52, 54, 76}
    titled = {n for n, each in listed(GITLAB_OGR).items() if "Draft:" in each["title"]}
    assert titled == {52, 54, 76}


def test_a_fork_of_gitlab_that_is_deleted_is_a_fork(gitlab: dict[int, Branch]) -> None:
    deleted = [n for n, each in listed(GITLAB_OGR).items() if each["source_project_id"] is None]
    assert deleted
    assert all(gitlab[number].fork for number in deleted)


def test_one_of_gitlab_is_read_to_the_last_field(gitlab: dict[int, Branch]) -> None:
    branch = gitlab[1]
    assert (branch.name, branch.base) == ("change", "master")
    assert branch.sha == "d490ec67dd98f69dfdc1732b98bb3189f0e0aace"
    assert (branch.fork, branch.draft, branch.state) == (False, False, BranchState.MERGED)
    assert branch.labels == {"test_lb1", "test_lb2"}
    assert branch.updated_at == _utc("2022-01-05T18:43:40.814000")
    assert branch.url == "https://gitlab.com/packit-service/ogr-tests/-/merge_requests/1"


def test_gitlab_does_not_say_the_commit_of_each(gitlab: dict[int, Branch]) -> None:
    assert gitlab[69].sha is None
    assert (gitlab[69].name, gitlab[69].fork) == ("one-more-branch", True)


# --- Forgejo: 99 pull requests of packit-validator/ogr-tests ------------------------------------


def test_forgejo_tells_open_from_merged_from_closed(forgejo: dict[int, Branch]) -> None:
    assert _states(forgejo) == {
        BranchState.OPEN: 12,
        BranchState.MERGED: 9,
        BranchState.CLOSED: 78,
    }


def test_forgejo_names_a_branch_that_is_gone_by_a_ref(forgejo: dict[int, Branch]) -> None:
    refs = {n: each["head"]["ref"] for n, each in listed(FORGEJO_OGR).items()}
    gone = {n for n, ref in refs.items() if ref == f"refs/pull/{n}/head"}
    assert len(gone) == 45
    assert not any((branch.name or "refs/").startswith("refs/") for branch in forgejo.values())
    assert (forgejo[195].name, forgejo[195].state) == ("1-bac-test", BranchState.OPEN)
    assert forgejo[143].name == "lachmanfrantisek-master-patch-55321"


def test_forgejo_forks_and_drafts(forgejo: dict[int, Branch]) -> None:
    assert {n for n, branch in forgejo.items() if branch.fork} == {
        *(211, 213, 214, 215, 216, 218, 219)
    }
    assert {n for n, branch in forgejo.items() if branch.draft} == {122, 141, 142, 170, 172, 194}


def test_one_of_forgejo_is_read_to_the_last_field(forgejo: dict[int, Branch]) -> None:
    branch = forgejo[119]
    assert (branch.name, branch.base) == ("change", "master")
    assert branch.sha == "d490ec67dd98f69dfdc1732b98bb3189f0e0aace"
    assert (branch.fork, branch.draft, branch.state) == (False, False, BranchState.MERGED)
    assert branch.labels == {"test_lb1", "test_lb2"}
    assert branch.updated_at == _utc("2025-04-24T08:36:47")
    expected = "https://v10.next.forgejo.org/packit-validator/ogr-tests/pulls/119"
    assert branch.url == expected


def test_a_commit_that_forgejo_does_not_say_is_not_known(forgejo: dict[int, Branch]) -> None:
    assert listed(FORGEJO_OGR)[208]["head"]["sha"] == ""
    assert forgejo[208].sha is None


# --- how pages follow each other ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "url", "following"),
    [
        ("github", "/pulls?state=all&sort=updated&direction=desc&page=2", "3"),
        ("forgejo", "/pulls?state=all&page=2", "3"),
        ("forgejo", "/pulls?state=all&page=4", None),
    ],
)
def test_the_recorded_links_lead_to_the_next_page(
    file: str, url: str, following: str | None
) -> None:
    (record,) = [each for each in records(file) if each.url.endswith(url) and each.content]
    headers: Any = {name.title(): text for name, text in record.headers.items()}
    query = Answer(None, record.content, headers).next  # type: ignore[arg-type]
    assert (dict(query)["page"] if query else None) == following
