"""Reads the foreign keys that tables of a branch lack, and can have now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from branch_toolkit.warehouses.postgres.structure.catalog import (
    Catalog,
    open_catalog,
    reading,
)
from branch_toolkit.warehouses.postgres.structure.model import Ddl, Omitted
from branch_toolkit.warehouses.postgres.structure.pieces import (
    Piece,
    absent,
    all_pieces,
    set_aside,
    there_already,
)
from branch_toolkit.warehouses.postgres.structure.reading import (
    ddl,
    read_statements,
)
from branch_toolkit.warehouses.postgres.structure.statement import (
    Node,
    relation_node,
)


@dataclass(frozen=True)
class OwnKeys:
    """The foreign keys that tables of a branch lack, and can have now.

    Attributes:
        keys: What makes each of them, and says something about it.
        omitted: Those to tables that are still deferred.
    """

    keys: tuple[tuple[Ddl, ...], ...]
    omitted: tuple[Omitted, ...]


@dataclass(frozen=True)
class _OwnKey:
    classid: int
    objid: int
    name: str
    table: int
    referenced: int
    there: bool


def read_foreign_keys(
    connection: psycopg.Connection[Any], clones: Mapping[str, str], tables: Collection[int]
) -> OwnKeys:
    """The foreign keys between some tables and others, as far as both are the branch's own.

    Args:
        connection: In a transaction.
        clones: The name of the clone for each base schema.
        tables: The oids of base's tables.
    """
    with reading(connection):
        catalog = open_catalog(connection, clones)
        there = all_pieces(catalog)
        own = {oid for oid, piece in there.items() if piece.is_own_table}
        nodes = [relation_node(oid) for oid in tables]
        keys = catalog.fetch(_OwnKey, "foreign_keys_of", nodes=nodes)
        wanted = {
            (one.classid, one.objid): one
            for one in keys
            if own.issuperset((one.table, one.referenced)) and not one.there
        }
        return OwnKeys(
            tuple(_key_statements(catalog, there, wanted, tables)),
            tuple(
                _key_left_out(there, one)
                for one in keys
                if one.table in tables and one.referenced in there and one.referenced not in own
            ),
        )


def _key_statements(
    catalog: Catalog,
    there: Mapping[int, Piece],
    keys: Mapping[Node, _OwnKey],
    tables: Collection[int],
) -> Iterable[tuple[Ddl, ...]]:
    if not keys:
        return
    ends = {oid for one in keys.values() for oid in (one.table, one.referenced)}
    catalog = set_aside(catalog, there, keep=ends, types_of=tables)
    read = read_statements(catalog, unwanted=absent(there), there=there_already(catalog, there))
    for node in keys:
        statements = [one for one in read.statements if one.node == node]
        if statements:
            yield ddl(statements)


def _key_left_out(there: Mapping[int, Piece], key: _OwnKey) -> Omitted:
    table, referenced = there[key.table].relation, there[key.referenced].relation
    return Omitted(
        table.schema,
        f"foreign key {key.name} of table {table.name}",
        f"It refers to {referenced.name}, which is not the branch's own; it comes along when that"
        " one is.",
    )
