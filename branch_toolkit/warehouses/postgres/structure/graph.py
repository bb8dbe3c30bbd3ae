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
        split: Defaults and checks that cannot be made together with their table, and queries that
            cannot be made together with their view.
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
        bodies: The queries of views, with their view.
        before: Objects that have to be there when the rows are copied: tables.
        after: Objects that are made after the rows are copied: keys, indexes, triggers.
    """

    edges: Edges
    labels: Mapping[Node, tuple[str, str]]
    parts: Mapping[Node, Node] = field(default_factory=dict)
    bodies: Mapping[Node, Node] = field(default_factory=dict)
    before: frozenset[Node] = frozenset()
    after: frozenset[Node] = frozenset()

    def order(self) -> Order:
        """The order in which to make the objects.

        Raises:
            CyclicStructure: There is none.
        """
        opened = {body for body, view in self.bodies.items() if view in self.edges.get(body, ())}
        while True:
            edges = self._edges(opened)
            late = dependents(edges, self.after) - self.after
            split = opened | {part for part in self.parts if part in late}
            if stuck := self.before & late:
                opened |= self._opening(needed(edges, stuck) & late, split)
                continue
            sorter = TopologicalSorter(self._contracted(edges, split))
            try:
                sorter.prepare()
            except CycleError as error:
                opened |= self._opening(error.args[1], split)
                continue
            return Order(self._positions(sorter), frozenset(split), late)

    def _edges(self, opened: Collection[Node]) -> Edges:
        """The dependencies, with each view's on its query unless that is made apart."""
        edges = {node: set(needed) for node, needed in self.edges.items()}
        for body, view in self.bodies.items():
            if body not in opened:
                edges.setdefault(view, set()).add(body)
        return edges

    def _opening(self, circle: Collection[Node], split: Collection[Node]) -> set[Node]:
        """What to make apart from its table or view, for the circle to open."""
        found = {part for part, owner in self.parts.items() if owner in circle} - set(split)
        bodies = {body for body, view in self.bodies.items() if view in circle} - set(split)
        if not found and bodies:
            # One is mostly enough, and the others stay whole.
            found = {min(bodies)}
        if not found:
            nodes = [node for node in circle if node in self.labels]
            raise CyclicStructure(nodes, [self._label(node) for node in nodes])
        return found

    def _contracted(self, edges: Edges, split: Collection[Node]) -> dict[Node, set[Node]]:
        owned = {**self.parts, **self.bodies}

        def place(node: Node) -> Node:
            return node if node in split else owned.get(node, node)

        contracted: dict[Node, set[Node]] = {place(node): set() for node in self.labels}
        for node, required in edges.items():
            contracted.setdefault(place(node), set()).update(map(place, required))
        for node, required in contracted.items():
            required.discard(node)
        return contracted

    def _positions(self, sorter: TopologicalSorter[Node]) -> dict[Node, int]:
        position: dict[Node, int] = {}
        while sorter.is_active():
            for node in sorted(sorter.get_ready(), key=self._key):
                position[node] = len(position)
                sorter.done(node)
        for part, owner in [*self.parts.items(), *self.bodies.items()]:
            position.setdefault(part, position[owner])
        return position

    def _key(self, node: Node) -> tuple[str, str, Node]:
        return (*self.labels.get(node, ("", "")), node)

    def _label(self, node: Node) -> str:
        schema, description = self.labels[node]
        return f"{description} of schema {schema}"


def needed(edges: Edges, nodes: Iterable[Node]) -> set[Node]:
    """The nodes, and all that they depend on, directly or not."""
    found, todo = set(nodes), list(nodes)
    while todo:
        for one in edges.get(todo.pop(), ()):
            if one not in found:
                found.add(one)
                todo.append(one)
    return found


def dependents(edges: Edges, nodes: Iterable[Node]) -> frozenset[Node]:
    """The nodes, and all that depend on one of them, directly or not."""
    users = defaultdict(list)
    for node, required in edges.items():
        for one in required:
            users[one].append(node)
    found, todo = set(nodes), list(nodes)
    while todo:
        for user in users[todo.pop()]:
            if user not in found:
                found.add(user)
                todo.append(user)
    return frozenset(found)
