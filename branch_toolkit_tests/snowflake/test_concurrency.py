"""Many at once, and strangers that take a name at the worst moment."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from branch_toolkit.core.branch import BranchKey
from branch_toolkit.core.errors import SchemaNotOwned, StalePlan
from branch_toolkit.core.mark import BUILDING, encode
from branch_toolkit.warehouses.snowflake import adapter as adapter_module
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.statements import SchemaOptions
from branch_toolkit_tests.snowflake.faults import CallNext, Interposed, statement_of
from branch_toolkit_tests.snowflake.scene import BASE, CLONE, NOW, Act, Scene, branch
from branch_toolkit_tests.snowflake_double.model import Schema
from branch_toolkit_tests.snowflakes import SnowflakeDatabase

NUMBERS = range(1, 17)
HIDDEN = f"{CLONE}__DROPPING"
STRANGER = "SOMEBODY"


@pytest.fixture
def scene(snowflake_database: SnowflakeDatabase, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(adapter_module, "_POLL_SECONDS", 0.02)
    return Scene.of(snowflake_database)


def test_sixteen_environments_are_provisioned_and_dropped_at_once(scene: Scene) -> None:
    base = scene.base()
    clones = {number: f"{BASE}__PR_{number}" for number in NUMBERS}
    _at_once(lambda number: scene.provision(number, clone_by=_way(number)))
    scene.assert_only(*clones.values())
    assert scene.locks == []
    with scene.environments() as environments:
        found = environments.inventory().environments
    assert {one.key: [clone.name for clone in one.clones] for one in found} == {
        BranchKey(number=number): [clone] for number, clone in clones.items()
    }
    _at_once(scene.retire)
    _at_once(scene.drop)
    assert scene.made == set()
    assert scene.base() == base


def test_sixteen_runs_that_provision_one_environment_make_it_once(scene: Scene) -> None:
    reports = _at_once(lambda _number: scene.provision())
    assert [report.applied for report in reports].count(True) == 1
    scene.assert_only(CLONE)
    assert scene.locks == []


def test_a_plan_to_make_what_another_run_is_making_is_stale(scene: Scene) -> None:
    place = SchemaName(scene.database, CLONE)
    with scene.environments() as environments:
        marks = environments.new_marks(branch(), [BASE.lower()], now=NOW, schema_only=False)
        theirs = encode(marks[0].half(BUILDING, name=CLONE))
        scene.run(statements.create_schema(place, SchemaOptions(), comment=theirs))
        with pytest.raises(StalePlan):
            environments.warehouse.plan_provision("pr_42", marks)


def test_what_is_asked_of_an_environment_while_it_is_refreshed_waits(scene: Scene) -> None:
    scene.provision()
    begun, go_on = threading.Event(), threading.Event()

    async def slow_clone(request: Request, call_next: CallNext) -> Response:
        if (await statement_of(request) or "").startswith("CREATE SCHEMA"):
            begun.set()
            while not go_on.is_set():
                await asyncio.sleep(0.01)
        return await call_next(request)

    scene.double.middleware = slow_clone
    with ThreadPoolExecutor(2) as executor:
        refresh = executor.submit(scene.refresh)
        assert begun.wait(10)
        retire = executor.submit(scene.retire)
        time.sleep(0.3)
        go_on.set()
        refresh.result()
        retire.result()
    found = scene.environment()
    assert found is not None
    assert found.retired


def test_a_schema_that_takes_the_clones_name_before_its_rename_keeps_it(scene: Scene) -> None:
    _retired(scene)
    _interpose(scene, "RENAME TO", _Stranger(scene, CLONE))
    assert scene.drop() is None
    _assert_untouched(scene, CLONE)
    assert scene.made == {CLONE}


def test_a_schema_that_takes_the_clones_name_at_a_refresh_keeps_it(scene: Scene) -> None:
    scene.provision()
    _interpose(scene, "RENAME TO", _Stranger(scene, CLONE))
    with pytest.raises(SchemaNotOwned, match=CLONE):
        scene.refresh()
    _assert_untouched(scene, CLONE)
    assert scene.made == {CLONE}


def test_a_schema_that_takes_the_hidden_name_is_not_dropped(scene: Scene) -> None:
    _retired(scene)
    _interpose(scene, "RENAME TO", _Stranger(scene, HIDDEN), after=True)
    assert scene.drop() is None
    [left] = scene.made
    _assert_untouched(scene, left)


@pytest.mark.parametrize("verb", [Scene.provision, Scene.retire])
def test_a_schema_that_takes_the_name_before_a_mark_is_set_is_never_dropped(
    scene: Scene, verb: Act
) -> None:
    if verb is Scene.retire:
        scene.provision()
    _interpose(scene, f'"{CLONE}" SET COMMENT', _Stranger(scene, CLONE))
    verb(scene)
    assert scene.drop() is None
    assert scene.made == {CLONE}
    assert scene.schemas[CLONE].owner == STRANGER
    assert _refused(scene) == [(CLONE, "made at another time")]


def test_a_schema_that_takes_the_name_before_the_clone_is_made_stays(scene: Scene) -> None:
    _interpose(scene, f'SCHEMA "{scene.database}"."{CLONE}" CLONE', _Stranger(scene, CLONE))
    with pytest.raises(SchemaNotOwned, match=CLONE):
        scene.provision()
    _assert_untouched(scene, CLONE)
    assert scene.made == {CLONE}


def test_a_clone_of_our_clone_is_not_ours_by_whatever_name(scene: Scene) -> None:
    scene.provision()
    comment = scene.schemas[CLONE].comment.replace("'", "''")
    place = f"{scene.database}.{CLONE}"
    scene.run(f"CREATE SCHEMA {place}_COPY CLONE {place} COMMENT = '{comment}'")
    assert _refused(scene) == [(f"{CLONE}_COPY", "a schema called")]
    scene.run(f"DROP SCHEMA {place}", f"ALTER SCHEMA {place}_COPY RENAME TO {place}")
    assert _refused(scene) == [(CLONE, "made at another time")]


def test_the_schemas_of_a_cloned_database_are_not_ours(scene: Scene) -> None:
    scene.provision()
    comment = scene.schemas[CLONE].comment.replace("'", "''")
    copy = replace(scene, database=f"{scene.database}_COPY")
    scene.run(f"CREATE DATABASE {copy.database}")
    try:
        scene.run(f"CREATE SCHEMA {copy.database}.{CLONE} COMMENT = '{comment}'")
        assert _refused(copy) == [(CLONE, "made in another database")]
    finally:
        scene.run(f"DROP DATABASE {copy.database}")


REASONS = ("made at another time", "made in another database", "a schema called")


@dataclass(frozen=True)
class _Stranger:
    """Somebody who drops the schema of a name, and makes another of that name."""

    scene: Scene
    name: str

    def __call__(self) -> None:
        """From within the server, where no request could be answered."""
        made = self.scene.double.account.now()
        self.scene.schemas[self.name] = Schema("SCHEMA", self.name, STRANGER, made, "hands off")


def _interpose(scene: Scene, text: str, act: Callable[[], None], *, after: bool = False) -> None:
    scene.double.middleware = Interposed(lambda statement: text in statement, act, after=after)


def _assert_untouched(scene: Scene, name: str) -> None:
    found = scene.schemas[name]
    assert (found.owner, found.comment) == (STRANGER, "hands off")


def _refused(scene: Scene) -> list[tuple[str, str]]:
    """What is marked and not ours, and why, in a few words; nothing else may be marked."""
    with scene.environments() as environments:
        inventory = environments.inventory()
    if not inventory.refused:
        return []
    assert (inventory.debris, [e for e in inventory.environments if e.name != "pr_42"]) == ((), [])
    return [
        (one.schema, next(reason for reason in REASONS if reason in one.reason))
        for one in inventory.refused
    ]


def _retired(scene: Scene) -> None:
    scene.provision()
    scene.retire()


def _way(number: int) -> str:
    return "tables" if number % 2 else "schema"


def _at_once(act: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(NUMBERS)) as executor:
        return list(executor.map(act, NUMBERS))
