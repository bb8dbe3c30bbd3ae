"""sqlglot's view of Snowflake's SQL."""

from __future__ import annotations

import logging

import sqlglot
from sqlglot import Expr, exp

from branch_toolkit_tests.snowflake_double.reading import stored
from branch_toolkit_tests.snowflake_double.refusals import Refused, unknown

# It warns of every statement that it does not know; those are refused here.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def parse(sql: str) -> Expr:
    """The tree of one statement."""
    try:
        tree = sqlglot.parse_one(sql, read="snowflake")
    except sqlglot.errors.SqlglotError as error:
        raise Refused(1003, "42000", f"SQL compilation error:\n{_told(error)}") from None
    if isinstance(tree, exp.Command):
        raise unknown(sql)
    return tree


def _told(error: Exception) -> str:
    found = getattr(error, "errors", None)
    if not found:
        return "syntax error"
    line, column, word = (found[0].get(key) for key in ("line", "col", "highlight"))
    return f"syntax error line {line} at position {column} unexpected '{word}'."


def folded(identifier: Expr | None) -> str:
    """An identifier as it is stored."""
    if not isinstance(identifier, exp.Identifier):
        return ""
    return str(identifier.this) if identifier.quoted else stored(str(identifier.this))


def name_of(node: Expr) -> tuple[str, ...]:
    """The parts of a table's or column's whole name."""
    names = ("catalog", "db", "table", "this")
    return tuple(folded(node.args[key]) for key in names if node.args.get(key) is not None)
