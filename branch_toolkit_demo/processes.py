"""Programs that the demo runs beside itself, and ends by their process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from branch_toolkit_demo.errors import ProgramFailed
from branch_toolkit_demo.postmaster import end_with_parent

_PATIENCE = 20.0


def dagster(command: str, *arguments: str) -> list[str]:
    """The command line of one of Dagster's programs in this virtual environment."""
    return [str(Path(sys.executable).parent / command), *arguments]


def run(command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
    """Runs a program to its end.

    Raises:
        ProgramFailed: It failed; the error has the end of its output.
    """
    with log.open("ab") as output:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if done.returncode != 0:
        raise ProgramFailed(command, returncode=done.returncode, log=log)


@contextmanager
def running(
    command: Sequence[str], *, env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs until the end of the block; its own children end with it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_begin(),  # before any thread is started
        )
    try:
        yield process
    finally:
        _end(process)


def _begin() -> Callable[[], None]:
    tie = end_with_parent()

    def begin() -> None:
        # A shell's background job ignores SIGINT, and its children would inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if tie:
            tie()

    return begin


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    # Whatever of its session is still there (a code server that missed the signal) goes too.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
