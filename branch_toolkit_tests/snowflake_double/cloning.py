"""CREATE … CLONE: databases and schemas with all that is in them, tables, sequences and such."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.history import (
    as_it_was,
    moment_of,
    things_then,
    too_long_ago,
)
from branch_toolkit_tests.snowflake_double.model import Database, Schema, Thing
from branch_toolkit_tests.snowflake_double.options import Options
from branch_toolkit_tests.snowflake_double.reading import Name
from branch_toolkit_tests.snowflake_double.refusals import Refused, no_right, wrong
from branch_toolkit_tests.snowflake_double.session import Session

_NOT_CLONED = frozenset({"EXTERNAL", "HYBRID", "TEMPORARY"})


def clone_schema(session: Session, base_name: Name, clone: Schema, options: Options) -> None:
    """Fills a new schema with clones of what is in base.

    https://docs.snowflake.com/en/user-guide/object-clone: what is in it keeps its owner and what is
    granted on it, the schema itself does not; a default takes the cloned sequence if that is in the
    same schema; tasks are suspended; https://docs.snowflake.com/en/sql-reference/sql/create-clone:
    a transient schema has no permanent clone; external tables are not cloned.
    """
    base = session.see_schema(base_name)
    _refuse(session, base_name, base, clone, options)
    at = moment_of(session, options.moment)
    if at is not None and at < base.created_on:
        raise too_long_ago("schema", base.name)
    _fill(session, base, clone, at, without=_NOT_CLONED)
    _repoint_all(session, base_name[0], [(base, clone)])


def clone_database(session: Session, base_name: str, clone: Database, options: Options) -> None:
    """Fills a new database with clones of all schemas of base.

    https://docs.snowflake.com/en/user-guide/object-clone: schemas keep what is granted on them too,
    and a default takes the cloned sequence if that is in the same database;
    https://docs.snowflake.com/en/user-guide/tables-hybrid-clone: hybrid tables come along, but not
    as of a statement.
    """
    base = session.see_database(base_name)
    if base.details.get("origin"):
        raise wrong("Cannot clone from a shared/imported database.", number=3001, state="42501")
    if not session.may("USAGE", base):
        raise no_right("database", base.name)
    if base.details.get("transient") and not clone.details["transient"]:
        raise _lasting()
    without = _without_hybrid(base, options)
    at = moment_of(session, options.moment)
    if at is not None and at < base.created_on:
        raise too_long_ago("database", base.name)
    for schema in base.schemas.values():
        if at is None or schema.created_on <= at:
            clone.schemas[schema.name] = _clone_in_database(session, schema, clone, at, without)
    clone.future = list(base.future)
    pairs = [(base.schemas[name], made) for name, made in clone.schemas.items()]
    _repoint_all(session, clone.name, pairs)


def _clone_in_database(
    session: Session, base: Schema, database: Database, at: datetime | None, without: frozenset[str]
) -> Schema:
    made = Schema("SCHEMA", base.name, base.owner, session.account.now(), base.comment)
    made.grants, made.future = list(base.grants), list(base.future)
    made.retention, made.details = base.retention, dict(base.details)
    made.details["transient"] = database.details["transient"] or base.details.get("transient")
    _fill(session, base, made, at, without=without)
    return made


def _without_hybrid(base: Database, options: Options) -> frozenset[str]:
    if "IGNORE HYBRID TABLES" in options.flags:
        return _NOT_CLONED
    forms = (
        thing.details.get("form")
        for schema in base.schemas.values()
        for thing in schema.things.values()
    )
    if (
        options.moment is not None
        and "STATEMENT" in options.moment[1].upper()
        and "HYBRID" in forms
    ):
        raise wrong("Cloning a DATABASE with HYBRID TABLES as of a statement is unsupported.")
    return _NOT_CLONED - {"HYBRID"}


def _fill(
    session: Session, base: Schema, clone: Schema, at: datetime | None, *, without: frozenset[str]
) -> None:
    before = {thing.key: thing for thing in things_then(base, at)}
    for thing in sorted(before.values(), key=lambda thing: thing.kind != "SEQUENCE"):
        if thing.details.get("form") in without or _on_internal_stage(thing, before):
            continue
        made = _clone(session, thing, at)
        if clone.details["transient"] and made.details.get("form") == "TABLE":
            made.details["form"] = "TRANSIENT"
        clone.things[made.key] = made


def clone_table(
    session: Session, base: Thing, name: str, options: Options, *, transient: bool
) -> Thing:
    """A clone of a table; what is transient has no permanent clone, what is hybrid has none."""
    form = base.details.get("form")
    if form in _NOT_CLONED:
        raise wrong(f"Unsupported feature 'CLONE of {form} TABLE'.", number=2)
    if form == "TRANSIENT" and not transient:
        raise _lasting()
    return clone_thing(session, base, name, options)


def clone_thing(session: Session, base: Thing, name: str, options: Options) -> Thing:
    """A clone of one object, which the session's role owns.

    https://docs.snowflake.com/en/sql-reference/sql/create-table: COPY GRANTS copies all privileges
    but OWNERSHIP.
    """
    at = moment_of(session, options.moment)
    made = _clone(session, base, at)
    made.name, made.owner = name, session.role
    if "COPY GRANTS" not in options.flags:
        made.grants = []
    return made


def _refuse(
    session: Session, base_name: Name, base: Schema, clone: Schema, options: Options
) -> None:
    if session.account.database(base_name[0]).details.get("origin"):
        raise wrong("Cannot clone from a shared/imported database.", number=3001, state="42501")
    if not session.may("USAGE", base):
        raise no_right("schema", base.name)
    if base.details.get("transient") and not clone.details["transient"]:
        raise _lasting()
    hybrid = any(thing.details.get("form") == "HYBRID" for thing in base.things.values())
    if hybrid and "IGNORE HYBRID TABLES" not in options.flags:
        # https://docs.snowflake.com/en/release-notes/bcr-bundles/2024_08/bcr-1792
        raise Refused(
            392105,
            "0A000",
            "SQL execution error: Cloning a SCHEMA which contains a HYBRID TABLE is unsupported."
            " To perform the clone while skipping HYBRID TABLES, append the `IGNORE HYBRID TABLES`"
            " syntax to your DDL.",
        )


def _lasting() -> Refused:
    """https://docs.snowflake.com/en/sql-reference/sql/create-clone#usage-notes."""
    return wrong("Transient object cannot be cloned to a permanent object.", number=2120)


