"""Pull requests of GitHub and GitHub Enterprise, by the REST API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from branch_toolkit.branches import Announcement
from branch_toolkit.branches.announcing import (
    STATUS_NAME,
    AnnouncingForgeBranches,
    Comment,
    CommitStatus,
    Notices,
    comments_of,
    every_comment,
    newest_status,
)
from branch_toolkit.branches.forge import check_address, check_name
from branch_toolkit.branches.items import Item, pull_request_number, read_branches
from branch_toolkit.branches.listing import Page, Pages, Query, page_after
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.core.branch import Branch, BranchKey, BranchState
from branch_toolkit.core.errors import BranchSourceUnavailable

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Answer, Conversation
    from branch_toolkit.branches.github_app import GitHubApp

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_PER_PAGE = 100
# Fine-grained rights; a classic token has all of them by the scope `repo`.
_READ = "the right `Pull requests: read` (a classic token: the scope `repo`)"
_WRITE = (
    "the rights `Pull requests: write` for comments and `Commit statuses: write` for statuses"
    " (a classic token: the scope `repo`)"
)


class GitHubBranches(AnnouncingForgeBranches):
    """The pull requests of a repository on GitHub.

    A token needs the right `Pull requests: read`; with `comments` also `Pull requests: write`, with
    `commit_statuses` also `Commit statuses: write`. A public repository can be read without one,
    60 times an hour. A GitHub App needs the same rights in its installation.

    Sources: https://docs.github.com/en/rest/pulls/pulls#list-pull-requests,
    https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api

    Examples:
        ```python
        GitHubBranches(repository="acme/pipelines", token=dg.EnvVar("GITHUB_TOKEN"))
        ```
    """

    repository: str = Field(description="The repository, as owner/name.")
    token: str | None = Field(
        default=None, repr=False, description="A token. Give it by dg.EnvVar."
    )
    app_id: str | None = Field(
        default=None, description="The id or client id of a GitHub App, in place of a token."
    )
    private_key: str | None = Field(
        default=None, repr=False, description="The App's private key (PEM). Give it by dg.EnvVar."
    )
    installation_id: int | None = Field(
        default=None, description="The App's installation. Default: the repository's, looked up."
    )
    url: str = Field(
        default="https://api.github.com",
        description="The API's base URL; of GitHub Enterprise Server https://host/api/v3.",
    )

    @field_validator("repository", mode="before")
    @classmethod
    def _check_repository(cls, repository: object) -> object:
        return check_name(repository, _REPOSITORY, shape="owner/name")

    @field_validator("url", mode="before")
    @classmethod
    def _check_url(cls, url: object, info: ValidationInfo) -> object:
        return check_address(url, secret=any(info.data.get(name) for name in ("token", "app_id")))

    @model_validator(mode="after")
    def _check_credential(self) -> Self:
        if self.token is not None and (self.app_id or self.private_key):
            raise ValueError("give either `token`, or `app_id` and `private_key`")
        if (self.app_id is None) != (self.private_key is None):
            raise ValueError("a GitHub App needs both `app_id` and `private_key`")
        if self.installation_id is not None and self.app_id is None:
            raise ValueError("`installation_id` is a GitHub App's; give `app_id` and `private_key`")
        return self

    def _forge(self) -> Forge:
        app = self._app()
        if app is None:
            return self._forge_with(self.token)
        forge = self._forge_with(None, secrets=app.secrets)
        return self._forge_with(app.token(forge, self._conversation), secrets=app.secrets)

    def _forge_with(self, token: str | None, *, secrets: tuple[str, ...] = ()) -> Forge:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return Forge(
            name="GitHub",
            source="GitHubBranches",
            repository=self.repository,
            url=self.url.rstrip("/"),
            headers=headers,
            secrets=(*secrets, token) if token else secrets,
            credential="token" if self.app_id is None else "private_key",
            read_right=_READ,
            write_right=_WRITE,
        )

    def _app(self) -> GitHubApp | None:
        if self.app_id is None or self.private_key is None:
            return None
        from branch_toolkit.branches.github_app import GitHubApp

        return GitHubApp(
            app_id=self.app_id,
            private_key=self.private_key,
            installation_id=self.installation_id,
        )

    def _identity(self, forge: Forge) -> tuple[str, ...]:
        # An App's tokens last an hour; whose they are does not change.
        return (self.app_id, self.private_key or "") if self.app_id else forge.secrets

    @contextmanager
    def _conversation(self, forge: Forge) -> Iterator[Conversation]:
        try:
            with super()._conversation(forge) as talk:
                yield talk
        except BranchSourceUnavailable:
            # The App's token may have been revoked; the next look asks for another.
            if (app := self._app()) is not None:
                app.forget(forge)
            raise

    def _pages(self, talk: Conversation) -> Pages:
        return _GitHubPages(talk, self.repository)

    def _notices(self, talk: Conversation) -> Notices:
        return _GitHubNotices(talk, self.repository, app_id=self.app_id)


class _GitHubPages:
    def __init__(self, talk: Conversation, repository: str) -> None:
        self._talk = talk
        self._repository = repository

    def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
        query = following or _query(state="all", sort="updated", direction="desc")
        answer = self._get(query, etag=etag)
        return None if answer.unchanged else self._page(answer, query)

    def open(self, following: Query | None = None) -> Page:
        query = following or _query(state="open", sort="created", direction="asc")
        return self._page(self._get(query), query)

    def _get(self, query: Query, *, etag: str | None = None) -> Answer:
        return self._talk.get(f"/repos/{self._repository}/pulls", query, etag=etag)

    def _page(self, answer: Answer, query: Query) -> Page:
        read = read_branches(
            answer.objects,
            branch=lambda item: github_branch(item, repository=self._repository),
            state=github_state,
        )
        return Page(
            branches=read.branches,
            next=_next(answer, query),
            etag=answer.etag,
            unreadable=read.unreadable,
        )


def _query(**names: str) -> Query:
    return (*names.items(), ("per_page", str(_PER_PAGE)), ("page", "1"))


def _next(answer: Answer, query: Query) -> Query | None:
    if "Link" not in answer.headers and len(answer.objects) >= _PER_PAGE:
        # Something in between may have eaten the header: a full page may have another after it.
        return page_after(query)
    return answer.next


def github_branch(item: Item, *, repository: str) -> Branch:
    """A pull request, as GitHub describes it in lists, alone and in webhooks.

    Args:
        item: The object.
        repository: The repository as it was configured.

    Raises:
        InvalidBranch: It has no number.
    """
    head, base = item.text("head", "repo", "full_name"), item.text("base", "repo", "full_name")
    return Branch(
        key=BranchKey(number=pull_request_number(item, "number")),
        name=item.text("head", "ref"),
        repository=repository,
        state=github_state(item),
        sha=item.text("head", "sha"),
        base=item.text("base", "ref"),
        draft=item.flag("draft"),
        # The repository of the head is null once the fork is deleted.
        fork=head is None or head != base,
        labels=frozenset(filter(None, (label.text("name") for label in item.items("labels")))),
        updated_at=item.moment("updated_at"),
        url=item.text("html_url"),
    )


def github_state(item: Item) -> BranchState:
    """Its state: GitHub calls merged ones closed too, with the time of the merge."""
    state = item.text("state")
    if state == "open":
        return BranchState.OPEN
    if state == "closed":
        return BranchState.MERGED if item.text("merged_at") else BranchState.CLOSED
    return BranchState.UNKNOWN


class _GitHubNotices:
    """By https://docs.github.com/en/rest/issues/comments and .../rest/commits/statuses."""

    def __init__(self, talk: Conversation, repository: str, *, app_id: str | None) -> None:
        self._talk = talk
        self._path = f"/repos/{repository}"
        self._app_id = app_id

    def comments(self, number: int) -> Iterator[Comment]:
        me = None if self._app_id else self._login()

        def page(query: Query) -> tuple[list[Comment], Query | None]:
            answer = self._talk.get(f"{self._path}/issues/{number}/comments", query)
            items = map(Item.of, answer.objects)
            return comments_of(items, ours=lambda i: self._is_ours(i, me)), _next(answer, query)

        return every_comment(page, _query())

    def create_comment(self, number: int, text: str) -> None:
        path = f"{self._path}/issues/{number}/comments"
        self._talk.send("POST", path, {"body": text}, again=False)

    def edit_comment(self, number: int, comment: int, text: str) -> None:
        path = f"{self._path}/issues/comments/{comment}"
        self._talk.send("PATCH", path, {"body": text}, again=True)

    def wanted_status(self, announcement: Announcement, summary: str) -> CommitStatus:
        return CommitStatus(state=announcement.status.value, summary=summary, url=announcement.url)

    def status(self, sha: str) -> CommitStatus | None:
        answer = self._talk.get(f"{self._path}/commits/{sha}/statuses", (("per_page", "100"),))
        return newest_status(answer.objects, state="state", name="context")

    def set_status(self, sha: str, status: CommitStatus) -> None:
        body = {"state": status.state, "description": status.summary, "context": STATUS_NAME}
        link = {"target_url": status.url} if status.url else {}
        self._talk.send("POST", f"{self._path}/statuses/{sha}", {**body, **link}, again=True)

    def _login(self) -> str | None:
        """Who the token is; the tokens of GitHub Actions are nobody, and get a 403."""
        return self._talk.get_if_allowed("/user", "login")

    def _is_ours(self, item: Item, me: str | None) -> bool:
        if self._app_id is not None:
            app = item.number("performed_via_github_app", "id")
            return self._app_id in (str(app), item.text("performed_via_github_app", "client_id"))
        if me is None:
            return item.text("user", "type") == "Bot"
        return item.text("user", "login") == me
