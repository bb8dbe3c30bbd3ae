"""Strategies: how each table of a base schema gets into a clone, chosen by rules with globs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from fnmatch import fnmatchcase

from branch_toolkit.core.errors import BranchToolkitError


class InvalidRule(BranchToolkitError):
    """A rule contradicts itself, another one, or what is in the base schemas."""


class Strategy(str, Enum):
    """How a table gets into a clone."""

    DEFER = "defer"
    """Reads through to base until the branch first writes to it; takes no time and no space."""
    COPY = "copy"
    """All rows."""
    EMPTY = "empty"
    """No rows."""
    SAMPLE = "sample"
    """Some rows: by `where`, `limit` or `partitions`."""
    SKIP = "skip"
    """Not at all; neither is what needs it."""


class Indexes(str, Enum):
    """Which indexes a table gets in a clone."""

    ALL = "all"
    UNIQUE = "primary"
    """Only those that say what may be written: primary keys, unique and exclusion constraints and
    indexes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How the tables that a glob matches get into a clone. Of several rules, the first counts.

    Args:
        tables: A glob of table names (`event_*`), or of schema and table (`staging.*`). Partitions
            go with their parent.
        strategy: How.
        where: For *sample*: an SQL condition on the table's rows, without side effects.
        limit: For *sample*: at most that many rows.
        partitions: For *copy* and *sample* of partitioned tables: a glob of the partitions of which
            rows are taken; the others are empty.
        indexes: For all but *defer* and *skip*: `primary` leaves out indexes that only help to find
            rows.
        omit_foreign_keys: Leave out foreign keys to tables that are deferred, instead of refusing
            the plan.

    Raises:
        InvalidRule: The rule contradicts itself.
    """

    tables: str
    strategy: Strategy
    where: str | None = None
    limit: int | None = None
    partitions: str | None = None
    indexes: Indexes = Indexes.ALL
    omit_foreign_keys: bool = False

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise InvalidRule(
                f"The rule for tables {self.tables!r} cannot be followed: {problem}.",
                remedy="Correct it in `rules` of the warehouse resource.",
            )

    def _problems(self) -> list[str]:
        given = {
            "where": self.where is not None,
            "limit": self.limit is not None,
            "partitions": self.partitions is not None,
            "indexes": self.indexes is not Indexes.ALL,
            "omit_foreign_keys": self.omit_foreign_keys,
        }
        allowed = _OPTIONS[self.strategy]
        problems = [
            f"{name!r} means nothing for strategy {self.strategy.value!r}"
            for name, is_given in given.items()
            if is_given and name not in allowed
        ]
        if not self.tables.strip():
            problems.append("`tables` is empty")
        if self.strategy is Strategy.SAMPLE and not (
            given["where"] or given["limit"] or given["partitions"]
        ):
            problems.append("a sample needs `where`, `limit` or `partitions`")
        if self.limit is not None and self.limit < 1:
            problems.append(f"`limit` is {self.limit}; it starts at 1 (for none, use 'empty')")
        if self.where is not None and not self.where.strip():
            problems.append("`where` is empty")
        return problems

    def matches(self, relation: Relation) -> bool:
        """Whether the rule is about a relation."""
        qualified = f"{relation.schema}.{relation.name}"
        return fnmatchcase(relation.name, self.tables) or fnmatchcase(qualified, self.tables)

    def takes(self, partition: str) -> bool:
        """Whether rows of a partition of that name are taken."""
        return self.partitions is None or fnmatchcase(partition, self.partitions)


_MADE = frozenset({"partitions", "indexes", "omit_foreign_keys"})
_OPTIONS: Mapping[Strategy, frozenset[str]] = {
    Strategy.DEFER: frozenset(),
    Strategy.COPY: _MADE,
    Strategy.EMPTY: _MADE - {"partitions"},
    Strategy.SAMPLE: _MADE | {"where", "limit"},
    Strategy.SKIP: frozenset(),
}

_EVERYTHING = ("*", "*.*")
DEFER_ALL = Rule(tables="*", strategy=Strategy.DEFER)
COPY_ALL = Rule(tables="*", strategy=Strategy.COPY)


def without_base_rows(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules by which no row of base gets into a clone; what is skipped stays skipped."""
    emptying = [
        rule
        if rule.strategy is Strategy.SKIP
        else Rule(tables=rule.tables, strategy=Strategy.EMPTY)
        for rule in rules
    ]
    if any(rule.tables in _EVERYTHING for rule in emptying):
        return tuple(emptying)
    return (*emptying, Rule(tables="*", strategy=Strategy.EMPTY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table, partition or materialized view of a base schema, as rules see it.

    Args:
        id: What identifies it to its warehouse.
        schema: The base schema.
        name: Its name.
        parent: The topmost table that it is a partition or child of; None for all others.
    """

    id: int
    schema: str
    name: str
    parent: int | None = None

    @property
    def label(self) -> str:
        """`analytics.orders`."""
        return f"{self.schema}.{self.name}"


def check_rules(rules: Sequence[Rule]) -> None:
    """Refuses rules that cannot be meant, as far as that can be told without a warehouse.

    Raises:
        InvalidRule: One of them is never reached.
    """
    seen: list[str] = []
    for rule in rules:
        for earlier in seen:
            if earlier == rule.tables or earlier in _EVERYTHING:
                raise InvalidRule(
                    f"The rule for tables {rule.tables!r} is never reached: the earlier rule for"
                    f" {earlier!r} takes all of them.",
                    remedy="Put the narrower rule first, or remove one of the two.",
                )
        seen.append(rule.tables)


def choose(rules: Sequence[Rule], relations: Sequence[Relation]) -> dict[int, Rule]:
    """The rule that counts for each relation, by its id; without one, it is deferred.

    Raises:
        InvalidRule: A rule matches nothing, is never reached, or parts a table from its partitions.
    """
    check_rules(rules)
    by_id = {relation.id: relation for relation in relations}
    own = {relation.id: _first(rules, relation) for relation in relations}
    _require_use(rules, relations, own)
    chosen = {}
    for relation in relations:
        top = by_id.get(relation.parent) if relation.parent is not None else None
        if top is None:
            chosen[relation.id] = own[relation.id] or DEFER_ALL
            continue
        chosen[relation.id] = own[top.id] or DEFER_ALL
        rule = own[relation.id]
        if rule is not None and rule.strategy is not chosen[relation.id].strategy:
            raise InvalidRule(
                f"The rule for tables {rule.tables!r} would {rule.strategy.value}"
                f" {relation.label}, which is part of {top.label}, and that one is to be"
                f" treated as {chosen[relation.id].strategy.value!r}.",
                remedy=f"Give a rule for {top.name!r}; `partitions` says which of its parts have"
                " rows.",
            )
    return chosen


def _first(rules: Sequence[Rule], relation: Relation) -> Rule | None:
    return next((rule for rule in rules if rule.matches(relation)), None)


def _require_use(
    rules: Sequence[Rule], relations: Sequence[Relation], own: Mapping[int, Rule | None]
) -> None:
    used = {id(rule) for rule in own.values() if rule is not None}
    for rule in rules:
        # What takes all there is may well find nothing.
        if id(rule) in used or rule.tables in _EVERYTHING:
            continue
        matching = [relation for relation in relations if rule.matches(relation)]
        if matching:
            raise InvalidRule(
                f"The rule for tables {rule.tables!r} is never reached: earlier rules take"
                f" {matching[0].label} and whatever else it matches.",
                remedy="Put it first, or remove it.",
            )
        names = [relation.name for relation in relations]
        near = get_close_matches(rule.tables, names, n=3) or sorted(names)[:10]
        raise InvalidRule(
            f"The rule for tables {rule.tables!r} matches nothing in the base schemas.",
            remedy=f"Correct or remove it. There are, for example: {', '.join(near) or 'none'}.",
        )
