"""What is amiss with clones that are there: leaks, and drift."""

from __future__ import annotations

from collections.abc import Sequence

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.plan import Note
from branch_toolkit.warehouses.postgres.mending import read_drift
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import read_leaks

# Of the types of base, those of tables may not be used: base could not drop these tables.
_SHAREABLE = """
    SELECT t.oid::bigint
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_type element ON element.oid = t.typelem
    LEFT JOIN pg_class c ON c.oid IN (t.typrelid, element.typrelid)
    WHERE n.nspname = ANY (%s) AND coalesce(c.relkind, 'c') = 'c'
"""


def examine_clones(connection: Connection, clones: Sequence[OwnedSchema]) -> list[Note]:
    """What in an environment depends on base, and which deferred tables no longer fit it."""
    names = {clone.mark.base_schema: clone.name for clone in clones}
    rows = connection.execute(_SHAREABLE.encode(), [list(names)]).fetchall()
    leaks = read_leaks(connection, names, shared_types=[oid for (oid,) in rows])
    drifted = read_drift(connection, clones)
    return [
        *(
            Note(f"{leak.schema}: {leak.object}", f"It depends on {leak.base_object} of base.")
            for leak in leaks
        ),
        *(Note(f"{one.clone}: table {one.name}", one.text) for one in drifted),
    ]
