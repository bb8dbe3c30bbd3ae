"""All other objects in a schema: kept by name, owner and text, as far as clones need them."""

from __future__ import annotations

import re
from typing import Any

from branch_toolkit_tests.snowflake_double import cloning, store
from branch_toolkit_tests.snowflake_double.answers import Answer, done
from branch_toolkit_tests.snowflake_double.ddl import signature
from branch_toolkit_tests.snowflake_double.dispatch import Passed, statement
from branch_toolkit_tests.snowflake_double.model import Thing
from branch_toolkit_tests.snowflake_double.options import Options, read_options
from branch_toolkit_tests.snowflake_double.reading import Reader, dotted, plain
from branch_toolkit_tests.snowflake_double.refusals import already_there, no_right
from branch_toolkit_tests.snowflake_double.session import Session

_WITH_ARGUMENTS = ("FUNCTION", "PROCEDURE")
_NAMED = ("SEQUENCE", "FILE FORMAT", "STAGE", "PIPE", "STREAM", "TASK", "TAG", "ALERT")
_BODIED = ("FUNCTION", "PROCEDURE", "STREAM", "TASK", "PIPE", "ALERT")
_TEMPORARY = ("", "TEMP", "TEMPORARY", "SECURE")
KINDS = (*_WITH_ARGUMENTS, *_NAMED)
_OPENINGS = [
    " ".join(filter(None, ("CREATE", replacing, temporary, kind)))
    for replacing in ("", "OR REPLACE")
    for temporary in _TEMPORARY
    for kind in KINDS
]


@statement(*_OPENINGS)
def create(session: Session, reader: Reader) -> Answer | Passed:
    """Functions, procedures, sequences, file formats, stages, pipes, streams, tasks, tags."""
    head = [token.text.upper() for token in reader.tokens[: reader.place]]
    kind = "FILE FORMAT" if head[-1] == "FORMAT" else head[-1]
    exists_ok = reader.has("IF", "NOT", "EXISTS")
    name = session.of_thing(reader.name())
    schema = session.use_schema(name[:2])
    if not session.may(f"CREATE {kind}", schema):
        raise no_right("schema", name[1])
    thing = Thing(kind, name[2], session.role, session.account.now(), text=reader.text)
    if kind in _WITH_ARGUMENTS:
        thing.arguments = signature(reader.inside())
    if thing.key in schema.things and exists_ok:
        return done(f"{name[2]} already exists, statement succeeded.")
    if thing.key in schema.things and "REPLACE" not in head:
        raise already_there(plain(name))
    comment = re.search(r"\bCOMMENT\s*=\s*('(?:[^']|'')*')", reader.rest, re.I)
    thing.comment = Reader(comment[1]).string() if comment else ""
    thing = _completed(session, thing, reader)
    temporary = head[1] in ("TEMP", "TEMPORARY") or (len(head) > 3 and head[3].startswith("TEMP"))
    if not temporary:
        session.put(schema, thing, replace="REPLACE" in head)
    if kind == "STAGE":
        # For fakesnow, it is always a new one: what was there of that name was looked up above.
        return Passed(f"CREATE OR REPLACE TEMPORARY STAGE {dotted(name)}")
    return done(f"{kind.capitalize()} {name[2]} successfully created.")


def _completed(session: Session, thing: Thing, reader: Reader) -> Thing:
    if reader.sees("CLONE"):
        options = read_options(reader)
        base = session.see(thing.kind, options.clone or ())
        return cloning.clone_thing(session, base, thing.name, Options())
    if thing.kind == "SEQUENCE":
        thing.details = _sequence(session, reader)
    elif thing.kind == "STAGE":
        url = re.search(r"\bURL\s*=\s*'([^']*)'", reader.rest, re.I)
        thing.details = {"url": url[1] if url else ""}
    elif thing.kind == "FILE FORMAT":
        kind = re.search(r"\bTYPE\s*=\s*'?(\w+)", reader.rest, re.I)
        thing.details = {"type": kind[1].upper() if kind else "CSV"}
    elif thing.kind == "STREAM":
        table = re.search(r"\bON\s+(?:\w+\s+)?(?:TABLE|VIEW|STAGE)\s+(\S+)", reader.rest, re.I)
        whole = session.of_thing(Reader(table[1]).name()) if table else ()
        thing.details = {"table": ".".join(whole)}
    elif thing.kind in ("TASK", "PIPE"):
        body = re.search(r"\bAS\s+(.*)$", reader.rest, re.I | re.S)
        thing.details = {"definition": body[1] if body else "", "state": "suspended"}
    elif thing.kind == "ALERT":
        thing.details = _alert(reader)
    elif thing.kind in _WITH_ARGUMENTS:
        language = re.search(r"\bLANGUAGE\s+(\w+)", reader.rest, re.I)
        returns = re.search(r"\bRETURNS\s+(TABLE\s*\([^)]*\)|\w+)", reader.rest, re.I)
        thing.details = {
            "language": language[1].upper() if language else "SQL",
            "returns": returns[1].upper() if returns else "",
            "secure": bool(re.match(r"(?i)create\s+(or\s+replace\s+)?secure\b", thing.text)),
        }
    return thing


def _alert(reader: Reader) -> dict[str, Any]:
    """https://docs.snowflake.com/en/sql-reference/sql/create-alert."""
    found = re.search(
        r"\bIF\s*\(\s*EXISTS\s*\((.*)\)\s*\)\s*THEN\s+(.*)$", reader.rest, re.I | re.S
    )
    if found is None:
        reader.fail()
    return {"condition": found[1].strip(), "action": found[2], "state": "suspended"}


def _sequence(session: Session, reader: Reader) -> dict[str, Any]:
    """https://docs.snowflake.com/en/sql-reference/sql/create-sequence."""
    text = reader.rest
    start = re.search(r"\bSTART\s*(?:WITH)?\s*=?\s*(-?\d+)", text, re.I)
    step = re.search(r"\bINCREMENT\s*(?:BY)?\s*=?\s*(-?\d+)", text, re.I)
    first, by = int(start[1]) if start else 1, int(step[1]) if step else 1
    return {"start": first, "step": by, "at": store.new_sequence(session.duck, first, by)}


@statement(*(f"DROP {kind}" for kind in KINDS))
def drop(session: Session, reader: Reader) -> Answer:
    """DROP of any of them; a function's or procedure's arguments are part of its name."""
    words = [token.text.upper() for token in reader.tokens[1 : reader.place]]
    kind = " ".join(words)
    exists_ok = reader.has("IF", "EXISTS")
    name = session.of_thing(reader.name())
    arguments = signature(reader.inside()) if reader.sees("(") else ""
    schema = session.use_schema(name[:2])
    if (kind, name[2] + arguments) not in schema.things and exists_ok:
        return done("Drop statement executed successfully.")
    found = session.see(kind, name, arguments=arguments, called=kind.capitalize())
    session.need("OWNERSHIP", found)
    session.bury(schema, found)
    return done(f"{name[2]} successfully dropped.")


@statement("ALTER TASK", "ALTER STREAM", "ALTER PIPE", "ALTER SEQUENCE", "ALTER STAGE")
def alter(session: Session, reader: Reader) -> Answer:
    """Of these, only what a test can see: a task's state."""
    kind = reader.tokens[1].text.upper()
    reader.has("IF", "EXISTS")
    found = session.see(kind, reader.name(), called=kind.capitalize())
    session.need("OWNERSHIP", found)
    if reader.has("RESUME"):
        found.details["state"] = "started"
    elif reader.has("SUSPEND"):
        found.details["state"] = "suspended"
    return done()
