"""Foreign keys that rows of the clones may violate, as rules leave out rows that they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from branch_toolkit.core.strategy import COPY_ALL, Rule, Strategy
from branch_toolkit.warehouses.postgres.structure.catalog import Catalog
from branch_toolkit.warehouses.postgres.structure.choosing import Choice
from branch_toolkit.warehouses.postgres.structure.model import Caution, Omitted
from branch_toolkit.warehouses.postgres.structure.statement import Node, Statement


@dataclass(frozen=True)
class Unproven:
    """Foreign keys that may not hold in the clones.

    Attributes:
        not_valid: Those that are added NOT VALID: they are checked for rows to come.
        impossible: Those for which there is no such thing.
    """

    not_valid: Mapping[Node, Caution]
    impossible: Mapping[Node, Omitted]

    def adapted(self, statement: Statement) -> Statement:
        """The statement, so that it does not fail on the rows."""
        if statement.node not in self.not_valid or not statement.creates:
            return statement
        return replace(statement, sql=f"{statement.sql} NOT VALID", validation=None)


@dataclass(frozen=True)
class _Key:
    classid: int
    objid: int
    schema: str
    object: str
    table: int
    referenced: int
    postponable: bool


def read_unproven(catalog: Catalog, choice: Choice) -> Unproven:
    """The foreign keys whose referring rows are taken, and of whose referenced rows not all."""
    not_valid, impossible = {}, {}
    if all(_takes_all(rule) for rule in choice.rules.values()):
        return Unproven({}, {})
    for key in catalog.fetch(_Key, "foreign_keys_within"):
        rule = choice.rules.get(key.table, COPY_ALL)
        if rule.strategy is Strategy.EMPTY or _takes_all(
            choice.rules.get(key.referenced, COPY_ALL)
        ):
            continue
        node = key.classid, key.objid
        reason = f"not all rows of {choice.relations[key.referenced].label} are taken"
        if key.postponable:
            text = f"It is NOT VALID, as {reason}: only what the branch writes has to obey it."
            not_valid[node] = Caution(key.schema, key.object, text)
        else:
            text = f"It would be violated, as {reason}, and Postgres has no NOT VALID for it here."
            impossible[node] = Omitted(key.schema, key.object, text)
    return Unproven(not_valid, impossible)


def _takes_all(rule: Rule) -> bool:
    sampled = rule.strategy in (Strategy.EMPTY, Strategy.SAMPLE)
    return not sampled and rule.partitions is None
