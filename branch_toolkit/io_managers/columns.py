"""What kinds of values there are, and which Postgres types take their binary form as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of values.

    Args:
        declared: The type of a column that is created for them.
        binary: The types in `pg_catalog` that take their binary form, and how psycopg calls it.
    """

    declared: str
    binary: tuple[tuple[str, str], ...]

    def binary_type(self, column_type: str) -> str | None:
        """How to send them to a column of that type; None: only as text, for Postgres to parse."""
        return dict(self.binary).get(column_type)


def _same(*types: str) -> tuple[tuple[str, str], ...]:
    return tuple((type_name, type_name) for type_name in types)


BIGINT = Kind("bigint", _same("int8", "int4", "int2", "numeric", "float8"))
DOUBLE = Kind("double precision", _same("float8"))
BOOLEAN = Kind("boolean", _same("bool"))
NUMERIC = Kind("numeric", _same("numeric"))
TEXT = Kind("text", tuple((name, "text") for name in ("text", "varchar", "bpchar")))
BYTEA = Kind("bytea", _same("bytea"))
DATE = Kind("date", _same("date"))
TIME = Kind("time", _same("time"))
TIMESTAMP = Kind("timestamp", _same("timestamp"))
TIMESTAMPTZ = Kind("timestamptz", _same("timestamptz"))
INTERVAL = Kind("interval", _same("interval"))
UUID = Kind("uuid", _same("uuid"))
INET = Kind("inet", ())
JSONB = Kind("jsonb", _same("jsonb", "json"))

INTEGER_LIMITS = {"int2": 2**15, "int4": 2**31, "int8": 2**63}
"""The first number that is too large for a column of that type."""


class NewColumn(Protocol):
    """A column of rows to be written, whatever library it comes from."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kind(self) -> Kind:
        """What its values are."""


class WritableColumn(NewColumn, Protocol):
    """One that gives its values as Python's."""

    def fitted(self, column_type: str) -> WritableColumn:
        """The same column, for a table's column of that type in `pg_catalog`."""

    def binary_type(self, column_type: str) -> str | None:
        """How to send it in binary to a column of that type; None if that cannot be done."""

    def values(self, start: int, stop: int) -> Sequence[object]:
        """Its values from row `start` up to `stop`: Python's own types, None for NULL."""
