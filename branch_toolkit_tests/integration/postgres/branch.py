"""A branch with deferred tables in a database of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from branch_toolkit.core.strategy import Rule
from branch_toolkit.warehouses.postgres.owning import Owned, Place, finish, own
from branch_toolkit.warehouses.postgres.structure import Structure, read_structure
from branch_toolkit_tests.integration.postgres.oracle import Place as Databases
from branch_toolkit_tests.integration.postgres.oracle import make_clones

CLONES = {"prod": "br"}


@dataclass(frozen=True)
class Branch:
    """Base schemas, and the clones of one branch.

    Args:
        databases: Where they are.
        clones: The name of the clone for each base schema.
    """

    databases: Databases
    clones: Mapping[str, str]

    def provision(self, *rules: Rule) -> Structure:
        """Makes the clones."""
        with self.connect() as connection, connection.transaction():
            structure = read_structure(connection, self.clones, rules)
            make_clones(connection, structure, self.clones)
        return structure

    def own(self, table: str, *, base: str = "prod", rows: bool = True, **options: Any) -> Owned:
        """Makes a table the branch's own."""
        with self.connect() as connection, connection.transaction():
            place = Place("pr_42", self.clones, base)
            return finish(connection, own(connection, place, table, rows=rows, **options))

    def connect(self) -> psycopg.Connection[Any]:
        """A connection that commits each statement."""
        return self.databases.connect()

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement returns."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str) -> Any:
        """The one value that a statement returns."""
        return self.run(statement)[0][0]

    def dump(self) -> list[str]:
        """The structure of the clones."""
        return self.databases.dump(self.clones.values())
