"""What a database server says of itself, where the warehouse has one that can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from branch_toolkit.warehouses import Warehouse

_QUERY = (
    "SELECT current_setting('server_version'), current_database(), current_user, clock_timestamp()"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server.

    Args:
        product: Its kind and version.
        database: The database.
        role: The role that we have there.
        ahead: How far its clock is ahead of ours, give or take the time that the answer took.
    """

    product: str
    database: str
    role: str
    ahead: timedelta


def server_of(warehouse: Warehouse) -> Server | None:
    """The server, or None where there is nothing to ask."""
    engine: Any = getattr(warehouse, "engine", None)
    if engine is None or engine.dialect.name != "postgresql":
        return None
    with engine.connect() as connection:
        before = datetime.now(tz=timezone.utc)
        version, database, role, time = connection.exec_driver_sql(_QUERY).one()
        after = datetime.now(tz=timezone.utc)
    ahead = time - (before + (after - before) / 2)
    return Server(f"Postgres {version.split()[0]}", database, role, ahead)
