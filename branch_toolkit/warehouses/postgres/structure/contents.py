"""Reads what copies the rows of tables and the state of sequences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from branch_toolkit.core.strategy import COPY_ALL, Rule, Strategy
from branch_toolkit.warehouses.postgres.structure.catalog import Catalog
from branch_toolkit.warehouses.postgres.structure.model import Ddl, TableCopy
from branch_toolkit.warehouses.postgres.structure.objects import Objects
from branch_toolkit.warehouses.postgres.structure.statement import Node, Stage


@dataclass(frozen=True)
class _Copy:
    classid: int
    objid: int
    schema: str
    name: str
    target: str
    columns: str | None
    values: str | None
    source: str
    clone: str

    @property
    def insert(self) -> str:
        # A table without columns that could be assigned still has rows.
        columns = f" ({self.columns})" if self.columns else ""
        target = f"INSERT INTO {self.target}{columns} OVERRIDING SYSTEM VALUE"
        return f"{target} SELECT {self.values or ''} FROM ONLY {self.source}"  # noqa: S608


@dataclass(frozen=True)
class _Size:
    objid: int
    rows: int | None
    bytes: int
    index_bytes: int
    pages: int | None


@dataclass(frozen=True)
class _Value:
    classid: int
    objid: int
    schema: str
    object: str
    target: str
    source: str

    @property
    def sql(self) -> str:
        values = f"{self.target}::pg_catalog.regclass, last_value, is_called"
        return f"SELECT pg_catalog.setval({values}) FROM {self.source}"  # noqa: S608


def read_copies(
    catalog: Catalog, omitted: Collection[Node], rules: Mapping[int, Rule]
) -> Iterator[TableCopy]:
    """What copies the rows of each table that is not omitted, and of which rows are wanted."""
    sizes = {size.objid: size for size in catalog.fetch(_Size, "sizes")}
    for copy in catalog.read(_Copy, "copies"):
        size, rule = sizes.get(copy.objid), rules.get(copy.objid, COPY_ALL)
        if not size or (copy.classid, copy.objid) in omitted:
            continue
        if rule.strategy is not Strategy.EMPTY and rule.takes(copy.name):
            yield TableCopy(
                schema=copy.schema,
                table=copy.name,
                source=copy.source,
                clone=copy.clone,
                insert=copy.insert,
                rerouted=copy.target != copy.clone,
                condition=rule.where,
                limit=rule.limit,
                rows=size.rows,
                bytes=size.bytes,
                index_bytes=size.index_bytes,
                pages=size.pages,
            )


def read_sequence_values(
    catalog: Catalog, objects: Objects, omitted: Collection[Node]
) -> Iterator[Ddl]:
    """What sets each sequence to the value that base's has."""
    for value in catalog.read(_Value, "sequence_values"):
        node = value.classid, value.objid
        # A sequence of an identity column comes and goes with its table.
        if objects.makers.get(node) not in (None, *omitted):
            yield Ddl(value.schema, value.object, value.sql, Stage.SETTLE)
