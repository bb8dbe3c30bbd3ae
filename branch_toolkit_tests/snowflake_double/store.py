"""Where the rows are: every version of a table is a table in DuckDB that is never changed again.

A clone shares its base's version, as in Snowflake; whoever writes first gets a copy. See
https://docs.snowflake.com/en/user-guide/object-clone#cloning-and-storage.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from branch_toolkit_tests.snowflake_double.reading import Name, plain, quote

DATABASE = "STORE"
SCHEMA = "DATA"

_numbers = itertools.count(1)


class Duck(Protocol):
    """A connection to DuckDB, as far as it is needed."""

    def execute(self, query: str, /) -> Any:
        """Executes a statement."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: Its stored name.
        type: Its type as Snowflake shows it.
        nullable: Whether it may be null.
        default: The expression, as Snowflake shows it.
        identity: As Snowflake shows an autoincrement: `IDENTITY START 1 INCREMENT 1 NOORDER`.
        filled: The default in DuckDB's SQL.
        comment: Its comment.
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    identity: str | None = None
    filled: str | None = None
    comment: str | None = None

    def without_default(self) -> Column:
        """The same without one."""
        return replace(self, default=None, filled=None)


def new_name(letter: str) -> str:
    """A name that nothing has yet."""
    return f"{letter}{next(_numbers)}"


def place(version: str) -> str:
    """The whole name of a version in DuckDB."""
    return f"{DATABASE}.{SCHEMA}.{version}"


def copy(duck: Duck, version: str, columns: Sequence[Column], *, rows: bool = True) -> str:
    """A version that may be changed, with another's rows."""
    new = new_name("T")
    limit = "" if rows else " LIMIT 0"
    duck.execute(f"CREATE TABLE {place(new)} AS SELECT * FROM {place(version)}{limit}")
    constrain(duck, new, columns)
    return new


def constrain(duck: Duck, version: str, columns: Sequence[Column]) -> None:
    """Gives a new version the defaults and the NOT NULL of its columns; keys are never enforced.

    https://docs.snowflake.com/en/sql-reference/constraints-overview
    """
    for column in columns:
        alter = f"ALTER TABLE {place(version)} ALTER COLUMN {quote(column.name)}"
        if column.filled is not None:
            duck.execute(f"{alter} SET DEFAULT {column.filled}")
        if not column.nullable:
            duck.execute(f"{alter} SET NOT NULL")


def count(duck: Duck, version: str) -> int:
    """How many rows it has."""
    return int(duck.execute(f"SELECT count(*) FROM {place(version)}").fetchone()[0])


def columns_of(duck: Duck, version: str) -> list[Column]:
    """Its columns, as far as DuckDB knows them."""
    rows = duck.execute(f"DESCRIBE {place(version)}").fetchall()
    return [Column(row[0], snowflake_type(row[1]), nullable=row[2] == "YES") for row in rows]


def new_sequence(duck: Duck, start: int, step: int) -> str:
    """Makes a sequence."""
    name = new_name("Q")
    bounds = "" if step > 0 else f" MAXVALUE {max(start, 0)} MINVALUE -9223372036854775807"
    duck.execute(f"CREATE SEQUENCE {place(name)} START {start} INCREMENT {step}{bounds}")
    return name


def copy_sequence(duck: Duck, name: str) -> str:
    """Makes a sequence that goes on where another is."""
    start, step = next_of(duck, name)
    return new_sequence(duck, start, step)


def next_of(duck: Duck, name: str) -> tuple[int, int]:
    """The next value of a sequence, and its step."""
    row = duck.execute(
        "SELECT coalesce(last_value + increment_by, start_value), increment_by"
        f" FROM duckdb_sequences() WHERE upper(sequence_name) = '{name}'"
    ).fetchone()
    return int(row[0]), int(row[1])


def next_value(name: str) -> str:
    """The next value in DuckDB's SQL."""
    return f"nextval('{place(name)}')"


def snowflake_type(duck_type: str) -> str:
    """A DuckDB type as Snowflake shows it."""
    if duck_type.startswith("DECIMAL"):
        return duck_type.replace("DECIMAL", "NUMBER")
    if duck_type in ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT"):
        return "NUMBER(38,0)"
    return {
        "VARCHAR": "VARCHAR(16777216)",
        "DOUBLE": "FLOAT",
        "FLOAT": "FLOAT",
        "BLOB": "BINARY(8388608)",
        "TIMESTAMP": "TIMESTAMP_NTZ(9)",
        "TIMESTAMP_NS": "TIMESTAMP_NTZ(9)",
        "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ(9)",
        "TIME": "TIME(9)",
        "JSON": "VARIANT",
    }.get(duck_type, duck_type)


def sequence_default(column: Column, sequence: Name, at: str) -> Column:
    """A column that takes its numbers from a sequence."""
    return replace(column, default=f"{plain(sequence)}.NEXTVAL", filled=next_value(at))


def forget_all_but(duck: Duck, versions: set[str]) -> None:
    """Drops all other versions."""
    rows = duck.execute(
        f"SELECT table_name FROM duckdb_tables() WHERE schema_name = '{SCHEMA}'"
    ).fetchall()
    for (name,) in rows:
        if name not in versions and not name.startswith("_"):
            duck.execute(f"DROP TABLE {place(name)}")
