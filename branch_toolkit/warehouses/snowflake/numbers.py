"""Columns that take their numbers from sequences: a branch's never from production's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from branch_toolkit.core.plan import Note, Statement
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.choosing import Choice, Way
from branch_toolkit.warehouses.snowflake.names import Place, SchemaName, parts


@dataclass(frozen=True, slots=True)
class Numbered:
    """What is done about a column of a clone.

    Args:
        statement: What is executed.
        notes: What a person should know of it.
    """

    statement: Statement
    notes: tuple[Note, ...] = ()


def plan_numbers(
    choice: Choice, clone: Place, moves: Mapping[SchemaName, SchemaName]
) -> Iterator[Numbered]:
    """What is done about the columns of a clone whose default is a sequence's next number.

    https://docs.snowflake.com/en/user-guide/object-clone: a cloned table takes its numbers from the
    cloned sequence only where both were cloned with their schema or database.
    """
    base = choice.base.schema
    made = {table.name for table, _ in choice.made}
    for table, column, default in choice.base.defaults:
        schema, sequence = _sequence(default, table.schema)
        with_it = choice.way is Way.SCHEMA and base.holds(schema)
        if with_it or (choice.way is Way.TABLES and table not in made):
            continue
        place = moves[table.schema] / table.name
        what = f"default of {base.shown(table.schema, table.name)}.{column}"
        if schema in moves:
            sql = statements.default_sequence(place, column, moves[schema] / sequence)
            yield Numbered(_statement(clone, "set", what, sql))
        else:
            sql = statements.drop_default(place, column)
            text = f"not cloned: its numbers would be those of {schema / sequence}"
            yield Numbered(_statement(clone, "leave out", what, sql), (Note(what, text),))


def _sequence(default: str, home: SchemaName) -> tuple[SchemaName, str]:
    """The sequence in `PROD.ANALYTICS.IDS.NEXTVAL`."""
    *schema, name, _nextval = parts(default)
    return SchemaName(*[home.database, home.schema][: 2 - len(schema)], *schema[-2:]), name


def _statement(clone: Place, action: str, what: str, sql: str) -> Statement:
    return Statement(sql=sql, action=action, schema=clone.name, object=what)
