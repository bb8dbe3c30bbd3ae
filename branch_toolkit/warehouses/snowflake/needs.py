"""What an administrator has to grant before schemas, or whole databases, can be cloned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from branch_toolkit.core.plan import Note
from branch_toolkit.warehouses.snowflake import asked_grants, queries, rights
from branch_toolkit.warehouses.snowflake.holdings import Asking
from branch_toolkit.warehouses.snowflake.names import Place, SchemaName
from branch_toolkit.warehouses.snowflake.session import Session

# https://docs.snowflake.com/en/user-guide/security-access-control-privileges#global-privileges-account-level-privileges
_MAKE = "CREATE DATABASE"
_ON_ACCOUNT = "SHOW GRANTS ON ACCOUNT"


def missing_grants(session: Session, bases: Sequence[Place]) -> list[str]:
    """The statements that an administrator would execute before the session's role could clone.

    Args:
        session: The session.
        bases: The base schemas, or databases; they exist.
    """
    role = session.role()
    found = [
        grant
        for database, schemas in _by_database(session, bases).items()
        for grant in rights.missing_grants(session.read, database, role, schemas)
        if session.database is not None or grant != asked_grants.create_schema(database, role)
    ]
    if session.database is None and not _may_make_databases(session, role):
        found.append(asked_grants.create_database(role))
    return found


def advice(session: Session, bases: Sequence[Place], branch_role: str | None) -> list[Note]:
    """What would make branches safer, each with the statements that an administrator would execute.

    Args:
        session: The session.
        bases: The base schemas, or databases.
        branch_role: The role that branches act as, if there is one.
    """
    role = session.role()
    return [
        note
        for database, schemas in _by_database(session, bases).items()
        for note in rights.advice(session.read, database, role, schemas, branch_role)
    ]


def _by_database(session: Session, bases: Sequence[Place]) -> Mapping[str, list[SchemaName]]:
    """The schemas that are cloned, by their database; that of the session even if it has none."""
    found: dict[str, list[SchemaName]] = {session.database: []} if session.database else {}
    for base in bases:
        for schema in queries.schemas_in(session, base):
            found.setdefault(schema.database, []).append(schema)
    return found


def _may_make_databases(session: Session, role: str) -> bool:
    asking = Asking(session.read, role)
    held = any(each.privilege == _MAKE for each in asking.held.grants)
    return held or asking.may_create({_MAKE}, _ON_ACCOUNT)
