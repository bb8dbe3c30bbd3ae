"""What the double answers: rows and their columns, in the shape that the connector reads."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from branch_toolkit_tests.snowflake_double.refusals import Refused

_TYPES = {
    "text": {"length": 16777216, "byteLength": 16777216},
    "fixed": {"precision": 38, "scale": 0},
    "timestamp_ltz": {"precision": 0, "scale": 9},
    "boolean": {},
}


@dataclass(frozen=True)
class Answer:
    """A result.

    Args:
        columns: Names and types, as `created_on timestamp_ltz`; `text` where no type is given.
        rows: Their values.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]] = ()
    query_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def as_json(self, database: str | None, schema: str | None) -> dict[str, Any]:
        """The response's body."""
        columns = [_column(text) for text in self.columns]
        data = {
            "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
            "rowtype": columns,
            "rowset": [[_written(value) for value in row] for row in self.rows],
            "total": len(self.rows),
            "returned": len(self.rows),
            "queryId": self.query_id,
            "queryResultFormat": "json",
            "statementTypeId": 0,
            "finalDatabaseName": database,
            "finalSchemaName": schema,
        }
        return {"data": data, "code": None, "message": None, "success": True}


def done(text: str = "Statement executed successfully.") -> Answer:
    """What a statement without rows answers."""
    return Answer(["status"], [[text]])


def refusal_as_json(refused: Refused) -> dict[str, Any]:
    """The body of a refusal."""
    code = f"{refused.number:06d}"
    data = {"errorCode": code, "sqlState": refused.state, "queryId": str(uuid.uuid4())}
    return {"data": data, "code": code, "message": refused.text, "success": False}


def _column(text: str) -> dict[str, Any]:
    name, _, kind = text.rpartition(" ")
    if not name or kind not in _TYPES:
        name, kind = text, "text"
    given = {"length": None, "byteLength": None, "precision": None, "scale": None}
    more = {"database": "", "schema": "", "table": "", "nullable": True, "collation": None}
    return {"name": name, "type": kind, **more, **given, **_TYPES[kind]}


def _written(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return f"{value.timestamp():.6f}000"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def timestamps(values: Any) -> Any:
    """Timestamps as the connector reads them from Arrow.

    In the place of fakesnow's function, which makes 1970 of NULL.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    seconds = pc.floor_temporal(values, unit="second")
    fraction = pc.round(pc.multiply(pc.subsecond(values), 1_000_000_000)).cast(pa.int32())
    parts = [pc.divide(seconds.cast(pa.timestamp("us")).cast(pa.int64()), 1_000_000), fraction]
    names = ["epoch", "fraction"]
    if values.type.tz:
        parts.append(pa.array([1440] * len(values), type=pa.int32()))
        names.append("timezone")
    filled = [part if part.null_count == 0 else pc.fill_null(part, 0) for part in parts]
    kinds = [pa.int64(), *([pa.int32()] * (len(parts) - 1))]
    fields = [pa.field(*each, nullable=False) for each in zip(names, kinds, strict=True)]
    return pa.StructArray.from_arrays(filled, fields=fields, mask=values.is_null())
