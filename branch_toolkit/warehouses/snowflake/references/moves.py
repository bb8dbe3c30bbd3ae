"""What is asked of a text, and what is found in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from branch_toolkit.warehouses.snowflake.names import ObjectName, SchemaName, quote
from branch_toolkit.warehouses.snowflake.references.text import Edit

_PLAIN = re.compile(r"[A-Z_][A-Z0-9_$]*")


class Unreadable(Exception):
    """A text cannot be parsed, or what it leads to cannot be decided.

    Args:
        reason: Why, as a clause that completes "because".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Moves:
    """Which schemas are to be found elsewhere: under another name, or in another database.

    Args:
        schemas: Clones by base schema, stored names.
        home: Where names without a schema are resolved: the schema that the object is in. In views
            and functions that is never the session's: see "search path" at
            https://docs.snowflake.com/en/sql-reference/name-resolution.
    """

    schemas: Mapping[SchemaName, SchemaName]
    home: SchemaName

    def __post_init__(self) -> None:
        """Refuses clones that have both another name and another database."""
        for base, clone in self.schemas.items():
            if self._to_databases != (base.database != clone.database) or (
                self._to_databases and base.schema != clone.schema
            ):
                raise ValueError(f"{clone} is not in the database of {base}.")

    @property
    def target(self) -> SchemaName:
        """The schema that the object is in when it has been moved."""
        return self.schemas.get(self.home, self.home)

    @property
    def part(self) -> int:
        """Which part of an object's whole name is replaced, from the end.

        The schema's; or the database's, where a name without it leads to the clone by itself.
        """
        return -3 if self._to_databases else -2

    def place(self, places: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
        """Where that part of a name is written, from and to; None where it is not."""
        return places[self.part] if len(places) >= -self.part else None

    def word(self, schema: SchemaName) -> str:
        """What takes its place."""
        clone = self.schemas[schema]
        return clone.database if self._to_databases else clone.schema

    @property
    def _to_databases(self) -> bool:
        return any(base.database != clone.database for base, clone in self.schemas.items())


@dataclass(frozen=True)
class Repointed:
    """A statement that makes an object in a clone.

    Args:
        sql: The statement.
        moved: The references with a schema that were moved, for people; its own name is not one.
    """

    sql: str
    moved: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """A place that leads to an object of one of the schemas that are looked for.

    Args:
        name: The object, its name resolved.
        edit: What moves it; None where what would be replaced is not written.
    """

    name: ObjectName
    edit: Edit | None


def resolve(parts: Sequence[str], home: SchemaName) -> ObjectName | None:
    """The object that one to three stored names lead to; None for more.

    https://docs.snowflake.com/en/sql-reference/name-resolution: `DATABASE..NAME` is in PUBLIC.
    """
    if not 1 <= len(parts) <= 3:
        return None
    *qualifiers, name = parts
    if not qualifiers:
        return home / name
    database = qualifiers[0] if len(qualifiers) == 2 else home.database
    return SchemaName(database, qualifiers[-1] or "PUBLIC") / name


def reference(
    parts: Sequence[str], place: tuple[int, int] | None, moves: Moves
) -> Reference | None:
    """The reference that a name is, if it leads to one of the schemas.

    Args:
        parts: The stored names, up to the object's.
        place: Where the part of it that is replaced is written, from and to.
        moves: The schemas.
    """
    found = resolve(parts, moves.home)
    if found is None or found.schema not in moves.schemas:
        return None
    if len(parts) < -moves.part:
        return Reference(found, None)
    if place is None:
        raise Unreadable(f"the place of {readable(found)} in the text is not known")
    return Reference(found, Edit(*place, quote(moves.word(found.schema))))


def edits(references: Iterable[Reference]) -> list[Edit]:
    """The edits of references, each once, in the order of the text."""
    return sorted({found.edit for found in references if found.edit is not None})


def in_order(references: Iterable[Reference]) -> list[Reference]:
    """References in the order of the text."""
    return sorted(references, key=lambda one: one.edit.start if one.edit else 0)


def readable(name: ObjectName) -> str:
    """A name for people: quotes only where Snowflake needs them."""
    parts = (name.schema.database, name.schema.schema, name.name)
    return ".".join(part if _PLAIN.fullmatch(part) else quote(part) for part in parts)
