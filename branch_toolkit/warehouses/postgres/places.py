"""Where a table is in a deployment, and what has to be done before it is written to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from psycopg import sql

from branch_toolkit.warehouses.postgres.owning import Owned
from branch_toolkit.warehouses.postgres.queries import Connection


class Prepare(Protocol):
    """Makes a table the branch's own, in the transaction that is about to write to it."""

    def __call__(self, connection: Connection, *, rows: bool) -> Owned:
        """Makes it, with base's rows if rows are to be added to them."""


@dataclass(frozen=True)
class TablePlace:
    """Where a table is.

    Args:
        schema: The schema.
        table: The name that it has there.
        prepare: What has to be done before it is written to, if anything.
    """

    schema: str
    table: str
    prepare: Prepare | None = None

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return sql.Identifier(self.schema, self.table).as_string(None)
