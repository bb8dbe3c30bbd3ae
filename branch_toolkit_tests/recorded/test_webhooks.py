"""GitHub's own examples of webhooks: the same pull request is read, whatever event tells of it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from branch_toolkit.branches.github import github_branch
from branch_toolkit.branches.items import Item
from branch_toolkit.core.branch import BranchState
from branch_toolkit_tests.tools.place import of_npm


@cache
def _payloads() -> tuple[dict[str, Any], ...]:
    """Every example in which there is a pull request."""
    file = of_npm("@octokit", "webhooks-examples", "api.github.com", "index.json")
    events = json.loads(file.read_text())
    examples = [example for event in events for example in event["examples"]]
    return tuple(example for example in examples if "pull_request" in example)


def test_the_pull_request_of_every_event_is_read() -> None:
    assert len(_payloads()) == 41
    for payload in _payloads():
        pull = payload["pull_request"]
        branch = github_branch(Item(pull), repository=payload["repository"]["full_name"])
        assert branch.key.number == payload.get("number", pull["number"])
        assert (branch.name, branch.sha) == (pull["head"]["ref"], pull["head"]["sha"])
        assert branch.updated_at is not None
        assert branch.url == pull["html_url"]
        assert not branch.fork


@pytest.mark.parametrize(
    ("action", "state", "draft"),
    [
        ("opened", BranchState.OPEN, False),
        ("reopened", BranchState.OPEN, False),
        ("synchronize", BranchState.OPEN, False),
        ("converted_to_draft", BranchState.OPEN, True),
        ("ready_for_review", BranchState.OPEN, False),
        ("closed", BranchState.CLOSED, False),
    ],
)
def test_the_state_after_an_event_is_the_one_that_it_is_named_for(
    action: str, state: BranchState, draft: bool
) -> None:
    told = [each for each in _payloads() if each["action"] == action]
    assert told
    for payload in told:
        branch = github_branch(Item(payload["pull_request"]), repository="a/b")
        assert (branch.state, branch.draft) == (state, draft)


def test_a_label_that_was_just_put_on_is_read() -> None:
    (payload, *_) = [each for each in _payloads() if each["action"] == "labeled"]
    branch = github_branch(Item(payload["pull_request"]), repository="a/b")
    assert payload["label"]["name"] in branch.labels
