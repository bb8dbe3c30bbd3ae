"""Drops schemas of any size: out of sight at once, then in batches that production does not feel.

What is half-dropped has a name and a mark that say so: nobody can restore or use it, and where the
work stopped, killed or kept from it, whoever comes next goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg import errors

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.mark import DROPPING, Mark, encode
from branch_toolkit.core.names import half_name
from branch_toolkit.core.plan import Expectation, Plan, Result, Statement
from branch_toolkit.warehouses.postgres.applying import lock_tables, run
from branch_toolkit.warehouses.postgres.batches import MOST_LOCKS, Course, batches
from branch_toolkit.warehouses.postgres.checking import check_again
from branch_toolkit.warehouses.postgres.holding import Held
from branch_toolkit.warehouses.postgres.queries import (
    Connection,
    Droppable,
    droppable,
    lockable_tables,
)
from branch_toolkit.warehouses.postgres.roles import drop_roles
from branch_toolkit.warehouses.postgres.statements import (
    drop_in_batches,
    drop_schema,
    mark_schema,
    rename_schema,
)

_QUALIFYING = "SET LOCAL search_path = pg_catalog, pg_temp"


@dataclass(frozen=True, slots=True)
class Doomed:
    """A schema that is dropped in batches.

    Args:
        clone: What it was called as a clone, for people to read.
        name: What it is called while it is being dropped.
        mark: Its mark then.
    """

    clone: str
    name: str
    mark: Mark

    @classmethod
    def of(cls, clone: OwnedSchema) -> Doomed:
        """The clone as it will be while it is being dropped; what is half-made stays as it is."""
        if clone.mark.condition:
            return cls(clone.name, clone.name, clone.mark)
        name = half_name(clone.name, DROPPING)
        return cls(clone.name, name, clone.mark.half(DROPPING, name=name))

    @property
    def hiding(self) -> tuple[Statement, ...]:
        """The statements that take it out of sight."""
        if self.name == self.clone:
            return ()
        renamed, marked = rename_schema(self.clone, self.name), mark_schema(self.name, self.mark)
        return replace(renamed, schema=self.clone), replace(marked, schema=self.clone)

    @property
    def expected(self) -> Expectation:
        """What it has to be for the next batch to be dropped."""
        return Expectation(self.name, encode(self.mark))

    @property
    def free(self) -> tuple[Expectation, ...]:
        """What has to be so for it to get its name."""
        return () if self.name == self.clone else (Expectation(self.name, None),)


@dataclass(frozen=True, kw_only=True)
class BatchedDrop(Plan):
    """A plan that drops more than one transaction may lock.

    Args:
        doomed: The schemas.
    """

    doomed: tuple[Doomed, ...]


def compose_drop(
    environment: str, clones: Sequence[OwnedSchema], *, objects: int, expects: Sequence[Expectation]
) -> BatchedDrop:
    """The plan that drops clones in batches."""
    doomed = tuple(map(Doomed.of, clones))
    return BatchedDrop(
        verb="drop",
        environment=environment,
        statements=(
            *(statement for one in doomed for statement in one.hiding),
            *(shown(one, clone, objects) for one, clone in zip(doomed, clones, strict=True)),
        ),
        expects=(*expects, *(free for one in doomed for free in one.free)),
        doomed=doomed,
    )


def shown(one: Doomed, clone: OwnedSchema, objects: int) -> Statement:
    """What a plan shows of the batches, with the hazard that the clone's data is lost."""
    text = drop_in_batches(one.name, one.mark, objects=objects)
    return replace(text, schema=clone.name, hazards=drop_schema(clone.name, clone.mark).hazards)


def apply_drop(
    held: Held, plan: BatchedDrop, course: Course, *, witness: Connection
) -> tuple[Result, ...]:
    """Takes the clones out of sight, then drops them.

    Raises:
        StalePlan: They are not what they were; nothing was done.
        SchemaInUse: Something outside depends on them. If it came late, part of them is left.
    """
    with held.transaction() as connection:
        check_again(witness, plan.expects, dropping=[one.clone for one in plan.doomed])
        hiding = [statement for one in plan.doomed for statement in one.hiding]
        results = run(connection, hiding, course)
    results += drop_hidden(held, plan.doomed, course, witness=witness)
    with held.transaction() as connection:
        roles, _ = drop_roles(connection, plan.environment, [one.mark for one in plan.doomed])
        results += run(connection, roles, course)
    return tuple(results)


def drop_hidden(
    held: Held, doomed: Sequence[Doomed], course: Course, *, witness: Connection
) -> list[Result]:
    """Drops schemas that are out of sight, each batch in a transaction of its own.

    Args:
        held: Holds the environment's lock.
        doomed: The schemas.
        course: Told of each batch.
        witness: Another connection, in no transaction.
    """
    names = [one.name for one in doomed]
    expects = [one.expected for one in doomed]
    with held.transaction(settings=[_QUALIFYING]) as connection:
        objects = droppable(connection, names)
    parts = list(batches(objects, lambda each: each.locks, most=MOST_LOCKS))
    course.total += len(parts)
    for number, part in enumerate(parts, start=1):
        step = _step(doomed[0], f"part {number} of {len(parts)}")
        course.begin(step)
        with held.transaction() as connection:
            tables = _hold(connection, part)
            # Without tables in it, Postgres itself sees to what `_drop_part` says.
            check_again(witness, expects, dropping=names if tables else ())
            _drop_part(connection, part, names, witness=witness)
        course.end(step)
    results: list[Result] = []
    for one in doomed:
        last = replace(drop_schema(one.name, one.mark), schema=one.clone)
        with held.transaction() as connection:
            left = names[names.index(one.name) :]
            check_again(witness, [one.expected], dropping=left)
            results += run(connection, [last], course)
    return results


def empty(connection: Connection, schemas: Sequence[str], *, witness: Connection) -> None:
    """Drops what is in schemas that are about to be dropped in the same transaction.

    DROP SCHEMA … CASCADE alone would take along what somebody else makes at this very moment on a
    view, which cannot be held.
    """
    if not schemas:
        return
    with connection.transaction(force_rollback=True):
        connection.execute(_QUALIFYING)
        objects = droppable(connection, schemas)
    if objects:
        _drop_part(connection, objects, schemas, witness=witness)


def _step(one: Doomed, text: str) -> Statement:
    return Statement(sql="", action="drop", schema=one.clone, object=text)


def _hold(connection: Connection, part: Sequence[Droppable]) -> bool:
    """Locks the part's tables, if there are any, so that nothing new comes to depend on them."""
    there = set(lockable_tables(connection, sorted({each.schema for each in part})))
    tables = {(each.schema, each.table) for each in part if each.table is not None} & there
    lock_tables(connection, sorted(tables))
    return bool(tables)


def _drop_part(
    connection: Connection, part: Sequence[Droppable], names: Sequence[str], *, witness: Connection
) -> None:
    # Only tables can be held. Whatever else somebody comes to depend on at this very moment,
    # Postgres itself refuses to drop, as long as it is not told to cascade.
    try:
        with connection.transaction():
            connection.execute(_joined(part, cascade=False).encode())
    except errors.DependentObjectsStillExist:
        check_again(witness, [], dropping=names)
        connection.execute(_joined(part, cascade=True).encode())


def _joined(part: Sequence[Droppable], *, cascade: bool) -> str:
    return "; ".join(f"{each.drop} CASCADE" if cascade else each.drop for each in part)
