"""The REST API of Azure DevOps, of what the toolkit asks.

Sources: https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests/get-pull-requests,
https://learn.microsoft.com/azure/devops/integrate/concepts/rate-limits
"""

from __future__ import annotations

import base64
from datetime import datetime

from branch_toolkit.branches.azure_devops import AzureDevOpsBranches
from branch_toolkit_demo.forge import ForgeRepository, PullRequest
from branch_toolkit_demo.forge_server import Asked, Reply
from branch_toolkit_tests.contract.forges.kinds import ForgeKind

REPOSITORY = "Data Team/pipelines"
_PATH = "/acme/Data Team/_apis/git/repositories/pipelines/pullrequests"
_STATUSES = {"open": "active", "merged": "completed", "closed": "abandoned"}


class AzureDevOpsDialect:
    """The answers of Azure DevOps."""

    def __init__(self, most_per_page: int) -> None:
        self.most_per_page = most_per_page

    def allows(self, asked: Asked, repository: ForgeRepository) -> bool:
        pair = base64.b64encode(f":{repository.token}".encode()).decode()
        said = asked.headers.get("authorization")
        return said in (f"Basic {pair}", f"Bearer {repository.token}")

    def error(self, status: int, message: str) -> Reply:
        return Reply(status=status, data={"$id": "1", "message": message, "errorCode": 0})

    def answer(self, asked: Asked, repository: ForgeRepository, *, address: str) -> Reply:
        if asked.path != _PATH:
            return self.error(404, "TF401019: The Git repository does not exist.")
        wanted = asked.query.get("searchCriteria.status", "active")
        found = [each for each in repository.in_state() if wanted in ("all", _status(each))]
        # Open ones by when they were created, ended ones by when they ended, newest first.
        found.sort(key=lambda each: each.ended_at or each.created_at, reverse=True)
        size = min(int(asked.query.get("$top", "101")), 1000)
        start = int(asked.query.get("$skip", "0"))
        page = [_pull(each) for each in found[start : start + size]]
        return Reply(data={"value": page, "count": len(page)})


def _status(pull: PullRequest) -> str:
    return _STATUSES.get(pull.state, "notSet")


def _pull(pull: PullRequest) -> object:
    fork = {"forkSource": {"repository": None if pull.fork_deleted else {"id": "f0"}}}
    closed = {"closedDate": _time(pull.ended_at)} if pull.ended_at else {}
    labels = [{"id": "1", "name": label, "active": True} for label in pull.labels]
    return {
        "pullRequestId": pull.number,
        "status": _status(pull),
        "title": pull.head,
        "creationDate": _time(pull.created_at),
        "sourceRefName": f"refs/heads/{pull.head}",
        "targetRefName": f"refs/heads/{pull.base}",
        "isDraft": pull.draft,
        "lastMergeSourceCommit": {"commitId": pull.sha},
        "repository": {"id": "r0", "name": "pipelines", "project": {"name": "Data Team"}},
        "url": f"https://dev.azure.com/acme/_apis/git/repositories/r0/pullRequests/{pull.number}",
        **({"labels": labels} if labels else {}),
        **(fork if pull.fork else {}),
        **closed,
    }


def _time(at: datetime) -> str:
    # Seven digits of a second, as .NET has them.
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _source(**fields: object) -> AzureDevOpsBranches:
    project, _, name = str(fields.pop("repository", REPOSITORY)).partition("/")
    given = {"organization": "acme", "project": project, "repository": name, "page_size": 3}
    return AzureDevOpsBranches(**{**given, **fields})  # type: ignore[arg-type]


def _limited(seconds: int) -> Reply:
    headers = {"Retry-After": str(seconds), "X-RateLimit-Remaining": "0"}
    return Reply(status=429, data={"message": "TF400733: canceled"}, headers=headers)


AZURE_DEVOPS = ForgeKind(
    name="azure_devops",
    dialect=AzureDevOpsDialect,
    source=_source,
    repository=REPOSITORY,
    features=frozenset({"drafts", "labels"}),
    etags=False,
    limited=_limited,
)
