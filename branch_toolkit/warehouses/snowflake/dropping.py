"""Drops clones: renamed out of the way first, looked at once more, then dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.errors import CloneFailed, SchemaInUse, SchemaNotOwned, StalePlan
from branch_toolkit.core.mark import BUILDING, DROPPING
from branch_toolkit.core.names import SNOWFLAKE, half_name
from branch_toolkit.core.plan import Expectation, Hazard, Note, Plan, Statement
from branch_toolkit.warehouses.snowflake import queries, statements
from branch_toolkit.warehouses.snowflake.home import Home
from branch_toolkit.warehouses.snowflake.names import Place
from branch_toolkit.warehouses.snowflake.session import Row, Session

_HIDDEN_AS = (DROPPING, BUILDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """A clone that is to be dropped.

    A statement names a schema, and nothing tells Snowflake which one was meant. So it is renamed to
    a name that only we use, and dropped when what has that name turns out to be what was meant.

    Args:
        schema: What it is called.
        hidden: What it is called when it is about to be dropped.
        comment: Its whole comment.
        stamp: When it was made, as Snowflake has it.
        half: Whether it is half-made or half-dropped already.
    """

    schema: Place
    hidden: Place
    comment: str
    stamp: str | None
    half: bool

    @classmethod
    def of(cls, clone: OwnedSchema, home: Home, *, taken: Collection[str] = ()) -> Doomed:
        """The clone, proven to be ours.

        Args:
            clone: The clone.
            home: What it is in.
            taken: Names that others there have.

        Raises:
            SchemaNotOwned: All names that it could get have been taken by others.
        """
        # What is called otherwise than its mark says was renamed already.
        renamed = clone.name != clone.mark.clone
        hidden = clone.name if renamed else _free_name(clone.mark.clone, taken)
        return cls(
            schema=home.named(clone.name),
            hidden=home.named(hidden),
            comment=clone.facts.comment or "",
            stamp=clone.facts.stamp,
            half=clone.mark.condition is not None,
        )

    @classmethod
    def half_made(
        cls, schema: Place, *, comment: str, stamp: str, taken: Collection[str]
    ) -> Doomed:
        """A clone that this run has begun to make; see `of`."""
        hidden = _free_name(schema.name, taken)
        return cls(
            schema=schema,
            hidden=schema.renamed(hidden),
            comment=comment,
            stamp=stamp,
            half=True,
        )

    def require_another_name(self, *, taken: Collection[str]) -> None:
        """Checks that one more schema of its name could be renamed out of the way.

        Raises:
            SchemaNotOwned: All names for that have been taken by others.
        """
        _free_name(self.schema.name, {*taken, self.hidden.name})

    @property
    def hiding(self) -> tuple[Statement, ...]:
        """Renames it, unless that was done already."""
        if self.schema == self.hidden:
            return ()
        return (
            Statement(
                sql=statements.rename_schema(self.schema, self.hidden.name),
                action="rename",
                schema=self.schema.name,
                object=self.schema.kind.lower(),
            ),
        )

    @property
    def dropping(self) -> Statement:
        """Drops it."""
        return Statement(
            sql=statements.drop_schema(self.hidden),
            action="drop",
            schema=self.schema.name,
            object=self.schema.kind.lower(),
            # What is half-made or half-dropped is no branch's data any more.
            hazards=frozenset() if self.half else frozenset({Hazard.DELETES_DATA}),
        )

    def is_it(self, row: Row | None) -> bool:
        """Whether that is this very schema, whatever it is called now."""
        if row is None or row["comment"] != self.comment:
            return False
        return self.stamp in (None, queries.stamp(row))


@dataclass(frozen=True, kw_only=True)
class DropPlan(Plan):
    """A plan that drops clones.

    Args:
        doomed: The clones.
    """

    doomed: tuple[Doomed, ...]


def compose_drop(
    environment: str, clones: Sequence[OwnedSchema], home: Home, *, taken: Collection[str]
) -> DropPlan:
    """The plan that drops clones; `taken` are the names of all schemas."""
    doomed = [Doomed.of(clone, home, taken=taken) for clone in clones]
    return DropPlan(
        verb="drop",
        environment=environment,
        statements=tuple(statement for one in doomed for statement in (*one.hiding, one.dropping)),
        expects=tuple(
            expected
            for one in doomed
            for expected in (
                Expectation(one.schema.name, one.comment),
                *(Expectation(one.hidden.name, None) for _ in one.hiding),
            )
        ),
        notes=tuple(
            Note(
                one.schema.name,
                "until its Time Travel ends it can be had back:"
                f" {statements.undrop_schema(one.hidden)}",
            )
            for one in doomed
            if not one.half
        ),
        doomed=tuple(doomed),
    )


def hide(session: Session, doomed: Doomed) -> None:
    """Renames a clone out of the way.

    Raises:
        StalePlan: What had its name was another schema; that has its name again.
    """
    for statement in doomed.hiding:
        session.execute(
            statement.sql,
            doing=f"rename {doomed.schema.name}",
            settled=lambda: doomed.is_it(_rows(session).get(doomed.hidden.name)),
        )
    if not doomed.is_it(_rows(session).get(doomed.hidden.name)):
        unhide(session, doomed)
        raise StalePlan(
            f"{doomed.schema.called} was replaced by another while it was being dropped;"
            " that one was left as it is.",
            remedy="Plan again.",
        )


def unhide(session: Session, doomed: Doomed) -> None:
    """Gives the schema its name back that was renamed, whatever it is.

    Raises:
        CloneFailed: Another has taken its name meanwhile.
    """
    hidden = _rows(session).get(doomed.hidden.name)
    if hidden is None or not doomed.hiding:
        return
    was = queries.stamp(hidden)
    try:
        session.execute(
            statements.rename_schema(doomed.hidden, doomed.schema.name),
            doing=f"rename {doomed.hidden.name} back",
            settled=lambda: _stamp_of(session, doomed.schema.name) == was,
        )
    except StalePlan as error:
        raise CloneFailed(
            f"Schema {doomed.schema.name!r} was renamed to {doomed.hidden.name!r} and could"
            " not get its name back, as another schema has it now.",
            remedy="Look at both, and rename or drop them by hand; neither was changed otherwise.",
        ) from error


def drop_hidden(session: Session, doomed: Doomed) -> None:
    """Drops a clone that was renamed, if that is what still has the name.

    Raises:
        StalePlan: Another schema has the name; it was left as it is.
    """
    found = _rows(session).get(doomed.hidden.name)
    if found is None:
        return
    if not doomed.is_it(found):
        raise StalePlan(
            f"{doomed.hidden.called} is another than was to be dropped; it was left as it is.",
            remedy="Rename it: it has a name that is used for clones that are being dropped.",
        )
    session.execute(
        doomed.dropping.sql,
        doing=f"drop {doomed.schema.name}",
        settled=lambda: doomed.hidden.name not in _rows(session),
    )


def require_unused(session: Session, clones: Iterable[OwnedSchema]) -> None:
    """Refuses to drop clones that foreign keys of other schemas lead to, as those would go along.

    https://docs.snowflake.com/en/sql-reference/sql/drop-schema: CASCADE drops tables with keys that
    are referenced by foreign keys in other tables.

    Raises:
        SchemaInUse: One has such a foreign key.
    """
    names = [clone.name for clone in clones]
    if not names or session.database is None:
        # A database tells of its own foreign keys alone, and there may be very many databases:
        # https://docs.snowflake.com/en/sql-reference/info-schema/referential_constraints.
        return
    rows = session.read(statements.foreign_keys(session.database, names))
    found: dict[str, list[str]] = {}
    for schema, constraint, clone in (row.values() for row in rows):
        found.setdefault(str(clone), []).append(f"foreign key {constraint} in {schema}")
    for clone, dependents in found.items():
        raise SchemaInUse(clone, dependents=dependents)


def _free_name(clone: str, taken: Collection[str]) -> str:
    """What a clone is renamed to before it is dropped."""
    names = [half_name(clone, each, dialect=SNOWFLAKE) for each in _HIDDEN_AS]
    for name in names:
        if name not in taken:
            return name
    raise SchemaNotOwned(
        clone, reason=f"the names that it is dropped under, {' and '.join(names)}, are taken"
    )


def _stamp_of(session: Session, schema: str) -> str | None:
    row = _rows(session).get(schema)
    return None if row is None else queries.stamp(row)


def _rows(session: Session) -> dict[str, Row]:
    return queries.schema_rows(session)
