"""A production at work: writers, readers and DDL on base, and somebody who watches the locks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

SCHEMA = "shop"
TABLES = 24
ROWS = 2_000

_SETUP = f"""
DO $$ BEGIN
    FOR number IN 1..{TABLES} LOOP
        EXECUTE format('CREATE TABLE {SCHEMA}.t%s (id bigserial PRIMARY KEY, amount numeric(12,2)
            NOT NULL DEFAULT 0, note text)', number);
        EXECUTE format('INSERT INTO {SCHEMA}.t%s (amount, note) SELECT n, md5(n::text)
            FROM generate_series(1, {ROWS}) AS n', number);
    END LOOP;
END $$
"""
_WATCH = """
SELECT DISTINCT l.mode, c.relname FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND a.application_name = 'branch_toolkit' AND l.mode <> 'AccessShareLock'
"""
_SNAPSHOTS = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
FROM pg_stat_activity WHERE application_name = 'branch_toolkit' AND backend_xmin IS NOT NULL
"""


@dataclass
class Traffic:
    """Production's statements, as they come.

    Args:
        url: The database.

    Attributes:
        seconds: How long each statement of the writers took.
        failures: What failed, of anybody.
        locks: Locks on base held by us that are stronger than ACCESS SHARE, as (mode, relation).
        longest_snapshot: Seconds of our longest snapshot, as far as it was seen.
    """

    url: str
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    locks: set[tuple[str, str]] = field(default_factory=set)
    longest_snapshot: float = 0.0

    def build(self) -> Traffic:
        """Makes base."""
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
            connection.execute(_SETUP.encode())
        return self

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of production's."""
        url = make_url(self.url).set(drivername="postgresql")
        return psycopg.connect(
            url.render_as_string(hide_password=False),
            autocommit=True,
            application_name="production",
        )

    @contextmanager
    def running(self, *, writers: int = 2) -> Iterator[None]:
        """Production works, and is watched, until the end of the block."""
        stop = threading.Event()
        actions = [self._write] * writers + [self._alter, self._watch]
        threads = [
            threading.Thread(target=self._repeat, args=(stop, action, number), daemon=True)
            for number, action in enumerate(actions)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=60)

    def p99(self) -> float:
        """The 99th percentile of the writers' statements, in seconds."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]

    def _repeat(
        self,
        stop: threading.Event,
        action: Callable[[psycopg.Connection[Any], random.Random], None],
        seed: int,
    ) -> None:
        generator = random.Random(seed)
        with self.connect() as connection:
            while not stop.is_set():
                try:
                    action(connection, generator)
                except psycopg.Error as error:
                    self.failures.append(f"{action.__name__}: {error}")

    def _write(self, connection: psycopg.Connection[Any], generator: random.Random) -> None:
        # The first half of the tables; those that are altered wait for production's own locks.
        table = f"{SCHEMA}.t{generator.randint(1, TABLES // 2)}"
        key = generator.randint(1, ROWS)
        for statement in (
            f"UPDATE {table} SET amount = amount + 1 WHERE id = {key}",
            f"SELECT sum(amount) FROM {table} WHERE id BETWEEN {key} AND {key + 50}",
            f"INSERT INTO {table} (amount) VALUES ({key})",
        ):
            started = time.perf_counter()
            connection.execute(statement.encode())
            self.seconds.append(time.perf_counter() - started)

    def _alter(self, connection: psycopg.Connection[Any], generator: random.Random) -> None:
        table = f"t{generator.randint(TABLES // 2 + 1, TABLES)}"
        name = f"{SCHEMA}.{table}"
        generator.choice(
            [
                lambda: connection.execute(f"TRUNCATE {name}"),
                lambda: connection.execute(
                    f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS extra int"
                ),
                lambda: connection.execute(f"ALTER TABLE {name} DROP COLUMN IF EXISTS extra"),
                lambda: _swap(connection, table),
                lambda: _replace(connection, table),
            ]
        )()
        time.sleep(0.05)

    def _watch(self, connection: psycopg.Connection[Any], _generator: random.Random) -> None:
        self.locks.update(connection.execute(_WATCH, [SCHEMA]).fetchall())
        row = connection.execute(_SNAPSHOTS).fetchone()
        self.longest_snapshot = max(self.longest_snapshot, row[0] if row else 0.0)
        time.sleep(0.01)


def _swap(connection: psycopg.Connection[Any], table: str) -> None:
    with connection.transaction():
        connection.execute(f"CREATE TABLE {SCHEMA}.fresh AS TABLE {SCHEMA}.{table}")
        connection.execute(f"DROP TABLE {SCHEMA}.{table}")
        connection.execute(f"ALTER TABLE {SCHEMA}.fresh RENAME TO {table}")


def _replace(connection: psycopg.Connection[Any], table: str) -> None:
    # As pandas does it, in two transactions.
    connection.execute(f"DROP TABLE {SCHEMA}.{table}")
    connection.execute(
        f"CREATE TABLE {SCHEMA}.{table} (id bigint, amount numeric(12,2) DEFAULT 0, note text)"
    )
