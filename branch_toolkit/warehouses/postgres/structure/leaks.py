"""Checks that clones do not depend on base."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from branch_toolkit.warehouses.postgres.structure.catalog import query_text, reading, schema_oids
from branch_toolkit.warehouses.postgres.structure.model import Leak


def read_leaks(
    connection: psycopg.Connection[Any],
    clones: Mapping[str, str],
    *,
    shared_types: Collection[int] = (),
) -> tuple[Leak, ...]:
    """The dependencies of objects in clones on objects in base schemas; there must be none.

    With one, base could not be altered freely any more, or a branch would read or change base.

    Args:
        connection: May be in the transaction that made the clones.
        clones: The name of the clone for each base schema.
        shared_types: The oids of base's types that the clones use on purpose, see `Structure`.

    Raises:
        BaseSchemaNotFound: A base schema or a clone is not there.
    """
    bases = sql.Literal(list(schema_oids(connection, list(clones)).values()))
    made = sql.Literal(list(schema_oids(connection, list(clones.values())).values()))
    members = sql.SQL(query_text("members"))
    query = sql.SQL(query_text("leaks")).format(
        members=members.format(bases=made, aside=sql.Literal([])),
        base_members=members.format(bases=bases, aside=sql.Literal([])),
        base_schemas=bases,
        shared=sql.Literal(sorted(shared_types)),
    )
    with reading(connection), connection.cursor(row_factory=class_row(Leak)) as cursor:
        cursor.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        return tuple(cursor.execute(query))
