"""Schemas with more in them than one transaction may make or drop, and verbs that are cut short."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.names import half_name
from branch_toolkit.warehouses.postgres import adapter, building, dropping
from branch_toolkit_tests.integration.scene import CLONES, Scene

FORK = multiprocessing.get_context("fork")
KILLS = float(os.environ.get("BRANCH_TOOLKIT_TEST_KILLS", "1"))
"""How many times as many kills as in a quick run."""
HALVES = {half_name(clone, how) for clone in CLONES for how in ("building", "dropping")}


def make_tables(scene: Scene, schema: str, count: int, *, columns: str = "n int") -> None:
    """Adds tables to a schema, each with a row, in transactions that stock settings allow."""
    with scene.connect() as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
        for first in range(0, count, 200):
            statements = [
                f"CREATE TABLE {schema}.t{number} ({columns});"
                f" INSERT INTO {schema}.t{number} (n) VALUES ({number})"
                for number in range(first, min(count, first + 200))
            ]
            connection.execute("; ".join(statements).encode())


def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a small scene treated as a large one."""
    monkeypatch.setattr(adapter, "MOST_RELATIONS", 3)
    monkeypatch.setattr(building, "MOST_RELATIONS", 4)
    monkeypatch.setattr(dropping, "MOST_LOCKS", 40)


def stock_settings(scene: Scene) -> bool:
    """Whether the server has as much room for locks as one that nobody has tuned."""
    with scene.connect() as connection:
        names = "'max_locks_per_transaction', 'max_connections', 'max_prepared_transactions'"
        query = f"SELECT bool_and(setting = boot_val) FROM pg_settings WHERE name IN ({names})"
        return connection.execute(query.encode()).fetchone() == (True,)


def assert_sound(scene: Scene) -> None:
    """Fails if anything is visible that is neither a whole clone nor marked as half of one."""
    schemas = scene.schemas()
    assert schemas <= {*CLONES, *HALVES}
    assert schemas & set(CLONES) in (set(), set(CLONES)), f"half an environment: {schemas}"
    inventory = scene.environments().inventory()
    assert inventory.refused == ()
    assert {found.name for found in inventory.debris} == schemas & HALVES
    names = {clone.name for found in inventory.environments for clone in found.clones}
    assert names == schemas & set(CLONES)
    if names:
        scene.assert_complete()


@dataclass
class Cut:
    """A verb in a process of its own, to be cut short."""

    act: Callable[[], Any]

    def killed(self, *, after: float) -> None:
        """Has the process killed, if it still runs by then."""
        process, _ = self.start()
        time.sleep(after)
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()

    def terminated(self, scene: Scene, *, after: float) -> str:
        """Has the server end all its sessions at that moment; what became of it."""
        process, outcomes = self.start()
        time.sleep(after)
        with scene.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'branch_toolkit' AND datname = current_database()"
            )
        outcome = str(outcomes.get(timeout=120))
        process.join()
        return outcome

    def start(self) -> tuple[Any, Any]:
        """The process, and where it says what became of it."""
        outcomes = FORK.Queue()
        process = FORK.Process(target=self._run, args=(outcomes,))
        process.start()
        return process, outcomes

    def _run(self, outcomes: Any) -> None:
        try:
            self.act()
            outcomes.put("done")
        except BranchToolkitError as error:
            outcomes.put(type(error).__name__)
        except BaseException as error:  # noqa: BLE001  # the parent is told whatever it is
            outcomes.put(f"unexpected {error!r}")


def at_once(acts: list[Callable[[], Any]]) -> list[str]:
    """What became of each of some verbs that were called at the same time."""
    started = [Cut(act).start() for act in acts]
    outcomes = [str(outcome.get(timeout=120)) for _, outcome in started]
    for process, _ in started:
        process.join()
    return outcomes


def seconds(act: Callable[[], Any]) -> float:
    """How long something takes."""
    started = time.monotonic()
    act()
    return time.monotonic() - started


def remove(scene: Scene) -> None:
    """Drops the environment, if there is one."""
    if scene.environment() is not None:
        scene.retire()
        scene.drop()
    assert scene.schemas() == set()
