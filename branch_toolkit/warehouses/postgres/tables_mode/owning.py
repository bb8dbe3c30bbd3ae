"""A table becomes a branch's own, in the transaction that is about to write to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL

from branch_toolkit.core.errors import InvalidMark, StalePlan
from branch_toolkit.core.mark import decode
from branch_toolkit.core.strategy import Rule, Strategy
from branch_toolkit.warehouses.postgres.connection import (
    bound_waiting,
    create_engine,
    transaction,
    translated,
)
from branch_toolkit.warehouses.postgres.owning import Owned, OwnedTable
from branch_toolkit.warehouses.postgres.owning.errors import StaleSnapshot, UnknownTable
from branch_toolkit.warehouses.postgres.owning.holding import lock_table, settings
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.tables_mode import queries, statements
from branch_toolkit.warehouses.postgres.tables_mode.applying import lock_base, require_same
from branch_toolkit.warehouses.postgres.tables_mode.errors import NotOwnable
from branch_toolkit.warehouses.postgres.tables_mode.locating import Group, base_table, own_table
from branch_toolkit.warehouses.postgres.tables_mode.making import SETTINGS, NewMember, make_member
from branch_toolkit.warehouses.postgres.tables_mode.marks import member_mark
from branch_toolkit.warehouses.postgres.tables_mode.queries import BaseTable
from branch_toolkit.warehouses.postgres.tables_mode.sampling import check_samples

_PATIENCE = 60.0
_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}
_ISOLATION = "SELECT pg_catalog.current_setting('transaction_isolation')"


def own_by_itself(url: str, group: Group, table: str, *, rows: bool, lock_timeout: float) -> Owned:
    """Makes a table the branch's own, in a transaction of its own; see `own`.

    Raises:
        UnknownTable: Neither base nor the branch has it.
    """
    engine = create_engine(url)
    try:
        with transaction(engine) as connection:
            bound_waiting(connection, lock_timeout=lock_timeout)
            return own(connection, group, table, rows=rows, lock_timeout=lock_timeout)
    finally:
        engine.dispose()


def own_before_writing(
    connection: Connection, group: Group, table: str, *, rows: bool, lock_timeout: float
) -> Owned:
    """Makes a table the branch's own; where there is none in base either, one without columns.

    Args:
        connection: In the transaction that is about to write.
        group: The branch's clone.
        table: The table's name in base.
        rows: Whether rows are to be added to base's.
        lock_timeout: Seconds to wait for a lock on the base table.
    """
    with _translated(connection):
        return own(connection, group, table, rows=rows, lock_timeout=lock_timeout, anew=True)


def own(
    connection: Connection,
    group: Group,
    table: str,
    *,
    rows: bool,
    lock_timeout: float,
    anew: bool = False,
) -> Owned:
    """Makes a table the branch's own; what is that already is left as it is.

    Args:
        connection: In a transaction that is READ COMMITTED.
        group: The branch's clone.
        table: The table's name in base.
        rows: Whether to copy base's rows.
        lock_timeout: Seconds to wait for a lock on the base table.
        anew: Make one without columns where there is none in base either.

    Raises:
        UnknownTable: There is none in base either.
        NotOwnable: It is a view, or a part of another table.
        SchemaNotOwned: Something that is not the group's has the name.
        StalePlan: The group is no longer what it was.
        StaleSnapshot: The transaction is not READ COMMITTED.
    """
    started = time.monotonic()
    nothing = Owned(schema=group.mark.clone, table=table)
    with connection.transaction():
        _require_read_committed(connection, table)
        key = f"{group.mark.clone}:{table}"
        lock_table(connection, group.environment, key, patience=_PATIENCE)
        _require_there(connection, group)
        if own_table(connection, group, table):
            return nothing
        with settings(connection, {**SETTINGS, "lock_timeout": f"{int(lock_timeout * 1000)}ms"}):
            owned = _make(connection, group, table, rows=rows, anew=anew)
    return Owned(
        schema=owned.schema,
        table=table,
        made=owned.made,
        notes=owned.notes,
        seconds=time.monotonic() - started,
    )


def _make(connection: Connection, group: Group, table: str, *, rows: bool, anew: bool) -> Owned:
    base = base_table(connection, group, table)
    if base is None:
        if not anew:
            known = [one.name for one in queries.base_tables(connection, [group.base_schema])]
            raise UnknownTable(group.base_schema, table, known=known)
        _make_anew(connection, group, table)
        return Owned(schema=group.mark.clone, table=table, made=(OwnedTable(table=table),))
    _require_ownable(group, base)
    lock_base(connection, [base])
    require_same(connection, [base])
    member = _member(connection, group, base, rows=rows)
    check_samples(connection, [member])
    made = make_member(connection, member)
    return Owned(
        schema=group.mark.clone,
        table=table,
        made=(OwnedTable(table=table, rows=made.rows),),
        notes=made.notes,
    )


def _make_anew(connection: Connection, group: Group, table: str) -> None:
    """Makes a table without columns, so that it has its mark before anybody can write to it."""
    name = group.member(table)
    mark = member_mark(group.mark, name, table, strategy="own")
    connection.execute(statements.create_anchor(group.schema, name).encode())
    connection.execute(statements.mark_table(group.schema, name, mark).encode())


def _member(connection: Connection, group: Group, base: BaseTable, *, rows: bool) -> NewMember:
    name = group.member(base.name)
    mark = member_mark(group.mark, name, base.name, strategy="own")
    rule = group.rule_of(base.name)
    if not rows or rule.strategy in (Strategy.EMPTY, Strategy.SKIP):
        rule = Rule(tables="*", strategy=Strategy.EMPTY, indexes=rule.indexes)
    parts: tuple[BaseTable, ...] = ()
    if rule.partitions is not None or rule.where is not None:
        tables = queries.base_tables(connection, [base.schema])
        parts = tuple(table for table in tables if table.parent == base.oid)
    return NewMember(group.schema, name, mark, base, rule, parts)


def _require_read_committed(connection: Connection, table: str) -> None:
    row = connection.execute(_ISOLATION).fetchone()
    if row and row[0] != "read committed":
        raise StaleSnapshot(table, isolation=str(row[0]).upper())


def _require_there(connection: Connection, group: Group) -> None:
    """Checks that the group is still there and in use; nobody drops it from here on."""
    name = group.mark.clone
    found = queries.tables(connection, group.schema, [name]).get(name)
    if found is None or not _is_still(found.comment, group):
        raise StalePlan(
            f"The environment {group.environment!r} was dropped or retired meanwhile.",
            remedy="Provision it, then run again.",
        )


def _is_still(comment: str | None, group: Group) -> bool:
    try:
        mark = decode(comment)
    except InvalidMark:
        return False
    # Its use may have been recorded meanwhile, which makes it no other group.
    return mark.base_state == group.mark.base_state and not mark.retired


def _require_ownable(group: Group, base: BaseTable) -> None:
    if base.kind in ("v", "m"):
        raise NotOwnable(
            base.name,
            base_schema=group.base_schema,
            found=_KINDS[base.kind],
            remedy="Own the tables that it reads, or write to a table of another name.",
        )
    if base.parent_name is not None:
        raise NotOwnable(
            base.name,
            base_schema=group.base_schema,
            found=f"a part of {base.parent_name!r}",
            remedy=f"Own {base.parent_name!r}; it is one table in a branch.",
        )


@contextmanager
def _translated(connection: Connection) -> Iterator[None]:
    info = connection.info
    url = URL.create(
        "postgresql", username=info.user, host=info.host, port=info.port, database=info.dbname
    )
    with translated(url):
        yield
