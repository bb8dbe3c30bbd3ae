"""What is asked of a Postgres database: one function per question."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg

from branch_toolkit.core.environment import SchemaFacts
from branch_toolkit.warehouses import Server

Connection = psycopg.Connection[tuple[Any, ...]]

# The system identifier tells clusters apart, the oid databases; both survive a rename.
_IDENTITY = """
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid
    FROM pg_database WHERE datname = current_database()
"""
_TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p') ORDER BY 1, 2
"""
# A deferred table is a view of a function of its own schema.
_TABLES_OF_CLONES = """
    SELECT n.nspname, c.relname, c.relkind = 'v' AND EXISTS (
               SELECT FROM pg_rewrite r
               JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                               AND d.refclassid = 'pg_proc'::regclass
               JOIN pg_proc p ON p.oid = d.refobjid AND p.pronamespace = c.relnamespace
               WHERE r.ev_class = c.oid AND starts_with(p.proname, '_deferred_'))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_RELATIONS = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_DATA_DIRECTORY = """
    SELECT current_setting('data_directory') WHERE pg_has_role('pg_read_all_settings', 'USAGE')
"""
_LOCK_KEY = "hashtextextended(%s || current_database() || %s, 0)"
_SERVER = """
    SELECT current_setting('server_version'), current_database(), current_user, clock_timestamp()
"""
_COMMENTS = """
    SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = ANY (%s)
