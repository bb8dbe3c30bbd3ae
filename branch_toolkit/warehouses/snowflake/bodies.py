"""What has a body of SQL: views, functions and procedures, led from base to the clone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from branch_toolkit.core.plan import Note, Statement
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.choosing import Choice, Way
from branch_toolkit.warehouses.snowflake.contents import BaseObject, definition, read_objects
from branch_toolkit.warehouses.snowflake.names import Place, SchemaName
from branch_toolkit.warehouses.snowflake.references import (
    Moves,
    Unreadable,
    leaks,
    mentions,
    repoint,
)
from branch_toolkit.warehouses.snowflake.session import Session

VIEWS = ("VIEW", "MATERIALIZED VIEW")
ROUTINES = ("FUNCTION", "PROCEDURE")
RUN_BY_THEMSELVES = ("TASK", "PIPE", "DYNAMIC TABLE", "ALERT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation(Statement):
    """Makes an object that has a body.

    Args:
        home: The schema that it is made in.
    """

    home: SchemaName


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is done about an object of a clone that has a body.

    Args:
        one: The object, as it is in base.
        statement: What is executed; None for nothing.
        dropped: Whether that drops it from the clone.
        accepted: Whether it is known that it reads base, or not known that it does not.
        notes: What a person should know of it.
    """

    one: BaseObject
    statement: Statement | None = None
    dropped: bool = False
    accepted: bool = False
    notes: tuple[Note, ...] = ()


def plan_bodies(
    session: Session,
    choice: Choice,
    clone: Place,
    moves: Mapping[SchemaName, SchemaName],
    *,
    others: Collection[SchemaName] = (),
) -> list[Body]:
    """What is done about each object of a clone that has a body.

    Args:
        session: Where definitions are asked for.
        choice: How the clone is made.
        clone: Its name.
        moves: Every clone of the environment, by its base.
        others: Schemas that are not cloned; what could write there is left out.
    """
    base = choice.base
    planner = _Planner(session, choice.way, clone, dict(moves), others)
    bodies = [planner.view(one) for one in base.of(*VIEWS)]
    bodies += [planner.routine(one) for one in base.of(*ROUTINES)]
    if choice.way is Way.SCHEMA:
        bodies += [planner.run_by_itself(one) for one in base.of(*RUN_BY_THEMSELVES)]
        bodies += [planner.stage(one) for one in base.of("STAGE") if "EXTERNAL" in one.text.upper()]
    return bodies


@dataclass(frozen=True)
class _Planner:
    session: Session
    way: Way
    clone: Place
    schemas: Mapping[SchemaName, SchemaName]
    others: Collection[SchemaName]

    def view(self, one: BaseObject) -> Body:
        if self._is_right_already(one):
            return Body(one=one)
        ddl = definition(self.session, one)
        if ddl is None:
            return self._unknown_view(one, "its definition is hidden from this role")
        try:
            found = repoint(ddl, self._moves(one), copy_grants=self.way is Way.SCHEMA)
        except Unreadable as error:
            return self._unknown_view(one, error.reason)
        if self.way is Way.SCHEMA and not found.moved:
            return Body(one=one)
        return Body(one=one, statement=self._create(one, found.sql))

    def routine(self, one: BaseObject) -> Body:
        ddl = definition(self.session, one)
        if ddl is None:
            return self._left_out(one, "its definition is hidden from this role")
        try:
            found = repoint(ddl, self._moves(one))
        except Unreadable as error:
            return self._left_out(one, f"it may name production ({error.reason})")
        home = self.schemas[one.schema]
        if one.kind == "PROCEDURE" and mentions(found.sql, self.others, home=home):
            return self._left_out(one, "it may write to a schema that is not cloned")
        if self.way is Way.SCHEMA and not found.moved:
            return Body(one=one)
        return Body(one=one, statement=self._create(one, found.sql))

    def run_by_itself(self, one: BaseObject) -> Body:
        """What Snowflake runs without being asked must not write to production."""
        home = self.schemas[one.schema]
        # Of another database, not every schema is listed.
        away = [schema for schema in self.others if schema.database != home.database]
        leads = may_read_base(one, one.text, [*self.schemas, *self.others], home=home)
        if leads or mentions(one.text, away, home=home):
            why = "it may lead to production, and would be run by itself"
            return self._left_out(one, why)
        return Body(one=one)

    def stage(self, one: BaseObject) -> Body:
        """A clone of an external stage is the same place: COPY INTO and REMOVE would change it.

        https://docs.snowflake.com/en/user-guide/object-clone
        """
        return self._left_out(one, "it is the same place as production's")

    def _is_right_already(self, one: BaseObject) -> bool:
        home = self.schemas[one.schema]
        return (
            self.way is Way.SCHEMA
            and bool(one.text)
            and not mentions(one.text, self.schemas, home=home)
        )

    def _moves(self, one: BaseObject) -> Moves:
        return Moves(self.schemas, one.schema)

    def _unknown_view(self, one: BaseObject, why: str) -> Body:
        if self.way is Way.TABLES:
            return Body(one=one, notes=(Note(one.shown, f"not made: {why}"),))
        text = f"it may still read production, as {why}"
        return Body(one=one, accepted=True, notes=(Note(one.shown, text),))

    def _left_out(self, one: BaseObject, why: str) -> Body:
        note = Note(one.shown, f"not cloned: {why}")
        if self.way is Way.TABLES:
            return Body(one=one, notes=(note,))
        statement = Statement(
            sql=statements.drop_object(one.kind, one.moved(self.schemas[one.schema]).name),
            action="leave out",
            schema=self.clone.name,
            object=one.shown,
        )
        return Body(one=one, statement=statement, dropped=True, notes=(note,))

    def _create(self, one: BaseObject, sql: str) -> Creation:
        return Creation(
            sql=sql,
            action="create",
            schema=self.clone.name,
            object=one.shown,
            home=self.schemas[one.schema],
        )


def may_read_base(
    one: BaseObject, text: str, bases: Collection[SchemaName], *, home: SchemaName
) -> bool:
    """Whether an object with this text leads to one of these schemas, as far as can be told.

    What cannot be understood and does not name them counts as harmless, unless Snowflake runs it
    without being asked.
    """
    try:
        return bool(leaks(text, bases, home=home))
    except Unreadable:
        return one.kind in RUN_BY_THEMSELVES or mentions(text, bases, home=home)


def leaking(session: Session, clone: Place, bases: Collection[SchemaName]) -> Iterator[BaseObject]:
    """The objects of a clone that lead to base, or cannot be told not to."""
    for one in read_objects(session, clone, (*ROUTINES, *RUN_BY_THEMSELVES)):
        text = definition(session, one) if one.kind in ROUTINES else one.text
        if text and may_read_base(one, text, bases, home=one.schema):
            yield one
