"""Brings base's rows, and the state of its sequences, into tables that are made."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from branch_toolkit.warehouses.postgres.owning.executing import execute
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import TableCopy
from branch_toolkit.warehouses.postgres.structure.owned import TableSequence

Rows = dict[tuple[str, str], int]
"""How many rows were copied, by base schema and table."""


def copy_rows(connection: Connection, copies: Sequence[TableCopy], *, table: str) -> Rows:
    """Copies the rows of all the tables as they are at one moment."""
    if not copies:
        return {}
    if len(copies) == 1:
        copy = copies[0]
        label = f"rows of {copy.table}"
        return {(copy.schema, copy.table): execute(connection, table, label, copy.insert_sql)}
    # One statement has one snapshot: a row that moves to another partition meanwhile is there once.
    parts = ", ".join(f"p{number} AS ({copy.insert_sql})" for number, copy in enumerate(copies))
    execute(connection, table, f"rows of {table}", f"WITH {parts} SELECT")
    return {(copy.schema, copy.table): _count(connection, copy.clone) for copy in copies}


def set_sequences(connection: Connection, sequences: Sequence[TableSequence]) -> None:
    """Sets sequences to where base's are, but none back that the branch has used already."""
    for sequence in sequences:
        value, called = _state(connection, sequence.source)
        own_value, own_called = _state(connection, sequence.target)
        ahead = own_value > value if sequence.ascending else own_value < value
        if sequence.there and (ahead or (own_value == value and own_called)):
            continue
        connection.execute(
            "SELECT pg_catalog.setval(%s::pg_catalog.regclass, %s, %s)",
            [sequence.target, value, called],
        )


def _state(connection: Connection, sequence: str) -> tuple[int, bool]:
    # In a savepoint, for the lock on base's to be given back.
    with connection.transaction(force_rollback=True):
        query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.SQL(sequence))
        row = connection.execute(query).fetchone()
    return (int(row[0]), bool(row[1])) if row else (0, False)


def _count(connection: Connection, name: str) -> int:
    query = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.SQL(name))
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
