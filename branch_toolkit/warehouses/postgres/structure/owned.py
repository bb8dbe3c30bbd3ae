"""Reads which statements make deferred relations a branch's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from branch_toolkit.core.strategy import COPY_ALL, Rule, Strategy
from branch_toolkit.warehouses.postgres.structure.catalog import (
    Aside,
    Catalog,
    open_catalog,
    reading,
)
from branch_toolkit.warehouses.postgres.structure.choosing import (
    ForeignKey,
    Unmakeable,
    Unviewable,
    unmakeable,
)
from branch_toolkit.warehouses.postgres.structure.contents import read_copies
from branch_toolkit.warehouses.postgres.structure.errors import BaseChanged
from branch_toolkit.warehouses.postgres.structure.mentions import mentions
from branch_toolkit.warehouses.postgres.structure.model import Caution, Ddl, Omitted, TableCopy
from branch_toolkit.warehouses.postgres.structure.pieces import (
    Id,
    Piece,
    Pieces,
    absent,
    all_pieces,
    belonging_to,
    kin,
    set_aside,
    there_already,
)
from branch_toolkit.warehouses.postgres.structure.reading import (
    ReadStatements,
    ddl,
    read_statements,
    search_path,
)
from branch_toolkit.warehouses.postgres.structure.statement import (
    Stage,
    relation_node,
)

_EMPTY = Rule(tables="*", strategy=Strategy.EMPTY)


@dataclass(frozen=True)
class OwnView:
    """A view that is deferred because of what it reads, some of which becomes the branch's own.

    Attributes:
        piece: The view.
        create: The statement that makes it; None if it still cannot be made.
        also: What else belongs to it, such as triggers.
        reason: Why it cannot be made.
    """

    piece: Piece
    create: str | None = None
    also: tuple[Ddl, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class TableSequence:
    """A sequence that the tables use.

    Attributes:
        source: Base's, quoted.
        target: The clone's, quoted.
        ascending: Whether it counts upwards.
        there: Whether the clone had it before.
    """

    source: str
    target: str
    ascending: bool
    there: bool


@dataclass(frozen=True)
class OwnStructure:
    """All that it takes to make deferred relations a branch's own; see `Structure`.

    Attributes:
        search_path: See `Structure`.
        pieces: The relations, all of those that are of one piece.
        before_data: Tables, or a materialized view.
        tables: The copies of the rows.
        sequences: The sequences that the tables use.
        after_data: Keys, indexes, triggers, policies, comments, grants; no foreign keys.
        views: Views that are no longer what they were deferred for.
        omitted: What the branch will not have of them.
        cautions: What in them can still reach base.
        shared_types: The oids of base's types that the clones use.
    """

    search_path: str
    pieces: tuple[Piece, ...]
    before_data: tuple[Ddl, ...]
    tables: tuple[TableCopy, ...]
    sequences: tuple[TableSequence, ...]
    after_data: tuple[Ddl, ...]
    views: tuple[OwnView, ...]
    omitted: tuple[Omitted, ...]
    cautions: tuple[Caution, ...]
    shared_types: frozenset[int]


@dataclass(frozen=True)
class _SequenceRow:
    classid: int
    objid: int
    source: str
    target: str
    identity: bool
    ascending: bool
    there: bool


def read_owned(
    connection: psycopg.Connection[Any],
    clones: Mapping[str, str],
    pieces: Pieces,
    *,
    rows: bool,
) -> OwnStructure:
    """What makes the relations the branch's own; references among the clones included.

    Args:
        connection: In a transaction.
        clones: The name of the clone for each base schema, in the order for `search_path`.
        pieces: The relations, as `read_pieces` found them.
        rows: Whether base's rows are to be copied.

    Raises:
        BaseChanged: They are others by now.
        StructureNotRead: See `read_structure`.
    """
    wanted = pieces.ids
    with reading(connection):
        catalog = open_catalog(connection, clones)
        there = all_pieces(catalog)
        first = pieces.wanted[0].relation
        if {one.relation.id for one in kin(catalog, there, first.schema, first.name)} != wanted:
            raise BaseChanged("states")
        views = _views(catalog, there, wanted)
        makeable = {view.piece.relation.id for view in views if not view.reason}
        catalog = set_aside(catalog, there, keep=wanted | makeable, types_of=wanted)
        return _read(catalog, there, pieces.wanted, views, rows=rows)


def _views(catalog: Catalog, there: Mapping[int, Piece], wanted: Collection[int]) -> list[OwnView]:
    """The views that read one of the relations, and are deferred; or a relation that is one."""
    candidates = {
        one.id
        for one in catalog.fetch(Id, "readers", nodes=[relation_node(oid) for oid in wanted])
        if one.id in there and there[one.id].deferred and there[one.id].relation.is_view
    }
    concerned = [oid for oid in wanted if there[oid].relation.kind == "m"]
    if not candidates and not concerned:
        return []
    # What is still deferred afterwards, apart from the views that are asked about.
    deferred = {
        oid
        for oid, piece in there.items()
        if piece.deferred and oid not in wanted and not piece.relation.is_view
    }
    looked = catalog.setting_aside(Aside(frozenset(deferred)))
    reasons = {one.id: one.reason for one in looked.fetch(Unviewable, "unviewable")}
    return [
        OwnView(there[oid], reason=reasons.get(oid, ""))
        for oid in sorted(candidates | {oid for oid in concerned if oid in reasons})
    ]


def _read(
    catalog: Catalog,
    there: Mapping[int, Piece],
    pieces: Sequence[Piece],
    views: Sequence[OwnView],
    *,
    rows: bool,
) -> OwnStructure:
    wanted = [piece.relation.id for piece in pieces]
    sequences = catalog.fetch(
        _SequenceRow, "table_sequences", nodes=[relation_node(oid) for oid in wanted]
    )
    belonging = belonging_to(catalog, wanted)
    belonging |= {(one.classid, one.objid) for one in sequences if not one.there}
    # Functions that had to wait for a constraint of one of the tables.
    waiting = catalog.setting_aside(Aside(frozenset(wanted))).fetch(Unmakeable, "unmakeable")
    belonging |= {(one.classid, one.objid) for one in waiting}
    unwanted = {**absent(there, wanted), **unmakeable(catalog)}
    read = read_statements(catalog, unwanted=unwanted, there=there_already(catalog, there))
    # Foreign keys come last, see `read_foreign_keys`.
    later = {one.node for one in read.statements if one.stage is Stage.FOREIGN_KEYS}
    later |= {(one.classid, one.objid) for one in catalog.fetch(ForeignKey, "foreign_keys_aside")}
    made = [
        one
        for one in read.statements
        if one.node in belonging - later and (rows or one.stage is not Stage.REFRESH)
    ]
    rule = COPY_ALL if rows else _EMPTY
    copies = read_copies(catalog, read.omitted, dict.fromkeys(wanted, rule))
    return OwnStructure(
        search_path=search_path(catalog),
        pieces=tuple(pieces),
        before_data=ddl(one for one in made if one.stage < Stage.BUILD),
        tables=tuple(copies),
        sequences=tuple(
            TableSequence(one.source, one.target, one.ascending, one.there) for one in sequences
        ),
        after_data=ddl(one for one in made if one.stage >= Stage.BUILD),
        views=tuple(_with_statements(catalog, view, read) for view in views),
        omitted=tuple(
            one for node, one in sorted(read.omitted.items()) if node in belonging - later
        ),
        cautions=tuple(mentions(made, catalog.targets)),
        shared_types=catalog.aside.shared,
    )


def _with_statements(catalog: Catalog, view: OwnView, read: ReadStatements) -> OwnView:
    oid = view.piece.relation.id
    node = relation_node(oid)
    if view.reason:
        return view
    if node in read.omitted:
        return OwnView(view.piece, reason=read.omitted[node].reason)
    belonging = belonging_to(catalog, [oid])
    statements = [one for one in read.statements if one.node in belonging]
    create = next(one for one in statements if one.node == node and one.creates)
    return OwnView(
        view.piece,
        create=create.sql,
        also=ddl(one for one in statements if one is not create),
    )
