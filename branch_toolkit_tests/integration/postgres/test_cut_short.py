"""Large environments, cut short at any moment: whole or absent, base untouched, and mended next."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from branch_toolkit.core.strategy import DEFER_ALL, Rule
from branch_toolkit_tests.integration.postgres.large import (
    KILLS,
    Cut,
    assert_sound,
    at_once,
    in_small_parts,
    remove,
    seconds,
)
from branch_toolkit_tests.integration.scene import CLONES, Scene


@pytest.fixture
def scene(database: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    in_small_parts(monkeypatch)
    return Scene(database).build()


def _moments(undisturbed: float, kills: int) -> list[float]:
    """Moments spread over the whole of it, the last of them about its end."""
    count, generator = max(1, round(kills * KILLS)), random.Random(7)
    return [undisturbed * (number + generator.random()) / count for number in range(count)]


def _ready(scene: Scene, verb: str) -> Callable[[], Any]:
    """Puts the scene in the state that a verb needs; how to call it."""
    if verb == "provision":
        remove(scene)
        return scene.provision
    scene.provision()
    if verb == "refresh":
        return lambda: scene.provision(refresh=True)
    scene.retire()
    return scene.drop


def _mend(scene: Scene, verb: str) -> None:
    """The next call succeeds, and nothing half-made is left."""
    if verb == "drop" and scene.schemas():
        if scene.environment() is not None:
            scene.retire()
        scene.drop()
        assert scene.schemas() == set()
    else:
        scene.provision(refresh=verb == "refresh")
        assert scene.schemas() == set(CLONES)
        scene.assert_complete()


@pytest.mark.parametrize(
    ("verb", "kills"), [("provision", 10), ("refresh", 7), ("drop", 6)], ids=lambda each: str(each)
)
def test_killed_at_any_moment_it_leaves_a_whole_environment_or_none(
    scene: Scene, verb: str, kills: int
) -> None:
    base = scene.base()
    undisturbed = seconds(_ready(scene, verb))
    for moment in _moments(undisturbed, kills):
        act = _ready(scene, verb)
        Cut(act).killed(after=moment)
        assert scene.schemas() & set(CLONES) in (set(), set(CLONES))
        scene.settle()
        assert_sound(scene)
        if verb == "refresh":
            assert set(CLONES) <= scene.schemas()
        assert scene.base() == base
        _mend(scene, verb)


@pytest.mark.parametrize(("verb", "kills"), [("provision", 6), ("refresh", 4), ("drop", 4)])
def test_its_sessions_ended_at_any_moment_it_says_so_and_leaves_no_half(
    scene: Scene, verb: str, kills: int
) -> None:
    base = scene.base()
    undisturbed = seconds(_ready(scene, verb))
    for moment in _moments(undisturbed, kills):
        act = _ready(scene, verb)
        outcome = Cut(act).terminated(scene, after=moment)
        assert outcome in ("done", "WarehouseUnavailable", "SnapshotLost")
        scene.settle()
        assert_sound(scene)
        assert scene.base() == base
        _mend(scene, verb)


def test_deferred_tables_killed_at_any_moment(database: str, monkeypatch: Any) -> None:
    in_small_parts(monkeypatch)
    rules: tuple[Rule, ...] = (DEFER_ALL,)
    scene = Scene(database, rules).build()
    base = scene.base()
    undisturbed = seconds(scene.provision)
    for moment in _moments(undisturbed, 5):
        environments = scene.environments()
        if environments.inventory().environments:
            scene.retire()
            scene.drop()
        Cut(scene.provision).killed(after=moment)
        scene.settle()
        schemas = scene.schemas()
        assert schemas & set(CLONES) in (set(), set(CLONES))
        scene.provision()
        assert scene.schemas() == set(CLONES)
        assert scene.base() == base


def test_many_at_once_make_one_environment(scene: Scene) -> None:
    base = scene.base()
    outcomes = at_once([scene.provision] * 6)
    assert outcomes == ["done"] * 6
    assert scene.schemas() == set(CLONES)
    scene.assert_complete()
    outcomes = at_once([lambda: scene.provision(refresh=True), scene.provision] * 2)
    assert set(outcomes) <= {"done", "StalePlan"}
    assert scene.schemas() == set(CLONES)
    scene.assert_complete()
    assert scene.base() == base


def test_those_that_provision_and_drop_at_once_end_with_all_or_nothing(scene: Scene) -> None:
    for _ in range(max(1, round(2 * KILLS))):
        scene.provision()
        scene.retire()
        outcomes = at_once([scene.drop, scene.provision, scene.drop, scene.provision])
        assert set(outcomes) <= {"done", "EnvironmentNotFound", "NotDue"}
        assert_sound(scene)
        assert scene.schemas() in (set(), set(CLONES))
        scene.provision()
        scene.assert_complete()
