"""The environment's lock, as the workers of a run see it."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.engine import make_url

from branch_toolkit.core.errors import WarehouseUnavailable
from branch_toolkit.warehouses.postgres.connection import create_engine
from branch_toolkit.warehouses.postgres.holding import hold_environment, require_held


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain)


def test_a_worker_knows_whether_its_runs_lock_is_held_whatever_its_snapshot(database: str) -> None:
    engine = create_engine(database)
    with connect(database) as worker, connect(database) as other:
        worker.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with hold_environment(engine, "pr_1", lock_timeout=1) as held:
            assert held is not None
            require_held(worker, "pr_1", held.backend)
            with pytest.raises(WarehouseUnavailable, match="is gone"):
                require_held(worker, "pr_2", held.backend)
        # In the same transaction, whose snapshot is from before.
        with pytest.raises(WarehouseUnavailable, match="is gone"):
            require_held(worker, "pr_1", held.backend)
        with hold_environment(engine, "pr_1", lock_timeout=1) as next_one:
            assert next_one is not None
            with pytest.raises(WarehouseUnavailable):
                require_held(other, "pr_1", held.backend)
            require_held(other, "pr_1", next_one.backend)
