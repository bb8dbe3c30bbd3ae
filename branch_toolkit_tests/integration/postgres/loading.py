"""Clones whose tables are there and empty, and what it takes to load and to look at them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg import sql

from branch_toolkit.core.plan import Progress, Result
from branch_toolkit.core.strategy import COPY_ALL, Rule
from branch_toolkit.warehouses.postgres import parts
from branch_toolkit.warehouses.postgres.connection import create_engine
from branch_toolkit.warehouses.postgres.copying import load
from branch_toolkit.warehouses.postgres.structure import (
    Stage,
    Structure,
    read_leaks,
    read_structure,
)
from branch_toolkit_tests.integration.postgres.oracle import Place

PAGE = 8192
NUMBERS = """
    CREATE TABLE numbers (id int PRIMARY KEY, text text);
    INSERT INTO numbers SELECT n, repeat('x', 400) FROM generate_series(1, 4000) AS n;
    CREATE TABLE other (LIKE numbers INCLUDING ALL);
    INSERT INTO other SELECT n, 'other' FROM generate_series(1, 10) AS n;
"""


@dataclass
class Loading:
    """A base schema `prod`, and its clone `branch`."""

    url: str
    clones: Mapping[str, str] = field(default_factory=lambda: {"prod": "branch"})
    rules: Sequence[Rule] = (COPY_ALL,)

    @property
    def engine(self) -> sqlalchemy.Engine:
        return create_engine(self.url)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True)

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def prepare(self, base: str = "") -> Structure:
        """Makes base's tables, if they are not there, and the clone's empty ones."""
        with self.connect() as connection:
            if base:
                connection.execute("CREATE SCHEMA prod; SET search_path = prod")
                connection.execute(base.encode())
                connection.execute("RESET search_path")
            with connection.transaction():
                structure = read_structure(connection, self.clones, self.rules)
                for clone in self.clones.values():
                    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(clone)))
                for setting in settings(structure):
                    connection.execute(setting.encode())
                for ddl in structure.before_data:
                    connection.execute(ddl.sql.encode())
        return structure

    def load(self, structure: Structure, **options: Any) -> tuple[Result, ...]:
        options = {"schemas": self.clones, "lock_timeout": 2.0, **options}
        return load(self.engine, structure, settings(structure), **options)

    def finish(self, structure: Structure) -> None:
        """What the caller of `load` does after it."""
        with self.connect() as connection, connection.transaction():
            for setting in settings(structure):
                connection.execute(setting.encode())
            for ddl in structure.sequences:
                connection.execute(ddl.sql.encode())
            for ddl in structure.after_data:
                if ddl.stage > Stage.FOREIGN_KEYS:
                    connection.execute(ddl.sql.encode())
            assert read_leaks(connection, self.clones) == ()

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """The rows of the clone's table, as text."""
        return sorted(self.run(f"SELECT t::text FROM branch.{table} AS t"))

    def base_rows(self, table: str) -> list[tuple[Any, ...]]:
        return sorted(self.run(f"SELECT t::text FROM prod.{table} AS t"))

    def foreign_keys(self) -> dict[str, bool]:
        """Whether the clone's foreign keys are valid."""
        query = """SELECT conname, convalidated FROM pg_constraint
            WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'branch'::regnamespace"""
        return dict(self.run(query))

    def sessions(self) -> list[tuple[Any, ...]]:
        """The statements of connections that stay open."""
        query = """SELECT query FROM pg_stat_activity
            WHERE application_name = 'branch_toolkit' AND datname = current_database()"""
        deadline = time.monotonic() + 3
        # A backend ends some time after its client has hung up.
        while (found := self.run(query)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found


class Once:
    """An `on_progress` that does something once, when a text is first told of."""

    def __init__(self, text: str, action: Any) -> None:
        self._text = text
        self._action = action
        self.told: list[Progress] = []
        self.threads: set[threading.Thread] = set()
        self.done = False

    def __call__(self, progress: Progress) -> None:
        self.told.append(progress)
        self.threads.add(threading.current_thread())
        if self._text in progress.text and not self.done:
            self.done = True
            self._action()


def settings(structure: Structure) -> list[str]:
    return [
        f"SET LOCAL search_path = {structure.search_path}",
        "SET LOCAL check_function_bodies = off",
        "SET LOCAL row_security = off",
    ]


@pytest.fixture
def either(place: Place) -> Loading:
    """On each major version."""
    return Loading(place.server.url(place.database))


@pytest.fixture
def loading(database: str) -> Loading:
    return Loading(database)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", PAGE)
