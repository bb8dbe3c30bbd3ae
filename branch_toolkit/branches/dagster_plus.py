"""Branch deployments of Dagster+, by its GraphQL API."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field, field_validator

from branch_toolkit.branches.asking import AskedBranches
from branch_toolkit.branches.forge import check_address
from branch_toolkit.branches.items import Item, Reading, read_branches
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.core.branch import (
    Branch,
    BranchKey,
    BranchSnapshot,
    BranchState,
    same_repository,
)

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Answer

QUERY = """\
query BranchToolkitBranches($limit: Int!) {
  branchDeployments(limit: $limit) {
    nodes {
      deploymentName
      branchDeploymentGitMetadata {
        repoName
        branchName
        pullRequestUrl
        pullRequestStatus
        pullRequestNumber
      }
      latestCommit {
        commitHash
        timestamp
      }
    }
  }
}
"""
"""What is asked. There is no published schema; the names are those of Dagster's own clients."""

_ORGANIZATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_READ = "the right to read the organization's branch deployments"
_STATES = {
    "OPEN": BranchState.OPEN,
    "MERGED": BranchState.MERGED,
    "CLOSED": BranchState.CLOSED,
}


class DagsterPlusBranches(AskedBranches):
    """The branch deployments of an organization in Dagster+.

    A user token or an agent token will do. Dagster+ knows of a pull request what CI told it: where
    no step of CI reports the close, a branch stays open here for as long as its deployment is
    there. Then a source that asks the forge is better.

    The list cannot be turned page by page, so one that is as long as `limit` may lack some. One
    that is empty proves nothing: a token of a narrower scope sees no more.

    Examples:
        ```python
        DagsterPlusBranches(organization="acme", token=dg.EnvVar("DAGSTER_PLUS_TOKEN"))
        ```
    """

    organization: str = Field(description="The organization, as in https://acme.dagster.cloud.")
    token: str = Field(repr=False, description="A user or agent token. Give it by dg.EnvVar.")
    url: str | None = Field(
        default=None,
        description=(
            "The organization's address. Default: https://<organization>.dagster.cloud; in the EU"
            " give https://<organization>.eu.dagster.cloud."
        ),
    )
    deployment: str | None = Field(
        default=None,
        description="The full deployment to ask by, where the token is not for the whole"
        " organization.",
    )
    repository: str | None = Field(
        default=None,
        description=(
            "The only repository whose branch deployments count, as DAGSTER_CLOUD_GIT_REPO has"
            " it. Default: those of all of them."
        ),
    )
    limit: int = Field(
        default=500, gt=0, description="How many branch deployments are asked for at most."
    )

    @field_validator("organization", mode="before")
    @classmethod
    def _check_organization(cls, organization: object) -> object:
        given = isinstance(organization, str) and not isinstance(organization, dg.EnvVar)
        if given and not _ORGANIZATION.fullmatch(str(organization)):
            raise ValueError(
                "write the organization's name alone, as in https://<organization>.dagster.cloud;"
                " an address is given as `url`"
            )
        return organization

    @field_validator("url", mode="before")
    @classmethod
    def _check_url(cls, url: object) -> object:
        return check_address(url, secret=True)

    def snapshot(self) -> BranchSnapshot:
        """See `BranchSource.snapshot`."""
        forge = self._forge()
        with self._conversation(forge) as talk:
            body = {"query": QUERY, "variables": {"limit": self.limit}}
            # A question may be asked twice.
            nodes = _nodes(talk.send("POST", "/graphql", body, again=True))
        read = _read(nodes)
        branches = tuple(branch for branch in read.branches if self._counts(branch))
        note = self._why_incomplete(len(nodes), read) or (None if branches else self._nothing())
        return BranchSnapshot(
            branches=branches,
            complete=note is None,
            source=str(forge),
            repository=self.repository,
            note=note,
        )

    def _counts(self, branch: Branch) -> bool:
        return same_repository(branch.repository, self.repository)

    def _why_incomplete(self, nodes: int, read: Reading) -> str | None:
        if nodes >= self.limit:
            return (
                f"there are {nodes} branch deployments or more, and no more were asked for; give"
                " DagsterPlusBranches a larger `limit`"
            )
        if read.unreadable:
            return (
                f"{read.unreadable} branch deployment(s) have neither the number of a pull request"
                " nor the name of a branch"
            )
        return None

    def _nothing(self) -> str:
        of = f" of {self.repository}" if self.repository else ""
        return (
            f"it told of no branch deployment{of}; so it answers a token too that may not see them"
        )

    def _forge(self) -> Forge:
        address = self.url or f"https://{self.organization}.dagster.cloud"
        headers = {
            "Accept": "application/json",
            "Dagster-Cloud-Api-Token": self.token,
            "Dagster-Cloud-Organization": self.organization,
        }
        if self.deployment:
            headers["Dagster-Cloud-Deployment"] = self.deployment
        return Forge(
            name="Dagster+",
            source="DagsterPlusBranches",
            repository=self.organization,
            url=address.rstrip("/"),
            headers=headers,
            secrets=(self.token,),
            repository_fields="organization",
            read_right=_READ,
            # A query is sent as what changes something is.
            write_right=_READ,
        )


def _nodes(answer: Answer) -> tuple[object, ...]:
    item = Item(answer.object)
    errors = [error.text("message") or "no reason given" for error in item.items("errors")]
    if errors:
        raise answer.forge.unavailable(
            f"could not answer the query: {errors[0]}",
            remedy=(
                "If it stays so, Dagster+ has changed: take a newer version of this package, or a"
                " source that asks the forge."
            ),
        )
    nodes = item.get("data", "branchDeployments", "nodes")
    if not isinstance(nodes, list):
        raise answer.forge.unexpected("no list `nodes`, where branch deployments were asked for")
    return tuple(nodes)


def _read(nodes: tuple[object, ...]) -> Reading:
    return read_branches(nodes, branch=dagster_plus_branch, state=dagster_plus_state)


def dagster_plus_branch(item: Item) -> Branch:
    """A branch, as a branch deployment tells of it.

    Args:
        item: A node of the answer.

    Raises:
        InvalidBranch: It has neither the number of a pull request nor the name of a branch.
    """
    git = Item.of(item.get("branchDeploymentGitMetadata"))
    name = git.text("branchName")
    return Branch(
        key=BranchKey(number=_number(git), name=name),
        name=name,
        repository=git.text("repoName"),
        state=dagster_plus_state(item),
        sha=item.text("latestCommit", "commitHash"),
        updated_at=_moment(item.get("latestCommit", "timestamp")),
        url=git.text("pullRequestUrl"),
    )


def dagster_plus_state(item: Item) -> BranchState:
    """Its state. A branch without a pull request is open as long as it has a deployment."""
    git = Item.of(item.get("branchDeploymentGitMetadata"))
    status = git.text("pullRequestStatus")
    if status is None and _number(git) is None:
        return BranchState.OPEN
    return _STATES.get(status or "", BranchState.UNKNOWN)


def _number(git: Item) -> int | None:
    # A text in Dagster's own clients; for GitLab the number within the project.
    text = git.text("pullRequestNumber")
    if text is not None and text.isdecimal() and int(text) > 0:
        return int(text)
    return git.number("pullRequestNumber")


def _moment(value: object) -> datetime | None:
    """A time in seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, tz=timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
