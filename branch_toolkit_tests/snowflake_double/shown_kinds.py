"""What SHOW says of each kind of object in a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.information import bytes_of
from branch_toolkit_tests.snowflake_double.model import Database, Schema, Thing
from branch_toolkit_tests.snowflake_double.schemas import retention_of
from branch_toolkit_tests.snowflake_double.session import Session


@dataclass(frozen=True)
class Found:
    """An object and where it is."""

    session: Session
    database: Database
    schema: Schema
    thing: Thing


Value = Callable[[Found], Any]


@dataclass(frozen=True)
class Shown:
    """How SHOW shows a kind.

    Args:
        kinds: Of which kind the objects are.
        columns: The columns and their types.
        includes: Which of these objects.
        rows: An object's rows.
        name_column: The column that LIKE and STARTS WITH look at.
    """

    kinds: tuple[str, ...]
    columns: Sequence[str]
    includes: Callable[[Thing], bool]
    rows: Callable[[Found], list[Sequence[Any]]]
    name_column: str = "name"


def _rows_of(found: Found) -> int:
    return store.count(found.session.duck, found.thing.details["at"])


def _detail(key: str) -> Value:
    return lambda found: found.thing.details.get(key)


def _form(*forms: str) -> Callable[[Thing], bool]:
    return lambda thing: thing.details.get("form") in forms


def _yes(test: Callable[[Thing], bool]) -> Value:
    return lambda found: "Y" if test(found.thing) else "N"


def _call(found: Found) -> str:
    thing = found.thing
    return f"{thing.name}{thing.arguments} RETURN {thing.details['returns']}"


def _next(found: Found) -> int:
    return store.next_of(found.session.duck, found.thing.details["at"])[0]


def _text(found: Found) -> str:
    """The statement without what was not kept of it: a trailing semicolon."""
    return found.thing.text.rstrip(" ;")


_COMMON: dict[str, Value] = {
    "created_on": lambda found: found.thing.created_on,
    "name": lambda found: found.thing.name,
    "database_name": lambda found: found.database.name,
    "catalog_name": lambda found: found.database.name,
    "schema_name": lambda found: found.schema.name,
    "owner": lambda found: found.thing.owner,
    "comment": lambda found: found.thing.comment,
    "owner_role_type": lambda _: "ROLE",
    "rows": _rows_of,
    "bytes": lambda found: bytes_of(found.session, found.thing),
    "retention_time": lambda found: str(retention_of(found.database, found.schema)),
    "text": _text,
    "is_secure": lambda found: str(bool(found.thing.details.get("secure"))).lower(),
    "is_materialized": lambda found: str(bool(found.thing.details.get("materialized"))).lower(),
    "state": _detail("state"),
    "definition": _detail("definition"),
    "url": _detail("url"),
    "type": _detail("type"),
    "language": _detail("language"),
    "table_name": _detail("table"),
    "arguments": _call,
    "next_value": _next,
    "interval": _detail("step"),
    "is_builtin": lambda _: "N",
    "is_external": _yes(_form("EXTERNAL")),
    "is_hybrid": _yes(_form("HYBRID")),
    "is_iceberg": _yes(_form("ICEBERG")),
    "is_dynamic": _yes(_form("DYNAMIC")),
    "is_event": _yes(_form("EVENT")),
    "change_tracking": lambda _: "OFF",
}
_TYPES = {"created_on": "timestamp_ltz", "rows": "fixed", "bytes": "fixed"}
_TYPES |= {"next_value": "fixed", "interval": "fixed"}


def _simple(
    kind: str,
    columns: str,
    *,
    includes: Callable[[Thing], bool] = lambda _: True,
    also: dict[str, Value] = {},  # noqa: B006
) -> Shown:
    names = columns.split()
    values = {**_COMMON, **also}

    def rows(found: Found) -> list[Sequence[Any]]:
        return [[values[name](found) if name in values else None for name in names]]

    shown = [f"{name} {_TYPES[name]}" if name in _TYPES else name for name in names]
    return Shown((kind,), shown, includes, rows)


_WHERE = "created_on name database_name schema_name"
_COLUMN_NAMES = [
    "table_name",
    "schema_name",
    "column_name",
    "data_type",
    "null?",
    "default",
    "kind",
    "expression",
    "comment",
    "database_name",
    "autoincrement",
]


def _column_rows(found: Found) -> list[Sequence[Any]]:
    """https://docs.snowflake.com/en/sql-reference/sql/show-columns."""
    return [
        [
            found.thing.name,
            found.schema.name,
            column.name,
            data_type(column),
            "true" if column.nullable else "NOT_NULL",
            column.default or "",
            "COLUMN",
            "",
            column.comment or "",
            found.database.name,
            column.identity or "",
        ]
        for column in found.thing.details["columns"]
    ]


