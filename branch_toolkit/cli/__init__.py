"""The command `branch-toolkit`: the same verbs as the jobs, from a shell."""

from __future__ import annotations

from branch_toolkit.cli.program import program

__all__ = ["main", "program"]


def main() -> None:
    """The entry point."""
    program(prog_name="branch-toolkit")
