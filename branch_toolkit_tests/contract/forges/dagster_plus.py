"""The GraphQL API of Dagster+, of what the toolkit asks; a real GraphQL server answers.

There is no published schema. The names of arguments, nodes and enum are those that Dagster's own
client asks by (`dagster_rest_resources/queries/deployment.graphql`), the names of the metadata
those that it sends (`CreateOrUpdateBranchDeploymentInput`).
"""

from __future__ import annotations

from graphql import build_schema, graphql_sync

from branch_toolkit.branches.dagster_plus import DagsterPlusBranches
from branch_toolkit_demo.forge import ForgeRepository, PullRequest, newest_first
from branch_toolkit_demo.forge_server import Asked, Reply
from branch_toolkit_tests.contract.forges.bitbucket import limited
from branch_toolkit_tests.contract.forges.kinds import ForgeKind

SCHEMA = build_schema(
    """
    enum PullRequestStatus { OPEN CLOSED MERGED }
    type BranchDeploymentGitMetadata {
      repoName: String
      branchName: String!
      branchUrl: String
      pullRequestUrl: String
      pullRequestStatus: PullRequestStatus
      pullRequestNumber: String
    }
    type DeploymentCommit { commitHash: String! timestamp: Float! }
    type DagsterCloudDeployment {
      deploymentName: String!
      deploymentId: Int!
      deploymentStatus: String!
      branchDeploymentGitMetadata: BranchDeploymentGitMetadata
      latestCommit: DeploymentCommit
    }
    type DagsterCloudDeployments { nodes: [DagsterCloudDeployment!]! }
    type Query {
      branchDeployments(limit: Int!, pullRequestStatus: PullRequestStatus): DagsterCloudDeployments!
    }
    """
)
"""What is known of it."""

WITHOUT_PULL_REQUEST = "without-pull-request/"
"""Branches that begin so were deployed by hand, before there was a pull request."""


class DagsterPlusDialect:
    """The answers of Dagster+."""

    def __init__(self, most_per_page: int) -> None:
        """`most_per_page` says nothing here: there are no pages."""

    def allows(self, asked: Asked, repository: ForgeRepository) -> bool:
        return asked.headers.get("dagster-cloud-api-token") == repository.token

    def error(self, status: int, message: str) -> Reply:
        return Reply(status=status, data={"message": message})

    def answer(self, asked: Asked, repository: ForgeRepository, *, address: str) -> Reply:
        if asked.path != "/graphql" or asked.headers.get("dagster-cloud-organization") != "acme":
            return self.error(404, "Not Found")
        variables = asked.body.get("variables")
        assert isinstance(variables, dict)
        nodes = [_node(each, repository.name) for each in newest_first(repository.in_state())]
        root = {"branchDeployments": {"nodes": nodes[: variables["limit"]]}}
        result = graphql_sync(SCHEMA, str(asked.body["query"]), root, variable_values=variables)
        return Reply(data=result.formatted)


def _node(pull: PullRequest, repository: str) -> object:
    known = not pull.head.startswith(WITHOUT_PULL_REQUEST)
    return {
        "deploymentName": f"{pull.number:040x}",
        "deploymentId": pull.number,
        "deploymentStatus": "ACTIVE",
        "branchDeploymentGitMetadata": {
            "repoName": pull.fork or repository,
            "branchName": pull.head,
            "pullRequestUrl": f"https://forge.example/{pull.number}" if known else None,
            "pullRequestStatus": pull.state.upper() if known else None,
            # A text, as CI hands it on.
            "pullRequestNumber": str(pull.number) if known else None,
        },
        "latestCommit": {"commitHash": pull.sha, "timestamp": pull.updated_at.timestamp()},
    }


def _source(**fields: object) -> DagsterPlusBranches:
    return DagsterPlusBranches(**{"organization": "acme", **fields})  # type: ignore[arg-type]


DAGSTER_PLUS = ForgeKind(
    name="dagster_plus",
    dialect=DagsterPlusDialect,
    source=_source,
    features=frozenset(),
    etags=False,
    limited=limited,
)
