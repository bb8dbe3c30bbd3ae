"""Base is altered after it was deferred: the branch follows, or says what it cannot follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.plan import Report
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_tests.databases import own_database
from branch_toolkit_tests.integration.scene import BRANCH, NOW, Scene

CLONE = "analytics__pr_42"


@pytest.fixture(params=["18", "15"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    server: EmbeddedPostgres = request.getfixturevalue(f"postgres_{request.param}")
    for url in own_database(server, request):
        yield Scene(url, rules=()).build()


@pytest.fixture
def base(scene: Scene) -> Iterator[psycopg.Connection[Any]]:
    scene.provision()
    with scene.connect() as connection:
        yield connection


def notes(report: Report) -> dict[str, str]:
    return {note.object: note.text for note in report.plan.notes}


def test_nothing_drifted_is_nothing_to_do(scene: Scene, base: psycopg.Connection[Any]) -> None:
    base.execute("INSERT INTO staging.t1 (amount) VALUES (1)")
    report = scene.provision()
    assert report.plan.empty
    assert notes(report) == {}


def test_a_column_that_base_gains_is_there_after_the_next_provision(
    scene: Scene, base: psycopg.Connection[Any]
) -> None:
    base.execute(
        "ALTER TABLE analytics.t0 ADD COLUMN \"Näme\" text DEFAULT 'x', ADD n numeric(5, 1)"
    )
    assert "Näme" not in _columns(base, "t0")
    report = scene.provision()
    assert [result.object for result in report.results] == ["table t0"]
    assert _columns(base, "t0")[-2:] == ["Näme", "n"]
    assert _one(base, f"SELECT count(*) FROM {CLONE}.t0 WHERE \"Näme\" = 'x'") == 4_000
    # The view on it is the one that it was.
    assert _one(base, f"SELECT sum(n) FROM {CLONE}.totals") == 4_000
    assert scene.provision().plan.empty


def test_an_index_is_used_for_a_column_that_was_added(
    scene: Scene, base: psycopg.Connection[Any]
) -> None:
    base.execute("ALTER TABLE analytics.t0 ADD COLUMN code int")
    base.execute("CREATE INDEX by_code ON analytics.t0 (code)")
    scene.provision()
    base.execute("SET enable_seqscan = off")
    plan = base.execute(f"EXPLAIN SELECT * FROM {CLONE}.t0 WHERE code = 7").fetchall()
    assert "by_code" in str(plan)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE analytics.t1 ALTER COLUMN amount TYPE float8", "dropped or retyped amount"),
        ("ALTER TABLE analytics.t1 DROP COLUMN amount", "dropped or retyped amount"),
        ("ALTER TABLE analytics.t1 RENAME COLUMN amount TO total", "dropped or retyped amount"),
        ("DROP TABLE analytics.t1 CASCADE", "table is gone"),
    ],
)
def test_what_the_branch_cannot_follow_is_an_error_when_read_and_a_note_when_provisioned(
    scene: Scene, base: psycopg.Connection[Any], change: str, told: str
) -> None:
    base.execute(change.encode())
    with pytest.raises(psycopg.Error):
        base.execute(f"SELECT * FROM {CLONE}.t1")
    report = scene.provision()
    assert told in notes(report)["analytics: table t1"]
    scene.provision(refresh=True)
    if "DROP TABLE" not in change:
        assert _one(base, f"SELECT count(*) FROM {CLONE}.t1") == 4_000
    assert notes(scene.provision()) == {}


def test_a_table_that_was_swapped_for_one_with_the_same_columns_is_no_drift(
    scene: Scene, base: psycopg.Connection[Any]
) -> None:
    base.execute("CREATE TABLE analytics.fresh (LIKE analytics.t1 INCLUDING ALL)")
    base.execute("INSERT INTO analytics.fresh (id, amount) VALUES (1, 5)")
    base.execute("DROP TABLE analytics.t1 CASCADE")
    base.execute("ALTER TABLE analytics.fresh RENAME TO t1")
    assert _one(base, f"SELECT sum(amount) FROM {CLONE}.t1") == 5
    assert notes(scene.provision()) == {}


def test_a_dry_run_shows_the_statements_and_mends_nothing(
    scene: Scene, base: psycopg.Connection[Any]
) -> None:
    base.execute("ALTER TABLE analytics.t0 ADD COLUMN code int")
    report = scene.environments().provision(BRANCH, now=NOW, dry_run=True)
    assert "ADD ATTRIBUTE code integer" in report.plan.statements[0].sql
    assert "code" not in _columns(base, "t0")


def _columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    query = sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(CLONE, table))
    return [column.name for column in connection.execute(query).description or ()]


def _one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_table_of_somebody_else_that_is_typed_by_a_deferred_one_is_never_altered(
    scene: Scene, base: psycopg.Connection[Any]
) -> None:
    base.execute(f'CREATE TABLE public.typed OF {CLONE}."_deferred_t0"')
    base.execute("ALTER TABLE analytics.t0 ADD COLUMN code int")
    with pytest.raises(BranchToolkitError):
        scene.provision()
    columns = base.execute("SELECT * FROM public.typed").description or ()
    assert "code" not in [column.name for column in columns]
    base.execute("DROP TABLE public.typed")
