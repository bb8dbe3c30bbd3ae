"""Every kind of value goes into a table and comes back: by dtype, by class, and by chance."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from branch_toolkit.dagster_private import TableSlice
from branch_toolkit.io_managers import statements
from branch_toolkit.io_managers.errors import UnsupportedValues
from branch_toolkit.io_managers.frames import frame_columns
from branch_toolkit.io_managers.postgres import replace_rows
from branch_toolkit.io_managers.results import read_frame
from branch_toolkit.io_managers.tables import Connection, find_table
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_tests.integration.asset_database import (
    Database,
    asset_of,
    external_orders,
    passed_on,
    reader,
)

UTC = dt.timezone.utc
TEXT = pd.Series(["x"]).dtype
AN_ID = UUID("12345678-1234-5678-1234-567812345678")
HOSTILE = [
    "",
    " ",
    "\\N",
    "\\.",
    "NULL",
    '"',
    "'",
    "a\tb",
    "a\nb\r\n",
    "\\",
    "%s",
    ":x",
    "語😀",
    "{}",
]


WHOLE = TableSlice(table="orders", schema="public", partition_dimensions=[])


@pytest.fixture
def db(database: str) -> Database:
    return Database(database).create_schemas()


@pytest.fixture(scope="module")
def shared(postgres_18: EmbeddedPostgres) -> Iterator[Connection]:
    postgres_18.create_database("values")
    with psycopg.connect(Database(postgres_18.url("values")).dsn) as made:
        yield made


@pytest.fixture
def connection(shared: Connection) -> Iterator[Connection]:
    yield shared
    shared.rollback()


def stored(connection: Connection, frame: pd.DataFrame) -> pd.DataFrame:
    """What is read of a frame that was written."""
    replace_rows(connection, WHOLE, frame_columns(frame), rows=len(frame))
    return read_frame(connection, statements.select(WHOLE))


def at(text: str, zone: Any = None) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone)


CASES: dict[str, tuple[Any, str, Any, list[Any]]] = {
    # what is sent; the column's type; what is read: dtype and values
    "int64": (pd.Series([1, -(2**63)]), "bigint", "int64", [1, -(2**63)]),
    "int8": (pd.Series([1, 2], dtype="int8"), "bigint", "int64", [1, 2]),
    "Int64": (
        pd.Series([1, None, 2**53 + 1], dtype="Int64"),
        "bigint",
        "Int64",
        [1, pd.NA, 2**53 + 1],
    ),
    "float64": (
        [0.1, float("nan"), float("inf"), -float("inf"), 5e-324],
        "double precision",
        "float64",
        [0.1, float("nan"), float("inf"), -float("inf"), 5e-324],
    ),
    "Float64": (
        pd.Series([0.5, None], dtype="Float64"),
        "double precision",
        "float64",
        [0.5, float("nan")],
    ),
    "bool": ([True, False], "boolean", "bool", [True, False]),
    "boolean": (pd.Series([True, None], dtype="boolean"), "boolean", "boolean", [True, pd.NA]),
    "bool objects": ([True, None], "boolean", "boolean", [True, pd.NA]),
    "text": ([*HOSTILE, None], "text", TEXT, [*HOSTILE, None]),
    "string": (pd.Series(["a", None], dtype="string"), "text", TEXT, ["a", None]),
    "category": (pd.Series(["a", None, "a"], dtype="category"), "text", TEXT, ["a", None, "a"]),
    "number category": (pd.Series([1, 2], dtype="category"), "bigint", "int64", [1, 2]),
    "datetime64": (
        pd.Series(pd.to_datetime(["2024-01-01 10:00:00.123456", None])),
        "timestamp without time zone",
        "datetime64[ns]",
        [pd.Timestamp("2024-01-01 10:00:00.123456"), pd.NaT],
    ),
    "datetime64 with zone": (
        pd.Series(pd.to_datetime(["2024-07-01 10:00", None])).dt.tz_localize("Europe/Vienna"),
        "timestamp with time zone",
        "datetime64[ns, UTC]",
        [pd.Timestamp("2024-07-01 08:00", tz="UTC"), pd.NaT],
    ),
    "mixed zones": (
        pd.Series(
            [
                at("2024-01-01 10:00", UTC),
                at("2024-01-01 10:00", dt.timezone(dt.timedelta(hours=2))),
            ],
            dtype=object,
        ),
        "timestamp with time zone",
        "datetime64[ns, UTC]",
        [pd.Timestamp("2024-01-01 10:00", tz="UTC"), pd.Timestamp("2024-01-01 08:00", tz="UTC")],
    ),
    "timedelta": (
        pd.Series(pd.to_timedelta(["-1 days +00:00:01.5", None])),
        "interval",
        "timedelta64[ns]",
        [pd.Timedelta("-1 days +00:00:01.5"), pd.NaT],
    ),
    "dates": ([dt.date(2024, 1, 1), None], "date", "object", [dt.date(2024, 1, 1), None]),
    "times": (
        [dt.time(1, 2, 3, 4), None],
        "time without time zone",
        "object",
        [dt.time(1, 2, 3, 4), None],
    ),
    "decimals": ([Decimal("1.10"), None], "numeric", "float64", [1.1, float("nan")]),
    "huge integers": ([2**64, None], "numeric", "float64", [float(2**64), float("nan")]),
    "integers and None": (pd.Series([1, None], dtype=object), "bigint", "Int64", [1, pd.NA]),
    "numbers": (pd.Series([1, 2.5], dtype=object), "double precision", "float64", [1, 2.5]),
    "bytes": ([b"\x00\xff\\", None], "bytea", "object", [b"\x00\xff\\", None]),
    "uuids": ([AN_ID, None], "uuid", "object", [AN_ID, None]),
    "dicts": ([{"a": [1, None, "é\\"]}, None], "jsonb", "object", [{"a": [1, None, "é\\"]}, None]),
    "lists": ([[1, 2], [], None], "jsonb", "object", [[1, 2], [], None]),
    "NumPy inside": (
        [{"a": np.int64(1), "b": np.array([1.5])}],
        "jsonb",
        "object",
        [{"a": 1, "b": [1.5]}],
    ),
    "scalars of all kinds": ([1, "a", None], "text", TEXT, ["1", "a", None]),
    "nothing": ([None, None], "text", TEXT, [None, None]),
    "NaN only": ([float("nan")], "double precision", "float64", [float("nan")]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_new_column(connection: Connection, case: str) -> None:
    values, declared, dtype, expected = CASES[case]
    read = stored(connection, pd.DataFrame({"v": values}))["v"]
    table = find_table(connection, WHOLE)
    assert table is not None
    assert table.column("v").declared == declared
    pd.testing.assert_series_equal(read, pd.Series(expected, dtype=dtype, name="v"))


def test_times_beyond_nanoseconds(connection: Connection) -> None:
    far = pd.Series(np.array([at("9999-12-31 00:00"), None], dtype="datetime64[us]"), name="v")
    for times in (far, far.dt.tz_localize("UTC")):
        connection.rollback()
        pd.testing.assert_series_equal(stored(connection, times.to_frame())["v"], times)


def test_a_frame_of_pyarrow_types(connection: Connection) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {
            "i": pd.Series([1, None], dtype="int32[pyarrow]"),
            "t": pd.Series(["a", None], dtype="string[pyarrow]"),
            "b": pd.Series([True, None], dtype="bool[pyarrow]"),
            "f": pd.Series([1.5, None], dtype="double[pyarrow]"),
            "at": pd.Series(
                [at("2024-01-01 10:00", UTC), None], dtype="timestamp[us, UTC][pyarrow]"
            ),
            "day": pd.Series([dt.date(2024, 1, 1), None], dtype="date32[pyarrow]"),
        }
    )
    stored(connection, frame)
    query = "SELECT i, t, b, f, at AT TIME ZONE 'UTC', day FROM public.orders"
    assert connection.execute(query).fetchall() == [
        (1, "a", True, 1.5, at("2024-01-01 10:00"), dt.date(2024, 1, 1)),
        (None,) * 6,
    ]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([object()], "object"),
        ([1j], "complex"),
        (pd.period_range("2024", periods=1), "Period"),
        ([b"x", "x"], "bytes, mixed"),
    ],
)
def test_values_that_have_no_type(connection: Connection, values: Any, found: str) -> None:
    with pytest.raises(UnsupportedValues, match=f"Column 'v' holds values of type .*{found}"):
        stored(connection, pd.DataFrame({"v": values}))


INTO: list[tuple[str, Any, str, list[Any]]] = [
    # an existing column's type; what is sent; how it is read back as text
    ("integer", [1.0, float("nan")], "v", ["1", None]),
    ("smallint", [1, 2], "v", ["1", "2"]),
    ("numeric(10,2)", [1.005, 7], "v", ["1.01", "7.00"]),
    ("numeric(10,2)", [1, 7], "v", ["1.00", "7.00"]),
    ("real", [0.1], "v", ["0.1"]),
    ("varchar(3)", ["abc", None], "v", ["abc", None]),
    ("date", ["2024-01-01"], "v", ["2024-01-01"]),
    ("timestamp", [dt.date(2024, 1, 1)], "v", ["2024-01-01 00:00:00"]),
    ("timestamptz", [at("2024-01-01 10:00")], "v AT TIME ZONE 'UTC'", ["2024-01-01 10:00:00"]),
    ("integer[]", [[1, 2], [], None], "v", ["{1,2}", "{}", None]),
    ("text[]", [['a,"b', None]], "v", ['{"a,\\"b",NULL}']),
    ("json", [{"a": 1}], "v", ['{"a": 1}']),
    ("jsonb", ['{"a": 1}'], "v", ['{"a": 1}']),
    ("uuid", [str(AN_ID)], "v", [str(AN_ID)]),
    ("mood", ["happy", None], "v", ["happy", None]),
    ("positive", [1, 2], "v", ["1", "2"]),
    ("inet", ["127.0.0.1"], "v", ["127.0.0.1/32"]),
    ("text", [1, 2], "v", ["1", "2"]),
]


@pytest.mark.parametrize(("declared", "values", "expression", "expected"), INTO)
def test_an_existing_column(
    connection: Connection, declared: str, values: Any, expression: str, expected: list[Any]
) -> None:
    create(connection, declared)
    read = stored(connection, pd.DataFrame({"v": values}))
    query = sql.SQL(f"SELECT ({expression})::text FROM public.orders")
    assert [text for (text,) in connection.execute(query)] == expected
    # What was read can be written again.
    assert len(stored(connection, read)) == len(expected)


def create(connection: Connection, declared: str) -> None:
    """An empty table with a column of that type."""
    connection.execute("CREATE TYPE mood AS ENUM ('happy')")
    connection.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    connection.execute(sql.SQL(f"CREATE TABLE public.orders (v {declared})"))


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("smallint", [2**15]),
        ("integer", [2**31]),
        ("bigint", [1.5]),
        ("varchar(2)", ["abc"]),
        ("real", [1e300]),
        ("date", ["no date"]),
        ("bigint", [float("inf")]),
    ],
)
def test_a_value_that_does_not_fit(connection: Connection, declared: str, values: Any) -> None:
    create(connection, declared)
    with pytest.raises(psycopg.DataError):
        stored(connection, pd.DataFrame({"v": values}))


def test_types_that_only_postgres_has(db: Database) -> None:
    db.run(
        "CREATE TYPE public.mood AS ENUM ('happy');"
        "CREATE TABLE analytics.orders AS SELECT 'happy'::public.mood AS mood,"
        " ARRAY[1, 2] AS numbers, int4range(1, 5) AS range, '127.0.0.1'::inet AS address"
    )
    read: list[pd.DataFrame] = []
    db.materialize(external_orders(), reader(read), selection=["reader"])
    row = read[0].iloc[0]
    assert (row["mood"], row["numbers"], str(row["address"])) == ("happy", [1, 2], "127.0.0.1")


def test_more_rows_than_one_part(db: Database) -> None:
    size = 100_001
    frame = pd.DataFrame({"n": pd.array(range(size), dtype="Int64"), "t": "x"})
    frame.loc[size - 1, "n"] = pd.NA
    result = db.materialize(asset_of(frame), passed_on())
    read = result.output_for_node("passed_on").sort_values("n")
    assert (read["n"].dtype, len(read), read["n"].max()) == ("Int64", size, size - 2)


# --- by chance ----------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
# datetime64[ns] covers 1677 to 2262.
times = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1))  # noqa: DTZ001
spans = st.timedeltas(dt.timedelta(days=-90_000), dt.timedelta(days=90_000))
documents = st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts, max_size=3)

COLUMNS: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "whole": (st.integers(-(2**63), 2**63 - 1), "Int64"),
    "float": (st.floats(allow_nan=False), "float64"),
    "truth": (st.booleans(), "boolean"),
    "text": (texts, TEXT),
    "at": (times, "datetime64[ns]"),
    "at_utc": (times.map(lambda time: time.replace(tzinfo=UTC)), "datetime64[ns, UTC]"),
    "span": (spans, "timedelta64[ns]"),
    "day": (st.dates(), object),
    "raw": (st.binary(max_size=8), object),
    "id": (st.uuids(), object),
    "document": (documents, object),
}
names = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15),
    min_size=len(COLUMNS),
    max_size=len(COLUMNS),
    unique=True,
)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 5))
    columns = {}
    for name, (values, dtype) in zip(draw(names), COLUMNS.values(), strict=True):
        drawn = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns[name] = pd.Series(drawn, dtype=dtype)
    return pd.DataFrame(columns)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(frame=frames())
def test_round_trip(shared: Connection, frame: pd.DataFrame) -> None:
    read = stored(shared, frame)
    shared.rollback()
    assert list(read.columns) == list(frame.columns)
    for name in frame:
        # Where nothing is missing, or nothing is there at all, plain types will do.
        pd.testing.assert_series_equal(
            read[name].astype(object).where(read[name].notna(), None),
            frame[name].astype(object).where(frame[name].notna(), None),
        )