"""
_TABLE_SIZES = """
    SELECT n.nspname, c.relname, pg_total_relation_size(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind = 'r'
"""


_SEARCH_PATHS = """
    SELECT n.nspname,
           format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
           substr(setting, length('search_path=') + 1)
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN unnest(p.proconfig) setting ON setting LIKE 'search_path=%%'
    WHERE n.nspname = ANY (%s)
    ORDER BY p.oid
"""


@dataclass(frozen=True, slots=True)
class Outward:
    """An object of base whose clone would reach what is not cloned.

    Args:
        schema: The base schema.
        relation: The table or view that it is on, or the view itself.
        kind: `trigger`, `rule` or `view`.
        name: Its name.
        reason: What it reaches.
    """

    schema: str
    relation: str
    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class OwnSearchPath:
    """A function with a search_path of its own.

    Args:
        schema: Its schema.
        signature: The function as ALTER ROUTINE names it.
        path: The value, as the catalog has it.
    """

    schema: str
    signature: str
    path: str


@dataclass(frozen=True, slots=True)
class Droppable:
    """An object of a schema that can be dropped by itself.

    Args:
        drop: The statement that drops it, and nothing that depends on it.
        table: Its name, if it is a table and can be locked.
        schema: Its schema.
        locks: How many locks that takes, about.
    """

    drop: str
    table: str | None
    schema: str
    locks: int


def server(connection: Connection) -> Server:
    """What the server says of itself."""
    version, database, role, time = _rows(connection, _SERVER)[0]
    return Server(f"Postgres {version.split()[0]}", database, role, time)


def identity(connection: Connection) -> str:
    """What tells this database from a copy of it."""
    return str(_rows(connection, _IDENTITY)[0][0])


def schema_facts(
    connection: Connection, *, marked: bool, names: Collection[str] | None
) -> list[SchemaFacts]:
    """The schemas, with sizes and row estimates; see `Warehouse.schemas`."""
    parameters = {"marked": marked, "names": None if names is None else list(names)}
    return [
        SchemaFacts(name=name, comment=comment, tables=tables, size_bytes=size, rows=estimate)
        for name, comment, tables, size, estimate in _rows(
            connection, _text("schemas.sql"), parameters
        )
    ]


def tables_of_clones(connection: Connection, schemas: Sequence[str]) -> dict[tuple[str, str], bool]:
    """The tables and views of clones, and whether each is deferred; see `Warehouse.tables`."""
    rows = _rows(connection, _TABLES_OF_CLONES, [list(schemas)])
    return {(schema, table): deferred for schema, table, deferred in rows}


def schema_names(connection: Connection) -> set[str]:
    """Every schema's name, the system's included."""
    return {name for (name,) in _rows(connection, "SELECT nspname FROM pg_namespace")}


def comments(connection: Connection, schemas: Sequence[str]) -> dict[str, str | None]:
    """The comments of those of the schemas that exist."""
    return dict(_rows(connection, _COMMENTS, [list(schemas)]))


def missing_grants(connection: Connection, schemas: Sequence[str]) -> list[str]:
    """The GRANTs that the current role lacks to clone the schemas."""
    rows = _rows(connection, _text("grants.sql"), {"schemas": list(schemas)})
    return [grant for (grant,) in rows]


def dependents(connection: Connection, schemas: Sequence[str]) -> list[str]:
    """Objects outside of the schemas that depend on an object inside."""
    rows = _rows(connection, _text("dependents.sql"), {"schemas": list(schemas)})
    return [described for (described,) in rows]


def table_sizes(connection: Connection, schemas: Sequence[str]) -> dict[tuple[str, str], int]:
    """Bytes on disk with indexes, by (schema, table)."""
    rows = _rows(connection, _TABLE_SIZES, [list(schemas)])
    return {(schema, table): size for schema, table, size in rows}


def lockable_tables(connection: Connection, schemas: Sequence[str]) -> list[tuple[str, str]]:
    """The tables in the schemas, as (schema, table)."""
    return [(schema, table) for schema, table in _rows(connection, _TABLES, [list(schemas)])]


def outward(connection: Connection, schemas: Sequence[str]) -> list[Outward]:
    """Triggers, rules and views of the schemas that reach what is not cloned with them."""
    rows = _rows(connection, _text("outward.sql"), {"schemas": list(schemas)})
    return [Outward(*row) for row in rows]


def drift(
    connection: Connection, pairs: Sequence[tuple[str, str]]
) -> list[tuple[str, str, str, int | None, list[str], list[str]]]:
    """Deferred tables whose base is not what it was, by (clone, base); see `mending.Drift`."""
    clones, bases = [clone for clone, _ in pairs], [base for _, base in pairs]
    rows = _rows(connection, _text("drift.sql"), {"clones": clones, "bases": bases})
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]


def try_lock(connection: Connection, environment: str) -> bool:
    """Takes the environment's advisory lock until the transaction ends, if it is free."""
    query = f"SELECT pg_try_advisory_xact_lock({_LOCK_KEY})"
    return bool(_rows(connection, query, ["branch_toolkit:", f":{environment}"])[0][0])


def try_share(connection: Connection, environment: str) -> bool:
    """Keeps others from taking that lock until the transaction ends, if nobody has it."""
    query = f"SELECT pg_try_advisory_xact_lock_shared({_LOCK_KEY})"
    return bool(_rows(connection, query, ["branch_toolkit:", f":{environment}"])[0][0])


def try_session_lock(connection: Connection, environment: str) -> bool:
    """Takes the same lock until the session ends, if it is free."""
    query = f"SELECT pg_try_advisory_lock({_LOCK_KEY})"
    return bool(_rows(connection, query, ["branch_toolkit:", f":{environment}"])[0][0])


def holds(connection: Connection, environment: str, holder: int) -> bool:
    """Whether a process has that lock now, whatever snapshot the connection has."""
    query = f"""
        SELECT EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND pid = %s AND objsubid = 1
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND ((classid::bigint << 32) | objid::bigint) = {_LOCK_KEY})
    """  # noqa: S608
    return bool(_rows(connection, query, [holder, "branch_toolkit:", f":{environment}"])[0][0])


def release_session_locks(connection: Connection) -> None:
    """Gives back what `try_session_lock` took."""
    _rows(connection, "SELECT pg_advisory_unlock_all()")


def backend(connection: Connection) -> int:
    """The process that serves the connection."""
    return int(_rows(connection, "SELECT pg_backend_pid()")[0][0])


def relations(connection: Connection, schemas: Sequence[str]) -> int:
    """How many tables and views the schemas have."""
    return int(_rows(connection, _RELATIONS, [list(schemas)])[0][0])


def own_search_paths(connection: Connection, schemas: Sequence[str]) -> list[OwnSearchPath]:
    """The functions in the schemas that set a search_path for themselves."""
    return [OwnSearchPath(*row) for row in _rows(connection, _SEARCH_PATHS, [list(schemas)])]


def droppable(connection: Connection, schemas: Sequence[str]) -> list[Droppable]:
    """What is in the schemas, the last made first."""
    rows = _rows(connection, _text("droppable.sql"), {"schemas": list(schemas)})
    return [Droppable(*row) for row in rows]


def data_directory(connection: Connection) -> str | None:
    """Where the server keeps its data, if the role may know."""
    found = _rows(connection, _DATA_DIRECTORY)
    return str(found[0][0]) if found else None


def _rows(connection: Connection, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), parameters).fetchall()


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
