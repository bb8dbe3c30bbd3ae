"""Plans that make clones: by schema or by table, with every statement that will be executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.mark import BUILDING, Mark, encode
from branch_toolkit.core.plan import Expectation, Hazard, Note, Plan, Statement
from branch_toolkit.core.strategy import Rule, Strategy
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.bodies import Body, Creation
from branch_toolkit.warehouses.snowflake.choosing import Choice, Way, leaves_hybrid
from branch_toolkit.warehouses.snowflake.contents import BaseTable, Contents
from branch_toolkit.warehouses.snowflake.dropping import Doomed
from branch_toolkit.warehouses.snowflake.home import Home
from branch_toolkit.warehouses.snowflake.names import DatabaseName, Place, SchemaName
from branch_toolkit.warehouses.snowflake.numbers import Numbered
from branch_toolkit.warehouses.snowflake.regranting import Grants
from branch_toolkit.warehouses.snowflake.statements import TimeTravel


@dataclass(frozen=True, kw_only=True)
class Making:
    """How one clone is made.

    Args:
        clone: Its name.
        base: What is cloned.
        building: Its mark while it is being made.
        final: Its mark when it is whole.
        create: Makes the schema, with everything in it if it is cloned by schema.
        tables: Make its tables, in any order and at the same time.
        fills: Put some of base's rows into tables.
        parts: Make sequences and file formats.
        defaults: Let columns take their numbers from the clone's own sequences.
        bodies: Make or replace what has a body of SQL, in an order that is not known.
        left_out: Drop what came with the schema and must not be there.
        grants: Grant on the schema what is granted on base.
        hand_over: Hand it to the branches' role.
        accepted: Objects that are known to read base, by kind and name.
        copied: The rows of each table that comes along, by the name that people see.
        by_table: Whether it is made table by table.
        notes: What a person should know of it.
    """

    clone: Place
    base: Contents
    building: Mark
    final: Mark
    create: Statement
    tables: tuple[Statement, ...] = ()
    fills: tuple[Statement, ...] = ()
    parts: tuple[Statement, ...] = ()
    defaults: tuple[Statement, ...] = ()
    bodies: tuple[Creation, ...] = ()
    left_out: tuple[Statement, ...] = ()
    grants: tuple[Statement, ...] = ()
    hand_over: tuple[Statement, ...] = ()
    accepted: frozenset[str] = frozenset()
    copied: Mapping[str, int | None] = field(default_factory=dict)
    by_table: bool = False
    notes: tuple[Note, ...] = ()

    @property
    def finish(self) -> Statement:
        """Shows that it is whole."""
        return mark_schema(self.clone, self.final)

    def statements(self) -> Iterator[Statement]:
        """All of them, in the order in which they are shown."""
        yield self.create
        for group in (
            self.grants,
            self.parts,
            self.tables,
            self.fills,
            self.defaults,
            self.left_out,
            self.bodies,
            self.hand_over,
        ):
            yield from group
        yield self.finish


@dataclass(frozen=True, kw_only=True)
class MakingPlan(Plan):
    """A plan that makes clones.

    Args:
        making: The clones.
        doomed: Those that they replace.
        moves: Every clone of the environment, by its base.
    """

    making: tuple[Making, ...]
    doomed: tuple[Doomed, ...]
    moves: Mapping[SchemaName, SchemaName]


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """What is to be made, before base was looked at.

    Args:
        home: What base and clones are in.
        environment: The environment's name.
        marks: One for each clone.
        beside: Clones that are there already.
        replacing: Clones that are replaced.
        rules: How tables get into clones, as Snowflake names them.
        at: As of when.
        branch_role: Whom the clones are handed to.
        tag: The tag that they get.
    """

    home: Home
    environment: str
    marks: Sequence[Mark]
    beside: Sequence[OwnedSchema]
    replacing: Sequence[OwnedSchema]
    rules: Sequence[Rule]
    at: TimeTravel | None
    branch_role: str | None
    tag: str | None


def compose(
    sketch: Sketch,
    making: Sequence[Making],
    doomed: Sequence[Doomed],
    moves: Mapping[SchemaName, SchemaName],
    notes: Sequence[Note],
) -> MakingPlan:
    """The plan that makes clones in the place of others."""
    replaced = {one.schema.name for one in doomed}
    return MakingPlan(
        verb="refresh" if doomed else "provision",
        environment=sketch.environment,
        statements=(
            *(statement for one in doomed for statement in one.hiding),
            *(statement for one in making for statement in one.statements()),
            *(one.dropping for one in doomed),
        ),
        expects=(
            *(Expectation(c.name, c.facts.comment) for c in (*sketch.beside, *sketch.replacing)),
            *(Expectation(m.clone, None) for m in sketch.marks if m.clone not in replaced),
            *(Expectation(one.hidden.name, None) for one in doomed),
        ),
        notes=tuple(notes),
        making=tuple(making),
        doomed=tuple(doomed),
        moves=moves,
    )


def mark_schema(schema: Place, mark: Mark) -> Statement:
    """Gives a schema its mark."""
    return Statement(
        sql=statements.comment_schema(schema, encode(mark)),
        action="mark",
        schema=schema.name,
        object=schema.kind.lower(),
    )


def make(
    sketch: Sketch,
    mark: Mark,
    choice: Choice,
    bodies: Sequence[Body],
    numbered: Sequence[Numbered],
    grants: Grants,
) -> Making:
    """How one clone is made."""
    clone = choice.base.schema.renamed(mark.clone)
    final = replace(mark, strategy="clone", base_state=choice.base.digest, role=sketch.branch_role)
    building = final.half(BUILDING, name=mark.clone)
    making = Making(
        clone=clone,
        base=choice.base,
        building=building,
        final=final,
        create=_create(clone, choice, building, sketch.at),
        bodies=tuple(b.statement for b in bodies if isinstance(b.statement, Creation)),
        left_out=tuple(b.statement for b in bodies if b.statement and b.dropped),
        defaults=tuple(one.statement for one in numbered),
        grants=(*grants.statements, *_tagging(clone, sketch)),
        hand_over=grants.hand_over,
        notes=(
            *choice.notes,
            *(note for body in bodies for note in body.notes),
            *(note for one in numbered for note in one.notes),
            *grants.notes,
        ),
        accepted=frozenset(body.one.shown for body in bodies if body.accepted),
    )
    if choice.way is Way.SCHEMA:
        return replace(making, copied=_copied(choice.base))
    if isinstance(clone, DatabaseName):
        raise TypeError("a database is cloned as a whole")
    return replace(
        making,
        by_table=True,
        tables=tuple(_table(clone, table, choice, rule, sketch.at) for table, rule in choice.made),
        fills=tuple(
            _fill(clone, table, rule, sketch.at)
            for table, rule in choice.made
            if rule.strategy is Strategy.SAMPLE
        ),
        parts=tuple(_parts(clone, choice.base)),
    )


def _copied(base: Contents) -> dict[str, int | None]:
    return {
        base.schema.shown(table.name.schema, table.name.name): table.rows
        for table in base.tables
        if table.special is None
    }


def _create(clone: Place, choice: Choice, building: Mark, at: TimeTravel | None) -> Statement:
    base, comment = choice.base, encode(building)
    if choice.way is Way.TABLES:
        sql = statements.create_schema(clone, choice.options, comment=comment)
        return Statement(sql=sql, action="create", schema=clone.name, object=clone.kind.lower())
    return Statement(
        sql=statements.clone_schema(
            clone,
            base.schema,
            choice.options,
            comment=comment,
            at=at,
            without_hybrid=leaves_hybrid(base, at)
            and any(table.special == "hybrid table" for table in base.tables),
        ),
        action="clone",
        schema=clone.name,
        object=clone.kind.lower(),
        base_rows=sum(table.rows or 0 for table in base.tables),
        base_bytes=sum(table.size_bytes or 0 for table in base.tables),
    )


def _table(
    clone: SchemaName, table: BaseTable, choice: Choice, rule: Rule, at: TimeTravel | None
) -> Statement:
    name = clone / table.name.name
    transient = table.transient or choice.options.transient
    if rule.strategy in (Strategy.EMPTY, Strategy.SAMPLE):
        sql = statements.table_like(name, table.name, transient=transient)
        action, rows = "create", 0
    else:
        sql = statements.clone_table(name, table.name, transient=transient, at=at)
        action, rows = "clone", table.rows or 0
    return Statement(
        sql=sql,
        action=action,
        schema=clone.schema,
        object=f"table {name.name}",
        rows=rows,
        base_rows=table.rows,
        base_bytes=table.size_bytes,
    )


def _fill(clone: SchemaName, table: BaseTable, rule: Rule, at: TimeTravel | None) -> Statement:
    name = clone / table.name.name
    return Statement(
        sql=statements.fill(name, table.name, where=rule.where, limit=rule.limit, at=at),
        action="copy",
        schema=clone.schema,
        object=f"table {name.name}",
        hazards=frozenset({Hazard.COPIES_DATA}),
        base_rows=table.rows,
        base_bytes=table.size_bytes,
    )


def _parts(clone: SchemaName, base: Contents) -> Iterator[Statement]:
    for one in base.of("SEQUENCE", "FILE FORMAT"):
        yield Statement(
            sql=statements.clone_object(one.kind, clone / one.bare, one.schema / one.bare),
            action="clone",
            schema=clone.schema,
            object=one.shown,
        )


def _tagging(clone: Place, sketch: Sketch) -> list[Statement]:
    if sketch.tag is None:
        return []
    return [
        Statement(
            sql=statements.tag_schema(clone, sketch.tag, sketch.environment),
            action="tag",
            schema=clone.name,
            object=clone.kind.lower(),
        )
    ]
