"""The set-up in effect, on the double: what each role may do then, and what errors say before."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from branch_toolkit.cli.snowflake_setup import setup_sql
from branch_toolkit.core.errors import BranchToolkitError, MissingRight
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.rights import advice, missing_grants
from branch_toolkit.warehouses.snowflake.session import Session
from branch_toolkit.warehouses.snowflake.statements import SchemaOptions
from branch_toolkit_tests.snowflakes import SnowflakeDatabase, double_of

TAIL = os.urandom(3).hex().upper()
TOOLKIT, BRANCHES, STRANGER = f"TOOLKIT_{TAIL}", f"BRANCHES_{TAIL}", f"STRANGER_{TAIL}"


@pytest.fixture
def database(snowflake_database: SnowflakeDatabase) -> SnowflakeDatabase:
    """A database with a schema, in an account in which roles may be made as one likes."""
    double_of(snowflake_database)
    with snowflake_database.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE ROLE IF NOT EXISTS {STRANGER}")
        cursor.execute("CREATE SCHEMA ANALYTICS")
        cursor.execute("CREATE TABLE ANALYTICS.ORDERS (ID INT)")
        cursor.execute("CREATE VIEW ANALYTICS.RECENT AS SELECT ID FROM ANALYTICS.ORDERS")
    return snowflake_database


def _set_up(database: SnowflakeDatabase) -> None:
    names = {
        "the_database": database.name,
        "the_warehouse": "transforming",
        "toolkit_role": TOOLKIT,
        "branch_role": BRANCHES,
        "toolkit_user": TOOLKIT,
        "branch_user": BRANCHES,
    }
    lines = setup_sql(names, ["analytics"]).splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    # The double has one administrator, who may do what Snowflake's may do together.
    sql = [each for each in text.split(";") if each.strip() and "USE ROLE" not in each]
    with database.connect() as connection:
        for statement in sql:
            connection.cursor().execute(statement)


@pytest.fixture
def sessions(database: SnowflakeDatabase) -> Iterator[dict[str, Session]]:
    """A session of each role."""
    args = {**database.connection_args, "database": database.name}

    def of(role: str) -> Session:
        from snowflake.connector import connect

        return Session(lambda: connect(**{**args, "role": role}), database.name)

    made = {role: of(role) for role in (TOOLKIT, BRANCHES, STRANGER)}
    yield made
    for session in made.values():
        session.close()


def _missing(database: SnowflakeDatabase, session: Session) -> list[str]:
    base = SchemaName(database.name, "ANALYTICS")
    return missing_grants(session.read, database.name, session.role(), [base])


def test_after_the_set_up_nothing_is_missing_and_nothing_is_advised(
    database: SnowflakeDatabase, sessions: dict[str, Session]
) -> None:
    _set_up(database)
    _set_up(database)
    session, base = sessions[TOOLKIT], SchemaName(database.name, "ANALYTICS")
    assert _missing(database, session) == []
    assert advice(session.read, database.name, TOOLKIT, [base], BRANCHES) == []


def test_what_is_printed_as_missing_is_enough(
    database: SnowflakeDatabase, sessions: dict[str, Session]
) -> None:
    wanted = _missing(database, sessions[STRANGER])
    assert len(wanted) == 7
    for grant in wanted:
        database.run(grant)
    assert _missing(database, sessions[STRANGER]) == []
    base = SchemaName(database.name, "ANALYTICS")
    clone = SchemaName(database.name, "ANALYTICS__PR_42")
    session = sessions[STRANGER]
    session.execute(
        statements.clone_schema(clone, base, SchemaOptions(), comment="{}"), doing="clone"
    )
    assert [row["name"] for row in session.read(f"SHOW TABLES IN SCHEMA {clone}")] == ["ORDERS"]


def test_branches_may_read_production_and_change_nothing(
    database: SnowflakeDatabase, sessions: dict[str, Session]
) -> None:
    _set_up(database)
    session, name = sessions[BRANCHES], database.name
    session.read(f'SELECT * FROM "{name}"."ANALYTICS"."ORDERS"')
    database.run("CREATE TABLE ANALYTICS.LATER (ID INT)")
    session.read(f'SELECT * FROM "{name}"."ANALYTICS"."LATER"')
    for refused in (
        f'INSERT INTO "{name}"."ANALYTICS"."ORDERS" VALUES (1)',
        f'DROP TABLE "{name}"."ANALYTICS"."ORDERS"',
        f'CREATE TABLE "{name}"."ANALYTICS"."MINE" (ID INT)',
        f'CREATE SCHEMA "{name}"."MINE"',
    ):
        with pytest.raises(BranchToolkitError):
            session.execute(refused, doing="change production")


def test_a_refusal_names_the_grant_that_ends_it(
    database: SnowflakeDatabase, sessions: dict[str, Session]
) -> None:
    database.run(f'GRANT USAGE ON DATABASE "{database.name}" TO ROLE {STRANGER}')
    session, clone = sessions[STRANGER], SchemaName(database.name, "MINE")
    make = statements.create_schema(clone, SchemaOptions(), comment="{}")
    assert session.role() == STRANGER
    with pytest.raises(MissingRight) as refused:
        session.execute(make, doing="make schema MINE")
    grant = f'GRANT CREATE SCHEMA ON DATABASE "{database.name}" TO ROLE "{STRANGER}"'
    assert grant in refused.value.remedy
    database.run(grant)
    session.execute(make, doing="make schema MINE")
