"""The REST API of Gitea and Forgejo, of what the toolkit asks.

Sources: https://docs.gitea.com/api/ (repoListPullRequests, issueGetComments, repoCreateStatus),
https://docs.gitea.com/development/api-usage
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from branch_toolkit.branches.gitea import GiteaBranches
from branch_toolkit_demo.forge import (
    OWNER,
    ForgeComment,
    ForgeRepository,
    ForgeStatus,
    PullRequest,
    newest_first,
)
from branch_toolkit_demo.forge_server import Asked, Reply, page_of
from branch_toolkit_tests.contract.forges.kinds import ForgeKind

_ROOT = "/repos/acme/pipelines"
_COMMENTS = re.compile(r"/issues/(?P<number>\d+)/comments")
_COMMENT = re.compile(r"/issues/comments/(?P<id>\d+)")
_STATUSES = re.compile(r"/statuses/(?P<sha>\w+)")
_ZONE = timezone(timedelta(hours=2))


class GiteaDialect:
    """Gitea's answers."""

    def __init__(self, most_per_page: int) -> None:
        self.most_per_page = most_per_page

    def allows(self, asked: Asked, repository: ForgeRepository) -> bool:
        return asked.headers.get("authorization") == f"token {repository.token}"

    def error(self, status: int, message: str) -> Reply:
        return Reply(status=status, data={"message": message, "url": "https://gitea.example/api"})

    def answer(self, asked: Asked, repository: ForgeRepository, *, address: str) -> Reply:
        if asked.path == "/user":
            return Reply(data={"id": 1, "login": OWNER})
        if not asked.path.startswith(_ROOT):
            return self.error(404, "The target couldn't be found.")
        path = asked.path.removeprefix(_ROOT)
        if path == "/pulls":
            return self._pulls(asked, repository)
        if match := _COMMENTS.fullmatch(path):
            return self._comments(asked, repository, int(match["number"]))
        if match := _COMMENT.fullmatch(path):
            edited = repository.edit_comment(int(match["id"]), str(asked.body["body"]))
            return Reply(data=_comment(edited)) if edited else self.error(404, "not found")
        if match := _STATUSES.fullmatch(path):
            return self._statuses(asked, repository, match["sha"])
        return self.error(404, "The target couldn't be found.")

    def _pulls(self, asked: Asked, repository: ForgeRepository) -> Reply:
        states = {"open": ("open",), "closed": ("closed", "merged"), "all": ()}
        found = repository.in_state(*states[asked.query.get("state", "open")])
        if asked.query.get("sort") == "recentupdate":
            found = newest_first(found)
        elif asked.query.get("sort") != "oldest":
            found.reverse()
        return self._page([_pull(each) for each in found], asked)

    def _comments(self, asked: Asked, repository: ForgeRepository, number: int) -> Reply:
        if number not in repository.pull_requests:
            return self.error(404, "issue does not exist")
        if asked.method == "POST":
            made = repository.comment(number, str(asked.body["body"]), author=OWNER)
            return Reply(status=201, data=_comment(made))
        return Reply(data=[_comment(each) for each in repository.pull_requests[number].comments])

    def _statuses(self, asked: Asked, repository: ForgeRepository, sha: str) -> Reply:
        if asked.method == "POST":
            body = {name: str(value) for name, value in asked.body.items()}
            made = repository.set_status(
                sha,
                name=body["context"],
                state=body["state"],
                summary=body["description"],
                url=body.get("target_url"),
            )
            return Reply(status=201, data=_status(made))
        found = repository.statuses.get(sha, [])
        return self._page([_status(each) for each in reversed(found)], asked)

    def _page(self, found: list[object], asked: Asked) -> Reply:
        size = min(int(asked.query.get("limit", "30")), self.most_per_page)
        page, more = page_of(found, asked, size=size)
        headers = {"X-Total-Count": str(len(found))}
        # Its links hold the address that it is configured with, which may be another.
        link = f"<http://gitea.internal:3000/api/v1{asked.path}?page="
        links = [f'{link}{asked.page + 1}>; rel="next"'] if more else []
        links += [f'{link}{asked.page - 1}>; rel="prev"'] if asked.page > 1 else []
        if links:
            headers["Link"] = ",".join(links)
        return Reply(data=page, headers=headers)


def _pull(pull: PullRequest) -> object:
    gone = pull.head_deleted or pull.fork_deleted
    head = 99 if pull.fork else 7
    return {
        "id": 5000 + pull.number,
        "number": pull.number,
        "title": pull.head,
        "labels": [{"id": 1, "name": label, "color": "ededed"} for label in pull.labels],
        "state": "closed" if pull.state == "merged" else pull.state,
        "draft": pull.draft,
        "merged": pull.state == "merged",
        "merged_at": _time(pull.ended_at) if pull.state == "merged" else None,
        "closed_at": _time(pull.ended_at),
        "created_at": _time(pull.created_at),
        "updated_at": _time(pull.updated_at),
        "html_url": f"https://gitea.example/acme/pipelines/pulls/{pull.number}",
        "head": {
            "label": pull.head,
            "ref": f"refs/pull/{pull.number}/head" if gone else pull.head,
            "sha": pull.sha,
            "repo_id": -1 if pull.fork_deleted else head,
            "repo": None if pull.fork_deleted else {"id": head},
        },
        "base": {"label": pull.base, "ref": pull.base, "repo_id": 7, "repo": {"id": 7}},
    }


def _comment(comment: ForgeComment) -> object:
    return {
        "id": comment.id,
        "body": comment.text,
        "user": {"login": comment.author},
        "created_at": _time(comment.at),
    }


def _status(status: ForgeStatus) -> object:
    return {
        "id": status.id,
        "status": status.state,
        "context": status.name,
        "description": status.summary,
        "target_url": status.url or "",
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(_ZONE).isoformat()


def _source(**fields: object) -> GiteaBranches:
    return GiteaBranches(**{"repository": "acme/pipelines", **fields})  # type: ignore[arg-type]


def _limited(seconds: int) -> Reply:
    # Gitea has no limit of its own; the proxies in front of it speak HTTP's.
    return Reply(status=429, data="Too Many Requests", headers={"Retry-After": str(seconds)})


GITEA = ForgeKind(
    name="gitea",
    dialect=GiteaDialect,
    source=_source,
    etags=False,
    prefix="/api/v1",
    limited=_limited,
)
