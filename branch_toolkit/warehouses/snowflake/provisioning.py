"""Looks at base, and plans the clones of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.errors import InvalidMark, SchemaNotOwned, StalePlan
from branch_toolkit.core.mark import Mark, decode, is_mark
from branch_toolkit.core.plan import Note
from branch_toolkit.warehouses.snowflake import queries, rights
from branch_toolkit.warehouses.snowflake.bodies import leaking, plan_bodies
from branch_toolkit.warehouses.snowflake.choosing import Choice, Wishes, choose_ways
from branch_toolkit.warehouses.snowflake.contents import read_contents
from branch_toolkit.warehouses.snowflake.dropping import Doomed, require_unused
from branch_toolkit.warehouses.snowflake.home import Home
from branch_toolkit.warehouses.snowflake.names import DatabaseName, Place, SchemaName, fold
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
    bases = [base_of(sketch.home, mark) for mark in sketch.marks]
    found = queries.require_bases(session, bases)
    queries.require_own(session, found)
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
    clones = {base: sketch.home.named(m.clone) for base, m in zip(bases, sketch.marks, strict=True)}
    moves = moves_of(session, sketch.beside)
    for each in contents:
        moves |= each.moves(clones[each.schema])
    others = _others(sketch, there, moves)
    making = [
        _making(session, sketch, mark, choice, clones[choice.base.schema], moves, others)
        for mark, choice in zip(sketch.marks, choices, strict=True)
    ]
    doomed = [Doomed.of(clone, sketch.home, taken=there) for clone in sketch.replacing]
    for one in doomed:
        # Should this fail, the new clone is renamed out of the way as well.
        one.require_another_name(taken=there)
    schemas = [schema for each in contents for schema in each.schemas]
    notes = [
        *(note for one in making for note in one.notes),
        *(
            note
            for clone in sketch.beside
            for note in _left_behind(session, sketch, clone, schemas)
        ),
    ]
    return compose(sketch, making, doomed, moves, notes)


def base_of(home: Home, mark: Mark) -> Place:
    """The base schema, or database, that a mark names."""
    return home.named(fold(mark.base_schema))


def moves_of(session: Session, clones: Sequence[OwnedSchema]) -> dict[SchemaName, SchemaName]:
    """The schemas of base that have clones, and what stands for them there."""
    return {
        schema: session.home.named(clone.name).twin(schema)
        for clone in clones
        for base in [base_of(session.home, clone.mark)]
        for schema in (*queries.schemas_in(session, base), *base.always)
    }


def _others(
    sketch: Sketch, there: Mapping[str, Row], moves: Mapping[SchemaName, SchemaName]
) -> list[SchemaName]:
    """Schemas that are not cloned; one for each database that is not."""
    cloned = {*moves, *(DatabaseName(schema.database) for schema in moves)}
    places = [sketch.home.named(name) for name in there]
    return [
        place if isinstance(place, SchemaName) else place / "PUBLIC"
        for place in places
        if place not in cloned
        and not is_mark(there[place.name]["comment"])
        and not rights.is_imported(there[place.name])
    ]


def _making(
    session: Session,
    sketch: Sketch,
    mark: Mark,
    choice: Choice,
    clone: Place,
    moves: Mapping[SchemaName, SchemaName],
    others: list[SchemaName],
) -> Making:
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
    for one in leaking(session, sketch.home.named(clone.name), bases):
        text = "leads to a base schema that has a clone only now; a refresh leads it there"
        yield Note(f"{clone.name}: {one.shown}", text)


def _require_free(rows: Mapping[str, Row], sketch: Sketch) -> None:
    replaced = {clone.name for clone in sketch.replacing}
    for mark in sketch.marks:
        if mark.clone in rows and mark.clone not in replaced:
            _refuse(mark, rows[mark.clone])


def _refuse(mark: Mark, row: Row) -> NoReturn:
    """Refuses a name that is taken: only for now, if by what another run has made or makes."""
    with suppress(InvalidMark):
        found = decode(row["comment"])
        ours = (mark.project, mark.database, mark.clone)
        same = (found.project, found.database, found.clone) == ours
        if same and found.stamp in (None, queries.stamp(row)):
            raise StalePlan(
                f"Schema {mark.clone!r} was made meanwhile, or is being made.", remedy="Plan again."
            )
    raise SchemaNotOwned(mark.clone, reason="it exists and is not a clone of this environment")
