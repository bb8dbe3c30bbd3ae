"""The main process of a PostgreSQL server."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from branch_toolkit_demo.errors import EmbeddedPostgresError

_PR_SET_PDEATHSIG = 1
_STATUS_LINE = 7


@dataclass(frozen=True)
class Postmaster:
    """A server's main process, as its pid file and the process table agree on it."""

    process: psutil.Process
    ready: bool

    @classmethod
    def of(cls, data: Path) -> Postmaster | None:
        """The one that serves a data folder: the number in a stale pid file may be another's."""
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            if Path(process.cwd()) != data.resolve():
                return None
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            return None
        return cls(process, ready=[line.strip() for line in lines[_STATUS_LINE:]] == ["ready"])

    def shut_down(self, *, timeout: float) -> None:
        """Disconnect every client, write everything to the disk and end.

        Args:
            timeout: Seconds to wait for the end.
        """
        self.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + timeout
        while not self._ended():
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"Process {self.process.pid} was still shutting down after {timeout} seconds.",
                    remedy="See the server's log for what it waits for, then stop it again.",
                )
            time.sleep(0.01)

    def _ended(self) -> bool:
        # A container's first process may never reap it, so a zombie has to count as ended.
        try:
            return bool(self.process.status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True


def end_with_parent() -> Callable[[], None] | None:
    """What a child calls, once it has changed its user, to be ended with its parent.

    Returns:
        None where the system cannot do that.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
        if os.getppid() != parent:  # It died before we asked.
            os._exit(1)

    return ask_the_kernel
