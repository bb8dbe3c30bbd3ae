"""The pull requests among the recorded answers of each forge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from branch_toolkit.branches.gitea import GiteaBranches
from branch_toolkit.branches.github import GitHubBranches
from branch_toolkit.branches.gitlab import GitLabBranches
from branch_toolkit.core.branch import Branch
from branch_toolkit_tests.recorded.replay import FORGEJO, GITHUB, GITLAB, Shape, replayed
from branch_toolkit_tests.tools.place import of_ogr
from branch_toolkit_tests.tools.records import Record, read


@dataclass(frozen=True, eq=False, kw_only=True)
class Recorded:
    """A forge whose answers were recorded, and the repository that most of them are about.

    Args:
        file: The records.
        shape: How it lists pull requests.
        number: The field that holds a pull request's number.
        repository: The repository.
        field: Where a pull request says which repository it is for, and what it says there.
    """

    file: str
    shape: Shape
    number: str
    repository: str
    field: tuple[Sequence[str], object]

    def source(self, url: str) -> GitHubBranches | GitLabBranches | GiteaBranches:
        """The source that reads them, unmodified."""
        if self.file == "github":
            return GitHubBranches(repository=self.repository, url=url)
        if self.file == "gitlab":
            return GitLabBranches(repository=self.repository, url=f"{url}/api/v4")
        return GiteaBranches(repository=self.repository, url=f"{url}/api/v1")


GITHUB_OGR = Recorded(
    file="github",
    shape=GITHUB,
    number="number",
    repository="packit/ogr",
    field=(("base", "repo", "full_name"), "packit/ogr"),
)
GITLAB_OGR = Recorded(
    file="gitlab",
    shape=GITLAB,
    number="iid",
    repository="packit-service/ogr-tests",
    field=(("target_project_id",), 14233409),
)
FORGEJO_OGR = Recorded(
    file="forgejo",
    shape=FORGEJO,
    number="number",
    repository="packit-validator/ogr-tests",
    field=(("base", "repo", "full_name"), "packit-validator/ogr-tests"),
)
ALL = (GITHUB_OGR, GITLAB_OGR, FORGEJO_OGR)


@cache
def records(file: str) -> tuple[Record, ...]:
    """Every answer of a forge; skips where they are not installed."""
    return tuple(read(of_ogr(f"{file}.json")))


@cache
def listed(forge: Recorded) -> dict[int, dict[str, Any]]:
    """The pull requests in recorded lists, by number, each as it was recorded last."""
    found: dict[int, dict[str, Any]] = {}
    for each in _in_lists(forge):
        number = each[forge.number]
        if number not in found or each["updated_at"] > found[number]["updated_at"]:
            found[number] = each
    return found


def as_read(forge: Recorded) -> dict[int, Branch]:
    """What the source makes of every one of them.

    A source asks for the newest page and for the open ones, and leaves the others alone; so they
    are served in helpings of one page.
    """
    branches: dict[int, Branch] = {}
    for found in _helpings(forge):
        with replayed(forge.shape, found) as replay:
            snapshot = forge.source(replay.url).snapshot()
        assert (replay.refused, snapshot.complete, snapshot.note) == ([], True, None)
        branches.update({branch.key.number or 0: branch for branch in snapshot.branches})
    return branches


def _helpings(forge: Recorded) -> Iterator[Sequence[dict[str, Any]]]:
    found = list(listed(forge).values())
    for start in range(0, len(found), forge.shape.most):
        yield found[start : start + forge.shape.most]


def _in_lists(forge: Recorded) -> Iterator[dict[str, Any]]:
    path, value = forge.field
    for record in records(forge.file):
        for each in record.content if isinstance(record.content, list) else ():
            if record.method == "GET" and _at(each, path) == value:
                yield each


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
