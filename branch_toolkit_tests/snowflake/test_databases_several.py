"""An environment of several databases: references among them go from clone to clone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from branch_toolkit.core.branch import Project
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.snowflake.adapter import SnowflakeAdapter
from branch_toolkit_tests.snowflake.account import Account
from branch_toolkit_tests.snowflake.scene import NOW, branch
from branch_toolkit_tests.snowflakes import SnowflakeDatabase


@pytest.fixture
def account(snowflake_database: SnowflakeDatabase) -> Iterator[Account]:
    """An account with two databases that lead to each other, and one that is not cloned."""
    with Account.of(snowflake_database) as account:
        a, b, c = account.base, f"{account.base}_LAKE", f"{account.base}_OUT"
        account.run(
            f"CREATE DATABASE {b}",
            f"CREATE DATABASE {c}",
            f"CREATE SCHEMA {c}.S",
            f"CREATE TABLE {c}.S.T (N INT)",
            f"CREATE SEQUENCE {b}.PUBLIC.IDS START 100",
            f"CREATE TABLE {a}.ANALYTICS.NUMBERED (ID INT DEFAULT {b}.PUBLIC.IDS.NEXTVAL, N INT)",
            f"CREATE VIEW {b}.PUBLIC.V AS SELECT COUNT(*) AS N FROM {a}.ANALYTICS.NUMBERED",
            f"CREATE VIEW {b}.PUBLIC.OUTSIDE AS SELECT N FROM {c}.S.T",
            f"CREATE PROCEDURE {b}.PUBLIC.P() RETURNS INT LANGUAGE SQL"
            f" AS $$INSERT INTO {c}.S.T VALUES (1)$$",
            f"CREATE TASK {b}.PUBLIC.K AS INSERT INTO {c}.S.T VALUES (1)",
        )
        yield account


@contextmanager
def environments(account: Account, *bases: str) -> Iterator[Environments]:
    with SnowflakeAdapter.connect(account.connect, database=None) as adapter:
        yield Environments(adapter, Project(), bases)


def test_references_and_numbers_lead_from_clone_to_clone(account: Account) -> None:
    a, b = account.base, f"{account.base}_LAKE"
    with environments(account, a, b) as both:
        report = both.provision(branch(), now=NOW)
        inventory = both.inventory()
    assert {one.name for one in inventory.environments[0].clones} == {f"{a}__PR_42", f"{b}__PR_42"}
    account.run(f"INSERT INTO {a}__PR_42.ANALYTICS.NUMBERED (N) VALUES (1), (2)")
    assert account.run(f"SELECT N FROM {b}__PR_42.PUBLIC.V") == [(2,)]
    assert account.run(f"SELECT N FROM {b}.PUBLIC.V") == [(0,)]
    account.run(f"INSERT INTO {a}.ANALYTICS.NUMBERED (N) VALUES (1)")
    assert account.run(f"SELECT ID FROM {a}.ANALYTICS.NUMBERED") == [(100,)]
    kinds = {
        thing.kind for thing in account.databases[f"{b}__PR_42"].schemas["PUBLIC"].things.values()
    }
    assert kinds == {"SEQUENCE", "VIEW"}
    left = {note.object for note in report.plan.notes if "not cloned" in note.text}
    assert left == {"procedure PUBLIC.P()", "task PUBLIC.K", "task STAGING.WRITES"}


def test_a_database_that_is_added_later_is_led_to_the_clone_that_is_there(account: Account) -> None:
    a, b = account.base, f"{account.base}_LAKE"
    with environments(account, a) as one:
        one.provision(branch(), now=NOW)
    account.run(f"INSERT INTO {a}__PR_42.ANALYTICS.NUMBERED (ID, N) VALUES (1, 1)")
    with environments(account, a, b) as both:
        both.provision(branch(), now=NOW)
        clones = both.inventory().environments[0].clones
        assert len(clones) == 2
        assert both.warehouse.examine(clones) == []
    assert account.run(f"SELECT N FROM {b}__PR_42.PUBLIC.V") == [(1,)]
