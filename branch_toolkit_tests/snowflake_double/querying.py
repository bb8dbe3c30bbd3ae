"""Queries and changes of rows: names are looked up here, and DuckDB executes the rest.

A view is put into the query as what its text says, with names looked up from the view's schema:
https://docs.snowflake.com/en/sql-reference/name-resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import Expr, exp

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.functions import call
from branch_toolkit_tests.snowflake_double.history import as_it_was, moment_of
from branch_toolkit_tests.snowflake_double.information import information_view
from branch_toolkit_tests.snowflake_double.model import Thing
from branch_toolkit_tests.snowflake_double.parsing import folded, name_of, parse
from branch_toolkit_tests.snowflake_double.reading import plain, quote
from branch_toolkit_tests.snowflake_double.refusals import Refused, not_there, unknown, wrong
from branch_toolkit_tests.snowflake_double.session import Session

_WRITES: dict[type[Expr], str] = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Merge: "UPDATE",
}
After = Callable[[], None]


def translated(session: Session, sql: str) -> tuple[str, After | None]:
    """A query or change of rows in DuckDB's names, and what to do when it was executed."""
    tree = parse(sql)
    privilege = _WRITES.get(type(tree))
    if privilege is None:
        if not isinstance(tree, (exp.Query, exp.Describe, exp.Put, exp.Set)):
            raise unknown(sql)
        return resolve(session, tree).sql("snowflake"), None
    written = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    name = session.of_thing(name_of(written))
    table = session.see("TABLE", name)
    if table.kind != "TABLE":
        raise wrong(f"Object '{plain(name)}' is not a table.")
    session.need(privilege, table)
    version = own_version(session, table)
    new = _table(version)
    if not isinstance(tree, exp.Insert):
        alias = written.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name[2], True))
        new.set("alias", alias)
    written.replace(new)
    _look_up(session, tree, home=None, skip=new)
    return tree.sql("snowflake"), lambda: write_to(session, table, version)


def resolve(
    session: Session, tree: Expr, *, home: tuple[str, ...] | None = None, trusted: bool = False
) -> Expr:
    """A query in DuckDB's names.

    Args:
        session: Who asks.
        tree: The query.
        home: Where unqualified names are looked up instead, being a view's own schema.
        trusted: Whether the rights on tables are not asked for, as within a view.
    """
    top = exp.Paren(this=tree) if isinstance(tree, (exp.Table, exp.Column)) else tree
    _look_up(session, top, home=home, trusted=trusted)
    return top


def resolve_view(session: Session, view: Thing, home: tuple[str, ...]) -> Expr:
    """What a view reads, with the rights of its owner.

    https://docs.snowflake.com/en/user-guide/views-introduction
    """
    try:
        query = resolve(session, parse(view.details["query"]), home=home[:2], trusted=True)
    except Refused as refused:
        raise Refused(
            2037,
            "42601",
            "SQL compilation error:\nFailure during expansion of view"
            f" '{view.name}': {refused.text}",
        ) from None
    if not view.details["names"]:
        return query
    names = ", ".join(map(quote, view.details["names"]))
    return parse(f"SELECT * FROM ({query.sql('snowflake')}) AS _VIEW({names})")


def write_to(session: Session, table: Thing, version: str) -> None:
    """Lets a table have a version from now on, or from the end of the open transaction."""
    session.open = session.open or not session.autocommit
    if not session.open:
        session.publish(table, version)
        return
    if id(table) not in session.changed:
        session.held.append(table)
    session.changed[id(table)] = version
    table.details["writer"] = id(session)


def own_version(session: Session, table: Thing) -> str:
    """A version that this session may change."""
    session.wait_for(table)
    return session.changed.get(id(table)) or store.copy(
        session.duck, table.details["at"], table.details["columns"]
    )


