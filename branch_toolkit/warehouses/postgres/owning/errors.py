"""What can stand in the way of making a deferred table a branch's own; nothing is changed then."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from branch_toolkit.core.errors import BranchToolkitError


class UnknownTable(BranchToolkitError):
    """A branch has no table of that name."""

    def __init__(self, schema: str, table: str, *, known: Sequence[str]) -> None:
        near = get_close_matches(table, known, n=3) or sorted(known)[:10]
        super().__init__(
            f"There is no table {table!r} in schema {schema!r}.",
            remedy=f"Correct the name (there are, for example: {', '.join(near) or 'none'}), or"
            " refresh the branch if the table came to production after it was made.",
        )
        self.table = table


class NotDeferred(BranchToolkitError):
    """A name belongs to something that is neither a table nor a deferred one."""

    def __init__(self, schema: str, table: str, *, found: str, remedy: str) -> None:
        super().__init__(f"{schema}.{table} is {found}, which cannot be owned.", remedy=remedy)
        self.table = table


class BaseTableGone(BranchToolkitError):
    """The table that a deferred one reads is no longer there."""

    def __init__(self, schema: str, table: str) -> None:
        super().__init__(
            f"Table {table!r} is no longer in base schema {schema!r}, so what the branch had of it"
            " can neither be read nor made its own.",
            remedy=f"Bring it back, or run refresh_branch; to do without it, DROP VIEW {table}"
            " in the branch.",
        )
        self.table = table


class TableInUse(BranchToolkitError):
    """Others hold a deferred table, or what reads it, for too long."""

    def __init__(self, table: str, *, holders: Sequence[str], own: bool) -> None:
        listed = f" ({', '.join(holders)})" if holders else ""
        remedy = (
            "This process holds it itself: call own() before the connection that uses the table,"
            " or commit that one first."
            if own
            else "Try again when they are done, or end them with pg_terminate_backend(pid)."
        )
        super().__init__(
            f"{table} is in use by other transactions{listed}; nothing was changed.", remedy=remedy
        )
        self.table = table


class StillNeeded(BranchToolkitError):
    """Something uses a deferred table in a way that cannot be turned to the branch's own table."""

    def __init__(self, table: str, *, users: Sequence[str], reason: str) -> None:
        super().__init__(
            f"{table} cannot become the branch's own because of {'; '.join(users)}: {reason}."
            " Nothing was changed.",
            remedy="Drop it, own the table, and make it again.",
        )
        self.table = table
        self.users = tuple(users)


class OwningFailed(BranchToolkitError):
    """Postgres refused a statement, or the result would depend on base."""

    def __init__(self, table: str, *, object_: str, message: str, remedy: str = "") -> None:
        super().__init__(
            f"{table} could not be made the branch's own: {object_}: {message}. Nothing was"
            " changed.",
            remedy=remedy or "Mend what it names; if production changed since, refresh the branch.",
        )
        self.table = table


class StaleSnapshot(BranchToolkitError):
    """A transaction looks at the past, and would not see what others did to base's tables."""

    def __init__(self, table: str, *, isolation: str) -> None:
        super().__init__(
            f"{table} cannot become the branch's own in a transaction that is {isolation}:"
            " rows of base could be missed.",
            remedy=f"Call own({table!r}) beforehand, or use READ COMMITTED.",
        )
