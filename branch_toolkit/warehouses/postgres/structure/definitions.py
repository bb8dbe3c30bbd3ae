"""Reads the statements that make and describe everything but tables and views."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from branch_toolkit.warehouses.postgres.structure.catalog import Catalog
from branch_toolkit.warehouses.postgres.structure.search_paths import repoint_search_path
from branch_toolkit.warehouses.postgres.structure.statement import Node, Stage, Statement


@dataclass(frozen=True)
class Definition:
    """A row of most queries: an object and a statement about it."""

    classid: int
    objid: int
    schema: str
    object: str
    sql: str

    @property
    def node(self) -> Node:
        """The object."""
        return self.classid, self.objid

    def at(self, stage: Stage, *, creates: bool = False) -> Statement:
        """The statement, at its stage."""
        return Statement(self.node, stage, self.schema, self.object, self.sql, creates)

    def also(self, stage: Stage, sql: str) -> Statement:
        """Another statement about the object."""
        return Statement(self.node, stage, self.schema, self.object, sql)


@dataclass(frozen=True)
class _Placed(Definition):
    place: int


@dataclass(frozen=True)
class _Validated(Definition):
    valid: bool


@dataclass(frozen=True)
class _OfTable(Definition):
    name: str

    def of_table(self, stage: Stage, *, validation: str | None = None) -> Statement:
        """The statement that makes a part of a table, at its stage."""
        made = self.at(stage, creates=True)
        return replace(made, table=self.name, validation=validation)


@dataclass(frozen=True)
class _Index(_OfTable):
    materialized: bool


@dataclass(frozen=True)
class _ForeignKey(_OfTable):
    validation: str | None


@dataclass(frozen=True)
class _Adjusted(Definition):
    setting: str | None


@dataclass(frozen=True)
class _Named(Definition):
    name: str


def read_definitions(catalog: Catalog) -> Iterator[Statement]:
    """Every statement but those of tables and views, grouped by kind."""
    yield from _types(catalog)
    yield from _functions(catalog)
    yield from _relations(catalog)
    yield from _indexes(catalog)
    yield from _behaviour(catalog)
    yield from _descriptions(catalog)


def _types(catalog: Catalog) -> Iterator[Statement]:
    for shell in catalog.read(Definition, "shells"):
        yield shell.at(Stage.DECLARE)
    for query in ("conversions", "collations", "types", "base_types", "casts"):
        for one in catalog.read(Definition, query):
            yield one.at(Stage.CREATE, creates=True)
    for check in catalog.read(_Validated, "domain_checks"):
        yield check.at(Stage.CREATE if check.valid else Stage.CHECKS, creates=True)
    for program in catalog.read(Definition, "text_search_programs"):
        yield program.at(Stage.CREATE, creates=True)
    for part in catalog.read(_Placed, "text_search"):
        yield part.at(Stage.CREATE, creates=True)


def _functions(catalog: Catalog) -> Iterator[Statement]:
    for function in catalog.read(Definition, "functions", anchored="sql"):
        definition = repoint_search_path(function.sql, catalog.targets)
        yield replace(function, sql=definition).at(Stage.CREATE, creates=True)
    for query in ("aggregates", "operators", "operator_classes"):
        for one in catalog.read(Definition, query):
            yield one.at(Stage.CREATE, creates=True)
    for family in catalog.read(_Adjusted, "operator_families"):
        yield family.at(Stage.CREATE, creates=True)
        if family.setting:
            yield family.also(Stage.CREATE, family.setting)


def _relations(catalog: Catalog) -> Iterator[Statement]:
    for sequence in catalog.read(Definition, "sequences"):
        yield sequence.at(Stage.CREATE, creates=True)
    for owner in catalog.read(Definition, "sequence_owners"):
        yield owner.at(Stage.SETTLE)
    for default in catalog.read(Definition, "view_defaults"):
        yield default.at(Stage.CREATE, creates=True)
    for setting in catalog.read(_Named, "view_settings"):
        yield setting.at(Stage.SETTLE)


def _indexes(catalog: Catalog) -> Iterator[Statement]:
    for key in catalog.read(_OfTable, "keys"):
        yield key.of_table(Stage.BUILD)
    for index in catalog.read(_Index, "indexes", anchored="sql"):
        yield index.of_table(Stage.INDEX_REFRESHED if index.materialized else Stage.BUILD)
    for partition in catalog.read(Definition, "index_partitions"):
        yield partition.at(Stage.ATTACH_INDEXES)
    for foreign in catalog.read(_ForeignKey, "foreign_keys"):
        yield foreign.of_table(Stage.FOREIGN_KEYS, validation=foreign.validation)
    for setting in catalog.read(Definition, "index_settings"):
        yield setting.at(Stage.SETTINGS)


def _behaviour(catalog: Catalog) -> Iterator[Statement]:
    for not_null in catalog.read(_Named, "not_nulls"):
        yield not_null.at(Stage.CHECKS)
    for statistics in catalog.read(_Adjusted, "statistics", anchored="sql"):
        yield statistics.at(Stage.STATISTICS, creates=True)
        if statistics.setting:
            yield statistics.also(Stage.STATISTICS, statistics.setting)
    for rule in catalog.read(Definition, "rules", anchored="sql"):
        yield rule.at(Stage.RULES, creates=True)
    for trigger in catalog.read(Definition, "triggers", anchored="sql"):
        yield trigger.at(Stage.TRIGGERS, creates=True)
    for policy in catalog.read(Definition, "policies"):
        yield policy.at(Stage.POLICIES, creates=True)
    for query in ("table_settings", "extension_ties"):
        for setting in catalog.read(_Named, query):
            yield setting.at(Stage.SETTINGS)


def _descriptions(catalog: Catalog) -> Iterator[Statement]:
    for comment in catalog.read(_Placed, "comments"):
        yield comment.at(Stage.COMMENTS)
    for grant in catalog.read(Definition, "grants"):
        yield grant.at(Stage.GRANTS)
