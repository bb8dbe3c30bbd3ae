"""Tables of all kinds: made, changed, emptied, dropped, described."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from branch_toolkit_tests.snowflake_double import cloning, store
from branch_toolkit_tests.snowflake_double.answers import Answer, done
from branch_toolkit_tests.snowflake_double.columns import defined
from branch_toolkit_tests.snowflake_double.dispatch import statement
from branch_toolkit_tests.snowflake_double.model import Schema, Thing
from branch_toolkit_tests.snowflake_double.options import read_options
from branch_toolkit_tests.snowflake_double.parsing import parse
from branch_toolkit_tests.snowflake_double.querying import resolve, write_to
from branch_toolkit_tests.snowflake_double.reading import Name, Reader, plain, quote
from branch_toolkit_tests.snowflake_double.refusals import already_there, no_right, unknown, wrong
from branch_toolkit_tests.snowflake_double.schemas import check_length
from branch_toolkit_tests.snowflake_double.session import Session

FORMS = ("TRANSIENT", "TEMPORARY", "TEMP", "HYBRID", "EXTERNAL", "DYNAMIC", "ICEBERG", "EVENT")
_OPENINGS = [
    " ".join(filter(None, ("CREATE", replacing, form, "TABLE")))
    for replacing in ("", "OR REPLACE")
    for form in ("", *FORMS)
]


@statement(*_OPENINGS)
def create_table(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/create-table and its kin."""
    head = [token.text.upper() for token in reader.tokens[: reader.place]]
    exists_ok = reader.has("IF", "NOT", "EXISTS")
    name = session.of_thing(reader.name())
    check_length(name[2])
    schema = session.use_schema(name[:2])
    if not session.may("CREATE TABLE", schema):
        raise no_right("schema", name[1])
    if ("TABLE", name[2]) in schema.things and exists_ok:
        return done(f"{name[2]} already exists, statement succeeded.")
    if ("TABLE", name[2]) in schema.things and "REPLACE" not in head:
        raise already_there(plain(name))
    form = next((word for word in head if word in FORMS), "TABLE")
    if form == "TABLE" and schema.details.get("transient"):
        form = "TRANSIENT"
    table = _made(session, reader, name, "TEMPORARY" if form == "TEMP" else form)
    session.put(schema, table, replace="REPLACE" in head)
    return done(f"Table {name[2]} successfully created.")


def _made(session: Session, reader: Reader, name: Name, form: str) -> Thing:
    table = Thing("TABLE", name[2], session.role, session.account.now(), text=reader.text)
    table.details = {"form": form, "versions": [], "columns": [], "keys": [], "at": ""}
    if reader.sees("CLONE"):
        options = read_options(reader)
        base = session.see("TABLE", options.clone or ())
        session.need("SELECT", base)
        lasting = form == "TABLE"
        table = cloning.clone_table(session, base, name[2], options, transient=not lasting)
        table.details["form"] = form
    elif reader.has("LIKE"):
        base = session.see("TABLE", reader.name())
        session.need("SELECT", base)
        options = read_options(reader)
        table.details["columns"] = base.details["columns"]
        table.details["keys"] = base.details["keys"]
        table.details["at"] = store.copy(
            session.duck, base.details["at"], base.details["columns"], rows=False
        )
        table.grants = list(base.grants) if "COPY GRANTS" in options.flags else []
    else:
        _define(session, reader, name, table)
    return table


def _define(session: Session, reader: Reader, name: Name, table: Thing) -> None:
    """Columns in brackets, a query, or both, and options between them."""
    listed = reader.inside() if reader.sees("(") else ""
    query = re.search(r"\bAS\s+(?=\(*\s*(SELECT|WITH)\b)", reader.rest, re.I)
    options_text = reader.rest[: query.start()] if query else reader.rest
    comment = re.search(r"\bCOMMENT\s*=\s*('(?:[^']|'')*')", options_text, re.I)
    table.comment = Reader(comment[1]).string() if comment else ""
    definition = defined(session, name, listed) if listed else None
    table.details["at"] = at = store.new_name("T")
    if query:
        body = resolve(session, parse(reader.rest[query.end() :])).sql("snowflake")
        session.run(f"CREATE TABLE {store.place(at)} AS {body}")
        columns = store.columns_of(session.duck, at)
        for column, wanted in zip(columns, definition.columns if definition else (), strict=False):
            if column.name != wanted.name:
                rename = f"RENAME {quote(column.name)} TO {quote(wanted.name)}"
                session.duck.execute(f"ALTER TABLE {store.place(at)} {rename}")
        table.details["columns"] = store.columns_of(session.duck, at)
    elif definition:
        session.run(f"CREATE TABLE {store.place(at)} ({definition.in_duckdb})")
        table.details["columns"] = definition.columns
        store.constrain(session.duck, at, definition.columns)
    else:
        session.duck.execute(f"CREATE TABLE {store.place(at)} (value JSON)")
        table.details["columns"] = store.columns_of(session.duck, at)
    table.details["keys"] = definition.keys if definition else []


