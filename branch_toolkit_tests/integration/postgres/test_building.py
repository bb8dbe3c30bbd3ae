"""Environments that one transaction cannot make: built out of sight, no different in the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.errors import (
    EnvironmentBusy,
    SchemaInUse,
    SchemaNotOwned,
)
from branch_toolkit.core.plan import Progress
from branch_toolkit.core.strategy import COPY_ALL, Rule
from branch_toolkit.warehouses.postgres import adapter
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit.warehouses.postgres.connection import create_engine
from branch_toolkit.warehouses.postgres.provisioning import ProvisionPlan
from branch_toolkit.warehouses.postgres.staging import StagedPlan
from branch_toolkit_demo.postgres_programs import find_installed, wheel_programs
from branch_toolkit_tests.integration.postgres.large import in_small_parts, make_tables
from branch_toolkit_tests.integration.postgres.oracle import Place
from branch_toolkit_tests.integration.scene import BRANCH, CLONES, NOW, Scene

OTHER = Branch(key=BranchKey(number=43), name="feature/y", repository="acme/pipelines")
HARD = """
CREATE TYPE analytics.mood AS ENUM ('sad', 'happy');
CREATE FUNCTION analytics.moods() RETURNS bigint LANGUAGE sql SET search_path TO analytics, pg_temp
  AS 'SELECT count(*) FROM t0';
CREATE PROCEDURE analytics.touch(mood analytics.mood) LANGUAGE sql SET search_path = 'analytics'
  SET work_mem = '8MB' AS 'SELECT 1';
CREATE FUNCTION analytics.nowhere() RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1';
CREATE VIEW analytics.totals AS SELECT count(*) AS n, analytics.moods() AS m FROM analytics.t0;
CREATE SEQUENCE analytics.numbers START 5;
COMMENT ON TABLE analytics.t0 IS 'the first';
"""


@pytest.fixture(params=[18, 15])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A database on each major version."""
    server = request.getfixturevalue(f"postgres_{request.param}")
    programs = wheel_programs() if request.param == 18 else find_installed(request.param)
    assert programs is not None
    name = f"building_{os.urandom(4).hex()}"
    server.create_database(name)
    yield Place(server, programs, name, name)
    server.drop_database(name)