def data_type(column: store.Column) -> str:
    """A type as SHOW COLUMNS has it: `{"type":"FIXED","precision":38,"scale":0,…}`."""
    name, *numbers = re.findall(r"\w+", column.type)
    size: dict[str, Any] = {}
    if name == "NUMBER":
        size = dict(zip(("precision", "scale"), map(int, [*numbers, "0"]), strict=False))
    elif name == "VARCHAR":
        length = int(numbers[0])
        size = {"length": length, "byteLength": min(4 * length, 16777216)}
    kind = {"NUMBER": "FIXED", "VARCHAR": "TEXT", "FLOAT": "REAL"}.get(name, name)
    content = {"type": kind, **size, "nullable": column.nullable, "fixed": False}
    return json.dumps(content, separators=(",", ":"))


_TABLES = _simple(
    "TABLE",
    f"{_WHERE} kind comment cluster_by rows bytes owner retention_time automatic_clustering"
    " change_tracking is_external enable_schema_evolution owner_role_type is_event budget"
    " is_hybrid is_iceberg is_dynamic is_immutable",
    also={
        "kind": lambda found: (
            found.thing.details["form"]
            if found.thing.details["form"] in ("TRANSIENT", "TEMPORARY")
            else "TABLE"
        )
    },
)
_FUNCTIONS = (
    "created_on name schema_name is_builtin is_aggregate is_ansi min_num_arguments"
    " max_num_arguments arguments description catalog_name is_table_function valid_for_clustering"
    " is_secure secrets external_access_integrations is_external_function language is_memoizable"
)
_PROCEDURES = (
    "created_on name schema_name is_builtin is_aggregate is_ansi min_num_arguments"
    " max_num_arguments arguments description catalog_name is_table_function valid_for_clustering"
    " is_secure secrets external_access_integrations"
)
_SECURE = {"is_secure": _yes(lambda thing: bool(thing.details.get("secure")))}

SHOWN: dict[str, Shown] = {
    "TABLES": _TABLES,
    "VIEWS": _simple(
        "VIEW",
        "created_on name reserved database_name schema_name owner comment text is_secure"
        " is_materialized owner_role_type change_tracking",
    ),
    "MATERIALIZED VIEWS": _simple(
        "VIEW",
        "created_on name reserved database_name schema_name cluster_by owner comment text"
        " is_secure owner_role_type",
        includes=lambda thing: bool(thing.details["materialized"]),
    ),
    "COLUMNS": Shown(("TABLE", "VIEW"), _COLUMN_NAMES, lambda _: True, _column_rows, "column_name"),
    "SEQUENCES": _simple(
        "SEQUENCE",
        "name database_name schema_name next_value interval created_on owner comment"
        " owner_role_type ordered",
        also={"ordered": lambda _: "N"},
    ),
    "FILE FORMATS": _simple(
        "FILE FORMAT", f"{_WHERE} type owner comment format_options owner_role_type"
    ),
    "USER FUNCTIONS": _simple("FUNCTION", _FUNCTIONS, also=_SECURE),
    "FUNCTIONS": _simple("FUNCTION", _FUNCTIONS, also=_SECURE),
    "USER PROCEDURES": _simple("PROCEDURE", _PROCEDURES, also=_SECURE),
    "PROCEDURES": _simple("PROCEDURE", _PROCEDURES, also=_SECURE),
    "STAGES": _simple(
        "STAGE",
        f"{_WHERE} url has_credentials has_encryption_key owner comment region type cloud"
        " notification_channel storage_integration endpoint owner_role_type directory_enabled",
        also={
            "type": lambda found: "EXTERNAL" if found.thing.details["url"] else "INTERNAL",
            "directory_enabled": lambda _: "N",
        },
    ),
    "PIPES": _simple(
        "PIPE", f"{_WHERE} definition owner notification_channel comment owner_role_type"
    ),
    "STREAMS": _simple(
        "STREAM",
        f"{_WHERE} owner comment table_name source_type base_tables type stale mode stale_after"
        " invalid_reason owner_role_type",
        also={"type": lambda _: "DELTA", "stale": lambda _: "false"},
    ),
    "TASKS": _simple(
        "TASK",
        "created_on name id database_name schema_name owner comment warehouse schedule"
        " predecessors state definition condition allow_overlapping_execution owner_role_type",
    ),
    "EXTERNAL TABLES": _simple(
        "TABLE",
        f"{_WHERE} invalid invalid_reason owner comment stage location owner_role_type",
        includes=_form("EXTERNAL"),
    ),
    "HYBRID TABLES": _simple(
        "TABLE", f"{_WHERE} owner rows bytes comment owner_role_type", includes=_form("HYBRID")
    ),
    "DYNAMIC TABLES": _simple(
        "TABLE",
        f"{_WHERE} cluster_by rows bytes owner target_lag refresh_mode warehouse comment text"
        " scheduling_state owner_role_type",
        includes=_form("DYNAMIC"),
    ),
    "EVENT TABLES": _simple(
        "TABLE",
        f"{_WHERE} owner comment change_tracking owner_role_type",
        includes=_form("EVENT"),
    ),
    "ICEBERG TABLES": _simple("TABLE", f"{_WHERE} owner comment", includes=_form("ICEBERG")),
    "TAGS": _simple("TAG", f"{_WHERE} owner comment owner_role_type"),
    "ALERTS": _simple(
        "ALERT",
        f"{_WHERE} owner comment warehouse schedule state condition action owner_role_type",
        also={"condition": _detail("condition"), "action": _detail("action")},
    ),
}
