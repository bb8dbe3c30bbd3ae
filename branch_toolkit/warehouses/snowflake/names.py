"""Names and literals in Snowflake's SQL: always quoted, never put together by hand elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from branch_toolkit.core.names import SNOWFLAKE

_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')


@dataclass(frozen=True, slots=True, order=True)
class SchemaName:
    """A schema's whole name, as Snowflake stores it (without quotes, in its true case)."""

    database: str
    schema: str
    kind: ClassVar[str] = "SCHEMA"

    @property
    def name(self) -> str:
        """Its own name, as of any place."""
        return self.schema

    def __str__(self) -> str:
        """Quoted: `"PROD"."ANALYTICS"`."""
        return f"{quote(self.database)}.{quote(self.schema)}"

    def __truediv__(self, name: str) -> ObjectName:
        """An object in it."""
        return ObjectName(self, name)

    @property
    def called(self) -> str:
        """What a sentence about it begins with: `Schema 'ANALYTICS'`."""
        return f"Schema {self.schema!r}"

    @property
    def always(self) -> tuple[SchemaName, ...]:
        """The schemas that are in it by themselves."""
        return ()

    def renamed(self, name: str) -> SchemaName:
        """What it is called when it is called otherwise."""
        return SchemaName(self.database, name)

    def holds(self, schema: SchemaName) -> bool:
        """Whether that is it."""
        return schema == self

    def twin(self, schema: SchemaName) -> SchemaName:
        """What stands in it, as a clone, for a schema of base."""
        return self

    def shown(self, schema: SchemaName, name: str) -> str:
        """What people who look at it call an object in it."""
        return name


@dataclass(frozen=True, slots=True, order=True)
class DatabaseName:
    """A database's name, as Snowflake stores it."""

    name: str
    kind: ClassVar[str] = "DATABASE"

    def __str__(self) -> str:
        """Quoted: `"PROD"`."""
        return quote(self.name)

    def __truediv__(self, name: str) -> SchemaName:
        """A schema in it."""
        return SchemaName(self.name, name)

    @property
    def called(self) -> str:
        """What a sentence about it begins with: `Database 'PROD'`."""
        return f"Database {self.name!r}"

    @property
    def always(self) -> tuple[SchemaName, ...]:
        """The schemas that are in it by themselves.

        https://docs.snowflake.com/en/sql-reference/info-schema
        """
        return (self / "INFORMATION_SCHEMA",)

    def renamed(self, name: str) -> DatabaseName:
        """What it is called when it is called otherwise."""
        return DatabaseName(name)

    def holds(self, schema: SchemaName) -> bool:
        """Whether a schema is in it."""
        return schema.database == self.name

    def twin(self, schema: SchemaName) -> SchemaName:
        """What stands in it, as a clone, for a schema of base."""
        return self / schema.schema

    def shown(self, schema: SchemaName, name: str) -> str:
        """What people who look at it call an object in it: `ANALYTICS.ORDERS`."""
        return f"{schema.schema}.{name}"


Place: TypeAlias = SchemaName | DatabaseName
"""What is cloned as a whole, and what a clone is: a schema or a database."""


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
