"""GitLab's REST API, of what the toolkit asks.

Sources: https://docs.gitlab.com/api/merge_requests/, https://docs.gitlab.com/api/notes/,
https://docs.gitlab.com/api/commits/#commit-status, https://docs.gitlab.com/api/rest/#pagination
"""

from __future__ import annotations

import re
import time

from branch_toolkit.branches.gitlab import GitLabBranches
from branch_toolkit_demo.forge import (
    OWNER,
    ForgeComment,
    ForgeRepository,
    ForgeStatus,
    PullRequest,
    newest_first,
)
from branch_toolkit_demo.forge_server import Asked, Reply, page_of
from branch_toolkit_tests.contract.forges.kinds import ALL_FEATURES, ForgeKind

REPOSITORY = "acme/data/pipelines"
_ROOT = "/projects/acme%2Fdata%2Fpipelines"
_BY_ID = "/projects/7"
_STATES = {"open": "opened"}
_NOTES = re.compile(r"/merge_requests/(?P<number>\d+)/notes(?:/(?P<id>\d+))?")
_STATUSES = re.compile(r"/repository/commits/(?P<sha>\w+)/statuses")
_STATUS = re.compile(r"/statuses/(?P<sha>\w+)")


class GitLabDialect:
    """GitLab's answers."""

    def __init__(self, most_per_page: int) -> None:
        self.most_per_page = most_per_page

    def allows(self, asked: Asked, repository: ForgeRepository) -> bool:
        return asked.headers.get("private-token") == repository.token

    def error(self, status: int, message: str) -> Reply:
        return Reply(status=status, data={"message": f"{status} {message}"})

    def answer(self, asked: Asked, repository: ForgeRepository, *, address: str) -> Reply:
        if asked.path == "/user":
            return Reply(data={"id": 1, "username": OWNER})
        if asked.path == _BY_ID:
            return Reply(data={"id": 7, "path_with_namespace": REPOSITORY})
        if not asked.quoted.startswith((_ROOT, f"{_BY_ID}/")):
            return self.error(404, "Project Not Found")
        path = asked.quoted.removeprefix(_ROOT).removeprefix(_BY_ID)
        if path == "/merge_requests":
            return self._merge_requests(asked, repository)
        if match := _NOTES.fullmatch(path):
            return self._notes(asked, repository, match)
        if match := _STATUSES.fullmatch(path):
            return self._statuses(asked, repository, match["sha"])
        if match := _STATUS.fullmatch(path):
            return self._set_status(asked, repository, match["sha"])
        return self.error(404, "Not Found")

    def _merge_requests(self, asked: Asked, repository: ForgeRepository) -> Reply:
        state = asked.query.get("state", "all")
        found = [
            each
            for each in repository.in_state()
            if state in ("all", _STATES.get(each.state, each.state))
        ]
        if asked.query.get("order_by") == "updated_at":
            found = newest_first(found)
        elif asked.query.get("sort") != "asc":
            found.reverse()
        return self._page([_merge_request(each) for each in found], asked)

    def _notes(self, asked: Asked, repository: ForgeRepository, match: re.Match[str]) -> Reply:
        found = repository.pull_requests.get(int(match["number"]))
        if found is None:
            return self.error(404, "Not Found")
        text = str(asked.body.get("body"))
        if asked.method == "POST":
            made = repository.comment(found.number, text, author=OWNER)
            return Reply(status=201, data=_note(made))
        if asked.method == "PUT":
            edited = repository.edit_comment(int(match["id"]), text)
            return Reply(data=_note(edited)) if edited else self.error(404, "Not Found")
        return self._page([_note(each) for each in found.comments], asked)

    def _statuses(self, asked: Asked, repository: ForgeRepository, sha: str) -> Reply:
        wanted = asked.query.get("name")
        # Without `all` only the last of each name is told.
        latest = {each.name: each for each in repository.statuses.get(sha, [])}
        found = [_status(each) for each in latest.values() if wanted in (None, each.name)]
        return self._page(found, asked)

    def _set_status(self, asked: Asked, repository: ForgeRepository, sha: str) -> Reply:
        body = {name: str(value) for name, value in asked.body.items()}
        latest = {each.name: each for each in repository.statuses.get(sha, [])}.get(body["name"])
        if latest is not None and latest.state == body["state"] == "pending":
            return self.error(400, "Cannot transition status via :enqueue from :pending")
        made = repository.set_status(
            sha,
            name=body["name"],
            state=body["state"],
            summary=body["description"],
            url=body.get("target_url"),
        )
        return Reply(status=201, data=_status(made))

    def _page(self, found: list[object], asked: Asked) -> Reply:
        size = min(int(asked.query.get("per_page", "20")), self.most_per_page)
        page, more = page_of(found, asked, size=size)
        headers = {
            "X-Page": str(asked.page),
            "X-Per-Page": str(size),
            "X-Total": str(len(found)),
            "X-Next-Page": str(asked.page + 1) if more else "",
        }
        return Reply(data=page, headers=headers)


def _merge_request(pull: PullRequest) -> object:
    source = 99 if pull.fork else 7
    return {
        "id": 5000 + pull.number,
        "iid": pull.number,
        "project_id": 7,
        "title": pull.head,
        "state": _STATES.get(pull.state, pull.state),
        "created_at": _time(pull.created_at),
        "updated_at": _time(pull.updated_at),
        "merged_at": _time(pull.ended_at) if pull.state == "merged" else None,
        "closed_at": _time(pull.ended_at) if pull.state == "closed" else None,
        "target_branch": pull.base,
        "source_branch": pull.head,
        "source_project_id": None if pull.fork_deleted else source,
        "target_project_id": 7,
        "labels": pull.labels,
        "draft": pull.draft,
        "work_in_progress": pull.draft,
        "sha": pull.sha,
        "web_url": f"https://gitlab.example/{REPOSITORY}/-/merge_requests/{pull.number}",
    }


def _note(note: ForgeComment) -> object:
    return {
        "id": note.id,
        "body": note.text,
        "author": {"username": note.author},
        "system": note.author == OWNER and note.text.startswith("added "),
        "created_at": _time(note.at),
    }


def _status(status: ForgeStatus) -> object:
    return {
        "id": status.id,
        "status": status.state,
        "name": status.name,
        "description": status.summary,
        "target_url": status.url,
    }


def _time(at: object) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def _source(**fields: object) -> GitLabBranches:
    return GitLabBranches(**{"repository": REPOSITORY, **fields})  # type: ignore[arg-type]


def _limited(seconds: int) -> Reply:
    headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(time.time()) + seconds)}
    return Reply(status=429, data="Retry later", headers=headers)


GITLAB = ForgeKind(
    name="gitlab",
    dialect=GitLabDialect,
    source=_source,
    repository=REPOSITORY,
    # Those that are locked, while they are merged, are listed by themselves.
    features=ALL_FEATURES - {"one_list"},
    prefix="/api/v4",
    limited=_limited,
)
