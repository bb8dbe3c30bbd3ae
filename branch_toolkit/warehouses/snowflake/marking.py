"""Plans that change marks alone: retire, restore, keep, use."""

from __future__ import annotations

from collections.abc import Sequence

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.errors import CannotUndrop
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.plan import Expectation, Plan
from branch_toolkit.warehouses.snowflake import queries
from branch_toolkit.warehouses.snowflake.planning import mark_schema
from branch_toolkit.warehouses.snowflake.session import Session


def compose_marks(
    session: Session,
    verb: str,
    environment: str,
    changes: Sequence[tuple[OwnedSchema, Mark]],
    *,
    without_undrop: bool,
) -> Plan:
    """The plan that gives clones new marks.

    Args:
        session: Where the clones' Time Travel is asked for.
        verb: What it is for.
        environment: The environment's name.
        changes: The clones, with their new marks.
        without_undrop: Whether it was asked for clones that cannot be brought back once dropped.

    Raises:
        CannotUndrop: To be retired is what could not be brought back, and that was not asked for.
    """
    if verb == "retire" and changes and not without_undrop:
        _require_undrop(session, [clone.name for clone, _ in changes])
    return Plan(
        verb=verb,
        environment=environment,
        statements=tuple(
            mark_schema(session.home.named(clone.name), mark) for clone, mark in changes
        ),
        expects=tuple(Expectation(clone.name, clone.facts.comment) for clone, _ in changes),
    )


def _require_undrop(session: Session, clones: Sequence[str]) -> None:
    rows = queries.schema_rows(session)
    for name in clones:
        if name in rows and int(rows[name]["retention_time"] or 0) == 0:
            clone = session.home.named(name)
            setting = f"ALTER {clone.kind} {clone} SET DATA_RETENTION_TIME_IN_DAYS = 1;"
            raise CannotUndrop(name, setting=setting)
