"""Reads which statements recreate base schemas as clones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from branch_toolkit.core.strategy import COPY_ALL, Rule
from branch_toolkit.warehouses.postgres.structure.catalog import (
    Aside,
    Catalog,
    open_catalog,
    reading,
)
from branch_toolkit.warehouses.postgres.structure.choosing import Choice, read_choice
from branch_toolkit.warehouses.postgres.structure.contents import (
    read_copies,
    read_sequence_values,
)
from branch_toolkit.warehouses.postgres.structure.deferring import (
    Deferral,
    clone_names,
    guards,
    read_deferrals,
)
from branch_toolkit.warehouses.postgres.structure.definitions import read_definitions
from branch_toolkit.warehouses.postgres.structure.mentions import mentions
from branch_toolkit.warehouses.postgres.structure.model import (
    Caution,
    Ddl,
    DeferredTable,
    Omitted,
    Structure,
)
from branch_toolkit.warehouses.postgres.structure.objects import (
    Labels,
    Objects,
    omissions,
    read_objects,
)
from branch_toolkit.warehouses.postgres.structure.ordering import Found, in_order
from branch_toolkit.warehouses.postgres.structure.statement import (
    Node,
    Stage,
    Statement,
    relation_oids,
)
from branch_toolkit.warehouses.postgres.structure.tables import read_tables
from branch_toolkit.warehouses.postgres.structure.unproven import read_unproven
from branch_toolkit.warehouses.postgres.structure.views import read_hollow_views, read_views

_SAYING = frozenset(
    {
        *("comments", "copies", "grants", "index_partitions", "index_settings", "not_nulls"),
        *(
            "extension_ties",
            "sequence_owners",
            "sequence_values",
            "table_settings",
            "view_settings",
        ),
    }
)
"""Queries for what is said about objects, without which these can be made."""


@dataclass(frozen=True)
class _SchemaGrant:
    place: int
    kind: int
    schema: str
    object: str
    sql: str
    given: int


@dataclass(frozen=True)
class ReadStatements:
    """The statements that make objects, and what they leave out.

    Attributes:
        statements: In the order in which they are to be executed.
        objects: What is in the base schemas.
        omitted: What is not made, with the reason.
        labels: Schema and description of each object.
    """

    statements: tuple[Statement, ...]
    objects: Objects
    omitted: Mapping[Node, Omitted]
    labels: Labels


def read_structure(
    connection: psycopg.Connection[Any],
    clones: Mapping[str, str],
    rules: Sequence[Rule] = (COPY_ALL,),
) -> Structure:
    """Which statements recreate base schemas as clones, references among them included.

    The caller makes the clones' schemas, sets `search_path` to the structure's and
    `check_function_bodies` to off, and executes the statements in order, in one transaction. Rows
    of a table with row security are copied as the role sees them: set `row_security` to off, and a
    role that cannot see them all gets an error in place of a partial copy.

    The clones belong to the role that makes them. Reading takes ACCESS SHARE locks on views only,
    and gives them back; settings and locks of the caller's transaction stay as they were.

    Args:
        connection: In a transaction, or else the catalogs are read in one of their own.
        clones: The name of the clone for each base schema, in the order for `search_path`.
        rules: How each table gets into its clone.

    Raises:
        BaseSchemaNotFound: A base schema is not there.
        InvalidRule: A rule cannot be followed.
        MissingRight: The role may not use a base schema.
        StructureNotRead: An object cannot be recreated, or base was altered meanwhile.
    """
    with reading(connection):
        catalog = open_catalog(connection, clones)
        choice = read_choice(catalog, rules)
        return _structure(catalog.setting_aside(choice.aside), choice)


def read_deferred(
    connection: psycopg.Connection[Any], clones: Mapping[str, str], relations: Collection[int]
) -> list[Deferral]:
    """What it takes to defer relations of base, as they are now.

    Args:
        connection: See `read_structure`.
        clones: The name of the clone for each base schema.
        relations: The relations' oids.
    """
    with reading(connection):
        catalog = open_catalog(connection, clones).setting_aside(Aside(frozenset(relations)))
        return read_deferrals(catalog, relations)


def _structure(catalog: Catalog, choice: Choice) -> Structure:
    clones = clone_names(catalog)
    deferrals = read_deferrals(catalog, choice.deferred)
    unproven = read_unproven(catalog, choice)
    read = read_statements(
        catalog,
        unwanted={**choice.unwanted, **unproven.impossible},
        also=[one.statement(clones[one.schema]) for one in deferrals],
    )
    made, omitted = read.statements, read.omitted
    before = [one for one in made if one.stage < Stage.BUILD]
    after = [unproven.adapted(one) for one in made if one.stage >= Stage.BUILD]
    grants = catalog.fetch(_SchemaGrant, "schema_grants")
    return Structure(
        search_path=search_path(catalog),
        before_data=(*guards(deferrals, clones), *ddl(before)),
        tables=tuple(read_copies(catalog, omitted, choice.rules)),
        sequences=tuple(read_sequence_values(catalog, read.objects, omitted)),
        after_data=(*ddl(after), *map(_grant, grants)),
        omitted=(
            *_sorted({*omitted.values(), *_unsaid(catalog, read.labels)}),
            *catalog.fetch(Omitted, "limits"),
        ),
        cautions=(
            *choice.cautions,
            *unproven.not_valid.values(),
            *mentions((one for one in made if one.node not in choice.aside.nodes), catalog.targets),
            *catalog.fetch(Caution, "cautions"),
        ),
        deferred=tuple(_deferred(choice)),
        shared_types=choice.aside.shared,
        made=relation_oids(one.node for one in made) - choice.aside.relations,
    )


def search_path(catalog: Catalog) -> str:
    """The path under which the statements are to be executed."""
    return ", ".join([*(target.clone for target in catalog.targets), "pg_temp"])


def read_statements(
    catalog: Catalog,
    *,
    unwanted: Mapping[Node, Omitted],
    also: Iterable[Statement] = (),
    there: Collection[Node] = (),
) -> ReadStatements:
    """What makes everything that is not set aside, in order.

    Args:
        catalog: The catalogs.
        unwanted: What is left out on purpose.
        also: Further statements, to be put in order with the others.
        there: What needs no statement, and can still be referred to.
    """
    tables, views = read_tables(catalog), read_views(catalog)
    statements = [*read_definitions(catalog), *also]
    objects = read_objects(catalog)
    found = Found(objects, tables, views, statements)
    unreadable = {one.node: one.reason for one in catalog.unreadable if one.query not in _SAYING}
    defined = found.defined.union(there) - unreadable.keys()
    omitted = {
        node: replace(one, reason=unreadable.get(node, one.reason))
        for node, one in omissions(catalog, objects, defined, unwanted).items()
    }
    order, omitted = found.order(omitted)
    for table in tables:
        statements += table.statements(split=order.split | omitted.keys())
    hollow = read_hollow_views(catalog) if any(view.body in order.split for view in views) else {}
    for view in views:
        apart = view.body in order.split
        statements += view.statements(hollow=hollow[view.node] if apart else None)
    made = in_order(statements, objects, order, omitted)
    return ReadStatements(tuple(made), objects, omitted, found.labels)


def _deferred(choice: Choice) -> Iterator[DeferredTable]:
    for relation in choice.relations.values():
        if relation.id in choice.deferred:
            yield DeferredTable(relation.schema, relation.name, relation.rows, relation.bytes)


def ddl(statements: Iterable[Statement]) -> tuple[Ddl, ...]:
    """The statements as a caller gets them."""
    return tuple(
        Ddl(one.schema, one.object, one.sql, one.stage, one.table, one.validation)
        for one in statements
    )


def _grant(grant: _SchemaGrant) -> Ddl:
    return Ddl(grant.schema, grant.object, grant.sql, Stage.GRANTS)


def _unsaid(catalog: Catalog, labels: Labels) -> Iterator[Omitted]:
    """What cannot be said about objects that are made."""
    for one in catalog.unreadable:
        if one.query in _SAYING and one.node in labels:
            schema, object_ = labels[one.node]
            yield Omitted(schema, f"{one.query.replace('_', ' ')} of {object_}", one.reason)


def _sorted(omitted: Iterable[Omitted]) -> list[Omitted]:
    return sorted(omitted, key=lambda one: (one.schema, one.object, one.reason))
