"""Puts objects in the order in which they can be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from branch_toolkit.warehouses.postgres.structure.errors import CyclicStructure
from branch_toolkit.warehouses.postgres.structure.statement import Node

Edges = Mapping[Node, Collection[Node]]
"""For each object, those that it depends on."""


@dataclass(frozen=True)
class Order:
    """How objects are to be made.

    Attributes:
        position: The place of each object, after all that it depends on.
        split: Defaults and checks that cannot be made together with their table.
        late: Objects that need something which is made after the rows are copied, such as a view
            that groups by a primary key.
    """

    position: Mapping[Node, int]
    split: frozenset[Node]
    late: frozenset[Node]


@dataclass(frozen=True)
class Graph:
    """Objects and their dependencies.

    Attributes:
        edges: For each object, those that it depends on.
        labels: Schema and description of each object: what is independent is sorted by them.
        parts: Defaults and checks that may be made with their table, with that table.
        after: Objects that are made after the rows are copied: keys, indexes, triggers.
    """

    edges: Edges
    labels: Mapping[Node, tuple[str, str]]
    parts: Mapping[Node, Node] = field(default_factory=dict)
    after: frozenset[Node] = frozenset()

    def order(self) -> Order:
        """The order in which to make the objects.

        Raises:
            CyclicStructure: There is none.
        """
        late = dependents(self.edges, self.after) - self.after
        split = {part for part in self.parts if part in late}
        if stuck := [table for table in self.parts.values() if table in late]:
            raise CyclicStructure([self._label(table) for table in sorted(set(stuck))])
        while True:
            sorter = TopologicalSorter(self._contracted(split))
            try:
                sorter.prepare()
            except CycleError as error:
                split |= self._opening(error.args[1], split)
                continue
            return Order(self._positions(sorter), frozenset(split), late)

    def _opening(self, cycle: list[Node], split: Collection[Node]) -> set[Node]:
        """What to make apart from its table, for the circle to open."""
        found = {part for part, table in self.parts.items() if table in cycle} - set(split)
        if not found:
            raise CyclicStructure([self._label(node) for node in cycle])
        return found

    def _contracted(self, split: Collection[Node]) -> dict[Node, set[Node]]:
        def place(node: Node) -> Node:
            return node if node in split else self.parts.get(node, node)

        contracted: dict[Node, set[Node]] = {place(node): set() for node in self.labels}
        for node, needed in self.edges.items():
            contracted.setdefault(place(node), set()).update(map(place, needed))
        for node, needed in contracted.items():
            needed.discard(node)
        return contracted

    def _positions(self, sorter: TopologicalSorter[Node]) -> dict[Node, int]:
        position: dict[Node, int] = {}
        while sorter.is_active():
            for node in sorted(sorter.get_ready(), key=self._key):
                position[node] = len(position)
                sorter.done(node)
        for part, table in self.parts.items():
            position.setdefault(part, position[table])
        return position

    def _key(self, node: Node) -> tuple[str, str, Node]:
        return (*self.labels.get(node, ("", "")), node)

    def _label(self, node: Node) -> str:
        schema, description = self.labels.get(node, ("", "?"))
        return f"{description} of schema {schema}"


def dependents(edges: Edges, nodes: Iterable[Node]) -> frozenset[Node]:
    """The nodes, and all that depend on one of them, directly or not."""
    users = defaultdict(list)
    for node, needed in edges.items():
        for one in needed:
            users[one].append(node)
    found, todo = set(nodes), list(nodes)
    while todo:
        for user in users[todo.pop()]:
            if user not in found:
                found.add(user)
                todo.append(user)
    return frozenset(found)
