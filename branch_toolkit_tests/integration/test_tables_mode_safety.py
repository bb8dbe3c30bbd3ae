"""Tables mode: what is not provably a branch's is left alone, and what is killed converges."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.errors import (
    BaseBusy,
    BranchToolkitError,
    EnvironmentNotFound,
    SchemaInUse,
    SchemaNotOwned,
    StalePlan,
)
from branch_toolkit.core.mark import decode, encode
from branch_toolkit.core.plan import Hazard, Plan
from branch_toolkit.core.strategy import COPY_ALL
from branch_toolkit.following import Outputs
from branch_toolkit.rules import TableRule
from branch_toolkit.tables_resource import PostgresTablesWarehouse
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.tables_mode import dropping, planning
from branch_toolkit_tests.contract.test_following import Shelf
from branch_toolkit_tests.integration.asset_database import NOW
from branch_toolkit_tests.integration.tables_scene import TablesDatabase
from branch_toolkit_tests.integration.test_tables_mode import enter_branch

FORK = multiprocessing.get_context("fork")
BRANCH = Branch(key=BranchKey(number=42), name="feature/42")
COPIES = TableRule(tables="*", strategy="copy")
ORDERS = "analytics__pr_42__orders"
TABLES = [ORDERS, "analytics__pr_42__parted", "staging__pr_42__customers"]
ALL = ["analytics__pr_42", *TABLES[:2], "staging__pr_42", TABLES[2]]
_KILLS = 6 * int(os.environ.get("BRANCH_TOOLKIT_TEST_KILLS", "1"))


@pytest.fixture
def copied(database: str, monkeypatch: pytest.MonkeyPatch) -> TablesDatabase:
    """A production, and the branch #42 with a copy of each of its tables."""
    enter_branch(monkeypatch)
    made = TablesDatabase(database).build().ruled(COPIES)
    made.provision()
    assert made.names() == ALL
    return made


def provision(database: TablesDatabase, *, number: int = 42, refresh: bool = False) -> Any:
    branch = replace(BRANCH, key=BranchKey(number=number))
    with database.warehouse.environments() as environments:
        return environments.provision(branch, now=NOW, refresh=refresh)


def comment(database: TablesDatabase, table: str, text: str) -> None:
    escaped = text.replace("'", "''")
    database.run(f"COMMENT ON TABLE branches.{table} IS '{escaped}'")


# Strangers' tables.


def test_tables_that_only_look_like_a_branchs_survive_it(copied: TablesDatabase) -> None:
    marks = copied.branches()
    strangers = {
        "analytics__pr_42__unmarked": "by hand, beside the branch_toolkit",
        "analytics__pr_42__copied": str(marks[ORDERS]),
        "analytics__pr_42__edited": str(marks[ORDERS]).replace("__orders", "__edited"),
        "analytics__pr_42__elsewhere": encode(
            replace(decode(marks[ORDERS]), clone="analytics__pr_42__elsewhere", database="x/1")
        ),
        "analytics__pr_42__of_another_group": encode(
            replace(
                decode(marks[ORDERS]),
                clone="analytics__pr_42__of_another_group",
                base_state="0123456789abcdef/of_another_group",
            )
        ),
        "analytics__pr_420": str(marks["analytics__pr_42"]),
        "orders": "",
    }
    for name, text in strangers.items():
        copied.run(f"SET ROLE reader_of_production; CREATE TABLE branches.{name} (mine int)")
        comment(copied, name, text)
    before = {name: text for name, text in copied.branches().items() if name in strangers}

    provision(copied, refresh=True)
    copied.retire()
    copied.drop()

    assert copied.branches() == before


def test_a_table_whose_mark_was_edited_is_neither_read_written_nor_dropped(
    copied: TablesDatabase,
) -> None:
    comment(copied, ORDERS, str(copied.branches()[ORDERS]).replace("default", "Default"))
    for use in (copied.warehouse.table, copied.warehouse.own):
        with pytest.raises(SchemaNotOwned, match="the mark was edited"):
            use("orders")
    with pytest.raises(SchemaNotOwned, match=ORDERS):
        provision(copied, refresh=True)
    copied.retire()
    copied.drop()
    assert copied.names() == [ORDERS]


