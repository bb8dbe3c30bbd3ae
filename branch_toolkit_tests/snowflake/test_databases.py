"""Whole databases as environments: made, marked, led to themselves, set aside and dropped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    BranchToolkitError,
    CannotUndrop,
    CloneFailed,
    EnvironmentBusy,
    EnvironmentNotFound,
    MissingRight,
    SchemaNotOwned,
)
from branch_toolkit.core.strategy import InvalidRule, Rule, Strategy
from branch_toolkit.warehouses.snowflake import dropping
from branch_toolkit.warehouses.snowflake.locking import Locking
from branch_toolkit.warehouses.snowflake.session import Session, opened
from branch_toolkit_tests.snowflake.account import Account
from branch_toolkit_tests.snowflake.scene import NOW, branch
from branch_toolkit_tests.snowflakes import SnowflakeDatabase


@pytest.fixture
def account(snowflake_database: SnowflakeDatabase) -> Iterator[Account]:
    """An account with a database that branches get clones of."""
    with Account.of(snowflake_database) as account:
        yield account


def test_a_clone_is_the_whole_database_and_leads_to_itself_alone(account: Account) -> None:
    report = account.provision()
    account.assert_whole()
    account.run(f"INSERT INTO {account.clone}.ANALYTICS.ORDERS (N) VALUES (70)")
    assert account.run(f"SELECT N FROM {account.clone}.ANALYTICS.TOTALS") == [(100,)]
    assert account.run(f"SELECT N FROM {account.base}.ANALYTICS.TOTALS") == [(30,)]
    found = account.environment()
    assert found
    assert [clone.name for clone in found.clones] == [account.clone]
    done = {(one.action, one.object) for one in report.results}
    assert ("clone", "database") in done
    assert ("clone", "table ANALYTICS.ORDERS") in done
    with account.environments() as environments:
        assert environments.warehouse.examine(found.clones) == []
        tables = environments.warehouse.tables(found.clones)
    assert (account.clone, "ANALYTICS.ORDERS") in tables
    assert (account.clone, "STAGING.AGAIN") in tables


def test_these_statements_make_it(account: Account) -> None:
    before = len(account.double.statements)
    account.provision()
    # https://docs.snowflake.com/en/sql-reference/sql/create-clone
    assert account.since(before, "CREATE", "ALTER DATABASE", "DROP", "GRANT", "USE", "create") == [
        """CREATE TRANSIENT DATABASE "L" DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = '…'""",
        """CREATE DATABASE "P__PR_42" CLONE "P" COMMENT = '…'""",
        'GRANT USAGE ON DATABASE "P__PR_42" TO ROLE "READER"',
        'DROP TASK "P__PR_42"."STAGING"."WRITES"',
        'USE SCHEMA "P__PR_42"."ANALYTICS"',
        (
            'create or replace VIEW "P__PR_42".ANALYTICS.TOTALS COPY GRANTS AS'
            ' SELECT SUM(O.N) AS N FROM "P__PR_42".ANALYTICS.ORDERS O;'
        ),
        'USE SCHEMA "P__PR_42"."STAGING"',
        (
            'create or replace FUNCTION "P__PR_42".STAGING.F() RETURNS INT AS'
            """ 'select max(n) from "P__PR_42".ANALYTICS.ORDERS';"""
        ),
        """ALTER DATABASE "P__PR_42" SET COMMENT = '…'""",
        'DROP DATABASE "L" CASCADE',
    ]


def test_these_statements_drop_it_and_it_can_be_undropped(account: Account) -> None:
    account.provision()
    account.retire()
    before = len(account.double.statements)
    report = account.drop()
    assert account.since(before, "ALTER DATABASE", "DROP DATABASE") == [
        'ALTER DATABASE "P__PR_42" RENAME TO "P__PR_42__DROPPING"',
        'DROP DATABASE "P__PR_42__DROPPING" CASCADE',
        'DROP DATABASE "L" CASCADE',
    ]
    assert account.made == set()
    assert any("UNDROP DATABASE" in note.text for note in report.plan.notes)
    account.run(f'UNDROP DATABASE "{account.clone}__DROPPING"')
    assert account.run(f"SELECT COUNT(*) FROM {account.clone}__DROPPING.ANALYTICS.ORDERS") == [(2,)]


def test_tasks_that_write_to_production_are_left_out_and_others_stay(account: Account) -> None:
    report = account.provision()
    tasks = [
        one.name for one in account.databases[account.clone].schemas["STAGING"].of_kind("TASK")
    ]
    assert tasks == ["STAYS"]
    assert any(note.object == "task STAGING.WRITES" for note in report.plan.notes)


def test_numbers_come_from_the_clones_own_sequence_of_another_schema(account: Account) -> None:
    account.provision()
    account.run(f"INSERT INTO {account.clone}.ANALYTICS.ORDERS (N) VALUES (1), (2), (3)")
    account.run(f"INSERT INTO {account.base}.ANALYTICS.ORDERS (N) VALUES (99)")
    assert account.run(f"SELECT ID FROM {account.base}.ANALYTICS.ORDERS WHERE N = 99") == [(1,)]


def test_container_grants_are_given_again_and_schemas_keep_theirs(account: Account) -> None:
    account.provision()
    clone = account.databases[account.clone]
    assert ("USAGE", "READER") in {(one.privilege, one.role) for one in clone.grants}
    schema = clone.schemas["ANALYTICS"]
    assert ("USAGE", "READER") in {(one.privilege, one.role) for one in schema.grants}
    assert clone.schemas["STAGING"].details["managed"]


def test_a_branch_role_gets_the_whole_clone(account: Account) -> None:
    account.run("CREATE ROLE IF NOT EXISTS BRANCHES", "GRANT ROLE BRANCHES TO ROLE SYSADMIN")
    account.provision(branch_role="BRANCHES")
    clone = account.databases[account.clone]
    things = clone.schemas["ANALYTICS"].things.values()
    assert {thing.owner for thing in things} == {"BRANCHES"}
    for place in (clone, *clone.schemas.values()):
        assert ("USAGE", "BRANCHES") in {(one.privilege, one.role) for one in place.grants}
    assert {
        t.owner for t in account.databases[account.base].schemas["ANALYTICS"].things.values()
    } == {"SYSADMIN"}


def test_a_refresh_takes_bases_state_and_keeps_one_clone(account: Account) -> None:
    account.provision()
    account.run(f"INSERT INTO {account.clone}.ANALYTICS.ORDERS (N) VALUES (70)")
    account.run(f"CREATE SCHEMA {account.base}.LATER")
    account.provision(refresh=True)
    account.assert_whole()
    assert "LATER" in account.databases[account.clone].schemas


def test_a_refresh_that_fails_puts_the_old_clone_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.provision()
    account.run(f"CREATE TABLE {account.clone}.ANALYTICS.MINE (N INT)")

    def fail(*_: object, **__: object) -> object:
        raise CloneFailed("no", remedy="none")

    monkeypatch.setattr("branch_toolkit.warehouses.snowflake.building.leaking", fail)
    with pytest.raises(CloneFailed):
        account.provision(refresh=True)
    assert account.made == {account.clone}
    assert account.environment()
    assert ("TABLE", "MINE") in account.databases[account.clone].schemas["ANALYTICS"].things


def test_retired_and_restored_by_their_marks_alone(account: Account) -> None:
    account.provision()
    account.retire()
    found = account.environment()
    assert found
    assert found.clones[0].mark.retired
    with account.environments() as environments:
        environments.restore("pr_42", now=found.clones[0].mark.created_at)
    account.assert_whole()


def test_what_could_not_be_undropped_is_not_retired(account: Account) -> None:
    account.provision()
    account.run(f"ALTER DATABASE {account.clone} SET DATA_RETENTION_TIME_IN_DAYS = 0")
    with pytest.raises(CannotUndrop) as refused:
        account.retire()
    assert f'ALTER DATABASE "{account.clone}" SET' in refused.value.remedy


def test_a_database_of_the_clones_name_is_left_alone(account: Account) -> None:
    account.run(f"CREATE DATABASE {account.clone}")
    with pytest.raises(SchemaNotOwned):
        account.provision()
    assert set(account.databases[account.clone].schemas) == {"PUBLIC"}


def test_a_clone_of_the_clone_is_not_ours(account: Account) -> None:
    account.provision()
    account.run(
        f"ALTER DATABASE {account.clone} RENAME TO {account.base}_MINE",
        f"CREATE DATABASE {account.clone} CLONE {account.base}_MINE",
    )
    account.databases[account.clone].comment = account.databases[f"{account.base}_MINE"].comment
    with account.environments() as environments:
        inventory = environments.inventory()
    assert inventory.environments == ()
    assert account.clone in {one.schema for one in inventory.refused}
    with pytest.raises(SchemaNotOwned):
        account.provision()


def test_what_took_the_clones_name_in_the_last_moment_has_it_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.provision()
    account.retire()
    hide = dropping.hide

    def swap(session: Session, doomed: dropping.Doomed) -> None:
        account.run(
            f"ALTER DATABASE {account.clone} RENAME TO {account.base}_ASIDE",
            f"CREATE DATABASE {account.clone}",
        )
        hide(session, doomed)

    monkeypatch.setattr("branch_toolkit.warehouses.snowflake.adapter.hide", swap)
    # It is planned again, and there is nothing to drop then.
    with pytest.raises(EnvironmentNotFound):
        account.drop()
    assert account.made == {account.clone, f"{account.base}_ASIDE"}
    assert set(account.databases[account.clone].schemas) == {"PUBLIC"}


def test_one_run_at_a_time_by_a_lock_that_is_a_database(account: Account) -> None:
    locking = Locking(account.connect, None, 60)
    with opened(account.connect, None) as session, locking.hold(session, "pr_42") as lock:
        assert lock
        assert lock.schema.kind == "DATABASE"
        with pytest.raises(EnvironmentBusy):
            account.provision(patience=0)
    account.provision()
    account.assert_whole()


def test_what_a_killed_run_left_is_cleared_away(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for name in ("_show", "_undo"):
            patch.setattr(f"branch_toolkit.warehouses.snowflake.building.Building.{name}", _die)
        with pytest.raises(KeyboardInterrupt):
            account.provision()
    assert '"condition": "building"' in account.databases[account.clone].comment
    account.provision()
    account.assert_whole()


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_rules_that_leave_out_rows_or_tables_are_refused(account: Account) -> None:
    for rule in (
        Rule(tables="*", strategy=Strategy.EMPTY),
        Rule(tables="analytics.*", strategy=Strategy.SKIP),
    ):
        with pytest.raises(InvalidRule, match="cloned as a whole"):
            account.provision(rule)
    with pytest.raises(InvalidRule, match="cloned as a whole"):
        account.provision(schema_only=True)
    assert account.made == set()


def test_as_of_the_past_clones_what_was_there_then(account: Account) -> None:
    then = account.double.account.now()
    account.run(f"INSERT INTO {account.base}.ANALYTICS.ORDERS (N) VALUES (99)")
    account.run(f"CREATE SCHEMA {account.base}.LATER")
    before = len(account.double.statements)
    account.provision(as_of=AsOf(time=then), now=account.double.account.now())
    assert account.run(f"SELECT N FROM {account.clone}.ANALYTICS.TOTALS") == [(30,)]
    [made] = account.since(before, 'CREATE DATABASE "P__PR_42"')
    assert "AT (TIMESTAMP => '" in made
    assert " IGNORE TABLES WITH INSUFFICIENT DATA RETENTION COMMENT" in made


def test_hybrid_tables_come_along(account: Account) -> None:
    account.run(f"CREATE HYBRID TABLE {account.base}.ANALYTICS.H (ID INT PRIMARY KEY)")
    before = len(account.double.statements)
    account.provision()
    assert ("TABLE", "H") in account.databases[account.clone].schemas["ANALYTICS"].things
    assert not any("HYBRID" in text for text in account.since(before, "CREATE DATABASE"))


def test_a_shared_database_is_refused_beforehand(account: Account) -> None:
    account.databases[account.base].details["origin"] = "THEM.SHARE"
    with pytest.raises(CloneFailed, match=r"Database .* was made from a share"):
        account.provision()


def test_an_unknown_database_is_told_of(account: Account) -> None:
    del account.databases[account.base]
    with pytest.raises(BaseSchemaNotFound):
        account.provision()


def test_what_is_missing_is_granted_and_then_enough(account: Account) -> None:
    role = f"R_{account.base}"
    account.run(f"CREATE ROLE {role}")
    account.run(f"GRANT USAGE ON DATABASE {account.base} TO ROLE {role}")
    for schema in account.databases[account.base].schemas:
        account.run(f"GRANT USAGE ON SCHEMA {account.base}.{schema} TO ROLE {role}")
    with account.environments(role=role) as environments:
        missing = environments.warehouse.missing_grants([account.base])
        assert f'GRANT CREATE DATABASE ON ACCOUNT TO ROLE "{role}"' in missing
        assert not any("CREATE SCHEMA" in one for one in missing)
        with pytest.raises(MissingRight) as refused:
            environments.provision(branch(), now=NOW)
        assert "GRANT CREATE DATABASE ON ACCOUNT" in refused.value.remedy
        account.run(*missing)
        assert environments.warehouse.missing_grants([account.base]) == []


def test_sizes_are_those_of_the_databases(account: Account) -> None:
    account.provision()
    with account.environments(base_schemas=[account.base]) as environments:
        [facts] = environments.warehouse.schemas(sizes=True)
        assert (facts.tables, facts.rows) == (2, 2)
        assert facts.size_bytes is not None
        sizes = "TABLE_STORAGE_METRICS could not be read"
        assert not any(sizes in note.text for note in environments.warehouse.advice())
        account.double.metrics_readable = False
        [facts] = environments.warehouse.schemas(sizes=True)
        assert facts.size_bytes is None
        assert any(sizes in note.text for note in environments.warehouse.advice())


def test_the_server_and_its_identity_are_the_account(account: Account) -> None:
    with account.environments() as environments:
        assert environments.warehouse.identity() == "DOUBLES.TESTING"
        assert environments.warehouse.server().database == "DOUBLES.TESTING"


def test_a_view_of_the_information_schema_is_led_to_the_clones_own(account: Account) -> None:
    base = account.base
    account.run(
        f"CREATE VIEW {base}.STAGING.WHERE_AM_I AS"
        f" SELECT TABLE_CATALOG AS C FROM {base}.INFORMATION_SCHEMA.TABLES"
    )
    account.provision()
    rows = account.run(f"SELECT DISTINCT C FROM {account.clone}.STAGING.WHERE_AM_I")
    assert rows == [(account.clone,)]


def test_errors_are_of_the_database_that_they_are_about(account: Account) -> None:
    with opened(account.connect, None) as session, pytest.raises(BranchToolkitError) as refused:
        session.read('SHOW TABLES IN SCHEMA "NOWHERE"."S"')
    assert 'ON DATABASE "NOWHERE"' in refused.value.remedy
