"""A small production with everything that a half-made clone could get wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.strategy import COPY_ALL, Rule
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit.warehouses.postgres.connection import create_engine
from branch_toolkit_demo.production import checksum

NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
SCHEMAS = ("analytics", "staging")
CLONES = ("analytics__pr_42", "staging__pr_42")
BRANCH = Branch(key=BranchKey(number=42), name="feature/x", repository="acme/pipelines")
_TABLES = 6
_ROWS = 4000


@dataclass(frozen=True)
class Scene:
    """A database with two base schemas that refer to each other.

    Args:
        url: The database.
        rules: How tables get into clones.
    """

    url: str
    rules: tuple[Rule, ...] = (COPY_ALL,)

    def build(self) -> Scene:
        """Makes the base schemas."""
        with self.connect() as connection:
            connection.execute("CREATE SCHEMA staging; CREATE SCHEMA analytics")
            connection.execute("CREATE TYPE analytics.mood AS ENUM ('sad', 'happy')")
            for number in range(_TABLES):
                connection.execute(_table("staging", number))
                connection.execute(_table("analytics", number))
                connection.execute(_reference(number))
            connection.execute(
                "CREATE VIEW analytics.totals AS SELECT a.mood, count(*) AS n"
                " FROM analytics.t0 a JOIN staging.t0 s USING (id) GROUP BY 1"
            )
        return self

    def connect(self) -> psycopg.Connection[Any]:
        """A connection that commits each statement."""
        url = make_url(self.url).set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    def environments(self, *, lock_timeout: float = 5.0) -> Environments:
        """The environments, on connections of their own."""
        adapter = PostgresAdapter(create_engine(self.url), lock_timeout=lock_timeout)
        return Environments(adapter, Project(), SCHEMAS, self.rules)

    def provision(self, *, refresh: bool = False) -> Any:
        """Provisions the environment of #42."""
        return self.environments().provision(BRANCH, now=NOW, refresh=refresh)

    def retire(self) -> Any:
        """Retires it, due at once."""
        return self.environments().retire("pr_42", because="test", grace=timedelta(0), now=NOW)

    def drop(self) -> Any:
        """Drops it."""
        return self.environments().drop("pr_42", now=NOW)

    def environment(self) -> Environment | None:
        """The environment of #42, if there is one; all that is marked must be provably ours."""
        inventory = self.environments().inventory()
        assert inventory.refused == ()
        return inventory.of(BRANCH.key)

    def schemas(self) -> set[str]:
        """The schemas beside base that any other session sees now."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'"
                " AND nspname NOT IN ('public', 'information_schema')"
            )
            return {name for (name,) in rows} - set(SCHEMAS)

    def base(self) -> tuple[str, ...]:
        """What base is, in structure and rows."""
        return tuple(checksum(self.url, schema) for schema in SCHEMAS)

    def assert_whole_or_absent(self) -> None:
        """Fails if a clone is visible that is not all there."""
        schemas = self.schemas()
        assert schemas in (set(), set(CLONES)), f"half an environment is visible: {schemas}"
        environment = self.environment()
        assert (environment is not None) == bool(schemas), "a clone without a mark"
        if schemas:
            self.assert_complete()

    def assert_complete(self) -> None:
        """Fails unless the clones have every table, row, key and view of base."""
        for base, clone in zip(SCHEMAS, CLONES, strict=True):
            assert self._content(clone) == self._content(base)

    def settle(self) -> None:
        """Waits until the server has noticed that clients are gone."""
        with self.connect() as connection:
            for _ in range(200):
                others = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                ).fetchone()
                if others == (0,):
                    return
                connection.execute("SELECT pg_sleep(0.05)")
        raise AssertionError("a killed client's backend works on")

    def _content(self, schema: str) -> dict[str, Any]:
        with self.connect() as connection:
            objects = connection.execute(_OBJECTS, {"schema": schema}).fetchall()
            tables = [name for kind, name in objects if kind in ("r", "v")]
            return {
                "objects": objects,
                "rows": {table: _fingerprint(connection, schema, table) for table in tables},
            }


_OBJECTS = """
    SELECT relkind::text, relname::text FROM pg_class
    WHERE relnamespace = to_regnamespace(%(schema)s)
    UNION ALL
    SELECT 'constraint ' || contype::text, conname::text FROM pg_constraint
    WHERE connamespace = to_regnamespace(%(schema)s)
    ORDER BY 1, 2
"""


def _table(schema: str, number: int) -> sql.Composed:
    name = sql.Identifier(schema, f"t{number}")
    extra = sql.SQL(
        ", mood analytics.mood DEFAULT 'happy'" if schema == "analytics" else ", note text"
    )
    return sql.SQL(
        "CREATE TABLE {name} (id serial PRIMARY KEY, amount numeric(12, 2) CHECK (amount >= 0)"
        " {extra}); INSERT INTO {name} (amount) SELECT n FROM generate_series(1, {rows}) n;"
        " CREATE INDEX ON {name} (amount)"
    ).format(name=name, extra=extra, rows=sql.Literal(_ROWS))


def _reference(number: int) -> str:
    return f"ALTER TABLE analytics.t{number} ADD FOREIGN KEY (id) REFERENCES staging.t{number} (id)"


def _fingerprint(connection: psycopg.Connection[Any], schema: str, table: str) -> Any:
    name = sql.Identifier(schema, table)
    query = sql.SQL("SELECT count(*), sum(hashtext(t::text)::bigint) FROM {} t").format(name)
    return connection.execute(query).fetchone()