def test_a_strangers_table_is_in_the_way_and_not_written_to(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_branch(monkeypatch)
    made = TablesDatabase(database).build()
    made.provision()
    made.run(f"SET ROLE reader_of_production; CREATE TABLE branches.{ORDERS} (mine int)")
    for use in (made.warehouse.table, made.warehouse.own):
        with pytest.raises(SchemaNotOwned, match="without a mark"):
            use("orders")
    with pytest.raises(SchemaNotOwned, match=ORDERS):
        provision(made.ruled(COPIES), refresh=True)
    assert made.values(f"SELECT count(*) FROM branches.{ORDERS}") == [0]


def test_where_two_anchors_claim_a_group_neither_takes_its_tables_along(
    copied: TablesDatabase,
) -> None:
    mark = replace(decode(copied.branches()["analytics__pr_42"]), clone="analytics__pr_43")
    mark = replace(mark, pull_request=43, branch="feature/43")
    copied.run("SET ROLE reader_of_production; CREATE TABLE branches.analytics__pr_43 ()")
    comment(copied, "analytics__pr_43", encode(mark))
    copied.retire("pr_43")
    copied.drop("pr_43")
    assert copied.names() == ALL


def test_branches_with_numbers_alike_are_apart(copied: TablesDatabase) -> None:
    provision(copied, number=4)
    provision(copied, number=421)
    copied.retire("pr_4")
    copied.drop("pr_4")
    assert [name for name in copied.names() if "pr_421" not in name] == ALL
    copied.retire()
    copied.drop()
    assert len(copied.names()) == len(ALL)
    assert all("pr_421" in name for name in copied.names())


def test_what_others_made_on_a_branchs_table_keeps_it(copied: TablesDatabase) -> None:
    copied.run(f"CREATE VIEW public.theirs AS SELECT n FROM branches.{ORDERS}")
    copied.retire()
    with pytest.raises(SchemaInUse, match=r"view (public\.)?theirs"):
        copied.drop()
    assert copied.names() == ALL
    copied.run("DROP VIEW public.theirs")
    copied.drop()
    assert copied.names() == []


@pytest.mark.parametrize("most", [200, 1])
def test_keys_among_a_branchs_tables_are_no_hindrance(
    copied: TablesDatabase, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    in_parts_of(monkeypatch, most)
    copied.run(
        f"ALTER TABLE branches.{ORDERS} ADD FOREIGN KEY (customer)"
        " REFERENCES branches.staging__pr_42__customers;"
        "ALTER TABLE branches.staging__pr_42__customers ADD COLUMN first bigint"
        f" REFERENCES branches.{ORDERS}"
    )
    copied.retire()
    copied.drop()
    assert copied.names() == []


# Others at work.


def test_production_goes_first(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_branch(monkeypatch)
    made = TablesDatabase(database).build()
    made.provision()
    hasty = PostgresTablesWarehouse(**{**dict(made.warehouse), "lock_timeout": 0.2})
    with psycopg.connect(made.dsn) as production:
        production.execute("LOCK TABLE analytics.orders IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(BaseBusy):
            hasty.own("orders")
    assert ORDERS not in made.names()


def planned_copy(environments: Environments) -> Plan:
    marks = environments.new_marks(BRANCH, environments.schemas, now=NOW, schema_only=False)
    return environments.warehouse.plan_provision("pr_42", marks, rules=[COPY_ALL])


@pytest.mark.parametrize("most", [200, 1])
def test_rows_that_production_is_just_replacing_are_not_missed(
    database: str, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    in_parts_of(monkeypatch, most)
    made = TablesDatabase(database).build().ruled(COPIES)
    with made.warehouse.environments() as environments, psycopg.connect(made.dsn) as production:
        plan, allow = planned_copy(environments), [Hazard.COPIES_DATA]
        production.execute("TRUNCATE analytics.parted")
        production.execute("INSERT INTO analytics.parted VALUES (9, '2026-01-01')")
        apply = partial(environments.warehouse.apply, plan, allow=allow)
        worker = threading.Thread(target=apply)
        worker.start()
        waits_for_lock(made)
        production.commit()
        worker.join(timeout=30)
    assert made.values("SELECT n FROM branches.analytics__pr_42__parted") == [9]


def test_a_plan_is_refused_when_base_swapped_a_table_since(database: str) -> None:
    made = TablesDatabase(database).build().ruled(COPIES)
    with made.warehouse.environments() as environments:
        plan = planned_copy(environments)
        made.run("ALTER TABLE analytics.parted RENAME TO old")
        made.run("CREATE TABLE analytics.parted (n int)")
        made.run("GRANT SELECT ON analytics.parted TO PUBLIC")
        with pytest.raises(StalePlan):
            environments.warehouse.apply(plan, allow=[Hazard.COPIES_DATA])
    assert made.names() == []


@pytest.mark.parametrize("most", [200, 1])
def test_what_others_make_on_a_branchs_table_at_the_last_moment_keeps_it(
    copied: TablesDatabase, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    in_parts_of(monkeypatch, most)
    copied.retire()
    with copied.warehouse.environments() as environments:
        plan = environments.warehouse.plan_drop("pr_42", copied.environment().clones)
        # DROP TABLE would take it along without a word.
        copied.run(f"CREATE PUBLICATION theirs FOR TABLE branches.{ORDERS}")
        with pytest.raises(SchemaInUse, match="theirs"):
            environments.warehouse.apply(plan, allow=[Hazard.DELETES_DATA])
    assert copied.names() == ALL


def test_a_table_that_is_owned_by_several_at_once_is_made_once(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_branch(monkeypatch)
    made = TablesDatabase(database).build()
    made.provision()
    outcomes = at_once([lambda: made.warehouse.own("orders").summary] * 4)
    assert sum("is the branch's own now" in outcome for outcome in outcomes) == 1
    assert sum("nothing was done" in outcome for outcome in outcomes) == 3


# Killed at any statement, in one transaction or in parts.


@pytest.mark.parametrize("most", [200, 1])
@pytest.mark.parametrize("refresh", [False, True])
def test_a_provision_killed_at_any_statement_leaves_a_whole_environment_or_none(
    database: str, monkeypatch: pytest.MonkeyPatch, most: int, *, refresh: bool
) -> None:
    in_parts_of(monkeypatch, most)
    enter_branch(monkeypatch)
    made = TablesDatabase(database).build().ruled(COPIES)
    base = made.base()
    if refresh:
        provision(made)
    for number in moments(lambda: provision(made, refresh=refresh)):
        if not refresh:
            remove(made)
        kill_at(lambda: provision(made, refresh=refresh), number)
        settle(made)
        assert_whole_or_absent(made)
        provision(made)
        assert made.names() == ALL
        assert_whole_or_absent(made)
    remove(made)
    assert made.names() == []
    assert made.base() == base


def test_a_drop_in_parts_that_is_killed_is_finished_by_the_next(
    copied: TablesDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts_of(monkeypatch, 1)
    base = copied.base()
    copied.retire()
    halves = 0
    for number in moments(copied.drop):
        provision(copied)
        copied.retire()
        kill_at(copied.drop, number)
        settle(copied)
        halves += any("__dropping" in name for name in copied.names())
        assert_whole_or_absent(copied)
        # The last statement comes when all is dropped.
        with suppress(EnvironmentNotFound):
            copied.drop()
        assert copied.names() == []
    assert halves > 0
    assert copied.base() == base


def test_an_error_in_the_middle_leaves_nothing_behind(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts_of(monkeypatch, 1)
    enter_branch(monkeypatch)
    made = TablesDatabase(database).build()
    wrong = TableRule(tables="parted", strategy="sample", where="1 / (n - 2) = 1")
    with pytest.raises(BranchToolkitError, match="division by zero"):
        made.ruled(wrong).provision()
    assert made.names() == []


def in_parts_of(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Lets a transaction make and drop no more tables than that."""
    for module in (planning, dropping):
        monkeypatch.setattr(module, "MOST_RELATIONS", most)


def assert_whole_or_absent(database: TablesDatabase) -> None:
    with database.warehouse.environments() as environments:
        inventory = environments.inventory()
        assert inventory.refused == ()
        found = inventory.of(BRANCH.key)
    if found is not None:
        assert (len(found.clones), found.tables) == (2, 3)
        assert database.values(f"SELECT count(*) FROM branches.{ORDERS}") == [30]


def remove(database: TablesDatabase) -> None:
    if database.names():
        provision(database)
        database.retire()
        database.drop()


def moments(act: Callable[[], Any]) -> list[int]:
    """Statements of an act, evenly spread: the first, the last and some between."""
    total = int(at_once([lambda: str(counted(act))])[0])
    return sorted({1 + (total - 1) * number // (_KILLS - 1) for number in range(_KILLS)})


def counted(act: Callable[[], Any], *, last: int | None = None) -> int:
    """How many statements an act takes; at a last one the process is killed before that."""
    count = 0
    execute = psycopg.Connection.execute

    def counting(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*arguments, **options)

    psycopg.Connection.execute = counting  # type: ignore[method-assign]
    act()
    return count


def kill_at(act: Callable[[], Any], number: int) -> None:
    process = FORK.Process(target=counted, args=(act,), kwargs={"last": number})
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def at_once(acts: list[Callable[[], str]]) -> list[str]:
    results = FORK.Queue()
    processes = [FORK.Process(target=lambda act=act: results.put(act())) for act in acts]
    for process in processes:
        process.start()
    outcomes = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return outcomes


def settle(database: TablesDatabase) -> None:
    """Waits until the server has noticed that clients are gone."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    for _ in range(200):
        if database.values(others) == [0]:
            return
        time.sleep(0.05)
    raise AssertionError("a killed client's backend works on")


def waits_for_lock(database: TablesDatabase) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
    for _ in range(200):
        if database.values(waiting) != [0]:
            return
        time.sleep(0.05)
    raise AssertionError("nobody waits for production's lock")


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_table_that_took_a_members_place_after_the_plan_is_not_dropped(
    copied: TablesDatabase, monkeypatch: pytest.MonkeyPatch, *, in_parts: bool
) -> None:
    if in_parts:
        for module in (planning, dropping):
            monkeypatch.setattr(module, "MOST_RELATIONS", 1)
    copied.retire()
    taken: list[str] = []
    same_role = copied.warehouse.url.replace("+psycopg", "")
    drop = dropping._drop

    def take_its_place(*given: Any, **options: Any) -> None:
        # As dbt does, between the proof and the lock.
        if not taken:
            taken.append(TABLES[1])
            with psycopg.connect(same_role, autocommit=True) as connection:
                connection.execute(f'ALTER TABLE branches."{TABLES[1]}" RENAME TO mine_old')
                connection.execute(f'CREATE TABLE branches."{TABLES[1]}" AS SELECT 1 AS precious')
        drop(*given, **options)

    monkeypatch.setattr(dropping, "_drop", take_its_place)
    copied.drop()
    assert taken
    with psycopg.connect(copied.dsn) as connection:
        row = connection.execute(f'SELECT precious FROM branches."{TABLES[1]}"').fetchone()
    assert row == (1,)


def test_a_refresh_in_parts_that_gives_way_costs_no_output_and_is_no_drop(
    copied: TablesDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (planning, dropping):
        monkeypatch.setattr(module, "MOST_RELATIONS", 1)
    shelf = Shelf()
    with copied.warehouse.environments(Outputs((shelf,))) as environments:
        environments.keep("pr_42", until=NOW + timedelta(days=9))
        with psycopg.connect(copied.dsn) as reader:
            reader.execute(f'SELECT count(*) FROM branches."{ORDERS}"')
            with pytest.raises(BranchToolkitError):
                environments.provision(BRANCH, now=NOW, refresh=True)
        environments.provision(BRANCH, now=NOW)
        [environment] = environments.inventory().environments
    assert "drop" not in shelf.told
    assert environment.keep_until == NOW + timedelta(days=9)
    assert copied.names() == ALL


def test_a_domains_default_does_not_take_numbers_from_production(database: str) -> None:
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
        made = TablesDatabase(database).build()
        connection.execute("CREATE SEQUENCE analytics.dseq")
        connection.execute(
            "CREATE DOMAIN analytics.did AS bigint DEFAULT nextval('analytics.dseq')"
        )
        connection.execute("CREATE TABLE analytics.numbered (id analytics.did, n int)")
        connection.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA analytics TO PUBLIC")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO PUBLIC")
        with made.warehouse.environments() as environments:
            environments.provision(BRANCH, now=NOW)
        made.warehouse.own("numbered", branch=BRANCH)
        connection.execute('INSERT INTO branches."analytics__pr_42__numbered" (n) VALUES (1)')
        row = connection.execute("SELECT last_value, is_called FROM analytics.dseq").fetchone()
    assert row == (1, False)
