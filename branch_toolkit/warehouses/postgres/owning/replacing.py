"""Puts a branch's own tables in the place of deferred ones, and turns what uses them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from branch_toolkit.core.plan import Note
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.owning.errors import OwningFailed
from branch_toolkit.warehouses.postgres.owning.executing import execute, execute_all, label
from branch_toolkit.warehouses.postgres.owning.finding import Place
from branch_toolkit.warehouses.postgres.owning.holding import Held, hold
from branch_toolkit.warehouses.postgres.owning.model import OwnedTable
from branch_toolkit.warehouses.postgres.owning.rows import copy_rows, set_sequences
from branch_toolkit.warehouses.postgres.owning.users import (
    Redefinition,
    Users,
    drop_policies,
    drop_replaced,
    find_users,
    held,
    redefine,
    set_aside,
)
from branch_toolkit.warehouses.postgres.owning.views import drop_deferral, mend
from branch_toolkit.warehouses.postgres.queries import Connection, Outward
from branch_toolkit.warehouses.postgres.statements import analyze_table
from branch_toolkit.warehouses.postgres.structure import Caution, Omitted, read_leaks
from branch_toolkit.warehouses.postgres.structure.owned import OwnStructure
from branch_toolkit.warehouses.postgres.structure.pieces import Piece

_GRANTS = """
    SELECT pg_catalog.format('GRANT %%s%%s ON TABLE %%s TO %%s%%s', a.privilege_type,
               held.columns, held.name, CASE a.grantee WHEN 0 THEN 'PUBLIC'
               ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
               CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM (
        SELECT c.oid::pg_catalog.regclass::text, '', c.relowner, c.relacl
        FROM pg_catalog.pg_class c WHERE c.oid = ANY (%(oids)s::oid[])
        UNION ALL
        SELECT c.oid::pg_catalog.regclass::text, pg_catalog.format(' (%%I)', t.attname), c.relowner,
               t.attacl
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid
        WHERE c.oid = ANY (%(oids)s::oid[])
    ) AS held(name, columns, owner, acl)
    CROSS JOIN LATERAL pg_catalog.aclexplode(held.acl) AS a
    WHERE a.grantee <> held.owner
    ORDER BY 1
"""


@dataclass(frozen=True)
class Work:
    """All that is to be done, with everything locked that it is done to.

    Args:
        place: Where the table is.
        table: Its name.
        structure: What makes it.
        users: What uses the deferred one.
        names: The relations that are locked.
        redefinition: What turns the users.
        outward: Triggers and rules that would reach outside of the clones.
    """

    place: Place
    table: str
    structure: OwnStructure
    users: Users
    names: Mapping[int, Held]
    redefinition: Redefinition
    outward: tuple[Outward, ...]

    def make(self, connection: Connection) -> tuple[OwnedTable, ...]:
        """Does it; the settings of the transaction are the caller's to put back."""
        leaks = self._leaks(connection)
        grants = [text for (text,) in connection.execute(_GRANTS, {"oids": list(self._deferred)})]
        connection.execute(f"SET LOCAL search_path = {self.structure.search_path}".encode())
        set_aside(connection, self.users, self.names)
        rows = self._make_tables(connection)
        self._turn_users(connection)
        for text in (*self.redefinition.settle, *grants):
            execute(connection, self.table, label(text), text)
        self._give(connection)
        self._analyze(connection)
        self._require_no_new(connection, leaks)
        return tuple(
            OwnedTable(table=name, rows=rows.get((schema, name)))
            for schema, name in (
                (one.relation.schema, one.relation.name) for one in self.structure.pieces
            )
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is not as in base."""
        found: tuple[Omitted | Caution, ...] = (*self.structure.omitted, *self.structure.cautions)
        return (
            *(Note(f"{one.schema}: {one.object}", one.reason) for one in found),
            *(
                Note(
                    f"{one.schema}: {one.kind} {one.name} on {one.relation}",
                    f"Left out, where it could write outside: {one.reason}.",
                )
                for one in self.outward
            ),
            *(
                Note(
                    f"{view.piece.relation.schema}: {view.piece.relation.label}",
                    f"It can no longer be read: {view.reason}, which is still deferred.",
                )
                for view in self.structure.views
                if view.create is None
            ),
        )

    @property
    def _deferred(self) -> Mapping[int, Piece]:
        """The deferred relations that are replaced, by their oid in the clone."""
        return {one.clone: one for one in self.structure.pieces if one.clone is not None}

    def _make_tables(self, connection: Connection) -> Mapping[tuple[str, str], int]:
        created = [one for one in self.structure.before_data if one.sql.startswith("CREATE ")]
        execute_all(connection, self.table, created)
        # Defaults and checks may call functions on the tables' own row types.
        self._create_functions(connection)
        others = (one for one in self.structure.before_data if not one.sql.startswith("CREATE "))
        execute_all(connection, self.table, others)
        rows = copy_rows(connection, self.structure.tables, table=self.table)
        set_sequences(connection, self.structure.sequences)
        execute_all(connection, self.table, self.structure.after_data)
        return rows

    def _create_functions(self, connection: Connection) -> None:
        for text in self.redefinition.functions:
            # One that needs more than the row type is made with the others.
            with suppress(psycopg.Error), connection.transaction():
                connection.execute(text.encode())

    def _turn_users(self, connection: Connection) -> None:
        drop_policies(connection, self.redefinition)
        for text in self.redefinition.create:
            execute(connection, self.table, label(text), text)
        for view in self.structure.views:
            clone = self.place.clones[view.piece.relation.schema]
            mend(connection, clone, view, table=self.table)
        for one in self.outward:
            clone = self.place.clones[one.schema]
            template = sql.SQL("DROP {} IF EXISTS {} ON {}")
            name, relation = sql.Identifier(one.name), sql.Identifier(clone, one.relation)
            connection.execute(template.format(sql.SQL(one.kind.upper()), name, relation))
        drop_replaced(connection, self.users, table=self.table)
        for piece in self._deferred.values():
            clone = self.place.clones[piece.relation.schema]
            drop_deferral(connection, clone, piece.relation.name)

    def _give(self, connection: Connection) -> None:
        """Gives the tables to the role that the deferred ones belonged to."""
        owners = {self.names[oid].owner for oid in self._deferred} - {_role(connection)}
        for owner in owners:
            for piece in self.structure.pieces:
                kind = "MATERIALIZED VIEW" if piece.relation.kind == "m" else "TABLE"
                clone = self.place.clones[piece.relation.schema]
                template = sql.SQL("ALTER {} {} OWNER TO {}")
                name = sql.Identifier(clone, piece.relation.name)
                connection.execute(template.format(sql.SQL(kind), name, sql.Identifier(owner)))

    def _analyze(self, connection: Connection) -> None:
        for copy in self.structure.tables:
            text = analyze_table(self.place.clones[copy.schema], copy.table).sql
            connection.execute(text.encode())

    def _leaks(self, connection: Connection) -> set[str]:
        found = read_leaks(connection, self.place.clones, shared_types=self.structure.shared_types)
        return {f"{leak.object} depends on {leak.base_object}" for leak in found}

    def _require_no_new(self, connection: Connection, leaks: set[str]) -> None:
        if new := self._leaks(connection) - leaks:
            raise OwningFailed(
                self.table,
                object_=sorted(new)[0],
                message="base would be bound by it",
                remedy="Please report it with the definition of the object that it names.",
            )


def prepare(
    connection: Connection, place: Place, table: str, structure: OwnStructure, *, patience: float
) -> Work:
    """Finds and locks what is to be replaced, and what uses it.

    Raises:
        TableInUse: Others hold it for longer than that.
        StillNeeded: See `find_users`.
    """
    schemas = tuple(place.clones.values())
    deferred = [piece.clone for piece in structure.pieces if piece.clone is not None]
    also = [view.piece.clone for view in structure.views if view.piece.clone is not None]
    locked: frozenset[int] = frozenset()
    users = find_users(connection, deferred, schemas=schemas, table=table)
    # Whatever came to use them before they were locked is found in the next round.
    while not users.relations <= locked:
        locked |= users.relations.union(also)
        hold(connection, held(connection, locked), table=table, patience=patience)
        users = find_users(connection, deferred, schemas=schemas, table=table)
    return Work(
        place,
        table,
        structure,
        users,
        {one.oid: one for one in held(connection, locked)},
        redefine(connection, users, deferred, schemas=schemas),
        tuple(_outward(connection, place, structure)),
    )


def _outward(connection: Connection, place: Place, structure: OwnStructure) -> Iterator[Outward]:
    made: Sequence[Piece] = [*structure.pieces, *(v.piece for v in structure.views if v.create)]
    names = {(piece.relation.schema, piece.relation.name) for piece in made}
    for one in queries.outward(connection, list(place.clones)):
        if (one.schema, one.relation) in names and one.kind != "view":
            yield one


def _role(connection: Connection) -> str:
    row = connection.execute("SELECT current_user").fetchone()
    return str(row[0]) if row else ""
