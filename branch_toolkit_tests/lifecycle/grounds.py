"""The two warehouses that the machine runs on, and how the test looks into them past the port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from branch_toolkit.core.environment import Environment
from branch_toolkit.warehouses import Warehouse
from branch_toolkit.warehouses.memory import MemoryWarehouse
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit.warehouses.postgres.connection import create_engine
from branch_toolkit.warehouses.postgres.owning import own_by_itself, place_in

BASE = {"analytics": {"orders": [1, 2], "items": [3]}}
WRITTEN = "orders"
"""The table that branches, and base, write to."""


class Held(NamedTuple):
    """A schema: its comment, and the numbers in each of its tables, in order."""

    comment: str | None
    tables: dict[str, list[int]]


class Ground(Protocol):
    """A warehouse, and a view of it that does not go through the port."""

    bases: tuple[str, ...]

    def warehouse(self) -> Warehouse:
        """The warehouse, as it is at the beginning."""

    def look(self) -> dict[str, Held]:
        """Every schema."""

    def create(self, schema: str, *, comment: str | None) -> None:
        """Makes a schema with a table that is not ours."""

    def comment(self, schema: str, text: str | None) -> None:
        """Sets a schema's comment."""

    def add_table(self, schema: str, table: str, number: int) -> None:
        """Makes a table with a row."""

    def insert(self, schema: str, number: int) -> None:
        """Adds a row to the table that is written to."""

    def own(self, environment: Environment, base: str) -> None:
        """Makes that table a branch's own, as its resource does before it writes."""

    def end_sessions(self) -> None:
        """Has the server end the sessions of all who work on environments."""


class MemoryGround:
    """The fake that ships, with two base schemas."""

    bases = ("analytics", "staging")

    def warehouse(self) -> Warehouse:
        content = dict.fromkeys(self.bases, BASE["analytics"])
        self._warehouse = MemoryWarehouse()
        for name, tables in content.items():
            self._warehouse.add_schema(
                name, {table: [{"n": n} for n in rows] for table, rows in tables.items()}
            )
        return self._warehouse

    def look(self) -> dict[str, Held]:
        return {
            name: Held(
                schema.comment,
                {table: sorted(row["n"] for row in rows) for table, rows in schema.tables.items()},
            )
            for name, schema in self._warehouse.held.items()
        }

    def create(self, schema: str, *, comment: str | None) -> None:
        self._warehouse.add_schema(schema, {"theirs": [{"n": 7}]})
        self.comment(schema, comment)

    def comment(self, schema: str, text: str | None) -> None:
        self._warehouse.held[schema].comment = text

    def add_table(self, schema: str, table: str, number: int) -> None:
        self._warehouse.held[schema].tables[table] = [{"n": number}]

    def insert(self, schema: str, number: int) -> None:
        self._warehouse.held[schema].tables[WRITTEN].append({"n": number})

    def own(self, environment: Environment, base: str) -> None:
        """A table in memory is a copy from the beginning."""

    def end_sessions(self) -> None:
        """In memory there are none."""


class PostgresGround:
    """A real database, with one base schema.

    Args:
        url: The database. It is the machine's alone.
    """

    bases = ("analytics",)

    def __init__(self, url: str) -> None:
        self._url = url
        dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._adapter = PostgresAdapter(create_engine(url), patience=20.0)

    def close(self) -> None:
        """Closes the connection that looks."""
        self._connection.close()

    def warehouse(self) -> Warehouse:
        for name in self._names():
            self._run("DROP SCHEMA {} CASCADE", sql.Identifier(name))
        self._run("CREATE SCHEMA analytics")
        for table, rows in BASE["analytics"].items():
            self._run("CREATE TABLE {} (n int PRIMARY KEY)", sql.Identifier("analytics", table))
            for number in rows:
                self._insert("analytics", table, number)
        return self._adapter

    def look(self) -> dict[str, Held]:
        found = {name: Held(comment, {}) for name, comment in self._comments()}
        relations = self._run(
            "SELECT relnamespace::regnamespace::text, relname FROM pg_class"
            " WHERE relkind IN ('r', 'v') AND relnamespace::regnamespace::text = ANY ({})",
            sql.Literal(list(found)),
        )
        for schema, table, rows in self._rows(relations):
            found[schema].tables[table] = rows or []
        return found

    def create(self, schema: str, *, comment: str | None) -> None:
        self._run("CREATE SCHEMA {}", sql.Identifier(schema))
        self.add_table(schema, "theirs", 7)
        self.comment(schema, comment)

    def comment(self, schema: str, text: str | None) -> None:
        self._run("COMMENT ON SCHEMA {} IS {}", sql.Identifier(schema), sql.Literal(text))

    def add_table(self, schema: str, table: str, number: int) -> None:
        self._run("CREATE TABLE {} (n int PRIMARY KEY)", sql.Identifier(schema, table))
        self._insert(schema, table, number)

    def insert(self, schema: str, number: int) -> None:
        self._insert(schema, WRITTEN, number)

    def own(self, environment: Environment, base: str) -> None:
        own_by_itself(self._url, place_in(environment, base), WRITTEN, rows=True, lock_timeout=5.0)

    def end_sessions(self) -> None:
        self._run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'branch_toolkit' AND datname = current_database()"
        )

    def _insert(self, schema: str, table: str, number: int) -> None:
        name = sql.Identifier(schema, table)
        self._run("INSERT INTO {} VALUES ({})", name, sql.Literal(number))

    def _names(self) -> list[str]:
        return [name for name, _ in self._comments()]

    def _comments(self) -> list[tuple[Any, ...]]:
        return self._run(
            "SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace"
            " WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')"
        )

    def _rows(self, relations: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        queries = [
            sql.SQL("SELECT {}, {}, (SELECT array_agg(n ORDER BY n) FROM {})").format(
                sql.Literal(schema), sql.Literal(table), sql.Identifier(schema, table)
            )
            for schema, table in relations
        ]
        return self._run("{}", sql.SQL(" UNION ALL ").join(queries)) if queries else []

    def _run(self, statement: str, *values: sql.Composable) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(sql.SQL(statement).format(*values))
        return cursor.fetchall() if cursor.description else []
