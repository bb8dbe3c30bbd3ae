"""An account of the double's in which whole databases are cloned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import snowflake.connector
from snowflake.connector import SnowflakeConnection

from branch_toolkit.core.branch import BranchKey, Project
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.plan import Report
from branch_toolkit.core.strategy import Rule
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.snowflake.adapter import SnowflakeAdapter
from branch_toolkit.warehouses.snowflake.locking import is_lock
from branch_toolkit_tests.snowflake.scene import NOW, branch
from branch_toolkit_tests.snowflake_double import Double
from branch_toolkit_tests.snowflake_double.model import Database
from branch_toolkit_tests.snowflakes import SnowflakeDatabase, double_of

_PRODUCTION = (
    "CREATE SCHEMA {base}.ANALYTICS",
    "CREATE SCHEMA {base}.STAGING WITH MANAGED ACCESS",
    "CREATE SEQUENCE {base}.STAGING.IDS",
    "CREATE TABLE {base}.ANALYTICS.ORDERS (ID NUMBER DEFAULT {base}.STAGING.IDS.NEXTVAL, N INT)",
    "INSERT INTO {base}.ANALYTICS.ORDERS VALUES (1, 10), (2, 20)",
    "CREATE TABLE {base}.STAGING.LOG (N INT)",
    "CREATE VIEW {base}.ANALYTICS.TOTALS AS SELECT SUM(O.N) AS N FROM {base}.ANALYTICS.ORDERS O",
    "CREATE VIEW {base}.STAGING.AGAIN AS SELECT TOTALS.N FROM ANALYTICS.TOTALS",
    (
        "CREATE FUNCTION {base}.STAGING.F() RETURNS INT"
        " AS 'select max(n) from {base}.ANALYTICS.ORDERS'"
    ),
    "CREATE TASK {base}.STAGING.WRITES AS INSERT INTO {base}.STAGING.LOG VALUES (1)",
    "CREATE TASK {base}.STAGING.STAYS AS INSERT INTO LOG VALUES (1)",
    "CREATE ROLE IF NOT EXISTS READER",
    "GRANT USAGE ON DATABASE {base} TO ROLE READER",
    "GRANT USAGE ON SCHEMA {base}.ANALYTICS TO ROLE READER",
)


@dataclass(frozen=True)
class Account:
    """The double's account, with a database of this test's own as production.

    Args:
        double: The double.
        base: The database.
    """

    double: Double
    base: str

    @classmethod
    @contextmanager
    def of(cls, database: SnowflakeDatabase) -> Iterator[Account]:
        """The account, with production made; what is left at the end is taken out of it."""
        account = cls(double_of(database), database.name)
        account.run(*(text.format(base=database.name) for text in _PRODUCTION))
        try:
            yield account
        finally:
            for name in (*account.made, *filter(is_lock, account.databases)):
                account.databases.pop(name, None)

    @property
    def clone(self) -> str:
        return f"{self.base}__PR_42"

    @property
    def databases(self) -> dict[str, Database]:
        return self.double.account.databases

    @property
    def made(self) -> set[str]:
        return {name for name in self.databases if name.startswith(f"{self.base}_")}

    def connect(self, **changes: Any) -> SnowflakeConnection:
        return snowflake.connector.connect(**{**self.double.connection_args, **changes})

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                rows: list[Any] = cursor.execute(statement).fetchall()  # type: ignore[union-attr]
        return rows

    @contextmanager
    def environments(
        self, *rules: Rule, role: str = "SYSADMIN", **options: Any
    ) -> Iterator[Environments]:
        def connect() -> SnowflakeConnection:
            return self.connect(role=role)

        with SnowflakeAdapter.connect(connect, database=None, **options) as adapter:
            yield Environments(adapter, Project(), (self.base.lower(),), rules)

    def provision(self, *rules: Rule, refresh: bool = False, **options: Any) -> Report:
        asked = {key: options.pop(key) for key in ("schema_only", "as_of") if key in options}
        now = options.pop("now", NOW)
        with self.environments(*rules, **options) as environments:
            return environments.provision(branch(), now=now, refresh=refresh, **asked)

    def retire(self) -> Report:
        with self.environments() as environments:
            return environments.retire("pr_42", because="x", grace=timedelta(0), now=NOW)

    def drop(self) -> Report:
        with self.environments() as environments:
            return environments.drop("pr_42", now=NOW)

    def environment(self) -> Environment | None:
        with self.environments() as environments:
            return environments.inventory().of(BranchKey(number=42))

    def assert_whole(self) -> None:
        """Fails unless the clone has all that base has, and leads to itself alone."""
        assert {name for name in self.databases if is_lock(name)} == set()
        assert self.made == {self.clone}
        clone = self.databases[self.clone]
        assert '"condition": null' in clone.comment
        assert set(clone.schemas) == set(self.databases[self.base].schemas)
        assert self.run(f"SELECT N FROM {self.clone}.STAGING.AGAIN") == [(30,)]
        bodies = [
            thing.text.partition(" AS ")[2]
            for schema in clone.schemas.values()
            for thing in schema.of_kind("VIEW", "FUNCTION")
        ]
        assert len(bodies) == 3
        assert not any(f"{self.base}." in body for body in bodies)

    def since(self, count: int, *openings: str) -> list[str]:
        """The statements since then that begin so, what differs in each run left out."""
        texts = [received.text for received in self.double.statements[count:]]
        texts = [re.sub(r"COMMENT = '.*'", "COMMENT = '…'", text) for text in texts]
        texts = [re.sub(r"BRANCH_TOOLKIT_LOCK__\w+", "L", text) for text in texts]
        texts = [text.replace(self.base, "P") for text in texts]
        return [text for text in texts if text.startswith(openings)]
