"""Databases in Snowflake for tests: in the double, or in a real account where one is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

    from branch_toolkit_tests.snowflake_double import Double

_PREFIX = "BRANCH_TOOLKIT_TEST_SNOWFLAKE_"
_FIELDS = ("ACCOUNT", "USER", "PASSWORD", "ROLE", "WAREHOUSE")
_SAID = "of a double only: no Snowflake account of which this can be asked"


@dataclass(frozen=True)
class SnowflakeDatabase:
    """A database of a test's own.

    Args:
        name: Its name.
        connection_args: What `snowflake.connector.connect` needs to come to the account.
        double: The double that it is in; None in a real account.
    """

    name: str
    connection_args: Mapping[str, Any]
    double: Double | None = None

    @property
    def resource_args(self) -> dict[str, Any]:
        """What dagster's SnowflakeResource needs to come to this database."""
        args = {**self.connection_args, "database": self.name}
        known = ("account", "user", "password", "role", "warehouse", "database")
        fields = {key: args.pop(key) for key in known if key in args}
        if "private_key_file" in args:
            fields["private_key_path"] = args.pop("private_key_file")
        return {**fields, "additional_snowflake_connection_args": args} if args else fields

    @contextmanager
    def connect(
        self, *, role: str | None = None, schema: str | None = None
    ) -> Iterator[SnowflakeConnection]:
        """A connection to it."""
        args = {**self.connection_args, "database": self.name}
        args |= {"role": role} if role is not None else {}
        args |= {"schema": schema} if schema is not None else {}
        connection = _connect(args)
        try:
            yield connection
        finally:
            connection.close()

    def run(self, sql: str, *, role: str | None = None) -> list[tuple[Any, ...]]:
        """Executes one statement."""
        with self.connect(role=role) as connection:
            return connection.cursor().execute(sql).fetchall()  # type: ignore[union-attr]


class Asking:
    """A session that is asked one statement after the other."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self.connection = connection

    def __call__(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that a statement answers."""
        return self.connection.cursor().execute(sql).fetchall()  # type: ignore[union-attr]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The same by the names of their columns."""
        cursor = self.connection.cursor()
        found = cursor.execute(sql).fetchall()  # type: ignore[union-attr]
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def column(self, sql: str, name: str = "name") -> list[Any]:
        """One of their columns."""
        return [row[name] for row in self.rows(sql)]


def pytest_configure(config: pytest.Config) -> None:
    """Says of the double that what DuckDB warns fakesnow of is no concern of the tests."""
    config.addinivalue_line("filterwarnings", "ignore:Arrow output on a DB-API result")


@pytest.fixture(scope="session")
def snowflake_double() -> Iterator[Double]:
    """The double; one for all tests of a process."""
    if sys.version_info < (3, 11):
        pytest.skip("fakesnow, which the Snowflake double stands on, needs Python 3.11")
    from branch_toolkit_tests.snowflake_double import start_double

    with start_double() as double:
        yield double


@pytest.fixture
def snowflake_database(request: pytest.FixtureRequest) -> Iterator[SnowflakeDatabase]:
    """A database of the test's own."""
    yield from own_snowflake_database(request)


@pytest.fixture
def ask(snowflake_database: SnowflakeDatabase) -> Iterator[Asking]:
    """A session in a schema A of the test's own database."""
    with snowflake_database.connect() as connection:
        asking = Asking(connection)
        asking("CREATE SCHEMA A")
        yield asking


def own_snowflake_database(request: pytest.FixtureRequest) -> Iterator[SnowflakeDatabase]:
    """Makes a database for one test, in the double or in the account that the environment names."""
    args, double = _account(), None
    if args is None:
        double = request.getfixturevalue("snowflake_double")
        args = double.connection_args
    name = f"{'T' if double else 'BRANCH_TOOLKIT_TEST'}_{os.urandom(4).hex().upper()}"
    database = SnowflakeDatabase(name, args, double)
    with _connect(args) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name}")
        try:
            yield database
        finally:
            if double is not None:
                double.middleware = None
                double.metrics_readable = True
            connection.cursor().execute(f"DROP DATABASE IF EXISTS {name}")


def double_of(database: SnowflakeDatabase) -> Double:
    """The double that a test's database is in; a test that needs it is skipped without one."""
    if database.double is None:
        pytest.skip(_SAID)
    return database.double


def _account() -> dict[str, Any] | None:
    given = {
        field.lower(): os.environ[_PREFIX + field]
        for field in _FIELDS
        if os.environ.get(_PREFIX + field)
    }
    if "account" not in given:
        return None
    key = os.environ.get(f"{_PREFIX}PRIVATE_KEY_PATH")
    return {**given, **({"private_key_file": key} if key else {})}


def _connect(args: Mapping[str, Any]) -> SnowflakeConnection:
    # Not above: it takes half a second, in every run of any test.
    import snowflake.connector

    return snowflake.connector.connect(**args)
