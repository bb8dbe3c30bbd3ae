"""The relations of base, and what a branch has in their place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from branch_toolkit.warehouses.postgres.structure.catalog import (
    Aside,
    Catalog,
    open_catalog,
    reading,
)
from branch_toolkit.warehouses.postgres.structure.choosing import (
    ColumnType,
    sharing,
)
from branch_toolkit.warehouses.postgres.structure.deferring import deferred_name
from branch_toolkit.warehouses.postgres.structure.model import Omitted
from branch_toolkit.warehouses.postgres.structure.statement import (
    Node,
    relation_node,
)


@dataclass(frozen=True)
class OwnRelation:
    """A relation of base."""

    id: int
    schema: str
    name: str
    kind: str

    @property
    def is_view(self) -> bool:
        """Whether it is a view."""
        return self.kind == "v"

    @property
    def label(self) -> str:
        """`table orders`."""
        kinds = {"v": "view", "m": "materialized view", "f": "foreign table"}
        return f"{kinds.get(self.kind, 'table')} {self.name}"


@dataclass(frozen=True)
class Piece:
    """A relation of base, and what the clone has in its place.

    Attributes:
        relation: The relation.
        clone: The oid of the clone's relation of that name; None if there is none.
        deferred: Whether that one is a deferred relation.
    """

    relation: OwnRelation
    clone: int | None
    deferred: bool

    @property
    def is_own_table(self) -> bool:
        """Whether it is a table that is the branch's own."""
        return self.clone is not None and not self.deferred and self.relation.kind in ("r", "p")


@dataclass(frozen=True)
class Pieces:
    """The relations of base.

    Attributes:
        wanted: Those that are to be owned.
        there: All of them, by oid.
    """

    wanted: tuple[Piece, ...]
    there: Mapping[int, Piece]

    @property
    def ids(self) -> frozenset[int]:
        """The oids of those that are to be owned."""
        return frozenset(piece.relation.id for piece in self.wanted)


@dataclass(frozen=True)
class _State:
    id: int
    schema: str
    name: str
    kind: str
    clone: int | None
    reads: str | None


@dataclass(frozen=True)
class Id:
    """A row that is an object id."""

    id: int


@dataclass(frozen=True)
class _Node:
    classid: int
    objid: int


def read_pieces(
    connection: psycopg.Connection[Any], clones: Mapping[str, str], schema: str, name: str
) -> Pieces:
    """The relation of base and all that is of one piece with it; none wanted if base lacks it.

    Args:
        connection: In a transaction.
        clones: The name of the clone for each base schema.
        schema: The base schema.
        name: The relation's name.
    """
    with reading(connection):
        catalog = open_catalog(connection, clones)
        there = all_pieces(catalog)
        return Pieces(tuple(kin(catalog, there, schema, name)), there)


def kin(catalog: Catalog, there: Mapping[int, Piece], schema: str, name: str) -> Iterable[Piece]:
    """A relation of base, and all that is of one piece with it; none if base lacks it."""
    found = [
        id_
        for id_, piece in there.items()
        if (piece.relation.schema, piece.relation.name) == (schema, name)
    ]
    if found:
        kin = catalog.fetch(Id, "kin", nodes=[relation_node(found[0])])
        yield from (there[one.id] for one in kin if one.id in there)


def all_pieces(catalog: Catalog) -> dict[int, Piece]:
    """All relations of base, by oid."""
    return {
        one.id: Piece(
            relation=OwnRelation(one.id, one.schema, one.name, one.kind),
            clone=one.clone,
            deferred=one.reads == deferred_name(one.name),
        )
        for one in catalog.fetch(_State, "states")
    }


def set_aside(
    catalog: Catalog,
    there: Mapping[int, Piece],
    *,
    keep: Collection[int],
    types_of: Collection[int],
) -> Catalog:
    """The catalogs without what is not made now, and with the types that the clones share."""
    users = {oid for oid, piece in there.items() if piece.deferred}.union(types_of)
    looked = catalog.setting_aside(Aside(frozenset(users)))
    shared = {one.type for one in looked.fetch(ColumnType, "column_types") if not one.of_table}
    shared |= {one.id for one in catalog.fetch(Id, "missing_types")}
    aside = there.keys() - set(keep)
    return catalog.setting_aside(sharing(catalog, shared, relations=aside, users=there.keys()))


def absent(there: Mapping[int, Piece], wanted: Collection[int] = ()) -> dict[Node, Omitted]:
    """Relations of base that the branch has nothing of, as what cannot be referred to."""
    return {
        relation_node(oid): Omitted(
            piece.relation.schema, piece.relation.label, "The branch does not have it."
        )
        for oid, piece in there.items()
        if piece.clone is None and oid not in wanted
    }


def there_already(catalog: Catalog, there: Mapping[int, Piece]) -> frozenset[Node]:
    """Relations that need no statement, as the branch has them."""
    return catalog.aside.nodes - absent(there).keys()


def belonging_to(catalog: Catalog, relations: Iterable[int]) -> set[Node]:
    """The objects that come with some relations."""
    nodes = [relation_node(oid) for oid in relations]
    return {(one.classid, one.objid) for one in catalog.fetch(_Node, "belongings", nodes=nodes)}
