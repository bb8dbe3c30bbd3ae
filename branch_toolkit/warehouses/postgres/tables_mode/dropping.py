"""Drops groups: what is proven to be theirs and nothing else, at once or in parts.

A group that is dropped in parts has an anchor that says so, by its name and its mark: nobody can
restore or use it, and whoever comes next goes on where the work stopped. The anchor goes last.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import errors

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.errors import StalePlan
from branch_toolkit.core.mark import Mark, encode
from branch_toolkit.core.plan import Expectation, Result
from branch_toolkit.warehouses.postgres.batches import MOST_RELATIONS, Course, batches
from branch_toolkit.warehouses.postgres.dropping import Doomed
from branch_toolkit.warehouses.postgres.holding import Held
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.tables_mode import queries, statements
from branch_toolkit.warehouses.postgres.tables_mode.groups import (
    check_again,
    marks_by_name,
    members_of,
    require_unused,
)
from branch_toolkit.warehouses.postgres.tables_mode.marks import Member
from branch_toolkit.warehouses.postgres.tables_mode.planning import GroupsPlan
from branch_toolkit.warehouses.postgres.tables_mode.queries import Found

Pair = tuple[Found, Member]


@dataclass(frozen=True, slots=True)
class Ending:
    """A group that is dropped in parts.

    Args:
        schema: The branches' schema.
        clone: What the group was called, for people to read.
        name: What its anchor is called while it is dropped.
        mark: The anchor's mark then.
    """

    schema: str
    clone: str
    name: str
    mark: Mark

    @property
    def expected(self) -> Expectation:
        """What the anchor has to be for the next part to be dropped."""
        return Expectation(self.name, encode(self.mark))


def drop_at_once(
    connection: Connection, plan: GroupsPlan, course: Course, *, witness: Connection
) -> list[Result]:
    """Drops groups in the connection's transaction, which has the environment's lock.

    Raises:
        StalePlan: A table went away meanwhile.
        SchemaInUse: Something outside depends on one.
    """
    found = members_of(witness, plan.schema, marks_by_name(plan.drop))
    anchors = queries.tables(witness, plan.schema, [clone.name for clone in plan.drop])
    for clone in plan.drop:
        if clone.name not in anchors or anchors[clone.name].comment != clone.facts.comment:
            raise StalePlan(f"Table {clone.name!r} was replaced.", remedy="Plan again.")
    every = [one for pairs in found.values() for one, _ in pairs] + [*anchors.values()]
    oids = [one.oid for one in every]
    _drop(connection, plan.schema, every, oids, groups=[*anchors], witness=witness)
    return [_told(plan.schema, clone, len(found[clone.name]), course) for clone in plan.drop]


def drop_in_parts(
    held: Held, plan: GroupsPlan, course: Course, *, witness: Connection
) -> list[Result]:
    """Takes the groups out of sight, all in one transaction, then drops them part by part.

    Raises:
        SchemaInUse: Something outside depends on one. If it came late, part of it is left.
    """
    found = members_of(witness, plan.schema, marks_by_name(plan.drop))
    left = [one.oid for clone in plan.drop for one, _ in found[clone.name]]
    require_unused(witness, [clone.name for clone in plan.drop], left)
    endings = [_ending(plan.schema, clone) for clone in plan.drop]
    with held.transaction() as connection:
        for ending in endings:
            _hide(connection, ending)
    results = []
    for clone, ending in zip(plan.drop, endings, strict=True):
        pairs = found[clone.name]
        del left[: len(pairs)]
        drop_members(held, ending, pairs, course, witness=witness, beside=left)
        results.append(_told(plan.schema, clone, len(pairs), course))
    return results


def drop_members(
    held: Held,
    ending: Ending,
    members: Sequence[Pair],
    course: Course,
    *,
    witness: Connection,
    beside: Sequence[int] = (),
) -> None:
    """Drops a group that is out of sight, each part in a transaction of its own, its anchor last.

    Args:
        held: Holds the environment's lock.
        ending: The group.
        members: Its members.
        course: Told of each part.
        witness: Another connection, in no transaction.
        beside: The oids of tables that will be dropped too, and may refer to these.
    """
    proven = [found for found, _ in members]
    left = [found.oid for found in proven]
    parts = list(batches(proven, lambda _: 1, most=MOST_RELATIONS))
    for number, part in enumerate(parts, start=1):
        names = [found.name for found in part]
        step = statements.shown_drop(ending.schema, ending.clone, names, ending.mark)
        course.begin(step)
        with held.transaction() as connection:
            check_again(witness, ending.schema, [ending.expected])
            oids, groups = [*left, *beside], [ending.clone]
            _drop(connection, ending.schema, part, oids, groups=groups, witness=witness)
        left = left[len(part) :]
        if number < len(parts):
            course.total += 1
            course.end(step)
    with held.transaction() as connection:
        check_again(witness, ending.schema, [ending.expected])
        anchor = list(queries.tables(witness, ending.schema, [ending.name]).values())
        oids, groups = [one.oid for one in anchor], [ending.clone]
        _drop(connection, ending.schema, anchor, oids, groups=groups, witness=witness)


def _ending(schema: str, clone: OwnedSchema) -> Ending:
    doomed = Doomed.of(clone)
    return Ending(schema, doomed.clone, doomed.name, doomed.mark)


def _hide(connection: Connection, ending: Ending) -> None:
    if ending.name != ending.clone:
        renamed = statements.rename_table(ending.schema, ending.clone, ending.name)
        connection.execute(renamed.encode())
        connection.execute(statements.mark_table(ending.schema, ending.name, ending.mark).encode())


def _drop(
    connection: Connection,
    schema: str,
    proven: Sequence[Found],
    oids: Sequence[int],
    *,
    groups: Sequence[str],
    witness: Connection,
) -> None:
    """Drops tables that are proven to be ours, which may be some of those that are given by oid.

    Raises:
        StalePlan: Another one has the name of one of them now, or another comment is on it.
        SchemaInUse: Something outside depends on one.
    """
    if not proven:
        return
    names = [one.name for one in proven]
    try:
        # Nothing new comes to depend on them from here on.
        locked = [(schema, name) for name in names]
        connection.execute(statements.lock_tables(locked, "ACCESS EXCLUSIVE").encode())
    except errors.UndefinedTable as error:
        raise StalePlan(f"A table went away: {error}.", remedy="Plan again.") from error
    # What was locked by its name may be another table by now; from here on it cannot be.
    locked_now = queries.tables(witness, schema, names)
    for one in proven:
        if locked_now.get(one.name) != one:
            raise StalePlan(f"Table {one.name!r} was replaced.", remedy="Plan again.")
    require_unused(witness, groups, oids)
    try:
        with connection.transaction():
            connection.execute(statements.drop_tables(schema, names).encode())
    except errors.DependentObjectsStillExist:
        # A key from a table of another part; or something that a lock does not keep away.
        require_unused(witness, groups, oids)
        connection.execute(statements.drop_tables(schema, names, cascade=True).encode())


def _told(schema: str, clone: OwnedSchema, tables: int, course: Course) -> Result:
    started = time.monotonic()
    step = statements.shown_drop(schema, clone.name, [], clone.mark)
    course.begin(step)
    course.end(step)
    return Result(
        schema=clone.name,
        object=f"{statements.GROUP} ({tables})" if tables else statements.GROUP,
        action="drop",
        seconds=time.monotonic() - started,
    )
