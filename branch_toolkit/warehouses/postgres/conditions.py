"""Checks the conditions of sample rules before anything is made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import errors

from branch_toolkit.core.strategy import InvalidRule, Rule
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import TableCopy

# A sample may well be a random one; no other volatile function is known to do no harm.
_RANDOM = re.compile(r"\b(?:pg_catalog\s*\.\s*)?random\s*\(\s*\)", re.IGNORECASE)
_MARKER = "branch_toolkit_sample"


def check_conditions(
    connection: Connection, tables: Iterable[TableCopy], rules: Sequence[Rule]
) -> None:
    """Refuses conditions that Postgres does not understand, or that could change something.

    Names in a condition mean what they mean without any schema on `search_path`: those of other
    tables, and of functions and operators that are not Postgres's own, need their schema.

    Args:
        connection: In a transaction, or else it is done in one of its own.
        tables: What is to be copied.
        rules: Where the conditions are from.

    Raises:
        InvalidRule: A condition is no valid SQL, or calls a volatile function.
    """
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        connection.execute("SET LOCAL transaction_read_only = on")
        for table in tables:
            if table.condition is not None:
                _check(connection, table, table.condition, rules)


def reads_all(connection: Connection, table: TableCopy) -> bool:
    """Whether all rows of a table have to be read to find those that are wanted.

    Args:
        connection: No lock that it comes to hold is kept.
        table: The table.
    """
    if table.condition is None:
        return True
    query = f"SELECT 1 FROM ONLY {table.source} WHERE (\n{table.condition}\n)"  # noqa: S608
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
            connection.execute("SET LOCAL lock_timeout = '1s'")
            nodes = list(_nodes(_explain(connection, query)))
    except (errors.LockNotAvailable, psycopg.ProgrammingError):
        return False
    return any(
        node.get("Relation Name") == table.table and node.get("Node Type") == "Seq Scan"
        for node in nodes
    )


def _check(connection: Connection, table: TableCopy, condition: str, rules: Sequence[Rule]) -> None:
    rule = next((rule.tables for rule in rules if rule.where == condition), table.table)
    label = f"{table.schema}.{table.table}"
    source = f"FROM ONLY {table.source}"
    try:
        with connection.transaction():
            _explain(connection, f"SELECT 1 {source} WHERE (\n{condition}\n)")
            fixed = _RANDOM.sub("0.5::pg_catalog.float8", condition)
            # A subquery is merged into the query around it, unless it calls a volatile function.
            query = f"SELECT 1 FROM (SELECT (\n{fixed}\n) AS x {source}) AS {_MARKER} WHERE x"  # noqa: S608
            volatile = any(
                node.get("Node Type") == "Subquery Scan" and node.get("Alias") == _MARKER
                for node in _nodes(_explain(connection, query))
            )
    except errors.InsufficientPrivilege:
        raise
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        raise InvalidRule(
            f"Postgres refuses `where` of the rule for tables {rule!r} on {label}:"
            f" {error.diag.message_primary or error}.",
            remedy="Correct it. Names of other tables, and of functions that are not Postgres's"
            " own, need their schema.",
        ) from error
    if volatile:
        raise InvalidRule(
            f"`where` of the rule for tables {rule!r} calls a volatile function on {label}, which"
            " could change something.",
            remedy="Leave it out, or declare the function STABLE if it only reads; `random()` may"
            " be used.",
        )


def _explain(connection: Connection, query: str) -> Any:
    # A binary result makes it the extended protocol, in which a second statement cannot hide.
    with connection.cursor(binary=True) as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}".encode())
        row = cursor.fetchone()
    return json.loads(row[0]) if row and isinstance(row[0], str) else row


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, dict):
        yield plan
        plan = list(plan.values())
    if isinstance(plan, (list, tuple)):
        for part in plan:
            yield from _nodes(part)