@pytest.fixture
def scene(database: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    in_small_parts(monkeypatch)
    return Scene(database).build()


@pytest.mark.parametrize(
    ("count", "columns", "rules"),
    [
        (1200, "n int", ()),
        (600, "id serial PRIMARY KEY, n int UNIQUE", (COPY_ALL,)),
    ],
    ids=["1,200 deferred", "600 copied"],
)
def test_what_is_made_in_parts_equals_what_one_transaction_makes(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    columns: str,
    rules: tuple[Rule, ...],
) -> None:
    scene = Scene(place.server.url(place.database), rules)
    make_tables(scene, "analytics", count, columns=columns)
    with scene.connect() as connection:
        connection.execute(HARD)
    environments = replace(scene.environments(), schemas=("analytics",))
    base = place.dump(["analytics"])

    assert isinstance(environments.provision(BRANCH, now=NOW, dry_run=True).plan, StagedPlan)
    report = environments.provision(BRANCH, now=NOW)
    monkeypatch.setattr(adapter, "MOST_RELATIONS", 10_000)
    whole = environments.provision(OTHER, now=NOW)

    assert not isinstance(whole.plan, StagedPlan)
    made, expected = (
        _anonymous(place.dump([f"analytics__pr_{number}"]), number) for number in (42, 43)
    )
    assert made == expected
    assert _rows(scene, "analytics__pr_42", count) == _rows(scene, "analytics__pr_43", count)
    assert {(one.schema, one.object) for one in report.results if one.action == "create"} == {
        (one.schema.replace("43", "42"), one.object)
        for one in whole.results
        if one.action == "create"
    }
    assert place.dump(["analytics"]) == base
    again = environments.provision(BRANCH, now=NOW, refresh=True, dry_run=True).plan
    assert isinstance(again, ProvisionPlan)
    assert _environment(scene, BRANCH).clones[0].mark.base_state == again.base_state


def test_functions_with_a_search_path_of_their_own_work_after_the_clones_got_their_names(
    scene: Scene,
) -> None:
    with scene.connect() as connection:
        connection.execute(
            "CREATE FUNCTION analytics.odd() RETURNS bigint LANGUAGE sql"
            " SET search_path = 'analytics', 'staging', \"We\"\"ird, name\""
            " AS 'SELECT count(*) FROM t0'"
        )
    scene.provision()
    with scene.connect() as connection:
        connection.execute("DELETE FROM analytics__pr_42.t0 WHERE id > 10")
        assert connection.execute("SELECT analytics__pr_42.odd()").fetchone() == (10,)
        path = connection.execute(
            "SELECT proconfig FROM pg_proc WHERE oid = 'analytics__pr_42.odd'::regproc"
        ).fetchone()
    assert path == (['search_path=analytics__pr_42, staging__pr_42, "We""ird, name"'],)


def test_all_clones_of_an_environment_appear_at_once_and_whole(scene: Scene) -> None:
    seen: list[set[str]] = []
    done = threading.Event()

    def watch() -> None:
        with scene.connect() as connection:
            while not done.is_set():
                rows = connection.execute("SELECT nspname FROM pg_namespace").fetchall()
                seen.append({name for (name,) in rows} & set(CLONES))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        scene.provision()
        scene.provision(refresh=True)
    finally:
        done.set()
        watcher.join()
    assert all(found in (set(), set(CLONES)) for found in seen)
    first = seen.index(set(CLONES))
    assert all(found == set(CLONES) for found in seen[first:])
    scene.assert_complete()
    assert scene.schemas() == set(CLONES)


def test_progress_goes_from_nothing_to_all(scene: Scene) -> None:
    told: list[Progress] = []
    report = scene.environments().provision(BRANCH, now=NOW, on_progress=told.append)
    done = [each.done for each in told]
    assert done == sorted(done)
    assert done[0] == 0
    assert all(each.done <= each.total for each in told)
    assert told[-1].total - told[-1].done <= 1
    copied = {(one.schema, one.object): one for one in report.results if one.action == "copy"}
    assert copied["staging__pr_42", "table t0"].rows == 4000
    assert (copied["staging__pr_42", "table t0"].size_bytes or 0) > 4000


def test_a_base_that_changes_meanwhile_is_taken_as_it_is_then(scene: Scene) -> None:
    def alter() -> None:
        with scene.connect() as connection:
            connection.execute("CREATE TABLE analytics.late AS SELECT 1 AS n")
            connection.execute("ALTER TABLE staging.t5 ADD extra int DEFAULT 5")

    _provision_and(scene, alter, at="set analytics__pr_42: seq")
    scene.assert_complete()
    with scene.connect() as connection:
        assert connection.execute("SELECT n FROM analytics__pr_42.late").fetchone() == (1,)
    assert scene.schemas() == set(CLONES)


@pytest.mark.parametrize("moment", ["create analytics__pr_42: view", "mark", "copying"])
def test_what_was_built_is_dropped_at_any_error(scene: Scene, moment: str) -> None:
    before = scene.base()
    with pytest.raises(OSError, match="full"):
        _provision_and(scene, _fail, at=moment)
    assert scene.schemas() == set()
    assert scene.base() == before


def test_others_wait_for_it_and_do_not_take_what_it_builds_for_remains(scene: Scene) -> None:
    seen: list[set[str]] = []

    def sweep() -> None:
        seen.append(scene.schemas())
        with pytest.raises(EnvironmentBusy):
            scene.environments().clear("pr_42", now=NOW, wait=False)
        impatient = PostgresAdapter(create_engine(scene.url), patience=0.1)
        with pytest.raises(EnvironmentBusy):
            replace(scene.environments(), warehouse=impatient).provision(BRANCH, now=NOW)

    _provision_and(scene, sweep, at="copying")
    assert seen == [{f"{clone}__building" for clone in CLONES}]
    scene.assert_complete()


@pytest.mark.parametrize("taken", ["staging__pr_42__building", "staging__pr_42__dropping"])
def test_a_name_that_somebody_else_has_is_left_to_him(scene: Scene, taken: str) -> None:
    scene.provision()
    with scene.connect() as connection:
        connection.execute(f"CREATE SCHEMA {taken} CREATE TABLE mine ()".encode())
    with pytest.raises(SchemaNotOwned, match=taken):
        scene.provision(refresh=True)
    assert scene.schemas() == {*CLONES, taken}
    scene.assert_complete()


def test_a_refresh_keeps_the_old_clones_if_somebody_depends_on_them(scene: Scene) -> None:
    scene.provision()

    def depend() -> None:
        with scene.connect() as connection:
            connection.execute("CREATE VIEW public.theirs AS SELECT * FROM analytics__pr_42.t0")

    with pytest.raises(SchemaInUse, match="theirs"):
        _provision_and(scene, depend, at="copying", refresh=True)
    assert scene.schemas() == set(CLONES)
    with scene.connect() as connection:
        assert connection.execute("SELECT count(*) FROM public.theirs").fetchone() == (4000,)


def test_a_clone_is_made_beside_those_that_are_there(scene: Scene) -> None:
    both = scene.environments()
    replace(both, schemas=("staging",)).provision(BRANCH, now=NOW)
    with pytest.raises(OSError, match="full"):
        _provision_and(scene, _fail, at="create analytics__pr_42: view")
    assert scene.schemas() == {"staging__pr_42"}
    both.provision(BRANCH, now=NOW)
    scene.assert_complete()
    with scene.connect() as connection:
        targets = connection.execute(
            "SELECT DISTINCT confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
            " AND connamespace = 'analytics__pr_42'::regnamespace ORDER BY 1"
        ).fetchall()
    assert targets == [(f"staging__pr_42.t{number}",) for number in range(6)]


def _fail() -> None:
    raise OSError("the disk of the client is full")


def _provision_and(scene: Scene, act: Callable[[], Any], *, at: str, refresh: bool = False) -> None:
    """Provisions, and does something the first time that progress tells of a moment."""
    done: list[bool] = []

    def meddle(progress: Progress) -> None:
        if not done and progress.text.startswith(at):
            done.append(True)
            act()

    scene.environments().provision(BRANCH, now=NOW, refresh=refresh, on_progress=meddle)
    assert done


def _environment(scene: Scene, branch: Branch) -> Environment:
    found = replace(scene.environments(), schemas=("analytics",)).of(branch)
    assert found is not None
    return found


def _anonymous(dump: list[str], number: int) -> list[str]:
    lines = (line.replace(f"pr_{number}", "pr_N") for line in dump)
    return [line for line in lines if not line.startswith("COMMENT ON SCHEMA")]


def _rows(scene: Scene, schema: str, count: int) -> list[Any]:
    tables = " UNION ALL ".join(f"SELECT n FROM {schema}.t{i}" for i in range(0, count, 50))
    query = f"SELECT n FROM ({tables}) AS several ORDER BY 1"
    with scene.connect() as connection:
        return connection.execute(query.encode()).fetchall()
