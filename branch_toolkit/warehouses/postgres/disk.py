"""Whether what is to be copied fits, as far as that can be told before it is copied."""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Collection

from branch_toolkit.core.errors import NotEnoughDisk
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import Structure, TableCopy

_MARGIN = 1.2


def copied_bytes(structure: Structure, schemas: Collection[str]) -> int:
    """What the copies of some base schemas' tables will take with their indexes, about."""
    return sum(_estimate(table) for table in structure.tables if table.schema in schemas)


def _estimate(table: TableCopy) -> int:
    whole = table.bytes + table.index_bytes
    if table.limit is None or not table.rows or table.rows <= table.limit:
        return whole
    return whole * table.limit // table.rows


def require_room(connection: Connection, wanted: int, *, max_copy_bytes: int | None) -> None:
    """Refuses to copy more than is allowed, or than the server's disk has room for.

    Raises:
        NotEnoughDisk: It would be.
    """
    if max_copy_bytes is not None and wanted > max_copy_bytes:
        raise NotEnoughDisk(wanted=wanted, room=max_copy_bytes, limit="max_copy_bytes")
    free = _free_bytes(connection) if wanted else None
    if free is not None and free < wanted * _MARGIN:
        raise NotEnoughDisk(wanted=wanted, room=free, limit="the server's disk")


def _free_bytes(connection: Connection) -> int | None:
    """What is free on the server's disk, if that is this machine's."""
    if not _is_here(connection):
        return None
    folder = queries.data_directory(connection)
    try:
        return shutil.disk_usage(folder).free if folder else None
    except OSError:
        return None


def _is_here(connection: Connection) -> bool:
    host = connection.info.host
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(connection.info.hostaddr or host).is_loopback
    except ValueError:
        return False
