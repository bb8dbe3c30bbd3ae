"""Polars frames and Arrow tables as tables: where they go, what they replace, what is refused."""

import datetime as dt
import threading
from typing import Any

import dagster as dg
import psycopg
import pyarrow as pa
import pytest

from branch_toolkit.core.errors import CloneMissing
from branch_toolkit.io_managers.errors import (
    ColumnsChanged,
    NotATable,
    RowsOutsidePartition,
    TableMissing,
)
from branch_toolkit_tests.integration.asset_database import Database, external_orders
from branch_toolkit_tests.integration.columnar import LIBRARIES, Library, asset_of, reader

UTC = dt.timezone.utc
DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-10")


@pytest.fixture
def db(database: str) -> Database:
    return Database(database).create_schemas()


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    return LIBRARIES[request.param]


@pytest.fixture
def in_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANCH_TOOLKIT_IS_BRANCH_DEPLOYMENT", "1")
    monkeypatch.setenv("BRANCH_TOOLKIT_PULL_REQUEST_ID", "42")


class TestBranches:
    def test_a_branch_writes_and_reads_its_clones(
        self, db: Database, library: Library, in_branch: None
    ) -> None:
        db.provision()
        db.run("CREATE TABLE analytics.orders AS SELECT 7::bigint AS n")
        found: list[Any] = []
        library.materialize(db, asset_of(library.frame({"n": [1]})), reader(found))
        assert library.rows(found[0]) == [{"n": 1}]
        assert db.run("SELECT n FROM analytics__pr_42.orders") == [(1,)]
        assert db.run("SELECT n FROM analytics.orders") == [(7,)]

    @pytest.mark.parametrize("schema", [None, "staging"])
    def test_whatever_names_the_schema(
        self, db: Database, library: Library, in_branch: None, schema: str | None
    ) -> None:
        db.provision()
        by_metadata = asset_of(library.frame({"n": [1]}), metadata={"schema": "analytics"})
        by_prefix = asset_of(library.frame({"n": [1]}), "by_prefix", key_prefix="staging")
        library.materialize(db, by_metadata, by_prefix, schema=schema)
        assert db.tables() == {"analytics__pr_42.orders": 1, "staging__pr_42.by_prefix": 1}

    def test_a_missing_clone_is_an_error_and_nothing_is_written(
        self, db: Database, library: Library, in_branch: None
    ) -> None:
        db.run("CREATE TABLE analytics.orders (n int)")
        with pytest.raises(CloneMissing, match="Production was not used"):
            library.materialize(db, asset_of(library.frame({"n": [1]})))
        with pytest.raises(CloneMissing, match="Production was not used"):
            library.materialize(db, external_orders(), reader([]), selection=["reader"])
        assert db.tables() == {"analytics.orders": 0}


class TestWholeTable:
    def test_rows_are_replaced_and_the_table_stays(self, db: Database, library: Library) -> None:
        db.run(
            "CREATE TABLE analytics.orders ("
            " id serial PRIMARY KEY, n smallint NOT NULL, made_at timestamptz DEFAULT now());"
            "INSERT INTO analytics.orders (n) VALUES (7);"
            "CREATE VIEW staging.seen AS SELECT sum(n) FROM analytics.orders"
        )
        library.materialize(db, asset_of(library.frame({"n": [1, 2]})))
        rows = db.run("SELECT id, n, made_at IS NULL FROM analytics.orders")
        assert rows == [(2, 1, False), (3, 2, False)]
        assert db.run("SELECT * FROM staging.seen") == [(3,)]

    def test_a_failed_write_leaves_the_rows(self, db: Database, library: Library) -> None:
        db.run("CREATE TABLE analytics.orders AS SELECT 7::smallint AS n")
        with pytest.raises(psycopg.DataError, match="out of range"):
            library.materialize(db, asset_of(library.frame({"n": [1, 70_000]})))
        assert db.run("SELECT n FROM analytics.orders") == [(7,)]

    def test_readers_see_the_old_rows_or_the_new_ones(self, db: Database, library: Library) -> None:
        size, done = 120_000, threading.Event()
        seen: set[Any] = set()
        library.materialize(db, asset_of(library.frame({"n": range(size)})))

        def watch() -> None:
            with psycopg.connect(db.dsn, autocommit=True) as connection:
                while not done.is_set():
                    query = "SELECT count(*), min(n) FROM analytics.orders"
                    seen.add(connection.execute(query).fetchone())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            library.materialize(db, asset_of(library.frame({"n": range(1, size + 1)})))
        finally:
            done.set()
            watcher.join()
        assert seen <= {(size, 0), (size, 1)}

    def test_columns_come_go_and_are_matched_by_name(self, db: Database, library: Library) -> None:
        for columns in ({"a": [1], "b": [2]}, {"c": [0.5], "b": [20], "a": [10]}, {"b": [200]}):
            library.materialize(db, asset_of(library.frame(columns)))
            found = db.run("SELECT * FROM analytics.orders")
        assert found == [(None, 200, None)]

    def test_what_looks_like_a_rename_is_an_error(self, db: Database, library: Library) -> None:
        library.materialize(db, asset_of(library.frame({"n": [1], "price": [1.5]})))
        with pytest.raises(ColumnsChanged, match=r"lacks \(price\).*lacks \(amount\)"):
            library.materialize(db, asset_of(library.frame({"n": [1], "amount": [1.5]})))
        assert db.run("SELECT * FROM analytics.orders") == [(1, 1.5)]

    def test_an_empty_frame_keeps_its_types(self, db: Database, library: Library) -> None:
        schema = pa.schema(
            [("n", pa.int32()), ("at", pa.timestamp("us", "UTC")), ("d", pa.decimal128(12, 2))]
        )
        found: list[Any] = []
        library.materialize(db, asset_of(library.frame(schema.empty_table())), reader(found))
        assert db.tables() == {"analytics.orders": 0}
        assert library.to_arrow(found[0]).schema == schema

    def test_a_frame_without_columns(self, db: Database, library: Library) -> None:
        found: list[Any] = []
        library.materialize(db, asset_of(library.frame({})), reader(found))
        assert library.to_arrow(found[0]).shape == (0, 0)
        library.materialize(db, asset_of(library.frame({"n": [1]})))
        library.materialize(db, asset_of(library.frame({})))
        assert db.tables() == {"analytics.orders": 0}

    def test_a_wide_frame(self, db: Database, library: Library) -> None:
        columns = {f"column {number}": [number, None] for number in range(1_000)}
        found: list[Any] = []
        library.materialize(db, asset_of(library.frame(columns)), reader(found))
        assert library.rows(found[0]) == library.rows(library.frame(columns))

    def test_a_view_is_not_written_to(self, db: Database, library: Library) -> None:
        db.run("CREATE VIEW analytics.orders AS SELECT 1 AS n")
        with pytest.raises(NotATable, match="is a view"):
            library.materialize(db, asset_of(library.frame({"n": [1]})))


