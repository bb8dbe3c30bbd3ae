"""USE, ALTER SESSION, transactions, and statements that need nothing done."""

from __future__ import annotations

from branch_toolkit_tests.snowflake_double.answers import Answer, done
from branch_toolkit_tests.snowflake_double.dispatch import statement
from branch_toolkit_tests.snowflake_double.reading import Reader
from branch_toolkit_tests.snowflake_double.refusals import Refused
from branch_toolkit_tests.snowflake_double.session import Session


@statement("ALTER SESSION")
def alter_session(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/alter-session."""
    if reader.has("UNSET"):
        while not reader.done:
            session.tag = "" if reader.word() == "QUERY_TAG" else session.tag
            reader.has(",")
        return done()
    reader.needs("SET")
    while not reader.done:
        parameter = reader.word()
        reader.needs("=")
        value = reader.value()
        if parameter == "QUERY_TAG":
            session.tag = value
        elif parameter == "AUTOCOMMIT":
            session.end_transaction(commit=True)
            session.autocommit = value.upper() == "TRUE"
        elif parameter == "SEARCH_PATH":
            session.path = value
        reader.has(",")
    return done()


@statement("USE")
def use(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/use."""
    kind = reader.any_of("ROLE", "WAREHOUSE", "DATABASE", "SCHEMA", "SECONDARY ROLES")
    name = reader.name()
    if kind == "ROLE":
        use_role(session, name[0])
    elif kind in ("DATABASE", None) and len(name) == 1:
        session.database = session.see_database(name[0]).name
        has_public = "PUBLIC" in session.account.database(name[0]).schemas
        session.schema = "PUBLIC" if has_public else None
    elif kind in ("SCHEMA", None):
        whole = session.of_schema(name)
        session.use_schema(whole)
        session.database, session.schema = whole
    return done()


def use_role(session: Session, role: str) -> None:
    """Makes a role the session's; here every user has every role that there is."""
    if role not in session.account.roles:
        raise Refused(
            2043,
            "02000",
            "SQL compilation error:\nObject does not exist, or operation cannot be performed.",
        )
    session.role = role


@statement("BEGIN", "START TRANSACTION")
def begin(session: Session, _reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/begin."""
    session.open = True
    return done()


@statement("COMMIT", "ROLLBACK")
def end(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/commit."""
    session.end_transaction(commit=reader.tokens[0].text.upper() == "COMMIT")
    return done()
