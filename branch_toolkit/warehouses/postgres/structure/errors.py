"""What can stand in the way of reading a structure."""

from __future__ import annotations

from collections.abc import Sequence

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.postgres.structure.statement import Node


class StructureNotRead(BranchToolkitError):
    """The structure of a base schema cannot be turned into statements; nothing was changed."""


class BaseChanged(StructureNotRead):
    """A base schema was altered while it was being read."""

    def __init__(self, query: str) -> None:
        super().__init__(
            f"The catalogs changed between two readings of {query!r}.",
            remedy="Somebody altered a base schema meanwhile; run it again.",
        )


class ReferenceNotRepointed(StructureNotRead):
    """It cannot be told whether a name in an object's definition means a base schema."""

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(
            f"A definition cannot be re-pointed from base to its clone, because {reason}:"
            f" {text[:500]}",
            remedy="Please report it with the definition; leave the object's schema out till then.",
        )
        self.text = text


class CyclicStructure(StructureNotRead):
    """Objects depend on each other in a circle that cannot be opened."""

    def __init__(self, nodes: Sequence[Node], objects: Sequence[str]) -> None:
        super().__init__(
            f"These objects depend on each other in a circle: {', '.join(objects)}.",
            remedy="Redefine one of them so that it does not need the others, or leave it out.",
        )
        self.nodes = tuple(nodes)
        self.objects = tuple(objects)
