"""The same query with its references moved: what the text that was rewritten is held against."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from branch_toolkit.warehouses.snowflake.references.moves import Moves, edits, reference
from branch_toolkit.warehouses.snowflake.references.parsed import Found, chain, stored
from branch_toolkit.warehouses.snowflake.references.text import splice
from branch_toolkit.warehouses.snowflake.references.written import (
    NAMING_FUNCTIONS,
    NAMING_OPTIONS,
    names,
)


def rename(tree: exp.Expr, found: Found, moves: Moves) -> exp.Expr:
    """The tree, changed: every name that was found in it, in a string or of a stage is moved."""
    for node in list(_texts(tree)):
        node.set("this", splice(node.name, edits(names(node.name, moves))))
    for node in list(tree.find_all(exp.Parameter)):
        _rename_stage(node, moves)
    for one, holder in found.references:
        if one.edit is not None:
            _rename(holder, moves.word(one.name.schema))
    return tree


def _rename(holder: exp.Expr, name: str) -> None:
    """Changes the schema's or database's name, or gives a schema to a table that lacks it."""
    new = exp.Identifier(this=name, quoted=True)
    table, lacking = holder.parent, holder.arg_key == "this"
    if isinstance(table, exp.Table) and table.args.get("db") == "" and lacking:
        table.set("db", new)
    else:
        holder.replace(new)


def _rename_stage(at: exp.Parameter, moves: Moves) -> None:
    """Moves `@DATABASE.SCHEMA.STAGE` where it is an argument: a parameter with dots after it."""
    top: exp.Expr = at
    while isinstance(top.parent, exp.Dot) and top.parent.this is top:
        top = top.parent
    parts = [at.this, *chain(top)[1:]]
    one = reference([stored(part) for part in parts], (0, 0), moves)
    if one is None or one.edit is None:
        return
    name = moves.word(one.name.schema)
    if len(parts) == -moves.part:
        at.set("this", exp.Identifier(this=name, quoted=True))
    else:
        _rename(parts[moves.part], name)


def _texts(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The strings that are names, and stages that queries read."""
    for node in tree.find_all(exp.Literal, exp.Var):
        is_stage = isinstance(node.parent, (exp.Table, exp.DirectoryStage))
        if _is_name(node) if node.is_string else is_stage and node.name.startswith("@"):
            yield node


def _is_name(literal: exp.Expr) -> bool:
    holder = literal.parent
    if isinstance(holder, (exp.DynamicIdentifier, exp.TableFromRows, exp.Table)):
        return literal.arg_key != "pattern"
    if isinstance(holder, (exp.Kwarg, exp.Property, exp.CopyParameter)):
        return holder.name.upper() in NAMING_OPTIONS
    return isinstance(holder, exp.Anonymous) and holder.name.upper() in NAMING_FUNCTIONS
