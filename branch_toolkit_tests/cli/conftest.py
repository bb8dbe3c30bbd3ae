"""The command in this process on a warehouse in memory, and in processes of its own on Postgres."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import URL, make_url

from branch_toolkit.cli import program
from branch_toolkit_demo.git_remote import GitRemote
from branch_toolkit_tests.cli import memory_project
from branch_toolkit_tests.cli.memory_project import World

Call = Callable[..., Result]


@pytest.fixture
def world() -> World:
    """An empty project: two base schemas, no branch, no environment."""
    memory_project.world = World()
    return memory_project.world


@pytest.fixture
def call(world: World) -> Call:
    """Calls a command on the world."""

    def call(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(
            program,
            [*arguments, "-m", memory_project.MODULE],
            prog_name="branch-toolkit",
            **options,
        )

    return call


def succeeded(result: Result) -> str:
    """The stdout of a call that exited with 0."""
    assert result.exit_code == 0, result.output
    return result.stdout


def document(result: Result) -> Any:
    """The one JSON document on the stdout of a call."""
    return json.loads(result.stdout)


@dataclass(frozen=True)
class Shell:
    """Calls the command on a real database, and sees that the password is never said.

    Args:
        url: The database.
        remote: The git remote.
        folder: The current folder of processes.
    """

    url: URL
    remote: GitRemote
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """Those that name database and remote."""
        return {
            "BRANCH_TOOLKIT_URL": self.url.render_as_string(hide_password=False),
            "BRANCH_TOOLKIT_SCHEMAS": "analytics, staging",
            "BRANCH_TOOLKIT_GIT_REMOTE": str(self.remote.remote),
        }

    def __call__(self, *arguments: str, **variables: str | None) -> Result:
        """In this process, with further variables, or without those that are None."""
        environment = {**self.variables, **variables}
        result = CliRunner().invoke(program, arguments, prog_name="branch-toolkit", env=environment)
        assert str(self.url.password) not in result.output
        return result

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """In a process of its own."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**os.environ, **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert str(self.url.password) not in done.stdout + done.stderr
        return done

    def command(self, *arguments: str) -> list[str]:
        """The command line of a process."""
        return [sys.executable, "-m", "branch_toolkit.cli", *arguments]

    def execute(self, *statements: str) -> None:
        """Executes statements as the owner of the database."""
        dsn = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def schemas(self) -> dict[str, str | None]:
        """Every schema of the database with its comment."""
        dsn = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        query = (
            "SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace"
            " WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')"
        )
        with psycopg.connect(dsn) as connection:
            return dict(connection.execute(query).fetchall())


@pytest.fixture
def shell(database: str, tmp_path: Path) -> Shell:
    """A shell with a database that has two base schemas, and a remote with `main` only."""
    made = Shell(make_url(database), GitRemote.create(tmp_path / "git"), tmp_path)
    made.execute(
        "CREATE SCHEMA analytics",
        "CREATE SCHEMA staging",
        "CREATE TABLE analytics.orders (id int PRIMARY KEY, note text)",
        "INSERT INTO analytics.orders SELECT n, 'a note' FROM generate_series(1, 1000) n",
        "CREATE TABLE staging.raw (line text)",
    )
    return made


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions can be answered, as on a terminal."""
    monkeypatch.setattr("branch_toolkit.cli.asking.can_answer", lambda: True)