class TestInputs:
    def test_columns(self, db: Database, library: Library) -> None:
        frame = library.frame({"a": [1], 'Ünï "q" %s {x}': [2], "b": [3]})
        found: list[Any] = []
        wanted = ['Ünï "q" %s {x}', "a"]
        library.materialize(db, asset_of(frame), reader(found, columns=wanted))
        assert library.rows(found[0]) == [{'Ünï "q" %s {x}': 2, "a": 1}]

    def test_a_missing_table(self, db: Database, library: Library) -> None:
        with pytest.raises(TableMissing, match=r'"analytics"\."orders"'):
            library.materialize(db, external_orders(), reader([]), selection=["reader"])

    def test_metadata(self, db: Database, library: Library) -> None:
        result = library.materialize(db, asset_of(library.frame({"n": [1, 2]})))
        metadata = result.asset_materializations_for_node("orders")[0].metadata
        assert metadata["dagster/row_count"].value == 2
        columns = dg.TableSchema(columns=[dg.TableColumn("n", "bigint")])
        assert metadata["dagster/column_schema"].value == columns


class TestPartitions:
    def orders(self, library: Library, n: int, *, outside: bool = False) -> dg.AssetsDefinition:
        @dg.asset(
            name="orders",
            partitions_def=DAYS,
            metadata={"partition_expr": "at"},
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def made(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]
            days = [dt.datetime.fromisoformat(key) for key in context.partition_keys]
            at = [
                day + dt.timedelta(days=outside, seconds=second)
                for day in days
                for second in (0, 9)
            ]
            schema = pa.schema([("at", pa.timestamp("us", "UTC")), ("n", pa.int64())])
            return library.frame({"at": at, "n": [n] * len(at)}, schema)

        return made

    def test_a_day_is_replaced(self, db: Database, library: Library) -> None:
        for n, key in [(1, "2024-01-01"), (1, "2024-01-02"), (2, "2024-01-02")]:
            result = library.materialize(db, self.orders(library, n), partition_key=key)
        assert db.run(
            "SELECT at::date, n, count(*) FROM analytics.orders GROUP BY 1, 2 ORDER BY 1"
        ) == [
            (dt.date(2024, 1, 1), 1, 2),
            (dt.date(2024, 1, 2), 2, 2),
        ]
        metadata = result.asset_materializations_for_node("orders")[0].metadata
        assert metadata["dagster/partition_row_count"].value == 2

    def test_rows_of_another_partition(self, db: Database, library: Library) -> None:
        library.materialize(db, self.orders(library, 1), partition_key="2024-01-02")
        wrong = self.orders(library, 2, outside=True)
        with pytest.raises(RowsOutsidePartition, match="2 of 2 rows"):
            library.materialize(db, wrong, partition_key="2024-01-02")
        assert db.run("SELECT DISTINCT n FROM analytics.orders") == [(1,)]

    def test_an_input_reads_its_partition(self, db: Database, library: Library) -> None:
        for key in ("2024-01-01", "2024-01-02"):
            library.materialize(db, self.orders(library, 1), partition_key=key)

        @dg.asset(name="found", partitions_def=DAYS)
        def read(orders) -> None:  # type: ignore[no-untyped-def]
            found.append(orders)

        found: list[Any] = []
        assets = [self.orders(library, 1), read]
        library.materialize(db, *assets, selection=["found"], partition_key="2024-01-02")
        first = dt.datetime(2024, 1, 2, tzinfo=UTC)
        assert [row["at"] for row in library.rows(found[0])] == [first, first.replace(second=9)]
