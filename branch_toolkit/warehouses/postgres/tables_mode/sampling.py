"""Checks the conditions of sample rules before anything is made; see `conditions`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from psycopg import sql

from branch_toolkit.warehouses.postgres.conditions import check_conditions
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import TableCopy
from branch_toolkit.warehouses.postgres.tables_mode.making import NewMember


def check_samples(connection: Connection, members: Iterable[NewMember]) -> None:
    """Refuses conditions that Postgres does not understand, or that could change something.

    Args:
        connection: In a transaction.
        members: What is to be made.

    Raises:
        InvalidRule: A condition is no valid SQL, or calls a volatile function.
    """
    sampled = [member for member in members if member.rule.where is not None]
    copies = [copy for member in sampled for copy in _copies(member)]
    check_conditions(connection, copies, [member.rule for member in sampled])


def _copies(member: NewMember) -> Iterator[TableCopy]:
    """The tables that rows are taken from; what has partitions has none of its own."""
    for part in (member.base, *member.parts):
        if part.kind == "p":
            continue
        yield TableCopy(
            schema=part.schema,
            table=part.name,
            source=sql.Identifier(part.schema, part.name).as_string(None),
            clone=member.name,
            insert="",
            rerouted=False,
            condition=member.rule.where,
            limit=member.rule.limit,
            rows=part.rows,
            bytes=part.size_bytes,
            index_bytes=0,
            pages=None,
        )
