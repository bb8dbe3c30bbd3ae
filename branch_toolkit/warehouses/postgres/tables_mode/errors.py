"""What can stand in the way of a branch's table in tables mode; nothing is changed then."""

from __future__ import annotations

from branch_toolkit.core.errors import BranchToolkitError


class NoSchemaOfItsOwn(BranchToolkitError):
    """A branch in tables mode was asked for its schema; it only has tables."""

    def __init__(self, base_schema: str) -> None:
        super().__init__(
            f"In tables mode a branch has no schema in place of {base_schema!r}, only tables.",
            remedy="Ask for each table by warehouse.table(name), which works in every deployment"
            " and mode.",
        )
        self.base_schema = base_schema


class TableNotThere(BranchToolkitError):
    """A branch may not read a table of base, or there is none."""

    def __init__(self, table: str, *, base_schema: str, reason: str, remedy: str) -> None:
        super().__init__(
            f"This branch has no table {table!r} in place of {base_schema}.{table}: {reason}."
            " Production was not used in its place.",
            remedy=remedy,
        )
        self.table = table


class NotOwnable(BranchToolkitError):
    """What has the name in base cannot be made a branch's own."""

    def __init__(self, table: str, *, base_schema: str, found: str, remedy: str) -> None:
        super().__init__(
            f"{base_schema}.{table} is {found}, so a branch cannot have its own of it.",
            remedy=remedy,
        )
        self.table = table
