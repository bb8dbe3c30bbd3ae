"""GET_DDL: the statement that makes an object, as it was written, its own name qualified.

https://docs.snowflake.com/en/sql-reference/functions/get_ddl
"""

from __future__ import annotations

import re

from branch_toolkit_tests.snowflake_double.columns import shown
from branch_toolkit_tests.snowflake_double.model import Schema, Thing
from branch_toolkit_tests.snowflake_double.reading import Name, Reader, dotted, plain
from branch_toolkit_tests.snowflake_double.refusals import unknown
from branch_toolkit_tests.snowflake_double.session import Session


def get_ddl(session: Session, kind: str, text: str, *, qualified: bool) -> str:
    """The statement that makes an object or, for a schema, all that is in it."""
    kind = kind.upper().replace("_", " ")
    if kind == "SCHEMA":
        schema = session.see_schema(Reader(text).name())
        name = session.of_schema(Reader(text).name())
        return _of_schema(schema, name, qualified=qualified)
    reader = Reader(text)
    whole = session.of_thing(reader.name())
    arguments = signature(reader.inside()) if reader.sees("(") else ""
    found = session.see(kind, whole, arguments=arguments)
    return statement_of(found, whole, qualified=qualified)


def _of_schema(schema: Schema, name: Name, *, qualified: bool) -> str:
    made = [f"create or replace schema {plain(name if qualified else name[1:])};"]
    made += [
        statement_of(thing, (*name, thing.name), qualified=qualified)
        for thing in schema.things.values()
    ]
    return "\n\n".join(made)


def statement_of(thing: Thing, name: Name, *, qualified: bool) -> str:
    """The statement that makes an object."""
    shown_name = plain(name if qualified else name[-1:])
    if thing.kind == "TABLE":
        form = thing.details["form"]
        word = "" if form == "TABLE" else f"{form} "
        columns = shown(thing.details["columns"])
        return f"create or replace {word}TABLE {shown_name} (\n{columns}\n);"
    if thing.kind == "SEQUENCE":
        start, step = thing.details["start"], thing.details["step"]
        return f"create or replace sequence {shown_name} start with {start} increment by {step};"
    reader = Reader(thing.text)
    if not thing.text:
        raise unknown(f"GET_DDL of {dotted(name)}")
    head = _head(reader)
    return f"{head} {shown_name}{thing.text[reader.position - reader_gap(reader) :].rstrip(' ;')};"


def reader_gap(reader: Reader) -> int:
    """The white space before what follows, which belongs to it."""
    before = reader.text[: reader.position]
    return len(before) - len(before.rstrip())


def _head(reader: Reader) -> str:
    """The words before the name, as `create or replace secure view`; the name is read too."""
    words = []
    while reader.tokens[reader.place].text.upper() not in ("IF",) and not _at_name(reader, words):
        words.append(reader.skip().text)
    reader.has("IF", "NOT", "EXISTS")
    reader.name()
    text = " ".join(words)
    if not re.match(r"(?i)create\s+or\s+replace\b", text):
        text = re.sub(r"(?i)^create", "create or replace", text)
    return text


def _at_name(reader: Reader, words: list[str]) -> bool:
    last = words[-1].upper() if words else ""
    follows = reader.tokens[reader.place].text.upper()
    if last in ("DYNAMIC", "EXTERNAL", "EVENT", "HYBRID", "ICEBERG", "FILE", "MATERIALIZED"):
        return False
    return last in _KINDS and follows not in _KINDS


_KINDS = frozenset(
    {
        "VIEW",
        "TABLE",
        "FUNCTION",
        "PROCEDURE",
        "TASK",
        "STREAM",
        "STAGE",
        "PIPE",
        "FORMAT",
        "SEQUENCE",
    }
)


def signature(text: str) -> str:
    """The types of a function's arguments: `(NUMBER, VARCHAR)`; names and defaults are left out.

    https://docs.snowflake.com/en/sql-reference/sql/show-user-functions
    """
    types, current, depth = [], [], 0
    for token in Reader(text).tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            types.append(_type(current))
            current = []
        else:
            current.append(token.text)
    if current:
        types.append(_type(current))
    return f"({', '.join(types)})"


def _type(words: list[str]) -> str:
    """The type in `name TYPE(38, 0) DEFAULT 1`, or in `TYPE(38, 0)`."""
    upper = [word.upper() for word in words]
    if "DEFAULT" in upper:
        upper = upper[: upper.index("DEFAULT")]
    bare = upper[: upper.index("(")] if "(" in upper else upper
    name = bare[-1]
    same = {"INT": "NUMBER", "INTEGER": "NUMBER", "BIGINT": "NUMBER", "DECIMAL": "NUMBER"}
    same |= {"STRING": "VARCHAR", "TEXT": "VARCHAR", "DOUBLE": "FLOAT"}
    return same.get(name, name)
