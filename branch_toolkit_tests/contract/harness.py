"""What the contract suite needs of each warehouse beside the port: to set a scene and to look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from branch_toolkit.core.mark import Mark, decode, encode
from branch_toolkit.core.names import SEPARATOR, SNOWFLAKE, half_name
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses import Warehouse
from branch_toolkit.warehouses.memory import MemoryWarehouse
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit.warehouses.postgres.tables_mode.adapter import TablesAdapter
from branch_toolkit.warehouses.postgres.tables_mode.names import member_name
from branch_toolkit_tests.tables_mode import BRANCHES, as_reader, prepare_tables_mode

if TYPE_CHECKING:
    from branch_toolkit_tests.snowflakes import SnowflakeDatabase

Tables = Mapping[str, Sequence[int]]
"""The numbers in each table's only column."""


class Harness(Protocol):
    """A warehouse, and a view of it that does not go through the port.

    Schemas are named as the warehouse has them; see `name`.
    """

    def name(self, text: str) -> str:
        """What the warehouse calls the schema that a user, or we for a clone, would write so."""

    def open(self) -> AbstractContextManager[Warehouse]:
        """The warehouse."""

    def create(self, schema: str, tables: Tables) -> None:
        """Makes a schema that is not ours."""

    def drop(self, schema: str) -> None:
        """Drops a schema behind our back."""

    def insert(self, schema: str, table: str, number: int) -> None:
        """Adds a row."""

    def comment(self, schema: str, text: str | None) -> None:
        """Sets a schema's comment."""

    def content(self) -> dict[str, tuple[str | None, dict[str, list[int]]]]:
        """Every schema's comment and tables."""

    def read(self, schema: str, table: str) -> list[int]:
        """What a query of a table, or of what stands for it, finds."""


def make_half(environments: Environments, harness: Harness, mark: Mark, condition: str) -> str:
    """Makes half a clone by hand, as a run that was killed leaves it, and says its name."""
    name = half_name(mark.clone, condition, dialect=environments.warehouse.dialect)
    harness.create(name, {"orders": [1]})
    [facts] = environments.warehouse.schemas(marked=False, names=[name])
    half = replace(mark.half(condition, name=name), stamp=facts.stamp)
    harness.comment(name, encode(half))
    return name


class MemoryHarness:
    """The fake that ships."""

    def __init__(self) -> None:
        self.warehouse = MemoryWarehouse()

    def name(self, text: str) -> str:
        return text

    def open(self) -> AbstractContextManager[Warehouse]:
        from contextlib import nullcontext

        return nullcontext(self.warehouse)

    def create(self, schema: str, tables: Tables) -> None:
        self.warehouse.add_schema(
            schema, {table: [{"n": number} for number in rows] for table, rows in tables.items()}
        )

    def drop(self, schema: str) -> None:
        del self.warehouse.held[schema]

    def insert(self, schema: str, table: str, number: int) -> None:
        self.warehouse.held[schema].tables[table].append({"n": number})

    def comment(self, schema: str, text: str | None) -> None:
        self.warehouse.held[schema].comment = text

    def content(self) -> dict[str, tuple[str | None, dict[str, list[int]]]]:
        return {
            name: (
                schema.comment,
                {table: sorted(row["n"] for row in rows) for table, rows in schema.tables.items()},
            )
            for name, schema in self.warehouse.held.items()
        }

    def read(self, schema: str, table: str) -> list[int]:
        return sorted(row["n"] for row in self.warehouse.held[schema].tables[table])


