"""Re-points the rows of a query, each with what its object refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from branch_toolkit.warehouses.postgres.structure.errors import ReferenceNotRepointed
from branch_toolkit.warehouses.postgres.structure.repoint import Target, repoint
from branch_toolkit.warehouses.postgres.structure.statement import Node, relation_node

_AS_THEY_ARE = frozenset({"schema", "object", "name", "source"})
"""Columns for the reader or for sorting, in which base keeps its name."""


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be re-pointed.

    Attributes:
        query: The query's name.
        node: The object that the row is about.
        reason: Why, as a sentence.
    """

    query: str
    node: Node
    reason: str


@dataclass(frozen=True)
class Reference:
    """A name that an object means, of which there are several: a row of `references.sql`.

    Attributes:
        classid: The object's catalog.
        objid: The object.
        schema: The base schema, quoted.
        name: The name, quoted.
        kept: Whether what it means is shared by the clones, and not cloned.
    """

    classid: int
    objid: int
    schema: str
    name: str
    kept: bool


References = Callable[[], Mapping[Node, Sequence[Reference]]]


@dataclass
class Rows:
    """The rows of a query under the several paths.

    Attributes:
        query: The query's name.
        names: Its columns.
        columns: Their values under a path without base.
        seen: Their values under the path of each base schema.
        unreadable: The rows that could not be re-pointed.
    """

    query: str
    names: Sequence[str]
    columns: Sequence[Sequence[Any]]
    seen: Sequence[Sequence[Sequence[Any]]]
    unreadable: list[Unreadable] = field(default_factory=list)

    def repointed(
        self, targets: Sequence[Target], references: References, *, anchored: str | None
    ) -> Iterator[tuple[Any, ...]]:
        """The rows, without those that cannot be re-pointed.

        Args:
            targets: The base schemas and their clones.
            references: Gives what objects mean by names that several objects have.
            anchored: See `Catalog.read`.
        """
        failed: dict[int, str] = {}
        columns = []
        for name, values, *others in zip(self.names, self.columns, *self.seen, strict=True):
            column = _Column(values, others, targets, anchored=name == anchored)
            # By column, since most of them have nothing to re-point, and comparing them is quick.
            as_is = name in _AS_THEY_ARE or column.is_plain
            columns.append(values if as_is else self._repointed(column, references, failed))
        nodes = self._nodes if failed else []
        self.unreadable += [
            Unreadable(self.query, nodes[place], why) for place, why in failed.items()
        ]
        for place, row in enumerate(zip(*columns, strict=True)):
            if place not in failed:
                yield row

    def _repointed(
        self, column: _Column, references: References, failed: dict[int, str]
    ) -> list[Any]:
        repointed = list(column.values)
        for place, value in enumerate(repointed):
            if value:
                try:
                    repointed[place] = column.text(place)
                except ReferenceNotRepointed as error:
                    try:
                        meant = references().get(self._nodes[place], ())
                        repointed[place] = column.text(place, meant)
                    except ReferenceNotRepointed:
                        failed[place] = error.problem
        return repointed

    @property
    def _nodes(self) -> list[Node]:
        values = dict(zip(self.names, self.columns, strict=True))
        if "objid" in values:
            return list(zip(values["classid"], values["objid"], strict=True))
        return [relation_node(table) for table in values["table"]]


@dataclass(frozen=True)
class _Column:
    values: Sequence[Any]
    others: Sequence[Sequence[Any]]
    targets: Sequence[Target]
    anchored: bool

    @property
    def is_plain(self) -> bool:
        """Whether no value names anything in base."""
        if not any(isinstance(value, str) for value in self.values):
            return True
        if self.anchored or any(other != self.values for other in self.others):
            return False
        text = "\n".join(value for value in self.values if value)
        return "::reg" not in text and not any(f"{one.base}." in text for one in self.targets)

    def text(self, place: int, meant: Sequence[Reference] = ()) -> str:
        """A value, re-pointed."""
        targets = self.targets
        if meant:
            targets = [
                target.meant(
                    {one.name for one in meant if one.kept and one.schema == target.base},
                    {one.name for one in meant if not one.kept and one.schema == target.base},
                )
                for target in targets
            ]
        seen = [other[place] for other in self.others]
        return repoint(self.values[place], seen, targets, anchored=self.anchored)
