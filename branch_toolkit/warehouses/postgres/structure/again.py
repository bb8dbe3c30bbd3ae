"""Reads which statements make objects of schemas again, in the same schemas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from branch_toolkit.warehouses.postgres.structure.catalog import Aside, open_catalog, reading
from branch_toolkit.warehouses.postgres.structure.choosing import Relation
from branch_toolkit.warehouses.postgres.structure.reading import read_statements
from branch_toolkit.warehouses.postgres.structure.statement import Node, Statement


@dataclass(frozen=True)
class _Node:
    classid: int
    objid: int


def read_again(
    connection: psycopg.Connection[Any],
    schemas: Sequence[str],
    nodes: Collection[Node],
    *,
    alone: Collection[Node],
    relations: Collection[int],
) -> tuple[Statement, ...]:
    """What makes some objects again, with all that comes with them, in order.

    Args:
        connection: In a transaction.
        schemas: Where the objects are.
        nodes: The objects.
        alone: Objects of which nothing that comes with them is wanted.
        relations: Those that they are, or that they belong to.
    """
    with reading(connection):
        # Cloned to themselves, so that no name changes.
        catalog = open_catalog(connection, {schema: schema for schema in schemas})
        others = {one.id for one in catalog.fetch(Relation, "relations")}.difference(relations)
        catalog = catalog.setting_aside(Aside(frozenset(others)))
        read = read_statements(catalog, unwanted={}, there=catalog.aside.nodes)
        found = catalog.fetch(_Node, "belongings", nodes=sorted(nodes))
        belonging = {(one.classid, one.objid) for one in found}.union(alone)
        return tuple(one for one in read.statements if one.node in belonging)
