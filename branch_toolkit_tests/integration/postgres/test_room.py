"""What does not fit is refused before it is copied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from branch_toolkit.core.errors import NotEnoughDisk
from branch_toolkit.core.strategy import Rule, Strategy
from branch_toolkit.warehouses.postgres import disk
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit.warehouses.postgres.connection import create_engine
from branch_toolkit_tests.integration.postgres.large import in_small_parts
from branch_toolkit_tests.integration.scene import BRANCH, CLONES, NOW, SCHEMAS, Scene


@pytest.fixture(params=["at once", "in parts"])
def scene(request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    if request.param == "in parts":
        in_small_parts(monkeypatch)
    return Scene(database).build()


def test_more_than_may_be_copied_is_refused_in_figures_and_nothing_is_made(scene: Scene) -> None:
    small = PostgresAdapter(create_engine(scene.url), max_copy_bytes=1_000_000)
    environments = replace(scene.environments(), warehouse=small)
    with pytest.raises(NotEnoughDisk, match="max_copy_bytes leaves room for 1 MB") as caught:
        environments.provision(BRANCH, now=NOW)
    assert 1_000_000 < caught.value.wanted < 20_000_000
    sample = Rule(tables="*", strategy=Strategy.SAMPLE, limit=10)
    with scene.connect() as connection:
        connection.execute("ANALYZE")
    replace(environments, rules=(sample,), schemas=SCHEMAS[1:]).provision(BRANCH, now=NOW)
    assert scene.schemas() == set(CLONES[1:])


def test_more_than_the_disk_has_room_for_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = disk.shutil.disk_usage("/")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage._replace(free=2_000_000))
    with pytest.raises(NotEnoughDisk, match="disk leaves room for 2 MB"):
        scene.provision()
    assert scene.schemas() == set()
    replace(scene.environments(), rules=()).provision(BRANCH, now=NOW)
    assert scene.schemas() == set(CLONES)
