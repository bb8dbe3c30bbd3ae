"""Names and literals in Snowflake's SQL: always quoted, never put together by hand elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

from branch_toolkit.core.names import SNOWFLAKE

_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')


@dataclass(frozen=True, slots=True, order=True)
class SchemaName:
    """A schema's whole name, as Snowflake stores it (without quotes, in its true case)."""

    database: str
    schema: str

    def __str__(self) -> str:
        """Quoted: `"PROD"."ANALYTICS"`."""
        return f"{quote(self.database)}.{quote(self.schema)}"

    def __truediv__(self, name: str) -> ObjectName:
        """An object in it."""
        return ObjectName(self, name)


@dataclass(frozen=True, slots=True, order=True)
class ObjectName:
    """The whole name of a table, view, … in a schema."""

    schema: SchemaName
    name: str

    def __str__(self) -> str:
        """Quoted: `"PROD"."ANALYTICS"."ORDERS"`."""
        return f"{self.schema}.{quote(self.name)}"


def fold(text: str) -> str:
    """What Snowflake makes of a name as a user writes it: upper case, unless it is quoted."""
    return SNOWFLAKE.fold(text)


def canonical(text: str) -> str:
    """One spelling for all that mean the same name: `analytics` → `ANALYTICS`, `"sales"` as it is.

    Folding it gives what folding the text gave.
    """
    stored = fold(text)
    return stored if fold(stored) == stored else quote(stored)


def quote(name: str) -> str:
    """An identifier in double quotes, which keep its case.

    https://docs.snowflake.com/en/sql-reference/identifiers-syntax#double-quoted-identifiers
    """
    return '"' + name.replace('"', '""') + '"'


def parts(text: str) -> list[str]:
    """The stored names in a dotted one, as in `PROD."my data".SEQ`."""
    return [fold(part) for part in _PART.findall(text)]


def literal(text: str) -> str:
    r"""A string constant. In Snowflake a backslash escapes what follows it, so it is escaped too.

    https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
