"""Drift: deferred tables whose base was altered since, and what mends them without a refresh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.plan import Expectation, Note, Plan, Statement
from branch_toolkit.warehouses.postgres.queries import Connection, drift
from branch_toolkit.warehouses.postgres.structure import read_deferred


@dataclass(frozen=True, slots=True)
class Drift:
    """A deferred table whose base is not what it was.

    Args:
        clone: The clone.
        base: The base schema.
        name: The table.
        source: The oid of base's table; None if it is gone.
        added: Columns that base has gained.
        changed: Columns that base has lost, or that are of another type now.
    """

    clone: str
    base: str
    name: str
    source: int | None
    added: list[str]
    changed: list[str]

    @property
    def mendable(self) -> bool:
        """Whether the deferred table can follow without being made anew."""
        return self.source is not None and not self.changed

    @property
    def text(self) -> str:
        """What happened, and what a reader of the table gets."""
        if self.source is None:
            return "Base's table is gone: reading it in the branch is an error."
        if self.changed:
            return (
                f"Base has dropped or retyped {', '.join(self.changed)}: reading it in the branch"
                " is an error until refresh_branch makes it anew."
            )
        return f"Base has gained {', '.join(self.added)}."


def read_drift(connection: Connection, clones: Sequence[OwnedSchema]) -> list[Drift]:
    """What has drifted in the clones, by one query."""
    pairs = [(clone.name, clone.mark.base_schema) for clone in clones]
    return [Drift(*row) for row in drift(connection, pairs)]


def plan_mend(connection: Connection, environment: str, clones: Sequence[OwnedSchema]) -> Plan:
    """The plan that lets deferred tables follow base, with notes on those that cannot.

    Columns that base has gained are added at the end; the views on the table stay.
    """
    drifted = read_drift(connection, clones)
    mendable = {one.source: one for one in drifted if one.mendable and one.source is not None}
    bases = {clone.mark.base_schema: clone.name for clone in clones}
    deferrals = read_deferred(connection, bases, mendable) if mendable else []
    statements = [
        Statement(
            sql=one.follow_sql(bases[one.schema], mendable[one.objid].added),
            action="mend",
            schema=bases[one.schema],
            object=f"table {one.name}",
        )
        for one in deferrals
    ]
    return Plan(
        verb="provision",
        environment=environment,
        statements=tuple(statements),
        expects=tuple(Expectation(clone.name, clone.facts.comment) for clone in clones)
        if statements
        else (),
        notes=tuple(
            Note(f"{one.base}: table {one.name}", one.text) for one in drifted if not one.mendable
        ),
    )
