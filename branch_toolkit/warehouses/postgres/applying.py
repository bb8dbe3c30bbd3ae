"""Applies a plan within one transaction: holds base, checks again, executes, audits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from psycopg import errors, sql

from branch_toolkit.core.errors import CloneFailed, StalePlan
from branch_toolkit.core.plan import OnProgress, Plan, Result, Statement
from branch_toolkit.core.strategy import Rule
from branch_toolkit.warehouses.postgres.batches import Course
from branch_toolkit.warehouses.postgres.provisioning import ProvisionPlan
from branch_toolkit.warehouses.postgres.queries import (
    Connection,
    lockable_tables,
    table_sizes,
)
from branch_toolkit.warehouses.postgres.structure import (
    Structure,
    read_fingerprint,
    read_leaks,
    read_structure,
)
from branch_toolkit.warehouses.postgres.structure.errors import BaseChanged

VANISHED = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedObject,
    # `cache lookup failed for …`, `could not open relation …`
    errors.InternalError_,
)
"""What Postgres says of an object that was there a moment ago."""


def hold_base(connection: Connection, plan: Plan) -> None:
    """Locks the base tables that the plan reads ACCESS SHARE.

    It has to be the transaction's first statement: with a snapshot from before, a table that is
    truncated or swapped in between would read as empty.

    Raises:
        StalePlan: One of the tables is gone.
    """
    if not isinstance(plan, ProvisionPlan) or not plan.reads:
        return
    names = sql.SQL(", ").join(sql.Identifier(schema, table) for schema, table in plan.reads)
    try:
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise StalePlan(f"A base table went away: {error}.", remedy="Plan again.") from error


def dropped_schemas(plan: Plan) -> list[str]:
    """The schemas that the plan drops."""
    return [
        statement.schema
        for statement in plan.statements
        if statement.action == "drop" and statement.object == "schema"
    ]


def hold_dropped(connection: Connection, plan: Plan) -> None:
    """Locks the tables that are to be dropped, so that nothing new comes to depend on them.

    Not views: a lock on a view is one on all that it reads.
    """
    lock_tables(connection, lockable_tables(connection, dropped_schemas(plan)))


def lock_tables(connection: Connection, tables: Sequence[tuple[str, str]]) -> None:
    """Locks tables, as (schema, table), against everybody; not their children (ONLY)."""
    if tables:
        names = sql.SQL(", ").join(
            sql.SQL("ONLY {}").format(sql.Identifier(schema, table)) for schema, table in tables
        )
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))


def check_base(connection: Connection, plan: Plan) -> None:
    """Checks that base's structure is what the plan was made from.

    Raises:
        StalePlan: It is another one now.
    """
    if isinstance(plan, ProvisionPlan) and (
        read_fingerprint(connection, list(plan.clones), plan.watched) != plan.fingerprint
    ):
        raise StalePlan(
            "Base's structure changed after the plan was made; nothing was done.",
            remedy="Plan again.",
        )


def read_base(
    connection: Connection, clones: Mapping[str, str], rules: Sequence[Rule]
) -> Structure:
    """The structure of base, as statements that make the clones.

    Raises:
        StalePlan: It was altered while it was being read.
    """
    try:
        return read_structure(connection, clones, rules)
    except BaseChanged as error:
        raise StalePlan(error.problem, remedy=error.remedy) from error
    except VANISHED as error:
        raise StalePlan(
            f"Base was altered while it was being read ({error}).", remedy="Plan again."
        ) from error


def execute(connection: Connection, plan: Plan, on_progress: OnProgress) -> tuple[Result, ...]:
    """Executes the statements in order."""
    results = run(connection, plan.statements, course_of(plan, on_progress))
    return with_sizes(connection, results)


def course_of(plan: Plan, on_progress: OnProgress) -> Course:
    """How far a plan has come: nowhere yet."""
    total_bytes = sum(statement.size_bytes or 0 for statement in plan.statements)
    return Course(on_progress, len(plan.statements), total_bytes)


def run(connection: Connection, statements: Sequence[Statement], course: Course) -> list[Result]:
    """Executes some statements in order."""
    results = []
    for statement in statements:
        course.begin(statement)
        started = time.monotonic()
        # As bytes: the text is complete, and a `%` in it is not a placeholder.
        cursor = connection.execute(statement.sql.encode())
        results.append(
            Result(
                schema=statement.schema,
                object=statement.object,
                action=statement.action,
                rows=cursor.rowcount if statement.action == "copy" else None,
                seconds=time.monotonic() - started,
            )
        )
        course.end(statement)
    return results


def audit(connection: Connection, plan: Plan) -> None:
    """Proves that no object of the clones depends on an object of base.

    Raises:
        CloneFailed: One does; the transaction is to be rolled back.
    """
    if not isinstance(plan, ProvisionPlan):
        return
    # What branch code made in clones that were there before is the branch's business.
    found = read_leaks(connection, plan.clones, shared_types=plan.shared_types)
    leaks = [leak for leak in found if leak.schema in plan.made]
    if leaks:
        listed = "; ".join(f"{leak.object} depends on {leak.base_object}" for leak in leaks[:5])
        raise CloneFailed(
            f"{len(leaks)} object(s) of the clone would depend on base ({listed}); nothing was"
            " made.",
            remedy="Please report it with the definition of the object that it names.",
        )


def with_sizes(connection: Connection, results: Sequence[Result]) -> tuple[Result, ...]:
    """The results, those of copied tables with what the tables take on disk."""
    schemas = sorted({result.schema for result in results if result.action == "copy"})
    sizes = {
        (schema, f"table {table}"): size
        for (schema, table), size in table_sizes(connection, schemas).items()
    }
    return tuple(
        replace(result, size_bytes=sizes.get((result.schema, result.object)))
        if result.action == "copy"
        else result
        for result in results
    )
