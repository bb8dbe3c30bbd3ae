"""Environments that one transaction cannot drop: out of sight at once, gone in batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from branch_toolkit.core.errors import (
    BaseBusy,
    EnvironmentNotFound,
    SchemaInUse,
    SchemaNotOwned,
    StalePlan,
)
from branch_toolkit.core.plan import Hazard, Progress
from branch_toolkit.core.strategy import COPY_ALL, DEFER_ALL, Rule
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres import attempt, dropping
from branch_toolkit.warehouses.postgres.checking import check_again
from branch_toolkit.warehouses.postgres.dropping import BatchedDrop
from branch_toolkit_tests.integration.postgres.large import (
    assert_sound,
    in_small_parts,
    make_tables,
    stock_settings,
)
from branch_toolkit_tests.integration.scene import BRANCH, CLONES, NOW, Scene

DROPPING = {f"{clone}__dropping" for clone in CLONES}


@pytest.fixture
def scene(database: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    in_small_parts(monkeypatch)
    return Scene(database).build()


@pytest.mark.parametrize(
    ("count", "columns", "rule"),
    [(5000, "n int", DEFER_ALL), (2000, "id serial PRIMARY KEY, n int UNIQUE", COPY_ALL)],
    ids=["5,000 deferred", "2,000 copied"],
)
def test_any_number_of_tables_is_made_and_dropped_at_stock_settings(
    database: str, count: int, columns: str, rule: Rule
) -> None:
    scene = Scene(database, (rule,))
    assert stock_settings(scene)
    make_tables(scene, "large", count, columns=columns)
    environments = replace(scene.environments(), schemas=("large",))
    before = _fingerprint(scene)
    environments.provision(BRANCH, now=NOW)
    with scene.connect() as connection:
        last = f"SELECT n FROM large__pr_42.t{count - 1}".encode()
        assert connection.execute(last).fetchone() == (count - 1,)
    _retire(environments)
    report = environments.drop("pr_42", now=NOW)
    assert isinstance(report.plan, BatchedDrop)
    with scene.connect() as connection:
        left = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'pr_42'")
        assert left.fetchone() == (0,)
    assert _fingerprint(scene) == before


def test_a_plan_says_what_will_be_dropped_and_what_for(scene: Scene) -> None:
    scene.provision()
    scene.retire()
    plan = scene.environments().drop("pr_42", now=NOW, dry_run=True).plan
    assert isinstance(plan, BatchedDrop)
    assert plan.hazards == {Hazard.DELETES_DATA}
    assert [(one.action, one.schema) for one in plan.statements if one.action == "drop"] == [
        ("drop", clone) for clone in CLONES
    ]
    assert all("in batches" in one.sql for one in plan.statements if one.action == "drop")
    assert scene.schemas() == set(CLONES)


def test_all_kinds_of_objects_are_dropped_in_whatever_order_they_need_each_other(
    scene: Scene,
) -> None:
    scene.provision()
    scene.retire()
    with scene.connect() as connection:
        connection.execute("SET search_path = analytics__pr_42, pg_temp")
        connection.execute(_HARD)
    scene.drop()
    assert scene.schemas() == set()


def test_progress_goes_from_nothing_to_all(scene: Scene) -> None:
    scene.provision()
    scene.retire()
    told: list[Progress] = []
    scene.environments().drop("pr_42", now=NOW, on_progress=told.append)
    done = [each.done for each in told]
    assert done == sorted(done)
    assert done[0] == 0
    assert told[-1].total - told[-1].done == 1
    assert any("part 3 of" in each.text for each in told)


def test_half_dropped_it_is_gone_for_everybody_and_cannot_be_restored(scene: Scene) -> None:
    scene.provision()
    scene.retire()
    with pytest.raises(OSError, match="interrupted"):
        _drop_and(scene, _interrupt, at="part 5")
    assert scene.schemas() == DROPPING
    assert_sound(scene)
    with pytest.raises(EnvironmentNotFound):
        scene.environments().restore("pr_42", now=NOW)
    with pytest.raises(EnvironmentNotFound):
        scene.retire()
    assert scene.environment() is None


def test_whoever_comes_next_finishes_it(scene: Scene) -> None:
    for act in (scene.provision, scene.drop, lambda: scene.environments().clear("pr_42", now=NOW)):
        scene.provision()
        scene.retire()
        with pytest.raises(OSError, match="interrupted"):
            _drop_and(scene, _interrupt, at="part 5")
        act()
        assert scene.schemas() in (set(), set(CLONES))
        assert_sound(scene)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE VIEW public.theirs AS SELECT * FROM staging__pr_42__dropping.t0", "theirs"),
        ("CREATE TABLE public.theirs () INHERITS (staging__pr_42__dropping.t0)", "theirs"),
        ("CREATE PUBLICATION theirs FOR TABLE staging__pr_42__dropping.t0", "theirs"),
    ],
    ids=["view", "child", "publication"],
)
def test_what_comes_to_depend_on_half_of_it_stops_it_and_is_not_lost(
    scene: Scene, statement: str, named: str
) -> None:
    scene.provision()
    scene.retire()

    def depend() -> None:
        with scene.connect() as connection:
            connection.execute(statement.encode())

    with pytest.raises(SchemaInUse, match=named):
        _drop_and(scene, depend, at="part 3")
    assert scene.schemas() == DROPPING
    with pytest.raises(SchemaInUse, match=named):
        scene.environments().clear("pr_42", now=NOW)
    with scene.connect() as connection:
        kind = statement.split()[1]
        name = "theirs" if kind == "PUBLICATION" else "public.theirs"
        connection.execute(f"DROP {kind} {name}".encode())
    scene.environments().clear("pr_42", now=NOW)
    assert scene.schemas() == set()


def test_a_view_on_a_deferred_table_of_it_is_not_lost_either(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_small_parts(monkeypatch)
    scene = Scene(database, (DEFER_ALL,)).build()
    scene.provision()
    scene.retire()

    def depend() -> None:
        with scene.connect() as connection:
            connection.execute(
                "CREATE VIEW public.theirs AS SELECT * FROM analytics__pr_42__dropping.t0"
            )

    with pytest.raises(SchemaInUse, match="theirs"):
        _drop_and(scene, depend, at="part 2")
    with scene.connect() as connection:
        assert connection.execute("SELECT count(*) FROM public.theirs").fetchone() == (4000,)


@pytest.mark.parametrize("place", [attempt, dropping], ids=["at once", "in batches"])
def test_nor_is_one_that_is_made_between_the_last_look_and_the_drop(
    database: str, monkeypatch: pytest.MonkeyPatch, place: ModuleType
) -> None:
    if place is dropping:
        in_small_parts(monkeypatch)
    scene = Scene(database, (DEFER_ALL,)).build()
    scene.provision()
    scene.retire()
    looks = [4 if place is dropping else 1]

    def look_and_depend(*given: Any, **more: Any) -> None:
        check_again(*given, **more)
        looks[0] -= 1
        if looks[0] == 0:
            with scene.connect() as connection:
                clone = next(name for name in scene.schemas() if name.startswith("analytics"))
                statement = f"CREATE VIEW public.theirs AS SELECT * FROM {clone}.t0"
                connection.execute(statement.encode())

    monkeypatch.setattr(place, "check_again", look_and_depend)
    with pytest.raises(SchemaInUse, match="theirs"):
        scene.drop()
    with scene.connect() as connection:
        assert connection.execute("SELECT count(*) FROM public.theirs").fetchone() == (4000,)


def test_a_clone_that_changed_after_the_plan_is_left_alone(scene: Scene) -> None:
    scene.provision()
    scene.retire()
    environments = scene.environments()
    plan = environments.drop("pr_42", now=NOW, dry_run=True).plan
    environments.restore("pr_42", now=NOW)
    with pytest.raises(StalePlan):
        environments.warehouse.apply(plan, allow=[Hazard.DELETES_DATA])
    assert scene.schemas() == set(CLONES)
    scene.assert_complete()


def test_what_somebody_claims_meanwhile_by_its_comment_is_left_to_him(scene: Scene) -> None:
    scene.provision()
    scene.retire()

    def claim() -> None:
        with scene.connect() as connection:
            connection.execute("COMMENT ON SCHEMA staging__pr_42__dropping IS 'mine now'")

    _drop_and(scene, claim, at="part 3")
    assert scene.schemas() == {"staging__pr_42__dropping"}


def test_a_name_that_somebody_else_has_is_left_to_him(scene: Scene) -> None:
    scene.provision()
    scene.retire()
    with scene.connect() as connection:
        connection.execute("CREATE SCHEMA staging__pr_42__dropping CREATE TABLE mine ()")
    with pytest.raises(SchemaNotOwned, match="staging__pr_42__dropping"):
        scene.drop()
    assert scene.schemas() == {*CLONES, "staging__pr_42__dropping"}


def test_a_table_that_is_being_read_is_waited_for_and_then_left_to_the_next(scene: Scene) -> None:
    scene.provision()
    scene.retire()
    with scene.connect() as connection, connection.transaction():
        connection.execute("SELECT FROM staging__pr_42.t0")
        with pytest.raises(BaseBusy):
            scene.environments(lock_timeout=0.2).drop("pr_42", now=NOW)
        assert scene.schemas() == DROPPING
    scene.drop()
    assert scene.schemas() == set()


_HARD = """
CREATE TYPE feeling AS ENUM ('a'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE span AS RANGE (subtype = int); CREATE TYPE pair AS (a int, b feeling);
CREATE TABLE late (f feeling, p positive, s span, q pair, id int GENERATED ALWAYS AS IDENTITY);
CREATE FUNCTION plain(p pair) RETURNS feeling LANGUAGE sql AS 'SELECT (p).b';
CREATE PROCEDURE go(INOUT n positive) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int);
CREATE FUNCTION alike(pair, pair) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = pair, rightarg = pair, function = alike);
CREATE MATERIALIZED VIEW seen AS SELECT plain(q) FROM late;
CREATE SEQUENCE free; CREATE TABLE uses (n int DEFAULT nextval('free'));
CREATE TABLE part (n int, CHECK (n = 1)); CREATE TABLE parted (n int) PARTITION BY LIST (n);
ALTER TABLE parted ATTACH PARTITION part FOR VALUES IN (1);
CREATE VIEW first AS SELECT 1 AS n; CREATE VIEW second AS SELECT 1 AS n;
CREATE OR REPLACE VIEW first AS SELECT n FROM second;
CREATE TABLE one (n int PRIMARY KEY); CREATE TABLE other (n int PRIMARY KEY REFERENCES one);
ALTER TABLE one ADD FOREIGN KEY (n) REFERENCES other;
CREATE COLLATION plainly FROM "C"; CREATE STATISTICS two ON f, p FROM late;
CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER changed BEFORE INSERT ON one FOR EACH ROW EXECUTE FUNCTION changed();
"""


def _interrupt() -> None:
    raise OSError("interrupted")


def _drop_and(scene: Scene, act: Callable[[], Any], *, at: str) -> None:
    """Drops, and does something the first time that progress tells of a moment."""
    done: list[bool] = []

    def meddle(progress: Progress) -> None:
        if not done and at in progress.text:
            done.append(True)
            act()

    scene.environments().drop("pr_42", now=NOW, on_progress=meddle)
    assert done


def _retire(environments: Environments) -> None:
    environments.retire("pr_42", because="test", grace=timedelta(0), now=NOW)


def _fingerprint(scene: Scene) -> Any:
    with scene.connect() as connection:
        return connection.execute(
            "SELECT count(*), sum(hashtext(concat(relname, relkind, oid, relnatts))::bigint)"
            " FROM pg_class WHERE relnamespace = 'large'::regnamespace"
        ).fetchone()
