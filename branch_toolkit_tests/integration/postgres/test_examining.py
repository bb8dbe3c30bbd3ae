"""What `doctor` says of clones that are there."""

from __future__ import annotations

from branch_toolkit.core.environment import Environment
from branch_toolkit.resources import PostgresWarehouse
from branch_toolkit_tests.integration.scene import BRANCH, Scene


def environment(scene: Scene) -> Environment:
    found = scene.environment()
    assert found is not None
    return found


def examined(scene: Scene) -> dict[str, str]:
    notes = scene.environments().warehouse.examine(environment(scene).clones)
    return {note.object: note.text for note in notes}


def test_of_fresh_clones_there_is_nothing_to_say(database: str) -> None:
    for rules in ((), Scene(database).rules):
        scene = Scene(database, rules)
        if not scene.schemas():
            scene.build()
        scene.provision(refresh=True)
        assert examined(scene) == {}


def test_what_branch_code_bound_to_base_is_named(database: str) -> None:
    scene = Scene(database, ()).build()
    scene.provision()
    with scene.connect() as connection:
        connection.execute("CREATE VIEW analytics__pr_42.bound AS SELECT id FROM analytics.t0")
    assert any("table analytics.t0" in text for text in examined(scene).values())


def test_drift_is_named(database: str) -> None:
    scene = Scene(database, ()).build()
    scene.provision()
    with scene.connect() as connection:
        connection.execute("ALTER TABLE analytics.t1 ADD COLUMN fresh int, DROP COLUMN mood")
    assert "dropped or retyped mood" in examined(scene)["analytics__pr_42: table t1"]


def test_where_branch_roles_are_not_wanted_there_is_no_advice(database: str) -> None:
    assert Scene(database).environments().warehouse.advice() == ()


def test_what_is_listed_as_deferred_is_so_until_it_is_owned(database: str) -> None:
    scene = Scene(database, ()).build()
    with scene.connect() as connection:
        connection.execute("CREATE VIEW analytics.shown AS SELECT id FROM analytics.t0")
    scene.provision()
    warehouse, clones = scene.environments().warehouse, environment(scene).clones
    tables = {table: deferred for (_, table), deferred in warehouse.tables(clones).items()}
    assert tables["t0"]
    assert tables["t1"]
    assert not tables["shown"], "a view reads whatever the clone's tables are"
    PostgresWarehouse(url=database, schemas=["analytics"]).own("t1", branch=BRANCH)
    assert warehouse.tables(clones)[clones[0].name, "t0"]
    assert not warehouse.tables(clones)[clones[0].name, "t1"]
