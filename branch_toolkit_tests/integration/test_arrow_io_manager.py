"""Every type of Arrow's goes into a table and comes back: one by one, and by chance."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from branch_toolkit.dagster_private import TableSlice
from branch_toolkit.io_managers import arrow_results, statements
from branch_toolkit.io_managers.arrow_results import read_table
from branch_toolkit.io_managers.arrow_storage import write_slice
from branch_toolkit.io_managers.errors import UnreadableValues, UnsupportedValues, UnusableName
from branch_toolkit.io_managers.tables import Connection, find_table
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_tests.integration.asset_database import Database
from branch_toolkit_tests.integration.columnar import LIBRARIES, asset_of, reader

UTC = dt.timezone.utc
AN_ID = UUID("12345678-1234-5678-1234-567812345678")
HOSTILE = [
    "",
    " ",
    "\\N",
    "\\.",
    "NULL",
    '"',
    "'",
    ",",
    "a\tb",
    "a\nb\r\n",
    "\\",
    "%s",
    "語😀",
    "{}",
]
WHOLE = TableSlice(table="orders", schema="public", partition_dimensions=[])
AT = dt.datetime.fromisoformat("2024-07-01 10:00:00.123456")
MICROSECONDS = pa.timestamp("us")
IN_UTC = pa.timestamp("us", "UTC")


@pytest.fixture(scope="module")
def shared(postgres_18: EmbeddedPostgres) -> Iterator[Connection]:
    postgres_18.create_database("arrow_values")
    with psycopg.connect(Database(postgres_18.url("arrow_values")).dsn) as made:
        yield made


@pytest.fixture
def connection(shared: Connection) -> Iterator[Connection]:
    yield shared
    shared.rollback()


def stored(connection: Connection, rows: pa.Table) -> pa.Table:
    """What is read of a table that was written."""
    write_slice(connection, WHOLE, rows)
    return read_table(connection, statements.select(WHOLE))


SAME: list[tuple[pa.DataType, str, list[Any]]] = [
    # what is sent and read again; the column's type
    (pa.int16(), "smallint", [-(2**15), None]),
    (pa.int32(), "integer", [-(2**31), None]),
    (pa.int64(), "bigint", [-(2**63), 2**63 - 1, None]),
    (pa.float32(), "real", [0.5, float("inf"), None]),
    (pa.float64(), "double precision", [0.1, float("inf"), -float("inf"), 5e-324, 1e300, None]),
    (pa.bool_(), "boolean", [True, False, None]),
    (pa.string(), "text", [*HOSTILE, None]),
    (pa.binary(), "bytea", [b"\x00\xff\\", b"", None]),
    (pa.decimal128(12, 2), "numeric(12,2)", [Decimal("1.10"), Decimal("-9999999999.99"), None]),
    (pa.decimal128(38, 10), "numeric(38,10)", [Decimal("0.0000000001"), None]),
    (pa.decimal256(60, 2), "numeric(60,2)", [Decimal(10) ** 50, None]),
    (pa.date32(), "date", [dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
    (pa.time64("us"), "time without time zone", [dt.time(1, 2, 3, 4), dt.time(), None]),
    (MICROSECONDS, "timestamp without time zone", [AT, AT.replace(year=1), None]),
    (IN_UTC, "timestamp with time zone", [AT.replace(tzinfo=UTC), None]),
    (pa.duration("us"), "interval", [dt.timedelta(days=-400, microseconds=1), None]),
    (pa.list_(pa.int64()), "bigint[]", [[1, None, -2], [], None]),
    (pa.list_(pa.string()), "text[]", [[*HOSTILE, None], [], None]),
    (pa.list_(pa.bool_()), "boolean[]", [[True, None], None]),
    (pa.list_(pa.date32()), "date[]", [[dt.date(2024, 1, 1), None], None]),
    (pa.list_(IN_UTC), "timestamp with time zone[]", [[AT.replace(tzinfo=UTC)], None]),
]


@pytest.mark.parametrize(("type_", "declared", "values"), SAME, ids=str)
def test_what_comes_back_as_it_was(
    connection: Connection, type_: pa.DataType, declared: str, values: list[Any]
) -> None:
    for rows in (pa.table({"v": pa.array(values, type_)}), pa.table({"v": pa.array([], type_)})):
        connection.rollback()
        assert stored(connection, rows) == rows
        table = find_table(connection, WHOLE)
        assert table is not None
        assert table.column("v").declared == declared


OTHERWISE: dict[str, tuple[pa.Array, str, pa.DataType, list[Any]]] = {
    # what is sent; the column's type; what is read: type and values
    "int8": (pa.array([1], pa.int8()), "smallint", pa.int16(), [1]),
    "uint32": (pa.array([2**32 - 1], pa.uint32()), "bigint", pa.int64(), [2**32 - 1]),
    "uint64": (
        pa.array([2**64 - 1, None], pa.uint64()),
        "numeric(20,0)", pa.decimal128(20, 0), [Decimal(2**64 - 1), None],
    ),
    "float16": (pa.array([np.float16(0.5)], pa.float16()), "real", pa.float32(), [0.5]),
    "null": (pa.nulls(2), "text", pa.string(), [None, None]),
    "dictionary": (pa.array(["a", None]).dictionary_encode(), "text", pa.string(), ["a", None]),
    "large text": (pa.array(["a"], pa.large_string()), "text", pa.string(), ["a"]),
    "text view": (pa.array(["a", None], pa.string_view()), "text", pa.string(), ["a", None]),
    "runs": (pa.RunEndEncodedArray.from_arrays([2], [7]), "bigint", pa.int64(), [7, 7]),
    "fixed bytes": (pa.array([b"ab"], pa.binary(2)), "bytea", pa.binary(), [b"ab"]),
    "date64": (
        pa.array([dt.date(2024, 1, 1)], pa.date64()), "date", pa.date32(), [dt.date(2024, 1, 1)],
    ),
    "seconds": (pa.array([90], pa.time32("s")), "time without time zone", pa.time64("us"),
                [dt.time(0, 1, 30)]),
    "nanoseconds": (
        pa.array([1_999, -1], pa.timestamp("ns")),
        "timestamp without time zone",
        MICROSECONDS,
        [dt.datetime.fromisoformat("1970-01-01 00:00:00.000001"),
         dt.datetime.fromisoformat("1969-12-31 23:59:59.999999")],
    ),
    "another zone": (
        pa.array([0], pa.timestamp("s", "Europe/Vienna")),
        "timestamp with time zone", IN_UTC, [dt.datetime(1970, 1, 1, tzinfo=UTC)],
    ),
    "uuid": (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([AN_ID.bytes, None], pa.binary(16))),
        "uuid", pa.string(), [str(AN_ID), None],
    ),
    "struct": (
        pa.array([{"a": [1, None], "b": "é\\\""}, None]),
        "jsonb",
        pa.string(),
        ['{"a": [1, null], "b": "é\\\\\\""}', None],
    ),
    "map": (
        pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        "jsonb", pa.string(), ['{"k": 1}', None],
    ),
    "lists of lists": (pa.array([[[1], []], None]), "jsonb", pa.string(), ["[[1], []]", None]),
    "fixed lists": (
        pa.array([[1, 2], None], pa.list_(pa.int64(), 2)),
        "bigint[]", pa.list_(pa.int64()), [[1, 2], None],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERWISE)
def test_what_comes_back_as_another_type(connection: Connection, case: str) -> None:
    values, declared, type_, expected = OTHERWISE[case]
    read = stored(connection, pa.table({"v": values}))
    assert (read.schema.field("v").type, read["v"].to_pylist()) == (type_, expected)
    table = find_table(connection, WHOLE)
    assert table is not None
    assert table.column("v").declared == declared


INTO: list[tuple[str, Any, list[Any]]] = [
    # an existing column's type; what is sent; how it is read back as text
    ("numeric(10,2)", ["1.005", 7], ["1.01", "7.00"]),
    ("integer", [1.0, None], ["1", None]),
    ("date", ["2024-01-01"], ["2024-01-01"]),
    ("timestamptz", [AT], ["2024-07-01 10:00:00.123456+00"]),
    ("integer[]", [[1, 2], [], None], ["{1,2}", "{}", None]),
    ("jsonb", [[1, None], None], ["[1, null]", None]),
    ("json", [{"a": 1}], ['{"a": 1}']),
    ("jsonb", ['{"a": 1}'], ['{"a": 1}']),
    ("uuid", [str(AN_ID)], [str(AN_ID)]),
    ("uuid", [AN_ID.bytes], [str(AN_ID)]),
    ("mood", ["happy", None], ["happy", None]),
    ("varchar(3)", ["abc"], ["abc"]),
]


@pytest.mark.parametrize(("declared", "values", "expected"), INTO)
def test_an_existing_column(
    connection: Connection, declared: str, values: Any, expected: list[Any]
) -> None:
    connection.execute("CREATE TYPE mood AS ENUM ('happy')")
    connection.execute(sql.SQL(f"CREATE TABLE public.orders (v {declared})"))
    values = [str(v) for v in values] if "1.005" in values else values
    read = stored(connection, pa.table({"v": values}))
    assert [row[0] for row in connection.execute("SELECT v::text FROM public.orders")] == expected
    # What was read can be written again.
    assert stored(connection, read) == read


@pytest.mark.parametrize(
    ("expression", "type_", "value"),
    [
        ("1.50 + 10::numeric", pa.decimal128(38, 2), Decimal("11.50")),
        ("-1e40::numeric + 0.5", pa.decimal256(76, 1), Decimal(f"-{'9' * 40}.5")),
        ("ARRAY[1.5, 2.25]", pa.list_(pa.decimal128(38, 2)), [Decimal("1.50"), Decimal("2.25")]),
        ("'2 months 1 day'::interval", pa.duration("us"), dt.timedelta(days=61)),
        ("'127.0.0.1'::inet", pa.string(), "127.0.0.1"),
        ("int4range(1, 5)", pa.string(), "[1,5)"),
        ("repeat('x', 3000000)", pa.string(), "x" * 3_000_000),
    ],
)  # fmt: skip
def test_what_only_postgres_has(
    connection: Connection, expression: str, type_: pa.DataType, value: Any
) -> None:
    read = read_table(connection, sql.SQL(f"SELECT 1 AS n, {expression} AS v"))
    assert (read.schema.field("v").type, read["v"].to_pylist()) == (type_, [value])


@pytest.mark.parametrize(
    "expression",
    [
        "'infinity'::timestamptz",
        "'0044-03-15 BC'::date",
        "'NaN'::numeric",
        "'NaN'::numeric(5,2)",
        "ARRAY[[1], [2]]",
    ],
)
def test_what_arrow_cannot_hold(connection: Connection, expression: str) -> None:
    with pytest.raises(UnreadableValues, match="Column 'v' cannot be read"):
        read_table(connection, sql.SQL(f"SELECT 1 AS n, {expression} AS v"))


def test_what_postgres_cannot_hold(connection: Connection) -> None:
    months = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
    with pytest.raises(UnsupportedValues, match="Column 'v' holds values of type month_day_nano"):
        stored(connection, pa.table({"v": months}))
    with pytest.raises(UnusableName, match="several columns"):
        stored(connection, pa.table([[1], [2]], names=["a", "a"]))


def test_more_than_one_batch(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_results, "_BYTES", 100_000)
    numbers = pa.chunked_array([range(70_000), range(70_000, 120_001)])
    rows = pa.table({"n": numbers, "d": numbers.cast(pa.string())})
    assert stored(connection, rows) == rows


def test_readers_of_batches(database: str) -> None:
    db, found = Database(database).create_schemas(), list[Any]()
    made = pa.table({"n": [1, 2]}).to_reader()
    reads = reader(found, pa.RecordBatchReader)
    LIBRARIES["arrow"].materialize(db, asset_of(made), reads)
    assert found[0].read_all().to_pydict() == {"n": [1, 2]}


# --- by chance ----------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
times = st.datetimes()
COLUMNS: dict[str, tuple[st.SearchStrategy[Any], pa.DataType]] = {
    "whole": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "small": (st.integers(-(2**15), 2**15 - 1), pa.int16()),
    "float": (st.floats(allow_nan=False), pa.float64()),
    "single": (st.floats(allow_nan=False, width=32), pa.float32()),
    "truth": (st.booleans(), pa.bool_()),
    "text": (texts, pa.string()),
    "amount": (st.decimals("-1e9", "1e9", places=4), pa.decimal128(14, 4)),
    "at": (times, MICROSECONDS),
    "at_utc": (times.map(lambda time: time.replace(tzinfo=UTC)), IN_UTC),
    "span": (st.timedeltas(dt.timedelta(-90_000), dt.timedelta(90_000)), pa.duration("us")),
    "day": (st.dates(), pa.date32()),
    "time": (st.times(), pa.time64("us")),
    "raw": (st.binary(max_size=8), pa.binary()),
    "numbers": (st.lists(st.none() | st.integers(-9, 9), max_size=3), pa.list_(pa.int32())),
    "words": (st.lists(st.none() | texts, max_size=3), pa.list_(pa.string())),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 5))
    chosen = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, unique=True))
    columns = {}
    for name in chosen:
        values, type_ = COLUMNS[name]
        drawn = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns[name] = pa.array(drawn, type_)
    return pa.table(columns)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(rows=tables())
def test_round_trip(shared: Connection, rows: pa.Table) -> None:
    read = stored(shared, rows)
    shared.rollback()
    assert read == rows
