"""DataFrames as tables: where they are stored, and what a write leaves of what was there."""

from __future__ import annotations

import threading

import dagster as dg
import pandas as pd
import psycopg
import pytest
from sqlalchemy.engine import make_url

from branch_toolkit.core.errors import BaseSchemaNotFound, CloneMissing, UnknownSchema
from branch_toolkit.io_managers.errors import (
    ColumnsChanged,
    NotATable,
    RowsDependOnTable,
    TableMissing,
    UnusableName,
)
from branch_toolkit.io_managers.pandas import PostgresPandasIOManager
from branch_toolkit.resources import PostgresWarehouse
from branch_toolkit_tests.integration.asset_database import (
    Database,
    asset_of,
    numbers,
    passed_on,
)

AWKWARD = 'Ünï "q" %s :b {x} 語'


@pytest.fixture
def db(database: str) -> Database:
    return Database(database).create_schemas()


@pytest.fixture
def in_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANCH_TOOLKIT_IS_BRANCH_DEPLOYMENT", "1")
    monkeypatch.setenv("BRANCH_TOOLKIT_PULL_REQUEST_ID", "42")


FOUR_WAYS = [
    asset_of(numbers(1), "by_default"),
    asset_of(numbers(1), "by_prefix", key_prefix=["x", "staging"]),
    asset_of(numbers(1), "by_metadata", metadata={"schema": "analytics"}, key_prefix="staging"),
]


