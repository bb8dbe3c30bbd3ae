"""References that a parsed query shows: of tables, columns, functions, sequences and models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlglot import exp

from branch_toolkit.warehouses.snowflake.names import ObjectName
from branch_toolkit.warehouses.snowflake.references.moves import (
    Moves,
    Reference,
    Unreadable,
    reference,
    resolve,
)

_Part: TypeAlias = "exp.Expr | str"
"""A part of a name; "" for the missing one of `DATABASE..NAME`."""


@dataclass
class Found:
    """What was found in a query.

    Args:
        references: The references, with the node that holds the part of the name that is replaced,
            or lacks it.
        settled: Where names begin whose meaning is known.
    """

    references: list[tuple[Reference, exp.Expr]] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Scope:
    """What columns may be qualified by: aliases, and tables that have none."""

    aliases: frozenset[str]
    tables: frozenset[ObjectName]


def find(tree: exp.Expr, moves: Moves) -> Found:
    """All references of a query.

    Raises:
        Unreadable: It cannot be told what a name leads to.
    """
    scope, found = _scope(tree, moves), Found()
    for node in tree.walk():
        for parts in _names(node, scope, moves):
            _add(found, parts, moves)
        found.settled |= {_start(part) for part in _known(node)}
    return found


def stored(node: exp.Expr | str | None) -> str:
    """A name as Snowflake stores it; "" for the missing one of `DATABASE..NAME`."""
    if isinstance(node, exp.Identifier):
        return str(node.this) if node.args.get("quoted") else str(node.this).upper()
    if isinstance(node, exp.Expr):
        return stored(node.this) if isinstance(node.this, exp.Identifier) else node.name.upper()
    return node or ""


def chain(node: exp.Expr) -> list[exp.Expr]:
    """The parts of names with dots between them that the parser made no column of."""
    if not isinstance(node, exp.Dot):
        return [node]
    return [*chain(node.this), node.expression]


def _scope(tree: exp.Expr, moves: Moves) -> _Scope:
    aliases = {stored(alias.this) for alias in tree.find_all(exp.TableAlias)}
    tables = [table for table in tree.find_all(exp.Table) if not table.args.get("alias")]
    plain = [_table_parts(table) for table in tables if isinstance(table.this, exp.Identifier)]
    resolved = [resolve([stored(part) for part in parts], moves.home) for parts in plain]
    return _Scope(
        frozenset(aliases | {stored(parts[-1]) for parts in plain}),
        frozenset(name for name in resolved if name is not None),
    )


def _add(found: Found, parts: Sequence[_Part], moves: Moves) -> None:
    one = reference([stored(part) for part in parts], _place(parts, moves), moves)
    if one is not None:
        holder = next(part for part in parts[moves.part :] if isinstance(part, exp.Expr))
        found.references.append((one, holder))


def _place(parts: Sequence[_Part], moves: Moves) -> tuple[int, int] | None:
    """Where what is replaced is written, or the schema is missing in `DATABASE..NAME`."""
    schema = parts[moves.part] if len(parts) >= -moves.part else None
    if isinstance(schema, exp.Identifier) and "start" in schema.meta:
        return schema.meta["start"], schema.meta["end"] + 1
    if schema == "" and isinstance(parts[0], exp.Identifier) and "end" in parts[0].meta:
        # After the first dot; where spaces stand between, the comparison afterwards will differ.
        return parts[0].meta["end"] + 2, parts[0].meta["end"] + 2
    return None


def _names(node: exp.Expr, scope: _Scope, moves: Moves) -> Iterator[Sequence[_Part]]:
    """The names that a node is, up to the object's."""
    if isinstance(node, exp.Table) and isinstance(node.this, (exp.Identifier, exp.Func)):
        qualified = bool(_table_parts(node)[1:])
        if qualified or (isinstance(node.this, exp.Identifier) and not _is_cte(node)):
            yield _table_parts(node)
    elif isinstance(node, exp.Column):
        yield from _column(node, scope, moves)
    elif isinstance(node, exp.Dot):
        yield from _called(node)


def _called(dot: exp.Dot) -> Iterator[list[exp.Expr]]:
    """The name of a function that is called with its schema, or of a model."""
    parts = chain(dot)
    whole = not isinstance(dot.parent, exp.Dot) and len(parts) <= 3
    named = isinstance(parts[-1], exp.Func) or isinstance(dot.parent, exp.ModelAttribute)
    if whole and named and all(isinstance(part, exp.Identifier) for part in parts[:-1]):
        yield parts


def _column(column: exp.Column, scope: _Scope, moves: Moves) -> Iterator[Sequence[_Part]]:
    qualifiers, last = column.parts[:-1], column.parts[-1]
    if not qualifiers:
        return
    names = [stored(part) for part in qualifiers]
    of_alias = len(names) == 1 and names[0] in scope.aliases
    of_table = len(names) == 2 and resolve(names, moves.home) in scope.tables
    of_sequence = stored(last) == "NEXTVAL" and not of_alias
    if len(names) == 3 or of_table or of_sequence:
        yield qualifiers
    elif not of_alias and _other_reading(names, stored(last), moves):
        raise Unreadable(
            f"{'.'.join([*names, stored(last)])} may be a column or something in a base schema"
        )


def _other_reading(names: Sequence[str], last: str, moves: Moves) -> bool:
    """Whether what looks like a column could be an object of a base schema."""
    written = [one for one in (names, [*names, last]) if len(one) >= -moves.part]
    readings = [resolve(one, moves.home) for one in written]
    return any(name is not None and name.schema in moves.schemas for name in readings)


def _known(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a name that its node gives a meaning to."""
    if isinstance(node, (exp.Table, exp.Column)) and not isinstance(node.this, exp.Dot):
        yield from node.parts
    elif isinstance(node, exp.Dot):
        for parts in _called(node):
            yield from parts


def _table_parts(table: exp.Table) -> list[_Part]:
    parts: list[_Part] = [table.this]
    if "db" in table.args and table.args["db"] is not None:
        parts.insert(0, table.args["db"])
    if table.args.get("catalog"):
        parts.insert(0, table.args["catalog"])
    return parts


def _is_cte(table: exp.Table) -> bool:
    scope = table.find_ancestor(exp.Query, exp.DML)
    while scope is not None:
        clause = scope.args.get("with_")
        if clause and any(
            stored(cte.args["alias"].this) == stored(table.this) for cte in clause.expressions
        ):
            return True
        scope = scope.find_ancestor(exp.Query, exp.DML)
    return False


def _start(node: exp.Expr) -> int:
    return int(node.meta.get("start", -1))
