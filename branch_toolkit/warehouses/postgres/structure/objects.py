"""The objects of the base schemas, what makes each, and which of them cannot be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from branch_toolkit.warehouses.postgres.structure.catalog import Catalog
from branch_toolkit.warehouses.postgres.structure.graph import Edges
from branch_toolkit.warehouses.postgres.structure.model import Omitted
from branch_toolkit.warehouses.postgres.structure.statement import Node

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
        node, needed = (one.classid, one.objid), (one.refclassid, one.refobjid)
        # What is set aside is read through base, and needs nothing of the clones.
        if node in made and needed in made and node not in catalog.aside.nodes:
            edges[node].add(needed)
    return Objects(makers, edges)


def omissions(
    catalog: Catalog,
    objects: Objects,
    defined: Collection[Node],
    labels: Labels,
    unwanted: Mapping[Node, Omitted],
) -> dict[Node, Omitted]:
    """The objects that no statement makes, and all that cannot do without one of them.

    Args:
        catalog: The catalogs.
        objects: What is in the base schemas.
        defined: The objects that statements make.
        labels: How to call them.
        unwanted: What is left out on purpose.
    """
    unmade = sorted(set(objects.makers.values()) - set(defined) - unwanted.keys())
    omitted = dict(unwanted) | {
        (one.classid, one.objid): Omitted(one.schema, one.object, one.reason)
        for one in (catalog.fetch(_Undefined, "undefined", nodes=unmade) if unmade else [])
    }
    return {**omitted, **_consequences(objects.edges, omitted, labels)}


def _consequences(
    edges: Edges, omitted: Mapping[Node, Omitted], labels: Labels
) -> dict[Node, Omitted]:
    users = defaultdict(list)
    for node, needed in edges.items():
        for one in needed:
            users[one].append(node)
    found: dict[Node, Omitted] = {}
    todo = [(node, one.object) for node, one in omitted.items()]
    while todo:
        node, cause = todo.pop(0)
        for user in sorted(users[node]):
            if user not in omitted and user not in found and user in labels:
                schema, description = labels[user]
                found[user] = Omitted(
                    schema, description, f"It needs {cause}, which is not cloned."
                )
                todo.append((user, description))
    return found
