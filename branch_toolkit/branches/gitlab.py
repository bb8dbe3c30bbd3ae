"""Merge requests of GitLab, on gitlab.com and self-hosted, by the REST API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import Field, ValidationInfo, field_validator

from branch_toolkit.branches import Announcement, StatusState
from branch_toolkit.branches.announcing import (
    STATUS_NAME,
    AnnouncingForgeBranches,
    Comment,
    CommitStatus,
    Notices,
    comments_of,
    every_comment,
    newest_status,
    ours_by,
)
from branch_toolkit.branches.forge import check_address, check_name
from branch_toolkit.branches.items import Item, pull_request_number, read_branches
from branch_toolkit.branches.listing import Page, Pages, Query, page_after
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.core.branch import Branch, BranchKey, BranchState

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Answer, Conversation

_REPOSITORY = re.compile(r"\d+|[\w.-]+(?:/[\w.-]+)+")
_READ = "the scope `read_api`, of a member of the project with the role Reporter or more"
_WRITE = (
    "the scope `api`, of a member with the role Reporter or more for comments, Developer or more"
    " for statuses"
)
_PER_PAGE = 100
_STATES = {
    "opened": BranchState.OPEN,
    "locked": BranchState.OPEN,
    "closed": BranchState.CLOSED,
    "merged": BranchState.MERGED,
}
_STATUSES = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
}

_paths: dict[tuple[str, str], str] = {}


class GitLabBranches(AnnouncingForgeBranches):
    """The merge requests of a project on GitLab.

    A personal, group or project access token needs the scope `read_api` and the role Reporter; with
    `comments` the scope `api`, with `commit_statuses` also the role Developer. A public project can
    be read without one.

    Sources: https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests,
    https://docs.gitlab.com/api/rest/#pagination

    Examples:
        ```python
        GitLabBranches(repository="acme/data/pipelines", token=dg.EnvVar("GITLAB_TOKEN"))
        ```
    """

    repository: str = Field(
        description="The project's path with its groups, such as acme/data/pipelines, or its id."
    )
    token: str | None = Field(
        default=None, repr=False, description="An access token. Give it by dg.EnvVar."
    )
    url: str = Field(
        default="https://gitlab.com/api/v4",
        description="The API's base URL; of a GitLab of your own https://host/api/v4.",
    )

    @field_validator("repository", mode="before")
    @classmethod
    def _check_repository(cls, repository: object) -> object:
        return check_name(repository, _REPOSITORY, shape="group/name or as the project's id")

    @field_validator("url", mode="before")
    @classmethod
    def _check_url(cls, url: object, info: ValidationInfo) -> object:
        return check_address(url, secret=info.data.get("token") is not None)

    def _forge(self) -> Forge:
        forge = self._forge_of(self.repository)
        return self._forge_of(self._path(forge)) if self.repository.isdecimal() else forge

    def _path(self, forge: Forge) -> str:
        """The path of a project that is given by its id: branches and marks go by the path."""
        key = (forge.url, self.repository)
        if key not in _paths:
            with self._conversation(forge) as talk:
                found = Item(talk.get(_project(self.repository)).object)
            path = found.text("path_with_namespace")
            if path is None:
                raise forge.unexpected("a project without a path")
            _paths[key] = path
        return _paths[key]

    def _forge_of(self, repository: str) -> Forge:
        return Forge(
            name="GitLab",
            source="GitLabBranches",
            repository=repository,
            url=self.url.rstrip("/"),
            headers={"PRIVATE-TOKEN": self.token} if self.token else {},
            secrets=(self.token,) if self.token else (),
            read_right=_READ,
            write_right=_WRITE,
        )

    def _pages(self, talk: Conversation) -> Pages:
        return _GitLabPages(talk, self.repository, called=talk.forge.repository)

    def _notices(self, talk: Conversation) -> Notices:
        return _GitLabNotices(talk, self.repository)


def _project(repository: str) -> str:
    return f"/projects/{quote(repository, safe='')}"


class _GitLabPages:
    def __init__(self, talk: Conversation, repository: str, *, called: str) -> None:
        self._talk = talk
        self._repository = repository
        self._called = called

    def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
        query = following or _query(state="all", order_by="updated_at", sort="desc")
        answer = self._get(query, etag=etag)
        return None if answer.unchanged else self._page(answer, query)

    def open(self, following: Query | None = None) -> Page:
        query = following or _query(state="opened", order_by="created_at", sort="asc")
        page = self._page(self._get(query), query)
        if ("state", "opened") not in query:
            # Another list, of which there is another number.
            return replace(page, total=None)
        if page.next is None:
            # One is locked while it is merged, and stays so where that fails; it is not over then.
            return replace(page, next=_query(state="locked", order_by="created_at", sort="asc"))
        return page

    def _get(self, query: Query, *, etag: str | None = None) -> Answer:
        return self._talk.get(f"{_project(self._repository)}/merge_requests", query, etag=etag)

    def _page(self, answer: Answer, query: Query) -> Page:
        read = read_branches(
            answer.objects,
            branch=lambda item: gitlab_branch(item, repository=self._called),
            state=gitlab_state,
        )
        return Page(
            branches=read.branches,
            next=_next(answer, query),
            etag=answer.etag,
            unreadable=read.unreadable,
            total=answer.count("X-Total"),
        )


def _query(**names: str) -> Query:
    return (*names.items(), ("per_page", str(_PER_PAGE)), ("page", "1"))


def _next(answer: Answer, query: Query) -> Query | None:
    following = answer.headers.get("X-Next-Page")
    if following is None:
        # Something in between ate the header: a page that is full may have another after it.
        return page_after(query) if len(answer.objects) >= _PER_PAGE else None
    return page_after(query) if following else None


def gitlab_branch(item: Item, *, repository: str) -> Branch:
    """A merge request, as GitLab describes it.

    Args:
        item: The object.
        repository: The project as it was configured.

    Raises:
        InvalidBranch: It has no number.
    """
    source, target = item.number("source_project_id"), item.number("target_project_id")
    return Branch(
        key=BranchKey(number=pull_request_number(item, "iid")),
        name=item.text("source_branch"),
        repository=repository,
        state=gitlab_state(item),
        sha=item.text("sha"),
        base=item.text("target_branch"),
        # Before 14.0 it was called work in progress.
        draft=item.flag("draft") or item.flag("work_in_progress"),
        # The project of the source is null once the fork is deleted.
        fork=source is None or source != target,
        labels=item.texts("labels"),
        updated_at=item.moment("updated_at"),
        url=item.text("web_url"),
    )


def gitlab_state(item: Item) -> BranchState:
    """Its state. One that is locked is being merged, and may still fail to be."""
    return _STATES.get(item.text("state") or "", BranchState.UNKNOWN)


class _GitLabNotices:
    """By https://docs.gitlab.com/api/notes/ and https://docs.gitlab.com/api/commits/."""

    def __init__(self, talk: Conversation, repository: str) -> None:
        self._talk = talk
        self._path = _project(repository)
        self._found: CommitStatus | None = None

    def comments(self, number: int) -> Iterator[Comment]:
        me = self._talk.get_if_allowed("/user", "username")
        ours = ours_by("author", "username", me=me)

        def page(query: Query) -> tuple[list[Comment], Query | None]:
            answer = self._talk.get(self._notes(number), query)
            items = map(Item.of, answer.objects)
            return comments_of(items, ours=ours), _next(answer, query)

        return every_comment(page, _query(order_by="created_at", sort="asc"))

    def create_comment(self, number: int, text: str) -> None:
        self._talk.send("POST", self._notes(number), {"body": text}, again=False)

    def edit_comment(self, number: int, comment: int, text: str) -> None:
        self._talk.send("PUT", f"{self._notes(number)}/{comment}", {"body": text}, again=True)

    def wanted_status(self, announcement: Announcement, summary: str) -> CommitStatus:
        state = _STATUSES[announcement.status]
        return CommitStatus(state=state, summary=summary, url=announcement.url)

    def status(self, sha: str) -> CommitStatus | None:
        path = f"{self._path}/repository/commits/{sha}/statuses"
        answer = self._talk.get(path, _query(name=STATUS_NAME, order_by="id", sort="desc"))
        self._found = newest_status(answer.objects, state="status", name="name")
        return self._found

    def set_status(self, sha: str, status: CommitStatus) -> None:
        if self._found is not None and self._found.state == status.state == "pending":
            # GitLab refuses to make pending what is, even with another text.
            return
        body = {"state": status.state, "description": status.summary, "name": STATUS_NAME}
        link = {"target_url": status.url} if status.url else {}
        self._talk.send("POST", f"{self._path}/statuses/{sha}", {**body, **link}, again=False)

    def _notes(self, number: int) -> str:
        return f"{self._path}/merge_requests/{number}/notes"
