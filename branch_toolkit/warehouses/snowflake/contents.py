"""What is in a base schema, as far as a clone of it is concerned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.warehouses.snowflake import queries, statements
from branch_toolkit.warehouses.snowflake.names import ObjectName, SchemaName
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
        types: The types of its arguments, for functions and procedures.
        text: Its definition, as far as SHOW tells it.
        owner: The role that owns it.
    """

    kind: str
    schema: SchemaName
    bare: str
    text: str
    owner: str
    types: str | None = None

    @property
    def name(self) -> str:
        """Its whole quoted name, with the types of its arguments where it has any."""
        return f"{self.schema / self.bare}{self._arguments}"

    @property
    def shown(self) -> str:
        """`view orders`."""
        return f"{self.kind.lower()} {self.bare}{self._arguments}"

    def moved(self, schema: SchemaName) -> BaseObject:
        """The object of that name in another schema."""
        return replace(self, schema=schema)

    @property
    def _arguments(self) -> str:
        return "" if self.types is None else f"({self.types})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A base schema with what is in it.

    Args:
        schema: Its name.
        transient: Whether it is transient.
        managed_access: Whether its owner alone grants rights in it.
        retention_days: Its Time Travel, in days.
        tables: Its tables of all kinds.
        objects: Its other objects.
        defaults: Columns whose default is not a constant: table, column and expression.
    """

    schema: SchemaName
    transient: bool
    managed_access: bool
    retention_days: int
    tables: tuple[BaseTable, ...]
    objects: tuple[BaseObject, ...]
    defaults: tuple[tuple[str, str, str], ...]

    def of(self, *kinds: str) -> list[BaseObject]:
        """The objects of these kinds."""
        return [one for one in self.objects if one.kind in kinds]

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


def read_contents(session: Session, schema: SchemaName, row: Row) -> Contents:
    """What is in a schema.

    Args:
        session: Where to ask.
        schema: The schema.
        row: What SHOW SCHEMAS says of it.
    """
    tables = [_table(schema, found) for found in queries.objects(session, "TABLES", schema)]
    others = [one for kind in _KINDS for one in _objects(session, kind, schema)]
    options = str(row["options"] or "").upper()
    return Contents(
        schema=schema,
        transient="TRANSIENT" in options,
        managed_access="MANAGED ACCESS" in options,
        retention_days=int(row["retention_time"] or 0),
        tables=tuple(tables),
        objects=(*_views(session, schema), *others),
        defaults=tuple(_defaults(session, schema)),
    )


def read_objects(session: Session, schema: SchemaName, kinds: Collection[str]) -> list[BaseObject]:
    """The views, and the objects of these other kinds, in a schema."""
    others = [one for kind in _KINDS if kind in kinds for one in _objects(session, kind, schema)]
    return [*_views(session, schema), *others]


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


def _views(session: Session, schema: SchemaName) -> list[BaseObject]:
    return [_view(schema, found) for found in queries.objects(session, "VIEWS", schema)]


def _view(schema: SchemaName, row: Row) -> BaseObject:
    kind = "MATERIALIZED VIEW" if _is(row.get("is_materialized")) else "VIEW"
    text, owner = str(row.get("text") or ""), str(row.get("owner") or "")
    return BaseObject(kind, schema, str(row["name"]), text, owner)


def _objects(session: Session, kind: str, schema: SchemaName) -> list[BaseObject]:
    shown, text = _KINDS[kind]
    rows = queries.objects(session, shown, schema)
    return [_object(schema, kind, row, text) for row in rows if _is_in(row, schema)]


def _object(schema: SchemaName, kind: str, row: Row, text: str | None) -> BaseObject:
    types = None
    if kind in ("FUNCTION", "PROCEDURE"):
        types = argument_types(str(row["arguments"]))
    shown = str(row.get(text) or "") if text else ""
    if kind == "ALERT":
        shown = f"{row.get('condition') or ''};\n{shown}"
    return BaseObject(kind, schema, str(row["name"]), shown, str(row.get("owner") or ""), types)


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


def _is_in(row: Row, schema: SchemaName) -> bool:
    return row.get("schema_name") in (None, "", schema.schema)


def _defaults(session: Session, schema: SchemaName) -> Iterator[tuple[str, str, str]]:
    for row in session.read(statements.defaults(schema)):
        table, column, default = row.values()
        if "NEXTVAL" in str(default).upper():
            yield str(table), str(column), str(default)


def _is(value: object) -> bool:
    return value is True or str(value).upper() in ("Y", "YES", "TRUE")


def _number(value: object) -> int | None:
    return None if value in (None, "") else int(str(value))
