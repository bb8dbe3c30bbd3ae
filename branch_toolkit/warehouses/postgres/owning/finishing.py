"""What can only be done when a table's rows are in: foreign keys, and what is computed from it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import psycopg
from psycopg import errors

from branch_toolkit.core.plan import Note
from branch_toolkit.warehouses.postgres.owning.executing import execute, label
from branch_toolkit.warehouses.postgres.owning.holding import lock_keys, settings
from branch_toolkit.warehouses.postgres.owning.making import Unfinished
from branch_toolkit.warehouses.postgres.owning.model import Owned
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import Ddl, Omitted
from branch_toolkit.warehouses.postgres.structure.own_keys import OwnKeys, read_foreign_keys

_PATIENCE = 10.0
_LOCK_TIMEOUT = "500ms"
"""Less than `deadlock_timeout`: a foreign key is given up before anybody is ended for it."""


def finish(connection: Connection, unfinished: Unfinished) -> Owned:
    """Adds the foreign keys to and from the branch's other tables, and fills materialized views.

    A foreign key that the branch's rows do not fit is left out, with a note.
    """
    owned = unfinished.owned
    if not owned.made:
        return owned
    started = time.monotonic()
    place = unfinished.place
    with connection.transaction():
        # What is still to be checked would stand in the way, and has to hold by now.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        lock_keys(connection, place.environment, patience=_PATIENCE)
        keys = _keys(connection, unfinished)
        notes = [Note(f"{one.schema}: {one.object}", one.reason) for one in keys.omitted]
        path = ", ".join(_quoted(clone) for clone in place.clones.values())
        values = {"search_path": f"{path}, pg_temp"}
        with settings(connection, {**values, "lock_timeout": _LOCK_TIMEOUT}):
            notes += filter(None, (_add(connection, key) for key in keys.keys))
        with settings(connection, values):
            for text in unfinished.refresh:
                execute(connection, owned.table, label(text), text)
    seconds = owned.seconds + time.monotonic() - started
    return replace(owned, notes=(*owned.notes, *notes), seconds=seconds)


def _keys(connection: Connection, unfinished: Unfinished) -> OwnKeys:
    clones = unfinished.place.clones
    try:
        with connection.transaction(), settings(connection, {"lock_timeout": _LOCK_TIMEOUT}):
            return read_foreign_keys(connection, clones, unfinished.tables)
    except errors.LockNotAvailable:
        # Rows that are written already are not given up for it.
        owned = unfinished.owned
        reason = "Left out, because production was altering a table that they are read from."
        return OwnKeys((), (Omitted(unfinished.place.base, f"keys of {owned.table}", reason),))


def _add(connection: Connection, statements: Sequence[Ddl]) -> Note | None:
    key = statements[0]
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(statement.sql.encode())
    except errors.ForeignKeyViolation as error:
        reason = f"Rows of the branch do not fit it: {error.diag.message_detail or error}"
    except (errors.LockNotAvailable, errors.ObjectInUse):
        reason = "The other table was being written to; it comes along when that one is owned anew."
    except psycopg.Error as error:
        if error.sqlstate is None or not error.sqlstate.startswith(("42", "0A", "55")):
            raise
        reason = f"The branch's tables have changed: {error.diag.message_primary}."
    else:
        return None
    return Note(f"{key.schema}: {key.object}", f"Left out. {reason}")


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
