"""Whatever befalls a request, a verb is done, or says why not and is done by the next run."""

from __future__ import annotations

import os

import pytest
from snowflake.connector import time_util

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.snowflake import session as session_module
from branch_toolkit_tests.snowflake.faults import FAULTS, LOGIN, RENEWAL, Fault, Kind, Trouble
from branch_toolkit_tests.snowflake.scene import BASE, CLONE, OWN_WORK, READER, Scene
from branch_toolkit_tests.snowflake.verbs import VERBS, Verb
from branch_toolkit_tests.snowflakes import SnowflakeDatabase

EVERY_FAULT = int(os.environ.get("BRANCH_TOOLKIT_TEST_KILLS", "1")) > 1


@pytest.fixture
def scene(snowflake_database: SnowflakeDatabase, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(session_module, "_FIRST_PAUSE", 0.001)
    return Scene.of(snowflake_database)


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_that_meets_a_fault_is_done_or_is_done_by_the_next_run(
    scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb = VERBS[name]
    scene = Scene(scene.double, scene.database, {"clone_by": verb.clone_by})
    base = scene.base()
    for at, fault in _faults(scene, verb):
        verb.prepare(scene)
        trouble = Trouble(fault, at)
        try:
            _meet(scene, verb, trouble, monkeypatch)
            assert scene.base() == base
        except (AssertionError, BranchToolkitError) as error:
            raise AssertionError(f"{fault}: {trouble.seen[at:][:1]}") from error
    verb.prepare(scene)
    verb.act(scene)
    assert scene.locks == []


@pytest.mark.parametrize("name", ["provision by schema", "provision by table", "refresh"])
def test_a_verb_that_is_refused_takes_back_what_it_did(
    scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb = VERBS[name]
    scene = Scene(scene.double, scene.database, {"clone_by": verb.clone_by})
    for at, statement in enumerate(_statements(scene, verb)):
        if statement.startswith("GRANT") or "__DROPPING" in statement or "_LOCK__" in statement:
            continue
        verb.prepare(scene)
        told = _act_with(scene, verb, Trouble(Fault(Kind.TIMED_OUT), at), monkeypatch)
        assert told is not None
        assert "timeout" in told.problem
        if name == "refresh":
            assert OWN_WORK in scene.customers()
            assert scene.environment() is not None
        assert scene.made == ({CLONE} if name == "refresh" else set())


def test_a_grant_that_is_refused_is_told_and_the_rest_is_made(scene: Scene) -> None:
    scene.double.middleware = Trouble(
        Fault(Kind.TIMED_OUT), wanted=lambda statement: statement.startswith("GRANT")
    )
    report = scene.provision()
    told = [result.object for result in report.results if result.action == "leave out"]
    assert [text.startswith(f"USAGE to {READER} (Snowflake refused") for text in told] == [True]
    assert scene.made == {CLONE}
    assert scene.customers() == scene.customers(BASE)


def test_a_grant_is_not_given_up_where_the_connector_has_given_up_on_503(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_util.TimeoutBackoffCtx, "should_retry", False)
    scene.double.middleware = trouble = Trouble(
        Fault(Kind.UNAVAILABLE), wanted=lambda statement: statement.startswith("GRANT")
    )
    report = scene.provision()
    assert trouble.struck
    assert "leave out" not in {result.action for result in report.results}
    scene.assert_only(CLONE)


@pytest.mark.parametrize(("kind", "logins"), [(Kind.EXPIRED, 1), (Kind.LOGGED_OUT, 2)])
def test_a_session_that_has_expired_is_renewed_or_else_made_anew(
    scene: Scene, kind: Kind, logins: int
) -> None:
    scene.provision()
    scene.double.middleware = trouble = Trouble(Fault(kind), at=1)
    scene.retire()
    assert trouble.paths.count(RENEWAL) == 1
    # One for the run, and where the renewal is refused another; renewing the lock needs none yet.
    assert trouble.paths.count(LOGIN) == logins
    scene.assert_only(CLONE)


def test_a_new_connection_knows_what_unqualified_names_in_a_view_mean(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_util.TimeoutBackoffCtx, "should_retry", False)
    trouble = Trouble(Fault(Kind.DROPPED), wanted=lambda statement: " VIEW " in statement)
    scene.double.middleware = trouble
    before = len(scene.double.statements)
    scene.provision()
    assert trouble.struck
    came = [received.text for received in scene.double.statements[before:]]
    use = f'USE SCHEMA "{scene.database}"."{CLONE}"'
    assert [came[at - 1] for at, text in enumerate(came) if " VIEW " in text] == [use]


def _meet(scene: Scene, verb: Verb, trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a verb in trouble, and again if that failed; fails unless it is done in the end."""
    base = scene.base()
    told = _act_with(scene, verb, trouble, monkeypatch)
    if told is not None:
        assert told.remedy
        assert scene.base() == base
        scene.assert_nothing_unmarked()
        scene.let_locks_lapse()
        verb.act(scene)
    verb.reached(scene)
    # It may have been the lock that could not be given back.
    scene.let_locks_lapse()


def _faults(scene: Scene, verb: Verb) -> list[tuple[int, Fault]]:
    """Each statement of an undisturbed run with all faults, or with some, taking turns."""
    pairs = [
        (at, fault)
        for at, statement in enumerate(_statements(scene, verb))
        for fault in FAULTS
        if not (fault.kind is Kind.TIMED_OUT and statement.startswith("GRANT"))
    ]
    return pairs if EVERY_FAULT else pairs[:: len(FAULTS) + 1]


def _statements(scene: Scene, verb: Verb) -> list[str]:
    """What an undisturbed run changes."""
    verb.prepare(scene)
    scene.double.middleware = undisturbed = Trouble()
    verb.act(scene)
    scene.double.middleware = None
    verb.reached(scene)
    return undisturbed.seen


def _act_with(
    scene: Scene, verb: Verb, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> BranchToolkitError | None:
    """The error that a verb ends with, if it does."""
    scene.double.middleware = trouble
    try:
        with monkeypatch.context() as patch:
            if trouble.fault is not None and not trouble.fault.repeated:
                patch.setattr(time_util.TimeoutBackoffCtx, "should_retry", False)
            verb.act(scene)
    except BranchToolkitError as error:
        return error
    finally:
        scene.double.middleware = None
        assert trouble.struck
    return None
