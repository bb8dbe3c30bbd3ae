"""The port to a branch source: who says which branches are open, merged or closed."""

from __future__ import annotations

from abc import ABC, abstractmethod

import dagster as dg

from branch_toolkit.core.branch import BranchSnapshot


class BranchSource(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]
    """Tells which branches there are. Subclass it for a forge that is not here yet."""

    @abstractmethod
    def snapshot(self) -> BranchSnapshot:
        """What is known now.

        `complete` may only be true if every open branch is in the answer: then an environment
        whose branch is not in it is retired. A page that is full, an error half-way: not complete.

        Raises:
            BranchSourceUnavailable: Nothing can be known; nothing is changed.
        """
