"""Decides what of the base schemas is deferred, made again, or left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from branch_toolkit.core import strategy
from branch_toolkit.core.strategy import COPY_ALL, Indexes, InvalidRule, Rule, Strategy, choose
from branch_toolkit.warehouses.postgres.structure.catalog import Aside, Catalog
from branch_toolkit.warehouses.postgres.structure.model import Caution, Omitted
from branch_toolkit.warehouses.postgres.structure.statement import Node, relation_node

_PG_TYPE = 1247  # Its oid is fixed, in every version.


@dataclass(frozen=True)
class Relation:
    """A row of `relations.sql`."""

    id: int
    schema: str
    name: str
    kind: str
    has_columns: bool
    parent: int | None
    rows: int | None
    bytes: int

    @property
    def is_view(self) -> bool:
        """Whether it is a view, which is made again whatever the rules say."""
        return self.kind == "v"

    @property
    def label(self) -> str:
        """`table orders`."""
        kinds = {"v": "view", "m": "materialized view", "f": "foreign table"}
        return f"{kinds.get(self.kind, 'table')} {self.name}"


@dataclass(frozen=True)
class Choice:
    """What becomes of the relations of the base schemas.

    Attributes:
        relations: All of them, by oid.
        rules: The rule that counts for each.
        deferred: Those that are read through base.
        aside: What is not made.
        unwanted: What is left out on purpose, or cannot be had.
        cautions: What to know about views that are deferred.
    """

    relations: Mapping[int, Relation]
    rules: Mapping[int, Rule]
    deferred: frozenset[int] = frozenset()
    aside: Aside = field(default_factory=Aside)
    unwanted: Mapping[Node, Omitted] = field(default_factory=dict)
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class ColumnType:
    """A row of `column_types.sql`."""

    relation: int
    type: int
    label: str
    of_table: bool


@dataclass(frozen=True)
class _KeptNode:
    classid: int
    objid: int


@dataclass(frozen=True)
class Unviewable:
    """A row of `unviewable.sql`."""

    id: int
    schema: str
    name: str
    reason: str


@dataclass(frozen=True)
class Unmakeable:
    """A row of `unmakeable.sql`."""

    classid: int
    objid: int
    schema: str
    object: str
    table: int
    label: str


@dataclass(frozen=True)
class _PlainIndex:
    classid: int
    objid: int
    table: int
    schema: str
    object: str


@dataclass(frozen=True)
class ForeignKey:
    """A row of `foreign_keys_aside.sql`."""

    classid: int
    objid: int
    name: str
    table: int
    referenced: int


def read_choice(catalog: Catalog, rules: Sequence[Rule]) -> Choice:
    """What becomes of the relations, by the rules.

    Raises:
        InvalidRule: A rule matches nothing, contradicts another, or defers what is needed.
    """
    relations = {one.id: one for one in catalog.fetch(Relation, "relations")}
    known = [
        strategy.Relation(id=one.id, schema=one.schema, name=one.name, parent=one.parent)
        for one in relations.values()
    ]
    chosen = choose(rules, known)
    by_strategy: dict[Strategy, set[int]] = defaultdict(set)
    for oid, rule in chosen.items():
        by_strategy[rule.strategy].add(oid)
    skipped = by_strategy[Strategy.SKIP]
    # No type can be made of what has no columns, and making it again costs nothing.
    deferred = {
        oid
        for oid in by_strategy[Strategy.DEFER]
        if not relations[oid].is_view and relations[oid].has_columns
    }
    choice = Choice(relations, chosen, unwanted=_unwanted_indexes(catalog, chosen))
    if not deferred and not skipped:
        return choice
    choice = _deferring(catalog, choice, deferred, skipped)
    _require_keys(catalog.setting_aside(choice.aside), relations, chosen, choice.deferred)
    return choice


def _deferring(
    catalog: Catalog, choice: Choice, deferred: Collection[int], skipped: Collection[int]
) -> Choice:
    relations = choice.relations
    unwanted = dict.fromkeys(skipped, "A rule says to skip it.")
    cautions = []
    deferred = set(deferred)
    looked = catalog.setting_aside(Aside(frozenset(deferred)))
    for view in looked.fetch(Unviewable, "unviewable"):
        # Read as base's own view; whoever makes such a table the branch's own gets the real one.
        deferred.add(view.id)
        cautions.append(
            Caution(
                view.schema,
                relations[view.id].label,
                f"It is deferred itself, because {view.reason}, which is deferred: it shows base's"
                " rows until all that it reads is the branch's own.",
            )
        )
    looked = catalog.setting_aside(Aside(frozenset(deferred)))
    types = looked.fetch(ColumnType, "column_types")
    for one in types:
        if one.of_table:
            deferred.discard(one.relation)
            unwanted[one.relation] = (
                f"It cannot be deferred, as it has a column of the row type {one.label}, which base"
                " could then not drop; give it the strategy 'copy' or 'empty'."
            )
    shared = {one.type for one in types if one.relation in deferred}
    aside = sharing(catalog, shared, relations=deferred | unwanted.keys(), users=deferred)
    left_out = {
        relation_node(oid): Omitted(relations[oid].schema, relations[oid].label, reason)
        for oid, reason in unwanted.items()
    }
    return replace(
        choice,
        deferred=frozenset(deferred),
        aside=aside,
        unwanted={**choice.unwanted, **left_out, **unmakeable(catalog.setting_aside(aside))},
        cautions=tuple(cautions),
    )


def sharing(
    catalog: Catalog,
    types: Collection[int],
    *,
    relations: Collection[int],
    users: Collection[int],
) -> Aside:
    """Relations set aside, together with what of base the clones share with it.

    Args:
        catalog: The catalogs.
        types: The types that they share.
        relations: What is set aside.
        users: Relations whose columns have these types.
    """
    looked = catalog.setting_aside(Aside(frozenset(), frozenset(types)))
    nodes = [relation_node(oid) for oid in users]
    found = looked.fetch(_KeptNode, "kept_nodes", nodes=nodes)
    kept = {(one.classid, one.objid) for one in found}
    return Aside(
        frozenset(relations),
        frozenset(objid for classid, objid in kept if classid == _PG_TYPE),
        frozenset(kept),
    )


def unmakeable(catalog: Catalog) -> dict[Node, Omitted]:
    """What cannot be made as long as something is set aside, although that can be read."""
    return {
        (one.classid, one.objid): Omitted(
            one.schema,
            one.object,
            f"It names a constraint of {one.label}, which is not the branch's own; it comes along"
            " when that is.",
        )
        for one in catalog.fetch(Unmakeable, "unmakeable")
    }


def _unwanted_indexes(catalog: Catalog, rules: Mapping[int, Rule]) -> dict[Node, Omitted]:
    if all(rule.indexes is Indexes.ALL for rule in rules.values()):
        return {}
    return {
        (index.classid, index.objid): Omitted(
            index.schema, index.object, "A rule says to leave out indexes that are not unique."
        )
        for index in catalog.fetch(_PlainIndex, "plain_indexes")
        if rules.get(index.table, COPY_ALL).indexes is not Indexes.ALL
    }


def _require_keys(
    catalog: Catalog,
    relations: Mapping[int, Relation],
    rules: Mapping[int, Rule],
    deferred: Collection[int],
) -> None:
    for key in catalog.fetch(ForeignKey, "foreign_keys_aside"):
        rule = rules.get(key.table, COPY_ALL)
        if key.referenced not in deferred or rule.omit_foreign_keys:
            continue
        table, referenced = relations[key.table], relations[key.referenced]
        raise InvalidRule(
            f"Foreign key {key.name} of {table.schema}.{table.name} needs"
            f" {referenced.schema}.{referenced.name}, which is deferred, and no foreign key can"
            " refer to a deferred table.",
            remedy=(
                f"Give {referenced.name!r} the strategy 'copy', 'sample' or 'empty' as well, or the"
                f" rule for tables {rule.tables!r} `omit_foreign_keys=True`."
            ),
        )
