"""A warehouse whose client may die, or be overtaken, between its plan and the end of its work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from branch_toolkit.core.plan import Plan, Progress, Report, silent
from branch_toolkit.warehouses import Warehouse


class Killed(BaseException):
    """The process is no more; nothing of ours gets to handle that."""


@dataclass(frozen=True)
class Fate:
    """How a client dies.

    Args:
        at: At the end of which statement; 0 is before the first. Of a plan that has fewer, after
            all is done, and before anybody was told.
        cut: Whether the server ends its sessions instead; it then gets an error that it handles.
    """

    at: int
    cut: bool = False


class MortalWarehouse:
    """The warehouse, but for what befalls the next plan that is applied."""

    def __init__(self, warehouse: Warehouse, end_sessions: Callable[[], None] | None) -> None:
        self._warehouse = warehouse
        self._end_sessions = end_sessions
        self.fate: Fate | None = None
        self.meanwhile: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    def apply(self, plan: Plan, *, on_progress: Any = silent, **options: Any) -> Report:
        """See `Warehouse.apply`."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        fate, self.fate = self.fate, None
        if fate is None:
            return self._warehouse.apply(plan, on_progress=on_progress, **options)
        if fate.at == 0:
            raise Killed
        done = 0

        def strike(_progress: Progress) -> None:
            nonlocal done
            done += 1
            if done == fate.at:
                self._strike(fate)

        report = self._warehouse.apply(plan, on_progress=strike, **options)
        if fate.cut and done >= fate.at:
            return report
        raise Killed

    def _strike(self, fate: Fate) -> None:
        if not fate.cut or self._end_sessions is None:
            raise Killed
        self._end_sessions()
