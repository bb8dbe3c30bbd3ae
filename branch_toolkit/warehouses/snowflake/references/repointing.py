"""Statements that make an object, led to the clone; and whether a text leads to base."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.references import headers, queries
from branch_toolkit.warehouses.snowflake.references.created import Created, is_create, take_apart
from branch_toolkit.warehouses.snowflake.references.moves import (
    Moves,
    Reference,
    Repointed,
    Unreadable,
    edits,
    readable,
)
from branch_toolkit.warehouses.snowflake.references.naming import mentions, tokens_of
from branch_toolkit.warehouses.snowflake.references.text import splice


def repoint(ddl: str, moves: Moves, *, copy_grants: bool = False) -> Repointed:
    """The statement that makes the object in the clone: its own name and all references moved.

    Args:
        ddl: What `GET_DDL` returned for base's object, or for the same object of the clone.
        moves: The schemas that are moved.
        copy_grants: Whether a view that is replaced hands on what is granted on it.

    Raises:
        Unreadable: It cannot be parsed, or it cannot be told what a name leads to.
    """
    created = take_apart(ddl)
    in_header = headers.references(created, moves)
    in_body = _in_body(created, moves)
    in_front = {*headers.own_name(created, moves), *edits(in_header)}
    if copy_grants:
        in_front.update(headers.copy_grants(created))
    outward = [created.body.outward(edit) for edit in edits(in_body)] if created.body else []
    new = splice(ddl, [*in_front, *outward])
    again = take_apart(new)
    headers.compare(created, sorted(in_front), again)
    if _said(again) != (created.body and splice(created.body.text, edits(in_body))):
        raise Unreadable("its body cannot be written as it should be")
    return Repointed(new, _listed(one for one in [*in_header, *in_body] if one.edit))


def leaks(text: str, schemas: Collection[SchemaName], *, home: SchemaName) -> tuple[str, ...]:
    """The references in a text that lead to one of these schemas, for people.

    Args:
        text: A query, an expression, a column's default, a function's body in SQL, a block of
            Snowflake Scripting or a CREATE statement, whose own name is no reference.
        schemas: The schemas.
        home: Where names without a schema are resolved. Functions that are called without one
            are not counted, as they are mostly Snowflake's own.

    Raises:
        Unreadable: It cannot be told what the text leads to.
    """
    moves = Moves({schema: schema for schema in schemas}, home)
    if not is_create(tokens_of(text)):
        return _listed(queries.read(text, moves, unqualified=home in schemas))
    created = take_apart(text)
    in_body = _in_body(created, moves, unqualified=home in schemas)
    return _listed([*headers.references(created, moves), *in_body])


def _in_body(created: Created, moves: Moves, *, unqualified: bool = False) -> list[Reference]:
    """The references of the body, with edits that are the body's own."""
    if created.body is None:
        if created.kind == "PROCEDURE":
            raise Unreadable("its code is in a stage")
        return []
    if created.language == "SQL":
        return queries.read(created.body.text, moves, unqualified=unqualified)
    if mentions(created.body.text, moves.schemas, home=moves.target):
        raise Unreadable(f"its body in {created.language} names base")
    return []


def _said(created: Created) -> str | None:
    return created.body.text if created.body else None


def _listed(references: Iterable[Reference]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(readable(one.name) for one in references))
