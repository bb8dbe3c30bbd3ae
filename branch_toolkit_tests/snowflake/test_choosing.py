"""How a base schema is cloned, by what is in it, by rules and by what was asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from branch_toolkit.core.strategy import COPY_ALL, InvalidRule, Rule, Strategy
from branch_toolkit.warehouses.snowflake.choosing import (
    MANY_TABLES,
    Choice,
    CloneBy,
    Way,
    Wishes,
    choose_ways,
)
from branch_toolkit.warehouses.snowflake.contents import BaseObject, BaseTable, Contents
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.statements import TimeTravel

BASE = SchemaName("PROD", "ANALYTICS")
MADE = datetime(2026, 1, 1, tzinfo=timezone.utc)
OURS = {"US": True, "LOADER": False}


def _table(name: str, **changes: object) -> BaseTable:
    table = BaseTable(
        name=BASE / name,
        owner="US",
        rows=1,
        size_bytes=1,
        transient=False,
        special=None,
        created_on=MADE,
    )
    return replace(table, **changes)  # type: ignore[arg-type]


def _base(*tables: BaseTable, **changes: object) -> Contents:
    base = Contents(
        schema=BASE,
        transient=False,
        managed_access=False,
        retention_days=1,
        tables=tables,
        objects=(),
        defaults=(),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def _choose(
    base: Contents,
    *rules: Rule,
    wishes: Wishes | None = None,
    at: TimeTravel | None = None,
) -> Choice:
    return choose_ways([base], rules, wishes or Wishes(), has_role=OURS, at=at)[0]


def _empty(tables: str) -> Rule:
    return Rule(tables=tables, strategy=Strategy.EMPTY)


def test_by_schema_where_that_gives_the_branch_all_it_needs() -> None:
    assert _choose(_base(_table("ORDERS")), COPY_ALL).way is Way.SCHEMA


def test_by_table_where_tables_would_belong_to_others() -> None:
    choice = _choose(_base(_table("ORDERS"), _table("RAW", owner="LOADER")))
    assert choice.way is Way.TABLES
    assert [table.name.name for table, _ in choice.made] == ["ORDERS", "RAW"]


def test_by_schema_if_asked_for_even_then_and_it_says_what_that_means() -> None:
    wishes = Wishes(clone_by=CloneBy.SCHEMA)
    choice = _choose(_base(_table("RAW", owner="LOADER")), wishes=wishes)
    assert choice.way is Way.SCHEMA
    assert "belong to LOADER" in choice.notes[0].text


def test_by_table_where_there_are_many() -> None:
    tables = [_table(f"T{n}") for n in range(MANY_TABLES + 1)]
    assert _choose(_base(*tables)).way is Way.TABLES
    assert _choose(_base(*tables[1:])).way is Way.SCHEMA


def test_by_table_where_rows_are_left_out_and_never_by_schema() -> None:
    base = _base(_table("ORDERS"), _table("SECRETS"))
    assert _choose(base, _empty("SECRETS")).way is Way.TABLES
    with pytest.raises(InvalidRule, match="Time Travel"):
        _choose(base, _empty("SECRETS"), wishes=Wishes(clone_by=CloneBy.SCHEMA))


def test_a_past_state_is_cloned_by_schema_as_only_that_finds_what_was_dropped() -> None:
    at = TimeTravel(time=MADE)
    assert _choose(_base(_table("RAW", owner="LOADER")), at=at).way is Way.SCHEMA


def test_by_table_what_was_made_later_is_no_part_of_the_past() -> None:
    late = _table("LATE", created_on=datetime(2026, 6, 1, tzinfo=timezone.utc))
    choice = _choose(
        _base(_table("ORDERS"), late, _table("SECRETS")),
        _empty("SECRETS"),
        at=TimeTravel(time=datetime(2026, 3, 1, tzinfo=timezone.utc)),
    )
    assert [table.name.name for table, _ in choice.made] == ["ORDERS", "SECRETS"]
    assert choice.notes[0].object == "table LATE"


@pytest.mark.parametrize("glob", ["orders", "ORDERS", "ord*", "analytics.orders", '"ORDERS"'])
def test_rules_name_tables_as_sql_does(glob: str) -> None:
    choice = _choose(_base(_table("ORDERS"), _table("orders")), _empty(glob))
    emptied = [t.name.name for t, rule in choice.made if rule.strategy is Strategy.EMPTY]
    assert emptied == ["ORDERS"]


def test_a_quoted_rule_keeps_its_case() -> None:
    choice = _choose(_base(_table("ORDERS"), _table("orders")), _empty('"orders"'))
    emptied = [t.name.name for t, rule in choice.made if rule.strategy is Strategy.EMPTY]
    assert emptied == ["orders"]


def test_what_a_rule_skips_is_not_made() -> None:
    choice = _choose(
        _base(_table("ORDERS"), _table("LOGS")), Rule(tables="logs", strategy=Strategy.SKIP)
    )
    assert [table.name.name for table, _ in choice.made] == ["ORDERS"]
    assert choice.notes[0].text == "not cloned: a rule skips it"


@pytest.mark.parametrize(
    "rule",
    [
        Rule(tables="*", strategy=Strategy.COPY, partitions="p_*"),
        Rule(tables="*", strategy=Strategy.COPY, omit_foreign_keys=True),
    ],
)
def test_what_means_nothing_in_snowflake_is_refused(rule: Rule) -> None:
    with pytest.raises(InvalidRule, match="means nothing in Snowflake"):
        _choose(_base(_table("ORDERS")), rule)


@pytest.mark.parametrize("way", [CloneBy.SCHEMA, CloneBy.TABLES])
def test_what_cannot_be_cloned_is_told_beforehand(way: CloneBy) -> None:
    stage = BaseObject("STAGE", BASE, "FILES", "INTERNAL", "US")
    task = BaseObject("TASK", BASE, "NIGHTLY", "select 1", "US")
    base = _base(
        _table("HYBRID", special="hybrid table"),
        _table("OUTSIDE", special="external table"),
        objects=(stage, task),
    )
    told = {note.object for note in _choose(base, wishes=Wishes(clone_by=way)).notes}
    assert told == {"table HYBRID", "table OUTSIDE", "stage FILES", "task NIGHTLY"}


def test_a_clone_is_as_its_base_is_unless_asked_otherwise() -> None:
    base = _base(_table("ORDERS"), transient=True, managed_access=True)
    options = _choose(base).options
    assert (options.transient, options.managed_access, options.retention_days) == (True, True, None)
    asked = Wishes(transient=False, managed_access=False, retention_days=3)
    options = _choose(base, wishes=asked).options
    assert (options.transient, options.managed_access, options.retention_days) == (False, False, 3)


def test_a_clone_can_be_undropped_for_a_day_even_where_base_could_not() -> None:
    base = _base(_table("ORDERS"), retention_days=0)
    assert _choose(base).options.retention_days == 1
    assert _choose(base, wishes=Wishes(retention_days=0)).options.retention_days == 0
