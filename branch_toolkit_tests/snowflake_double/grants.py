"""Roles, GRANT and REVOKE.

https://docs.snowflake.com/en/sql-reference/sql/grant-privilege
https://docs.snowflake.com/en/sql-reference/sql/grant-ownership
"""

from __future__ import annotations

from dataclasses import dataclass

from branch_toolkit_tests.snowflake_double.answers import Answer, done
from branch_toolkit_tests.snowflake_double.ddl import signature
from branch_toolkit_tests.snowflake_double.dispatch import statement
from branch_toolkit_tests.snowflake_double.model import FutureGrant, Grant, Schema, Thing
from branch_toolkit_tests.snowflake_double.reading import Name, Reader, plain
from branch_toolkit_tests.snowflake_double.refusals import already_there, no_right, not_there, wrong
from branch_toolkit_tests.snowflake_double.session import Session

# https://docs.snowflake.com/en/user-guide/security-access-control-privileges
ALL_OF = {
    "DATABASE": ["CREATE SCHEMA", "MODIFY", "MONITOR", "USAGE"],
    "SCHEMA": [
        "ADD SEARCH OPTIMIZATION",
        "CREATE FILE FORMAT",
        "CREATE FUNCTION",
        "CREATE PIPE",
        "CREATE PROCEDURE",
        "CREATE SEQUENCE",
        "CREATE STAGE",
        "CREATE STREAM",
        "CREATE TABLE",
        "CREATE TASK",
        "CREATE VIEW",
        "MODIFY",
        "MONITOR",
        "USAGE",
    ],
    "TABLE": ["DELETE", "INSERT", "REFERENCES", "SELECT", "TRUNCATE", "UPDATE"],
    "VIEW": ["REFERENCES", "SELECT"],
}
_PLURALS = {
    "TABLES": "TABLE",
    "VIEWS": "VIEW",
    "SCHEMAS": "SCHEMA",
    "SEQUENCES": "SEQUENCE",
    "FUNCTIONS": "FUNCTION",
    "PROCEDURES": "PROCEDURE",
    "STAGES": "STAGE",
    "FILE FORMATS": "FILE FORMAT",
    "STREAMS": "STREAM",
    "TASKS": "TASK",
    "PIPES": "PIPE",
    "DYNAMIC TABLES": "TABLE",
    "EXTERNAL TABLES": "TABLE",
    "MATERIALIZED VIEWS": "VIEW",
}
_SINGULARS = (
    *sorted(set(_PLURALS.values()), key=len, reverse=True),
    "DATABASE",
    "WAREHOUSE",
    "ACCOUNT",
)


@dataclass
class _Target:
    """What a grant is about: objects, or those that will be in a schema or database."""

    kind: str
    things: list[Thing]
    future: list[FutureGrant] | None = None


