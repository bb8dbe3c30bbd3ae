"""GitHub, by the double that the demo has."""

from __future__ import annotations

import time

from branch_toolkit.branches.github import GitHubBranches
from branch_toolkit_demo.forge_server import Reply
from branch_toolkit_demo.github_double import GitHubDialect
from branch_toolkit_tests.contract.forges.kinds import ForgeKind


def _source(**fields: object) -> GitHubBranches:
    return GitHubBranches(**{"repository": "acme/pipelines", **fields})  # type: ignore[arg-type]


def _limited(seconds: int) -> Reply:
    headers = {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(time.time()) + seconds),
    }
    return Reply(status=403, data={"message": "API rate limit exceeded"}, headers=headers)


GITHUB = ForgeKind(
    name="github",
    dialect=lambda most: GitHubDialect(most_per_page=most),
    source=_source,
    prefix="/api/v3",
    limited=_limited,
)
