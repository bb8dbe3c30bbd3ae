"""CREATE … CLONE: schemas with all that is in them, tables, sequences and file formats."""

from __future__ import annotations

import copy
from datetime import datetime

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.history import (
    as_it_was,
    moment_of,
    things_then,
    too_long_ago,
)
from branch_toolkit_tests.snowflake_double.model import Schema, Thing
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
    before = {thing.key: thing for thing in things_then(base, at)}
    for thing in sorted(before.values(), key=lambda thing: thing.kind != "SEQUENCE"):
        if thing.details.get("form") in _NOT_CLONED or _on_internal_stage(thing, before):
            continue
        made = _clone(session, thing, at)
        if clone.details["transient"] and made.details.get("form") == "TABLE":
            made.details["form"] = "TRANSIENT"
        clone.things[made.key] = made
    for thing in clone.of_kind("TABLE"):
        _repoint_defaults(session, thing, base_name, base, clone)


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


def _repoint_defaults(
    session: Session, table: Thing, base_name: Name, base: Schema, clone: Schema
) -> None:
    """https://docs.snowflake.com/en/user-guide/object-clone#cloning-and-object-references."""
    own = {
        store.next_value(thing.details["at"]): clone.things[thing.key]
        for thing in base.of_kind("SEQUENCE")
        if thing.key in clone.things
    }
    changed = False
    columns = []
    for column in table.details["columns"]:
        sequence = own.get(column.filled or "")
        if sequence is not None:
            changed = True
            column = store.sequence_default(
                column, (base_name[0], clone.name, sequence.name), sequence.details["at"]
            )
        columns.append(column)
    if changed:
        table.details["columns"] = columns
        table.details["at"] = store.copy(session.duck, table.details["at"], columns)