def _look_up(
    session: Session,
    tree: Expr,
    *,
    home: tuple[str, ...] | None,
    trusted: bool = False,
    skip: Expr | None = None,
) -> None:
    for node in list(tree.find_all(exp.Table, exp.Column, exp.Func)):
        if isinstance(node, exp.Table):
            if node is not skip and isinstance(node.this, exp.Identifier):
                _replace_table(session, node, home=home, trusted=trusted)
        elif isinstance(node, exp.Column):
            _replace_column(session, node, home)
        else:
            value = call(session, node)
            if value is not None:
                node.replace(value)


def _replace_table(
    session: Session, node: exp.Table, *, home: tuple[str, ...] | None, trusted: bool
) -> None:
    name = name_of(node)
    if len(name) == 1 and _is_cte(node, name[0]):
        return
    if home is not None:
        name = (*home[: 3 - len(name)], *name)
    whole = session.found_in_path(*name) if len(name) == 1 else session.of_thing(name)
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(whole[2], True))
    if whole[1] == "INFORMATION_SCHEMA":
        session.see_database(whole[0])
        query: Expr | None = parse(information_view(session, whole[0], whole[2]))
    else:
        query = _relation(session, node, whole, trusted=trusted)
    if query is None:
        return
    new = query if isinstance(query, exp.Table) else exp.Subquery(this=query)
    new.set("alias", alias)
    for key in ("joins", "laterals", "pivots", "sample"):
        if node.args.get(key):
            new.set(key, node.args[key])
    node.replace(new)


def _relation(
    session: Session, node: exp.Table, name: tuple[str, ...], *, trusted: bool
) -> Expr | None:
    if trusted:
        found = session.account.schema(*name[:2]).relation(name[2])
        if found is None:
            raise not_there("Object", *name)
    else:
        found = session.see("TABLE", name)
        session.need("SELECT", found)
    if found.kind == "VIEW":
        return resolve_view(session, found, name)
    version = session.version(found)
    when = node.args.get("when")
    if when is not None:
        text = when.expression.sql("snowflake")
        word = str(when.this).upper()
        version = as_it_was(found, moment_of(session, (word, f"{when.args['kind']} => {text}")))
    return _table(version)


def _replace_column(session: Session, node: exp.Column, home: tuple[str, ...] | None) -> None:
    if folded(node.this) == "NEXTVAL" and node.args.get("table") is not None:
        name = name_of(node)[:-1]
        whole = session.of_thing((*home[: 3 - len(name)], *name) if home else name)
        sequence = session.see("SEQUENCE", whole, called="Sequence")
        value: Any = exp.Anonymous(
            this="NEXTVAL", expressions=[exp.Literal.string(store.place(sequence.details["at"]))]
        )
        if isinstance(node.parent, exp.Select):
            value = exp.alias_(value, "NEXTVAL")
        node.replace(value)
    else:
        node.set("db", None)
        node.set("catalog", None)


def _is_cte(node: Expr, name: str) -> bool:
    inside, above = node, node.parent
    while above is not None:
        with_ = above.args.get("with_") or above.args.get("with")
        for cte in with_.expressions if with_ is not None and inside is not with_ else ():
            if folded(cte.args["alias"].this) == name:
                return True
        if isinstance(above, exp.With):
            if _earlier(above, inside, name):
                return True
            inside, above = above, above.parent
            continue
        inside, above = above, above.parent
    return False


def _earlier(with_: exp.With, own: Expr, name: str) -> bool:
    """Whether a CTE of that name comes before this one, or is this one and may call itself."""
    for cte in with_.expressions:
        if cte is own:
            return bool(with_.args.get("recursive")) and folded(cte.args["alias"].this) == name
        if folded(cte.args["alias"].this) == name:
            return True
    return False


def _table(version: str) -> exp.Table:
    return exp.Table(
        this=exp.to_identifier(version),
        db=exp.to_identifier(store.SCHEMA),
        catalog=exp.to_identifier(store.DATABASE),
    )