class PostgresHarness:
    """A real database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def name(self, text: str) -> str:
        return text

    def open(self) -> AbstractContextManager[Warehouse]:
        return PostgresAdapter.connect(self.url)

    def create(self, schema: str, tables: Tables) -> None:
        self._run(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        for table, rows in tables.items():
            name = sql.Identifier(schema, table)
            self._run(sql.SQL("CREATE TABLE {} (n int PRIMARY KEY)").format(name))
            for number in rows:
                self.insert(schema, table, number)

    def drop(self, schema: str) -> None:
        self._run(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))

    def insert(self, schema: str, table: str, number: int) -> None:
        name = sql.Identifier(schema, table)
        self._run(sql.SQL("INSERT INTO {} VALUES ({})").format(name, sql.Literal(number)))

    def comment(self, schema: str, text: str | None) -> None:
        self._run(
            sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(schema), sql.Literal(text))
        )

    def content(self) -> dict[str, tuple[str | None, dict[str, list[int]]]]:
        schemas = self._run(
            "SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace"
            " WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')"
        )
        return {name: (comment, self._tables(name)) for name, comment in schemas}

    def read(self, schema: str, table: str) -> list[int]:
        name = sql.Identifier(schema, table)
        return [n for (n,) in self._run(sql.SQL("SELECT n FROM {} ORDER BY 1").format(name))]

    def _tables(self, schema: str) -> dict[str, list[int]]:
        tables = self._run(
            sql.SQL("SELECT tablename FROM pg_tables WHERE schemaname = {}").format(
                sql.Literal(schema)
            )
        )
        return {table: self.read(schema, table) for (table,) in tables}

    def _run(self, statement: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


class TablesHarness(PostgresHarness):
    """A real database in tables mode, with groups of tables in the part of schemas.

    The warehouse is opened as a role that may make no schema and only reads base. What is made by
    hand beside base is made by that same role, so that nothing but marks protects it.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        prepare_tables_mode(url, [])
        self._reader = as_reader(url)
        self._known: set[str] = set()

    def open(self) -> AbstractContextManager[Warehouse]:
        return TablesAdapter.connect(self._reader, branch_schema=BRANCHES)

    def create(self, schema: str, tables: Tables) -> None:
        self._known |= set(tables)
        if "__pr_" not in schema:
            super().create(schema, tables)
            prepare_tables_mode(self.url, [schema])
            return
        self._create_as_reader(schema, "")
        for table, rows in tables.items():
            self._create_as_reader(member_name(schema, table), "n int PRIMARY KEY")
            for number in rows:
                self.insert(schema, table, number)

    def drop(self, schema: str) -> None:
        tables = [schema, *(member_name(schema, table) for table in self._tables_of(schema))]
        for table in tables:
            self._run(sql.SQL("DROP TABLE {}").format(sql.Identifier(BRANCHES, table)))

    def insert(self, schema: str, table: str, number: int) -> None:
        place = (schema, table)
        if "__pr_" in schema:
            place = (BRANCHES, member_name(schema, table))
        super().insert(*place, number)

    def comment(self, schema: str, text: str | None) -> None:
        if "__pr_" not in schema:
            self._create_as_reader(schema, "")
        name, comment = sql.Identifier(BRANCHES, schema), sql.Literal(text)
        self._run(sql.SQL("COMMENT ON TABLE {} IS {}").format(name, comment))

    def content(self) -> dict[str, tuple[str | None, dict[str, list[int]]]]:
        content = super().content()
        del content[BRANCHES]
        for name, (comment, columns) in self._in_branches().items():
            if not columns and name not in content:
                content[name] = (comment, {t: self.read(name, t) for t in self._tables_of(name)})
        return content

    def read(self, schema: str, table: str) -> list[int]:
        there = self._in_branches()
        if schema not in there or "__pr_" not in schema:
            return super().read(schema, table)
        own = member_name(schema, table)
        if own in there:
            return super().read(BRANCHES, own)
        return super().read(decode(there[schema][0]).base_schema, table)

    def _tables(self, schema: str) -> dict[str, list[int]]:
        return {} if schema == BRANCHES else super()._tables(schema)

    def _tables_of(self, group: str) -> list[str]:
        there = self._in_branches()
        return [table for table in self._known if member_name(group, table) in there]

    def _in_branches(self) -> dict[str, tuple[str | None, int]]:
        rows = self._run(
            sql.SQL(
                "SELECT relname, obj_description(oid, 'pg_class'), relnatts FROM pg_class"
                " WHERE relnamespace = {}::regnamespace AND relkind = 'r'"
            ).format(sql.Literal(BRANCHES))
        )
        return {name: (comment, columns) for name, comment, columns in rows}

    def _create_as_reader(self, name: str, columns: str) -> None:
        statement = sql.SQL("SET ROLE {}; CREATE TABLE {} ({}); RESET ROLE").format(
            sql.Identifier(str(make_url(self._reader).username)),
            sql.Identifier(BRANCHES, name),
            sql.SQL(columns),
        )
        self._run(statement)


class SnowflakeHarness:
    """A database in Snowflake, or in its double."""

    def __init__(self, database: SnowflakeDatabase, connection: Any) -> None:
        self.database = database
        self._connection = connection

    @classmethod
    @contextmanager
    def over(cls, database: SnowflakeDatabase) -> Iterator[SnowflakeHarness]:
        """With a connection of its own, to look."""
        with database.connect() as connection:
            connection.cursor().execute("DROP SCHEMA IF EXISTS PUBLIC")
            yield cls(database, connection)

    def name(self, text: str) -> str:
        base, separator, tail = text.partition(SEPARATOR)
        return SNOWFLAKE.fold(base) + separator + tail.upper()

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        import snowflake.connector

        from branch_toolkit.warehouses.snowflake.adapter import SnowflakeAdapter

        args = {**self.database.connection_args, "database": self.database.name}
        with SnowflakeAdapter.connect(
            lambda: snowflake.connector.connect(**args), database=self.database.name
        ) as warehouse:
            yield warehouse

    def create(self, schema: str, tables: Tables) -> None:
        name = self.name(schema)
        self._run(f"CREATE SCHEMA {_quoted(name)}")
        for table, rows in tables.items():
            self._run(f"CREATE TABLE {_quoted(name, table)} (N INT PRIMARY KEY)")
            for number in rows:
                self.insert(name, table, number)

    def drop(self, schema: str) -> None:
        self._run(f"DROP SCHEMA {_quoted(self.name(schema))} CASCADE")

    def insert(self, schema: str, table: str, number: int) -> None:
        self._run(f"INSERT INTO {_quoted(self.name(schema), table)} VALUES ({number})")

    def comment(self, schema: str, text: str | None) -> None:
        value = (text or "").replace("\\", "\\\\").replace("'", "''")
        self._run(f"ALTER SCHEMA {_quoted(self.name(schema))} SET COMMENT = '{value}'")

    def content(self) -> dict[str, tuple[str | None, dict[str, list[int]]]]:
        # https://docs.snowflake.com/en/sql-reference/sql/show-schemas: name 2nd, comment 7th.
        rows = self._run(f"SHOW SCHEMAS IN DATABASE {self.database.name}")
        found = {row[1]: row[6] or None for row in rows if row[1] != "INFORMATION_SCHEMA"}
        return {name: (comment, self._tables(name)) for name, comment in found.items()}

    def read(self, schema: str, table: str) -> list[int]:
        rows = self._run(f"SELECT N FROM {_quoted(self.name(schema), table)} ORDER BY 1")
        return [int(number) for (number,) in rows]

    def _tables(self, schema: str) -> dict[str, list[int]]:
        rows = self._run(f"SHOW TABLES IN SCHEMA {_quoted(schema)}")
        return {row[1]: self.read(schema, row[1]) for row in rows}

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._connection.cursor().execute(sql).fetchall()
        return rows


def _quoted(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
