"""Where a server keeps its data, and what starts it there."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from branch_toolkit_demo.errors import EmbeddedPostgresError
from branch_toolkit_demo.postgres_account import Account
from branch_toolkit_demo.postmaster import end_with_parent

HOST = "127.0.0.1"
SUPERUSER = "postgres"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What another process needs to know to find the server."""

    home: Path
    port: int
    password: str = field(repr=False)

    @property
    def data(self) -> Path:
        """Postgres's data folder."""
        return self.home / "data"

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """What was last written, or None where no server was ever started."""
        try:
            values = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise EmbeddedPostgresError(
                f"{path} belongs to another user.",
                remedy="Run as the user that started the server, or use another directory.",
            ) from error
        return cls(home=Path(values["home"]), port=values["port"], password=values["password"])

    def write(self, path: Path) -> None:
        """Write it where only the caller can read it."""
        # A temporary file has mode 0600 from its first byte on; readers see the old or the new.
        descriptor, written = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(descriptor, "w") as stream:
            json.dump({**asdict(self), "home": str(self.home)}, stream)
        Path(written).replace(path)


@dataclass(frozen=True)
class Server:
    """A data folder, the account that owns it, and programs that this account can run."""

    record: Record
    account: Account
    programs: Path

    def make_data(self, *, log: Path) -> bool:
        """Make the data folder; False if initdb failed."""
        # Under a name of its own until it is whole: an initdb may be killed, and one that is
        # about to end with the process that we replace still clears away what it made.
        for left in self.record.home.glob("building-*"):
            shutil.rmtree(left, ignore_errors=True)
        building = Path(tempfile.mkdtemp(dir=self.record.home, prefix="building-"))
        self.account.give(building)
        initdb = self.programs / "initdb"
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "-U", SUPERUSER)
        with self._password_file() as password:
            where = ("-D", building, "--pwfile", password)
            process = self.account.spawn(
                initdb, "-N", *options, *where, log=log, before_exec=end_with_parent()
            )
            made = process.wait() == 0
        if made:
            building.rename(self.record.data)
        return made

    def launch(self, options: Sequence[str], *, log: Path, timeout: float) -> bool:
        """Start it as a daemon; False if it ended or was not ready in time."""
        start = ("start", "-w", "-t", f"{timeout:.0f}")
        where = ("-D", self.record.data, "-o", shlex.join(options))
        return self.account.spawn(self.programs / "pg_ctl", *start, *where, log=log).wait() == 0

    def launch_child(self, options: Sequence[str], *, log: Path) -> subprocess.Popen[bytes]:
        """Start it as a child, because the kernel ends only children with their parent."""
        return self.account.spawn(
            self.programs / "postgres",
            "-D",
            self.record.data,
            *options,
            log=log,
            before_exec=end_with_parent(),
        )

    @contextmanager
    def _password_file(self) -> Iterator[Path]:
        path = self.record.home / "password"
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as stream:
                stream.write(self.record.password)
            self.account.give(path)
            yield path
        finally:
            path.unlink()


def new_record(directory: Path) -> Record:
    """A home, a port and a password for a server that is yet to be made.

    Raises:
        EmbeddedPostgresError: There is data without a password, or no place that can be reached.
    """
    home = directory / "postgres"
    if (home / "data").exists():
        raise EmbeddedPostgresError(
            f"{home} holds data, but `server.json` with its password is gone.",
            remedy=f"Delete {home} if nothing in it is needed, then start again.",
        )
    home = _reachable_home(home, account=Account.unprivileged())
    return Record(home=home, port=free_port(), password=secrets.token_urlsafe(24))


def _reachable_home(wanted: Path, *, account: Account) -> Path:
    wanted.mkdir(mode=0o700, exist_ok=True)
    account.give(wanted)
    if account.can_write_in(wanted):
        return wanted
    wanted.rmdir()
    home = Path(tempfile.mkdtemp(prefix="embedded-postgres-")).resolve()
    account.give(home)
    if account.can_write_in(home):
        return home
    home.rmdir()
    raise EmbeddedPostgresError(
        f"The account that Postgres would run as can enter neither {wanted.parent} nor"
        f" {home.parent}.",
        remedy="Run as an ordinary user, or set TMPDIR to a folder that every account can enter.",
    )


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port
