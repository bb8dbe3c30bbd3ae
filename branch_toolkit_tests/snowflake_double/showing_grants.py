"""SHOW GRANTS and SHOW FUTURE GRANTS: https://docs.snowflake.com/en/sql-reference/sql/show-grants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from branch_toolkit_tests.snowflake_double.answers import Answer
from branch_toolkit_tests.snowflake_double.dispatch import statement
from branch_toolkit_tests.snowflake_double.grants import named
from branch_toolkit_tests.snowflake_double.model import FutureGrant, Thing
from branch_toolkit_tests.snowflake_double.reading import Name, Reader, plain
from branch_toolkit_tests.snowflake_double.refusals import not_there
from branch_toolkit_tests.snowflake_double.session import Session

_KINDS = ("ACCOUNT", "DATABASE", "SCHEMA", "TABLE", "VIEW", "SEQUENCE", "FUNCTION", "PROCEDURE")
_COLUMNS = [
    "created_on timestamp_ltz",
    "privilege",
    "granted_on",
    "name",
    "granted_to",
    "grantee_name",
    "grant_option",
    "granted_by",
]
_FUTURE = [
    "created_on timestamp_ltz",
    "privilege",
    "grant_on",
    "name",
    "grant_to",
    "grantee_name",
    "grant_option",
]


@statement("SHOW GRANTS ON")
def show_grants_on(session: Session, reader: Reader) -> Answer:
    """What is granted on an object, OWNERSHIP among it."""
    kind = reader.any_of(*_KINDS) or "TABLE"
    place = reader.place
    thing = named(session, kind, reader)
    if kind == "ACCOUNT":
        return Answer(_COLUMNS, _rows(thing, (thing.name,))[1:])
    reader.place = place
    name = reader.name()
    whole = name if kind == "DATABASE" else _whole(session, kind, name)
    return Answer(_COLUMNS, sorted(_rows(thing, whole), key=lambda row: str(row[1:])))


@statement("SHOW GRANTS TO ROLE", "SHOW GRANTS TO")
def show_grants_to_role(session: Session, reader: Reader) -> Answer:
    """What a role has been granted itself."""
    reader.has("ROLE")
    role = reader.identifier()
    if role not in session.account.roles:
        raise not_there("Role", role)
    rows = [row for thing, name in _everything(session) for row in _rows(thing, name)]
    rows = [row for row in rows if row[5] == role]
    now = session.account.now()
    rows += [
        [now, "USAGE", "ROLE", each, "ROLE", role, "false", "SECURITYADMIN"]
        for each in sorted(session.account.roles[role])
    ]
    return Answer(_COLUMNS, rows)


@statement("SHOW GRANTS OF ROLE")
def show_grants_of_role(session: Session, reader: Reader) -> Answer:
    """To which roles a role is granted."""
    role = reader.identifier()
    now = session.account.now()
    rows = [
        [now, role, "ROLE", other, "SECURITYADMIN"]
        for other, granted in session.account.roles.items()
        if role in granted
    ]
    columns = ["created_on timestamp_ltz", "role", "granted_to", "grantee_name", "granted_by"]
    return Answer(columns, rows)


@statement("SHOW FUTURE GRANTS IN", "SHOW FUTURE GRANTS TO ROLE")
def show_future_grants(session: Session, reader: Reader) -> Answer:
    """What will be granted on what is made."""
    if reader.tokens[reader.place - 1].text.upper() == "ROLE":
        role = reader.identifier()
        every = (
            (each, (database.name, schema.name))
            for database, schema in session.account.all_schemas()
            for each in schema.future
        )
        return Answer(_FUTURE, [_future(one, at) for one, at in every if one.role == role])
    if reader.has("DATABASE"):
        database = session.see_database(reader.identifier())
        return Answer(_FUTURE, [_future(each, (database.name,)) for each in database.future])
    reader.needs("SCHEMA")
    name = session.of_schema(reader.name())
    schema = session.see_schema(name)
    return Answer(_FUTURE, [_future(each, name) for each in schema.future])


def _future(each: FutureGrant, name: Name) -> list[Any]:
    shown = f"{plain(name)}.<{each.kind}>"
    kind = each.kind.replace(" ", "_")
    return [each.created_on, each.privilege, kind, shown, each.to, each.role, "false"]


def _rows(thing: Thing, name: Name) -> list[list[Any]]:
    kind, shown = thing.kind.replace(" ", "_"), plain(name) + thing.arguments
    owner = [thing.created_on, "OWNERSHIP", kind, shown, "ROLE", thing.owner, "true", thing.owner]
    return [
        owner,
        *(
            [
                each.created_on,
                each.privilege,
                kind,
                shown,
                each.to,
                each.role,
                str(each.option).lower(),
                each.by,
            ]
            for each in thing.grants
        ),
    ]


def _whole(session: Session, kind: str, name: Name) -> Name:
    return session.of_schema(name) if kind == "SCHEMA" else session.of_thing(name)


def _everything(session: Session) -> Iterator[tuple[Thing, Name]]:
    yield session.account.itself, (session.account.name,)
    for database in session.account.databases.values():
        yield database, (database.name,)
        for schema in database.schemas.values():
            yield schema, (database.name, schema.name)
            for thing in schema.things.values():
                yield thing, (database.name, schema.name, thing.name)
