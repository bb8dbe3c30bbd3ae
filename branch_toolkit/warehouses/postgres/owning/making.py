"""Makes deferred relations a branch's own, in the transaction of a connection that is given."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import errors, sql

from branch_toolkit.warehouses.postgres.owning.errors import (
    BaseTableGone,
    NotDeferred,
    OwningFailed,
    StaleSnapshot,
)
from branch_toolkit.warehouses.postgres.owning.finding import Found, Place, find, tree
from branch_toolkit.warehouses.postgres.owning.holding import lock_table, settings
from branch_toolkit.warehouses.postgres.owning.model import Owned
from branch_toolkit.warehouses.postgres.owning.replacing import prepare
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import BaseChanged
from branch_toolkit.warehouses.postgres.structure.owned import OwnStructure, read_owned
from branch_toolkit.warehouses.postgres.structure.pieces import Piece, read_pieces

_ATTEMPTS = 3
_OWN = ("r", "p", "m", "f")


@dataclass(frozen=True)
class Unfinished:
    """A table that is the branch's own, but for what has to wait for its rows.

    Args:
        place: Where it is.
        owned: What was done so far.
        tables: The oids of base's tables.
        refresh: What fills materialized views that read it.
    """

    place: Place
    owned: Owned
    tables: tuple[int, ...] = ()
    refresh: tuple[str, ...] = ()


def own(
    connection: Connection,
    place: Place,
    table: str,
    *,
    rows: bool,
    lock_timeout: float = 5.0,
    patience: float = 60.0,
) -> Unfinished:
    """Makes a deferred table the branch's own; what is that already is left as it is.

    `finish` has to be called in the same transaction, when the rows are in.

    Args:
        connection: In a transaction that is READ COMMITTED.
        place: Where the table is.
        table: Its name.
        rows: Whether to copy base's rows.
        lock_timeout: Seconds to wait for a lock on a base table.
        patience: Seconds to wait for those who use the table in the branch.

    Raises:
        UnknownTable: The branch has nothing of that name.
        NotDeferred: It is a view.
        BaseTableGone: There is no such table in base any more.
        TableInUse: Others hold it.
        StillNeeded: Something uses it that cannot be turned to the new table.
        OwningFailed: Postgres refuses something.
        StaleSnapshot: The transaction is not READ COMMITTED.
    """
    started = time.monotonic()
    nothing = Unfinished(place, Owned(schema=place.clone, table=table))
    with connection.transaction():
        _require_read_committed(connection, table)
        # A tree is locked as one, so that two of its tables are not owned side by side.
        name = tree(connection, place, table)
        lock_table(connection, place.environment, name, patience=patience)
        found = find(connection, place.clone, table)
        if not found.deferred and found.kind in _OWN:
            return nothing
        with settings(connection, _settings(lock_timeout)):
            structure = _read(connection, place, table, found, rows=rows)
            _require_makeable(place, table, structure)
            work = prepare(connection, place, table, structure, patience=patience)
            made = work.make(connection)
    owned = Owned(
        schema=place.clone,
        table=table,
        made=made,
        notes=work.notes,
        seconds=time.monotonic() - started,
    )
    oids = tuple(piece.relation.id for piece in structure.pieces)
    return Unfinished(place, owned, oids, work.redefinition.refresh)


def _read(
    connection: Connection, place: Place, table: str, found: Found, *, rows: bool
) -> OwnStructure:
    for _ in range(_ATTEMPTS):
        pieces = read_pieces(connection, place.clones, place.base, table)
        _require_deferred(place, table, found, pieces.wanted)
        try:
            if rows:
                _hold_base(connection, pieces.wanted)
            return read_owned(connection, place.clones, pieces, rows=rows)
        except (BaseChanged, errors.UndefinedTable):
            # Somebody swapped a table for another one; what is there now is what counts.
            continue
    raise OwningFailed(table, object_=f"table {table}", message="production keeps altering it")


def _settings(lock_timeout: float) -> dict[str, str]:
    return {
        "lock_timeout": f"{int(lock_timeout * 1000)}ms",
        "check_function_bodies": "off",
        # Where a policy hides rows of base, an error is better than a table that lacks them.
        "row_security": "off",
        "search_path": "pg_catalog, pg_temp",
    }


def _require_read_committed(connection: Connection, table: str) -> None:
    row = connection.execute(
        "SELECT pg_catalog.current_setting('transaction_isolation')"
    ).fetchone()
    if row and row[0] != "read committed":
        raise StaleSnapshot(table, isolation=str(row[0]).upper())


def _require_deferred(place: Place, table: str, found: Found, pieces: Sequence[Piece]) -> None:
    if not found.deferred:
        raise NotDeferred(
            place.clone,
            table,
            found="a view",
            remedy="Views are the branch's own from the start; name a table that it reads.",
        )
    if not pieces:
        raise BaseTableGone(place.base, table)
    relation = next(p.relation for p in pieces if p.relation.name == table)
    if relation.kind in ("v", "f"):
        raise NotDeferred(
            place.clone,
            table,
            found=f"deferred, and a {'foreign table' if relation.kind == 'f' else 'view'} in base",
            remedy="Own the tables that it reads.",
        )
    for piece in pieces:
        if piece.clone is not None and not piece.deferred:
            raise OwningFailed(
                table,
                object_=piece.relation.label,
                message="the branch has something else of that name",
                remedy="Drop it in the branch, then try again.",
            )


def _require_makeable(place: Place, table: str, structure: OwnStructure) -> None:
    wanted = {piece.relation.id for piece in structure.pieces}
    for view in structure.views:
        if view.piece.relation.id in wanted:
            raise NotDeferred(
                place.clone,
                table,
                found=f"a materialized view, and {view.reason}, which is still deferred",
                remedy="Own that table first.",
            )


def _hold_base(connection: Connection, pieces: Sequence[Piece]) -> None:
    names = [
        sql.SQL("ONLY {}").format(sql.Identifier(piece.relation.schema, piece.relation.name))
        for piece in pieces
        if piece.relation.kind in ("r", "p")
    ]
    if names:
        listed = sql.SQL(", ").join(names)
        with connection.transaction():
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(listed))
