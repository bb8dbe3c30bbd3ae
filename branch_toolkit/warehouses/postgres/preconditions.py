"""What has to be so for there to be a plan at all."""

from __future__ import annotations

from collections.abc import Sequence

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    InvalidMark,
    MissingRight,
    SchemaNotOwned,
)
from branch_toolkit.core.mark import Mark, decode
from branch_toolkit.core.names import half_name
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.queries import Connection


def require_bases(connection: Connection, base_schemas: Sequence[str]) -> None:
    """Refuses base schemas that are not there.

    Raises:
        BaseSchemaNotFound: One is not.
    """
    found = queries.schema_names(connection)
    for schema in base_schemas:
        if schema not in found:
            system = ("pg_", "information_schema")
            listed = [name for name in found if not name.startswith(system)]
            raise BaseSchemaNotFound(schema, database=connection.info.dbname, found=listed)


def require_rights(connection: Connection, base_schemas: Sequence[str]) -> None:
    """Refuses base schemas that the role may not clone.

    Raises:
        MissingRight: It lacks some right.
    """
    if grants := queries.missing_grants(connection, base_schemas):
        raise MissingRight(
            f"Role {connection.info.user!r} lacks {len(grants)} right(s) to clone"
            f" {', '.join(base_schemas)}; nothing was made.",
            remedy="Have an owner execute: " + "; ".join(grants) + ".",
        )


def require_free(
    connection: Connection, marks: Sequence[Mark], replacing: Sequence[OwnedSchema]
) -> None:
    """Refuses names of clones that schemas have which are not to be replaced.

    Raises:
        SchemaNotOwned: One of them exists.
    """
    replaced = {clone.name for clone in replacing}
    names = [mark.clone for mark in marks if mark.clone not in replaced]
    for name, comment in queries.comments(connection, names).items():
        raise _taken(name, comment)


def require_not_taken(connection: Connection, marks: Sequence[Mark], condition: str) -> None:
    """Refuses names that halves of clones would get and somebody else has.

    Another run may be at work under such a name: then the environment's lock decides who waits.

    Raises:
        SchemaNotOwned: One of them is not such a half.
    """
    expected = {half_name(mark.clone, condition): mark for mark in marks}
    for name, comment in queries.comments(connection, list(expected)).items():
        if not _is_half(comment, name, expected[name]):
            raise _taken(name, comment)


def _is_half(comment: str | None, name: str, of: Mark) -> bool:
    try:
        mark = decode(comment)
    except InvalidMark:
        return False
    same = (mark.project, mark.database) == (of.project, of.database)
    return same and mark.clone == name and mark.condition is not None


def _taken(name: str, comment: str | None) -> SchemaNotOwned:
    marked = "" if comment else " without a mark"
    return SchemaNotOwned(
        name,
        reason=f"a schema of that name exists{marked}, and is not a clone of this environment",
    )
