"""What is granted on a base schema or database itself, which a clone does not inherit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.plan import Note, Statement
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.contents import Contents
from branch_toolkit.warehouses.snowflake.names import DatabaseName, Place
from branch_toolkit.warehouses.snowflake.session import Row, Session

_OWNERSHIP = "OWNERSHIP"
# What a clone may hold, as GRANT … ON ALL calls it.
_HANDED_OVER = {
    "VIEW": "VIEWS",
    "MATERIALIZED VIEW": "MATERIALIZED VIEWS",
    "SEQUENCE": "SEQUENCES",
    "FILE FORMAT": "FILE FORMATS",
    "FUNCTION": "FUNCTIONS",
    "PROCEDURE": "PROCEDURES",
}


@dataclass(frozen=True, slots=True)
class Grants:
    """What is granted on a clone.

    Args:
        statements: Grant what is granted on base.
        hand_over: Make it the branches' role's own.
        notes: What is not granted again, and why.
    """

    statements: tuple[Statement, ...]
    hand_over: tuple[Statement, ...]
    notes: tuple[Note, ...]


def plan_grants(
    session: Session, base: Contents, clone: Place, *, branch_role: str | None
) -> Grants:
    """What is granted on a clone of a base schema.

    https://docs.snowflake.com/en/user-guide/object-clone: "the clone of the container itself does
    not inherit the privileges granted on the source container".
    """
    notes: list[Note] = []
    container = _read(session, statements.show_grants_on_schema(base.schema), notes)
    future = _read(session, statements.show_future_grants(base.schema), notes)
    found = [*_container(clone, container), *_future(clone, future)]
    others = [row for row in container if row["granted_to"] != "ROLE"]
    others += [row for row in future if row.get("grant_to", "ROLE") != "ROLE"]
    for row in others:
        text = "not given again: only what account roles have is"
        notes.append(Note(f"{row['privilege']} to {row['grantee_name']}", text))
    hand_over = [] if branch_role is None else _hand_over(base, clone, branch_role)
    return Grants(tuple(found), tuple(hand_over), tuple(notes))


def _read(session: Session, sql: str, notes: list[Note]) -> list[Row]:
    try:
        return session.read(sql)
    except BranchToolkitError as error:
        notes.append(Note("grants", f"could not be read, so they are not given again: {error}"))
        return []


def _container(clone: Place, rows: list[Row]) -> Iterator[Statement]:
    for row in rows:
        if row["privilege"] != _OWNERSHIP and row["granted_to"] == "ROLE":
            role, option = str(row["grantee_name"]), str(row["grant_option"]).lower() == "true"
            sql = statements.grant_on_schema(row["privilege"], clone, role, option=option)
            yield _grant(clone, f"{row['privilege']} to {role}", sql)


def _future(clone: Place, rows: list[Row]) -> Iterator[Statement]:
    for row in rows:
        # What will be made in a branch belongs to the branch.
        if row["privilege"] != _OWNERSHIP and row.get("grant_to", "ROLE") == "ROLE":
            kind, role = f"{row['grant_on']}S".replace("_", " "), str(row["grantee_name"])
            sql = statements.grant_on_future(row["privilege"], kind, clone, role)
            yield _grant(clone, f"{row['privilege']} on future {kind.lower()} to {role}", sql)


def _hand_over(base: Contents, clone: Place, role: str) -> Iterator[Statement]:
    yield _grant(clone, f"all to {role}", statements.grant_all(clone, role))
    if isinstance(clone, DatabaseName):
        sql = statements.grant_all_schemas(clone, role)
        yield _grant(clone, f"all on schemas to {role}", sql)
    kinds = ["TABLES", *(name for kind, name in _HANDED_OVER.items() if base.of(kind))]
    for kind in kinds:
        yield _grant(clone, f"{kind.lower()} to {role}", statements.own_all(kind, clone, role))


def _grant(clone: Place, what: str, sql: str) -> Statement:
    return Statement(sql=sql, action="grant", schema=clone.name, object=what)
