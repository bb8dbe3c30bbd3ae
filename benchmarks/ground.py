"""A Postgres of its own for the measurements, and environments in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.plan import Report
from branch_toolkit.core.strategy import Rule
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
# Stock settings but for one: checkpoints in the middle would strike now one side, now the other.
SETTINGS = {"max_wal_size": "16GB"}


@dataclass(frozen=True)
class Ground:
    """A database on a server of its own.

    Args:
        url: Its SQLAlchemy URL.
        programs: Folder of the server's programs.
    """

    url: str

    @property
    def conninfo(self) -> str:
        """The URL as libpq takes it."""
        return make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection that commits each statement."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            yield connection

    def execute(self, *statements: str) -> None:
        """Executes statements, each committed by itself."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, query: str) -> Any:
        """The only value of a query's result."""
        with self.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    @contextmanager
    def environments(
        self, schemas: Sequence[str], *rules: Rule, **options: Any
    ) -> Iterator[Environments]:
        """The environments of base schemas, under rules."""
        with PostgresAdapter.connect(self.url, **options) as adapter:
            yield Environments(adapter, Project(), tuple(schemas), rules)


@contextmanager
def ground() -> Iterator[Ground]:
    """A fresh server, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        server = EmbeddedPostgres(Path(folder, "server"), settings=SETTINGS, dies_with_parent=True)
        server.start()
        try:
            server.create_database("warehouse")
            yield Ground(server.url("warehouse"))
        finally:
            server.remove()


def branch(number: int) -> Branch:
    """A pull request's branch."""
    return Branch(key=BranchKey(number=number), name=f"feature/{number}")


def provision(environments: Environments, number: int) -> Report:
    """Makes the environment of a pull request."""
    return environments.provision(branch(number), now=NOW)


def drop(environments: Environments, number: int) -> Report:
    """Retires and drops it."""
    environments.retire(f"pr_{number}", because="measured", grace=timedelta(0), now=NOW)
    return environments.drop(f"pr_{number}", now=NOW)
