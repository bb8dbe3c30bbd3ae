"""What became of a table that a branch was to own."""

from __future__ import annotations

from dataclasses import dataclass

from branch_toolkit.core.plan import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedTable:
    """A relation that was made.

    Args:
        table: Its name.
        rows: Rows that were copied from base; None where none were to be, or where it is computed.
    """

    table: str
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What was done for a table to be the branch's own.

    Args:
        schema: The schema that it is in.
        table: Its name.
        made: What was made; empty if it was the branch's own already.
        notes: What is not as in base, and why.
        seconds: How long it took.
        base: Whether this is a base deployment, where there is nothing to own.
    """

    schema: str
    table: str
    made: tuple[OwnedTable, ...] = ()
    notes: tuple[Note, ...] = ()
    seconds: float = 0.0
    base: bool = False

    @property
    def rows(self) -> int | None:
        """Rows that were copied in all; None if none were to be."""
        copied = [table.rows for table in self.made if table.rows is not None]
        return sum(copied) if copied else None

    @property
    def summary(self) -> str:
        """In a sentence."""
        name = f"{self.schema}.{self.table}"
        if self.base:
            return f"{name} is base's own; there was nothing to do."
        if not self.made:
            return f"{name} is the branch's own already; nothing was done."
        others = len(self.made) - 1
        parts = f" with {others} more of its parts" if others else ""
        rows = "without rows" if self.rows is None else f"with {self.rows:,} rows"
        return f"{name} is the branch's own now{parts}, {rows} ({self.seconds:.1f} s)."
