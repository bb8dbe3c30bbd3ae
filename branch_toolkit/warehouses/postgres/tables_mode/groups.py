"""Groups that are there: their members, proven one by one, and what stands in a group's way."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.errors import (
    InvalidMark,
    MissingRight,
    SchemaInUse,
    SchemaNotOwned,
    StalePlan,
)
from branch_toolkit.core.mark import Mark, decode
from branch_toolkit.core.names import half_name
from branch_toolkit.core.plan import Expectation
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.tables_mode import queries
from branch_toolkit.warehouses.postgres.tables_mode.marks import Member, prove
from branch_toolkit.warehouses.postgres.tables_mode.queries import Found

_TOKEN = re.compile(r"[0-9a-f]{16}")

Members = dict[str, list[tuple[Found, Member]]]
"""The members of groups, by the anchor's name, the first made first."""


def members_of(connection: Connection, schema: str, anchors: Mapping[str, Mark]) -> Members:
    """The members of groups.

    Args:
        connection: Sees what is committed by now.
        schema: The branches' schema.
        anchors: The groups' marks, by the anchor's name.
    """
    tokens = {
        mark.base_state: name for name, mark in anchors.items() if _TOKEN.fullmatch(mark.base_state)
    }
    # Where a second anchor has the token too, nobody can say whose they are.
    for one in queries.other_anchors(connection, schema, list(tokens), but=list(anchors)):
        tokens.pop(_token_of(one), None)
    found: Members = {name: [] for name in anchors}
    for one in queries.claimed_members(connection, schema, list(tokens)):
        for name in tokens.values():
            try:
                found[name].append((one, prove(anchors[name], one.name, one.comment)))
            except SchemaNotOwned:
                continue
    return found


def _token_of(found: Found) -> str:
    """The token of an anchor; none if its comment came from another table."""
    try:
        mark = decode(found.comment)
    except InvalidMark:
        return ""
    return mark.base_state if mark.clone == found.name else ""


def check_again(connection: Connection, schema: str, expects: Sequence[Expectation]) -> None:
    """Checks that anchors are what a plan expects.

    Args:
        connection: Not that of the applying transaction, which may have an older snapshot.
        schema: The branches' schema.
        expects: What the anchors have to be.

    Raises:
        StalePlan: One of them is not.
    """
    names = [expected.schema for expected in expects]
    found = queries.tables(connection, schema, names)
    schemas = queries.schemas_named(connection, names)
    for expected in expects:
        one = found.get(expected.schema)
        if expected.comment is None:
            same = one is None and expected.schema not in schemas
        else:
            same = one is not None and one.comment == expected.comment
        if not same:
            raise StalePlan(
                f"Clone {expected.schema!r} changed after the plan was made; nothing was done.",
                remedy="Plan again.",
            )


def require_unused(connection: Connection, names: Sequence[str], tables: Sequence[int]) -> None:
    """Refuses to go on if DROP … CASCADE would take along what is not in some groups.

    Args:
        connection: Sees what is committed by now.
        names: The groups.
        tables: The oids of their tables.

    Raises:
        SchemaInUse: It would.
    """
    if tables and (found := queries.dependents(connection, tables)):
        raise SchemaInUse(", ".join(names), dependents=found)


def require_rights(connection: Connection, schema: str, bases: Sequence[str]) -> None:
    """Refuses base schemas that the role may not read, and a branches' schema it may not use.

    Raises:
        MissingRight: It lacks some right.
    """
    if grants := queries.missing_grants(connection, schema, bases):
        raise MissingRight(
            f"Role {connection.info.user!r} lacks {len(grants)} right(s) to make tables of"
            f" {', '.join(bases)} in schema {schema!r}; nothing was made.",
            remedy="Have an owner execute: " + "; ".join(grants) + ".",
        )


def require_free(
    connection: Connection, schema: str, marks: Sequence[Mark], replaced: Collection[str]
) -> None:
    """Refuses names of groups that something has which is not to be replaced.

    Raises:
        SchemaNotOwned: One of them is taken.
    """
    names = [mark.clone for mark in marks if mark.clone not in replaced]
    for found in queries.tables(connection, schema, names).values():
        marked = "" if found.comment else " without a mark"
        raise SchemaNotOwned(
            found.name,
            reason=f"a table of that name exists in {schema!r}{marked}, and is not a clone of this"
            " environment",
        )
    for name in sorted(queries.schemas_named(connection, names)):
        raise SchemaNotOwned(
            name, reason="a schema of that name exists, and is not a clone of this environment"
        )


def require_not_taken(
    connection: Connection, schema: str, marks: Sequence[Mark], condition: str
) -> None:
    """Refuses names that halves of groups would get and somebody else has.

    Another run may be at work under such a name: then the environment's lock decides who waits.

    Raises:
        SchemaNotOwned: One of them is not such a half.
    """
    expected = {half_name(mark.clone, condition): mark for mark in marks}
    for found in queries.tables(connection, schema, list(expected)).values():
        if not _is_half(found, expected[found.name]):
            raise SchemaNotOwned(
                found.name, reason="a table of that name exists, and is not half a clone"
            )


def require_members_free(connection: Connection, schema: str, names: Sequence[str]) -> None:
    """Refuses names of new members that something has.

    Raises:
        SchemaNotOwned: One of them is taken.
    """
    for found in queries.tables(connection, schema, names).values():
        raise SchemaNotOwned(
            found.name,
            reason=f"a table or the like of that name exists in {schema!r}, and its mark, if it has"
            " one, is not of a clone that is there",
        )


def _is_half(found: Found, of: Mark) -> bool:
    try:
        mark = decode(found.comment)
    except InvalidMark:
        return False
    same = (mark.project, mark.database) == (of.project, of.database)
    return same and mark.clone == found.name and mark.condition is not None


def marks_by_name(clones: Sequence[OwnedSchema]) -> dict[str, Mark]:
    """The anchors' marks, by name."""
    return {clone.name: clone.mark for clone in clones}
