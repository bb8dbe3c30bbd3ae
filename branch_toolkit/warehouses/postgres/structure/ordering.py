"""Puts statements in the order in which they can be executed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from branch_toolkit.warehouses.postgres.structure.errors import CyclicStructure
from branch_toolkit.warehouses.postgres.structure.graph import Graph, Order
from branch_toolkit.warehouses.postgres.structure.model import Omitted
from branch_toolkit.warehouses.postgres.structure.objects import Objects, with_consequences
from branch_toolkit.warehouses.postgres.structure.statement import Node, Stage, Statement
from branch_toolkit.warehouses.postgres.structure.tables import Table
from branch_toolkit.warehouses.postgres.structure.views import View

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Found:
    """What was found in the base schemas.

    Attributes:
        objects: All objects.
        tables: The tables.
        views: The views.
        statements: What makes and describes everything else.
    """

    objects: Objects
    tables: list[Table]
    views: list[View]
    statements: list[Statement]

    @property
    def defined(self) -> set[Node]:
        """The objects that there are statements for."""
        made = {one.node for one in self.statements if one.creates}
        made = made.union(*(table.contents for table in self.tables))
        return made.union(*(view.contents for view in self.views))

    def order(self, omitted: Mapping[Node, Omitted]) -> tuple[Order, dict[Node, Omitted]]:
        """The order in which to make the objects, and those that are omitted in the end."""
        labels, bodies = self.labels, {view.body: view.node for view in self.views if view.body}
        while True:
            omitted = with_consequences(omitted, self.objects.edges, bodies, labels)
            try:
                return self._graph(labels, bodies, omitted).order(), omitted
            except CyclicStructure as circle:
                reason = f"{circle.problem} {circle.remedy}"
                omitted |= {node: Omitted(*labels[node], reason) for node in circle.nodes}

    @property
    def labels(self) -> dict[Node, tuple[str, str]]:
        """Schema and description of each object."""
        labels = {one.node: (one.schema, one.object) for one in self.statements if one.creates}
        for view in self.views:
            labels |= dict.fromkeys(view.contents, (view.schema, view.object))
        for table in self.tables:
            labels |= dict.fromkeys(table.contents, (table.schema, table.object))
            labels |= {check.node: (check.schema, check.object) for check in table.checks}
        return labels

    def _graph(
        self,
        labels: Mapping[Node, tuple[str, str]],
        bodies: Mapping[Node, Node],
        omitted: Collection[Node],
    ) -> Graph:
        edges = {
            node: {one for one in needed if one not in omitted}
            for node, needed in self.objects.edges.items()
            if node not in omitted
        }
        after = {one.node for one in self.statements if one.creates and one.stage >= Stage.BUILD}
        parts: dict[Node, Node] = {}
        for table in self.tables:
            after |= {check.node for check in table.checks if not check.valid}
            parts |= dict.fromkeys(table.parts, table.node)
        return Graph(
            edges,
            _without(labels, omitted),
            _without(parts, omitted),
            _without(bodies, omitted),
            frozenset(table.node for table in self.tables if table.node not in omitted),
            frozenset(after.difference(omitted)),
        )


def _without(nodes: Mapping[Node, _Value], omitted: Collection[Node]) -> dict[Node, _Value]:
    return {node: value for node, value in nodes.items() if node not in omitted}


def in_order(
    statements: Iterable[Statement], objects: Objects, order: Order, omitted: Collection[Node]
) -> list[Statement]:
    """The statements in the order in which they can be executed, without those omitted."""
    placed = [
        (_stage(one, order), order.position[maker], _placed(one, objects, order))
        for one in statements
        if (maker := objects.makers.get(one.node))
        and maker in order.position
        and maker not in omitted
    ]
    return [one for *_, one in sorted(placed, key=lambda place: place[:2])]


def _stage(statement: Statement, order: Order) -> Stage:
    late = statement.stage < Stage.BUILD and statement.node in order.late
    return Stage.BUILD if late else statement.stage


def _placed(statement: Statement, objects: Objects, order: Order) -> Statement:
    """The statement at the stage at which it can be executed."""
    # An index on a function that waits for a key cannot be made together with its table's others.
    ordered = not order.late.isdisjoint(objects.edges.get(statement.node, ()))
    table = None if ordered else statement.table
    return replace(statement, stage=_stage(statement, order), table=table)
