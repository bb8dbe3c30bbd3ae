"""A small production on the double, and what a branch's clone of it has to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import snowflake.connector
from snowflake.connector import SnowflakeConnection

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.errors import EnvironmentNotFound
from branch_toolkit.core.plan import Report
from branch_toolkit.core.strategy import Rule
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.snowflake.adapter import SnowflakeAdapter
from branch_toolkit.warehouses.snowflake.locking import is_lock
from branch_toolkit_tests.snowflake_double import Double
from branch_toolkit_tests.snowflake_double.model import Schema
from branch_toolkit_tests.snowflakes import SnowflakeDatabase, double_of

NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
BASE = "SALES"
CLONE = "SALES__PR_42"
READER = "READER"
OWN_WORK = "the branch's own"

_ROWS = {"ORDERS": [(1, 10), (2, 20)], "CUSTOMERS": [("Ada",), ("Grace",)]}
_BASE = (
    "CREATE ROLE IF NOT EXISTS {reader}",
    "CREATE SCHEMA {base}",
    "CREATE SEQUENCE {base}.IDS",
    "CREATE TABLE {base}.ORDERS (ID NUMBER DEFAULT {base}.IDS.NEXTVAL, AMOUNT NUMBER)",
    "INSERT INTO {base}.ORDERS VALUES (1, 10), (2, 20)",
    "CREATE TABLE {base}.CUSTOMERS (NAME VARCHAR)",
    "INSERT INTO {base}.CUSTOMERS VALUES ('Ada'), ('Grace')",
    "CREATE VIEW {base}.TOTALS AS SELECT SUM(AMOUNT) AS TOTAL FROM {base}.ORDERS",
    "GRANT USAGE ON SCHEMA {base} TO ROLE {reader}",
)


def branch(number: int = 42) -> Branch:
    """A branch with a pull request."""
    return Branch(key=BranchKey(number=number), name=f"feature/{number}", repository="acme/shop")


@dataclass(frozen=True)
class Scene:
    """A database of the double's with one base schema.

    Args:
        double: The double.
        database: The database.
        options: What the adapter is opened with.
        rules: How tables get into clones.
    """

    double: Double
    database: str
    options: dict[str, Any] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, database: SnowflakeDatabase, **options: Any) -> Scene:
        """A scene in a test's own database, with the base schema made."""
        scene = cls(double_of(database), database.name, options)
        names = {"base": f"{database.name}.{BASE}", "reader": READER}
        scene.run(*(text.format(**names) for text in _BASE))
        return scene

    def connect(self) -> SnowflakeConnection:
        """A connection to the double, which does not pause before it repeats a request."""
        return snowflake.connector.connect(
            **self.double.connection_args, database=self.database, backoff_policy=_at_once
        )

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Executes statements as anybody would, and returns the rows of the last."""
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                rows: list[tuple[Any, ...]] = cursor.execute(statement).fetchall()  # type: ignore[union-attr,assignment]
        return rows

    # What is done.

    @contextmanager
    def environments(self, **options: Any) -> Iterator[Environments]:
        """The environments, on a connection of their own."""
        options = {**self.options, **options}
        with SnowflakeAdapter.connect(self.connect, database=self.database, **options) as adapter:
            yield Environments(adapter, Project(), (BASE.lower(),), self.rules)

    def provision(self, number: int = 42, *, refresh: bool = False, **options: Any) -> Report:
        """Provisions a branch's environment."""
        with self.environments(**options) as environments:
            return environments.provision(branch(number), now=NOW, refresh=refresh)

    def refresh(self) -> Report:
        """Refreshes the environment of #42."""
        return self.provision(refresh=True)

    def retire(self, number: int = 42, **options: Any) -> Report:
        """Retires an environment, due at once."""
        with self.environments(**options) as environments:
            return environments.retire(
                f"pr_{number}", because="merged", grace=timedelta(0), now=NOW
            )

    def restore(self) -> Report:
        """Restores the environment of #42."""
        with self.environments() as environments:
            return environments.restore("pr_42", now=NOW)

    def drop(self, number: int = 42) -> Report | None:
        """Drops an environment; None where there is none."""
        with self.environments() as environments:
            try:
                return environments.drop(f"pr_{number}", now=NOW)
            except EnvironmentNotFound:
                return None

    def work_in_branch(self) -> None:
        """Writes what base does not have."""
        self.run(f"INSERT INTO {self.database}.{CLONE}.CUSTOMERS VALUES ($${OWN_WORK}$$)")

    def let_locks_lapse(self) -> None:
        """Moves the locks that are held into the past, as if their leases were over."""
        for name, schema in self.schemas.items():
            if is_lock(name):
                schema.created_on -= timedelta(days=1)

    # What there is, seen past the adapter.

    @property
    def schemas(self) -> dict[str, Schema]:
        """The schemas of the database, as the double has them."""
        return self.double.account.databases[self.database].schemas

    @property
    def made(self) -> set[str]:
        """The schemas beside base."""
        return set(self.schemas) - {BASE, "PUBLIC"}

    @property
    def locks(self) -> list[str]:
        """The locks that are held."""
        return [name for name in self.made if is_lock(name)]

    def base(self) -> tuple[Any, ...]:
        """What base is: its comment, grants, objects, and the version that each table has."""
        return _picture(self.schemas[BASE])

    def environment(self) -> Environment | None:
        """The environment of #42, if there is one; all that is marked must be provably ours."""
        with self.environments() as environments:
            inventory = environments.inventory()
        assert inventory.refused == ()
        return inventory.of(BranchKey(number=42))

    def customers(self, schema: str = CLONE) -> set[str]:
        """The customers in a schema."""
        return {
            name for (name,) in self.run(f"SELECT NAME FROM {self.database}.{schema}.CUSTOMERS")
        }

    def assert_nothing_unmarked(self) -> None:
        """Fails if there is anything beside base that nobody can tell for ours."""
        with self.environments() as environments:
            inventory = environments.inventory()
        known = {clone.name for found in inventory.environments for clone in found.clones}
        known |= {clone.name for clone in inventory.debris}
        assert self.made <= known | set(self.locks)
        assert inventory.refused == ()

    def assert_whole(self, clone: str = CLONE) -> None:
        """Fails unless a clone has all that base has, and leads to itself alone."""
        found = self.schemas[clone]
        assert '"condition": null' in found.comment
        assert set(found.things) == set(self.schemas[BASE].things)
        for table, rows in _ROWS.items():
            assert self.run(f"SELECT * FROM {self.database}.{clone}.{table} ORDER BY 1") == rows
        assert clone in found.things["TABLE", "TOTALS"].text
        assert f"{BASE}." not in found.things["TABLE", "TOTALS"].text
        assert f"{clone}.IDS" in str(found.things["TABLE", "ORDERS"].details["columns"][0].default)
        assert ("USAGE", READER) in {(grant.privilege, grant.role) for grant in found.grants}

    def assert_only(self, *clones: str) -> None:
        """Fails unless these clones, whole, are all there is beside base and locks."""
        assert self.made - set(self.locks) == set(clones)
        for clone in clones:
            self.assert_whole(clone)


def _picture(schema: Schema) -> tuple[Any, ...]:
    objects = [
        (thing.key, thing.owner, thing.text, thing.details.get("at"), _grants(thing.grants))
        for thing in schema.things.values()
    ]
    return (schema.comment, schema.owner, schema.created_on, _grants(schema.grants), objects)


def _grants(grants: list[Any]) -> list[tuple[str, str]]:
    return sorted((grant.privilege, grant.role) for grant in grants)


def _at_once() -> Iterator[int]:
    while True:
        yield 0


Act = Callable[[Scene], Any]
