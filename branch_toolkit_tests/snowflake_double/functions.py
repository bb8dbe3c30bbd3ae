"""Functions that say something of the session or of an object."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import Expr, exp

from branch_toolkit_tests.snowflake_double.ddl import get_ddl
from branch_toolkit_tests.snowflake_double.session import Session

VERSION = "9.38.0"

# https://docs.snowflake.com/en/sql-reference/functions-context
_CONTEXT: dict[str, Callable[[Session], str | None]] = {
    "CURRENT_VERSION": lambda _: VERSION,
    "CURRENT_ROLE": lambda session: session.role,
    "CURRENT_DATABASE": lambda session: session.database,
    "CURRENT_SCHEMA": lambda session: session.schema,
    "CURRENT_USER": lambda _: "TESTER",
    "CURRENT_WAREHOUSE": lambda _: "TESTING",
    "CURRENT_ACCOUNT": lambda _: "AB12345",
    "CURRENT_ACCOUNT_NAME": lambda session: session.account.name,
    "CURRENT_ORGANIZATION_NAME": lambda session: session.account.organization,
    "CURRENT_SESSION": lambda session: str(id(session)),
}
_CLASSES: dict[str, str] = {
    "CurrentVersion": "CURRENT_VERSION",
    "CurrentRole": "CURRENT_ROLE",
    "CurrentDatabase": "CURRENT_DATABASE",
    "CurrentCatalog": "CURRENT_DATABASE",
    "CurrentSchema": "CURRENT_SCHEMA",
    "CurrentUser": "CURRENT_USER",
    "CurrentWarehouse": "CURRENT_WAREHOUSE",
    "CurrentAccount": "CURRENT_ACCOUNT",
    "CurrentAccountName": "CURRENT_ACCOUNT_NAME",
    "CurrentOrganizationName": "CURRENT_ORGANIZATION_NAME",
    "CurrentSession": "CURRENT_SESSION",
}


def call(session: Session, node: Expr) -> Expr | None:
    """The value of a function that the double itself knows; None if DuckDB shall call it."""
    name = node.name.upper() if isinstance(node, exp.Anonymous) else _CLASSES.get(_class(node), "")
    value: Expr | None = None
    if name in _CONTEXT:
        text = _CONTEXT[name](session)
        value = exp.Null() if text is None else exp.Literal.string(text)
    elif name == "IS_ROLE_IN_SESSION":
        # https://docs.snowflake.com/en/sql-reference/functions/is_role_in_session
        value = exp.Boolean(this=node.expressions[0].name in session.roles)
    elif name == "GET_DDL":
        kind, of, *qualified = node.expressions
        whole = bool(qualified) and qualified[0].sql().upper() == "TRUE"
        value = exp.Literal.string(get_ddl(session, kind.name, of.name, qualified=whole))
    if value is not None and isinstance(node.parent, exp.Select):
        return exp.alias_(value, node.sql("snowflake"), quoted=True)
    return value


def _class(node: Expr) -> str:
    return type(node).__name__
