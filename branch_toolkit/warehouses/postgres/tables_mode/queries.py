"""What is asked of a Postgres database in tables mode: one function per question."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from branch_toolkit.core.environment import SchemaFacts
from branch_toolkit.core.mark import is_mark
from branch_toolkit.core.strategy import Relation
from branch_toolkit.warehouses.postgres.queries import Connection

_TABLES = """
    SELECT c.relname, c.oid::bigint, obj_description(c.oid, 'pg_class')
    FROM pg_class c
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s::text))
      AND (%(names)s::text[] IS NULL OR c.relname = ANY (%(names)s))
"""
_CALLED = """
    SELECT c.relname, c.oid::bigint, obj_description(c.oid, 'pg_class')
    FROM pg_class c
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s::text))
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND starts_with(c.relname, %(prefix)s::text)
    ORDER BY 1
"""
_MEMBERS = """
    SELECT c.relname, c.oid::bigint, d.description
    FROM pg_class c
    JOIN pg_description d
      ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s::text)) AND c.relkind = 'r'
      AND d.description LIKE '%%"branch_toolkit"%%'
      AND d.description ~ ('"base_state": "(' || array_to_string(%(tokens)s::text[], '|') || ')/')
    ORDER BY c.oid
"""
_CLAIMING = """
    SELECT c.relname, c.oid::bigint, d.description
    FROM pg_class c
    JOIN pg_description d
      ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s::text))
      AND substring(d.description from '"base_state": "([0-9a-f]{16})"') = ANY (%(tokens)s)
      AND NOT c.relname = ANY (%(but)s)
"""
_WRITABLE = """
    SELECT format('%%I.%%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p')
      AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    ORDER BY 1
