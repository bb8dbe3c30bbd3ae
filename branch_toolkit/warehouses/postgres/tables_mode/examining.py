"""What is amiss with groups that are there: what depends on base, or no longer fits it."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.mark import CONDITIONS
from branch_toolkit.core.names import half_name
from branch_toolkit.core.plan import Note
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.tables_mode import queries
from branch_toolkit.warehouses.postgres.tables_mode.groups import marks_by_name, members_of


def role_advice(connection: Connection, schemas: Sequence[str]) -> tuple[Note, ...]:
    """What the role may change in schemas that it should only read."""
    found = queries.writable(connection, schemas)
    if not found:
        return ()
    role = sql.Identifier(connection.info.user).as_string(None)
    listed = ", ".join(sql.Identifier(schema).as_string(None) for schema in schemas)
    text = (
        f"the role may change {len(found)} table(s) of production ({', '.join(found[:3])}), and in"
        " tables mode only its rights keep a branch's SQL from that; give branch deployments"
        " another role, or have an owner execute"
    )
    rights = "INSERT, UPDATE, DELETE, TRUNCATE"
    return (Note(f"REVOKE {rights} ON ALL TABLES IN SCHEMA {listed} FROM {role};", text),)


def examine_groups(
    connection: Connection, schema: str, clones: Sequence[OwnedSchema]
) -> list[Note]:
    """What in an environment depends on an object of base, such as a key that a branch made."""
    found = members_of(connection, schema, marks_by_name(clones))
    tables = [one.oid for pairs in found.values() for one, _ in pairs]
    bases = [clone.mark.base_schema for clone in clones]
    return [
        *(
            Note(described, f"It depends on {used} of base.")
            for described, used in queries.leaks(connection, tables, bases)
        ),
        *(note for clone in clones for note in _strangers(connection, schema, clone)),
    ]


def _strangers(connection: Connection, schema: str, clone: OwnedSchema) -> list[Note]:
    """Tables that are called like members of the group and are none."""
    prefix = f"{clone.name}__"
    members = members_of(connection, schema, {clone.name: clone.mark})[clone.name]
    ours = {found.name for found, _ in members}
    ours |= {half_name(clone.name, condition) for condition in CONDITIONS}
    return [
        Note(
            f"{clone.name}: {one.name}",
            "It is called like a table of the clone, but has no mark that proves it; it is left"
            " alone.",
        )
        for one in queries.tables_called(connection, schema, prefix)
        if one.name not in ours
    ]
