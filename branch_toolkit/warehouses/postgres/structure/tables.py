"""CREATE TABLE, put together from a table's columns and checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from branch_toolkit.warehouses.postgres.structure.catalog import Catalog
from branch_toolkit.warehouses.postgres.structure.statement import Node, Stage, Statement


@dataclass(frozen=True)
class Column:
    """A row of `columns.sql`."""

    table: int
    name: str
    default_classid: int
    default_objid: int | None
    definition: str
    declared: bool
    default_sql: str | None
    quoted: str
    not_null_sql: str | None
    not_null_unnamed: bool
    computed: bool
    settings: list[str]

    @property
    def default_node(self) -> Node | None:
        """The default as an object of its own; a generated column's expression is none."""
        if self.default_sql is None or self.default_objid is None:
            return None
        return self.default_classid, self.default_objid


@dataclass(frozen=True)
class Check:
    """A row of `checks.sql`."""

    classid: int
    objid: int
    schema: str
    object: str
    table: int
    valid: bool
    no_inherit: bool
    definition: str
    declared: bool

    @property
    def node(self) -> Node:
        """The constraint as an object of its own."""
        return self.classid, self.objid


@dataclass(frozen=True)
class Table:
    """A table, or one level of a partitioned one: a row of `tables.sql` and what belongs to it."""

    classid: int
    objid: int
    schema: str
    object: str
    quoted: str
    unlogged: bool
    tail: str
    attach: str | None
    of_type: str | None
    columns: list[Column] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def node(self) -> Node:
        """The table as an object."""
        return self.classid, self.objid

    @property
    def parts(self) -> Iterator[Node]:
        """The defaults and checks that CREATE TABLE may contain, or that are added later."""
        yield from (
            column.default_node
            for column in self.columns
            if column.declared and column.default_node
        )
        yield from (check.node for check in self.checks if check.declared and check.valid)

    @property
    def contents(self) -> Iterator[Node]:
        """The table, its defaults and its checks, also those that come by inheritance."""
        yield self.node
        yield from (column.default_node for column in self.columns if column.default_node)
        yield from (check.node for check in self.checks)

    def statements(self, *, split: Collection[Node]) -> Iterator[Statement]:
        """The statements that make the table.

        Args:
            split: Defaults and checks that CREATE TABLE is not to contain.
        """
        inline = frozenset(self.parts) - frozenset(split)
        yield self._statement(Stage.CREATE, self._create(inline), creates=True)
        yield from self._defaults(inline)
        yield from self._checks(inline)
        if self.attach:
            yield self._statement(Stage.ATTACH, self.attach)
        if self.of_type:
            yield self._statement(Stage.ATTACH, self.of_type)
        for column in self.columns:
            for setting in self._settings(column):
                yield self._statement(Stage.SETTLE, f"{self._alter(column)} {setting}")

    def _statement(self, stage: Stage, text: str, *, creates: bool = False) -> Statement:
        return Statement(self.node, stage, self.schema, self.object, text, creates)

    def _create(self, inline: Collection[Node]) -> str:
        elements = [self._declared(column, inline) for column in self.columns if column.declared]
        elements += [
            column.not_null_sql
            for column in self.columns
            if column.not_null_sql and not column.declared
        ]
        elements += [check.definition for check in self.checks if check.node in inline]
        inner = ",\n    ".join(elements)
        body = f"(\n    {inner}\n)" if elements else "()"
        unlogged = "UNLOGGED " if self.unlogged else ""
        return f"CREATE {unlogged}TABLE {self.quoted} {body} {self.tail}".rstrip()

    def _alter(self, column: Column) -> str:
        return f"ALTER TABLE ONLY {self.quoted} ALTER COLUMN {column.quoted}"

    def _declared(self, column: Column, inline: Collection[Node]) -> str:
        if column.default_node in inline:
            return f"{column.definition} DEFAULT {column.default_sql}"
        return column.definition

    def _defaults(self, inline: Collection[Node]) -> Iterator[Statement]:
        for column in self.columns:
            node = column.default_node
            if node and node not in inline:
                yield Statement(
                    node,
                    Stage.CREATE,
                    self.schema,
                    f"default of column {column.name} of {self.object}",
                    f"{self._alter(column)} SET DEFAULT {column.default_sql}",
                    creates=True,
                )

    def _checks(self, inline: Collection[Node]) -> Iterator[Statement]:
        for check in self.checks:
            if check.declared and check.node not in inline:
                only = "ONLY " if check.no_inherit else ""
                yield Statement(
                    check.node,
                    Stage.CREATE if check.valid else Stage.CHECKS,
                    self.schema,
                    check.object,
                    f"ALTER TABLE {only}{self.quoted} ADD {check.definition}",
                    creates=True,
                )

    def _settings(self, column: Column) -> Iterator[str]:
        yield from column.settings
        if column.declared:
            return
        if column.not_null_unnamed:
            yield "SET NOT NULL"
        if column.default_sql is None and not column.computed:
            # The parent's may have been dropped here.
            yield "DROP DEFAULT"


def read_tables(catalog: Catalog) -> list[Table]:
    """The tables of the base schemas."""
    columns, checks = defaultdict(list), defaultdict(list)
    for column in catalog.read(Column, "columns"):
        columns[column.table].append(column)
    for check in catalog.read(Check, "checks"):
        checks[check.table].append(check)
    return [
        replace(table, columns=columns[table.objid], checks=checks[table.objid])
        for table in catalog.read(Table, "tables")
    ]
