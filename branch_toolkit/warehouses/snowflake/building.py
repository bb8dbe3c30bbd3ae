"""Makes clones under their final names, marked as half-made until the last statement."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from threading import Lock as Mutex

from snowflake.connector.errors import Error

from branch_toolkit.core.errors import BranchToolkitError, CloneFailed, MissingRight, StalePlan
from branch_toolkit.core.mark import encode
from branch_toolkit.core.plan import OnProgress, Progress, Result, Statement
from branch_toolkit.warehouses.snowflake import errors, queries, statements
from branch_toolkit.warehouses.snowflake.bodies import Creation, leaking
from branch_toolkit.warehouses.snowflake.dropping import Doomed, drop_hidden, hide, unhide
from branch_toolkit.warehouses.snowflake.locking import Lock
from branch_toolkit.warehouses.snowflake.names import Place, SchemaName
from branch_toolkit.warehouses.snowflake.planning import Making, MakingPlan
from branch_toolkit.warehouses.snowflake.session import Connect, Session, Settled


@dataclass
class Course:
    """Executes statements one by one, and tells of each.

    Args:
        lock: What has to be held all the while.
        on_progress: Told of each statement.
        total: How many there are.
        done: How many were executed.
    """

    lock: Lock
    on_progress: OnProgress
    total: int
    done: int = 0
    _mutex: Mutex = field(default_factory=Mutex)

    def run(
        self,
        session: Session,
        statement: Statement,
        *,
        settled: Settled | None = None,
        within: SchemaName | None = None,
    ) -> Result:
        """Executes a statement; see `Session.execute`.

        Raises:
            EnvironmentBusy: The lock has lapsed.
        """
        self.lock.require()
        started = time.monotonic()
        what = f"{statement.action} {statement.schema} ({statement.object})"
        session.execute(statement.sql, doing=what, settled=settled, within=within)
        return self.tell(statement, seconds=time.monotonic() - started)

    def tell(self, statement: Statement, *, seconds: float) -> Result:
        """Notes that a statement was executed."""
        with self._mutex:
            self.done += 1
            text = f"{statement.schema}: {statement.object}"
            self.on_progress(Progress(done=self.done, total=self.total, text=text))
        return Result(
            schema=statement.schema,
            object=statement.object,
            action=statement.action,
            rows=statement.rows,
            seconds=seconds,
        )


@dataclass(frozen=True)
class Building:
    """Makes the clones of a plan.

    Args:
        session: Where statements are executed one after the other.
        connect: Makes connections for those that are executed at the same time.
        threads: How many of these.
        course: Executes statements.
    """

    session: Session
    connect: Connect
    threads: int
    course: Course

    def build(self, plan: MakingPlan) -> list[Result]:
        """Makes them, and drops those that they replace.

        Raises:
            BranchToolkitError: Something failed; what was made is dropped again, and what was to
                be replaced has its place back.
        """
        results: list[Result] = []
        with self._undone_on_error(plan):
            for doomed in plan.doomed:
                self.course.lock.require()
                hide(self.session, doomed)
                results += [self.course.tell(one, seconds=0.0) for one in doomed.hiding]
            for making in plan.making:
                results += self._create(making)
            for making in plan.making:
                results += self._fill(making)
            results += self._make_bodies(plan)
            for making in plan.making:
                results += self._run_all(making.hand_over)
            self._audit(plan)
            results += self._show(plan.making)
        return [*results, *self._drop(plan.doomed)]

    def _drop(self, replaced: Sequence[Doomed]) -> Iterator[Result]:
        """Drops clones that were replaced; the new ones are whole whatever becomes of them."""
        for doomed in replaced:
            try:
                self.course.lock.require()
                drop_hidden(self.session, doomed)
            except BranchToolkitError as error:
                yield _left_out(doomed.dropping, error)
            else:
                yield self.course.tell(doomed.dropping, seconds=0.0)

    def _create(self, making: Making) -> list[Result]:
        comment = encode(making.building)
        created = self.course.run(
            self.session, making.create, settled=lambda: self._has(making.clone, comment)
        )
        return [created, *self._came_along(making), *self._grant(making.grants)]

    def _came_along(self, making: Making) -> Iterator[Result]:
        """The tables that a clone of a schema has.

        https://docs.snowflake.com/en/sql-reference/sql/create-clone: what the role has no privilege
        to clone is left out without a word.
        """
        if not making.copied:
            return
        there = queries.tables_in(self.session, making.clone)
        for name, count in making.copied.items():
            text = f"table {name}"
            if name in there:
                yield Result(schema=making.clone.name, object=text, action="clone", rows=count)
            else:
                text += " (the role may not clone it, or it was dropped meanwhile)"
                yield Result(schema=making.clone.name, object=text, action="leave out")

    def _grant(self, grants: Sequence[Statement]) -> list[Result]:
        """Gives grants again; one that this role may not give takes nothing from the branch."""
        results = []
        for statement in grants:
            try:
                results.append(self.course.run(self.session, statement))
            except (CloneFailed, MissingRight) as error:
                results.append(_left_out(statement, error))
        return results

    def _fill(self, making: Making) -> list[Result]:
        return [
            *self._run_all(making.parts),
            *self._run_at_once(making.tables),
            *self._run_all(making.fills),
            *self._run_all(making.defaults),
            *self._run_all(making.left_out),
        ]

    def _run_all(self, several: Sequence[Statement]) -> list[Result]:
        return [self.course.run(self.session, one) for one in several]

    def _run_at_once(self, several: Sequence[Statement]) -> list[Result]:
        if len(several) < 2 or self.threads < 2:
            return self._run_all(several)
        pool = _Pool(self.session, self.connect)
        executor = ThreadPoolExecutor(min(self.threads, len(several)), "branch_toolkit")
        try:
            futures = [executor.submit(self._run_in, pool, one) for one in several]
            return [future.result() for future in futures]
        finally:
            # None of them may still be at work when what was made is dropped again.
            executor.shutdown(wait=True, cancel_futures=True)
            pool.close()

    def _run_in(self, pool: _Pool, statement: Statement) -> Result:
        with pool.session() as session:
            return self.course.run(session, statement)

    def _make_bodies(self, plan: MakingPlan) -> list[Result]:
        """Makes views and routines; those that need others fail until the others are there."""
        results: list[Result] = []
        pending = [one for making in plan.making for one in making.bodies]
        while pending:
            failed: list[tuple[Creation, BranchToolkitError]] = []
            for statement in pending:
                try:
                    results.append(self._make_body(statement))
                except BranchToolkitError as error:
                    if not _lacks_something(error):
                        raise
                    failed.append((statement, error))
            if len(failed) == len(pending):
                return [*results, *self._without(plan, failed)]
            pending = [statement for statement, _ in failed]
        return results

    def _make_body(self, statement: Creation) -> Result:
        # https://docs.snowflake.com/en/sql-reference/name-resolution: in what is made, unqualified
        # names mean the schema that it is in; while it is made, the session's, perhaps.
        return self.course.run(self.session, statement, within=statement.home)

    def _without(
        self, plan: MakingPlan, failed: Sequence[tuple[Creation, BranchToolkitError]]
    ) -> list[Result]:
        """What needs something that is not there is left out; where it is there, it stays wrong."""
        cloned = {one.clone.name for one in plan.making if not one.by_table}
        for statement, error in failed:
            if statement.schema in cloned:
                raise error
        return [_left_out(statement, error) for statement, error in failed]

    def _audit(self, plan: MakingPlan) -> None:
        """Refuses clones in which anything leads to base that was not known to."""
        for making in plan.making:
            leaks = [
                one.shown
                for one in leaking(self.session, making.clone, plan.moves)
                if one.shown not in making.accepted
            ]
            if leaks:
                raise CloneFailed(
                    f"In the clone {making.clone.name!r}, {', '.join(leaks)} still lead to base;"
                    " it was dropped again.",
                    remedy="Base was probably changed meanwhile: launch it again. If it stays so,"
                    " write to us with the definition.",
                )

    def _show(self, makings: Sequence[Making]) -> list[Result]:
        rows = queries.schema_rows(self.session)
        results = []
        for making in makings:
            row = rows.get(making.clone.name)
            if row is None or row["comment"] != encode(making.building):
                raise StalePlan(
                    f"{making.clone.called} was changed while it was being made.",
                    remedy="Plan again.",
                )
            final = replace(making.final, stamp=queries.stamp(row))
            statement = replace(
                making.finish, sql=statements.comment_schema(making.clone, encode(final))
            )
            results.append(self.course.run(self.session, statement))
        return results

    def _has(self, schema: Place, comment: str) -> bool:
        row = queries.schema_rows(self.session).get(schema.name)
        return row is not None and row["comment"] == comment

    @contextmanager
    def _undone_on_error(self, plan: MakingPlan) -> Iterator[None]:
        whole = False
        try:
            yield
            whole = True
        finally:
            if not whole:
                # Where that fails too, it is left to whoever comes next: its mark says what it is.
                with suppress(BranchToolkitError):
                    self._undo(plan)

    def _undo(self, plan: MakingPlan) -> None:
        self.course.lock.require()
        rows = queries.schema_rows(self.session)
        for making in plan.making:
            row = rows.get(making.clone.name)
            if row is not None and _is_being_made(row["comment"], making, queries.stamp(row)):
                half = Doomed.half_made(
                    making.clone, comment=row["comment"], stamp=queries.stamp(row), taken=rows
                )
                hide(self.session, half)
                drop_hidden(self.session, half)
        for doomed in plan.doomed:
            if doomed.is_it(queries.schema_rows(self.session).get(doomed.hidden.name)):
                unhide(self.session, doomed)


class _Pool:
    """Sessions for statements that are executed at the same time."""

    def __init__(self, like: Session, connect: Connect) -> None:
        self._like, self._connect = like, connect
        self._free: list[Session] = []
        self._mutex = Mutex()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One that nobody else has until the end of the block."""
        with self._mutex:
            found = self._free.pop() if self._free else None
        session = found or Session(self._connect, self._like.database, self._like.tag)
        try:
            yield session
        finally:
            with self._mutex:
                self._free.append(session)

    def close(self) -> None:
        """Closes them."""
        for session in self._free:
            session.close()


def _lacks_something(error: BranchToolkitError) -> bool:
    cause = error.__cause__
    return isinstance(cause, Error) and errors.not_there(cause)


def _left_out(statement: Statement, error: BranchToolkitError) -> Result:
    text = f"{statement.object} ({error.problem})"
    return Result(schema=statement.schema, object=text, action="leave out")


def _is_being_made(comment: str, making: Making, stamp: str) -> bool:
    finals = encode(replace(making.final, stamp=stamp))
    return comment in (encode(making.building), finals)
