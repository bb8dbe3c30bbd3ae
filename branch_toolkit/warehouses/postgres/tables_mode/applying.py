"""Applies plans of tables mode: in one transaction, or in parts under the environment's lock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
import sqlalchemy
from psycopg import errors, sql

from branch_toolkit.core.errors import BranchToolkitError, StalePlan
from branch_toolkit.core.mark import Mark, encode
from branch_toolkit.core.plan import (
    Expectation,
    Note,
    OnProgress,
    Plan,
    Report,
    Result,
    silent,
)
from branch_toolkit.warehouses.postgres import queries as postgres
from branch_toolkit.warehouses.postgres.applying import course_of, run
from branch_toolkit.warehouses.postgres.batches import Course
from branch_toolkit.warehouses.postgres.connection import bound_waiting, transaction
from branch_toolkit.warehouses.postgres.holding import Held, hold_environment, observer
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.tables_mode import statements
from branch_toolkit.warehouses.postgres.tables_mode.dropping import (
    Ending,
    drop_at_once,
    drop_in_parts,
    drop_members,
)
from branch_toolkit.warehouses.postgres.tables_mode.groups import (
    check_again,
    members_of,
    require_members_free,
)
from branch_toolkit.warehouses.postgres.tables_mode.making import SETTINGS, NewMember, make_member
from branch_toolkit.warehouses.postgres.tables_mode.planning import (
    GroupsPlan,
    NewGroup,
    parts_of,
    shown_member,
)
from branch_toolkit.warehouses.postgres.tables_mode.queries import BaseTable

_LOCKABLE = ("r", "p")
_OIDS = "SELECT to_regclass(name)::oid::bigint FROM unnest(%s::text[]) WITH ORDINALITY u(name, n)"
_SETTINGS = [f"SET LOCAL {name} = {value}" for name, value in SETTINGS.items()]


@dataclass(frozen=True)
class Attempt:
    """How plans are applied.

    Args:
        engine: The database.
        schema: The branches' schema.
        lock_timeout: Seconds to wait for a lock on a base table.
    """

    engine: sqlalchemy.Engine
    schema: str
    lock_timeout: float

    def apply(self, plan: Plan, on_progress: OnProgress) -> Report | None:
        """Applies a plan, or returns None if another run works on the environment.

        Raises:
            StalePlan: What the plan expects is no longer so; nothing was done.
        """
        started = time.monotonic()
        course = course_of(plan, on_progress)
        with _stale_where_others_were_first():
            if isinstance(plan, GroupsPlan) and plan.in_parts:
                results = self._try_in_parts(plan, course)
            else:
                results = self._try_at_once(plan, course)
        if results is None:
            return None
        seconds = time.monotonic() - started
        return Report(plan=plan, applied=True, results=tuple(results), seconds=seconds)

    def _try_at_once(self, plan: Plan, course: Course) -> list[Result] | None:
        groups = plan if isinstance(plan, GroupsPlan) else None
        # One snapshot for all tables, so that the copies agree with each other.
        isolation = "REPEATABLE READ" if groups and groups.make else "READ COMMITTED"
        with transaction(self.engine, isolation=isolation) as connection:
            bound_waiting(connection, lock_timeout=self.lock_timeout)
            for setting in _SETTINGS:
                connection.execute(setting.encode())
            if groups:
                lock_base(connection, groups.reads)
            if not postgres.try_lock(connection, plan.environment):
                return None
            with observer(self.engine) as witness:
                check_again(witness, self.schema, plan.expects)
                if groups is None:
                    return run(connection, plan.statements, course)
                results = drop_at_once(connection, groups, course, witness=witness)
            return [*results, *self._make_at_once(connection, groups, course)]

    def _make_at_once(
        self, connection: Connection, plan: GroupsPlan, course: Course
    ) -> list[Result]:
        require_same(connection, plan.reads)
        require_members_free(connection, self.schema, [one.name for one in plan.members])
        results: list[Result] = []
        for group in plan.make:
            anchor = statements.shown_anchor(self.schema, group.mark.clone, group.mark)
            results += run(connection, [anchor], course)
            results += _make(connection, group.mark.clone, group.members, course)
        return results

    def _try_in_parts(self, plan: GroupsPlan, course: Course) -> list[Result] | None:
        holding = hold_environment(self.engine, plan.environment, lock_timeout=self.lock_timeout)
        with holding as held, observer(self.engine) as witness:
            if held is None:
                return None
            check_again(witness, self.schema, plan.expects)
            results = drop_in_parts(held, plan, course, witness=witness)
            with self._dropped_on_error(held, plan, witness):
                results += self._build(held, plan, course, witness)
        return results

    def _build(
        self, held: Held, plan: GroupsPlan, course: Course, witness: Connection
    ) -> list[Result]:
        """Makes the groups' tables under anchors that say they are half-made; shows all at once."""
        if not plan.make:
            return []
        free = [Expectation(g.mark.clone, None) for g in plan.make]
        halves = [Expectation(g.half.clone, encode(g.half)) for g in plan.make]
        results: list[Result] = []
        with held.transaction() as connection:
            for group in plan.make:
                _create_anchor(connection, self.schema, group.half)
        for group in plan.make:
            for part in parts_of(group.members):
                # READ COMMITTED: a snapshot that is older than the locks could miss rows.
                with held.transaction(settings=_SETTINGS) as connection:
                    lock_base(connection, [member.base for member in part])
                    require_same(connection, [member.base for member in part])
                    check_again(witness, self.schema, halves)
                    require_members_free(connection, self.schema, [one.name for one in part])
                    results += _make(connection, group.mark.clone, part, course)
        with held.transaction() as connection:
            check_again(witness, self.schema, [*free, *halves])
            for group in plan.make:
                results.append(_show(connection, self.schema, group, course))
        return results

    @contextmanager
    def _dropped_on_error(
        self, held: Held, plan: GroupsPlan, witness: Connection
    ) -> Iterator[None]:
        whole = False
        try:
            yield
            whole = True
        finally:
            if not whole:
                # Where that fails too, it is left to whoever comes next: its mark says what it is.
                with suppress(psycopg.Error, BranchToolkitError):
                    built = [group.half for group in plan.make]
                    _drop_built(held, self.schema, built, witness=witness)


