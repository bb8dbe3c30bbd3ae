"""dbt in a branch: a real project, built by dbt itself, first in production, then in its clones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from branch_toolkit.core.branch import Branch
from branch_toolkit.core.environment import BranchRoles
from branch_toolkit.core.plan import Report
from branch_toolkit.resources import PostgresWarehouse
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_demo.production import checksum

PROJECT = Path(__file__).parent / "dbt_project"
BASES = ["analytics", "analytics_marts"]
CLONE = "analytics__pr_42"
MARTS = "analytics_marts__pr_42"
NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
_QUIET = ("--no-use-colors", "--no-send-anonymous-usage-stats", "--no-version-check")
_RAW = """
    CREATE SCHEMA analytics; CREATE SCHEMA analytics_marts;
    CREATE TABLE analytics.raw_customers (id integer PRIMARY KEY, name text NOT NULL);
    CREATE TABLE analytics.raw_orders (
        id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES analytics.raw_customers,
        amount numeric(12, 2) NOT NULL, country text NOT NULL
    );
    CREATE TABLE analytics.raw_events (id integer PRIMARY KEY, day date NOT NULL);
    INSERT INTO analytics.raw_customers SELECT n, 'c' || n FROM generate_series(1, 10) n;
    INSERT INTO analytics.raw_orders
    SELECT n, 1 + n % 10, n, 'FR' FROM generate_series(1, 100) n;
    INSERT INTO analytics.raw_events
    SELECT n, '2026-01-01'::date + n % 5 FROM generate_series(1, 100) n;
"""
_NOT_OF_DBT = """
    CREATE VIEW analytics.dashboard AS
    SELECT name, total FROM analytics.customer_totals WHERE total > 100
