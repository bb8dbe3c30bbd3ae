"""Builds clones of any size out of sight, and shows them in one short transaction."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
import sqlalchemy
from psycopg import sql

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.plan import Progress, Result, Statement, silent
from branch_toolkit.warehouses.postgres.applying import audit, check_base, run, with_sizes
from branch_toolkit.warehouses.postgres.batches import (
    MOST_RELATIONS,
    Course,
    batches,
    objects_of,
)
from branch_toolkit.warehouses.postgres.checking import check_again
from branch_toolkit.warehouses.postgres.copying import load
from branch_toolkit.warehouses.postgres.dropping import drop_hidden
from branch_toolkit.warehouses.postgres.holding import Held, require_held
from branch_toolkit.warehouses.postgres.queries import Connection, OwnSearchPath, own_search_paths
from branch_toolkit.warehouses.postgres.staging import StagedPlan

_ENTRY = re.compile(r'"(?:[^"]|"")*"|[^,\s]+')


@dataclass(frozen=True)
class Loading:
    """How rows are copied.

    Args:
        engine: For the connections that copy them.
        connections: How many.
        throttle: Most bytes per second; None for no limit.
    """

    engine: sqlalchemy.Engine
    connections: int
    throttle: float | None


def apply_staged(
    held: Held,
    plan: StagedPlan,
    course: Course,
    *,
    loading: Loading,
    witness: Connection,
) -> tuple[Result, ...]:
    """Makes the clones; at any error what was built is dropped again.

    Args:
        held: Holds the environment's lock; nearly all is done on it.
        plan: The plan.
        course: Told of each statement.
        loading: How rows are copied.
        witness: Another connection, in no transaction.

    Raises:
        StalePlan: A schema, or base's structure, is not what the plan was made from.
    """
    with held.transaction() as connection:
        check_again(witness, plan.expects, dropping=[one.clone for one in plan.doomed])
        results = run(connection, plan.begin, course)
    course.done += len(plan.settings)
    with _dropped_on_error(held, plan, witness):
        results += _fill(held, plan, plan.create, course)
        results += _load(held, plan, course, loading)
        results += _fill(held, plan, plan.finish, course)
        results = _show(held, plan, results, course, witness=witness)
    if plan.doomed:
        results += drop_hidden(held, plan.doomed, course, witness=witness)
    return tuple(results)


def _fill(
    held: Held, plan: StagedPlan, statements: Sequence[Statement], course: Course
) -> list[Result]:
    results: list[Result] = []
    for part in batches(statements, objects_of, most=MOST_RELATIONS):
        with held.transaction(settings=plan.settings) as connection:
            results += run(connection, part, course)
    return results


def _load(held: Held, plan: StagedPlan, course: Course, loading: Loading) -> list[Result]:
    if not plan.load:
        return []
    share = len(plan.load)

    def watch(progress: Progress) -> None:
        # Whoever has lost the lock must not write to what somebody else may build now.
        held.confirm()
        course.within(progress, share=share)

    results = load(
        loading.engine,
        plan.structure,
        plan.settings,
        schemas={mark.base_schema: plan.finals[mark.clone] for mark in plan.building},
        connections=loading.connections,
        throttle=loading.throttle,
        lock_timeout=held.lock_timeout,
        on_snapshot=lambda connection: check_base(connection, plan),
        confirm=lambda connection: require_held(connection, plan.environment, held.backend),
        on_progress=watch,
    )
    for statement in plan.load:
        course.end(statement)
    return list(results)


def _show(
    held: Held,
    plan: StagedPlan,
    results: Sequence[Result],
    course: Course,
    *,
    witness: Connection,
) -> list[Result]:
    """Gives all clones their names at once, if everything still is as it was.

    Returns:
        All results, with sizes.
    """
    with held.transaction(isolation="REPEATABLE READ") as connection:
        check_again(witness, plan.expects_at_last, dropping=[one.clone for one in plan.doomed])
        check_base(connection, plan)
        audit(connection, plan)
        for function in own_search_paths(connection, sorted(plan.made)):
            _set_path(connection, plan, function)
        shown = run(connection, plan.show, course)
        return list(with_sizes(connection, [*results, *shown]))


def _set_path(connection: Connection, plan: StagedPlan, function: OwnSearchPath) -> None:
    """Gives a function a search_path of its own with the clones' final names; it is text."""
    entries = [_unquoted(entry) for entry in _ENTRY.findall(function.path)]
    path = [plan.finals.get(entry, entry) for entry in entries]
    if path != entries:
        text = sql.SQL("ALTER ROUTINE {} SET search_path TO {}").format(
            sql.SQL(function.signature), sql.SQL(", ").join(map(sql.Literal, path))
        )
        connection.execute(text)


def _unquoted(entry: str) -> str:
    return entry[1:-1].replace('""', '"') if entry.startswith('"') else entry


@contextmanager
def _dropped_on_error(held: Held, plan: StagedPlan, witness: Connection) -> Iterator[None]:
    whole = False
    try:
        yield
        whole = True
    finally:
        if not whole:
            # Where that fails too, it is left to whoever comes next: its mark says what it is.
            with suppress(psycopg.Error, BranchToolkitError):
                drop_hidden(held, plan.built, Course(silent, 0), witness=witness)
