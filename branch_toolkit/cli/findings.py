"""Findings of `doctor`, and the scene that its checks look at."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from branch_toolkit.cli.target import Target
from branch_toolkit.core.environment import Inventory, SchemaFacts
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses import Server


class Status(str, Enum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FIX = "fix"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Args:
        status: How bad it is.
        text: What was found.
        remedy: What to do about it; several lines where it is something to copy.
    """

    status: Status
    text: str
    remedy: tuple[str, ...] = ()


@dataclass
class Scene:
    """What the checks look at; each part is read when the first check asks for it.

    Args:
        target: What is examined.
        stack: Closes the warehouse.
    """

    target: Target
    stack: ExitStack

    @cached_property
    def environments(self) -> Environments:
        """The environments; connects."""
        return self.stack.enter_context(self.target.warehouse.environments())

    @cached_property
    def server(self) -> Server:
        """What the warehouse says of itself."""
        return self.environments.warehouse.server()

    @cached_property
    def schemas(self) -> dict[str, SchemaFacts]:
        """Every schema of the database."""
        return {each.name: each for each in self.environments.warehouse.schemas(marked=False)}

    @cached_property
    def inventory(self) -> Inventory:
        """The environments that there are, and what is refused."""
        return self.environments.inventory()

    @cached_property
    def bases(self) -> dict[str, SchemaFacts | None]:
        """The base schemas, as they are configured; None for one that is not there."""
        warehouse = self.environments.warehouse
        stored = {base: warehouse.dialect.fold(base) for base in self.environments.schemas}
        found = warehouse.schemas(marked=False, names=stored.values(), sizes=True)
        facts = {each.name: each for each in found}
        return {base: facts.get(name) for base, name in stored.items()}
