"""Pull requests of Azure DevOps, the service and the server, by its REST API."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import dagster as dg
from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from branch_toolkit.branches.asking import AskedBranches
from branch_toolkit.branches.azure_listing import Status, look
from branch_toolkit.branches.basic_auth import BasicAuth
from branch_toolkit.branches.forge import check_address
from branch_toolkit.branches.items import Item, Reading, pull_request_number, read_branches
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.branch import Branch, BranchKey, BranchSnapshot, BranchState

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Conversation

_NAME = re.compile(r"[^/\s](?:[^/]*[^/\s])?")
_READ = "the scope `vso.code` (Code: read)"
_STATES = {
    Status.ACTIVE: BranchState.OPEN,
    Status.COMPLETED: BranchState.MERGED,
    Status.ABANDONED: BranchState.CLOSED,
}


class AzureDevOpsBranches(AskedBranches):
    """The pull requests of a repository on Azure DevOps.

    A personal access token needs the scope `Code: Read`. A pipeline's `System.AccessToken` or a
    token of Microsoft Entra ID is given as `access_token`. Azure DevOps does not tell when an open
    pull request last changed, nor whether a list did: as long as the same ones are open, with the
    same commits and labels, only they are asked for.

    Source: https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests/get-pull-requests

    Examples:
        ```python
        AzureDevOpsBranches(
            organization="acme",
            project="Data",
            repository="pipelines",
            token=dg.EnvVar("AZURE_DEVOPS_TOKEN"),
        )
        ```
    """

    organization: str = Field(
        description="The organization; of Azure DevOps Server the collection."
    )
    project: str = Field(description="The project's name or id.")
    repository: str = Field(description="The repository's name, without the project's.")
    token: str | None = Field(
        default=None, repr=False, description="A personal access token. Give it by dg.EnvVar."
    )
    access_token: str | None = Field(
        default=None,
        repr=False,
        description="A token that is sent as bearer, in place of `token`. Give it by dg.EnvVar.",
    )
    url: str = Field(
        default="https://dev.azure.com",
        description="The base URL; of Azure DevOps Server https://host or https://host/tfs.",
    )
    page_size: int = Field(
        default=100,
        gt=0,
        le=1000,
        description="How many pull requests are asked for at once; as many are listed in one go.",
    )
    api_version: str = Field(
        default="7.0", description="The API's version; Azure DevOps Server 2020 has 6.0."
    )

    @field_validator("organization", "project", "repository", mode="before")
    @classmethod
    def _check_name(cls, name: object) -> object:
        if isinstance(name, str) and not isinstance(name, dg.EnvVar) and not _NAME.fullmatch(name):
            # Not what was given: a URL with a token in it is a likely mistake.
            raise ValueError(
                "write organization, project and repository as their names alone, as in"
                " https://dev.azure.com/<organization>/<project>/_git/<repository>"
            )
        return name

    @field_validator("url", mode="before")
    @classmethod
    def _check_url(cls, url: object, info: ValidationInfo) -> object:
        secret = {info.data.get("token"), info.data.get("access_token")} != {None}
        return check_address(url, secret=secret)

    @model_validator(mode="after")
    def _check_credential(self) -> Self:
        if self.token is not None and self.access_token is not None:
            raise ValueError("give either `token` or `access_token`")
        return self

    def snapshot(self) -> BranchSnapshot:
        """See `BranchSource.snapshot`."""
        forge = self._forge()
        key = MEMORY.key(type(self).__name__, forge.url, forge.repository, *forge.secrets)
        with self._conversation(forge) as talk:
            seen = look(self._pages(talk), MEMORY.get(key), now=time.monotonic())
        if seen.known is not None:
            MEMORY.put(key, seen.known)
        return BranchSnapshot(
            branches=seen.branches,
            complete=seen.complete,
            source=str(forge),
            repository=forge.repository,
            note=seen.note,
            knows_names=False,
        )

    def _forge(self) -> Forge:
        secrets = [secret for secret in (self.token, self.access_token) if secret]
        # Without this header a refused credential is answered by a redirect to a login page.
        headers = {"Accept": "application/json", "X-TFS-FedAuthRedirect": "Suppress"}
        if self.token:
            auth = BasicAuth("", self.token)
            headers["Authorization"] = auth.header
            secrets.append(auth.encoded)
        elif self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        return Forge(
            name="Azure DevOps",
            source="AzureDevOpsBranches",
            repository=f"{self.project}/{self.repository}",
            url=f"{self.url.rstrip('/')}/{quote(self.organization, safe='')}",
            headers=headers,
            secrets=tuple(secrets),
            credential="access_token" if self.access_token else "token",
            repository_fields="organization`, `project` and `repository",
            read_right=_READ,
        )

    def _pages(self, talk: Conversation) -> _AzurePages:
        return _AzurePages(
            talk,
            self.project,
            self.repository,
            page_size=self.page_size,
            api_version=self.api_version,
        )


class _AzurePages:
    def __init__(
        self,
        talk: Conversation,
        project: str,
        repository: str,
        *,
        page_size: int,
        api_version: str,
    ) -> None:
        self._talk = talk
        self._repository = f"{project}/{repository}"
        project, repository = quote(project, safe=""), quote(repository, safe="")
        self._path = f"/{project}/_apis/git/repositories/{repository}/pullrequests"
        self._page = f"{talk.forge.url}/{project}/_git/{repository}/pullrequest"
        self._page_size = page_size
        self._api_version = api_version

    def walk(self, status: Status) -> Iterator[Reading]:
        skip, size = 0, self._page_size
        # There is neither a link nor a count, so a page that is full may have another after it.
        while size >= self._page_size:
            found = self._found(status, skip=skip)
            yield self._read(found)
            size, skip = len(found), skip + self._page_size

    def _found(self, status: Status, *, skip: int) -> Sequence[object]:
        query = (
            ("searchCriteria.status", status.value),
            ("$top", str(self._page_size)),
            ("$skip", str(skip)),
            ("api-version", self._api_version),
        )
        answer = self._talk.get(self._path, query)
        found = answer.object.get("value")
        if not isinstance(found, list):
            raise answer.forge.unexpected("no list `value`, where pull requests were asked for")
        return found

    def _read(self, found: Sequence[object]) -> Reading:
        return read_branches(
            found,
            branch=lambda each: azure_branch(each, repository=self._repository, page=self._page),
            state=azure_state,
        )


def azure_branch(item: Item, *, repository: str, page: str) -> Branch:
    """A pull request, as Azure DevOps describes it in lists and alone.

    Args:
        item: The object.
        repository: The repository, as project/name.
        page: The address of the pull requests' pages, to which the number is added.

    Raises:
        InvalidBranch: It has no number.
    """
    number = pull_request_number(item, "pullRequestId")
    return Branch(
        key=BranchKey(number=number),
        name=_branch_name(item.text("sourceRefName")),
        repository=repository,
        state=azure_state(item),
        sha=item.text("lastMergeSourceCommit", "commitId"),
        base=_branch_name(item.text("targetRefName")),
        draft=item.flag("isDraft"),
        fork=item.get("forkSource") is not None,
        labels=frozenset(filter(None, (label.text("name") for label in item.items("labels")))),
        updated_at=item.moment("closedDate"),
        # The field `url` is the API's, not the page's.
        url=f"{page}/{number}",
    )


def azure_state(item: Item) -> BranchState:
    """Its state; `notSet` and what there may be some day are unknown."""
    return next(
        (state for status, state in _STATES.items() if item.text("status") == status.value),
        BranchState.UNKNOWN,
    )


def _branch_name(ref: str | None) -> str | None:
    return ref.removeprefix("refs/heads/") if ref is not None else None
