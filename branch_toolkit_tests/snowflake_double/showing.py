"""SHOW: https://docs.snowflake.com/en/sql-reference/sql/show, columns as each page lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from branch_toolkit_tests.snowflake_double.answers import Answer
from branch_toolkit_tests.snowflake_double.dispatch import statement
from branch_toolkit_tests.snowflake_double.model import Database, Schema
from branch_toolkit_tests.snowflake_double.reading import Reader
from branch_toolkit_tests.snowflake_double.refusals import Refused, not_there
from branch_toolkit_tests.snowflake_double.schemas import retention_of
from branch_toolkit_tests.snowflake_double.scopes import Scope, in_page, read_scope
from branch_toolkit_tests.snowflake_double.session import Session
from branch_toolkit_tests.snowflake_double.shown_kinds import SHOWN, Found

_DATABASES = [
    "created_on timestamp_ltz",
    "name",
    "is_default",
    "is_current",
    "origin",
    "owner",
    "comment",
    "options",
    "retention_time",
    "kind",
    "budget",
    "owner_role_type",
]
_SCHEMAS = [
    "created_on timestamp_ltz",
    "name",
    "is_default",
    "is_current",
    "database_name",
    "owner",
    "comment",
    "options",
    "retention_time",
    "owner_role_type",
]


@statement("SHOW DATABASES", "SHOW TERSE DATABASES")
def show_databases(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/show-databases."""
    scope = read_scope(session, reader)
    rows = [
        [
            found.created_on,
            found.name,
            "N",
            "Y" if found.name == session.database else "N",
            found.details.get("origin", ""),
            found.owner,
            found.comment,
            "TRANSIENT" if found.details.get("transient") else "",
            str(found.retention),
            "IMPORTED DATABASE" if found.details.get("origin") else "STANDARD",
            None,
            "ROLE",
        ]
        for _, found in sorted(session.account.databases.items())
        if session.may("ANY", found)
    ]
    return Answer(_DATABASES, in_page(rows, scope, by=lambda row: str(row[1])))


@statement("SHOW SCHEMAS", "SHOW TERSE SCHEMAS")
def show_schemas(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/show-schemas, HISTORY too."""
    history = reader.has("HISTORY")
    scope = read_scope(session, reader)
    rows = []
    for database in scope.databases(session):
        ordered = [schema for _, schema in sorted(database.schemas.items())]
        found = [schema for schema in ordered if session.may("ANY", schema)]
        rows += [_schema_row(session, database, schema) for schema in found]
        rows.append(_information_schema(session, database))
        if history:
            gone = [schema for schema in database.dropped if session.owns(schema)]
            rows += [_schema_row(session, database, schema) for schema in gone]
    rows.sort(key=lambda row: (row[4], row[1]))
    dropped = [schema for database in scope.databases(session) for schema in database.dropped]
    when = {id(schema.created_on): schema.details["dropped_on"] for schema in dropped}
    rows = in_page(rows, scope, by=lambda row: str(row[1]))
    if not history:
        return Answer(_SCHEMAS, rows)
    columns = [*_SCHEMAS[:1], "dropped_on timestamp_ltz", *_SCHEMAS[1:]]
    return Answer(columns, [[row[0], when.get(id(row[0])), *row[1:]] for row in rows])


def _information_schema(session: Session, database: Database) -> list[Any]:
    """Every database has it: https://docs.snowflake.com/en/sql-reference/info-schema."""
    said = "Views describing the contents of schemas in this database"
    name = "INFORMATION_SCHEMA"
    return [session.account.now(), name, "N", "N", database.name, "", said, "", "1", ""]


def _schema_row(session: Session, database: Database, schema: Schema) -> list[Any]:
    options = [("TRANSIENT", "transient"), ("MANAGED ACCESS", "managed")]
    current = (session.database, session.schema) == (database.name, schema.name)
    return [
        schema.created_on,
        schema.name,
        "N",
        "Y" if current else "N",
        database.name,
        schema.owner,
        schema.comment,
        ", ".join(word for word, key in options if schema.details.get(key)),
        str(retention_of(database, schema)),
        "ROLE",
    ]


@statement(*(f"SHOW {kind}" for kind in SHOWN), *(f"SHOW TERSE {kind}" for kind in SHOWN))
def show_objects(session: Session, reader: Reader) -> Answer:
    """The objects of one kind, in a schema, a database or the account."""
    words = [token.text.upper() for token in reader.tokens[1 : reader.place]]
    shown = SHOWN[" ".join(word for word in words if word != "TERSE")]
    scope = read_scope(session, reader)
    rows: list[Sequence[Any]] = []
    for database, schema in scope.schemas(session):
        for thing in schema.of_kind(*shown.kinds):
            found = Found(session, database, schema, thing)
            if shown.includes(thing) and session.may("ANY", thing):
                rows += shown.rows(found)
    index = [column.split()[0] for column in shown.columns].index(shown.name_column)
    return Answer(shown.columns, in_page(rows, scope, by=lambda row: str(row[index])))


@statement("SHOW ROLES")
def show_roles(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/show-roles."""
    scope: Scope = read_scope(session, reader)
    rows = [[role, "", "SECURITYADMIN"] for role in session.account.roles]
    return Answer(["name", "comment", "owner"], in_page(rows, scope, by=lambda row: row[0]))


@statement("SHOW PARAMETERS")
def show_parameters(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/show-parameters: retention alone."""
    scope = read_scope(session, reader)
    days = "1"
    try:
        [(database, schema)] = list(scope.schemas(session))[:1]
        days = str(retention_of(database, schema) if scope.schema else database.retention)
    except (Refused, ValueError):
        raise not_there("Object", "PARAMETERS") from None
    columns = ["key", "value", "default", "level", "description", "type"]
    row = ["DATA_RETENTION_TIME_IN_DAYS", days, "1", "", "", "NUMBER"]
    return Answer(columns, in_page([row], scope, by=lambda each: each[0]))
