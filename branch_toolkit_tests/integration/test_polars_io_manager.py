"""Polars frames go into tables and come back; what holds for Arrow's types holds for them."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from psycopg import sql

from branch_toolkit.dagster_private import TableSlice
from branch_toolkit.io_managers.errors import UnreadableValues, UnsupportedValues
from branch_toolkit.io_managers.polars import PolarsHandler
from branch_toolkit.io_managers.tables import Connection
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_tests.integration.asset_database import Database
from branch_toolkit_tests.integration.columnar import LIBRARIES, asset_of, reader

UTC = dt.timezone.utc
WHOLE = TableSlice(table="orders", schema="public", partition_dimensions=[])
AT = dt.datetime.fromisoformat("2024-07-01 10:00:00.123456")


@pytest.fixture(scope="module")
def shared(postgres_18: EmbeddedPostgres) -> Iterator[Connection]:
    postgres_18.create_database("polars_values")
    with psycopg.connect(Database(postgres_18.url("polars_values")).dsn) as made:
        yield made


@pytest.fixture
def connection(shared: Connection) -> Iterator[Connection]:
    yield shared
    shared.rollback()


def stored(connection: Connection, frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """What is read of a frame that was written."""
    with dg.build_output_context() as context:
        PolarsHandler().handle_output(context, WHOLE, frame, connection)
    return read(connection)


def read(connection: Connection) -> pl.DataFrame:
    asked_for = dg.PythonObjectDagsterType(pl.DataFrame)
    with dg.build_input_context(dagster_type=asked_for) as context:
        found = PolarsHandler().load_input(context, WHOLE, connection)
    assert isinstance(found, pl.DataFrame)
    return found


SAME: list[tuple[Any, list[Any]]] = [
    (pl.Int16, [1, None]),
    (pl.Int32, [1, None]),
    (pl.Int64, [2**63 - 1, None]),
    (pl.Float32, [0.5, None]),
    (pl.Float64, [0.1, float("nan"), float("inf"), None]),
    (pl.Boolean, [True, None]),
    (pl.String, ["", "NULL", '"', "a\r\nb", None]),
    (pl.Binary, [b"\x00\xff", b"", None]),
    (pl.Decimal(12, 2), [Decimal("1.10"), None]),
    (pl.Date, [dt.date(2024, 1, 1), None]),
    (pl.Time, [dt.time(1, 2, 3, 4), None]),
    (pl.Datetime("us"), [AT, None]),
    (pl.Datetime("us", "UTC"), [AT.replace(tzinfo=UTC), None]),
    (pl.Duration("us"), [dt.timedelta(days=-3, microseconds=1), None]),
    (pl.List(pl.Int64), [[1, None], [], None]),
    (pl.List(pl.String), [['a,"b', None, "NULL"], [], None]),
]


@pytest.mark.parametrize(("dtype", "values"), SAME, ids=str)
def test_what_comes_back_as_it_was(connection: Connection, dtype: Any, values: list[Any]) -> None:
    frame = pl.DataFrame({"v": pl.Series(values, dtype=dtype)})
    assert_frame_equal(stored(connection, frame), frame)
    assert_frame_equal(stored(connection, frame.clear()), frame.clear())


OTHERWISE: list[tuple[Any, list[Any], Any, list[Any]]] = [
    # what is sent; what is read: dtype and values
    (pl.Int8, [1], pl.Int16, [1]),
    (pl.UInt32, [2**32 - 1], pl.Int64, [2**32 - 1]),
    (pl.UInt64, [2**64 - 1], pl.Decimal(20, 0), [Decimal(2**64 - 1)]),
    (pl.Null, [None], pl.String, [None]),
    (pl.Categorical, ["a", None], pl.String, ["a", None]),
    (pl.Enum(["a"]), ["a", None], pl.String, ["a", None]),
    (pl.List(pl.Categorical), [["a"], None], pl.List(pl.String), [["a"], None]),
    (pl.Array(pl.Int64, 2), [[1, 2], None], pl.List(pl.Int64), [[1, 2], None]),
    (pl.Struct({"a": pl.Int64}), [{"a": 1}, None], pl.String, ['{"a": 1}', None]),
    (pl.Datetime("ms"), [AT], pl.Datetime("us"), [AT.replace(microsecond=123000)]),
    (
        pl.Datetime("ns", "Europe/Vienna"),
        [dt.datetime(2024, 7, 1, 8, tzinfo=UTC)],
        pl.Datetime("us", "UTC"),
        [dt.datetime(2024, 7, 1, 8, tzinfo=UTC)],
    ),
]


@pytest.mark.parametrize(("dtype", "values", "other", "expected"), OTHERWISE, ids=str)
def test_what_comes_back_as_another_type(
    connection: Connection, dtype: Any, values: list[Any], other: Any, expected: list[Any]
) -> None:
    found = stored(connection, pl.DataFrame({"v": pl.Series(values, dtype=dtype)}))
    assert_frame_equal(found, pl.DataFrame({"v": pl.Series(expected, dtype=other)}))


def test_documents_can_be_decoded(connection: Connection) -> None:
    frame = pl.DataFrame({"v": [{"a": 1, "b": ["x"]}, {"a": 2, "b": []}]})
    found = stored(connection, frame)
    assert_frame_equal(found.select(pl.col("v").str.json_decode(frame.schema["v"])), frame)


@pytest.mark.parametrize("dtype", [pl.Object, pl.Int128])
def test_what_has_no_type(connection: Connection, dtype: Any) -> None:
    with pytest.raises(UnsupportedValues, match=f"Column 'v' holds values of type polars.{dtype}"):
        stored(connection, pl.DataFrame({"v": pl.Series([1], dtype=dtype)}))


def test_a_decimal_that_polars_cannot_hold(connection: Connection) -> None:
    connection.execute(sql.SQL("CREATE TABLE public.orders AS SELECT 10::numeric(60, 2) AS v"))
    with pytest.raises(UnreadableValues, match="over 38 digits"):
        read(connection)


def test_lazy_frames(database: str) -> None:
    db, found = Database(database).create_schemas(), list[Any]()
    made = pl.LazyFrame({"n": [1, 2]}).with_columns(double=pl.col("n") * 2)
    LIBRARIES["polars"].materialize(db, asset_of(made), reader(found, pl.LazyFrame))
    assert isinstance(found[0], pl.LazyFrame)
    assert found[0].collect().to_dict(as_series=False) == {"n": [1, 2], "double": [2, 4]}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
times = st.datetimes()
COLUMNS: list[tuple[st.SearchStrategy[Any], Any]] = [
    (st.integers(-(2**63), 2**63 - 1), pl.Int64),
    (st.floats(), pl.Float64),
    (st.booleans(), pl.Boolean),
    (texts, pl.String),
    (st.decimals("-1e9", "1e9", places=4), pl.Decimal(14, 4)),
    (times, pl.Datetime("us")),
    (times.map(lambda time: time.replace(tzinfo=UTC)), pl.Datetime("us", "UTC")),
    (st.dates(), pl.Date),
    (st.lists(st.none() | texts, max_size=3), pl.List(pl.String)),
]


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(0, 5))
    names = draw(st.lists(texts.filter(bool), min_size=9, max_size=9, unique=True))
    series = [
        pl.Series(name, draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), dtype)
        for name, (values, dtype) in zip(names, COLUMNS, strict=True)
    ]
    return pl.DataFrame(series)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(frame=frames())
def test_round_trip(shared: Connection, frame: pl.DataFrame) -> None:
    found = stored(shared, frame)
    shared.rollback()
    assert_frame_equal(found, frame)
