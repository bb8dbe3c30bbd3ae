"""An Arrow table's columns as Postgres takes them: as CSV, which Arrow writes without Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from pyarrow import csv, types

from branch_toolkit.dagster_private import TableSlice
from branch_toolkit.io_managers import statements
from branch_toolkit.io_managers.columns import Kind
from branch_toolkit.io_managers.errors import UnsupportedValues, UnusableName
from branch_toolkit.io_managers.tables import Connection, Table

CSV = sql.SQL(" (FORMAT csv, ENCODING 'UTF8')")

_ROWS = 50_000

_Predicate: TypeAlias = Callable[[pa.DataType], bool]

_DECLARED: tuple[tuple[tuple[_Predicate, ...], str], ...] = (
    ((types.is_boolean,), "boolean"),
    ((types.is_int8, types.is_int16, types.is_uint8), "smallint"),
    ((types.is_int32, types.is_uint16), "integer"),
    ((types.is_int64, types.is_uint32), "bigint"),
    ((types.is_uint64,), "numeric(20,0)"),
    ((types.is_float16, types.is_float32), "real"),
    ((types.is_float64,), "double precision"),
    ((types.is_string, types.is_large_string, types.is_null), "text"),
    ((types.is_binary, types.is_large_binary, types.is_fixed_size_binary), "bytea"),
    ((types.is_date,), "date"),
    ((types.is_time,), "time"),
    ((types.is_duration,), "interval"),
    ((types.is_struct, types.is_map), "jsonb"),
)


@dataclass(frozen=True, slots=True)
class ArrowColumn:
    """A column of an Arrow table.

    Args:
        name: Its name.
        kind: What its values are.
        values: The column, of plain types: no dictionaries, views or extensions.
    """

    name: str
    kind: Kind
    values: pa.ChunkedArray

    def texts(self, column_type: str, start: int, stop: int) -> pa.Array:
        """Its values from row `start` up to `stop`, as a column of that type reads them in CSV."""
        part = self.values.slice(start, stop - start).combine_chunks()
        whole = pa.concat_arrays(part.chunks) if isinstance(part, pa.ChunkedArray) else part
        return _texts(whole, column_type or self.kind.declared)


def arrow_columns(table: pa.Table) -> list[ArrowColumn]:
    """The columns of a table.

    Raises:
        UnusableName: Two columns have one name.
        UnsupportedValues: A column is of a type that none in Postgres is known for.
    """
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            raise UnusableName(name, reason="several columns of the table have it")
    return [_column(name, table.column(name)) for name in table.column_names]


def copy_columns(
    connection: Connection,
    table_slice: TableSlice,
    table: Table,
    columns: Sequence[ArrowColumn],
    *,
    rows: int,
) -> None:
    """Adds rows to a slice's table by COPY."""
    column_types = [table.column(column.name).type for column in columns]
    statement = statements.copy(table_slice, [c.name for c in columns], binary=False) + CSV
    with connection.cursor().copy(statement) as copy:
        for start in range(0, rows, _ROWS):
            stop = min(start + _ROWS, rows)
            pairs = zip(columns, column_types, strict=True)
            copy.write(_csv([column.texts(type_, start, stop) for column, type_ in pairs]))


def _csv(texts: Sequence[pa.Array]) -> bytes:
    lines = BytesIO()
    # An empty text is quoted, NULL is not: just what Postgres makes of them.
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    csv.write_csv(pa.table(list(texts), names=list(map(str, range(len(texts))))), lines, options)
    return lines.getvalue()


def _column(name: str, values: pa.ChunkedArray) -> ArrowColumn:
    extension = getattr(values.type, "extension_name", None)
    plain = _plain(values)
    declared = {"arrow.uuid": "uuid", "arrow.json": "jsonb"}.get(extension or "")
    return ArrowColumn(name, Kind(declared or _declared(name, plain.type), ()), plain)


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(values.type, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in values.chunks]
        return _plain(pa.chunked_array(chunks, type=values.type.storage_type))
    if types.is_dictionary(values.type):
        return _plain(values.cast(values.type.value_type))
    if types.is_run_end_encoded(values.type):
        return _plain(pc.run_end_decode(values))
    # Compute functions know little of views; and pyarrow 15 has no test for them.
    view = {"string_view": pa.large_string(), "binary_view": pa.large_binary()}
    return values.cast(view[str(values.type)]) if str(values.type) in view else values


