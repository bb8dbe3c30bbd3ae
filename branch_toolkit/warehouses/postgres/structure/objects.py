"""The objects of the base schemas, what makes each, and which of them cannot be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from branch_toolkit.warehouses.postgres.structure.catalog import Catalog
from branch_toolkit.warehouses.postgres.structure.graph import Edges, needed
from branch_toolkit.warehouses.postgres.structure.model import Omitted
from branch_toolkit.warehouses.postgres.structure.statement import Node

# Their oids are fixed, in every version.
_PG_TYPE, _PG_PROC, _PG_CLASS, _PG_CAST, _PG_OPCLASS = 1247, 1255, 1259, 2605, 2616
_TYPES = (_PG_TYPE, _PG_CLASS)
"""What types come with: a table's row type comes with the table."""

Labels = Mapping[Node, tuple[str, str]]
"""Schema and description of objects."""


class _Member(NamedTuple):
    classid: int
    objid: int
    maker_class: int
    maker: int | None
    extension: str | None


class _Dependency(NamedTuple):
    classid: int
    objid: int
    refclassid: int
    refobjid: int


@dataclass(frozen=True)
class _Undefined:
    classid: int
    objid: int
    schema: str
    object: str
    reason: str


@dataclass(frozen=True)
class Objects:
    """What is in the base schemas.

    Attributes:
        makers: For each object, the one whose statement makes it: an array type comes with its
            element, an identity's sequence with its table. Objects that Postgres makes by itself,
            and those of extensions, are not in it.
        edges: Which of the makers has to be there before which other one.
    """

    makers: Mapping[Node, Node]
    edges: Edges


def read_objects(catalog: Catalog) -> Objects:
    """The objects of the base schemas."""
    makers = {
        (member.classid, member.objid): (member.maker_class, member.maker)
        for member in catalog.fetch(_Member, "members_of_extensions")
        if member.maker is not None
        and member.extension is None
        and (member.classid, member.objid) not in catalog.aside.kept
    }
    made = set(makers.values())
    edges: dict[Node, set[Node]] = defaultdict(set)
    for one in catalog.fetch(_Dependency, "dependencies"):
        node, other = (one.classid, one.objid), (one.refclassid, one.refobjid)
        # What is set aside is read through base, and needs nothing of the clones.
        if node in made and other in made and node not in catalog.aside.nodes:
            edges[node].add(other)
    ours = {object_: maker for object_, maker in makers.items() if _is_ours(maker, edges)}
    _open_types(edges)
    _put_after_types(edges)
    return Objects(ours, edges)


def _is_ours(maker: Node, edges: Edges) -> bool:
    """Whether an object is not about shared types alone, as a cast may be."""
    return maker[0] != _PG_CAST or any(kind in _TYPES for kind, _ in edges.get(maker, ()))


def _open_types(edges: Mapping[Node, set[Node]]) -> None:
    """Lets functions that a type consists of be made before it: it is declared before them."""
    for node, required in edges.items():
        if node[0] == _PG_TYPE:
            for function in required:
                if function[0] == _PG_PROC and function in edges:
                    edges[function].discard(node)


def _put_after_types(edges: Mapping[Node, set[Node]]) -> None:
    """Has casts and operator classes made before what uses their types.

    Views and defaults are parsed by means of them, of which the catalogs know nothing.
    """
    tools = {node for node in edges if node[0] in (_PG_CAST, _PG_OPCLASS)}
    if not tools:
        return
    first = needed(edges, tools)
    tools_of = defaultdict(set)
    for tool in tools:
        for one in edges[tool]:
            tools_of[one].add(tool)
    for node, required in edges.items():
        if node not in first:
            for one in [one for one in required if one[0] in _TYPES]:
                required |= tools_of.get(one, set())


def omissions(
    catalog: Catalog,
    objects: Objects,
    defined: Collection[Node],
    unwanted: Mapping[Node, Omitted],
) -> dict[Node, Omitted]:
    """The objects that no statement makes.

    Args:
        catalog: The catalogs.
        objects: What is in the base schemas.
        defined: The objects that statements make.
        unwanted: What is left out on purpose.
    """
    unmade = sorted(set(objects.makers.values()) - set(defined) - unwanted.keys())
    return dict(unwanted) | {
        (one.classid, one.objid): Omitted(one.schema, one.object, one.reason)
        for one in (catalog.fetch(_Undefined, "undefined", nodes=unmade) if unmade else [])
    }


def with_consequences(
    omitted: Mapping[Node, Omitted], edges: Edges, bodies: Mapping[Node, Node], labels: Labels
) -> dict[Node, Omitted]:
    """What is omitted, and all that cannot do without it.

    Args:
        omitted: What is omitted.
        edges: What each object depends on.
        bodies: The queries of views, with their view.
        labels: How to call them.
    """
    users = defaultdict(list)
    for node, required in edges.items():
        for one in required:
            users[one].append(node)
    found = dict(omitted)
    todo = [(node, one.object) for node, one in omitted.items()]
    while todo:
        node, cause = todo.pop(0)
        if node in bodies and bodies[node] not in found:
            found[bodies[node]] = found[node]
            todo.append((bodies[node], found[node].object))
        for user in sorted(users[node]):
            if user not in found and user in labels:
                schema, description = labels[user]
                found[user] = Omitted(
                    schema, description, f"It needs {cause}, which is not cloned."
                )
                todo.append((user, description))
    return found
