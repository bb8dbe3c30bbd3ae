"""The reference tells of everything that a user can name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import branch_toolkit
from branch_toolkit.branches.static import StaticBranches
from branch_toolkit.cli.program import program
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.policy import Policy
from branch_toolkit.jobs import build_branch_jobs
from branch_toolkit.resources import PostgresWarehouse
from branch_toolkit_tests.docs.blocks import ROOT

REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
NAMES = [
    *program.commands,
    *(job.name for job in build_branch_jobs(Policy()).all),
    *(field.name for field in dataclasses.fields(Policy)),
    *(field.name for field in dataclasses.fields(Mark)),
    *PostgresWarehouse.model_fields,
    *StaticBranches.model_fields,
    *(name for name in branch_toolkit.__all__ if name[0].isupper() and name != "Policy"),
]


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_has_it(name: str) -> None:
    assert f"`{name}" in REFERENCE


@pytest.mark.parametrize("document", sorted(ROOT.glob("**/*.md"), key=str), ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    import re

    if {".venv", ".demo", "node_modules"} & set(document.parts):
        return
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target
