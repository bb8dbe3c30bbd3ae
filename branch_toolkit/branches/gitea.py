"""Pull requests of Gitea and Forgejo, by the REST API that both have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import Field, ValidationInfo, field_validator

from branch_toolkit.branches import Announcement
from branch_toolkit.branches.announcing import (
    STATUS_NAME,
    AnnouncingForgeBranches,
    Comment,
    CommitStatus,
    Notices,
    comments_of,
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

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_PULL_REF = re.compile(r"refs/pull/\d+/head")
_READ = "the scope `read:repository`"
_WRITE = (
    "the scopes `write:issue` for comments, `write:repository` for statuses, and `read:user` to"
    " tell our comment from others'"
)
# What a Gitea gives at most unless it is configured otherwise; it cuts what is more by itself.
_PER_PAGE = ("limit", "50")


class GiteaBranches(AnnouncingForgeBranches):
    """The pull requests of a repository on Gitea or Forgejo.

    A token needs the scope `read:repository`; with `comments` also `write:issue` and `read:user`,
    with `commit_statuses` also `write:repository`. A public repository can be read without one.

    Sources: https://docs.gitea.com/api/#tag/repository/operation/repoListPullRequests,
    https://forgejo.org/docs/latest/user/api-usage/

    Examples:
        ```python
        GiteaBranches(
            repository="acme/pipelines",
            url="https://git.acme.example/api/v1",
            token=dg.EnvVar("GITEA_TOKEN"),
        )
        ```
    """

    repository: str = Field(description="The repository, as owner/name.")
    token: str | None = Field(
        default=None, repr=False, description="An access token. Give it by dg.EnvVar."
    )
    url: str = Field(description="The API's base URL, such as https://codeberg.org/api/v1.")

    @field_validator("repository", mode="before")
    @classmethod
    def _check_repository(cls, repository: object) -> object:
        return check_name(repository, _REPOSITORY, shape="owner/name")

    @field_validator("url", mode="before")
    @classmethod
    def _check_url(cls, url: object, info: ValidationInfo) -> object:
        return check_address(url, secret=info.data.get("token") is not None)

    def _forge(self) -> Forge:
        return Forge(
            name="Gitea",
            source="GiteaBranches",
            repository=self.repository,
            url=self.url.rstrip("/"),
            headers={"Authorization": f"token {self.token}"} if self.token else {},
            secrets=(self.token,) if self.token else (),
            read_right=_READ,
            write_right=_WRITE,
        )

    def _pages(self, talk: Conversation) -> Pages:
        return _GiteaPages(talk, self.repository)

    def _notices(self, talk: Conversation) -> Notices:
        return _GiteaNotices(talk, self.repository)


class _GiteaPages:
    def __init__(self, talk: Conversation, repository: str) -> None:
        self._talk = talk
        self._repository = repository

    def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
        query = following or _query(state="all", sort="recentupdate")
        answer = self._get(query, etag=etag)
        return None if answer.unchanged else self._page(answer, query)

    def open(self, following: Query | None = None) -> Page:
        query = following or _query(state="open", sort="oldest")
        return self._page(self._get(query), query)

    def _get(self, query: Query, *, etag: str | None = None) -> Answer:
        return self._talk.get(f"/repos/{self._repository}/pulls", query, etag=etag)

    def _page(self, answer: Answer, query: Query) -> Page:
        read = read_branches(
            answer.objects,
            branch=lambda item: gitea_branch(item, repository=self._repository),
            state=gitea_state,
        )
        return Page(
            branches=read.branches,
            next=_next(answer, query),
            etag=answer.etag,
            unreadable=read.unreadable,
            total=answer.count("X-Total-Count"),
        )


def _query(**names: str) -> Query:
    return (*names.items(), _PER_PAGE, ("page", "1"))


def _next(answer: Answer, query: Query) -> Query | None:
    """The next page's query, if the forge says that there is one, or does not say."""
    if "Link" in answer.headers:
        following = answer.next is not None
    elif (total := answer.count("X-Total-Count")) is not None:
        following = bool(answer.objects) and len(answer.objects) < total
    else:
        following = bool(answer.objects)
    # Counted by ourselves: what its links hold depends on how its own address is configured.
    return page_after(query) if following else None


def gitea_branch(item: Item, *, repository: str) -> Branch:
    """A pull request, as Gitea and Forgejo describe it.

    Args:
        item: The object.
        repository: The repository as it was configured.

    Raises:
        InvalidBranch: It has no number.
    """
    head, base = item.number("head", "repo_id"), item.number("base", "repo_id")
    return Branch(
        key=BranchKey(number=pull_request_number(item, "number")),
        name=_name(item),
        repository=repository,
        state=gitea_state(item),
        sha=item.text("head", "sha"),
        base=item.text("base", "ref"),
        draft=item.flag("draft"),
        # The repository of the head is null once the fork is deleted.
        fork=item.get("head", "repo") is None or head != base,
        labels=frozenset(filter(None, (label.text("name") for label in item.items("labels")))),
        updated_at=item.moment("updated_at"),
        url=item.text("html_url"),
    )


def _name(item: Item) -> str | None:
    """The head's name: `ref` is `refs/pull/N/head` once the branch is gone, `label` keeps it."""
    ref, label = item.text("head", "ref"), item.text("head", "label")
    if ref is not None and not _PULL_REF.fullmatch(ref):
        return ref
    # Of an old fork it is owner:name.
    return label.rpartition(":")[2] if label is not None else None


def gitea_state(item: Item) -> BranchState:
    """Its state: merged ones are called closed too."""
    state = item.text("state")
    if state == "open":
        return BranchState.OPEN
    if state == "closed":
        merged = item.flag("merged") or item.text("merged_at") is not None
        return BranchState.MERGED if merged else BranchState.CLOSED
    return BranchState.UNKNOWN


class _GiteaNotices:
    def __init__(self, talk: Conversation, repository: str) -> None:
        self._talk = talk
        self._path = f"/repos/{repository}"

    def comments(self, number: int) -> list[Comment]:
        me = self._talk.get_if_allowed("/user", "login")
        # All of them at once: this list has no pages.
        answer = self._talk.get(f"{self._path}/issues/{number}/comments")
        items = map(Item.of, answer.objects)
        return comments_of(items, ours=ours_by("user", "login", me=me))

    def create_comment(self, number: int, text: str) -> None:
        path = f"{self._path}/issues/{number}/comments"
        self._talk.send("POST", path, {"body": text}, again=False)

    def edit_comment(self, number: int, comment: int, text: str) -> None:
        path = f"{self._path}/issues/comments/{comment}"
        self._talk.send("PATCH", path, {"body": text}, again=True)

    def wanted_status(self, announcement: Announcement, summary: str) -> CommitStatus:
        return CommitStatus(state=announcement.status.value, summary=summary, url=announcement.url)

    def status(self, sha: str) -> CommitStatus | None:
        query = (("sort", "recentupdate"), _PER_PAGE)
        answer = self._talk.get(f"{self._path}/statuses/{sha}", query)
        return newest_status(answer.objects, state="status", name="context")

    def set_status(self, sha: str, status: CommitStatus) -> None:
        body = {"state": status.state, "description": status.summary, "context": STATUS_NAME}
        link = {"target_url": status.url} if status.url else {}
        self._talk.send("POST", f"{self._path}/statuses/{sha}", {**body, **link}, again=True)
