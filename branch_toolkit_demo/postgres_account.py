"""As whom the programs of PostgreSQL are run."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from branch_toolkit_demo.errors import EmbeddedPostgresError

# Not the caller's environment: PGPORT, PGDATA, LANG and the like would change what is started.
_ENVIRONMENT = MappingProxyType({"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"})


@dataclass(frozen=True)
class Account:
    """As whom Postgres is run; all None stands for the user who calls."""

    user: int | None = None
    group: int | None = None
    extra_groups: tuple[int, ...] | None = None

    @classmethod
    def unprivileged(cls) -> Account:
        """An account that Postgres agrees to run as, among those that are there."""
        if os.geteuid() != 0:
            return cls()
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = known.get("postgres") or known.get("nobody")
        if entry is None:
            raise EmbeddedPostgresError(
                "Postgres refuses to run as root, and there is no account `postgres` or `nobody`.",
                remedy="Run as an ordinary user.",
            )
        return cls(entry.pw_uid, entry.pw_gid, ())

    @classmethod
    def owner(cls, path: Path) -> Account:
        """The account that a folder was made for: Postgres insists on owning its data."""
        if os.geteuid() != 0:
            return cls()
        status = path.stat()
        return cls(status.st_uid, status.st_gid, ())

    def give(self, path: Path) -> None:
        """Make the account the owner of what we just made."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group, follow_symlinks=False)

    def can_write_in(self, folder: Path) -> bool:
        """Whether the account gets into a folder and may write there."""
        return self._succeeds("/bin/sh", "-c", 'cd "$1" && test -w .', "sh", folder)

    def can_run(self, program: Path) -> bool:
        """Whether a program and the libraries that it needs are within the account's reach."""
        return self._succeeds(program, "--version")

    def spawn(
        self,
        *command: str | Path,
        log: Path,
        before_exec: Callable[[], None] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, where no Ctrl-C of the terminal reaches it.

        Args:
            command: The program and its arguments.
            log: What it prints is appended to this file.
            before_exec: Called in the new process, after the change of user.
        """
        with log.open("ab") as stream:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd="/",
                env=_ENVIRONMENT,
                user=self.user,
                group=self.group,
                extra_groups=self.extra_groups,
                start_new_session=True,
                preexec_fn=before_exec,
            )

    def _succeeds(self, *command: str | Path) -> bool:
        # The kernel's own answer is the only one that knows access lists and mount options too.
        if self.user is None:
            return True
        try:
            return self.spawn(*command, log=Path(os.devnull)).wait() == 0
        except PermissionError:
            return False
