"""Rows of Postgres as an Arrow table: COPY sends CSV, which Arrow parses without Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import postgres, sql
from pyarrow import csv

from branch_toolkit.io_managers.arrow_columns import CSV
from branch_toolkit.io_managers.errors import UnreadableValues
from branch_toolkit.io_managers.statements import Statement
from branch_toolkit.io_managers.tables import Connection

_BYTES = 32 * 2**20
"""How much CSV is parsed at a time."""

_SETTINGS = """
SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'; SET LOCAL extra_float_digits = 1
"""

_ITSELF = sql.SQL("{}")
_ARRAY = sql.SQL("array_to_json({}::text[])")
_HEX = sql.SQL("encode({}, 'hex')")
_MICROSECONDS = sql.SQL("(extract(epoch FROM {}) * 1000000)::bigint")

_NARROW = 38
_WIDE = 76
"""How many digits Arrow's two kinds of decimals have."""


def _as_parsed(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values


@dataclass(frozen=True, slots=True)
class _Field:
    """A column of a result.

    Args:
        name: Its name.
        expression: What to select of it, with `{}` for itself.
        parsed: The type that the CSV of that is parsed as.
        finish: What makes its values of the parsed ones.
    """

    name: str
    expression: sql.SQL
    parsed: pa.DataType
    finish: Callable[[pa.ChunkedArray], pa.ChunkedArray] = _as_parsed


def read_table(connection: Connection, statement: Statement) -> pa.Table:
    """The result of a SELECT.

    Raises:
        UnreadableValues: A column holds values that Arrow's type for it cannot hold.
    """
    connection.execute(_SETTINGS)
    first = connection.execute(sql.SQL("SELECT * FROM ({}) AS rows LIMIT 0").format(statement))
    fields = [_field(column) for column in first.description or []]
    if not fields:
        return pa.table({})
    with connection.cursor().copy(_copy(statement, fields)) as copy:
        parts = [_parse(lines, fields) for lines in _batches(copy)]
    whole = pa.concat_tables(parts) if parts else _schema(fields).empty_table()
    finished = [_finish(field, whole.column(place)) for place, field in enumerate(fields)]
    return pa.table(finished, names=[field.name for field in fields])


def _copy(statement: Statement, fields: Sequence[_Field]) -> Statement:
    # By place, as a name may be there twice.
    places = [sql.Identifier(f"c{place}") for place in range(len(fields))]
    selected = [field.expression.format(p) for field, p in zip(fields, places, strict=True)]
    rows = sql.SQL("SELECT {} FROM ({}) AS rows ({})").format(
        sql.SQL(", ").join(selected), statement, sql.SQL(", ").join(places)
    )
    return sql.SQL("COPY ({}) TO STDOUT").format(rows) + CSV


def _batches(copy: Iterable[bytes | bytearray | memoryview]) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    size = 0
    for line in copy:
        lines.append(bytes(line))
        size += len(line)
        if size >= _BYTES:
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


def _schema(fields: Sequence[_Field]) -> pa.Schema:
    return pa.schema([(f"c{place}", field.parsed) for place, field in enumerate(fields)])


def _parse(lines: Sequence[bytes], fields: Sequence[_Field]) -> pa.Table:
    schema = _schema(fields)
    # Arrow refuses a row that is longer than two of its blocks.
    read = csv.ReadOptions(column_names=schema.names, block_size=max(2**20, *map(len, lines)))
    # The only column's NULL is an empty line.
    parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    convert = csv.ConvertOptions(
        column_types=schema,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )
    try:
        return csv.read_csv(pa.BufferReader(b"".join(lines)), read, parse, convert)
    except pa.ArrowInvalid as error:
        raise UnreadableValues(_column_of(error, fields), reason=str(error)) from error


def _column_of(error: pa.ArrowInvalid, fields: Sequence[_Field]) -> str:
    _, _, place = str(error).partition("In CSV column #")
    number = place.partition(":")[0]
    return fields[int(number)].name if number.isdecimal() else "?"


def _finish(field: _Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return field.finish(values)
    except pa.ArrowException as error:
        raise UnreadableValues(field.name, reason=str(error)) from error


def _field(column: psycopg.Column) -> _Field:
    info = postgres.types.get(column.type_code)
    name = info.name if info else ""
    if info and info.array_oid == column.type_code:
        return _Field(column.name, _ARRAY, pa.string(), _lists_of(name))
    if name == "numeric":
        return _numeric_field(column)
    if name == "bytea":
        return _Field(column.name, _HEX, pa.string(), _binary)
    if name == "interval":
        return _Field(column.name, _MICROSECONDS, pa.int64(), _durations)
    return _Field(column.name, _ITSELF, _PARSED.get(name, pa.string()))


def _numeric_field(column: psycopg.Column) -> _Field:
    precision, scale = column.precision, column.scale
    if precision is None or scale is None or not 0 <= scale <= precision <= _WIDE:
        return _Field(column.name, _ITSELF, pa.string(), _decimals)
    type_ = _decimal_type(precision, scale)
    if precision <= _NARROW:
        return _Field(column.name, _ITSELF, type_)
    # Arrow parses no wide decimals in CSV.
    return _Field(column.name, _ITSELF, pa.string(), lambda texts: texts.cast(type_))


def _decimal_type(precision: int, scale: int) -> pa.DataType:
    decimal = pa.decimal128 if precision <= _NARROW else pa.decimal256
    return decimal(precision, scale)


def _decimals(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    # A plain numeric has no scale; that of its longest fraction loses no digit.
    unsigned = pc.utf8_ltrim(texts, "-")
    point, length = pc.find_substring(unsigned, "."), pc.utf8_length(unsigned)
    digits = pc.if_else(pc.less(point, 0), length, point)
    scale = pc.max(pc.subtract(length, pc.add(digits, 1))).as_py() or 0
    needed = (pc.max(digits).as_py() or 0) + max(scale, 0)
    precision = _NARROW if needed <= _NARROW else _WIDE
    return texts.cast(_decimal_type(precision, max(scale, 0)))


def _binary(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    chunks = [
        pa.array([None if text is None else bytes.fromhex(text) for text in chunk.to_pylist()])
        for chunk in texts.chunks
    ]
    return pa.chunked_array([chunk.cast(pa.binary()) for chunk in chunks], type=pa.binary())


def _durations(microseconds: pa.ChunkedArray) -> pa.ChunkedArray:
    return microseconds.cast(pa.duration("us"))


def _lists_of(element: str) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    def lists(texts: pa.ChunkedArray) -> pa.ChunkedArray:
        found: list[Any] = [text and json.loads(text) for text in texts.to_pylist()]
        whole = pa.array(found, pa.list_(pa.string()))
        type_ = _ELEMENTS.get(element, pa.string())
        if element == "numeric":
            type_ = _decimals(pa.chunked_array([whole.flatten()])).type
        return pa.chunked_array([whole.cast(pa.list_(type_))])

    return lists


_PARSED: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "int2": pa.int16(),
        "int4": pa.int32(),
        "int8": pa.int64(),
        "oid": pa.uint32(),
        "bool": pa.bool_(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", "UTC"),
    }
)
"""Any other type is read as its text."""

# No times: Arrow parses them in CSV only.
_ELEMENTS = MappingProxyType({name: type_ for name, type_ in _PARSED.items() if name != "time"})
