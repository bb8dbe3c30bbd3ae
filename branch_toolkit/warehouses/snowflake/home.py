"""Where clones lie: in a database, among its schemas, or in the account, among its databases."""

from __future__ import annotations

from dataclasses import dataclass

from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.names import DatabaseName, Place, SchemaName


@dataclass(frozen=True, slots=True)
class Home:
    """What base, its clones and the locks are in.

    Args:
        database: The database whose schemas are cloned; None for the account, where whole
            databases are.
    """

    database: str | None

    def named(self, name: str) -> Place:
        """What has that name here."""
        return DatabaseName(name) if self.database is None else SchemaName(self.database, name)

    def show(self, *, after: str | None = None) -> str:
        """The statement that lists what is here, a page of it."""
        if self.database is None:
            return statements.show_all_databases(after=after)
        return statements.show_schemas(self.database, after=after)

    def show_beginning(self, prefix: str) -> str:
        """The statement that lists what is here whose name begins so."""
        if self.database is None:
            return statements.show_databases_beginning(prefix)
        return statements.show_schemas_beginning(self.database, prefix)
