"""Reads which statements recreate base schemas as clones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from branch_toolkit.core.strategy import COPY_ALL, Rule
from branch_toolkit.warehouses.postgres.structure.catalog import Catalog, open_catalog, reading
from branch_toolkit.warehouses.postgres.structure.choosing import Choice, read_choice
from branch_toolkit.warehouses.postgres.structure.contents import (
    read_copies,
    read_sequence_values,
)
from branch_toolkit.warehouses.postgres.structure.deferring import (
    clone_names,
    guards,
    read_deferrals,
)
from branch_toolkit.warehouses.postgres.structure.definitions import read_definitions
from branch_toolkit.warehouses.postgres.structure.graph import Graph, Order
from branch_toolkit.warehouses.postgres.structure.mentions import mentions
from branch_toolkit.warehouses.postgres.structure.model import (
    Caution,
    Ddl,
    DeferredTable,
    Omitted,
    Structure,
)
from branch_toolkit.warehouses.postgres.structure.objects import Objects, omissions, read_objects
from branch_toolkit.warehouses.postgres.structure.statement import Node, Stage, Statement
from branch_toolkit.warehouses.postgres.structure.tables import Table, read_tables


@dataclass(frozen=True)
class _SchemaGrant:
    place: int
    kind: int
    schema: str
    object: str
    sql: str


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


def _structure(catalog: Catalog, choice: Choice) -> Structure:
    clones = clone_names(catalog)
    deferrals = read_deferrals(catalog, choice.deferred)
    tables, statements = read_tables(catalog), list(read_definitions(catalog))
    statements += [one.statement(clones[one.schema]) for one in deferrals]
    objects = read_objects(catalog)
    labels = _labels(tables, statements)
    omitted = omissions(catalog, objects, _defined(tables, statements), labels, choice.unwanted)
    order = _graph(objects, tables, statements, labels, omitted).order()
    for table in tables:
        statements += table.statements(split=order.split | omitted.keys())
    made = _ordered(statements, objects, order, omitted)
    before = [one for one in made if _stage(one, order) < Stage.BUILD]
    after = [one for one in made if _stage(one, order) >= Stage.BUILD]
    grants = catalog.fetch(_SchemaGrant, "schema_grants")
    return Structure(
        search_path=", ".join([*(target.clone for target in catalog.targets), "pg_temp"]),
        before_data=(*guards(deferrals, clones), *_ddl(before)),
        tables=tuple(read_copies(catalog, omitted, choice.rules)),
        sequences=tuple(read_sequence_values(catalog, objects, omitted)),
        after_data=(*_ddl(after), *(Ddl(one.schema, one.object, one.sql) for one in grants)),
        omitted=(*_sorted(omitted.values()), *catalog.fetch(Omitted, "limits")),
        cautions=(
            *choice.cautions,
            *mentions((one for one in made if one.node not in choice.aside.nodes), catalog.targets),
            *catalog.fetch(Caution, "cautions"),
        ),
        deferred=tuple(_deferred(choice)),
        shared_types=choice.aside.types,
    )


def _deferred(choice: Choice) -> Iterator[DeferredTable]:
    for relation in choice.relations.values():
        if relation.id in choice.deferred:
            yield DeferredTable(relation.schema, relation.name, relation.rows, relation.bytes)


def _labels(
    tables: Iterable[Table], statements: Iterable[Statement]
) -> dict[Node, tuple[str, str]]:
    labels = {one.node: (one.schema, one.object) for one in statements if one.creates}
    for table in tables:
        labels |= dict.fromkeys(table.contents, (table.schema, table.object))
        labels |= {check.node: (check.schema, check.object) for check in table.checks}
    return labels


def _defined(tables: Iterable[Table], statements: Iterable[Statement]) -> set[Node]:
    made = {one.node for one in statements if one.creates}
    return made.union(*(table.contents for table in tables))


def _graph(
    objects: Objects,
    tables: Iterable[Table],
    statements: Iterable[Statement],
    labels: Mapping[Node, tuple[str, str]],
    omitted: Collection[Node],
) -> Graph:
    edges = {
        node: {one for one in needed if one not in omitted}
        for node, needed in objects.edges.items()
        if node not in omitted
    }
    after = {one.node for one in statements if one.creates and one.stage >= Stage.BUILD}
    for table in tables:
        after |= {check.node for check in table.checks if not check.valid}
    parts = {part: table.node for table in tables for part in table.parts if part not in omitted}
    kept = {node: label for node, label in labels.items() if node not in omitted}
    return Graph(edges, kept, parts, frozenset(after.difference(omitted)))


def _ordered(
    statements: Iterable[Statement], objects: Objects, order: Order, omitted: Collection[Node]
) -> list[Statement]:
    placed = [
        (_stage(one, order), order.position[maker], one)
        for one in statements
        if (maker := objects.makers.get(one.node))
        and maker in order.position
        and maker not in omitted
    ]
    return [one for *_, one in sorted(placed, key=lambda place: place[:2])]


def _stage(statement: Statement, order: Order) -> Stage:
    late = statement.stage < Stage.BUILD and statement.node in order.late
    return Stage.BUILD if late else statement.stage


def _ddl(statements: Iterable[Statement]) -> tuple[Ddl, ...]:
    return tuple(Ddl(one.schema, one.object, one.sql) for one in statements)


def _sorted(omitted: Iterable[Omitted]) -> list[Omitted]:
    return sorted(omitted, key=lambda one: (one.schema, one.object, one.reason))
