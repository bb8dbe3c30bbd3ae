"""How each base schema is cloned: by schema or by table, and what does not come along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from branch_toolkit.core.plan import Note
from branch_toolkit.core.strategy import InvalidRule, Relation, Rule, Strategy, choose
from branch_toolkit.warehouses.snowflake.contents import BaseObject, BaseTable, Contents
from branch_toolkit.warehouses.snowflake.names import DatabaseName, Place
from branch_toolkit.warehouses.snowflake.statements import SchemaOptions, TimeTravel

MANY_TABLES = 500
"""From here on tables are cloned side by side rather than by one statement for the schema.

Not measured by us. The dbt project measured about a thousand tables: 10 minutes by one statement,
3.5 minutes by fifty threads (https://github.com/dbt-labs/dbt-core/pull/7258).
"""

_PARTIAL = frozenset({Strategy.EMPTY, Strategy.SAMPLE, Strategy.SKIP})


class CloneBy(str, Enum):
    """How base schemas are cloned."""

    AUTO = "auto"
    """By schema where that gives the branch all it needs, else by table."""
    SCHEMA = "schema"
    """`CREATE SCHEMA … CLONE`: one statement; what is in it keeps its owners."""
    TABLES = "tables"
    """`CREATE TABLE … CLONE` for each: everything belongs to the role that clones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user has said about clones.

    Args:
        clone_by: How they are made.
        transient: Whether they are transient; None for as base is.
        managed_access: Whether they are schemas of managed access; None for as base is.
        retention_days: Their Time Travel; None for what base has, but a day at least.
        branch_role: Whom they are handed to; None for nobody.
    """

    clone_by: CloneBy = CloneBy.AUTO
    transient: bool | None = None
    managed_access: bool | None = None
    retention_days: int | None = None
    branch_role: str | None = None


class Way(Enum):
    """How one base schema is cloned."""

    SCHEMA = "schema"
    TABLES = "tables"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How one base schema is cloned.

    Args:
        base: The schema.
        way: How.
        options: What the clone is made with.
        made: By table: the tables that are made, and how.
        notes: What does not come along, and why.
    """

    base: Contents
    way: Way
    options: SchemaOptions
    made: tuple[tuple[BaseTable, Rule], ...] = ()
    notes: tuple[Note, ...] = ()


def choose_ways(
    bases: Sequence[Contents],
    rules: Sequence[Rule],
    wishes: Wishes,
    *,
    has_role: Mapping[str, bool],
    at: TimeTravel | None,
) -> list[Choice]:
    """How each base schema is cloned.

    Args:
        bases: The schemas.
        rules: How tables get into clones.
        wishes: What the user has said.
        has_role: Whether the session has the role, for each role that owns a table.
        at: As of when.

    Raises:
        InvalidRule: A rule cannot be followed.
    """
    by_table = _rules_by_table(bases, rules)
    return [_choice(base, by_table[base.schema], wishes, has_role, at) for base in bases]


def leaves_hybrid(base: Contents, at: TimeTravel | None) -> bool:
    """Whether hybrid tables cannot come along.

    https://docs.snowflake.com/en/user-guide/tables-hybrid-clone: with a schema they never can; with
    a database always, but not as of a statement.
    """
    if isinstance(base.schema, DatabaseName):
        return at is not None and at.before is not None
    return True


def _rules_by_table(
    bases: Sequence[Contents], rules: Sequence[Rule]
) -> dict[Place, list[tuple[BaseTable, Rule]]]:
    tables = [table for base in bases for table in base.tables]
    relations = [
        Relation(id=number, schema=table.name.schema.schema, name=table.name.name)
        for number, table in enumerate(tables)
    ]
    chosen = choose([_as_stored(rule) for rule in rules], relations)
    found: dict[Place, list[tuple[BaseTable, Rule]]] = {base.schema: [] for base in bases}
    homes = [base.schema for base in bases for _ in base.tables]
    for number, (home, table) in enumerate(zip(homes, tables, strict=True)):
        found[home].append((table, chosen[number]))
    return found


def _as_stored(rule: Rule) -> Rule:
    """The rule with its glob in the case in which Snowflake stores the names that are meant."""
    for name, given in (
        ("partitions", rule.partitions is not None),
        ("omit_foreign_keys", rule.omit_foreign_keys),
    ):
        if given:
            raise InvalidRule(
                f"The rule for tables {rule.tables!r} cannot be followed: {name!r} means nothing in"
                " Snowflake.",
                remedy="Take it out of `rules` of the warehouse resource.",
            )
    pieces = rule.tables.split('"')
    # What is between quotes keeps its case, as it does in SQL.
    glob = "".join(p if n % 2 else p.upper() for n, p in enumerate(pieces))
    return replace(rule, tables=glob)


def _choice(
    base: Contents,
    tables: Sequence[tuple[BaseTable, Rule]],
    wishes: Wishes,
    has_role: Mapping[str, bool],
    at: TimeTravel | None,
) -> Choice:
    partial = [table for table, rule in tables if rule.strategy in _PARTIAL]
    owned: list[BaseTable | BaseObject] = [*(table for table, _ in tables), *base.objects]
    foreign = [one for one in owned if one.owner and not has_role.get(one.owner, False)]
    way = _way(base, wishes, partial=bool(partial), foreign=bool(foreign), at=at)
    options = _options(base, wishes)
    if way is Way.SCHEMA:
        told = (*_left_by_schema(base, at), *_owned_by_others(base, foreign))
        return Choice(base=base, way=way, options=options, notes=told)
    made, notes = [], list(_left_by_table(base))
    for table, rule in tables:
        why = _why_not(table, rule, at)
        if why is None:
            made.append((table, rule))
        else:
            notes.append(Note(f"table {table.name.name}", f"not cloned: {why}"))
    return Choice(base=base, way=way, options=options, made=tuple(made), notes=tuple(notes))


def _way(
    base: Contents, wishes: Wishes, *, partial: bool, foreign: bool, at: TimeTravel | None
) -> Way:
    if isinstance(base.schema, DatabaseName):
        if partial:
            raise InvalidRule(
                f"Database {base.schema.name!r} is cloned as a whole, and rules leave out rows or"
                " tables: what was cloned and then emptied could still be read by Time Travel.",
                remedy="Take those rules out, and `schema_only`; or clone schemas, by"
                " `SnowflakeWarehouse`.",
            )
        return Way.SCHEMA
    if partial:
        if wishes.clone_by is CloneBy.SCHEMA:
            raise InvalidRule(
                f"`clone_by` is 'schema', and rules leave out rows or tables of"
                f" {base.schema.name!r}: what was cloned and then emptied could still be read by"
                " Time Travel.",
                remedy="Set `clone_by` to 'auto' or 'tables', or take those rules out.",
            )
        return Way.TABLES
    if wishes.clone_by is not CloneBy.AUTO:
        return Way(wishes.clone_by.value)
    if at is not None:
        # What was dropped or replaced since then is only found by cloning the schema.
        return Way.SCHEMA
    return Way.TABLES if foreign or len(base.tables) > MANY_TABLES else Way.SCHEMA


def _options(base: Contents, wishes: Wishes) -> SchemaOptions:
    retention = wishes.retention_days
    if retention is None and base.retention_days == 0:
        # Without it what is dropped by mistake could not be brought back.
        retention = 1
    return SchemaOptions(
        transient=base.transient if wishes.transient is None else wishes.transient,
        managed_access=(
            base.managed_access if wishes.managed_access is None else wishes.managed_access
        ),
        retention_days=retention,
    )


def _why_not(table: BaseTable, rule: Rule, at: TimeTravel | None) -> str | None:
    if rule.strategy is Strategy.SKIP:
        return "a rule skips it"
    if table.special is not None:
        return f"it is {_article(table.special)}; {_SPECIAL[table.special]}"
    if at is not None and at.time and table.created_on and table.created_on > at.time:
        return f"it was made after {at.time}"
    return None


# https://docs.snowflake.com/en/user-guide/object-clone
_SPECIAL = {
    "external table": "Snowflake does not clone these",
    "hybrid table": "only whole databases can be cloned with these, and not as of a statement",
    "Iceberg table": "it is read in place; name it by its whole name",
    "dynamic table": "a clone would be refreshed, and paid for, beside the original",
    "event table": "Snowflake does not clone these by themselves",
}
_BY_SCHEMA = {
    "PIPE": "comes along paused",
    "STREAM": "comes along without the changes that it has not been asked for yet",
    "TASK": "comes along suspended",
}


def _left_by_schema(base: Contents, at: TimeTravel | None) -> Iterator[Note]:
    left = {"external table", "event table"} | (
        {"hybrid table"} if leaves_hybrid(base, at) else set()
    )
    for table in base.tables:
        if table.special in left:
            text = f"not cloned: it is {_article(table.special)}; {_SPECIAL[table.special]}"
            name = base.schema.shown(table.name.schema, table.name.name)
            yield Note(f"table {name}", text)
    for one in base.objects:
        if one.kind in _BY_SCHEMA:
            yield Note(one.shown, _BY_SCHEMA[one.kind])
        elif _is_internal(one):
            yield Note(one.shown, "an internal stage: it comes along without its files")


def _left_by_table(base: Contents) -> Iterator[Note]:
    for one in base.of("STAGE", "PIPE", "STREAM", "TASK"):
        yield Note(one.shown, "not cloned: only `clone_by: schema` brings these along")


def _owned_by_others(base: Contents, foreign: Sequence[BaseTable | BaseObject]) -> Iterator[Note]:
    owners = sorted({one.owner for one in foreign})
    if owners:
        whole = isinstance(base.schema, DatabaseName)
        remedy = "" if whole else "; `clone_by: tables` makes them its own"
        yield Note(
            f"{base.schema.kind.lower()} {base.schema.name}",
            f"{len(foreign)} object(s) in the clone belong to {', '.join(owners)}, as in base: a"
            f" branch without that role cannot replace them{remedy}",
        )


def _is_internal(one: BaseObject) -> bool:
    return one.kind == "STAGE" and "INTERNAL" in one.text.upper()


def _article(text: str) -> str:
    return f"an {text}" if text[0] in "aeiouI" else f"a {text}"
