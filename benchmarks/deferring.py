"""What it takes to defer: by number of tables, by bytes, and when the tables are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import psycopg

from benchmarks.ground import NOW, Ground, branch, drop, provision
from benchmarks.results import Part, times
from benchmarks.timing import medians, seconds
from branch_toolkit.resources import PostgresWarehouse

_TABLES = (10, 100, 1_000, 5_000)
_GIGABYTES = (0.1, 1.0, 4.0)
_ROWS = 10_000_000
_MAKE_TABLES = """
DO $$ BEGIN
    FOR number IN {first}..{last} LOOP
        EXECUTE format('CREATE TABLE many_{size}.t%s (id bigint PRIMARY KEY, name text NOT NULL,
            amount numeric(12,2), at timestamptz DEFAULT now(), payload jsonb)', number);
    END LOOP;
END $$
"""
# Rows of about 1 kB that are not compressed away.
_MAKE_BYTES = """
INSERT INTO {schema}.wide
SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, {rows}) AS i
"""
_MAKE_READ = f"""
CREATE SCHEMA read;
CREATE TABLE read.events AS
SELECT i AS id, i % 1000 AS customer, (i::bigint * 7919 % 100000)::numeric(12,2) AS amount,
       timestamptz '2025-01-01' + i * interval '3 seconds' AS at, md5(i::text) AS note
FROM generate_series(1, {_ROWS}) AS i;
CREATE TABLE read.customers AS
SELECT i AS id, 'customer ' || i AS name FROM generate_series(0, 999) AS i;
ALTER TABLE read.events ADD PRIMARY KEY (id);
ALTER TABLE read.customers ADD PRIMARY KEY (id);
CREATE INDEX ON read.events (at);
VACUUM ANALYZE read.events;
VACUUM ANALYZE read.customers;
"""
_READS = {
    "scan": "SELECT count(*), sum(amount) FROM {s}.events",
    "filter": "SELECT count(*) FROM {s}.events WHERE amount < 100 AND customer = 7",
    "join": (
        "SELECT c.name, sum(e.amount) FROM {s}.events e JOIN {s}.customers c ON c.id = e.customer"
        " WHERE e.at < '2025-02-01' GROUP BY 1"
    ),
    "primary key": "SELECT * FROM {s}.events WHERE id = 4242424",
    "ordered limit": "SELECT * FROM {s}.events ORDER BY at DESC LIMIT 10",
}


def measure(ground: Ground, part: Part) -> None:
    """All of it."""
    _by_bytes(ground, part)
    _by_tables(ground, part)
    _reads(ground, part)


def _by_tables(ground: Ground, part: Part) -> None:
    rows = []
    for size in _TABLES:
        schema = f"many_{size}"
        ground.execute(f"CREATE SCHEMA {schema}")
        for first in range(1, size + 1, 250):
            last = min(first + 249, size)
            ground.execute(_MAKE_TABLES.format(size=size, first=first, last=last))
        ground.execute("ANALYZE")
        with ground.environments([schema]) as environments:
            made = [seconds(lambda n=n: provision(environments, n)) for n in (1, 2, 3)]
            gone = [seconds(lambda n=n: drop(environments, n)) for n in (1, 2, 3)]
        rows.append((f"{size:,}", f"{sorted(made)[1]:.2f} s", f"{sorted(gone)[1]:.2f} s"))
    part.table(
        "Provision by *defer*, and drop, by number of tables (median of 3)",
        ("tables", "provision", "retire and drop"),
        rows,
    )


def _by_bytes(ground: Ground, part: Part) -> None:
    taken = []
    for gigabytes in _GIGABYTES:
        schema = f"bytes_{str(gigabytes).replace('.', '_')}"
        ground.execute(
            f"CREATE SCHEMA {schema}",
            f"CREATE TABLE {schema}.wide (id bigint PRIMARY KEY, content text STORAGE EXTERNAL)",
            _MAKE_BYTES.format(schema=schema, rows=int(gigabytes * 1_000_000)),
            f"VACUUM ANALYZE {schema}.wide",
        )
        size = ground.value(f"SELECT pg_total_relation_size('{schema}.wide')")
        with ground.environments([schema]) as environments:
            made = sorted(seconds(lambda n=n: provision(environments, n)) for n in (1, 2, 3))[1]
            for number in (1, 2, 3):
                drop(environments, number)
        taken.append((size, made))
        ground.execute(f"DROP SCHEMA {schema} CASCADE")
    part.table(
        "Provision by *defer*, by bytes in one table (median of 3)",
        ("size of base", "provision", "of the smallest"),
        [
            (f"{size / 1e9:.2f} GB", f"{made:.3f} s", times(made, taken[0][1]))
            for size, made in taken
        ],
    )


def _reads(ground: Ground, part: Part) -> None:
    ground.execute(*(text for text in _MAKE_READ.split(";") if text.strip()))
    with ground.environments(["read"]) as environments, ground.connect() as connection:
        provision(environments, 1)
        rows = []
        for name, query in _READS.items():
            found = medians(
                {
                    schema: _runs(connection, query.format(s=schema))
                    for schema in ("read", "read__pr_1")
                },
                rounds=7,
            )
            planning = [_planning(connection, query.format(s=s)) for s in ("read", "read__pr_1")]
            base, deferred = found["read"], found["read__pr_1"]
            rows.append(
                (
                    name,
                    f"{base * 1e3:.2f} ms",
                    f"{deferred * 1e3:.2f} ms",
                    times(deferred, base),
                    f"{planning[1] - planning[0]:+.3f} ms",
                )
            )
        part.table(
            f"Reads of a table of {_ROWS:,} rows (prepared statements, median of 7, in turns)",
            ("query", "base", "deferred", "ratio", "planning, extra"),
            rows,
        )
        _first_write(ground, part)
        drop(environments, 1)
    ground.execute("DROP SCHEMA read CASCADE")


def _runs(connection: psycopg.Connection[Any], query: str) -> Callable[[], object]:
    return lambda: connection.execute(query.encode(), prepare=True).fetchall()


def _planning(connection: psycopg.Connection[Any], query: str) -> float:
    found = []
    for _ in range(9):
        plan = connection.execute(f"EXPLAIN (SUMMARY, FORMAT JSON) {query}".encode()).fetchone()
        found.append(plan[0][0]["Planning Time"] if plan else 0.0)
    return sorted(found)[4]


def _first_write(ground: Ground, part: Part) -> None:
    rows = []
    for label, with_rows in (("whole-table write", False), ("append or partition", True)):
        with _owning(ground) as own:
            taken = seconds(lambda with_rows=with_rows, own=own: own("events", rows=with_rows))
        rows.append((label, f"{taken:.2f} s"))
    floor = seconds(lambda: ground.execute("CREATE TABLE read.floor AS TABLE read.events"))
    ground.execute("DROP TABLE read.floor")
    rows.append(("for comparison: bare CREATE TABLE AS, no keys", f"{floor:.2f} s"))
    part.table(
        f"Becoming the branch's own at the first write, {_ROWS:,} rows", ("write", "seconds"), rows
    )


@contextmanager
def _owning(ground: Ground) -> Iterator[Callable[..., object]]:
    with ground.environments(["read"]) as environments:
        environments.provision(branch(1), now=NOW, refresh=True)
    variables = {
        "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
        "DAGSTER_CLOUD_PULL_REQUEST_ID": "1",
        "DAGSTER_CLOUD_GIT_BRANCH": "feature/1",
    }
    with mock.patch.dict(os.environ, variables):
        yield PostgresWarehouse(url=ground.url, schemas=["read"]).own
