"""What is checked once more when a plan is applied, as others see the database by then."""

from __future__ import annotations

from collections.abc import Sequence

from branch_toolkit.core.errors import SchemaInUse, StalePlan
from branch_toolkit.core.plan import Expectation
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.queries import Connection


def check_again(
    connection: Connection, expects: Sequence[Expectation], *, dropping: Sequence[str]
) -> None:
    """Checks that schemas are what a plan expects, and that those to be dropped are not in use.

    Args:
        connection: Not that of the applying transaction, which may have a snapshot from just before
            the last holder of the environment's lock, or somebody else, committed.
        expects: What the schemas have to be.
        dropping: Those that are to be dropped.

    Raises:
        StalePlan: One of them is not.
        SchemaInUse: Something outside depends on them.
    """
    found = queries.comments(connection, [expected.schema for expected in expects])
    require_unused(connection, dropping)
    for expected in expects:
        absent = expected.schema not in found
        if absent != (expected.comment is None) or (
            not absent and found[expected.schema] != expected.comment
        ):
            raise StalePlan(
                f"Schema {expected.schema!r} changed after the plan was made; nothing was done.",
                remedy="Plan again.",
            )


def require_unused(connection: Connection, schemas: Sequence[str]) -> None:
    """Refuses to go on if DROP … CASCADE would take along what is not in these schemas.

    Raises:
        SchemaInUse: It would.
    """
    if schemas and (found := queries.dependents(connection, schemas)):
        raise SchemaInUse(", ".join(schemas), dependents=found)
