"""One run at a time on an environment: waited for, renewed, lapsed, never two at once."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from starlette.requests import Request
from starlette.responses import Response

from branch_toolkit.core.errors import EnvironmentBusy
from branch_toolkit.core.plan import Plan
from branch_toolkit.warehouses.snowflake import adapter as adapter_module
from branch_toolkit.warehouses.snowflake import locking as locking_module
from branch_toolkit.warehouses.snowflake import session as session_module
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.locking import PREFIX, Lock, Locking
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.session import opened
from branch_toolkit.warehouses.snowflake.statements import SchemaOptions
from branch_toolkit_tests.snowflake.faults import CallNext, Middleware, statement_of
from branch_toolkit_tests.snowflake.scene import CLONE, Scene
from branch_toolkit_tests.snowflake_double import Dropped
from branch_toolkit_tests.snowflakes import SnowflakeDatabase

LEASE = 1.0
TOKEN = "0123456789ABCDEF"
OF_A_LOCK = '{"branch_toolkit_lock": 1, "environment": "pr_42", "seconds": 0.0}'


@pytest.fixture
def scene(snowflake_database: SnowflakeDatabase, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(session_module, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(adapter_module, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(locking_module, "_LONGEST_GOODBYE", 0.1)
    return Scene.of(snowflake_database)


def test_a_second_run_waits_until_the_first_is_done(scene: Scene) -> None:
    scene.provision()
    with ThreadPoolExecutor(1) as executor:
        with _held(scene):
            second = executor.submit(scene.retire)
            time.sleep(0.3)
            assert not second.done()
        assert second.result(timeout=10).applied
    assert scene.locks == []


def test_a_run_that_may_not_wait_says_that_the_environment_is_busy(scene: Scene) -> None:
    plan = Plan(verb="drop", environment="pr_42")
    busy = pytest.raises(EnvironmentBusy, match="pr_42")
    with _held(scene), scene.environments() as environments, busy:
        environments.warehouse.apply(plan, wait=False)
    assert scene.made == set()


def test_a_run_that_has_waited_long_enough_says_so(scene: Scene) -> None:
    with _held(scene), pytest.raises(EnvironmentBusy, match="pr_42"):
        scene.provision(patience=0.1)
    assert scene.made == set()


def test_environments_do_not_lock_each_other_though_one_name_begins_like_the_other(
    scene: Scene,
) -> None:
    with _held(scene, environment="pr_4"), _held(scene, environment="pr_42"):
        assert len(scene.locks) == 2


def test_starters_at_the_same_moment_never_hold_it_both(scene: Scene) -> None:
    generator = random.Random(7)

    async def slowly(request: Request, call_next: CallNext) -> Response:
        statement = await statement_of(request)
        if statement is not None and PREFIX in statement:
            await asyncio.sleep(generator.random() * 0.02)
        return await call_next(request)

    scene.double.middleware = slowly
    holders, most, rounds = 0, 0, 0
    gate, mutex = threading.Barrier(3), threading.Lock()

    def start() -> None:
        nonlocal holders, most, rounds
        with opened(scene.connect, scene.database) as session:
            for _ in range(20):
                gate.wait(timeout=30)
                with _locking(scene).hold(session, "pr_42") as lock:
                    if lock is None:
                        continue
                    with mutex:
                        holders, rounds = holders + 1, rounds + 1
                        most = max(most, holders)
                    time.sleep(0.005)
                    with mutex:
                        holders -= 1

    with ThreadPoolExecutor(3) as executor:
        for started in [executor.submit(start) for _ in range(3)]:
            started.result()
    assert most == 1
    assert rounds > 0
    assert scene.locks == []


def test_two_that_see_each_others_locks_both_step_back(scene: Scene) -> None:
    created = 0

    async def looks_after_both_creates(request: Request, call_next: CallNext) -> Response:
        nonlocal created
        statement = await statement_of(request) or ""
        if statement.startswith("SHOW SCHEMAS") and PREFIX in statement:
            while created < 2:
                await asyncio.sleep(0.005)
        response = await call_next(request)
        created += statement.startswith("CREATE TRANSIENT SCHEMA") and PREFIX in statement
        return response

    def drops_after_both_looks() -> bool:
        with _tried(scene) as lock:
            return lock is not None

    scene.double.middleware = looks_after_both_creates
    with ThreadPoolExecutor(2) as executor:
        outcomes = [executor.submit(drops_after_both_looks) for _ in range(2)]
        # One may look when the other has stepped back already.
        assert [outcome.result() for outcome in outcomes].count(True) <= 1
    assert scene.locks == []


def test_runs_that_meet_again_and_again_all_get_their_turn(scene: Scene) -> None:
    scene.provision()
    with ThreadPoolExecutor(4) as executor:
        for turn in [executor.submit(act) for act in (scene.retire, scene.restore) * 2]:
            turn.result()
    assert scene.locks == []
    scene.assert_only(CLONE)


def test_a_lock_that_has_lapsed_is_taken_over_and_cleared_away(scene: Scene) -> None:
    _leave(scene, f"{PREFIX}PR_42__{TOKEN}", OF_A_LOCK)
    _leave(scene, f"{PREFIX}PR_7__{TOKEN}", OF_A_LOCK)
    with _held(scene):
        assert len(scene.locks) == 1
    assert scene.locks == []


def test_what_is_merely_called_like_a_lock_is_neither_obeyed_nor_dropped(scene: Scene) -> None:
    others = {
        f"{PREFIX}PR_42__NOTES": OF_A_LOCK,
        f"{PREFIX}PR_42__{TOKEN}": "",
        f"{PREFIX}PR_42__{TOKEN[::-1]}": '{"branch_toolkit_lock": 1, "seconds": "long"}',
        f"{PREFIX}PR_42__{TOKEN.lower()}": OF_A_LOCK,
        f"MY_{PREFIX}PR_42__{TOKEN}": OF_A_LOCK,
    }
    for name, comment in others.items():
        _leave(scene, name, comment)
    with opened(scene.connect, scene.database) as session:
        assert not _locking(scene).is_held(session, "pr_42")
    scene.provision()
    scene.retire()
    scene.drop()
    assert scene.made == set(others)


def test_a_lock_is_renewed_as_long_as_its_holder_works(scene: Scene) -> None:
    with _held(scene, lease=LEASE) as lock:
        until = time.monotonic() + 2 * LEASE
        while time.monotonic() < until:
            with _tried(scene) as second:
                assert second is None
            time.sleep(0.05)
        lock.require()


def test_a_lock_that_cannot_be_renewed_stops_its_holder(scene: Scene) -> None:
    with _held(scene, lease=LEASE) as lock:
        scene.double.middleware = _renewals(_drop)
        lock.require()
        _stops(lock, within=LEASE)


def test_a_lock_whose_renewal_is_not_answered_stops_its_holder(scene: Scene) -> None:
    answer = threading.Event()

    async def hang() -> None:
        while not answer.is_set():
            await asyncio.sleep(0.01)

    with _held(scene, lease=LEASE) as lock:
        scene.double.middleware = _renewals(hang)
        try:
            _stops(lock, within=LEASE)
        finally:
            answer.set()
        # The renewal was too late: another run may have had the environment meanwhile.
        time.sleep(LEASE / 2)
        with pytest.raises(EnvironmentBusy):
            lock.require()


def test_a_holder_that_slept_too_long_does_not_bring_its_lock_to_life_again(scene: Scene) -> None:
    with opened(scene.connect, scene.database) as session:
        lock = Lock(SchemaName(scene.database, "X"), "pr_42", lease=0.05)
        time.sleep(0.1)
        before = len(scene.double.statements)
        with pytest.raises(EnvironmentBusy):
            lock.renew(session)
        assert scene.double.statements[before:] == []


def test_a_run_that_loses_its_lock_stops_before_its_next_statement(scene: Scene) -> None:
    lost = threading.Event()

    async def slow_clone(request: Request, call_next: CallNext) -> Response:
        statement = await statement_of(request) or ""
        if statement.startswith("ALTER SCHEMA") and PREFIX in statement:
            raise Dropped
        response = await call_next(request)
        if " CLONE " in statement:
            await asyncio.sleep(LEASE)
            lost.set()
        elif lost.is_set() and not statement.startswith(("SHOW", "DROP SCHEMA")):
            raise AssertionError(statement)
        return response

    scene.double.middleware = slow_clone
    with pytest.raises(EnvironmentBusy, match="could not be renewed"):
        scene.provision(lock_lease=LEASE)
    scene.double.middleware = None
    assert lost.is_set()
    assert '"condition": "building"' in scene.schemas[CLONE].comment
    scene.provision()
    scene.assert_only(CLONE)


def _locking(scene: Scene, lease: float = 60.0) -> Locking:
    return Locking(scene.connect, scene.database, lease)


@contextmanager
def _tried(scene: Scene, *, environment: str = "pr_42") -> Iterator[Lock | None]:
    with (
        opened(scene.connect, scene.database) as session,
        _locking(scene).hold(session, environment) as lock,
    ):
        yield lock


@contextmanager
def _held(scene: Scene, *, environment: str = "pr_42", lease: float = 60.0) -> Iterator[Lock]:
    with (
        opened(scene.connect, scene.database) as session,
        _locking(scene, lease).hold(session, environment) as lock,
    ):
        assert lock is not None
        yield lock


def _leave(scene: Scene, name: str, comment: str) -> None:
    schema = SchemaName(scene.database, name)
    scene.run(statements.create_schema(schema, SchemaOptions(), comment=comment))


def _stops(lock: Lock, *, within: float) -> None:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            lock.require()
        except EnvironmentBusy:
            return
        time.sleep(0.01)
    raise AssertionError("the holder would still go on when its lock has lapsed")


def _renewals(befall: Callable[[], Awaitable[None]]) -> Middleware:
    """A middleware that lets something befall every renewal of a lock."""

    async def middleware(request: Request, call_next: CallNext) -> Response:
        statement = await statement_of(request) or ""
        if statement.startswith("ALTER SCHEMA") and PREFIX in statement:
            await befall()
        return await call_next(request)

    return middleware


async def _drop() -> None:
    raise Dropped
