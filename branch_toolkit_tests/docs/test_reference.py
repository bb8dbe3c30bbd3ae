"""The reference tells of everything that a user can name."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import branch_toolkit
from branch_toolkit import (
    AzureDevOpsBranches,
    BaseHistory,
    BitbucketBranches,
    DagsterPlusBranches,
    GiteaBranches,
    GitHubBranches,
    GitLabBranches,
    GitRemoteBranches,
    OutputStore,
    PostgresTablesWarehouse,
    StaticBranches,
)
from branch_toolkit.cli.program import program
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.policy import Policy
from branch_toolkit.jobs import build_branch_jobs
from branch_toolkit_tests.docs.blocks import ROOT

REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
SOURCES = (
    AzureDevOpsBranches,
    BitbucketBranches,
    DagsterPlusBranches,
    GitHubBranches,
    GitLabBranches,
    GitRemoteBranches,
    GiteaBranches,
    StaticBranches,
)
NAMES = [
    *program.commands,
    *(job.name for job in build_branch_jobs(Policy()).all),
    *(field.name for field in dataclasses.fields(Policy)),
    *(field.name for field in dataclasses.fields(Mark)),
    *PostgresTablesWarehouse.model_fields,
    *(name for source in SOURCES for name in source.model_fields),
    *OutputStore.model_fields,
    *BaseHistory.model_fields,
    *(name for name in branch_toolkit.__all__ if name[0].isupper() and name != "Policy"),
]
_NOT_OURS = {".venv", ".demo", ".tools", "node_modules"}
DOCUMENTS = sorted(
    path for path in ROOT.glob("**/*.md") if not _NOT_OURS & set(path.relative_to(ROOT).parts)
)


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_has_it(name: str) -> None:
    assert f"`{name}" in REFERENCE


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


FAULTS = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "named", sorted(set(re.findall(r"`([a-z_/]+\.py(?:::\w+)?)`", FAULTS))), ids=str
)
def test_the_fault_table_names_tests_that_are_there(named: str) -> None:
    file, _, test = named.partition("::")
    text = (ROOT / "branch_toolkit_tests" / file).read_text(encoding="utf-8")
    assert not test or f"def {test}(" in text
