"""Dagster+ tells what CI told it; what it cannot tell for certain is not called complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import stamina
from graphql import parse, validate

from branch_toolkit.branches.dagster_plus import QUERY, DagsterPlusBranches, dagster_plus_branch
from branch_toolkit.branches.items import Item
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.branch import Branch, BranchKey, BranchSnapshot, BranchState
from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit_demo.forge_server import Fault, Reply
from branch_toolkit_tests.contract import test_branch_source as contract
from branch_toolkit_tests.contract.forges.dagster_plus import (
    DAGSTER_PLUS,
    SCHEMA,
    WITHOUT_PULL_REQUEST,
)
from branch_toolkit_tests.contract.forges.kinds import TOKEN, Scene, scene_of


@pytest.fixture
def scene() -> Iterator[Scene]:
    MEMORY.forget()
    with scene_of(DAGSTER_PLUS) as made, stamina.set_testing(True, attempts=3):
        yield made


def _by_number(snapshot: BranchSnapshot) -> dict[int | None, Branch]:
    return {branch.key.number: branch for branch in snapshot.branches}


# --- what it shares with the forges -------------------------------------------------------------


@pytest.mark.parametrize(
    "check",
    [
        contract.test_merged_closed_and_reopened_are_told_apart,
        contract.test_two_ticks_at_once_see_the_same,
        contract.test_what_does_not_pass_is_unavailable,
        contract.test_no_answer_in_time_is_unavailable,
        contract.test_all_requests_together_are_bounded_in_time,
        contract.test_nobody_there_is_unavailable,
        contract.test_a_refused_token_names_the_field,
        contract.test_a_token_that_may_not_read_is_told_the_least_right,
        contract.test_a_long_wait_is_not_waited_but_told,
        contract.test_a_forge_that_repeats_the_token_in_its_error_does_not_get_it_said,
    ],
)
def test_it_keeps_the_contract(check: Callable[[Scene], None], scene: Scene) -> None:
    check(scene)


def test_a_line_end_in_the_token_is_told_and_not_shown(scene: Scene) -> None:
    contract.test_a_token_with_a_line_end_is_told_and_not_shown(scene, "\n")


@pytest.mark.parametrize("fault", [Fault(times=2, drop=True), Fault(times=2, truncate=True)])
def test_a_question_is_asked_again_though_it_is_a_post(scene: Scene, fault: Fault) -> None:
    contract.test_what_passes_is_asked_again(scene, fault)


@pytest.mark.parametrize(
    "data",
    ["<html>Sign in</html>", [], {"data": None}, {"data": {"branchDeployments": None}}, "null"],
)
def test_what_is_not_its_answer_is_not_taken_for_one(scene: Scene, data: object) -> None:
    contract.test_what_is_not_the_forges_answer_is_not_taken_for_one(scene, data)


# --- what is told -------------------------------------------------------------------------------


def test_a_branch_deployment_of_a_pull_request_is_told_with_all_that_is_known(
    scene: Scene,
) -> None:
    number = scene.repository.open("feature/login")
    snapshot = scene.source().snapshot()
    branch = _by_number(snapshot)[number]
    assert branch.key == BranchKey(number=number)
    assert (branch.name, branch.repository) == ("feature/login", "acme/pipelines")
    assert branch.sha == scene.repository.pull_requests[number].sha
    assert branch.updated_at == scene.repository.now
    assert branch.url == f"https://forge.example/{number}"
    assert (snapshot.complete, snapshot.note) == (True, None)
    assert (snapshot.knows_names, snapshot.knows_numbers) == (True, True)
    assert snapshot.source == "Dagster+ (acme)"


def test_one_without_a_pull_request_is_a_branch_by_name(scene: Scene) -> None:
    name = f"{WITHOUT_PULL_REQUEST}by-hand"
    scene.repository.open(name)
    (branch,) = scene.source().snapshot().branches
    assert branch.key == BranchKey(name=name)
    assert branch.state is BranchState.OPEN


def test_only_one_repository_counts_where_it_is_named(scene: Scene) -> None:
    own = scene.repository.open("a")
    other = scene.repository.open("b", fork="acme/website")
    every = scene.source().snapshot()
    assert (every.repository, set(_by_number(every))) == (None, {own, other})
    assert _by_number(every)[other].repository == "acme/website"
    one = scene.source(repository="acme/pipelines").snapshot()
    assert (one.repository, set(_by_number(one))) == ("acme/pipelines", {own})


@pytest.mark.parametrize(
    ("git", "number", "state"),
    [
        ({"pullRequestNumber": "42", "pullRequestStatus": "OPEN"}, 42, BranchState.OPEN),
        ({"pullRequestNumber": 42, "pullRequestStatus": "CLOSED"}, 42, BranchState.CLOSED),
        ({"pullRequestNumber": "42", "pullRequestStatus": "MERGED"}, 42, BranchState.MERGED),
        ({"pullRequestNumber": "42", "pullRequestStatus": "QUEUED"}, 42, BranchState.UNKNOWN),
        ({"pullRequestNumber": "42", "pullRequestStatus": None}, 42, BranchState.UNKNOWN),
        ({"pullRequestNumber": "", "pullRequestStatus": None}, None, BranchState.OPEN),
        ({"pullRequestNumber": "0", "pullRequestStatus": None}, None, BranchState.OPEN),
        ({"pullRequestNumber": "none", "pullRequestStatus": "OPEN"}, None, BranchState.OPEN),
    ],
)
def test_numbers_are_texts_and_what_is_unknown_is_kept(
    git: dict[str, object], number: int | None, state: BranchState
) -> None:
    node = {"branchDeploymentGitMetadata": {"branchName": "a", **git}}
    branch = dagster_plus_branch(Item(node))
    assert (branch.key.number, branch.state) == (number, state)


def test_a_time_that_is_none_is_not_known() -> None:
    for moment in (None, "yesterday", True, 1e300):
        node = {
            "branchDeploymentGitMetadata": {"branchName": "a"},
            "latestCommit": {"timestamp": moment},
        }
        assert dagster_plus_branch(Item(node)).updated_at is None


# --- what is not certain ------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "complete"), [(2, False), (3, False), (4, True)])
def test_a_list_as_long_as_the_limit_may_lack_some(
    scene: Scene, limit: int, complete: bool
) -> None:
    for name in "abc":
        scene.repository.open(name)
    snapshot = scene.source(limit=limit).snapshot()
    assert len(snapshot.branches) == min(limit, 3)
    assert snapshot.complete is complete
    assert ("`limit`" in (snapshot.note or "")) is not complete


def test_one_that_cannot_be_identified_is_not_dropped_silently(scene: Scene) -> None:
    nodes = [{"deploymentName": "c0ffee", "branchDeploymentGitMetadata": None}, {}, None]
    data = {"data": {"branchDeployments": {"nodes": nodes}}}
    scene.server.faults.append(Fault(reply=Reply(data=data)))
    snapshot = scene.source().snapshot()
    assert (snapshot.branches, snapshot.complete) == ((), False)
    assert "3 branch deployment(s)" in (snapshot.note or "")


@pytest.mark.parametrize("repository", [None, "acme/pipelines"])
def test_where_no_branch_deployment_is_told_nothing_is_certain(
    scene: Scene, repository: str | None
) -> None:
    if repository is not None:
        scene.repository.open("a", fork="acme/website")
    snapshot = scene.source(repository=repository).snapshot()
    assert (snapshot.branches, snapshot.complete) == ((), False)
    assert f"no branch deployment{' of acme/pipelines' if repository else ''};" in (
        snapshot.note or ""
    )


def test_an_error_of_graphql_is_not_an_empty_list(scene: Scene) -> None:
    scene.server.faults.append(
        Fault(reply=Reply(data={"errors": [{"message": "Cannot query field"}], "data": None}))
    )
    with pytest.raises(BranchSourceUnavailable, match="Cannot query field"):
        scene.source().snapshot()


# --- what is asked ------------------------------------------------------------------------------


def test_it_asks_once_as_the_organization(scene: Scene) -> None:
    scene.source(deployment="prod").snapshot()
    (asked,) = scene.server.asked
    assert asked.headers["dagster-cloud-organization"] == "acme"
    assert asked.headers["dagster-cloud-deployment"] == "prod"
    assert asked.headers["dagster-cloud-api-token"] == TOKEN


def test_the_query_is_valid_in_what_is_known_of_the_schema() -> None:
    assert validate(SCHEMA, parse(QUERY)) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"organization": "https://acme.dagster.cloud"}, "the organization's name alone"),
        ({"url": "http://acme.dagster.cloud"}, "https://"),
        ({"limit": 0}, "limit"),
    ],
)
def test_a_mistake_is_told_at_definition(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        DagsterPlusBranches(**{"organization": "acme", "token": TOKEN, **fields})  # type: ignore[arg-type]
    assert TOKEN not in str(caught.value)


def test_the_address_is_the_organizations_own() -> None:
    source = DagsterPlusBranches(organization="acme", token=TOKEN)
    assert source._forge().url == "https://acme.dagster.cloud"
    assert TOKEN not in repr(source)