@statement("CREATE ROLE", "CREATE OR REPLACE ROLE")
def create_role(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/create-role."""
    exists_ok = reader.has("IF", "NOT", "EXISTS")
    role = reader.identifier()
    if role in session.account.roles and not exists_ok and "REPLACE" not in reader.text.upper():
        raise already_there(role)
    session.account.roles.setdefault(role, set())
    return done(f"Role {role} successfully created.")


@statement("CREATE DATABASE ROLE")
def create_database_role(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/create-database-role."""
    role = plain(session.of_schema(reader.name()))
    session.account.database_roles.add(role)
    return done(f"Database role {role} successfully created.")


@statement("DROP ROLE")
def drop_role(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/drop-role."""
    exists_ok = reader.has("IF", "EXISTS")
    role = reader.identifier()
    if role not in session.account.roles and not exists_ok:
        raise not_there("Role", role)
    session.account.roles.pop(role, None)
    for granted in session.account.roles.values():
        granted.discard(role)
    return done(f"{role} successfully dropped.")


@statement("CREATE USER", "ALTER USER", "DROP USER", "CREATE WAREHOUSE", "CREATE OR REPLACE USER")
def outside(_session: Session, _reader: Reader) -> Answer:
    """Users and warehouses are not part of the double."""
    return done()


@statement("GRANT ROLE", "REVOKE ROLE")
def grant_role(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/grant-role."""
    granted = reader.identifier()
    reader.any_of("TO", "FROM")
    if reader.has("USER"):
        return done()
    reader.has("ROLE")
    role = reader.identifier()
    for each in (granted, role):
        if each not in session.account.roles:
            raise not_there("Role", each)
    if reader.tokens[0].text.upper() == "GRANT":
        session.account.roles[role].add(granted)
    else:
        session.account.roles[role].discard(granted)
    return done()


@statement("GRANT")
def grant(session: Session, reader: Reader) -> Answer:
    """Privileges on objects that are there or will be."""
    privileges = _privileges(reader)
    target = _target(session, reader)
    reader.needs("TO")
    to, role = _grantee(session, reader)
    option = reader.has("WITH", "GRANT", "OPTION")
    if privileges == ["OWNERSHIP"] and target.future is None:
        return _give_away(session, target, role, reader)
    now = session.account.now()
    if target.future is not None:
        for privilege in _expanded(privileges, target.kind):
            _forget_future(target.future, privilege, target.kind, role)
            target.future.append(FutureGrant(privilege, target.kind, role, now, to))
        return done()
    for thing in target.things:
        _may_grant(session, thing)
        for privilege in _expanded(privileges, target.kind):
            _forget(thing, privilege, role)
            thing.grants.append(Grant(privilege, role, now, option, session.role, to))
    return done()


@statement("REVOKE")
def revoke(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/revoke-privilege."""
    reader.has("GRANT", "OPTION", "FOR")
    privileges = _privileges(reader)
    target = _target(session, reader)
    reader.needs("FROM")
    _, role = _grantee(session, reader)
    for privilege in _expanded(privileges, target.kind):
        if target.future is not None:
            _forget_future(target.future, privilege, target.kind, role)
        for thing in target.things:
            _may_grant(session, thing)
            _forget(thing, privilege, role)
    return done()


def _give_away(session: Session, target: _Target, role: str, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/grant-ownership#usage-notes."""
    handling = reader.any_of("COPY CURRENT GRANTS", "REVOKE CURRENT GRANTS")
    for thing in target.things:
        session.need("OWNERSHIP", thing)
        if handling is None and thing.grants:
            raise wrong(
                f"Dependent grant of privilege '{thing.grants[0].privilege}' on securable"
                f" '{thing.name}' to role '{thing.grants[0].role}' exists. It must be revoked"
                " first. More than one dependent grant may exist.",
                number=3036,
                state="42501",
            )
        if handling == "REVOKE CURRENT GRANTS":
            thing.grants = []
        thing.owner = role
    return done()


def _privileges(reader: Reader) -> list[str]:
    privileges, words = [], []
    while not reader.has("ON"):
        if reader.has(","):
            privileges.append(" ".join(words))
            words = []
        else:
            words.append(reader.word())
    return [*privileges, " ".join(words)]


def _expanded(privileges: list[str], kind: str) -> list[str]:
    if privileges[0] in ("ALL", "ALL PRIVILEGES"):
        return ALL_OF.get(kind, ["USAGE"])
    return privileges


def _target(session: Session, reader: Reader) -> _Target:
    if many := reader.any_of("ALL", "FUTURE"):
        kind = _PLURALS[str(reader.any_of(*sorted(_PLURALS, key=len, reverse=True)))]
        reader.needs("IN")
        if reader.has("SCHEMA"):
            schema = session.see_schema(reader.name())
            if many == "ALL":
                return _Target(kind, list(schema.of_kind(kind)))
            _may_grant(session, schema)
            return _Target(kind, [], schema.future)
        reader.needs("DATABASE")
        database = session.see_database(reader.identifier())
        if many == "FUTURE":
            return _Target(kind, [], database.future)
        schemas: list[Schema] = list(database.schemas.values())
        within = [thing for schema in schemas for thing in schema.of_kind(kind)]
        return _Target(kind, [*schemas] if kind == "SCHEMA" else within)
    kind = reader.any_of(*_SINGULARS) or "TABLE"
    if kind in ("WAREHOUSE",):
        reader.name()
        return _Target(kind, [])
    return _Target(kind, [named(session, kind, reader)])


def named(session: Session, kind: str, reader: Reader) -> Thing:
    """The object that is named next; the account has no name."""
    if kind == "ACCOUNT":
        return session.account.itself
    name: Name = reader.name()
    if kind == "DATABASE":
        return session.see_database(name[0])
    if kind == "SCHEMA":
        return session.see_schema(name)
    arguments = signature(reader.inside()) if reader.sees("(") else ""
    return session.see(kind, name, arguments=arguments, called=kind.capitalize())


def _grantee(session: Session, reader: Reader) -> tuple[str, str]:
    """Whose it is, as SHOW GRANTS calls it, and the name; a database's role has two parts."""
    if not reader.has("DATABASE", "ROLE"):
        return "ROLE", _role(session, reader)
    role = plain(session.of_schema(reader.name()))
    if role not in session.account.database_roles:
        raise not_there("Database role", role)
    return "DATABASE_ROLE", role


def _role(session: Session, reader: Reader) -> str:
    reader.has("ROLE")
    role = reader.identifier()
    if role not in session.account.roles:
        raise not_there("Role", role)
    return role


def _may_grant(session: Session, thing: Thing) -> None:
    roles = session.roles
    if not session.owns(thing) and not any(
        each.option and each.role in roles for each in thing.grants
    ):
        raise no_right(thing.kind, thing.name)


def _forget(thing: Thing, privilege: str, role: str) -> None:
    thing.grants = [
        each for each in thing.grants if (each.privilege, each.role) != (privilege, role)
    ]


def _forget_future(future: list[FutureGrant], privilege: str, kind: str, role: str) -> None:
    future[:] = [
        each for each in future if (each.privilege, each.kind, each.role) != (privilege, kind, role)
    ]
