"""Killed at any moment, or all at once: an environment is whole or absent, and base untouched."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from branch_toolkit.core.errors import (
    BranchToolkitError,
    EnvironmentNotFound,
    NotDue,
    WarehouseUnavailable,
)
from branch_toolkit_tests.integration.scene import CLONES, Scene

FORK = multiprocessing.get_context("fork")
_TIMES = int(os.environ.get("BRANCH_TOOLKIT_TEST_KILLS", "1"))
PROVISION_KILLS = 30 * _TIMES
OTHER_KILLS = 8 * _TIMES


@pytest.fixture
def scene(database: str) -> Scene:
    return Scene(database).build()


def test_a_provision_killed_at_any_moment_leaves_a_whole_environment_or_none(
    scene: Scene,
) -> None:
    base = scene.base()
    undisturbed = _seconds(scene.provision)
    landed = 0
    for number in range(PROVISION_KILLS):
        _remove(scene)
        _kill_during(scene.provision, after=undisturbed * 1.2 * number / PROVISION_KILLS)
        scene.assert_whole_or_absent()
        scene.settle()
        scene.assert_whole_or_absent()
        landed += bool(scene.schemas())
        assert scene.base() == base
        scene.provision()
        scene.assert_complete()
    # The moments are spread over the whole of it, so most kills come before its end.
    assert landed < PROVISION_KILLS


@pytest.mark.parametrize("verb", ["refresh", "retire", "drop"])
def test_any_other_verb_killed_at_any_moment_is_done_or_not_done(scene: Scene, verb: str) -> None:
    base = scene.base()
    scene.provision()
    act = {
        "refresh": lambda: scene.provision(refresh=True),
        "retire": scene.retire,
        "drop": scene.drop,
    }[verb]
    undisturbed = 0.6 if verb == "refresh" else 0.1
    for number in range(OTHER_KILLS):
        scene.provision()
        if verb == "drop":
            scene.retire()
        _kill_during(act, after=undisturbed * number / OTHER_KILLS)
        scene.settle()
        scene.assert_whole_or_absent()
        environment = scene.environment()
        assert environment is None or not environment.partly_retired
        assert scene.base() == base


def test_a_provision_whose_backend_is_terminated_is_rolled_back_and_says_so(scene: Scene) -> None:
    undisturbed = _seconds(scene.provision)
    _remove(scene)
    generator = random.Random(7)
    ended = 0
    for _ in range(10):
        process, results = _start(scene.provision)
        time.sleep(undisturbed * generator.random())
        with scene.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'branch_toolkit' AND datname = current_database()"
            )
        outcome = results.get(timeout=60)
        process.join()
        if isinstance(outcome, str) and outcome.startswith("error"):
            ended += 1
            assert WarehouseUnavailable.__name__ in outcome
        scene.settle()
        scene.assert_whole_or_absent()
        _remove(scene)
    assert ended > 0
    scene.provision()
    scene.assert_complete()


def test_eight_processes_that_provision_at_once_make_one_environment(scene: Scene) -> None:
    base = scene.base()
    for _ in range(3):
        outcomes = _at_once([scene.provision] * 8)
        assert sorted(outcomes) == ["applied", *["nothing to do"] * 7]
        assert scene.schemas() == set(CLONES)
        scene.assert_complete()
        _remove(scene)
    assert scene.base() == base


def test_provision_and_retire_at_once_never_lose_or_orphan_a_schema(scene: Scene) -> None:
    for _ in range(8):
        scene.provision()
        _at_once([scene.provision, scene.retire, scene.provision, scene.retire])
        environment = scene.environment()
        assert scene.schemas() == set(CLONES)
        assert environment is not None
        assert not environment.partly_retired
        scene.assert_complete()


def test_provision_and_drop_at_once_end_with_all_or_nothing(scene: Scene) -> None:
    for _ in range(8):
        scene.provision()
        scene.retire()
        _at_once([scene.drop, scene.provision, scene.drop, scene.provision])
        scene.assert_whole_or_absent()
        scene.provision()
        scene.assert_complete()


def test_eight_refreshes_at_once_end_with_one_whole_environment(scene: Scene) -> None:
    outcomes = _at_once([lambda: scene.provision(refresh=True)] * 8)
    assert set(outcomes) <= {"applied", "error StalePlan"}
    assert scene.schemas() == set(CLONES)
    scene.assert_complete()


def _remove(scene: Scene) -> None:
    if scene.environment() is not None:
        scene.retire()
        scene.drop()
    assert scene.schemas() == set()


def _seconds(act: Callable[[], Any]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


def _kill_during(act: Callable[[], Any], *, after: float) -> None:
    process, _ = _start(act)
    time.sleep(after)
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()


def _start(act: Callable[[], Any]) -> tuple[Any, Any]:
    results = FORK.Queue()
    process = FORK.Process(target=_report, args=(act, results, None))
    process.start()
    return process, results


def _at_once(acts: list[Callable[[], Any]]) -> list[str]:
    results = FORK.Queue()
    gate = FORK.Barrier(len(acts))
    processes = [FORK.Process(target=_report, args=(act, results, gate)) for act in acts]
    for process in processes:
        process.start()
    outcomes = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    unexpected = [outcome for outcome in outcomes if outcome.startswith("unexpected")]
    assert unexpected == []
    return outcomes


def _report(act: Callable[[], Any], results: Any, gate: Any) -> None:
    if gate is not None:
        gate.wait()
    try:
        results.put("applied" if act().applied else "nothing to do")
    except (EnvironmentNotFound, NotDue) as error:
        results.put(f"too late: {type(error).__name__}")
    except BranchToolkitError as error:
        results.put(f"error {type(error).__name__}")
    except BaseException as error:  # noqa: BLE001  # the parent is told whatever it is
        results.put(f"unexpected {error!r}")
