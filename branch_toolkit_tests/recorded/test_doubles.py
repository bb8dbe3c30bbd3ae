"""Our doubles of the forges answer in the shapes that the forges themselves were recorded with.

What a double has wrong, no test against it could find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx
import pytest

from branch_toolkit.branches.gitea import gitea_branch
from branch_toolkit.branches.github import github_branch
from branch_toolkit.branches.gitlab import gitlab_branch
from branch_toolkit.branches.items import Item
from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_tests.contract.forges.gitea import GITEA
from branch_toolkit_tests.contract.forges.github import GITHUB
from branch_toolkit_tests.contract.forges.gitlab import GITLAB
from branch_toolkit_tests.contract.forges.kinds import TOKEN, ForgeKind, scene_of
from branch_toolkit_tests.recorded.answers import (
    FORGEJO_OGR,
    GITHUB_OGR,
    GITLAB_OGR,
    Recorded,
    listed,
    records,
)
from branch_toolkit_tests.recorded.shapes import read_shape

# On the recorded Forgejo nobody deleted a fork.
_NOT_RECORDED = {"gitea": {(".head.repo", "NoneType")}}
_LISTS = {
    "gitea": "/repos/acme/pipelines/pulls?state=all",
    "github": "/repos/acme/pipelines/pulls?state=all",
    "gitlab": "/projects/acme%2Fdata%2Fpipelines/merge_requests?state=all",
}
_TALKS = {
    "gitea": "/repos/acme/pipelines/issues/1/comments",
    "github": "/repos/acme/pipelines/issues/1/comments",
    "gitlab": "/projects/acme%2Fdata%2Fpipelines/merge_requests/1/notes",
}
_HEADERS = {
    "gitea": {"Authorization": f"token {TOKEN}"},
    "github": {"Authorization": f"Bearer {TOKEN}"},
    "gitlab": {"PRIVATE-TOKEN": TOKEN},
}
Reader = Callable[..., object]
FORGES = pytest.mark.parametrize(
    ("kind", "recorded", "reader"),
    [
        (GITHUB, GITHUB_OGR, github_branch),
        (GITLAB, GITLAB_OGR, gitlab_branch),
        (GITEA, FORGEJO_OGR, gitea_branch),
    ],
    ids=lambda value: getattr(value, "name", ""),
)


def _every_kind_of_pull_request(repository: ForgeRepository) -> None:
    repository.comment(repository.open("feature/login", labels=("data", "keep")), "Looks good")
    repository.open("draft", draft=True, fork="somebody")
    repository.delete_fork(repository.open("forked", fork="somebody"))
    repository.delete_head(repository.open("gone"))
    repository.merge(repository.open("merged"))
    repository.close(repository.open("closed"))


def _told(kind: ForgeKind, path: str) -> list[dict[str, Any]]:
    """What the double answers to a question."""
    with scene_of(kind, most_per_page=50) as scene:
        _every_kind_of_pull_request(scene.repository)
        answer = httpx.get(scene.server.url + path, headers=_HEADERS[kind.name])
    assert answer.status_code == 200
    found = answer.json()
    assert found
    return list(found)


@FORGES
def test_a_double_shows_pull_requests_as_the_forge_does(
    kind: ForgeKind, recorded: Recorded, reader: Reader
) -> None:
    def read(item: Item) -> object:
        return reader(item, repository="acme/pipelines")

    real = read_shape(listed(recorded).values(), read=read)
    double = read_shape(_told(kind, _LISTS[kind.name]), read=read)
    assert set(double) == set(real)
    assert not any("missing" in types for types in real.values())
    made_up = {(place, each) for place, types in double.items() for each in types - real[place]}
    assert made_up == _NOT_RECORDED.get(kind.name, set())


@FORGES
def test_a_double_shows_comments_as_the_forge_does(
    kind: ForgeKind, recorded: Recorded, reader: Reader
) -> None:
    real = list(_comments(recorded))
    assert len(real) > 10
    author = "author", "username"
    login = author if kind is GITLAB else ("user", "login")

    def read(item: Item) -> object:
        return item.number("id"), item.text("body"), item.text(*login)

    assert read_shape(_told(kind, _TALKS[kind.name]), read=read) == read_shape(real, read=read)


def _comments(recorded: Recorded) -> Iterable[Mapping[str, Any]]:
    for record in records(recorded.file):
        if record.method == "GET" and "/commits/" not in record.url:
            for each in record.content if isinstance(record.content, list) else ():
                if {"body", "id", "created_at"} <= each.keys() and "title" not in each:
                    yield each
