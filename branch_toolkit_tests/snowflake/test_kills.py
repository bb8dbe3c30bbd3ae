"""Killed at any statement: base is untouched, and the next run finds its way."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from branch_toolkit.warehouses.snowflake import adapter as adapter_module
from branch_toolkit_tests.snowflake.faults import CallNext, changes_something, statement_of
from branch_toolkit_tests.snowflake.scene import CLONE, Scene
from branch_toolkit_tests.snowflake.verbs import VERBS, Verb
from branch_toolkit_tests.snowflake_double import Dropped
from branch_toolkit_tests.snowflakes import SnowflakeDatabase

# A process that only forks has no threads that a fork could tear apart, unlike this one.
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload([__name__])
EVERY_STATEMENT = int(os.environ.get("BRANCH_TOOLKIT_TEST_KILLS", "1")) > 1
DEADLINE = 60.0


@dataclass
class Stop:
    """A middleware that holds a statement up until its sender is dead.

    Args:
        at: Which of those that change something, from 0.
        executed: Whether it is executed before, its answer being held up.
    """

    at: int
    executed: bool
    reached: threading.Event = field(default_factory=threading.Event)
    dead: threading.Event = field(default_factory=threading.Event)
    _seen: int = 0

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """See `Double.middleware`."""
        statement = await statement_of(request)
        if statement is None or not changes_something(statement) or self.reached.is_set():
            return await call_next(request)
        self._seen += 1
        if self._seen <= self.at:
            return await call_next(request)
        if self.executed:
            await call_next(request)
        self.reached.set()
        while not self.dead.is_set():
            await asyncio.sleep(0.005)
        raise Dropped


@pytest.fixture
def scene(
    snowflake_database: SnowflakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    monkeypatch.setattr(adapter_module, "_POLL_SECONDS", 0.02)
    return Scene.of(snowflake_database)


@pytest.mark.parametrize("name", ["provision by table", "refresh", "drop"])
def test_a_run_that_is_killed_at_any_statement_is_made_good_by_the_next(
    scene: Scene, name: str
) -> None:
    verb = VERBS[name]
    scene = Scene(scene.double, scene.database, {"clone_by": verb.clone_by})
    base = scene.base()
    for at, executed in _moments(scene, verb):
        verb.prepare(scene)
        _kill(scene, verb, Stop(at, executed))
        assert scene.base() == base
        scene.assert_nothing_unmarked()
        assert len(scene.locks) <= 1
        scene.let_locks_lapse()
        verb.act(scene)
        verb.reached(scene)
        assert scene.base() == base
        scene.let_locks_lapse()
    verb.prepare(scene)
    verb.act(scene)
    assert scene.locks == []


def test_the_lock_of_a_killed_run_lapses_by_itself(scene: Scene) -> None:
    verb = VERBS["provision by schema"]
    _kill(scene, verb, Stop(at=1, executed=True), lock_lease=2.0)
    assert len(scene.locks) == 1
    scene.provision(lock_lease=2.0, patience=DEADLINE)
    scene.assert_only(CLONE)
    assert scene.locks == []


def _moments(scene: Scene, verb: Verb) -> list[tuple[int, bool]]:
    """Every statement before and after its execution, or some of these in turn."""
    verb.prepare(scene)
    before = len(scene.double.statements)
    verb.act(scene)
    statements = [received.text for received in scene.double.statements[before:]]
    number = sum(map(changes_something, statements))
    moments = [(at, executed) for at in range(number) for executed in (False, True)]
    return moments if EVERY_STATEMENT else moments[1::7]


def _kill(scene: Scene, verb: Verb, stop: Stop, **options: Any) -> None:
    """Starts a verb in a process of its own, and kills it at a statement."""
    scene.double.middleware = stop
    elsewhere = _Elsewhere(scene.double.connection_args)
    victim = Scene(elsewhere, scene.database, {**scene.options, **options})  # type: ignore[arg-type]
    process = FORKSERVER.Process(target=verb.act, args=(victim,))
    process.start()
    try:
        assert stop.reached.wait(DEADLINE)
    finally:
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        stop.dead.set()
        scene.double.middleware = None


@dataclass(frozen=True)
class _Elsewhere:
    """What another process knows of the double."""

    connection_args: dict[str, Any]
