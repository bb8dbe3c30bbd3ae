"""Schemas: made, cloned, changed, dropped and brought back."""

from __future__ import annotations

from branch_toolkit_tests.snowflake_double import cloning, store
from branch_toolkit_tests.snowflake_double.answers import Answer, done
from branch_toolkit_tests.snowflake_double.dispatch import statement
from branch_toolkit_tests.snowflake_double.model import Database, Schema, give_future
from branch_toolkit_tests.snowflake_double.options import Options, read_options, read_tags
from branch_toolkit_tests.snowflake_double.reading import Name, Reader
from branch_toolkit_tests.snowflake_double.refusals import already_there, no_right, wrong
from branch_toolkit_tests.snowflake_double.session import Session

LONGEST_NAME = 255


@statement(
    "CREATE SCHEMA",
    "CREATE TRANSIENT SCHEMA",
    "CREATE OR REPLACE SCHEMA",
    "CREATE OR REPLACE TRANSIENT SCHEMA",
)
def create_schema(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/create-schema, the clone too."""
    head = {token.text.upper() for token in reader.tokens[: reader.place]}
    exists_ok = reader.has("IF", "NOT", "EXISTS")
    database_name, name = session.of_schema(reader.name())
    options = read_options(reader)
    check_length(name)
    database = session.see_database(database_name)
    if database.details.get("origin") or not session.may("CREATE SCHEMA", database):
        raise no_right("database", database_name)
    if name in database.schemas and exists_ok:
        return done(f"{name} already exists, statement succeeded.")
    if name in database.schemas and "REPLACE" not in head:
        raise already_there(f"{database_name}.{name}")
    schema = Schema("SCHEMA", name, session.role, session.account.now(), options.comment)
    transient = "TRANSIENT" in head or bool(database.details.get("transient"))
    schema.details = {
        "transient": transient,
        "managed": "WITH MANAGED ACCESS" in options.flags,
        "tags": tags_of(session, options.tags),
    }
    schema.retention = checked_retention(session, options, transient=transient)
    if options.clone is not None:
        cloning.clone_schema(session, session.of_schema(options.clone), schema, options)
    if name in database.schemas:
        _bury(session, database, database.schemas[name])
    give_future(schema, database.future)
    database.schemas[name] = schema
    # https://docs.snowflake.com/en/sql-reference/sql/create-schema#usage-notes
    session.database, session.schema = database_name, name
    return done(f"Schema {name} successfully created.")


@statement("ALTER SCHEMA")
def alter_schema(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/alter-schema."""
    exists_ok = reader.has("IF", "EXISTS")
    name = session.of_schema(reader.name())
    if exists_ok and name[1] not in session.account.database(name[0]).schemas:
        return done()
    schema = session.see_schema(name)
    session.need("OWNERSHIP", schema)
    if reader.has("RENAME", "TO"):
        _rename(session, name, session.of_schema(reader.name()))
    elif reader.has("SET", "TAG"):
        schema.details.setdefault("tags", {}).update(tags_of(session, read_tags(reader)))
    elif reader.any_of("ENABLE MANAGED ACCESS", "DISABLE MANAGED ACCESS"):
        schema.details["managed"] = "ENABLE" in reader.text.upper()
    elif reader.has("UNSET"):
        _unset(schema, reader.word())
    else:
        reader.needs("SET")
        options = read_options(reader)
        schema.comment = options.values.get("COMMENT", schema.comment)
        transient = bool(schema.details.get("transient"))
        if options.retention is not None:
            schema.retention = checked_retention(session, options, transient=transient)
    return done()


@statement("COMMENT ON SCHEMA", "COMMENT IF EXISTS ON SCHEMA")
def comment_on_schema(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/comment."""
    schema = session.see_schema(reader.name())
    session.need("OWNERSHIP", schema)
    reader.needs("IS")
    schema.comment = reader.string()
    return done()


@statement("DROP SCHEMA")
def drop_schema(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/drop-schema."""
    exists_ok = reader.has("IF", "EXISTS")
    database_name, name = session.of_schema(reader.name())
    reader.any_of("CASCADE", "RESTRICT")
    reader.end()
    database = session.see_database(database_name)
    if exists_ok and name not in database.schemas:
        return done(
            f"Drop statement executed successfully ({name} already dropped or did not exist)."
        )
    schema = session.see_schema((database_name, name))
    session.need("OWNERSHIP", schema)
    _bury(session, database, schema)
    del database.schemas[name]
    if (session.database, session.schema) == (database_name, name):
        session.schema = None
    return done(f"{name} successfully dropped.")


@statement("UNDROP SCHEMA")
def undrop_schema(session: Session, reader: Reader) -> Answer:
    """The latest of that name: https://docs.snowflake.com/en/sql-reference/sql/undrop-schema."""
    database_name, name = session.of_schema(reader.name())
    database = session.see_database(database_name)
    if name in database.schemas:
        raise already_there(name)
    found = [schema for schema in database.dropped if schema.name == name]
    if not found or not session.owns(found[-1]):
        raise wrong(f"Schema '{name}' did not exist or was purged.", number=2003, state="02000")
    database.dropped.remove(found[-1])
    database.schemas[name] = found[-1]
    return done(f"Schema {name} successfully restored.")


def retention_of(database: Database, schema: Schema) -> int:
    """The days of Time Travel that a schema has, its own or its database's.

    https://docs.snowflake.com/en/user-guide/data-time-travel#data-retention-period
    """
    days = database.retention if schema.retention is None else schema.retention
    return min(days, 1) if schema.details.get("transient") else days


def checked_retention(
    session: Session, options: Options, *, transient: bool, default: int | None = None
) -> int:
    """The retention that is asked for, if the account allows it.

    https://docs.snowflake.com/en/user-guide/data-time-travel#data-retention-period: at most 1 day
    for what is transient and in Standard Edition, 90 otherwise.
    """
    days = options.retention
    if days is None:
        return default  # type: ignore[return-value]
    longest = 1 if transient else session.account.longest_retention
    if not 0 <= days <= longest:
        raise wrong(
            f"Exceeds maximum allowable retention time ({longest}).",
            number=1008,
            state="22023",
        )
    return days


def check_length(name: str) -> None:
    """https://docs.snowflake.com/en/sql-reference/identifiers-syntax: at most 255 characters."""
    if len(name) > LONGEST_NAME:
        raise wrong(
            f"Object name '{name}' is too long, maximum length is {LONGEST_NAME}.",
            number=1003,
            state="42601",
        )


def _rename(session: Session, old: Name, new: Name) -> None:
    database, target = session.account.database(old[0]), session.see_database(new[0])
    check_length(new[1])
    if not session.may("CREATE SCHEMA", target):
        raise no_right("database", new[0])
    if new[1] in target.schemas:
        raise already_there(new[1])
    schema = database.schemas.pop(old[1])
    schema.name = new[1]
    target.schemas[new[1]] = schema
    if (session.database, session.schema) == old:
        session.database, session.schema = new


def tags_of(session: Session, tags: dict[Name, str]) -> dict[Name, str]:
    """The tags that are set, if they are there."""
    for name in tags:
        session.see("TAG", name, called="Tag")
    return tags


def forget_versions(session: Session) -> None:
    """Frees the rows that nothing shows any more."""
    shown = {
        version
        for database in (*session.account.databases.values(), *session.account.dropped)
        for schema in (*database.schemas.values(), *database.dropped)
        for thing in (*schema.things.values(), *schema.gone)
        for version in (
            thing.details.get("at"),
            *(each for _, each in thing.details.get("versions", ())),
        )
    }
    store.forget_all_but(session.duck, {str(version) for version in shown})


def _unset(schema: Schema, option: str) -> None:
    if option == "COMMENT":
        schema.comment = ""
    elif option == "DATA_RETENTION_TIME_IN_DAYS":
        schema.retention = None
    else:
        schema.details["tags"] = {}


def _bury(session: Session, database: Database, schema: Schema) -> None:
    if retention_of(database, schema) > 0:
        schema.details["dropped_on"] = session.account.now()
        database.dropped.append(schema)