def _declared(name: str, type_: pa.DataType) -> str:
    if types.is_timestamp(type_):
        return "timestamp" if type_.tz is None else "timestamptz"
    if types.is_decimal(type_):
        return f"numeric({max(type_.precision, type_.scale)},{type_.scale})"
    if types.is_dictionary(type_):
        return _declared(name, type_.value_type)
    if _is_list(type_):
        # An array of Postgres says what its elements are; JSON does not.
        element = _declared(name, type_.value_type)
        return "jsonb" if element == "jsonb" or element.endswith("[]") else f"{element}[]"
    for predicates, declared in _DECLARED:
        if any(predicate(type_) for predicate in predicates):
            return declared
    raise UnsupportedValues(name, found=str(type_))


def _is_list(type_: pa.DataType) -> bool:
    return bool(
        types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_)
    )


def _texts(values: pa.Array, column_type: str) -> pa.Array:
    if types.is_dictionary(values.type):
        return _texts(values.dictionary_decode(), column_type)
    if _is_list(values.type):
        is_array = column_type.startswith("_") or column_type.endswith("[]")
        return _arrays(values, column_type) if is_array else _documents(values)
    for predicate, to_text in _TO_TEXT.items():
        if predicate(values.type):
            return to_text(values, column_type)
    return values


def _arrays(values: pa.Array, column_type: str) -> pa.Array:
    lists = values.cast(pa.large_list(values.type.value_type))
    element_type = column_type.removeprefix("_").removesuffix("[]")
    elements = _texts(lists.flatten(), element_type).cast(pa.large_string()).to_pylist()
    shown = ["NULL" if text is None else _quoted(text) for text in elements]
    literals: list[str | None] = []
    start = 0
    for length in pc.list_value_length(lists).to_pylist():
        stop = start + (length or 0)
        literals.append(None if length is None else f"{{{','.join(shown[start:stop])}}}")
        start = stop
    return pa.array(literals, pa.large_string())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _documents(values: pa.Array, _: str = "") -> pa.Array:
    pairs = dict if types.is_map(values.type) else _unchanged
    texts = [
        None if value is None else json.dumps(pairs(value), default=str)
        for value in values.to_pylist()
    ]
    return pa.array(texts, pa.large_string())


def _unchanged(value: Any) -> Any:
    return value


def _bytes(values: pa.Array, column_type: str) -> pa.Array:
    prefix = "" if column_type == "uuid" else "\\x"
    texts = [None if value is None else prefix + value.hex() for value in values.to_pylist()]
    return pa.array(texts, pa.large_string())


def _timestamps(values: pa.Array, _: str) -> pa.Array:
    if values.type.unit == "ns":
        values = pc.floor_temporal(values, unit="microsecond")
    # Without its zone, as Arrow counts from UTC and the session's time zone is UTC.
    return values.cast(pa.timestamp("us", values.type.tz)).view(pa.timestamp("us"))


def _times(values: pa.Array, _: str) -> pa.Array:
    return values.cast(pa.time64("us"), safe=False)


def _durations(values: pa.Array, _: str) -> pa.Array:
    counts = values.cast(pa.duration("us"), safe=False).cast(pa.int64()).cast(pa.string())
    return pc.binary_join_element_wise(counts, "microseconds", " ")


def _halves(values: pa.Array, _: str) -> pa.Array:
    return values.cast(pa.float32())


def _nothing(values: pa.Array, _: str) -> pa.Array:
    return values.cast(pa.string())


_TO_TEXT: Mapping[_Predicate, Callable[[pa.Array, str], pa.Array]] = {
    types.is_struct: _documents,
    types.is_map: _documents,
    types.is_binary: _bytes,
    types.is_large_binary: _bytes,
    types.is_fixed_size_binary: _bytes,
    types.is_timestamp: _timestamps,
    types.is_time: _times,
    types.is_duration: _durations,
    types.is_float16: _halves,
    types.is_null: _nothing,
}
