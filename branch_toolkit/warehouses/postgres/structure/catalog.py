"""Reads the catalogs, with every definition in them re-pointed to the clones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from branch_toolkit.core.errors import BaseSchemaNotFound, MissingRight
from branch_toolkit.warehouses.postgres.structure.errors import BaseChanged
from branch_toolkit.warehouses.postgres.structure.kinds import ABOUT
from branch_toolkit.warehouses.postgres.structure.repoint import Target
from branch_toolkit.warehouses.postgres.structure.rows import Reference, Rows, Unreadable
from branch_toolkit.warehouses.postgres.structure.statement import Node, relation_node

Record = TypeVar("Record")

_PG_COLLATION = 3456  # Its oid is fixed, in every version.

QUALIFYING_PATH = "pg_catalog, pg_temp"
"""Under it, Postgres qualifies every name that is not its own."""


@dataclass(frozen=True)
class _KeptName:
    schema: str
    name: str
    ambiguous: bool


@dataclass(frozen=True)
class _Exists:
    schema: str


@dataclass(frozen=True)
class Aside:
    """What of the base schemas is not made again in the clones.

    Attributes:
        relations: Tables and views that are deferred or skipped.
        types: Types of base that columns of deferred relations have; the clones share them.
        kept: The objects that come with these types.
    """

    relations: frozenset[int] = frozenset()
    types: frozenset[int] = frozenset()
    kept: frozenset[Node] = frozenset()

    @cached_property
    def nodes(self) -> frozenset[Node]:
        """The relations as objects."""
        return frozenset(map(relation_node, self.relations))

    @property
    def shared(self) -> frozenset[int]:
        """The types that the clones share, and the collations."""
        return self.types | {objid for classid, objid in self.kept if classid == _PG_COLLATION}


class Catalog:
    """The catalogs of a database, as far as they are about the base schemas.

    Queries stand in `sql/`. One that deparses definitions is run under several search paths, and
    its rows are compared; a fixed number of queries, whatever the number of tables.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        bases: Mapping[str, int],
        targets: list[Target],
        aside: Aside = Aside(),  # frozen
    ) -> None:
        self.aside = aside
        self._connection = connection
        self._bases = bases
        self._targets = targets
        self._values = _values(bases, targets, aside)
        self.unreadable: list[Unreadable] = []

    def setting_aside(self, aside: Aside) -> Catalog:
        """The same catalogs, without what is set aside."""
        return Catalog(self._connection, self._bases, self._targets, aside)

    @cached_property
    def _has_extensions(self) -> bool:
        """Whether an extension has objects in one of the base schemas."""
        return bool(self.fetch(_Exists, "extensions"))

    @cached_property
    def targets(self) -> list[Target]:
        """The base schemas and where references to them go."""
        # Looking at all names takes a while where there are thousands of tables.
        if not self.aside.kept and not self._has_extensions:
            return self._targets
        kept = self.fetch(_KeptName, "extension_names")
        return [_keeping(target, kept) for target in self._targets]

    def fetch(
        self, record: type[Record], query: str, *, nodes: Sequence[Node] = ()
    ) -> list[Record]:
        """The rows of a query, names of base qualified and not re-pointed.

        Args:
            record: What to make of a row; its fields are the query's columns.
            query: The query's name.
            nodes: The objects that the query is about, if it is not about all.
        """
        names, columns = self._columns(query, QUALIFYING_PATH, nodes)
        return [record(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]

    def read(
        self, record: type[Record], query: str, *, anchored: str | None = None
    ) -> list[Record]:
        """The rows of a query, their definitions re-pointed to the clones.

        A row that cannot be re-pointed is left out, and added to `unreadable`.

        Args:
            record: What to make of a row; its fields are the query's columns.
            query: The query's name. It has to sort its rows by something other than definitions.
            anchored: The column whose definition names its object's schema under every path.

        Raises:
            BaseChanged: The rows are others under another path.
        """
        names, columns = self._columns(query, QUALIFYING_PATH)
        if not columns:
            return []
        seen = [
            self._columns(query, f"{target.base}, pg_catalog, pg_temp")[1]
            for target in self._targets
        ]
        if any(_ids(names, other) != _ids(names, columns) for other in seen):
            raise BaseChanged(query)
        rows = Rows(query, names, columns, seen)
        repointed = list(rows.repointed(self.targets, lambda: self._references, anchored=anchored))
        self.unreadable += rows.unreadable
        return [record(**dict(zip(names, row, strict=True))) for row in repointed]

    def _columns(
        self, query: str, path: str, nodes: Sequence[Node] = ()
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of a query's columns, and their values; no columns if there are no rows."""
        if query in ABOUT and self.kinds.isdisjoint(ABOUT[query]):
            return [], []
        return self._ask(query, path, nodes)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Which kinds of objects there are to be made."""
        _, columns = self._ask("kinds", QUALIFYING_PATH)
        return frozenset(*columns)

    def _ask(
        self, query: str, path: str, nodes: Sequence[Node] = ()
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        statement = sql.SQL(query_text(query)).format(
            **self._values,
            classids=sql.Literal([classid for classid, _ in nodes]),
            objids=sql.Literal([objid for _, objid in nodes]),
        )
        # A base schema may have tables, functions and operators that are named like Postgres's own.
        # So the query is parsed where these cannot be meant, and only run under the other path.
        trip = sql.SQL(
            "SET LOCAL search_path = pg_catalog, pg_temp;"
            "DECLARE structure_rows NO SCROLL CURSOR FOR {statement};"
            "SET LOCAL search_path = {path};"
            "FETCH ALL FROM structure_rows; CLOSE structure_rows"
        )
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            # One trip; the path is put back by the caller's rollback to a savepoint.
            cursor.execute(trip.format(statement=statement, path=sql.SQL(path)))
            for _ in range(3):
                cursor.nextset()
            names = [column.name for column in cursor.description or ()]
            return names, list(zip(*cursor.fetchall(), strict=True))

    @cached_property
    def _references(self) -> Mapping[Node, list[Reference]]:
        found = defaultdict(list)
        for one in self.fetch(Reference, "references"):
            found[one.classid, one.objid].append(one)
        return found


def _values(
    bases: Mapping[str, int], targets: Sequence[Target], aside: Aside
) -> dict[str, sql.Composable]:
    values: dict[str, sql.Composable] = {
        "bases": sql.Literal(list(bases.values())),
        "clones": sql.Literal([target.clone for target in targets]),
        "aside": sql.Literal(sorted(aside.relations)),
        "shared": sql.Literal(sorted(aside.types)),
        "kept_classids": sql.Literal([classid for classid, _ in sorted(aside.kept)]),
        "kept_objids": sql.Literal([objid for _, objid in sorted(aside.kept)]),
    }
    values["members"] = sql.SQL(query_text("members")).format(**values)
    values["names"] = sql.SQL(query_text("names")).format(**values)
    return values


def _ids(names: Sequence[str], columns: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Which objects some rows are about, in order."""
    ids = ("classid", "objid", "table")
    return [values for name, values in zip(names, columns, strict=False) if name in ids]


@contextmanager
def reading(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A savepoint (or a transaction, if there is none) that is rolled back at the end.

    Settings that were changed and locks that were taken meanwhile are thereby undone.
    """
    with connection.transaction(force_rollback=True):
        # Where many objects were made since the catalogs were last analysed, the planner takes them
        # for small and nests loops over them, which takes minutes in place of milliseconds.
        connection.execute("SET LOCAL enable_nestloop = off")
        # Up to Postgres 17 a loop that cannot be avoided then counts as dear enough to compile.
        connection.execute("SET LOCAL jit = off")
        # Cursors are read to their end.
        connection.execute("SET LOCAL cursor_tuple_fraction = 1.0")
        yield


def open_catalog(connection: psycopg.Connection[Any], clones: Mapping[str, str]) -> Catalog:
    """The catalogs of base schemas that are to be cloned.

    Raises:
        BaseSchemaNotFound: One of them is not there.
    """
    bases = schema_oids(connection, list(clones))
    names = zip(
        quoted(connection, list(clones)), quoted(connection, list(clones.values())), strict=True
    )
    targets = [Target(base, clone) for base, clone in names]
    return Catalog(connection, bases, targets).setting_aside(Aside())


def _keeping(target: Target, names: list[_KeptName]) -> Target:
    ours = [name for name in names if name.schema == target.base]
    return replace(
        target,
        kept=frozenset(name.name for name in ours if not name.ambiguous),
        ambiguous=frozenset(name.name for name in ours if name.ambiguous),
    )


def schema_oids(connection: psycopg.Connection[Any], schemas: Sequence[str]) -> dict[str, int]:
    """The schemas' object ids, in order.

    Raises:
        BaseSchemaNotFound: One of them is not there.
        MissingRight: The role may not use one of them.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "SELECT nspname, oid::bigint, pg_catalog.has_schema_privilege(oid, 'USAGE')"
            " FROM pg_catalog.pg_namespace WHERE nspname = ANY (%s)",
            [list(schemas)],
        )
        found = {name: (oid, usable) for name, oid, usable in cursor}
    for schema in schemas:
        if schema not in found:
            raise BaseSchemaNotFound(schema, database=connection.info.dbname, found=list(found))
        # On `search_path`, a schema that may not be used is passed over without a word.
        if not found[schema][1]:
            raise _no_usage(schema)
    return {schema: found[schema][0] for schema in schemas}


def _no_usage(schema: str) -> MissingRight:
    return MissingRight(
        f"The role may not use schema {schema!r}, so what is in it cannot be read.",
        remedy="Grant it USAGE on the schema, and SELECT on its tables and sequences.",
    )


def quoted(connection: psycopg.Connection[Any], names: Sequence[str]) -> list[str]:
    """Identifiers as the server writes them in definitions: quoted only where that is needed."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "SELECT pg_catalog.quote_ident(name) FROM pg_catalog.unnest(%s::text[])"
            " WITH ORDINALITY AS given(name, place) ORDER BY place",
            [list(names)],
        )
        return [row[0] for row in cursor]


@cache
def query_text(name: str) -> str:
    """The text of a query in `sql/`."""
    return (resources.files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
