"""The SQL of a table slice. All names are quoted, all values are literals: nothing is bound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import dagster as dg
from psycopg import sql

from branch_toolkit.dagster_private import TablePartitionDimension, TableSlice

Statement: TypeAlias = sql.SQL | sql.Composed

_BARE_NAME = re.compile(r"[^\W\d][\w$]*")


def table_name(table_slice: TableSlice) -> sql.Identifier:
    """The slice's table, with its schema."""
    return sql.Identifier(table_slice.schema, table_slice.table)


def names(columns: Iterable[str]) -> sql.Composed:
    """Column names, separated by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def select(table_slice: TableSlice) -> Statement:
    """The statement that reads a slice."""
    columns = names(table_slice.columns) if table_slice.columns else sql.SQL("*")
    statement = sql.SQL("SELECT {} FROM {}").format(columns, table_name(table_slice))
    return statement + where(table_slice)


def delete(table_slice: TableSlice) -> Statement:
    """The statement that makes room for new rows."""
    return sql.SQL("DELETE FROM {}").format(table_name(table_slice)) + where(table_slice)


def count(table_slice: TableSlice) -> Statement:
    """The statement that counts a slice's rows."""
    return sql.SQL("SELECT count(*) FROM {}").format(table_name(table_slice)) + where(table_slice)


def copy(table_slice: TableSlice, columns: Iterable[str], *, binary: bool) -> Statement:
    """The statement that loads rows."""
    options = sql.SQL(" (FORMAT binary)" if binary else "")
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table_name(table_slice), names(columns))
    return statement + options


def where(table_slice: TableSlice) -> Statement:
    """The WHERE clause of a slice; empty for a whole table."""
    dimensions = table_slice.partition_dimensions or ()
    if not dimensions:
        return sql.SQL("")
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(map(_condition, dimensions))


def _condition(dimension: TablePartitionDimension) -> Statement:
    expression, partitions = _expression(dimension.partition_expr), dimension.partitions
    if isinstance(partitions, dg.TimeWindow):
        return _in_window(expression, partitions)
    return _in_keys(expression, partitions)


def _expression(text: str) -> sql.Composable:
    # A bare name is the frame's column of exactly that name; unquoted, Postgres would fold it.
    return (
        sql.Identifier(text) if _BARE_NAME.fullmatch(text) else sql.SQL("({})").format(_raw(text))
    )


def _raw(text: str) -> sql.Composable:
    # The user's own SQL, by Dagster's contract for partition_expr. Braces in it are no fields.
    return sql.SQL(text)


def _in_window(expression: sql.Composable, window: dg.TimeWindow) -> Statement:
    # With its offset: timestamptz takes it into account whatever the session's zone is, timestamp
    # and date ignore it and see the partition's own wall clock.
    start, end = (sql.Literal(time.isoformat(sep=" ")) for time in (window.start, window.end))
    return sql.SQL("{0} >= {1} AND {0} < {2}").format(expression, start, end)


def _in_keys(expression: sql.Composable, keys: Sequence[str]) -> Statement:
    if not keys:
        return sql.SQL("FALSE")
    listed = sql.SQL(", ").join(map(sql.Literal, keys))
    return sql.SQL("{} IN ({})").format(expression, listed)
