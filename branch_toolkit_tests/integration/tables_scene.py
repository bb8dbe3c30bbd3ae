"""A production whose role for branches may make no schema, and a look at it as its owner."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from branch_toolkit.core.environment import Environment
from branch_toolkit.core.plan import Report
from branch_toolkit.rules import TableRule
from branch_toolkit.tables_resource import PostgresTablesWarehouse
from branch_toolkit_demo.production import checksum
from branch_toolkit_tests.integration.asset_database import BASES, NOW, Database
from branch_toolkit_tests.tables_mode import BRANCHES, as_reader, prepare_tables_mode

PRODUCTION = """
    CREATE SCHEMA analytics; CREATE SCHEMA staging;
    CREATE TYPE analytics.mood AS ENUM ('sad', 'happy');
    CREATE FUNCTION analytics.positive(n numeric) RETURNS boolean LANGUAGE sql IMMUTABLE
        AS 'SELECT n > 0';
    CREATE FUNCTION analytics.tell() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''a trigger of production''; END';
    CREATE TABLE staging.customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
    INSERT INTO staging.customers (name) SELECT 'c' || n FROM generate_series(1, 5) n;
    CREATE TABLE analytics.orders (
        n bigserial PRIMARY KEY,
        day date NOT NULL DEFAULT '2026-01-01',
        price numeric(12, 2) CONSTRAINT above CHECK (price >= 0)
                             CONSTRAINT sane CHECK (analytics.positive(price + 1)),
        twice numeric GENERATED ALWAYS AS (price * 2) STORED,
        mood analytics.mood DEFAULT 'happy',
        batch int DEFAULT nextval('analytics.orders_n_seq'),
        customer bigint REFERENCES staging.customers,
        CONSTRAINT once UNIQUE (day, n)
    );
    COMMENT ON COLUMN analytics.orders.price IS 'In euros';
    CREATE INDEX dear ON analytics.orders (price DESC NULLS LAST) WHERE price > 10;
    CREATE INDEX checked ON analytics.orders (analytics.positive(price));
    INSERT INTO analytics.orders (day, price, batch, customer)
        SELECT '2026-01-01'::date + n % 3, n, n, 1 + n % 5 FROM generate_series(1, 30) n;
    CREATE TRIGGER told BEFORE INSERT ON analytics.orders
        FOR EACH ROW EXECUTE FUNCTION analytics.tell();
    CREATE TABLE analytics.parted (n int, day date, PRIMARY KEY (n, day)) PARTITION BY RANGE (day);
    CREATE TABLE analytics.parted_2025 PARTITION OF analytics.parted
        FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE analytics.parted_2026 PARTITION OF analytics.parted
        FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    INSERT INTO analytics.parted VALUES (1, '2025-05-05'), (2, '2026-05-05'), (3, '2026-06-06');
    CREATE VIEW analytics.sold AS SELECT count(*) AS n FROM analytics.orders;
"""
# Sequences are no part of the checksum of a table's rows.
_SEQUENCES = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"


class TablesDatabase(Database):
    """The warehouse in tables mode as the role may use it; all else as a superuser."""

    def __init__(self, url: str, *, rules: list[TableRule] | None = None) -> None:
        super().__init__(url)
        self.warehouse: PostgresTablesWarehouse = PostgresTablesWarehouse(
            url=as_reader(url), schemas=BASES, branch_schema=BRANCHES, rules=rules or []
        )

    def build(self) -> TablesDatabase:
        """Makes production, and what an administrator prepares."""
        self.run(PRODUCTION)
        prepare_tables_mode(self.url, BASES)
        return self

    def ruled(self, *rules: TableRule) -> TablesDatabase:
        """The same database with rules."""
        return TablesDatabase(self.url, rules=list(rules))

    def base(self) -> tuple[object, ...]:
        """What production is: structure, rows and where its sequences are."""
        sums = [checksum(self.url, schema) for schema in BASES]
        sequences = [row for row in self.run(_SEQUENCES) if row[0] in BASES]
        return (*sums, *sequences)

    def branches(self) -> dict[str, str | None]:
        """The tables of the branches' schema, with their comments."""
        return dict(
            self.run(
                "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class"
                f" WHERE relnamespace = '{BRANCHES}'::regnamespace AND relkind IN ('r', 'v')"
                " ORDER BY 1"
            )
        )

    def names(self) -> list[str]:
        """The names of these tables."""
        return [*self.branches()]

    def environment(self, name: str = "pr_42") -> Environment:
        """An environment that is there."""
        with self.warehouse.environments() as environments:
            return environments.inventory().find(name)

    def retire(self, name: str = "pr_42") -> None:
        """Retires an environment, due at once."""
        with self.warehouse.environments() as environments:
            environments.retire(name, because="test", grace=timedelta(0), now=NOW)

    def drop(self, name: str = "pr_42") -> Report:
        """Drops one that is retired."""
        with self.warehouse.environments() as environments:
            return environments.drop(name, now=NOW)

    def values(self, statement: str) -> list[Any]:
        """The first column of a query's rows."""
        return [row[0] for row in self.run(statement)]
