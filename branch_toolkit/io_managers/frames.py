"""A pandas DataFrame's columns as Postgres takes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import pandas as pd
from psycopg.types.json import Jsonb

from branch_toolkit.io_managers import columns
from branch_toolkit.io_managers.columns import Kind
from branch_toolkit.io_managers.errors import UnsupportedValues, UnusableName

_BY_DTYPE: Mapping[str, Kind] = MappingProxyType(
    {
        "b": columns.BOOLEAN,
        "i": columns.BIGINT,
        "u": columns.BIGINT,
        "f": columns.DOUBLE,
        "m": columns.INTERVAL,
        "U": columns.TEXT,
    }
)

_Series: TypeAlias = "pd.Series[Any]"

# In this order: a bool is an int as well, and a datetime a date.
_BY_CLASS: tuple[tuple[type | tuple[type, ...], Kind], ...] = (
    (str, columns.TEXT),
    ((bool, np.bool_), columns.BOOLEAN),
    ((int, np.integer), columns.BIGINT),
    ((float, np.floating), columns.DOUBLE),
    (Decimal, columns.NUMERIC),
    ((datetime, np.datetime64), columns.TIMESTAMP),
    (date, columns.DATE),
    (time, columns.TIME),
    ((timedelta, np.timedelta64), columns.INTERVAL),
    ((bytes, bytearray, memoryview), columns.BYTEA),
    (UUID, columns.UUID),
    ((IPv4Address, IPv6Address, IPv4Network, IPv6Network), columns.INET),
    ((dict, list, tuple, np.ndarray), columns.JSONB),
)

_NUMBERS = frozenset({columns.BIGINT, columns.DOUBLE, columns.NUMERIC})


@dataclass(frozen=True, slots=True)
class FrameColumn:
    """A column of a DataFrame.

    Args:
        name: Its name.
        kind: What its values are.
        series: The column.
        as_array: Whether lists go to a Postgres array instead of JSON.
    """

    name: str
    kind: Kind
    series: _Series
    as_array: bool = False

    def fitted(self, column_type: str) -> FrameColumn:
        """See `WritableColumn.fitted`."""
        if column_type in columns.INTEGER_LIMITS and self.kind == columns.DOUBLE:
            # pandas makes floats of whole numbers as soon as one of them is missing.
            return self._whole_numbers()
        # pg_catalog names the type of an array of x `_x`.
        as_array = self.kind == columns.JSONB and column_type.startswith("_")
        return replace(self, as_array=as_array)

    def binary_type(self, column_type: str) -> str | None:
        """See `WritableColumn.binary_type`."""
        limit = columns.INTEGER_LIMITS.get(column_type)
        # psycopg does not check the range of binary integers, Postgres that of their text.
        if limit is not None and self.kind == columns.BIGINT and not self._below(limit):
            return None
        return self.kind.binary_type(column_type)

    def values(self, start: int, stop: int) -> list[Any]:
        """See `WritableColumn.values`."""
        part = self.series.iloc[start:stop]
        return _VALUES.get(_dtype_kind(part), self._objects)(part)

    def _objects(self, part: _Series) -> list[Any]:
        convert = list if self.as_array else _CONVERT.get(self.kind, _unchanged)
        missing = part.isna().to_numpy()
        pairs = zip(part.tolist(), missing, strict=True)
        return [None if null else convert(value) for value, null in pairs]

    def _below(self, limit: int) -> bool:
        present = self.series.dropna()
        return present.empty or bool(-limit <= present.min() and present.max() < limit)

    def _whole_numbers(self) -> FrameColumn:
        numbers = self.series.astype("float64")
        limit = columns.INTEGER_LIMITS["int8"]
        whole = numbers.isna() | ((numbers % 1 == 0) & (numbers.abs() < limit))
        if not whole.all():
            return self
        # By way of a masked Float64, as NaN has no integer.
        return replace(self, kind=columns.BIGINT, series=numbers.astype("Float64").astype("Int64"))


def frame_columns(frame: pd.DataFrame) -> list[FrameColumn]:
    """The columns of a frame; its index is no column.

    Raises:
        UnusableName: Two columns have one name.
        UnsupportedValues: A column holds values that no Postgres type is known for.
    """
    names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise UnusableName(name, reason="several columns of the frame have it")
    series = [_uncategorized(frame.iloc[:, position]) for position in range(len(names))]
    return [FrameColumn(name, _kind(name, s), s) for name, s in zip(names, series, strict=True)]


def _uncategorized(series: _Series) -> _Series:
    return series.astype(object) if isinstance(series.dtype, pd.CategoricalDtype) else series


def _kind(name: str, series: _Series) -> Kind:
    if isinstance(series.dtype, pd.StringDtype):
        return columns.TEXT
    letter = _dtype_kind(series)
    if letter == "M":
        return columns.TIMESTAMP if series.dt.tz is None else columns.TIMESTAMPTZ
    return _BY_DTYPE.get(letter) or _kind_of_objects(name, series.dropna())


def _dtype_kind(series: _Series) -> str:
    # Of pyarrow's dates pandas says that they are datetimes, which they are not to `.dt`.
    return "O" if series.dtype.type is date else getattr(series.dtype, "kind", "O")


def _kind_of_objects(name: str, present: _Series) -> Kind:
    kinds = {_kind_of_class(name, cls) for cls in set(map(type, present))}
    if kinds == {columns.TIMESTAMP}:
        return _kind_of_times(present)
    if kinds == {columns.BIGINT}:
        fits = all(-(2**63) <= value < 2**63 for value in present)
        return columns.BIGINT if fits else columns.NUMERIC
    if len(kinds) == 1:
        return kinds.pop()
    if kinds and kinds <= _NUMBERS:
        return columns.NUMERIC if columns.NUMERIC in kinds else columns.DOUBLE
    if columns.JSONB in kinds:
        return columns.JSONB
    if columns.BYTEA in kinds:
        raise UnsupportedValues(name, found="bytes, mixed with others")
    return columns.TEXT


def _kind_of_class(name: str, cls: type) -> Kind:
    for classes, kind in _BY_CLASS:
        if issubclass(cls, classes):
            return kind
    raise UnsupportedValues(name, found=cls.__qualname__)


def _kind_of_times(present: _Series) -> Kind:
    aware = any(getattr(value, "tzinfo", None) is not None for value in present)
    return columns.TIMESTAMPTZ if aware else columns.TIMESTAMP


def _integers(part: _Series) -> list[Any]:
    missing = part.isna().to_numpy()
    if not missing.any():
        return part.tolist()
    values = part.to_numpy(dtype=object, copy=True)
    values[missing] = None
    return list(values.tolist())


def _floats(part: _Series) -> list[Any]:
    # A masked Float64 may hold NaN beside NA; both are NULL.
    numbers = part.to_numpy(dtype="float64", na_value=np.nan)
    missing = np.isnan(numbers)
    if not missing.any():
        return list(numbers.tolist())
    values = numbers.astype(object)
    values[missing] = None
    return list(values.tolist())


def _times(part: _Series) -> list[Any]:
    if part.dt.tz is None:
        return list(part.to_numpy(dtype="datetime64[us]").tolist())
    in_utc = part.dt.tz_convert(None).to_numpy(dtype="datetime64[us]").tolist()
    return [value and value.replace(tzinfo=timezone.utc) for value in in_utc]


def _durations(part: _Series) -> list[Any]:
    return list(part.to_numpy(dtype="timedelta64[us]").tolist())


_VALUES: Mapping[str, Callable[[_Series], list[Any]]] = MappingProxyType(
    {
        "b": _integers,
        "i": _integers,
        "u": _integers,
        "f": _floats,
        "M": _times,
        "m": _durations,
    }
)


def _unchanged(value: Any) -> Any:
    return value


def _decimal(value: Any) -> Decimal:
    # By way of its text: Decimal(0.1) has 55 digits.
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _time(value: Any) -> Any:
    return value.astype("datetime64[us]").item() if isinstance(value, np.datetime64) else value


def _aware_time(value: Any) -> Any:
    value = _time(value)
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def _duration(value: Any) -> Any:
    return value.astype("timedelta64[us]").item() if isinstance(value, np.timedelta64) else value


def _jsonb(value: Any) -> Jsonb:
    return Jsonb(value, dumps=_dumps)


def _dumps(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    # NumPy's scalars and arrays have it; dates, decimals and UUIDs become text.
    return value.tolist() if hasattr(value, "tolist") else str(value)


_CONVERT: Mapping[Kind, Callable[[Any], Any]] = MappingProxyType(
    {
        columns.TEXT: str,
        columns.BOOLEAN: bool,
        columns.BIGINT: int,
        columns.DOUBLE: float,
        columns.NUMERIC: _decimal,
        columns.TIMESTAMP: _time,
        columns.TIMESTAMPTZ: _aware_time,
        columns.INTERVAL: _duration,
        columns.JSONB: _jsonb,
    }
)
