"""Views: kept as text, and read as what their text says at that moment, as in Snowflake."""

from __future__ import annotations

import re

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.answers import Answer, done
from branch_toolkit_tests.snowflake_double.dispatch import statement
from branch_toolkit_tests.snowflake_double.model import Thing
from branch_toolkit_tests.snowflake_double.parsing import parse
from branch_toolkit_tests.snowflake_double.querying import resolve, resolve_view
from branch_toolkit_tests.snowflake_double.reading import Reader, plain
from branch_toolkit_tests.snowflake_double.refusals import already_there, no_right
from branch_toolkit_tests.snowflake_double.schemas import check_length
from branch_toolkit_tests.snowflake_double.session import Session

_OPENINGS = [
    " ".join(filter(None, ("CREATE", replacing, secure, recursive, kind, "VIEW")))
    for replacing in ("", "OR REPLACE")
    for secure in ("", "SECURE")
    for recursive in ("", "RECURSIVE")
    for kind in ("", "MATERIALIZED")
]


@statement(*_OPENINGS)
def create_view(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/create-view."""
    head = [token.text.upper() for token in reader.tokens[: reader.place]]
    exists_ok = reader.has("IF", "NOT", "EXISTS")
    name = session.of_thing(reader.name())
    check_length(name[2])
    schema = session.use_schema(name[:2])
    if not session.may("CREATE VIEW", schema):
        raise no_right("schema", name[1])
    old = schema.relation(name[2])
    if old is not None and exists_ok:
        return done(f"{name[2]} already exists, statement succeeded.")
    if old is not None and "REPLACE" not in head:
        raise already_there(plain(name))
    view = Thing("VIEW", name[2], session.role, session.account.now(), text=reader.text)
    columns = column_names(reader.inside()) if reader.sees("(") else []
    found = re.search(r"\bAS\s+(?=\(*\s*(SELECT|WITH)\b)", reader.rest, re.I)
    if found is None:
        reader.fail()
    options = reader.rest[: found.start()]
    comment = re.search(r"\bCOMMENT\s*=\s*('(?:[^']|'')*')", options, re.I)
    view.comment = Reader(comment[1]).string() if comment else ""
    view.details = {
        "secure": "SECURE" in head,
        "materialized": "MATERIALIZED" in head,
        "query": reader.rest[found.end() :],
        "names": columns,
        "from": reader.position,
    }
    if old is not None and re.search(r"\bCOPY\s+GRANTS\b", options, re.I):
        view.grants = list(old.grants)
    view.details["columns"] = _columns(session, (*name[:2],), view)
    session.put(schema, view, replace="REPLACE" in head)
    return done(f"View {name[2]} successfully created.")


def column_names(text: str) -> list[str]:
    """The names in a view's list of columns, which may hold comments, policies and tags."""
    reader, names, fresh = Reader(text), [], True
    while not reader.done:
        if fresh:
            names.append(reader.identifier())
            fresh = False
        elif reader.sees("("):
            reader.inside()
        else:
            fresh = reader.skip().text == ","
    return names


def _columns(session: Session, home: tuple[str, ...], view: Thing) -> list[store.Column]:
    """Its columns; whoever makes a view must be able to read what it reads."""
    resolve(session, parse(view.details["query"]), home=home)
    query = resolve_view(session, view, home).sql("snowflake")
    session.run(f"CREATE OR REPLACE TEMPORARY TABLE _LOOK AS SELECT * FROM ({query}) LIMIT 0")
    rows = session.duck.execute("DESCRIBE _LOOK").fetchall()
    return [store.Column(row[0], store.snowflake_type(row[1])) for row in rows]


@statement("ALTER VIEW", "ALTER MATERIALIZED VIEW")
def alter_view(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/alter-view."""
    reader.has("IF", "EXISTS")
    view = session.see("VIEW", reader.name(), called="View")
    session.need("OWNERSHIP", view)
    if reader.has("SET", "SECURE"):
        view.details["secure"] = True
    elif reader.has("UNSET", "SECURE"):
        view.details["secure"] = False
    elif reader.has("SET", "COMMENT", "="):
        view.comment = reader.string()
    else:
        reader.fail()
    return done()
