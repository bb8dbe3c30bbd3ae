"""A statement that is still to be put in order, and the stages of making a clone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

Node = tuple[int, int]
"""An object: the oid of its catalog, and its own."""


_PG_CLASS = 1259  # Its oid is fixed, in every version.


def relation_node(oid: int) -> Node:
    """A table, view or the like as an object."""
    return _PG_CLASS, oid


def relation_oids(nodes: Iterable[Node]) -> frozenset[int]:
    """The oids of those objects that are tables, views or the like."""
    return frozenset(oid for classid, oid in nodes if classid == _PG_CLASS)


class Stage(IntEnum):
    """When a statement is executed; the rows are copied before `BUILD`.

    Within a stage, objects come after those that they depend on.
    """

    DECLARE = -1
    CREATE = 0
    ATTACH = 1
    SETTLE = 2
    BUILD = 3
    ATTACH_INDEXES = 4
    CHECKS = 5
    FOREIGN_KEYS = 6
    REFRESH = 7
    INDEX_REFRESHED = 8
    STATISTICS = 9
    RULES = 10
    TRIGGERS = 11
    POLICIES = 12
    SETTINGS = 13
    COMMENTS = 14
    GRANTS = 15


@dataclass(frozen=True)
class Statement:
    """One statement about an object.

    Attributes:
        node: The object; the statement is left out if the object is.
        stage: When it is executed.
        creates: Whether it makes the object, or else says something about it.
        table: The table whose key, index or foreign key it makes.
        validation: See `Ddl`.
    """

    node: Node
    stage: Stage
    schema: str
    object: str
    sql: str
    creates: bool = False
    table: str | None = None
    validation: str | None = None
