"""Pull requests of Bitbucket Cloud, by its REST API 2.0."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from branch_toolkit.branches.basic_auth import BasicAuth
from branch_toolkit.branches.forge import ForgeBranches, check_address, check_name
from branch_toolkit.branches.items import Item, pull_request_number, read_branches
from branch_toolkit.branches.listing import Page, Pages, Query
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.core.branch import Branch, BranchKey, BranchState

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Answer, Conversation

_REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9._-]+")
_READ = "the scope `read:pullrequest:bitbucket` (an access token: `Pull requests: read`)"
_STATES = {
    "OPEN": BranchState.OPEN,
    "MERGED": BranchState.MERGED,
    "DECLINED": BranchState.CLOSED,
    "SUPERSEDED": BranchState.CLOSED,
}
# The most that Bitbucket gives of pull requests.
_PAGE = ("pagelen", "50")


class BitbucketBranches(ForgeBranches):
    """The pull requests of a repository on Bitbucket Cloud.

    An access token of a repository, project or workspace needs `Pull requests: read`. An API token
    belongs to a person and needs the scope `read:pullrequest:bitbucket` and `username`. A public
    repository can be read without either. Bitbucket's pull requests have no labels, and its lists
    shorten commits to 12 digits.

    Source: https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/

    Examples:
        ```python
        BitbucketBranches(repository="acme/pipelines", token=dg.EnvVar("BITBUCKET_TOKEN"))
        ```
    """

    repository: str = Field(description="The repository, as workspace/name.")
    token: str | None = Field(
        default=None,
        repr=False,
        description="An access token, or with `username` an API token. Give it by dg.EnvVar.",
    )
    username: str | None = Field(
        default=None,
        description="The e-mail address of the account that the API token belongs to.",
    )
    url: str = Field(default="https://api.bitbucket.org/2.0", description="The API's base URL.")

    @field_validator("repository", mode="before")
    @classmethod
    def _check_repository(cls, repository: object) -> object:
        return check_name(repository, _REPOSITORY, shape="workspace/name")

    @field_validator("url", mode="before")
    @classmethod
    def _check_url(cls, url: object, info: ValidationInfo) -> object:
        return check_address(url, secret=info.data.get("token") is not None)

    @model_validator(mode="after")
    def _check_credential(self) -> Self:
        if self.username is not None and self.token is None:
            raise ValueError("`username` belongs to an API token; give `token` too")
        return self

    def _forge(self) -> Forge:
        secrets = [self.token] if self.token else []
        headers = {"Accept": "application/json"}
        if self.token and self.username:
            auth = BasicAuth(self.username, self.token)
            headers["Authorization"] = auth.header
            secrets.append(auth.encoded)
        elif self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return Forge(
            name="Bitbucket",
            source="BitbucketBranches",
            repository=self.repository,
            url=self.url.rstrip("/"),
            headers=headers,
            secrets=tuple(secrets),
            read_right=_READ,
        )

    def _pages(self, talk: Conversation) -> Pages:
        return _BitbucketPages(talk, self.repository)


class _BitbucketPages:
    def __init__(self, talk: Conversation, repository: str) -> None:
        self._talk = talk
        self._repository = repository

    def newest(self, following: Query | None = None, *, etag: str | None = None) -> Page | None:
        # Bitbucket does not say that its ETags change with the list, so none is asked by.
        every = tuple(("state", state) for state in _STATES)
        return self._page(following or (*every, ("sort", "-updated_on"), _PAGE))

    def open(self, following: Query | None = None) -> Page:
        return self._page(following or (("state", "OPEN"), ("sort", "created_on"), _PAGE))

    def _page(self, query: Query) -> Page:
        answer = self._talk.get(f"/repositories/{self._repository}/pullrequests", query)
        item = Item(answer.object)
        read = read_branches(
            _values(answer, item),
            branch=lambda each: bitbucket_branch(each, repository=self._repository),
            state=bitbucket_state,
        )
        return Page(
            branches=read.branches,
            next=_next(item),
            unreadable=read.unreadable,
            total=item.number("size"),
        )


def _values(answer: Answer, item: Item) -> list[object]:
    values = item.get("values")
    if not isinstance(values, list):
        raise answer.forge.unexpected("no list `values`, where pull requests were asked for")
    return values


def _next(item: Item) -> Query | None:
    from branch_toolkit.branches.conversation import query_of

    url = item.text("next")
    return query_of(url) if url else None


def bitbucket_branch(item: Item, *, repository: str) -> Branch:
    """A pull request, as Bitbucket describes it in lists and alone.

    Args:
        item: The object.
        repository: The repository as it was configured.

    Raises:
        InvalidBranch: It has no number.
    """
    source = item.text("source", "repository", "full_name")
    return Branch(
        key=BranchKey(number=pull_request_number(item, "id")),
        name=item.text("source", "branch", "name"),
        repository=repository,
        state=bitbucket_state(item),
        sha=item.text("source", "commit", "hash"),
        base=item.text("destination", "branch", "name"),
        draft=item.flag("draft"),
        # The repository of the source is null once the fork is deleted.
        fork=source is None or source != item.text("destination", "repository", "full_name"),
        updated_at=item.moment("updated_on"),
        url=item.text("links", "html", "href"),
    )


def bitbucket_state(item: Item) -> BranchState:
    """Its state: a superseded one was closed by another that does the same."""
    return _STATES.get(item.text("state") or "", BranchState.UNKNOWN)
