"""Answers as GitHub's REST API does, of what the toolkit asks; the shapes are GitHub's.

Sources: https://docs.github.com/en/rest/pulls/pulls, https://docs.github.com/en/rest/issues/comments,
https://docs.github.com/en/rest/commits/statuses
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from branch_toolkit_demo.forge import OWNER, ForgeRepository, newest_first
from branch_toolkit_demo.forge_server import Asked, ForgeServer, Reply, page_of
from branch_toolkit_demo.github_shapes import Shapes, user

T = TypeVar("T")

_PULLS = re.compile(r"/repos/(?P<name>[^/]+/[^/]+)/pulls")
_PULL = re.compile(r"/repos/(?P<name>[^/]+/[^/]+)/pulls/(?P<number>\d+)")
_COMMENTS = re.compile(r"/repos/(?P<name>[^/]+/[^/]+)/issues/(?P<number>\d+)/comments")
_COMMENT = re.compile(r"/repos/(?P<name>[^/]+/[^/]+)/issues/comments/(?P<id>\d+)")
_STATUSES = re.compile(r"/repos/(?P<name>[^/]+/[^/]+)/(?:commits/(?P<sha>\w+)/statuses)")
_STATUS = re.compile(r"/repos/(?P<name>[^/]+/[^/]+)/statuses/(?P<sha>\w+)")
_INSTALLATION = 77
_APP_TOKEN = "ghs_of_the_installation"


class GitHubDialect:
    """GitHub's answers.

    Args:
        most_per_page: The longest page that is given, however many are asked for.
        login: Who the token is.
    """

    def __init__(self, *, most_per_page: int = 100, login: str = OWNER) -> None:
        self.most_per_page = most_per_page
        self.login = login
        self.app_tokens = 0

    def allows(self, asked: Asked, repository: ForgeRepository) -> bool:
        """See `Dialect.allows`. A claim of an App is only good for becoming a token."""
        said = asked.headers.get("authorization", "")
        if "/installation" in asked.path or asked.path.startswith("/app/"):
            return said.count(".") == 2
        return said in (f"Bearer {repository.token}", f"Bearer {_APP_TOKEN}")

    def error(self, status: int, message: str) -> Reply:
        """See `Dialect.error`."""
        return Reply(status=status, data={"message": message, "status": str(status)})

    def answer(self, asked: Asked, repository: ForgeRepository, *, address: str) -> Reply:
        """See `Dialect.answer`."""
        if asked.path == "/user":
            if asked.headers["authorization"].endswith(_APP_TOKEN):
                return self.error(403, "Resource not accessible by integration")
            return Reply(data=user(self.login, address))
        if asked.path == f"/app/installations/{_INSTALLATION}/access_tokens":
            self.app_tokens += 1
            token = {"token": _APP_TOKEN, "expires_at": "2999-01-01T00:00:00Z"}
            return Reply(status=201, data=token)
        if asked.path == f"/repos/{repository.name}/installation":
            return Reply(data={"id": _INSTALLATION})
        return self._of_repository(asked, repository, address)

    def _of_repository(self, asked: Asked, repository: ForgeRepository, address: str) -> Reply:
        shapes = Shapes(repository.name, address, self._author(asked))
        for pattern, answer in (
            (_PULLS, self._pulls),
            (_PULL, self._pull),
            (_COMMENTS, self._comments),
            (_COMMENT, self._comment),
            (_STATUSES, self._statuses),
            (_STATUS, self._set_status),
        ):
            match = pattern.fullmatch(asked.path)
            if match and match["name"].lower() == repository.name.lower():
                return answer(asked, repository, shapes, match)
        return self.error(404, "Not Found")

    def _author(self, asked: Asked) -> str:
        by_app = asked.headers["authorization"].endswith(_APP_TOKEN)
        return "branch-toolkit[bot]" if by_app else self.login

    def _pulls(
        self, asked: Asked, repository: ForgeRepository, shapes: Shapes, _: re.Match[str]
    ) -> Reply:
        states = {"open": ("open",), "closed": ("closed", "merged"), "all": ()}
        found = repository.in_state(*states[asked.query.get("state", "open")])
        if asked.query.get("sort") == "updated":
            found = newest_first(found)
        elif asked.query.get("direction") != "asc":
            found.reverse()
        return self._page(found, asked, shapes, shape=shapes.pull)

    def _pull(
        self, asked: Asked, repository: ForgeRepository, shapes: Shapes, match: re.Match[str]
    ) -> Reply:
        """One pull request; PATCH closes or reopens it."""
        found = repository.pull_requests.get(int(match["number"]))
        if found is None:
            return self.error(404, "Not Found")
        if asked.method == "PATCH":
            edit = repository.close if asked.body.get("state") == "closed" else repository.reopen
            edit(found.number)
        return Reply(data=shapes.pull(found))

    def _comments(
        self, asked: Asked, repository: ForgeRepository, shapes: Shapes, match: re.Match[str]
    ) -> Reply:
        found = repository.pull_requests.get(int(match["number"]))
        if found is None:
            return self.error(404, "Not Found")
        if asked.method == "POST":
            text = str(asked.body["body"])
            made = repository.comment(found.number, text, author=shapes.author)
            return Reply(status=201, data=shapes.comment(made, found.number))
        number = found.number
        return self._page(
            found.comments, asked, shapes, shape=lambda each: shapes.comment(each, number)
        )

    def _comment(
        self, asked: Asked, repository: ForgeRepository, shapes: Shapes, match: re.Match[str]
    ) -> Reply:
        edited = repository.edit_comment(int(match["id"]), str(asked.body["body"]))
        if edited is None:
            return self.error(404, "Not Found")
        return Reply(data=shapes.comment(edited, 1))

    def _statuses(
        self, asked: Asked, repository: ForgeRepository, shapes: Shapes, match: re.Match[str]
    ) -> Reply:
        found = repository.statuses.get(match["sha"], [])
        return self._page(
            found[::-1], asked, shapes, shape=lambda each: shapes.status(each, match["sha"])
        )

    def _set_status(
        self, asked: Asked, repository: ForgeRepository, shapes: Shapes, match: re.Match[str]
    ) -> Reply:
        if len(str(asked.body.get("description", ""))) > 140:
            return self.error(422, "Validation Failed")
        url = asked.body.get("target_url")
        made = repository.set_status(
            match["sha"],
            name=str(asked.body["context"]),
            state=str(asked.body["state"]),
            summary=str(asked.body["description"]),
            url=None if url is None else str(url),
        )
        return Reply(status=201, data=shapes.status(made, match["sha"]))

    def _page(
        self,
        found: Sequence[T],
        asked: Asked,
        shapes: Shapes,
        *,
        shape: Callable[[T], object],
    ) -> Reply:
        size = min(int(asked.query.get("per_page", "30")), self.most_per_page)
        page, more = page_of(found, asked, size=size)
        links = []
        rest = "".join(f"&{k}={v}" for k, v in asked.query.items() if k != "page")
        if more:
            links.append(f'<{shapes.address}{asked.path}?page={asked.page + 1}{rest}>; rel="next"')
        if asked.page > 1:
            links.append(f'<{shapes.address}{asked.path}?page={asked.page - 1}{rest}>; rel="prev"')
        data = [shape(each) for each in page]
        return Reply(data=data, headers={"Link": ", ".join(links)} if links else {})


def serve_github(
    repository: ForgeRepository, *, most_per_page: int = 100, prefix: str = ""
) -> ForgeServer:
    """A server that answers as GitHub does; it runs while the block does.

    Args:
        repository: What it serves.
        most_per_page: The longest page that is given.
        prefix: Path of its API; `/api/v3` on GitHub Enterprise.
    """
    return ForgeServer(repository, GitHubDialect(most_per_page=most_per_page), prefix=prefix)
