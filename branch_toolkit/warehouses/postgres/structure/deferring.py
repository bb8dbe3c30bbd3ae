"""Deferred relations: views that read base through a function, and depend on nothing in it.

The planner inlines the function, so that a deferred table is read as fast as base's own. As a
function's body is text, base's table can be altered, swapped or dropped at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from branch_toolkit.warehouses.postgres.structure.catalog import Catalog
from branch_toolkit.warehouses.postgres.structure.model import Ddl
from branch_toolkit.warehouses.postgres.structure.statement import Stage, Statement
from branch_toolkit.warehouses.postgres.structure.tokens import unquoted_name

PREFIX = "_deferred_"
GUARD = "_deferred_write"
"""The trigger function that refuses to write to a deferred table."""

_LONGEST = 63


@dataclass(frozen=True)
class Deferral:
    """A row of `deferrals.sql`."""

    classid: int
    objid: int
    schema: str
    name: str
    source: str
    names: list[str]
    attributes: list[str]
    columns: str
    guard: str | None

    def statement(self, clone: str) -> Statement:
        """The statement that makes it, in a clone."""
        return Statement(
            (self.classid, self.objid),
            Stage.CREATE,
            self.schema,
            f"deferred table {self.name}",
            self.sql(clone),
            creates=True,
        )

    def sql(self, clone: str) -> str:
        """The statements that make it, in a clone."""
        template = """CREATE TYPE {row} AS ({attributes});
{function};
CREATE VIEW {view} AS SELECT * FROM {row}();
CREATE TRIGGER {guard} INSTEAD OF INSERT OR UPDATE OR DELETE ON {view}
  FOR EACH ROW EXECUTE FUNCTION {refuse}({source}, {name})"""
        return (
            sql.SQL(template)
            .format(
                row=sql.Identifier(clone, deferred_name(self.name)),
                view=sql.Identifier(clone, self.name),
                attributes=sql.SQL(", ".join(self.attributes)),
                function=sql.SQL(self.function_sql(clone)),
                guard=sql.Identifier(GUARD),
                refuse=sql.Identifier(clone, GUARD),
                source=sql.Literal(self.source),
                name=sql.Literal(self.name),
            )
            .as_string(None)
        )

    def follow_sql(self, clone: str, added: Collection[str]) -> str:
        """The statements that give it columns that base has gained since it was made."""
        columns = [
            sql.SQL("ADD ATTRIBUTE {}").format(sql.SQL(attribute))
            for name, attribute in zip(self.names, self.attributes, strict=True)
            if name in added
        ]
        template = """ALTER TYPE {row} {added};
{function};
CREATE OR REPLACE VIEW {view} AS SELECT * FROM {row}()"""
        return (
            sql.SQL(template)
            .format(
                row=sql.Identifier(clone, deferred_name(self.name)),
                added=sql.SQL(", ").join(columns),
                function=sql.SQL(self.function_sql(clone)),
                view=sql.Identifier(clone, self.name),
            )
            .as_string(None)
        )

    def function_sql(self, clone: str) -> str:
        """The statement that makes the function, or makes it anew."""
        row = sql.Identifier(clone, deferred_name(self.name))
        template = """CREATE OR REPLACE FUNCTION {row}() RETURNS SETOF {row}
  LANGUAGE sql STABLE PARALLEL SAFE AS {body}"""
        return sql.SQL(template).format(row=row, body=sql.Literal(self.body)).as_string(None)

    @property
    def body(self) -> str:
        """The function's body.

        The planner folds the guard away. A column whose type is another one now would without it
        be converted to what it was, silently and with loss; with it that is an error.
        """
        condition = f" WHERE true OR ({self.guard})" if self.guard else ""
        return f"SELECT {self.columns} FROM {self.source} AS d{condition}"  # noqa: S608


def deferred_name(name: str) -> str:
    """The name of the row type and of the function through which a deferred table is read."""
    full = f"{PREFIX}{name}"
    if len(full.encode()) <= _LONGEST:
        return full
    return PREFIX + hashlib.sha256(name.encode()).hexdigest()[:32]


def guard_statement(schema: str, clone: str) -> Ddl:
    """The statement that makes the function that refuses writes to a clone's deferred tables."""
    template = """CREATE FUNCTION {refuse}() RETURNS trigger LANGUAGE plpgsql AS {body}"""
    body = """
BEGIN
    RAISE EXCEPTION 'table "%" of this branch is deferred: it reads % and cannot be written to',
        TG_ARGV[1], TG_ARGV[0]
    USING ERRCODE = 'object_not_in_prerequisite_state',
          HINT = format('Make it the branch''s own first: branch-toolkit own %s, or'
                        ' warehouse.own(%L) in code.', TG_ARGV[1], TG_ARGV[1]);
END """
    text = sql.SQL(template).format(refuse=sql.Identifier(clone, GUARD), body=sql.Literal(body))
    return Ddl(schema, "function that guards deferred tables", text.as_string(None), Stage.CREATE)


def read_deferrals(catalog: Catalog, deferred: Collection[int]) -> list[Deferral]:
    """What it takes to defer the relations."""
    found = catalog.fetch(Deferral, "deferrals")
    return [one for one in found if one.objid in deferred]


def clone_names(catalog: Catalog) -> Mapping[str, str]:
    """Clone by base schema, neither quoted."""
    return {unquoted_name(one.base): unquoted_name(one.clone) for one in catalog.targets}


def guards(deferrals: Iterable[Deferral], clones: Mapping[str, str]) -> Iterator[Ddl]:
    """The statements that make the guards, one for each clone with deferred tables."""
    for schema in sorted({one.schema for one in deferrals}):
        yield guard_statement(schema, clones[schema])
