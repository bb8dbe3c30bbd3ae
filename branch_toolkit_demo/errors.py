"""The errors of the demo's parts: what was found, and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


class EmbeddedPostgresError(Exception):
    """The server cannot be started, found or stopped.

    Args:
        problem: What was tried and what was found.
        remedy: What the reader can do about it.
        log: The end of the server's log, where the server had its say.
    """

    def __init__(self, problem: str, *, remedy: str, log: str = "") -> None:
        super().__init__(
            f"{problem} {remedy}" + (f"\nThe server's log ends:\n{log}" if log else "")
        )
        self.problem = problem
        self.remedy = remedy
        self.log = log


class GitFailed(Exception):
    """A git command failed.

    Args:
        arguments: What git was called with.
        stderr: What it said.
    """

    def __init__(self, arguments: Sequence[str], *, stderr: str) -> None:
        command = shlex.join(("git", *arguments))
        super().__init__(
            f"`{command}` failed: {stderr.strip()}. The demo's repositories hold nothing else:"
            " delete their folder and create them again."
        )
        self.arguments = tuple(arguments)
        self.stderr = stderr


class GeneratorFailed(Exception):
    """`tpchgen-cli` could not generate the data.

    Args:
        scale: The scale factor that was asked for.
        stderr: What the generator said.
    """

    def __init__(self, scale: float, *, stderr: str) -> None:
        super().__init__(
            f"tpchgen-cli failed at scale {scale}: {stderr.strip()}. Give a scale from 0.01 on, for"
            " which the temporary folder has room (1 takes about 1 GB)."
        )
        self.scale = scale
        self.stderr = stderr


class ProgramFailed(Exception):
    """A program of the demo failed.

    Args:
        command: The command line.
        returncode: What it returned.
        log: The file with its output.
    """

    def __init__(self, command: Sequence[str], *, returncode: int, log: Path) -> None:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        super().__init__(f"`{shlex.join(command)}` returned {returncode}. The end of {log}:\n{end}")
        self.command = tuple(command)
        self.returncode = returncode


class NotSo(Exception):
    """Something that the demo was about to say turned out not to be so."""
