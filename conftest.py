"""Collects README and docs: every block in them is executed."""

from __future__ import annotations

from branch_toolkit_tests.docs.blocks import collect_documents

pytest_plugins = [
    "branch_toolkit_tests.contract.counting",
    "branch_toolkit_tests.databases",
    "branch_toolkit_tests.docs.surroundings",
    "branch_toolkit_tests.snowflakes",
]

pytest_collect_file = collect_documents()