def _on_internal_stage(thing: Thing, things: dict[tuple[str, str], Thing]) -> bool:
    """https://docs.snowflake.com/en/user-guide/object-clone#cloning-and-snowpipe."""
    if thing.kind != "PIPE":
        return False
    stages = (each for (kind, _), each in things.items() if kind == "STAGE")
    return any(f"@{each.name}" in thing.text and not each.details.get("url") for each in stages)


def _clone(session: Session, base: Thing, at: datetime | None) -> Thing:
    made = copy.copy(base)
    made.created_on = session.account.now()
    made.grants = list(base.grants)
    made.details = dict(base.details)
    if base.kind == "SEQUENCE":
        made.details["at"] = store.copy_sequence(session.duck, base.details["at"])
    elif base.kind == "TASK":
        made.details["state"] = "suspended"
    elif base.kind == "TABLE":
        made.details["at"] = as_it_was(base, at)
        made.details["versions"] = []
        made.details["cloned"] = True
        made.details.pop("writer", None)
    return made


def _repoint_all(session: Session, database: str, pairs: Sequence[tuple[Schema, Schema]]) -> None:
    """https://docs.snowflake.com/en/user-guide/object-clone#cloning-and-object-references."""
    own = {
        store.next_value(thing.details["at"]): (database, clone.name, clone.things[thing.key])
        for base, clone in pairs
        for thing in base.of_kind("SEQUENCE")
        if thing.key in clone.things
    }
    for _, clone in pairs:
        for table in clone.of_kind("TABLE"):
            _repoint_defaults(session, table, own)


def _repoint_defaults(
    session: Session, table: Thing, own: Mapping[str, tuple[str, str, Thing]]
) -> None:
    changed = False
    columns = []
    for column in table.details["columns"]:
        if (column.filled or "") in own:
            changed = True
            database, schema, sequence = own[str(column.filled)]
            name = (database, schema, sequence.name)
            column = store.sequence_default(column, name, sequence.details["at"])
        columns.append(column)
    if changed:
        table.details["columns"] = columns
        table.details["at"] = store.copy(session.duck, table.details["at"], columns)