@statement("ALTER TABLE", "ALTER DYNAMIC TABLE", "ALTER EXTERNAL TABLE", "ALTER ICEBERG TABLE")
def alter_table(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/alter-table."""
    reader.has("IF", "EXISTS")
    name = session.of_thing(reader.name())
    table = session.see("TABLE", name, called="Table")
    session.need("OWNERSHIP", table)
    if reader.has("RENAME", "TO"):
        _rename(session, name, session.of_thing(reader.name()), table)
    elif reader.has("SET"):
        if reader.has("TAG"):
            return done()
        table.comment = read_options(reader).values.get("COMMENT", table.comment)
    elif reader.any_of("SUSPEND", "RESUME", "REFRESH", "UNSET", "CLUSTER BY"):
        return done()
    elif reader.any_of("ADD CONSTRAINT", "ADD PRIMARY KEY", "ADD FOREIGN KEY", "ADD UNIQUE"):
        _add_key(session, name, table, reader)
    else:
        _alter_columns(session, table, reader)
    return done()


def _rename(session: Session, old: Name, new: Name, table: Thing) -> None:
    source, target = session.use_schema(old[:2]), session.use_schema(new[:2])
    if ("TABLE", new[2]) in target.things:
        raise already_there(plain(new))
    del source.things[table.key]
    table.name = new[2]
    target.things[table.key] = table


def _add_key(session: Session, name: Name, table: Thing, reader: Reader) -> None:
    text = re.sub(r"(?is)^.*?\badd\s+", "", reader.text.rstrip(" ;"), count=1)
    table.details["keys"] = [*table.details["keys"], *defined(session, name, text).keys]


def _alter_columns(session: Session, table: Thing, reader: Reader) -> None:
    columns: list[store.Column] = list(table.details["columns"])
    version = store.copy(session.duck, table.details["at"], [])
    place = store.place(version)
    if reader.has("ADD"):
        reader.has("COLUMN")
        if reader.has("IF", "NOT", "EXISTS") and reader.tokens[reader.place].text.upper() in {
            column.name for column in columns
        }:
            return
        added = defined(session, (), reader.rest)
        for column, text in zip(added.columns, added.in_duckdb.split("\n"), strict=True):
            session.run(f"ALTER TABLE {place} ADD COLUMN {text.rstrip(',')}")
            columns.append(column)
    elif reader.has("DROP"):
        reader.has("COLUMN")
        gone = reader.identifier()
        session.duck.execute(f"ALTER TABLE {place} DROP COLUMN {quote(gone)}")
        columns = [column for column in columns if column.name != gone]
    elif reader.has("RENAME", "COLUMN"):
        old = reader.identifier()
        reader.needs("TO")
        new = reader.identifier()
        session.duck.execute(f"ALTER TABLE {place} RENAME {quote(old)} TO {quote(new)}")
        columns = [replace(each, name=new) if each.name == old else each for each in columns]
    elif reader.any_of("ALTER COLUMN", "MODIFY COLUMN", "ALTER", "MODIFY"):
        columns = _alter_column(session, columns, reader)
    else:
        raise unknown(reader.text)
    store.constrain(session.duck, version, columns)
    table.details["columns"] = columns
    session.publish(table, version)


def _alter_column(
    session: Session, columns: list[store.Column], reader: Reader
) -> list[store.Column]:
    """A default may be dropped; to set one, it must be a sequence, and have been one.

    https://docs.snowflake.com/en/sql-reference/sql/alter-table-column
    """
    name = reader.identifier()
    [old] = [column for column in columns if column.name == name]
    if reader.has("DROP", "DEFAULT"):
        new = old.without_default()
    elif reader.has("SET", "DEFAULT"):
        *sequence, _nextval = reader.name()
        whole = session.of_thing(tuple(sequence))
        found = session.see("SEQUENCE", whole, called="Sequence")
        if not (old.default or "").endswith(".NEXTVAL"):
            raise wrong("Unsupported feature 'Alter Column Set Default'.", number=2)
        new = store.sequence_default(old, whole, found.details["at"])
    elif reader.has("SET", "NOT", "NULL") or reader.has("DROP", "NOT", "NULL"):
        new = replace(old, nullable="DROP" in reader.text.upper())
    elif reader.has("COMMENT"):
        new = replace(old, comment=reader.string())
    else:
        raise unknown(reader.text)
    return [new if column is old else column for column in columns]


@statement("TRUNCATE", "TRUNCATE TABLE")
def truncate(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/truncate-table."""
    reader.has("IF", "EXISTS")
    table = session.see("TABLE", reader.name(), called="Table")
    session.need("TRUNCATE", table)
    session.wait_for(table)
    at = table.details["at"]
    session.publish(table, store.copy(session.duck, at, table.details["columns"], rows=False))
    return done()


@statement("INSERT OVERWRITE INTO", "INSERT OVERWRITE")
def insert_overwrite(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/insert."""
    name = session.of_thing(reader.name())
    table = session.see("TABLE", name, called="Table")
    session.need("INSERT", table)
    session.need("DELETE", table)
    session.wait_for(table)
    listed = f"({reader.inside()})" if reader.sees("(") else ""
    query = resolve(session, parse(reader.rest)).sql("snowflake")
    version = store.copy(session.duck, table.details["at"], table.details["columns"], rows=False)
    session.run(f"INSERT INTO {store.place(version)} {listed} {query}")
    write_to(session, table, version)
    return Answer(["number of rows inserted fixed"], [[store.count(session.duck, version)]])


@statement("DROP TABLE", "DROP VIEW", "DROP MATERIALIZED VIEW", "DROP DYNAMIC TABLE")
def drop_relation(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/drop-table."""
    kind = reader.tokens[reader.place - 1].text.upper()
    exists_ok = reader.has("IF", "EXISTS")
    name = session.of_thing(reader.name())
    schema: Schema = session.use_schema(name[:2])
    if exists_ok and ("TABLE", name[2]) not in schema.things:
        return done("Drop statement executed successfully.")
    found = session.see(kind, name, called=kind.capitalize())
    session.need("OWNERSHIP", found)
    session.bury(schema, found)
    return done(f"{name[2]} successfully dropped.")


@statement("UNDROP TABLE")
def undrop_table(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/undrop-table."""
    name = session.of_thing(reader.name())
    schema = session.use_schema(name[:2])
    if ("TABLE", name[2]) in schema.things:
        raise already_there(name[2])
    found = [thing for thing in schema.gone if thing.key == ("TABLE", name[2])][-1]
    schema.gone.remove(found)
    schema.things[found.key] = found
    return done(f"Table {name[2]} successfully restored.")


@statement("COMMENT ON TABLE", "COMMENT ON VIEW")
def comment_on_relation(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/comment."""
    found = session.see("TABLE", reader.name())
    session.need("OWNERSHIP", found)
    reader.needs("IS")
    found.comment = reader.string()
    return done()


_DESCRIPTION = ["name", "type", "kind", "null?", "default", "primary key", "unique key", "check"]
_DESCRIPTION += ["expression", "comment", "policy name", "privacy domain"]


@statement("DESCRIBE TABLE", "DESC TABLE", "DESCRIBE VIEW", "DESC VIEW")
def describe(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/sql/desc-table."""
    found = session.see("TABLE", reader.name(), called="Table")
    rows: list[list[Any]] = [
        [
            column.name,
            column.type,
            "COLUMN",
            "Y" if column.nullable else "N",
            column.default or column.identity,
            "N",
            "N",
            None,
            None,
            column.comment,
            None,
            None,
        ]
        for column in found.details["columns"]
    ]
    return Answer(_DESCRIPTION, rows)
