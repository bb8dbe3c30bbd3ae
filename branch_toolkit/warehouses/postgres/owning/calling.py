"""Where owning starts: by itself, or on a connection that is about to write."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqlalchemy.engine import URL

from branch_toolkit.warehouses.postgres.connection import (
    bound_waiting,
    create_engine,
    transaction,
    translated,
)
from branch_toolkit.warehouses.postgres.owning.finding import Place, find, place_of
from branch_toolkit.warehouses.postgres.owning.finishing import finish
from branch_toolkit.warehouses.postgres.owning.making import Unfinished, own
from branch_toolkit.warehouses.postgres.owning.model import Owned
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.roles import become


def own_by_itself(url: str, place: Place, table: str, *, rows: bool, lock_timeout: float) -> Owned:
    """Makes a deferred table the branch's own, in a transaction of its own; see `own`."""
    engine = create_engine(url)
    try:
        with transaction(engine) as connection:
            bound_waiting(connection, lock_timeout=lock_timeout)
            if place.role:
                connection.execute(become(place.role).encode())
            made = own(connection, place, table, rows=rows, lock_timeout=lock_timeout)
            return finish(connection, made)
    finally:
        engine.dispose()


def own_before_writing(
    connection: Connection, schema: str, table: str, *, rows: bool
) -> Unfinished | None:
    """Makes a table the branch's own, if it is a deferred one; see `own`.

    Args:
        connection: In the transaction that is about to write.
        schema: The clone.
        table: The table.
        rows: Whether rows are to be added to base's.
    """
    with _translated(connection):
        if not find(connection, schema, table).deferred:
            return None
        place = place_of(connection, schema)
        return own(connection, place, table, rows=rows) if place else None


def finish_writing(connection: Connection, unfinished: Unfinished) -> Owned:
    """What is left to be done when the rows are in; see `finish`."""
    with _translated(connection):
        return finish(connection, unfinished)


def _translated(connection: Connection) -> AbstractContextManager[None]:
    info = connection.info
    return translated(
        URL.create(
            "postgresql", username=info.user, host=info.host, port=info.port, database=info.dbname
        )
    )