def lock_base(connection: Connection, tables: Sequence[BaseTable]) -> None:
    """Locks base tables ACCESS SHARE, with their partitions and children.

    It has to come before the transaction's snapshot: with one from before, a table that is
    truncated or swapped in between would read as empty.

    Raises:
        StalePlan: One of the tables is gone.
    """
    names = [(table.schema, table.name) for table in tables if table.kind in _LOCKABLE]
    if not names:
        return
    try:
        connection.execute(statements.lock_tables(names, "ACCESS SHARE").encode())
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise StalePlan(f"A base table went away: {error}.", remedy="Plan again.") from error


def require_same(connection: Connection, tables: Sequence[BaseTable]) -> None:
    """Checks that base tables are still those that a plan was made from.

    Raises:
        StalePlan: One of the names means another table now.
    """
    names = [sql.Identifier(table.schema, table.name).as_string(None) for table in tables]
    found = [oid for (oid,) in connection.execute(_OIDS.encode(), [names])]
    if found != [table.oid for table in tables]:
        raise StalePlan(
            "Base's tables changed after the plan was made; nothing was done.",
            remedy="Plan again.",
        )


def _make(
    connection: Connection, clone: str, members: Sequence[NewMember], course: Course
) -> list[Result]:
    results = []
    for member in members:
        shown = shown_member(member, clone)
        course.begin(shown)
        started = time.monotonic()
        made = make_member(connection, member)
        results.append(
            Result(
                schema=clone,
                object=shown.object,
                action=shown.action,
                rows=made.rows,
                size_bytes=_size(connection, member),
                seconds=time.monotonic() - started,
            )
        )
        results += [_left_out(clone, member, note) for note in made.notes]
        course.end(shown)
    return results


def _left_out(clone: str, member: NewMember, note: Note) -> Result:
    what = note.object.removeprefix(f"{member.name}: ")
    text = f"{what} of table {member.base.name} ({note.text})"
    return Result(schema=clone, object=text, action="leave out")


def _size(connection: Connection, member: NewMember) -> int | None:
    name = sql.Identifier(member.schema, member.name).as_string(None)
    query = "SELECT pg_total_relation_size(%s::regclass)"
    row = connection.execute(query, [name]).fetchone()
    return int(row[0]) if row and member.copies else None


def _create_anchor(connection: Connection, schema: str, mark: Mark) -> None:
    for text in (
        statements.create_anchor(schema, mark.clone),
        statements.mark_table(schema, mark.clone, mark),
    ):
        connection.execute(text.encode())


def _show(connection: Connection, schema: str, group: NewGroup, course: Course) -> Result:
    started = time.monotonic()
    shown = statements.shown_anchor(schema, group.mark.clone, group.mark)
    course.begin(shown)
    for text in (
        statements.rename_table(schema, group.half.clone, group.mark.clone),
        statements.mark_table(schema, group.mark.clone, group.mark),
    ):
        connection.execute(text.encode())
    course.end(shown)
    seconds = time.monotonic() - started
    return Result(schema=shown.schema, object=shown.object, action=shown.action, seconds=seconds)


def _drop_built(held: Held, schema: str, halves: Sequence[Mark], *, witness: Connection) -> None:
    for half in halves:
        found = members_of(witness, schema, {half.clone: half})[half.clone]
        ending = Ending(schema, half.clone, half.clone, half)
        drop_members(held, ending, found, Course(silent, 0), witness=witness)


@contextmanager
def _stale_where_others_were_first() -> Iterator[None]:
    """What somebody made at this very moment means that the plan is out of date."""
    try:
        yield
    except BranchToolkitError as error:
        if isinstance(error.__cause__, (errors.DuplicateTable, errors.UniqueViolation)):
            text = f"Somebody made a table of that name meanwhile ({error.__cause__})."
            raise StalePlan(text, remedy="Plan again.") from error
        raise
