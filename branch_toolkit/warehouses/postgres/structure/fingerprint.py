"""Fingerprints of base: whether a definition was changed since it was read, found out quickly."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from branch_toolkit.warehouses.postgres.structure.catalog import query_text, reading, schema_oids


def read_fingerprint(
    connection: psycopg.Connection[Any], bases: Sequence[str], made: Collection[int]
) -> str:
    """A value that changes whenever something changes that the clones are made from.

    Tables that are deferred do not count: they read whatever base is at that moment.

    Args:
        connection: In a transaction.
        bases: The base schemas.
        made: The relations that are made again, see `Structure.made`.

    Raises:
        BaseSchemaNotFound: A base schema is not there.
    """
    with reading(connection):
        oids = schema_oids(connection, bases)
        query = sql.SQL(query_text("fingerprint")).format(
            bases=sql.Literal(list(oids.values())), made=sql.Literal(sorted(made))
        )
        with connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("SET LOCAL search_path = pg_catalog, pg_temp")
            return str(cursor.execute(query).fetchall()[0][0])
