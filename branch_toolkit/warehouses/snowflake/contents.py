"""What is in a base schema or database, as far as a clone of it is concerned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.snowflake import queries, statements
from branch_toolkit.warehouses.snowflake.names import (
    DatabaseName,
    ObjectName,
    Place,
    SchemaName,
)
from branch_toolkit.warehouses.snowflake.session import Row, Session

# Columns of SHOW TABLES that say what kind of table it is besides a table.
# https://docs.snowflake.com/en/sql-reference/sql/show-tables
_SPECIAL = {
    "is_external": "external table",
    "is_hybrid": "hybrid table",
    "is_iceberg": "Iceberg table",
    "is_dynamic": "dynamic table",
    "is_event": "event table",
}


@dataclass(frozen=True, slots=True)
class BaseTable:
    """A table of a base schema.

    Args:
        name: Its name.
        owner: The role that owns it.
        rows: How many rows it has, where known.
        size_bytes: What they take, shared with clones.
        transient: Whether it is transient, as then its clones have to be.
        special: What it is besides an ordinary table, such as `hybrid table`; None if nothing.
        created_on: When it was made.
    """

    name: ObjectName
    owner: str
    rows: int | None
    size_bytes: int | None
    transient: bool
    special: str | None
    created_on: datetime | None


@dataclass(frozen=True, slots=True)
class BaseObject:
    """Another object of a base schema.

    Args:
        kind: As in DDL: `VIEW`, `FUNCTION`, `PROCEDURE`, `SEQUENCE`, `FILE FORMAT`, `TASK`, ….
        schema: The schema that it is in.
        bare: Its name.
        text: Its definition, as far as SHOW tells it.
        owner: The role that owns it.
        types: The types of its arguments, for functions and procedures.
        place: What is cloned with it; None for its schema.
    """

    kind: str
    schema: SchemaName
    bare: str
    text: str
    owner: str
    types: str | None = None
    place: Place | None = None

    @property
    def name(self) -> str:
        """Its whole quoted name, with the types of its arguments where it has any."""
        return f"{self.schema / self.bare}{self._arguments}"

    @property
    def shown(self) -> str:
        """`view orders`; of a database, `view analytics.orders`."""
        name = (self.place or self.schema).shown(self.schema, self.bare)
        return f"{self.kind.lower()} {name}{self._arguments}"

    def moved(self, schema: SchemaName) -> BaseObject:
        """The object of that name in another schema."""
        return replace(self, schema=schema)

    @property
    def _arguments(self) -> str:
        return "" if self.types is None else f"({self.types})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A base schema, or database, with what is in it.

    Args:
        schema: Its name.
        transient: Whether it is transient.
        managed_access: Whether its owner alone grants rights in it.
        retention_days: Its Time Travel, in days.
        tables: Its tables of all kinds.
        objects: Its other objects.
        defaults: Columns whose default is not a constant: table, column and expression.
        schemas: The schemas of a database; a schema itself.
    """

    schema: Place
    transient: bool
    managed_access: bool
    retention_days: int
    tables: tuple[BaseTable, ...]
    objects: tuple[BaseObject, ...]
    defaults: tuple[tuple[ObjectName, str, str], ...]
    schemas: tuple[SchemaName, ...] = ()

    def of(self, *kinds: str) -> list[BaseObject]:
        """The objects of these kinds."""
        return [one for one in self.objects if one.kind in kinds]

    def moves(self, clone: Place) -> dict[SchemaName, SchemaName]:
        """Where what is in each schema is to be found in a clone."""
        return {each: clone.twin(each) for each in (*self.schemas, *self.schema.always)}

    @property
    def digest(self) -> str:
        """A digest of what there is, for telling later whether base has changed."""
        content = [
            sorted([str(table.name), str(table.created_on)] for table in self.tables),
            sorted([one.kind, one.name, one.text] for one in self.objects),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


# What SHOW calls the objects of each kind, and where it tells their definition.
# Dynamic and external tables are among the tables, materialized views among the views.
_KINDS = {
    "SEQUENCE": ("SEQUENCES", None),
    "FILE FORMAT": ("FILE FORMATS", None),
    "FUNCTION": ("USER FUNCTIONS", None),
    "PROCEDURE": ("USER PROCEDURES", None),
    "STAGE": ("STAGES", "type"),
    "PIPE": ("PIPES", "definition"),
    "STREAM": ("STREAMS", "table_name"),
    "TASK": ("TASKS", "definition"),
    "DYNAMIC TABLE": ("DYNAMIC TABLES", "text"),
    "ALERT": ("ALERTS", "action"),
}


def read_contents(session: Session, place: Place, row: Row) -> Contents:
    """What is in a schema or database.

    Args:
        session: Where to ask.
        place: The schema or database.
        row: What SHOW says of it.
    """
    schemas = queries.schemas_in(session, place)
    tables = (
        _table(schema, found)
        for schema in schemas
        for found in queries.objects(session, "TABLES", schema)
    )
    options = str(row["options"] or "").upper()
    return Contents(
        schema=place,
        transient="TRANSIENT" in options,
        managed_access="MANAGED ACCESS" in options,
        retention_days=int(row["retention_time"] or 0),
        tables=tuple(tables),
        objects=tuple(_all_objects(session, place, schemas, _KINDS)),
        defaults=tuple(_defaults(session, place)),
        schemas=tuple(schemas),
    )


def read_objects(session: Session, place: Place, kinds: Collection[str]) -> list[BaseObject]:
    """The views, and the objects of these other kinds, in a schema or database."""
    return list(_all_objects(session, place, queries.schemas_in(session, place), kinds))


def definition(session: Session, one: BaseObject) -> str | None:
    """The statement that makes an object; None where this role may not see it."""
    kind = "VIEW" if one.kind in ("VIEW", "MATERIALIZED VIEW") else one.kind
    try:
        return str(next(iter(session.read(statements.ddl(kind, one.name))[0].values())))
    except BranchToolkitError:
        return None


def _table(schema: SchemaName, row: Row) -> BaseTable:
    special = next((text for key, text in _SPECIAL.items() if _is(row.get(key))), None)
    return BaseTable(
        name=schema / row["name"],
        owner=str(row["owner"] or ""),
        rows=_number(row.get("rows")),
        size_bytes=_number(row.get("bytes")),
        transient=str(row.get("kind")).upper() == "TRANSIENT",
        special=special,
        created_on=row.get("created_on"),
    )


def _all_objects(
    session: Session, place: Place, schemas: Sequence[SchemaName], kinds: Collection[str]
) -> Iterator[BaseObject]:
    for schema in schemas:
        for row in queries.objects(session, "VIEWS", schema):
            yield _view(place, schema, row)
    for kind in _KINDS:
        if kind in kinds:
            yield from _objects(session, kind, place, schemas)


def _view(place: Place, schema: SchemaName, row: Row) -> BaseObject:
    kind = "MATERIALIZED VIEW" if _is(row.get("is_materialized")) else "VIEW"
    text, owner = str(row.get("text") or ""), str(row.get("owner") or "")
    return BaseObject(kind, schema, str(row["name"]), text, owner, place=place)


def _objects(
    session: Session, kind: str, place: Place, schemas: Sequence[SchemaName]
) -> Iterator[BaseObject]:
    shown, text = _KINDS[kind]
    for row in queries.objects(session, shown, place):
        schema = _schema_of(row, place)
        if schema in schemas:
            yield _object(place, schema, kind, row, text)


def _object(place: Place, schema: SchemaName, kind: str, row: Row, text: str | None) -> BaseObject:
    types = None
    if kind in ("FUNCTION", "PROCEDURE"):
        types = argument_types(str(row["arguments"]))
    shown, owner = str(row.get(text) or "") if text else "", str(row.get("owner") or "")
    if kind == "ALERT":
        shown = f"{row.get('condition') or ''};\n{shown}"
    return BaseObject(kind, schema, str(row["name"]), shown, owner, types, place)


def argument_types(arguments: str) -> str:
    """The types in what SHOW says of a function: `F(NUMBER, DEFAULT VARCHAR) RETURN NUMBER`.

    https://docs.snowflake.com/en/sql-reference/sql/show-user-functions
    """
    start = arguments.index("(")
    depth = 0
    for end, character in enumerate(arguments[start:], start):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            types = arguments[start + 1 : end].split(",")
            return ", ".join(one.strip().removeprefix("DEFAULT ") for one in types).strip()
    raise ValueError(f"what are the arguments of {arguments!r}?")


def _schema_of(row: Row, place: Place) -> SchemaName:
    """The schema that an object is in; of a schema's own objects, SHOW does not always tell it."""
    name = row.get("schema_name") or ""
    if isinstance(place, DatabaseName):
        return place / str(name)
    return place.renamed(str(name)) if name else place


def _defaults(session: Session, place: Place) -> Iterator[tuple[ObjectName, str, str]]:
    if isinstance(place, DatabaseName):
        rows = [list(row.values()) for row in session.read(statements.defaults_of_database(place))]
    else:
        found = session.read(statements.defaults(place))
        rows = [[place.schema, *row.values()] for row in found]
    for schema, table, column, default in rows:
        if "NEXTVAL" in str(default).upper():
            name = SchemaName(_database(place), str(schema)) / str(table)
            yield name, str(column), str(default)


def _database(place: Place) -> str:
    return place.name if isinstance(place, DatabaseName) else place.database


def _is(value: object) -> bool:
    return value is True or str(value).upper() in ("Y", "YES", "TRUE")


def _number(value: object) -> int | None:
    return None if value in (None, "") else int(str(value))
