"""Views that were deferred because of what they read, once that is the branch's own."""

from __future__ import annotations

from psycopg import errors, sql

from branch_toolkit.warehouses.postgres.owning.errors import StillNeeded
from branch_toolkit.warehouses.postgres.owning.executing import execute, execute_all
from branch_toolkit.warehouses.postgres.owning.users import or_replace
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure.deferring import GUARD, deferred_name
from branch_toolkit.warehouses.postgres.structure.owned import OwnView

_FORBID = """
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = {message},
        HINT = {hint};
END """


def mend(connection: Connection, clone: str, view: OwnView, *, table: str) -> None:
    """Makes a view that reads the branch's tables of one that shows base's rows.

    Where that cannot be done yet, reading it becomes an error: it would mix both.
    """
    name = view.piece.relation.name
    if view.create is None:
        _forbid_reading(connection, clone, name, reason=view.reason, table=table)
        return
    guard = sql.SQL("DROP TRIGGER {} ON {}")
    connection.execute(guard.format(sql.Identifier(GUARD), sql.Identifier(clone, name)))
    execute(connection, table, f"view {name}", or_replace(view.create))
    execute_all(connection, table, view.also)
    drop_deferral(connection, clone, name)


def drop_deferral(connection: Connection, clone: str, name: str) -> None:
    """Drops the function and the type through which a deferred relation was read.

    Raises:
        StillNeeded: Something uses them.
    """
    row = sql.Identifier(clone, deferred_name(name))
    try:
        connection.execute(sql.SQL("DROP FUNCTION {}()").format(row))
        connection.execute(sql.SQL("DROP TYPE {}").format(row))
    except errors.DependentObjectsStillExist as error:
        detail = error.diag.message_detail or str(error)
        raise StillNeeded(
            name, users=[detail], reason="that uses a deferred table's type"
        ) from error


def _forbid_reading(
    connection: Connection, clone: str, name: str, *, reason: str, table: str
) -> None:
    message = f'view "{name}" of this branch cannot be read: {reason}, which is still deferred, and'
    message += f' "{table}", which it reads as well, is the branch\'s own'
    hint = "Make that table the branch's own, too: branch-toolkit own, or warehouse.own() in code."
    body = sql.SQL(_FORBID).format(message=sql.Literal(message), hint=sql.Literal(hint))
    template = sql.SQL(
        "CREATE OR REPLACE FUNCTION {row}() RETURNS SETOF {row} LANGUAGE plpgsql STABLE AS {body}"
    )
    row = sql.Identifier(clone, deferred_name(name))
    connection.execute(template.format(row=row, body=sql.Literal(body.as_string(None))))