"""
_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname = ANY (%(names)s)"


@dataclass(frozen=True, slots=True)
class Found:
    """A relation of the branches' schema.

    Args:
        name: Its name.
        oid: Its object id.
        comment: Its comment.
    """

    name: str
    oid: int
    comment: str | None


@dataclass(frozen=True, slots=True)
class BaseTable:
    """A relation of a base schema.

    Args:
        oid: Its object id.
        schema: Its schema.
        name: Its name.
        kind: Its `relkind`.
        parent: The oid of the topmost table that it is a partition or child of; None for others.
        parent_name: The name of that one.
        rows: The planner's estimate.
        size_bytes: What it takes on disk with its indexes, without its partitions.
        columns: Those that are not computed.
    """

    oid: int
    schema: str
    name: str
    kind: str
    parent: int | None
    parent_name: str | None
    rows: int
    size_bytes: int
    columns: Sequence[str] = ()

    @property
    def relation(self) -> Relation:
        """As rules see it."""
        return Relation(id=self.oid, schema=self.schema, name=self.name, parent=self.parent)


@dataclass(frozen=True, slots=True)
class Outward:
    """What in a new table would depend on production.

    Args:
        kind: `default`, `domain` (its type's default), `serial`, `generated` or `check`.
        name: The column's or the constraint's.
        used: What it uses.
    """

    kind: str
    name: str
    used: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key or an index of a base table.

    Args:
        name: Its name.
        unique: Whether it says what may be written.
        constraint: Whether it is a constraint.
        definition: What makes it again; None where that cannot be told.
        used: What it uses of production's, if anything.
    """

    name: str
    unique: bool
    constraint: bool
    definition: str | None
    used: str | None


@dataclass(frozen=True, slots=True)
class Counter:
    """An identity column.

    Args:
        column: The column.
        sequence: Its sequence, quoted.
        base: Base's, quoted, where the role may read it.
        indexed: Whether base's largest number is quickly told.
        ascending: Whether it counts upwards.
    """

    column: str
    sequence: str
    base: str | None
    indexed: bool
    ascending: bool


def group_facts(
    connection: Connection, schema: str, *, marked: bool, names: Collection[str] | None
) -> list[SchemaFacts]:
    """What in the branches' schema is no member; anchors with what their groups take."""
    parameters = {
        "schema": schema,
        "only_marked": marked,
        "names": None if names is None else list(names),
    }
    return [
        SchemaFacts(name=name, comment=comment, tables=tables, size_bytes=size, rows=rows)
        for name, comment, tables, size, rows in _rows(connection, _text("groups.sql"), parameters)
        if is_mark(comment) or not marked
    ]


def tables(
    connection: Connection, schema: str, names: Collection[str] | None = None
) -> dict[str, Found]:
    """What the branches' schema has under some names, of whatever kind."""
    listed = None if names is None else list(names)
    rows = _rows(connection, _TABLES, {"schema": schema, "names": listed})
    return {row[0]: Found(*row) for row in rows}


def tables_called(connection: Connection, schema: str, prefix: str) -> list[Found]:
    """The tables and views of the branches' schema whose names begin so."""
    rows = _rows(connection, _CALLED, {"schema": schema, "prefix": prefix})
    return [Found(*row) for row in rows]


def claimed_members(connection: Connection, schema: str, tokens: Collection[str]) -> list[Found]:
    """The tables whose marks claim one of the groups; whether they are right is to be proven."""
    if not tokens:
        return []
    rows = _rows(connection, _MEMBERS, {"schema": schema, "tokens": list(tokens)})
    return [Found(*row) for row in rows]


def other_anchors(
    connection: Connection, schema: str, tokens: Collection[str], *, but: Collection[str]
) -> list[Found]:
    """The tables of other names whose comments claim to be an anchor's of the groups."""
    parameters = {"schema": schema, "tokens": list(tokens), "but": list(but)}
    return [Found(*row) for row in _rows(connection, _CLAIMING, parameters)]


def schemas_named(connection: Connection, names: Collection[str]) -> set[str]:
    """Those of the names that are schemas'."""
    return {name for (name,) in _rows(connection, _SCHEMAS, {"names": list(names)})}


def missing_grants(connection: Connection, schema: str, bases: Sequence[str]) -> list[str]:
    """What the role lacks, as statements."""
    parameters = {"schema": schema, "bases": list(bases)}
    return [grant for (grant,) in _rows(connection, _text("grants.sql"), parameters)]


def dependents(connection: Connection, tables: Sequence[int]) -> list[str]:
    """What is no part of some tables, given by oid, and depends on one of them."""
    rows = _rows(connection, _text("dependents.sql"), {"tables": list(tables)})
    return [described for (described,) in rows]


def base_tables(
    connection: Connection, schemas: Sequence[str], names: Sequence[str] | None = None
) -> list[BaseTable]:
    """The relations of base schemas, or those of some names."""
    parameters = {"schemas": list(schemas), "names": names}
    return [BaseTable(*row) for row in _rows(connection, _text("base_tables.sql"), parameters)]


def outward(connection: Connection, schema: str, table: int) -> list[Outward]:
    """What in a new table of the branches' schema would depend on production."""
    parameters = {"schema": schema, "table": table}
    return [Outward(*row) for row in _rows(connection, _text("outward.sql"), parameters)]


def leaks(
    connection: Connection, tables: Sequence[int], bases: Sequence[str]
) -> list[tuple[str, str]]:
    """What in tables of ours depends on an object of base schemas, and on which."""
    parameters = {"tables": list(tables), "bases": list(bases)}
    rows = _rows(connection, _text("leaks.sql"), parameters)
    return [(described, used) for described, used in rows]


def keys(connection: Connection, table: int) -> list[Key]:
    """The keys and indexes of a base table. `search_path` has to be `pg_catalog` alone."""
    return [Key(*row) for row in _rows(connection, _text("keys.sql"), {"table": table})]


def counters(connection: Connection, target: str, source: str) -> list[Counter]:
    """The identity columns of a table of ours; both names quoted and qualified."""
    parameters = {"target": target, "source": source}
    return [Counter(*row) for row in _rows(connection, _text("counters.sql"), parameters)]


def writable(connection: Connection, schemas: Sequence[str]) -> list[str]:
    """The tables of schemas that the role may change."""
    return [name for (name,) in _rows(connection, _WRITABLE, {"schemas": list(schemas)})]


def _rows(
    connection: Connection, query: str, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), parameters).fetchall()


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
