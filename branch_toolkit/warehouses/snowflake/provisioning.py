"""Looks at base, and plans the clones of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.errors import SchemaNotOwned
from branch_toolkit.core.mark import Mark, is_mark
from branch_toolkit.core.plan import Note
from branch_toolkit.warehouses.snowflake import errors, queries, rights
from branch_toolkit.warehouses.snowflake.bodies import leaking, plan_bodies
from branch_toolkit.warehouses.snowflake.choosing import Choice, Wishes, choose_ways
from branch_toolkit.warehouses.snowflake.contents import read_contents
from branch_toolkit.warehouses.snowflake.dropping import Doomed, require_unused
from branch_toolkit.warehouses.snowflake.names import SchemaName, fold
from branch_toolkit.warehouses.snowflake.numbers import plan_numbers
from branch_toolkit.warehouses.snowflake.planning import Making, MakingPlan, Sketch, compose, make
from branch_toolkit.warehouses.snowflake.regranting import plan_grants
from branch_toolkit.warehouses.snowflake.session import Row, Session


def plan_making(session: Session, sketch: Sketch, wishes: Wishes) -> MakingPlan:
    """The plan that makes clones.

    Raises:
        BaseSchemaNotFound: A base schema is not there.
        CloneFailed: The database cannot be cloned from.
        InvalidRule: A rule cannot be followed.
        SchemaInUse: Somebody's foreign keys lead to what is to be replaced.
        SchemaNotOwned: A schema of a clone's name is there that is not to be replaced.
    """
    bases = [base_of(sketch.database, mark) for mark in sketch.marks]
    if rights.is_imported(queries.database_row(session)):
        raise errors.imported(sketch.database, base=bases[0].schema)
    found = queries.require_bases(session, bases)
    there = queries.schema_rows(session)
    _require_free(there, sketch)
    require_unused(session, sketch.replacing)
    contents = [read_contents(session, base, found[base]) for base in bases]
    owners = {one.owner for base in contents for one in base.tables}
    owners |= {one.owner for base in contents for one in base.objects}
    choices = choose_ways(
        contents,
        sketch.rules,
        wishes,
        has_role=queries.roles_of(session, filter(None, owners)),
        at=sketch.at,
    )
    moves = _moves(sketch)
    others = [
        SchemaName(sketch.database, name)
        for name, row in there.items()
        if SchemaName(sketch.database, name) not in moves and not is_mark(row["comment"])
    ]
    making = [
        _making(session, sketch, mark, choice, moves, others)
        for mark, choice in zip(sketch.marks, choices, strict=True)
    ]
    doomed = [Doomed.of(clone, sketch.database, taken=there) for clone in sketch.replacing]
    notes = [
        *(note for one in making for note in one.notes),
        *(note for clone in sketch.beside for note in _left_behind(session, sketch, clone, bases)),
    ]
    return compose(sketch, making, doomed, moves, notes)


def base_of(database: str, mark: Mark) -> SchemaName:
    """The base schema that a mark names."""
    return SchemaName(database, fold(mark.base_schema))


def _moves(sketch: Sketch) -> dict[SchemaName, SchemaName]:
    """Every clone of the environment, by its base."""
    there = [(clone.mark, clone.name) for clone in sketch.beside]
    new = [(mark, mark.clone) for mark in sketch.marks]
    return {
        base_of(sketch.database, mark): SchemaName(sketch.database, name)
        for mark, name in (*there, *new)
    }


def _making(
    session: Session,
    sketch: Sketch,
    mark: Mark,
    choice: Choice,
    moves: Mapping[SchemaName, SchemaName],
    others: list[SchemaName],
) -> Making:
    clone = moves[choice.base.schema]
    return make(
        sketch,
        mark,
        choice,
        plan_bodies(session, choice, clone, moves, others=others),
        list(plan_numbers(choice, clone, moves)),
        plan_grants(session, choice.base, clone, branch_role=sketch.branch_role),
    )


def _left_behind(
    session: Session, sketch: Sketch, clone: OwnedSchema, bases: list[SchemaName]
) -> Iterator[Note]:
    """What in a clone that was there before leads to a base that only now gets a clone."""
    for one in leaking(session, SchemaName(sketch.database, clone.name), bases):
        text = "leads to a base schema that has a clone only now; a refresh leads it there"
        yield Note(f"{clone.name}: {one.shown}", text)


def _require_free(rows: Mapping[str, Row], sketch: Sketch) -> None:
    replaced = {clone.name for clone in sketch.replacing}
    for mark in sketch.marks:
        if mark.clone in rows and mark.clone not in replaced:
            raise SchemaNotOwned(
                mark.clone, reason="it exists and is not a clone of this environment"
            )