"""
_BUILT = {
    "stg_orders": "v",
    "large_orders": "v",
    "customer_totals": "r",
    "events_daily": "r",
    "best_customer": "m",
    "countries": "r",
    "order_history": "r",
}


@dataclass(frozen=True)
class Shop:
    """A production that dbt builds, and a branch of it."""

    url: str
    folder: Path
    branch_roles: BranchRoles = BranchRoles.AUTO

    @property
    def warehouse(self) -> PostgresWarehouse:
        return PostgresWarehouse(url=self.url, schemas=BASES, branch_roles=self.branch_roles)

    @property
    def branch(self) -> Branch:
        found = self.warehouse.deployment.branch
        assert found is not None
        return found

    def place(self) -> tuple[str, str]:
        """The schema and the role of this deployment."""
        with self.warehouse.get_connection() as connection:
            found = connection.execute(text("SELECT current_schema, current_user")).one()
            return found[0], found[1]

    def dbt_in_production(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.dbt(*command, schema="analytics", marts="analytics_marts", role="")

    def dbt_in_branch(self, *command: str, marts: str = MARTS) -> subprocess.CompletedProcess[str]:
        schema, role = self.place()
        return self.dbt(*command, schema=schema, marts=marts, role=role)

    def dbt(
        self, *command: str, schema: str, marts: str, role: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs dbt on these schemas; whether it succeeds is the caller's business."""
        url = make_url(self.url)
        options = [
            f"--project-dir={PROJECT}",
            f"--profiles-dir={PROJECT}",
            f"--target-path={self.folder / 'target'}",
            f"--log-path={self.folder / 'logs'}",
        ]
        profile = {
            "DBT_HOST": url.host,
            "DBT_PORT": str(url.port),
            "DBT_USER": url.username,
            "DBT_PASSWORD": url.password,
            "DBT_DATABASE": url.database,
            "DBT_SCHEMA": schema,
            "DBT_SCHEMA_MARTS": marts,
            "DBT_ROLE": role,
        }
        return subprocess.run(
            [str(Path(sys.executable).with_name("dbt")), *_QUIET, *command, *options],
            env={**os.environ, **{name: value or "" for name, value in profile.items()}},
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        dsn = make_url(self.url).set(drivername="postgresql")
        with psycopg.connect(
            dsn.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def provision(self, *, refresh: bool = False) -> Report:
        with self.warehouse.environments() as environments:
            return environments.provision(self.branch, now=NOW, refresh=refresh)

    def retire_and_drop(self) -> None:
        with self.warehouse.environments() as environments:
            environments.retire("pr_42", because="merged", grace=timedelta(0), now=NOW)
            environments.drop("pr_42", now=NOW)

    def kinds(self, schema: str) -> dict[str, str]:
        """`relkind` by name, of what can be read in a schema."""
        return dict(
            self.run(
                "SELECT relname::text, relkind::text FROM pg_class"
                f" WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'v', 'm')"
            )
        )

    def builders(self, schema: str) -> dict[str, str]:
        """The run of dbt that computed a day, by day."""
        return dict(self.run(f"SELECT day::text, built_by FROM {schema}.events_daily"))

    def base(self) -> tuple[str, ...]:
        return tuple(checksum(self.url, schema) for schema in BASES)


def succeeded(done: subprocess.CompletedProcess[str]) -> bool:
    print(done.stdout, done.stderr)
    return done.returncode == 0


@pytest.fixture(scope="module")
def production(
    postgres_18: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a database that dbt has built, to be copied."""
    pytest.importorskip("dbt.adapters.postgres", reason="dbt-postgres is not installed")
    name = f"dbt_production_{os.urandom(2).hex()}"
    postgres_18.create_database(name)
    shop = Shop(postgres_18.url(name), tmp_path_factory.mktemp("dbt"))
    shop.run(_RAW)
    assert succeeded(shop.dbt_in_production("build"))
    shop.run(_NOT_OF_DBT)
    yield name
    postgres_18.drop_database(name)


@pytest.fixture
def branch_roles() -> BranchRoles:
    """Whether the environment has a role, as which dbt then works."""
    return BranchRoles.ON


@pytest.fixture
def shop(
    production: str,
    database: str,
    branch_roles: BranchRoles,
    postgres_18: EmbeddedPostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    """A branch deployment's environment, in which all that dbt made in production is deferred."""
    name = str(make_url(database).database)
    postgres_18.drop_database(name)
    postgres_18.create_database(name, template=production)
    monkeypatch.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
    monkeypatch.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", "42")
    monkeypatch.setenv("DAGSTER_CLOUD_GIT_BRANCH", "feature/x")
    made = Shop(database, tmp_path, branch_roles)
    made.provision()
    assert set(made.kinds(CLONE).values()) == {"v"}
    return made


def test_dbt_builds_a_branch_again_and_again(shop: Shop) -> None:
    before = shop.base()
    assert shop.run(f"SELECT count(*) FROM {CLONE}.dashboard") == [(10,)]
    shop.warehouse.own("countries", rows=False)
    shop.warehouse.own("order_history")

    assert succeeded(shop.dbt_in_branch("build"))
    # Among what reads it there are views now that dbt has made.
    shop.warehouse.own("raw_orders")
    shop.run(f"UPDATE {CLONE}.raw_orders SET amount = 1000 WHERE id = 7")
    assert succeeded(shop.dbt_in_branch("build"))

    raw = {"raw_customers": "v", "raw_events": "v", "raw_orders": "r"}
    # The dashboard is gone: dbt drops what it replaces with all that reads it.
    assert shop.kinds(CLONE) == {**_BUILT, **raw}
    assert shop.kinds(MARTS) == {"customer_ranks": "v"}
    assert shop.run(f"SELECT * FROM {CLONE}.best_customer") == [(8, 1385)]
    assert shop.run(f"SELECT customer_id FROM {MARTS}.customer_ranks WHERE place = 1") == [(8,)]
    assert shop.run(f"SELECT count(*) FROM {CLONE}.order_history") == [(101,)]
    assert shop.run(f"SELECT sum(events) FROM {CLONE}.events_daily") == [(100,)]
    assert shop.provision().results == ()
    assert shop.base() == before

    shop.provision(refresh=True)
    assert shop.run(f"SELECT count(*) FROM {CLONE}.dashboard") == [(10,)]
    assert set(shop.kinds(CLONE).values()) == {"v"}


def test_over_deferred_tables_models_are_built_in_full_but_seeds_and_snapshots_refused(
    shop: Shop,
) -> None:
    before, old = shop.base(), shop.builders("analytics")

    done = shop.dbt_in_branch("build", "--select", "events_daily", "countries", "order_history")

    assert not succeeded(done)
    assert "Cannot seed to" in done.stdout
    assert "but it currently exists as a view" in done.stdout
    new = shop.builders(CLONE)
    assert new.keys() == old.keys()
    assert set(new.values()).isdisjoint(old.values())
    assert shop.base() == before

    _, role = shop.place()
    shop.retire_and_drop()
    left = shop.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'analytics%'")
    assert {name for (name,) in left} == set(BASES)
    assert role != "postgres"
    assert shop.run(f"SELECT FROM pg_roles WHERE rolname = '{role}'") == []
    assert shop.base() == before


@pytest.mark.parametrize("branch_roles", [BranchRoles.OFF])
def test_an_incremental_model_goes_on_from_rows_that_were_owned(shop: Shop) -> None:
    before, old = shop.base(), shop.builders("analytics")
    assert shop.warehouse.own("events_daily").rows == len(old) == 5

    assert succeeded(shop.dbt_in_branch("run", "--select", "events_daily"))

    new, last = shop.builders(CLONE), max(old)
    assert new == {**old, last: new[last]}
    assert new[last] != old[last]
    assert shop.base() == before


def test_production_is_built_as_if_there_were_no_branch(shop: Shop) -> None:
    shop.run("INSERT INTO analytics.raw_events VALUES (101, '2026-02-01')")
    relations = shop.kinds(CLONE)

    assert succeeded(shop.dbt_in_production("build"))

    # What it has dropped there with `cascade`, the branch still has.
    assert "dashboard" not in shop.kinds("analytics")
    assert shop.kinds(CLONE) == relations
    assert "2026-02-01" in shop.builders(CLONE)


def test_the_branchs_role_can_build_nothing_outside_of_the_clones(shop: Shop) -> None:
    before = shop.base()

    done = shop.dbt_in_branch("run", marts="analytics_marts")

    assert not succeeded(done)
    assert "PASS=5 WARN=0 ERROR=1" in done.stdout
    assert "permission denied for schema analytics_marts" in done.stdout
    assert shop.kinds(CLONE)["customer_totals"] == "r"
    assert shop.base() == before
