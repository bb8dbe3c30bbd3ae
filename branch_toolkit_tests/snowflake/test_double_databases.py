"""The double's databases: cloned with all that is in them, renamed, dropped and brought back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from snowflake.connector.errors import ProgrammingError

from branch_toolkit_tests.snowflake.account import Account
from branch_toolkit_tests.snowflakes import SnowflakeDatabase


@pytest.fixture
def account(snowflake_database: SnowflakeDatabase) -> Iterator[Account]:
    with Account.of(snowflake_database) as account:
        yield account


def test_a_clone_has_all_and_is_independent(account: Account) -> None:
    """https://docs.snowflake.com/en/user-guide/object-clone."""
    base, copy = account.base, f"{account.base}_COPY"
    account.run(f"CREATE DATABASE {copy} CLONE {base}")
    assert set(account.databases[copy].schemas) == {"ANALYTICS", "PUBLIC", "STAGING"}
    account.run(f"INSERT INTO {copy}.ANALYTICS.ORDERS (N) VALUES (5)")
    assert account.run(f"SELECT COUNT(*) FROM {base}.ANALYTICS.ORDERS") == [(2,)]
    assert account.run(f"SELECT COUNT(*) FROM {copy}.ANALYTICS.ORDERS") == [(3,)]
    # A view with whole names reads base still; one without a database reads the clone.
    assert account.run(f"SELECT N FROM {copy}.ANALYTICS.TOTALS") == [(30,)]
    [column, _] = (
        account.databases[copy].schemas["ANALYTICS"].things["TABLE", "ORDERS"].details["columns"]
    )
    assert column.default == f"{copy}.STAGING.IDS.NEXTVAL"


def test_the_clone_itself_has_no_grants_and_its_schemas_have(account: Account) -> None:
    """https://docs.snowflake.com/en/user-guide/object-clone#access-control-privileges-for-cloned-objects."""
    account.run(f"CREATE DATABASE {account.base}_COPY CLONE {account.base}")
    copy = account.databases[f"{account.base}_COPY"]
    assert copy.grants == []
    assert [grant.role for grant in copy.schemas["ANALYTICS"].grants] == ["READER"]


def test_hybrid_tables_are_cloned_with_their_database_unless_ignored(account: Account) -> None:
    """https://docs.snowflake.com/en/user-guide/tables-hybrid-clone."""
    base = account.base
    account.run(
        f"CREATE HYBRID TABLE {base}.ANALYTICS.H (ID INT PRIMARY KEY)",
        f"CREATE DATABASE {base}_A CLONE {base}",
        f"CREATE DATABASE {base}_B CLONE {base} IGNORE HYBRID TABLES",
    )
    assert ("TABLE", "H") in account.databases[f"{base}_A"].schemas["ANALYTICS"].things
    assert ("TABLE", "H") not in account.databases[f"{base}_B"].schemas["ANALYTICS"].things


def test_a_transient_database_has_no_permanent_clone(account: Account) -> None:
    """https://docs.snowflake.com/en/sql-reference/sql/create-clone."""
    account.run(f"CREATE TRANSIENT DATABASE {account.base}_T")
    with pytest.raises(ProgrammingError, match="Transient object cannot be cloned"):
        account.run(f"CREATE DATABASE {account.base}_U CLONE {account.base}_T")
    account.run(f"CREATE TRANSIENT DATABASE {account.base}_U CLONE {account.base}_T")


def test_a_database_is_renamed_dropped_and_brought_back(account: Account) -> None:
    """https://docs.snowflake.com/en/sql-reference/sql/undrop-database."""
    base = account.base
    account.run(
        f"CREATE DATABASE {base}_A",
        f"ALTER DATABASE {base}_A RENAME TO {base}_B",
        f"ALTER DATABASE {base}_B SET COMMENT = 'mine'",
        f"DROP DATABASE {base}_B CASCADE",
    )
    assert account.made == set()
    account.run(f"CREATE DATABASE {base}_B")
    with pytest.raises(ProgrammingError, match="already exists"):
        account.run(f"UNDROP DATABASE {base}_B")
    account.run(f"ALTER DATABASE {base}_B RENAME TO {base}_C", f"UNDROP DATABASE {base}_B")
    assert account.databases[f"{base}_B"].comment == "mine"
    with pytest.raises(ProgrammingError, match="already exists"):
        account.run(f"ALTER DATABASE {base}_B RENAME TO {base}_C")
    account.run(f"CREATE TRANSIENT DATABASE {base}_D DATA_RETENTION_TIME_IN_DAYS = 0")
    account.run(f"DROP DATABASE {base}_D")
    with pytest.raises(ProgrammingError, match="did not exist or was purged"):
        account.run(f"UNDROP DATABASE {base}_D")


def test_databases_are_listed_in_pages_and_by_how_they_begin(account: Account) -> None:
    """https://docs.snowflake.com/en/sql-reference/sql/show-databases."""
    base = account.base
    account.run(*(f"CREATE DATABASE {base}_{letter}" for letter in "ABC"))
    rows = account.run(f"SHOW DATABASES STARTS WITH '{base}_'")
    assert [row[1] for row in rows] == [f"{base}_A", f"{base}_B", f"{base}_C"]
    rows = account.run(f"SHOW DATABASES STARTS WITH '{base}_' LIMIT 1 FROM '{base}_A'")
    assert [row[1] for row in rows] == [f"{base}_B"]


def test_making_a_database_takes_a_right_on_the_account(account: Account) -> None:
    """https://docs.snowflake.com/en/user-guide/security-access-control-privileges."""
    role = f"R_{account.base}"
    account.run(f"CREATE ROLE {role}")
    make = f"CREATE DATABASE {account.base}_R"
    with account.connect(role=role) as connection:
        with pytest.raises(ProgrammingError, match="Insufficient privileges"):
            connection.cursor().execute(make)
        account.run(f"GRANT CREATE DATABASE ON ACCOUNT TO ROLE {role}")
        rows = account.run("SHOW GRANTS ON ACCOUNT")
        assert ("CREATE DATABASE", role) in {(row[1], row[5]) for row in rows}
        connection.cursor().execute(make)
    assert account.databases[f"{account.base}_R"].owner == role
