"""Runs of the files that `ci init` writes: real shells, whose calls of our command are real too."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from branch_toolkit.cli import program

_CALLED = "called"


@dataclass(frozen=True)
class Runner:
    """Runs scripts as CI does, in a folder of its own.

    `branch-toolkit` is found on the PATH as a program that writes down how it was called; then it
    is called so in this process, which saves seconds for each call.

    Args:
        folder: Holds that program, and what it wrote.
    """

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Runner:
        """Makes the program.

        Args:
            folder: Made if it is not there.
        """
        folder.mkdir(parents=True, exist_ok=True)
        recorder = folder / "branch-toolkit"
        called = shlex.quote(str(folder / _CALLED))
        recorder.write_text(f'#!/bin/sh\nprintf "%s\\0" "$PWD" "$@" > {called}\n')
        recorder.chmod(0o755)
        return cls(folder)

    def run(self, script: str, *, cwd: Path, variables: Mapping[str, str]) -> Result:
        """Runs a script in bash as both forges do, and then the call of our command in it."""
        called = self.folder / _CALLED
        called.unlink(missing_ok=True)
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
            cwd=cwd,
            env={**os.environ, **variables, "PATH": path},
            check=True,
        )
        folder, *arguments = called.read_text().rstrip("\0").split("\0")
        before = Path.cwd()
        os.chdir(folder)
        try:
            return CliRunner().invoke(program, arguments, env=dict(variables))
        finally:
            os.chdir(before)


def load(file: Path) -> Any:
    """A CI file's content."""
    return yaml.safe_load(file.read_text())


def evaluated(expressions: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Variables of a step of GitHub's, given the values of all expressions that may occur."""
    return {
        name: values[text.removeprefix("${{ ").removesuffix(" }}")]
        for name, text in expressions.items()
    }
