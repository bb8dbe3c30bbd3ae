"""Rows of Postgres as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import psycopg
from psycopg import postgres
from psycopg.pq import Format
from psycopg.types.numeric import FloatLoader

from branch_toolkit.io_managers.statements import Statement
from branch_toolkit.io_managers.tables import Connection

_ROWS = 50_000
_TEXT_DTYPE = pd.Series(["text"]).dtype
"""What this pandas makes of text: `object` before version 3, `str` since."""

_Values: TypeAlias = Sequence[Any]
_Series: TypeAlias = "pd.Series[Any]"


def read_frame(connection: Connection, statement: Statement) -> pd.DataFrame:
    """The result of a SELECT.

    The types are those of `pandas.read_sql`, so numeric becomes float64, with two differences:
    whole numbers and booleans keep their values beside a NULL (`Int64`, `boolean`), and times
    outside of datetime64[ns] are datetime64[us] instead of objects.
    """
    with connection.cursor() as cursor:
        _register_loaders(cursor)
        # ISO and UTC, because timestamps are read from their text.
        cursor.execute("SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'")
        cursor.execute(statement)
        description = cursor.description or []
        parts = list(_parts(cursor))
    series = {
        column.name: _join(column.type_code, [part[position] for part in parts])
        for position, column in enumerate(description)
    }
    frame: pd.DataFrame = pd.DataFrame(series)
    return frame


def _register_loaders(cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
    as_text = cursor.adapters.get_loader(_OID["text"], Format.TEXT)
    for name in ("timestamp", "timestamptz"):
        # NumPy parses 1M texts in 0.1 s; by way of 1M datetimes it takes over 1 s.
        cursor.adapters.register_loader(name, as_text or FloatLoader)
    as_float = cursor.adapters.get_loader(_OID["float8"], Format.TEXT)
    cursor.adapters.register_loader("numeric", as_float or FloatLoader)


def _parts(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Iterator[list[_Series]]:
    # In parts, as a list of all rows would need several times the frame's memory.
    codes = [column.type_code for column in cursor.description or []]
    while True:
        rows = cursor.fetchmany(_ROWS)
        # Not zip(*rows), whose iterators alone take longer than all the rest.
        yield [_series(code, [row[i] for row in rows]) for i, code in enumerate(codes)]
        if len(rows) < _ROWS:
            return


def _join(code: int, parts: Sequence[_Series]) -> _Series:
    whole: _Series = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    if code == _OID["timestamp"]:
        return _nanoseconds(whole)
    if code == _OID["timestamptz"]:
        whole = _nanoseconds(whole).dt.tz_localize("UTC")
    return whole


def _nanoseconds(times: _Series) -> _Series:
    # 9999-12-31 stays as it is.
    with suppress(pd.errors.OutOfBoundsDatetime):
        times = times.dt.as_unit("ns")
    return times


def _series(code: int, values: _Values) -> _Series:
    return _READ.get(code, _objects)(values)


def _integers(values: _Values) -> _Series:
    dtype = "Int64" if None in values else "int64"
    found: _Series = pd.Series(values, dtype=dtype)
    return found


def _booleans(values: _Values) -> _Series:
    dtype = "boolean" if None in values else "bool"
    found: _Series = pd.Series(values, dtype=dtype)
    return found


def _floats(values: _Values) -> _Series:
    found: _Series = pd.Series(np.array(values, dtype="float64"))
    return found


def _times(values: _Values) -> _Series:
    found: _Series = pd.Series(np.array(values, dtype="datetime64[us]"))
    return found


def _times_in_utc(values: _Values) -> _Series:
    # NumPy knows no offsets; the session's zone makes each of them `+00`.
    return _times([value and value[:-3] for value in values])


def _durations(values: _Values) -> _Series:
    durations: _Series = pd.Series(np.array(values, dtype="timedelta64[us]"))
    with suppress(pd.errors.OutOfBoundsTimedelta):
        durations = durations.dt.as_unit("ns")
    return durations


def _texts(values: _Values) -> _Series:
    return pd.Series(values, dtype=_TEXT_DTYPE)


def _objects(values: _Values) -> _Series:
    return pd.Series(values, dtype=object)


_OID = {
    name: postgres.types[name].oid
    for name in (
        *("int2", "int4", "int8", "oid", "bool", "float4", "float8", "numeric"),
        *("timestamp", "timestamptz", "interval", "text", "varchar", "bpchar"),
    )
}

_BY_NAME: Mapping[str, Callable[[_Values], _Series]] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), _integers),
    **dict.fromkeys(("float4", "float8", "numeric"), _floats),
    **dict.fromkeys(("text", "varchar", "bpchar"), _texts),
    "bool": _booleans,
    "timestamp": _times,
    "timestamptz": _times_in_utc,
    "interval": _durations,
}

_READ = MappingProxyType({_OID[name]: read for name, read in _BY_NAME.items()})
