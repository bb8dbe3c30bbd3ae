"""Where a table is for a branch: its own, or base's as long as it has none of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from branch_toolkit.core.mark import Mark
from branch_toolkit.core.strategy import DEFER_ALL, Relation, Rule, Strategy
from branch_toolkit.warehouses.postgres.connection import create_engine, transaction
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.tables_mode import queries
from branch_toolkit.warehouses.postgres.tables_mode.errors import TableNotThere
from branch_toolkit.warehouses.postgres.tables_mode.marks import Member, prove
from branch_toolkit.warehouses.postgres.tables_mode.names import member_name
from branch_toolkit.warehouses.postgres.tables_mode.queries import BaseTable

_READ = frozenset({Strategy.DEFER, Strategy.COPY})
"""By these, base's rows are the branch's to read. A copied table may have come to base later."""


@dataclass(frozen=True, slots=True)
class Group:
    """A branch's clone of a base schema.

    Args:
        schema: The branches' schema.
        environment: The environment's name.
        mark: The anchor's mark, as it was verified.
        rules: How tables get into it.
    """

    schema: str
    environment: str
    mark: Mark
    rules: tuple[Rule, ...] = ()

    @property
    def base_schema(self) -> str:
        """The schema that it is a clone of."""
        return self.mark.base_schema

    def member(self, table: str) -> str:
        """The name of its own table in place of base's."""
        return member_name(self.mark.clone, table)

    def rule_of(self, table: str) -> Rule:
        """The rule that counts for a base table."""
        if self.mark.schema_only:
            return Rule(tables="*", strategy=Strategy.EMPTY)
        relation = Relation(id=0, schema=self.base_schema, name=table)
        return next((rule for rule in self.rules if rule.matches(relation)), DEFER_ALL)


def own_table(connection: Connection, group: Group, table: str) -> Member | None:
    """The group's own table in place of base's, or None.

    Raises:
        SchemaNotOwned: Something that is not the group's has the name.
    """
    name = group.member(table)
    found = queries.tables(connection, group.schema, [name]).get(name)
    return prove(group.mark, name, found.comment) if found else None


def locate_by_itself(url: str, group: Group, table: str) -> tuple[str, str] | None:
    """Where to read a table from, asked on a connection of its own; see `locate`."""
    engine = create_engine(url)
    try:
        with transaction(engine) as connection:
            return locate(connection, group, table)
    finally:
        engine.dispose()


def locate(connection: Connection, group: Group, table: str) -> tuple[str, str] | None:
    """Where to read a table from, as (schema, table); None if neither branch nor base has it.

    Raises:
        TableNotThere: A rule keeps base's from being read, or it is a part of an own table.
        SchemaNotOwned: Something that is not the group's has the name.
    """
    if own_table(connection, group, table):
        return group.schema, group.member(table)
    base = base_table(connection, group, table)
    if base is None:
        return None
    _require_readable(connection, group, base)
    return group.base_schema, table


def base_table(connection: Connection, group: Group, table: str) -> BaseTable | None:
    """The base table of that name."""
    return next(iter(queries.base_tables(connection, [group.base_schema], [table])), None)


def _require_readable(connection: Connection, group: Group, base: BaseTable) -> None:
    if base.parent_name is not None and own_table(connection, group, base.parent_name):
        raise TableNotThere(
            base.name,
            base_schema=group.base_schema,
            reason=f"it is a part of {base.parent_name!r}, which is the branch's own, in one table",
            remedy=f"Read {base.parent_name!r}.",
        )
    rule = group.rule_of(base.parent_name or base.name)
    if rule.strategy not in _READ:
        raise TableNotThere(
            base.name,
            base_schema=group.base_schema,
            reason=f"by the rule for tables {rule.tables!r} it is not read from production"
            f" ({rule.strategy.value})",
            remedy="Refresh the branch if the table came to production after it was made, or"
            " change the rule.",
        )


def all_tables(connection: Connection, groups: Sequence[Group]) -> dict[tuple[str, str], bool]:
    """The tables of groups, by clone and name, and whether each is read from base."""
    found: dict[tuple[str, str], bool] = {}
    for group in groups:
        there = queries.tables(connection, group.schema)
        for base in queries.base_tables(connection, [group.base_schema]):
            key = (group.mark.clone, base.name)
            if group.member(base.name) in there:
                found[key] = False
            elif group.rule_of(base.parent_name or base.name).strategy in _READ:
                found[key] = True
    return found