class TestSchemas:
    def test_base(self, db: Database) -> None:
        db.materialize(*FOUR_WAYS)
        assert db.tables() == {
            "analytics.by_default": 1,
            "staging.by_prefix": 1,
            "analytics.by_metadata": 1,
        }

    def test_io_managers_schema_goes_before_prefix_and_after_metadata(self, db: Database) -> None:
        db.materialize(*FOUR_WAYS, schema="staging")
        assert db.tables() == {
            "staging.by_default": 1,
            "staging.by_prefix": 1,
            "analytics.by_metadata": 1,
        }

    @pytest.mark.parametrize("schema", [None, "staging", "analytics"])
    def test_a_branch_writes_to_its_clones_whatever_names_the_schema(
        self, db: Database, in_branch: None, schema: str | None
    ) -> None:
        db.provision()
        db.materialize(*FOUR_WAYS, schema=schema)
        written = db.tables()
        assert len(written) == 3
        assert all(name.split(".")[0].endswith("__pr_42") for name in written)
        assert "analytics__pr_42.by_metadata" in written

    def test_a_missing_clone_is_an_error_and_nothing_is_written(
        self, db: Database, in_branch: None
    ) -> None:
        db.run("CREATE TABLE analytics.by_default (n int)")
        for asset in FOUR_WAYS:
            with pytest.raises(CloneMissing, match="Production was not used"):
                db.materialize(asset)
        assert db.tables() == {"analytics.by_default": 0}
        assert db.run("SELECT count(*) FROM pg_namespace WHERE nspname ~ '__pr_'") == [(0,)]

    def test_a_branch_reads_its_clone(self, db: Database, in_branch: None) -> None:
        db.provision()
        for schema, number in (("staging", 1), ("staging__pr_42", 2)):
            db.run(f"CREATE TABLE {schema}.orders AS SELECT {number} AS n")
        upstream = dg.AssetSpec("orders", metadata={"schema": "staging"})

        @dg.asset
        def copied(orders: pd.DataFrame) -> pd.DataFrame:
            return orders

        manager = PostgresPandasIOManager(warehouse=db.warehouse)
        external = upstream.with_io_manager_key("io_manager")
        dg.materialize([external, copied], resources={"io_manager": manager}, selection=[copied])
        assert db.run("SELECT n FROM analytics__pr_42.copied") == [(2,)]
        assert "analytics.copied" not in db.tables()

    def test_a_branch_may_not_read_or_write_a_schema_that_is_not_cloned(
        self, db: Database, in_branch: None
    ) -> None:
        db.run("CREATE SCHEMA finance")
        db.provision()
        with pytest.raises(UnknownSchema, match="finance"):
            db.materialize(asset_of(numbers(1), metadata={"schema": "finance"}))
        assert db.tables() == {}

    def test_a_schema_is_never_created(self, db: Database) -> None:
        with pytest.raises(BaseSchemaNotFound, match="finance"):
            db.materialize(asset_of(numbers(1), metadata={"schema": "finance"}))
        assert db.run("SELECT count(*) FROM pg_namespace WHERE nspname = 'finance'") == [(0,)]

    def test_one_name_in_two_schemas(self, db: Database) -> None:
        first = asset_of(numbers(1), key_prefix="analytics")
        second = asset_of(numbers(2, 3), key_prefix="staging")

        @dg.asset(
            ins={
                "left": dg.AssetIn(["analytics", "orders"]),
                "right": dg.AssetIn(["staging", "orders"]),
            }
        )
        def both(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
            return pd.concat([left, right])

        db.materialize(first, second, both)
        assert db.run("SELECT n FROM analytics.both ORDER BY n") == [(1,), (2,), (3,)]

    def test_ops(self, db: Database) -> None:
        @dg.op(out=dg.Out(metadata={"schema": "staging", "table": "from_op"}))
        def make() -> pd.DataFrame:
            return numbers(1, 2)

        @dg.op
        def total(frame: pd.DataFrame) -> pd.DataFrame:
            return numbers(int(frame["n"].sum()))

        @dg.graph
        def graph() -> None:
            total(make())

        manager = PostgresPandasIOManager(warehouse=db.warehouse)
        graph.to_job(resource_defs={"io_manager": manager}).execute_in_process()
        assert db.run("SELECT n FROM analytics.result") == [(3,)]
        assert db.tables() == {"staging.from_op": 2, "analytics.result": 1}


class TestWholeTable:
    def test_rows_are_replaced_and_the_table_stays(self, db: Database) -> None:
        db.run(
            "CREATE TABLE analytics.orders ("
            " id serial PRIMARY KEY, n smallint NOT NULL, made_at timestamptz DEFAULT now());"
            "INSERT INTO analytics.orders (n) VALUES (7);"
            "CREATE VIEW staging.seen AS SELECT sum(n) FROM analytics.orders;"
            "GRANT SELECT ON analytics.orders TO pg_monitor"
        )
        before = db.run("SELECT oid, relacl::text FROM pg_class WHERE relname = 'orders'")
        db.materialize(asset_of(numbers(1, 2)))
        assert db.run("SELECT id, n, made_at IS NULL FROM analytics.orders") == [
            (2, 1, False),
            (3, 2, False),
        ]
        assert db.run("SELECT * FROM staging.seen") == [(3,)]
        assert before == db.run("SELECT oid, relacl::text FROM pg_class WHERE relname = 'orders'")

    def test_a_failed_write_leaves_the_rows(self, db: Database) -> None:
        db.run("CREATE TABLE analytics.orders AS SELECT 7::smallint AS n")
        with pytest.raises(psycopg.DataError, match="out of range"):
            db.materialize(asset_of(numbers(1, 70_000)))
        assert db.run("SELECT n FROM analytics.orders") == [(7,)]

    def test_readers_see_the_old_rows_or_the_new_ones(self, db: Database) -> None:
        size, seen, done = 60_000, set(), threading.Event()
        db.materialize(asset_of(numbers(*range(size))))

        def watch() -> None:
            with psycopg.connect(db.dsn, autocommit=True) as connection:
                while not done.is_set():
                    query = "SELECT count(*), min(n) FROM analytics.orders"
                    seen.add(connection.execute(query).fetchone())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            db.materialize(asset_of(numbers(*range(1, size + 1))))
        finally:
            done.set()
            watcher.join()
        assert seen <= {(size, 0), (size, 1)}

    def test_two_writers_do_not_add_up(self, db: Database) -> None:
        db.materialize(asset_of(numbers(0)))
        run = lambda: db.materialize(asset_of(numbers(*range(5_000))))  # noqa: E731
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert db.tables() == {"analytics.orders": 5_000}

    def test_a_new_column_is_added(self, db: Database) -> None:
        db.materialize(asset_of(numbers(1)))
        db.run("CREATE VIEW staging.seen AS SELECT * FROM analytics.orders")
        db.materialize(asset_of(numbers(2).assign(price=1.5)))
        assert db.run("SELECT n, price FROM analytics.orders") == [(2, 1.5)]
        assert db.run("SELECT * FROM staging.seen") == [(2,)]

    def test_a_column_that_the_frame_lacks_is_null(self, db: Database) -> None:
        db.materialize(asset_of(numbers(1).assign(price=1.5)))
        db.materialize(asset_of(numbers(2)))
        assert db.run("SELECT n, price FROM analytics.orders") == [(2, None)]

    def test_what_looks_like_a_rename_is_an_error(self, db: Database) -> None:
        db.materialize(asset_of(numbers(1).assign(price=1.5)))
        with pytest.raises(ColumnsChanged, match=r"lacks \(price\).*lacks \(amount\)"):
            db.materialize(asset_of(numbers(2).assign(amount=1.5)))
        assert db.run("SELECT * FROM analytics.orders") == [(1, 1.5)]

    def test_columns_are_matched_by_name(self, db: Database) -> None:
        db.materialize(asset_of(pd.DataFrame({"a": [1], "b": [2]})))
        db.materialize(asset_of(pd.DataFrame({"b": [20], "a": [10]})))
        assert db.run("SELECT a, b FROM analytics.orders") == [(10, 20)]

    def test_an_empty_frame_empties_the_table(self, db: Database) -> None:
        db.materialize(asset_of(numbers(1)))
        db.materialize(asset_of(numbers(1).iloc[:0]))
        assert db.tables() == {"analytics.orders": 0}

    def test_an_empty_frame_creates_its_table(self, db: Database) -> None:
        result = db.materialize(asset_of(numbers(1).iloc[:0]), passed_on())
        assert db.tables() == {"analytics.orders": 0, "analytics.passed_on": 0}
        assert result.output_for_node("passed_on").dtypes.to_dict() == {"n": "int64"}

    def test_a_frame_without_columns(self, db: Database) -> None:
        db.materialize(asset_of(pd.DataFrame()))
        db.materialize(asset_of(numbers(1)))
        db.materialize(asset_of(pd.DataFrame()))
        assert db.tables() == {"analytics.orders": 0}

    def test_a_view_is_not_written_to(self, db: Database) -> None:
        db.run("CREATE VIEW analytics.orders AS SELECT 1 AS n")
        with pytest.raises(NotATable, match="is a view"):
            db.materialize(asset_of(numbers(1)))

    def test_a_cascading_foreign_key_is_refused(self, db: Database) -> None:
        db.run(
            "CREATE TABLE analytics.orders (n int PRIMARY KEY);"
            "INSERT INTO analytics.orders VALUES (1);"
            "CREATE TABLE analytics.lines"
            " (n int REFERENCES analytics.orders ON DELETE CASCADE);"
            "INSERT INTO analytics.lines VALUES (1)"
        )
        with pytest.raises(RowsDependOnTable, match=r"lines_n_fkey of analytics\.lines"):
            db.materialize(asset_of(numbers(1)))
        assert db.tables() == {"analytics.orders": 1, "analytics.lines": 1}

    def test_a_deferrable_foreign_key_is_checked_at_the_end(self, db: Database) -> None:
        db.run(
            "CREATE TABLE analytics.orders (n int PRIMARY KEY);"
            "INSERT INTO analytics.orders VALUES (1);"
            "CREATE TABLE analytics.lines (n int REFERENCES analytics.orders DEFERRABLE);"
            "INSERT INTO analytics.lines VALUES (1)"
        )
        db.materialize(asset_of(numbers(1, 2)))
        with pytest.raises(Exception, match="violates foreign key"):
            db.materialize(asset_of(numbers(2)))
        assert db.tables() == {"analytics.orders": 2, "analytics.lines": 1}


class TestNames:
    def test_awkward_columns(self, db: Database) -> None:
        frame = pd.DataFrame({AWKWARD: [1], "Select": [2], 3: [4], "b": [5]})
        wanted = {"columns": [AWKWARD, "Select", "3"]}
        result = db.materialize(asset_of(frame), passed_on(metadata=wanted))
        read = result.output_for_node("passed_on")
        assert read.to_dict("list") == {AWKWARD: [1], "Select": [2], "3": [4]}

    def test_awkward_schema_and_table(self, database: str) -> None:
        db = Database(database)
        db.warehouse = PostgresWarehouse(url=database, schemas=[AWKWARD])
        db.create_schemas()

        @dg.op(out=dg.Out(metadata={"table": AWKWARD}))
        def make() -> pd.DataFrame:
            return numbers(1)

        @dg.op
        def check(frame: pd.DataFrame) -> None:
            assert frame["n"].tolist() == [1]

        @dg.job(resource_defs={"io_manager": PostgresPandasIOManager(warehouse=db.warehouse)})
        def job() -> None:
            check(make())

        assert job.execute_in_process().success
        assert db.run(
            "SELECT nspname, relname FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = relnamespace WHERE relkind = 'r' AND relname ~ 'Ünï'"
        ) == [(AWKWARD, AWKWARD)]

    @pytest.mark.parametrize("frame", [numbers(1), numbers(1, column="語" * 22)])
    def test_a_name_that_would_be_cut_is_refused(self, db: Database, frame: pd.DataFrame) -> None:
        name = "orders" if "n" not in frame else "o" * 64
        with pytest.raises(UnusableName, match="63 bytes"):
            db.materialize(asset_of(frame, name))

    def test_two_columns_of_one_name(self, db: Database) -> None:
        with pytest.raises(UnusableName, match="several columns"):
            db.materialize(asset_of(pd.DataFrame([[1, 2]], columns=["a", "a"])))


class TestInputsAndMetadata:
    def test_a_missing_table(self, db: Database) -> None:
        upstream = dg.AssetSpec("orders").with_io_manager_key("io_manager")
        with pytest.raises(TableMissing, match=r'"analytics"\."orders"'):
            db.materialize(upstream, passed_on(), selection=["passed_on"])

    def test_metadata(self, db: Database, in_branch: None) -> None:
        db.provision()
        result = db.materialize(asset_of(numbers(1, 2)))
        metadata = result.asset_materializations_for_node("orders")[0].metadata
        name = make_url(db.url).database
        assert metadata["dagster/row_count"].value == 2
        assert metadata["dagster/table_name"].value == f"{name}.analytics__pr_42.orders"
        assert metadata["dagster/column_schema"].value == dg.TableSchema(
            columns=[dg.TableColumn("n", "bigint")]
        )
        assert metadata["Query"].value == 'SELECT * FROM "analytics__pr_42"."orders"'
