"""The names in our query of Dagster+ are those that Dagster's own client uses.

There is no published schema. The client that `dg` ships asks for branch deployments with fewer
fields than we, and sends the metadata whose fields we read.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from branch_toolkit.branches.dagster_plus import _STATES, QUERY

client = pytest.importorskip(
    "dagster_rest_resources", reason="dagster-rest-resources is not installed"
)


def _operation(document: DocumentNode, root: str) -> OperationDefinitionNode:
    (found,) = [
        each
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode)
        and any(
            isinstance(field, FieldNode) and field.name.value == root
            for field in each.selection_set.selections
        )
    ]
    return found


def _places(operation: OperationDefinitionNode) -> set[str]:
    """Every field that is asked for, with those that it is in."""
    places: set[str] = set()

    class Walk(Visitor):
        def __init__(self) -> None:
            super().__init__()
            self.within: list[str] = []

        def enter_field(self, node: FieldNode, *_: Any) -> None:
            self.within.append(node.name.value)
            places.add(".".join(self.within))

        def leave_field(self, *_: Any) -> None:
            self.within.pop()

    visit(operation, Walk())
    return places


def test_branch_deployments_are_asked_for_as_dagster_asks() -> None:
    text = (files(client) / "queries" / "deployment.graphql").read_text()
    theirs = _operation(parse(text), "branchDeployments")
    ours = _operation(parse(QUERY), "branchDeployments")
    ask = "branchDeployments.nodes."
    metadata = ("branchDeploymentGitMetadata", "latestCommit")
    plain = {place for place in _places(ours) if not place.removeprefix(ask).startswith(metadata)}
    assert plain == {"branchDeployments", "branchDeployments.nodes", f"{ask}deploymentName"}
    assert plain <= _places(theirs)
    assert {print_ast(each) for each in ours.variable_definitions} <= {
        print_ast(each) for each in theirs.variable_definitions
    }


def test_the_metadata_are_those_that_dagster_sends() -> None:
    from dagster_rest_resources.__generated__.input_types import (
        CreateOrUpdateBranchDeploymentInput,
        DeploymentCommitInput,
    )

    places = _places(_operation(parse(QUERY), "branchDeployments"))
    for node, sent in (
        ("branchDeploymentGitMetadata", CreateOrUpdateBranchDeploymentInput),
        ("latestCommit", DeploymentCommitInput),
    ):
        names = {field.alias or name for name, field in sent.model_fields.items()}
        asked = {place.rpartition(".")[2] for place in places if f".{node}." in place}
        assert asked
        assert asked <= names


def test_the_states_are_all_that_dagster_knows() -> None:
    from dagster_rest_resources.__generated__.enums import PullRequestStatus

    assert set(_STATES) == {each.value for each in PullRequestStatus}
