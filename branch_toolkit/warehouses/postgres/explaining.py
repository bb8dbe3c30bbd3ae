"""Says what Postgres's errors mean that come of a table being deferred in a branch."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy
from psycopg import errors

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.postgres.structure.deferring import GUARD, PREFIX, deferred_name

_INSIDE = re.compile(rf'SQL function "({PREFIX}[^"]*)"')
_NAMED = re.compile(r'"((?:[^"]|"")+)"')
_DEFERRED = """
    SELECT DISTINCT v.relname, p.proname
    FROM pg_catalog.pg_class v
    JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
    JOIN pg_catalog.pg_depend d ON d.objid = r.oid
     AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
     AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid AND p.pronamespace = v.relnamespace
    WHERE v.relkind = 'v' AND n.nspname = ANY (%s)
"""

Names = Callable[[], Collection[str]]
"""Asks which tables are deferred."""


class TableDeferred(BranchToolkitError):
    """Something was tried that only a branch's own table can do."""

    def __init__(self, table: str, *, message: str) -> None:
        super().__init__(
            f"Table {table!r} is deferred in this branch: it shows base's rows, and cannot be"
            f" changed ({message}).",
            remedy=f"Make it the branch's own first: branch-toolkit own {table}, or"
            f" warehouse.own({table!r}) in code, before the connection that writes.",
        )
        self.table = table


class DeferredTableChanged(BranchToolkitError):
    """What a deferred table reads in base is gone, or is something else now."""

    def __init__(self, table: str, *, message: str) -> None:
        super().__init__(
            f"Table {table!r} is deferred in this branch, and what it reads in production has"
            f" changed since ({message}).",
            remedy="Run refresh_branch, or, if only its columns changed, make it the branch's own:"
            f" branch-toolkit own {table}, or warehouse.own({table!r}) in code.",
        )
        self.table = table


class DeferredTableForbidden(BranchToolkitError):
    """A role may read a deferred table, but not what that reads in base."""

    def __init__(self, table: str, *, message: str) -> None:
        super().__init__(
            f"Table {table!r} is deferred in this branch, and the role may not read what it reads"
            f" in production ({message}).",
            remedy="Grant the role USAGE on production's schema and SELECT on the table, also by"
            " ALTER DEFAULT PRIVILEGES where the table is made anew regularly.",
        )
        self.table = table


@contextmanager
def explained(engine: sqlalchemy.Engine, schemas: Collection[str]) -> Iterator[None]:
    """Turns errors that come of deferral into ours; all others pass."""
    try:
        yield
    except (sqlalchemy.exc.DBAPIError, psycopg.Error, BranchToolkitError) as error:
        cause = _cause(error)
        if cause is None:
            raise
        statement = getattr(error, "statement", None)
        ours = explain(cause, lambda: _deferred(engine, schemas), statement=statement)
        if ours is None:
            raise
        raise ours from cause


def explain(
    error: psycopg.Error, names: Names, *, statement: str | None = None
) -> BranchToolkitError | None:
    """What an error means, if it comes of a table being deferred.

    Args:
        error: The error.
        names: Which tables are deferred; asked only if it matters.
        statement: What was executed, where known.
    """
    message = error.diag.message_primary or ""
    if inside := _INSIDE.search(error.diag.context or ""):
        table = _table_of(inside[1], names)
        if isinstance(error, errors.InsufficientPrivilege):
            return DeferredTableForbidden(table, message=message)
        return DeferredTableChanged(table, message=message)
    if isinstance(error, errors.ObjectNotInPrerequisiteState) and (
        f"{GUARD}()" in (error.diag.context or "")
    ):
        named = _NAMED.search(message)
        return TableDeferred(named[1] if named else "", message="it was written to")
    if isinstance(error, (errors.WrongObjectType, errors.FeatureNotSupported)):
        found = {name.replace('""', '"') for name in _NAMED.findall(message)}
        table = next(iter(found.intersection(names()) if found else ()), "")
        return TableDeferred(table, message=message) if table else None
    if isinstance(error, errors.InvalidColumnReference) and "ON CONFLICT" in message:
        written = [one for one in names() if _writes(statement or "", one)]
        return TableDeferred(written[0], message=message) if written else None
    return None


def comes_of_deferral(error: psycopg.Error) -> bool:
    """Whether an error was met while a deferred table was read through base."""
    return _INSIDE.search(error.diag.context or "") is not None


def _cause(error: BaseException) -> psycopg.Error | None:
    if isinstance(error, psycopg.Error):
        return error
    cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error.__cause__
    return cause if isinstance(cause, psycopg.Error) else None


def _deferred(engine: sqlalchemy.Engine, schemas: Collection[str]) -> list[str]:
    # On a connection of its own: the transaction that failed answers no more questions.
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(_DEFERRED, (list(schemas),)).fetchall()
    return [str(name) for name, function in rows if function == deferred_name(str(name))]


def _table_of(function: str, names: Names) -> str:
    """The table of a deferred table's function; a long one's name is a digest."""
    named = function.removeprefix(PREFIX)
    if deferred_name(named) == function:
        return named
    return next((name for name in names() if deferred_name(name) == function), named)


def _writes(statement: str, table: str) -> bool:
    pattern = rf'\bINTO\s+("?[\w$]+"?\s*\.\s*)?"?{re.escape(table)}"?(\s|\()'
    return re.search(pattern, statement, re.IGNORECASE) is not None
