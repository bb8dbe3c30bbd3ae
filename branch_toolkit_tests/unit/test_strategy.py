"""Which rule counts for which table, and which rules are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.core.strategy import (
    Indexes,
    InvalidRule,
    Relation,
    Rule,
    Strategy,
    check_rules,
    choose,
)
from branch_toolkit_tests.strategies import quick

ORDERS = Relation(id=1, schema="analytics", name="orders")
EVENTS = Relation(id=2, schema="analytics", name="events")
EVENTS_2025 = Relation(id=3, schema="analytics", name="events_2025", parent=2)
STAGED = Relation(id=4, schema="staging", name="orders")
ALL = (ORDERS, EVENTS, EVENTS_2025, STAGED)


def rule(tables: str, strategy: Strategy = Strategy.COPY, **options: object) -> Rule:
    return Rule(tables=tables, strategy=strategy, **options)  # type: ignore[arg-type]


def chosen(*rules: Rule) -> dict[str, str]:
    found = choose(rules, ALL)
    return {relation.label: found[relation.id].strategy.value for relation in ALL}


def test_without_a_rule_everything_is_deferred():
    assert set(chosen().values()) == {"defer"}


def test_the_first_rule_that_matches_counts():
    assert chosen(rule("orders"), rule("*", Strategy.EMPTY)) == {
        "analytics.orders": "copy",
        "analytics.events": "empty",
        "analytics.events_2025": "empty",
        "staging.orders": "copy",
    }


def test_a_glob_may_name_the_schema():
    found = chosen(rule("staging.*", Strategy.SKIP))
    assert found["staging.orders"] == "skip"
    assert found["analytics.orders"] == "defer"


def test_partitions_go_with_their_parent():
    assert chosen(rule("events"))["analytics.events_2025"] == "copy"


def test_a_rule_that_would_part_a_partition_from_its_parent_is_refused():
    with pytest.raises(InvalidRule, match=r"events_2025, which is part of analytics\.events"):
        chosen(rule("events_2025"))


def test_a_rule_that_matches_nothing_is_refused_with_what_may_be_meant():
    with pytest.raises(InvalidRule, match=r"matches nothing.*orders"):
        chosen(rule("order"))


def test_a_rule_for_everything_may_find_nothing():
    assert choose((rule("*"),), ()) == {}


@pytest.mark.parametrize(
    "rules",
    [
        (rule("orders"), rule("orders", Strategy.SKIP)),
        (rule("*"), rule("orders", Strategy.SKIP)),
        (rule("order*"), rule("orders", Strategy.SKIP)),
    ],
)
def test_a_rule_that_is_never_reached_is_refused(rules):
    with pytest.raises(InvalidRule, match="is never reached"):
        choose(rules, ALL)


def test_what_can_be_told_without_a_warehouse_is_told_at_once():
    with pytest.raises(InvalidRule, match="is never reached"):
        check_rules((rule("*"), rule("orders")))


@pytest.mark.parametrize(
    ("strategy", "options", "problem"),
    [
        (Strategy.COPY, {"where": "true"}, "'where' means nothing"),
        (Strategy.COPY, {"limit": 10}, "'limit' means nothing"),
        (Strategy.DEFER, {"indexes": Indexes.UNIQUE}, "'indexes' means nothing"),
        (Strategy.SKIP, {"omit_foreign_keys": True}, "'omit_foreign_keys' means nothing"),
        (Strategy.EMPTY, {"partitions": "*"}, "'partitions' means nothing"),
        (Strategy.SAMPLE, {}, "needs `where`, `limit` or `partitions`"),
        (Strategy.SAMPLE, {"limit": 0}, "starts at 1"),
        (Strategy.SAMPLE, {"where": "  "}, "`where` is empty"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(strategy, options, problem):
    with pytest.raises(InvalidRule, match=problem):
        rule("orders", strategy, **options)


def test_a_rule_without_tables_is_refused():
    with pytest.raises(InvalidRule, match="`tables` is empty"):
        rule(" ")


def test_partitions_say_whose_rows_are_taken():
    some = rule("events", partitions="*_2025")
    assert some.takes("events_2025")
    assert not some.takes("events_2024")
    assert rule("events").takes("events_2024")


names = st.sampled_from(["orders", "events", "order_lines", "lines", "events_2025"])
globs = st.sampled_from(["*", "order*", "events", "*lines", "analytics.*", "staging.orders"])


@quick
@given(
    st.lists(st.builds(rule, globs, st.sampled_from([Strategy.COPY, Strategy.EMPTY])), max_size=3),
    st.lists(st.tuples(st.sampled_from(["analytics", "staging"]), names), unique=True),
)
def test_whatever_the_rules_each_table_gets_the_first_that_matches_or_they_are_refused(
    rules, labels
):
    relations = [
        Relation(id=number, schema=schema, name=name)
        for number, (schema, name) in enumerate(labels)
    ]
    try:
        found = choose(rules, relations)
    except InvalidRule:
        return
    for relation in relations:
        first = next((each for each in rules if each.matches(relation)), None)
        assert found[relation.id].strategy is (first.strategy if first else Strategy.DEFER)
