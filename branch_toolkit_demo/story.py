"""The main job on Postgres, told and checked step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy

from branch_toolkit.core.branch import Project
from branch_toolkit.core.environment import Environment
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit_demo.production import checksum
from branch_toolkit_demo.site import SCHEMA, Site
from branch_toolkit_demo.telling import CLEANUP, NUMBER, PROVISION, Telling


@dataclass
class Story(Telling):
    """The demo's steps, in order."""

    site: Site

    definitions = "branch_toolkit_demo.definitions"
    asset = "order_priorities"
    clone = f"{SCHEMA}__pr_{NUMBER}"
    sensors = (PROVISION, CLEANUP, "branch_announce_sensor")
    comments = True

    def set_the_scene(self) -> None:
        """See `Telling.set_the_scene`."""
        with self._connection() as connection:
            version: str = connection.exec_driver_sql("SHOW server_version").scalar_one()
            tables = self._count_tables(connection, SCHEMA)
            lines: int = connection.exec_driver_sql(
                "SELECT count(*) FROM analytics.lineitem"
            ).scalar_one()
        self.check(tables == 8 and lines > 0, "production is not loaded")
        self.say(
            f"Production: PostgreSQL {version}, schema [b]{SCHEMA}[/b], TPC-H, {tables} tables,"
            f" {lines:,} line items."
        )
        self._materialize(self.site.base_environ(), urgent_only=False)
        self.production = self.checksum()
        priorities = self.rows(SCHEMA)
        self.check(len(priorities) == 5, f"production's asset has {len(priorities)} rows")
        self.say(f"Production's asset [b]{self.asset}[/b] has {len(priorities)} rows.")

    def look_at(self, environment: Environment) -> str:
        """See `Telling.look_at`."""
        self.check(environment.tables == 9, f"the clone has {environment.tables} tables")
        self.check(environment.rows == 0, f"{environment.rows} rows were copied")
        return f"{environment.tables} tables, all deferred: not a row was copied."

    def work_in_the_branch(self) -> None:
        """See `Telling.work_in_the_branch`."""
        self._materialize(self.branch_environ(), urgent_only=True)
        ours, theirs = self.rows(self.clone), self.rows(SCHEMA)
        self.check(len(ours) == 1 and len(theirs) == 5, f"{ours} and {theirs}")
        self.check_production()
        self.say(
            f"Materialized in the branch deployment, where [b]{self.asset}[/b] became the"
            f" branch's own at that write: {len(ours)} row in [b]{self.clone}[/b], still"
            f" {len(theirs)} in [b]{SCHEMA}[/b]; production's checksum is unchanged."
        )

    def leave_nothing_behind(self) -> None:
        """See `Telling.leave_nothing_behind`."""
        self.check(not self.environments(), "the inventory is not empty")
        self.check_production()
        with self._connection() as connection:
            schemas = connection.exec_driver_sql(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'"
            )
            found: set[str] = set(schemas.scalars())
            left = found - {SCHEMA, "public", "information_schema"}
        self.check(not left, f"schemas are left: {left}")
        self.say("The inventory is empty, and production is what it was before.")

    def environments(self) -> tuple[Environment, ...]:
        """See `Telling.environments`."""
        with PostgresAdapter.connect(self.site.warehouse_url) as warehouse:
            environments = Environments(warehouse, Project(), (SCHEMA,))
            return environments.inventory().environments

    def rows(self, schema: str) -> list[tuple[str, int]]:
        """See `Telling.rows`."""
        with self._connection() as connection:
            rows = connection.exec_driver_sql(f"SELECT * FROM {schema}.order_priorities ORDER BY 1")
            return [(str(row[0]), int(row[1])) for row in rows]

    def has_clone(self) -> bool:
        """See `Telling.has_clone`."""
        with self._connection() as connection:
            return bool(sqlalchemy.inspect(connection).has_schema(self.clone))

    def checksum(self) -> str:
        """See `Telling.checksum`."""
        return checksum(self.site.warehouse_url, SCHEMA)

    def _materialize(self, environ: dict[str, str], *, urgent_only: bool) -> None:
        config = {"ops": {self.asset: {"config": {"urgent_only": urgent_only}}}}
        self.materialize(environ, "--config-json", json.dumps(config))

    def _count_tables(self, connection: sqlalchemy.Connection, schema: str) -> int:
        return len(sqlalchemy.inspect(connection).get_table_names(schema=schema))

    @contextmanager
    def _connection(self) -> Iterator[sqlalchemy.Connection]:
        engine = sqlalchemy.create_engine(self.site.warehouse_url)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
