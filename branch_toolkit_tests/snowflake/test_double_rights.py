"""The double's roles and grants.

https://docs.snowflake.com/en/user-guide/security-access-control-overview
https://docs.snowflake.com/en/sql-reference/sql/grant-privilege
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError

from branch_toolkit_tests.snowflakes import Asking, SnowflakeDatabase, double_of


@pytest.fixture
def role(ask: Asking, snowflake_database: SnowflakeDatabase) -> Iterator[str]:
    """A role that may use the database, and A in it."""
    double_of(snowflake_database)  # A real user would have to be given the role.
    name = f"R_{os.urandom(3).hex().upper()}"
    ask(f"CREATE ROLE {name}")
    ask(f"GRANT USAGE ON DATABASE {snowflake_database.name} TO ROLE {name}")
    ask(f"GRANT USAGE ON SCHEMA A TO ROLE {name}")
    ask("CREATE TABLE T AS SELECT 1 AS N")
    yield name
    ask(f"DROP ROLE {name}")


@pytest.fixture
def limited(role: str, snowflake_database: SnowflakeDatabase) -> Iterator[Asking]:
    """A session with that role."""
    with snowflake_database.connect(role=role, schema="A") as connection:
        yield Asking(connection)


def _refused(asking: Asking, sql: str, text: str, number: int) -> None:
    with pytest.raises(ProgrammingError, match=text) as caught:
        asking(sql)
    assert caught.value.errno == number


def test_to_make_a_schema_takes_a_right_on_the_database(
    ask: Asking, limited: Asking, role: str, snowflake_database: SnowflakeDatabase
) -> None:
    name = snowflake_database.name
    text = f"Insufficient privileges to operate on database '{name}'"
    _refused(limited, "CREATE SCHEMA B", text, 3001)
    ask(f"GRANT CREATE SCHEMA ON DATABASE {name} TO ROLE {role}")
    limited("CREATE SCHEMA B")
    owners = {row["name"]: row["owner"] for row in limited.rows("SHOW SCHEMAS IN DATABASE")}
    assert (owners["A"], owners["B"]) == ("SYSADMIN", role)


def test_only_its_owner_changes_or_drops_a_schema(limited: Asking) -> None:
    text = "Insufficient privileges to operate on schema 'A'"
    for sql in ("ALTER SCHEMA A SET COMMENT = 'x'", "ALTER SCHEMA A RENAME TO B", "DROP SCHEMA A"):
        _refused(limited, sql, text, 3001)


def test_what_a_role_has_no_right_on_is_not_there_for_it(
    ask: Asking, limited: Asking, role: str
) -> None:
    _refused(limited, "SELECT * FROM T", "does not exist or not authorized", 2003)
    assert limited("SHOW TABLES") == []
    ask(f"GRANT SELECT ON TABLE T TO ROLE {role}")
    assert limited("SELECT * FROM T") == [(1,)]
    _refused(limited, "INSERT INTO T VALUES (2)", "Insufficient privileges", 3001)
    _refused(limited, "DROP TABLE T", "Insufficient privileges", 3001)
    ask(f"REVOKE SELECT ON TABLE T FROM ROLE {role}")
    _refused(limited, "SELECT * FROM T", "does not exist or not authorized", 2003)


def test_a_table_is_of_no_use_without_its_schema(ask: Asking, limited: Asking, role: str) -> None:
    ask(f"GRANT SELECT ON TABLE T TO ROLE {role}")
    ask(f"REVOKE USAGE ON SCHEMA A FROM ROLE {role}")
    _refused(limited, "SELECT * FROM A.T", "does not exist or not authorized", 2003)
    assert "A" not in limited.column("SHOW SCHEMAS IN DATABASE")


def test_a_view_is_read_with_its_owners_rights(ask: Asking, limited: Asking, role: str) -> None:
    ask("CREATE VIEW V AS SELECT N FROM T")
    ask(f"GRANT SELECT ON VIEW V TO ROLE {role}")
    assert limited("SELECT * FROM V") == [(1,)]
    _refused(limited, "SELECT * FROM T", "does not exist or not authorized", 2003)


def test_a_role_has_what_is_granted_to_the_roles_that_it_has(
    ask: Asking, limited: Asking, role: str
) -> None:
    ask("CREATE ROLE IF NOT EXISTS READERS")
    ask("GRANT SELECT ON ALL TABLES IN SCHEMA A TO ROLE READERS")
    assert limited("SELECT IS_ROLE_IN_SESSION('READERS')") == [(False,)]
    ask(f"GRANT ROLE READERS TO ROLE {role}")
    assert limited("SELECT IS_ROLE_IN_SESSION('READERS')") == [(True,)]
    assert limited("SELECT * FROM T") == [(1,)]
    assert limited("SELECT CURRENT_ROLE()") == [(role,)]


def test_future_grants_are_given_to_what_is_made_later(
    ask: Asking, limited: Asking, role: str
) -> None:
    ask(f"GRANT SELECT ON FUTURE TABLES IN SCHEMA A TO ROLE {role}")
    [row] = ask.rows("SHOW FUTURE GRANTS IN SCHEMA A")
    assert (row["privilege"], row["grant_on"], row["grantee_name"]) == ("SELECT", "TABLE", role)
    assert row["name"].endswith(".A.<TABLE>")
    ask("CREATE TABLE LATER AS SELECT 2 AS N")
    assert limited("SELECT * FROM LATER") == [(2,)]
    _refused(limited, "SELECT * FROM T", "does not exist or not authorized", 2003)


def test_a_cloned_schemas_content_keeps_its_grants_and_owners_and_the_schema_does_not(
    ask: Asking, limited: Asking, role: str, snowflake_database: SnowflakeDatabase
) -> None:
    ask(f"GRANT SELECT ON TABLE T TO ROLE {role}")
    ask(f"GRANT CREATE SCHEMA ON DATABASE {snowflake_database.name} TO ROLE {role}")
    limited("CREATE SCHEMA B CLONE A")
    assert {row["privilege"] for row in ask.rows("SHOW GRANTS ON SCHEMA B")} == {"OWNERSHIP"}
    assert ask.column("SHOW TABLES IN SCHEMA B", "owner") == ["SYSADMIN"]
    assert limited("SELECT * FROM B.T") == [(1,)]
    _refused(limited, "DELETE FROM B.T", "Insufficient privileges", 3001)


@pytest.mark.parametrize(("copy", "kept"), [("COPY GRANTS", {"SELECT"}), ("", set())])
def test_a_cloned_table_is_its_makers_and_keeps_grants_only_if_asked(
    ask: Asking, limited: Asking, role: str, copy: str, kept: set[str]
) -> None:
    ask(f"GRANT SELECT ON TABLE T TO ROLE {role}")
    ask(f"GRANT CREATE TABLE ON SCHEMA A TO ROLE {role}")
    limited(f"CREATE TABLE U CLONE T {copy}")
    grants = {row["privilege"]: row for row in ask.rows("SHOW GRANTS ON TABLE U")}
    assert set(grants) == {"OWNERSHIP"} | kept
    assert grants["OWNERSHIP"]["grantee_name"] == role


def test_all_objects_of_a_kind_are_given_away_with_what_is_granted_on_them(
    ask: Asking, role: str
) -> None:
    ask("GRANT SELECT ON TABLE T TO ROLE PUBLIC")
    with pytest.raises(ProgrammingError, match="Dependent grant"):
        ask(f"GRANT OWNERSHIP ON ALL TABLES IN SCHEMA A TO ROLE {role}")
    ask(f"GRANT OWNERSHIP ON ALL TABLES IN SCHEMA A TO ROLE {role} COPY CURRENT GRANTS")
    assert ask.column("SHOW TABLES", "owner") == [role]
    grants = {row["privilege"] for row in ask.rows("SHOW GRANTS ON TABLE T")}
    assert grants == {"OWNERSHIP", "SELECT"}


def test_what_a_role_has_is_shown(ask: Asking, role: str) -> None:
    ask(f"GRANT ALL PRIVILEGES ON SCHEMA A TO ROLE {role} WITH GRANT OPTION")
    rows = ask.rows(f"SHOW GRANTS TO ROLE {role}")
    on_schema = {row["privilege"]: row for row in rows if row["granted_on"] == "SCHEMA"}
    assert {"USAGE", "CREATE TABLE", "CREATE VIEW"} <= set(on_schema)
    assert on_schema["CREATE TABLE"]["name"].endswith(".A")
    assert on_schema["CREATE TABLE"]["grant_option"] == "true"


def test_only_who_owns_or_may_pass_on_grants(ask: Asking, limited: Asking, role: str) -> None:
    ask(f"GRANT SELECT ON TABLE T TO ROLE {role}")
    _refused(limited, "GRANT SELECT ON TABLE T TO ROLE PUBLIC", "Insufficient privileges", 3001)
    ask(f"GRANT SELECT ON TABLE T TO ROLE {role} WITH GRANT OPTION")
    limited("GRANT SELECT ON TABLE T TO ROLE PUBLIC")


def test_a_role_that_is_not_there_cannot_be_granted_to_or_logged_in_with(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    with pytest.raises(ProgrammingError, match=r"Role 'NOBODY' does not exist"):
        ask("GRANT USAGE ON SCHEMA A TO ROLE NOBODY")
    with (
        pytest.raises(DatabaseError, match="NOBODY"),
        snowflake_database.connect(role="NOBODY"),
    ):
        pass
