"""Rules as a user writes them: how each table gets into a branch's clone."""

# No `from __future__ import annotations` here: Dagster reads the fields' annotations as they are.

import dagster as dg
from pydantic import Field

from branch_toolkit.core.strategy import Indexes, Rule, Strategy


class TableRule(dg.Config):
    """How the tables that a glob matches get into a branch's clone; the first that fits counts.

    Examples:
        ```python
        rules = [
            TableRule(tables="raw_*", strategy="skip"),
            TableRule(tables="staging.events", strategy="sample", where="day >= '2026-01-01'"),
            TableRule(tables="customers", strategy="copy"),
        ]
        ```
    """

    tables: str = Field(
        description=(
            "A glob of table names (`event_*`), or of base schema and table (`staging.*`)."
            " Partitions and children go with their parent."
        )
    )
    strategy: Strategy = Field(
        description=(
            "`defer`: reads through to production, and becomes the branch's own on first write."
            " `copy`: all rows. `empty`: no rows. `sample`: some rows. `skip`: not there at all."
            " Views are always made again, and materialized views count as tables."
        )
    )
    where: str | None = Field(
        default=None,
        description=(
            "For `sample`: an SQL condition on the rows, without side effects. Other tables in it"
            " need their schema."
        ),
    )
    limit: int | None = Field(
        default=None, description="For `sample`: at most that many rows, of each partition."
    )
    partitions: str | None = Field(
        default=None,
        description=(
            "For `copy` and `sample` of partitioned tables: a glob of the partitions whose rows"
            " are taken; the others are there, and empty."
        ),
    )
    indexes: Indexes = Field(
        default=Indexes.ALL,
        description="`all`, or `primary`: only the unique ones, which say what may be written.",
    )
    omit_foreign_keys: bool = Field(
        default=False,
        description="Leave out foreign keys to deferred tables; without it they are an error.",
    )

    def to_rule(self) -> Rule:
        """The rule, checked.

        Raises:
            InvalidRule: It contradicts itself.
        """
        return Rule(**self.model_dump())
