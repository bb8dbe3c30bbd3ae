"""Finds what is to be owned, and the environment that it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from branch_toolkit.core.branch import Project
from branch_toolkit.core.environment import Environment, SchemaFacts, Territory, take_inventory
from branch_toolkit.core.mark import decode
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.owning.errors import UnknownTable
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure.deferring import deferred_name

_MARKED = r"""
    SELECT n.nspname, d.description
    FROM pg_catalog.pg_namespace n
    JOIN pg_catalog.pg_description d
      ON d.objoid = n.oid AND d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
    WHERE d.description LIKE '%%"branch_toolkit"%%'
"""
_FIND = """
    SELECT c.oid::bigint, c.relkind::text, c.oid::pg_catalog.regclass::text,
           pg_catalog.pg_get_userbyid(c.relowner),
           EXISTS (SELECT FROM pg_catalog.pg_rewrite r
                   JOIN pg_catalog.pg_depend d ON d.objid = r.oid
                    AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                    AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                   JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
                    AND p.pronamespace = c.relnamespace AND p.proname = %s
                   WHERE r.ev_class = c.oid AND c.relkind = 'v')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s
"""
_TABLES = """
    SELECT c.relname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm')
"""


_KIN = """
    WITH RECURSIVE kin(id) AS (
        SELECT c.oid FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s
        UNION
        SELECT near.id
        FROM kin
        JOIN pg_catalog.pg_inherits i ON kin.id IN (i.inhrelid, i.inhparent)
        CROSS JOIN LATERAL unnest(ARRAY[i.inhrelid, i.inhparent]) AS near(id)
    )
    SELECT min(id)::bigint FROM kin
"""


@dataclass(frozen=True)
class Place:
    """An environment, and the one of its schemas that a table is in.

    Args:
        environment: The environment's name.
        clones: The name of the clone for each base schema.
        base: The base schema of the clone that the table is in.
        role: The role that owns what is in the clone; None for the connecting one.
    """

    environment: str
    clones: Mapping[str, str]
    base: str
    role: str | None = None

    @property
    def clone(self) -> str:
        """The schema that the table is in."""
        return self.clones[self.base]


@dataclass(frozen=True)
class Found:
    """What a clone has under a name.

    Args:
        oid: Its object id.
        kind: Its `relkind`.
        name: Its name, quoted where need be, and qualified.
        owner: The role that owns it.
        deferred: Whether it is a deferred table.
    """

    oid: int
    kind: str
    name: str
    owner: str
    deferred: bool


def place_in(environment: Environment, base: str) -> Place:
    """The place of an environment's clone of a base schema."""
    clones = {clone.mark.base_schema: clone.name for clone in environment.clones}
    role = next((one.mark.role for one in environment.clones if one.mark.base_schema == base), None)
    return Place(environment.name, dict(sorted(clones.items())), base, role)


def place_of(connection: Connection, clone: str) -> Place | None:
    """The place that a schema's mark tells of; None if it is no clone."""
    marked: dict[str, str] = dict(connection.execute(_MARKED.encode(), []).fetchall())
    if clone not in marked:
        return None
    mark = decode(marked[clone])
    territory = Territory(Project(name=mark.project), queries.identity(connection), frozenset())
    facts = [SchemaFacts(name=name, comment=text) for name, text in marked.items()]
    for environment in take_inventory(facts, territory).environments:
        if clone in [one.name for one in environment.clones]:
            return place_in(environment, mark.base_schema)
    return None


def find(connection: Connection, schema: str, table: str) -> Found:
    """What a clone has under a name.

    Raises:
        UnknownTable: Nothing.
    """
    rows = connection.execute(_FIND.encode(), [deferred_name(table), schema, table]).fetchall()
    if not rows:
        known = [name for (name,) in connection.execute(_TABLES.encode(), [schema])]
        raise UnknownTable(schema, table, known=known)
    return Found(*rows[0])


def tree(connection: Connection, place: Place, table: str) -> str:
    """A name for a table of base and all that is of one piece with it."""
    row = connection.execute(_KIN.encode(), [place.base, table]).fetchone()
    return f"{place.clone}:{row[0] if row and row[0] else table}"
