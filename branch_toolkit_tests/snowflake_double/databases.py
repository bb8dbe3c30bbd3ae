"""Databases: made, cloned, changed, dropped and brought back."""

from __future__ import annotations

from branch_toolkit_tests.snowflake_double import cloning
from branch_toolkit_tests.snowflake_double.answers import Answer, done
from branch_toolkit_tests.snowflake_double.dispatch import statement
from branch_toolkit_tests.snowflake_double.model import Database, Schema
from branch_toolkit_tests.snowflake_double.options import Options, read_options, read_tags
from branch_toolkit_tests.snowflake_double.reading import Reader
from branch_toolkit_tests.snowflake_double.refusals import already_there, no_right, wrong
from branch_toolkit_tests.snowflake_double.schemas import (
    check_length,
    checked_retention,
    forget_versions,
    tags_of,
)
from branch_toolkit_tests.snowflake_double.session import Session


@statement("CREATE DATABASE", "CREATE OR REPLACE DATABASE", "CREATE TRANSIENT DATABASE")
def create_database(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/create-database, CLONE and FROM SHARE too."""
    head = {token.text.upper() for token in reader.tokens[: reader.place]}
    exists_ok = reader.has("IF", "NOT", "EXISTS")
    [name] = reader.name()
    check_length(name)
    if not session.may("CREATE DATABASE", session.account.itself):
        raise no_right("account", session.account.name)
    if name in session.account.databases:
        if exists_ok:
            return done(f"{name} already exists, statement succeeded.")
        raise already_there(name)
    origin = ".".join(reader.name()) if reader.has("FROM", "SHARE") else ""
    options = read_options(reader)
    session.account.databases[name] = _made(session, name, origin, options, head)
    # https://docs.snowflake.com/en/sql-reference/sql/create-database#general-usage-notes
    session.database, session.schema = name, "PUBLIC"
    return done(f"Database {name} successfully created.")


def _made(session: Session, name: str, origin: str, options: Options, head: set[str]) -> Database:
    now = session.account.now()
    transient = "TRANSIENT" in head
    database = Database("DATABASE", name, session.role, now, options.comment)
    database.details = {
        "origin": origin,
        "transient": transient,
        "tags": tags_of(session, options.tags),
    }
    database.retention = checked_retention(session, options, transient=transient, default=1)
    if options.clone is None:
        database.schemas["PUBLIC"] = Schema("SCHEMA", "PUBLIC", session.role, now)
    else:
        cloning.clone_database(session, options.clone[0], database, options)
    return database


@statement("DROP DATABASE")
def drop_database(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/drop-database."""
    exists_ok = reader.has("IF", "EXISTS")
    [name] = reader.name()
    reader.any_of("CASCADE", "RESTRICT")
    reader.end()
    if exists_ok and name not in session.account.databases:
        return done("Drop statement executed successfully.")
    database = session.see_database(name)
    session.need("OWNERSHIP", database)
    del session.account.databases[name]
    if database.retention > 0:
        session.account.dropped.append(database)
    forget_versions(session)
    if session.database == name:
        session.database = session.schema = None
    return done(f"{name} successfully dropped.")


@statement("UNDROP DATABASE")
def undrop_database(session: Session, reader: Reader) -> Answer:
    """The latest of that name: https://docs.snowflake.com/en/sql-reference/sql/undrop-database."""
    [name] = reader.name()
    if name in session.account.databases:
        raise already_there(name)
    found = [database for database in session.account.dropped if database.name == name]
    if not found or not session.owns(found[-1]):
        raise wrong(f"Database '{name}' did not exist or was purged.", number=2003, state="02000")
    session.account.dropped.remove(found[-1])
    session.account.databases[name] = found[-1]
    return done(f"Database {name} successfully restored.")


@statement("ALTER DATABASE")
def alter_database(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/alter-database."""
    database = session.see_database(reader.name()[0])
    session.need("OWNERSHIP", database)
    if reader.has("RENAME", "TO"):
        _rename(session, database, reader.name()[0])
    elif reader.has("SET", "TAG"):
        database.details.setdefault("tags", {}).update(tags_of(session, read_tags(reader)))
    else:
        reader.needs("SET")
        options = read_options(reader)
        database.comment = options.values.get("COMMENT", database.comment)
        transient = bool(database.details.get("transient"))
        database.retention = checked_retention(
            session, options, transient=transient, default=database.retention
        )
    return done()


def _rename(session: Session, database: Database, name: str) -> None:
    check_length(name)
    if not session.may("CREATE DATABASE", session.account.itself):
        raise no_right("account", session.account.name)
    if name in session.account.databases:
        raise already_there(name)
    del session.account.databases[database.name]
    if session.database == database.name:
        session.database = name
    database.name = name
    session.account.databases[name] = database
