"""The Snowflake I/O managers: assets go into the deployment's own schemas, and nowhere else."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from threading import Barrier
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest
from snowflake.connector.errors import ProgrammingError

from branch_toolkit import (
    BranchSnowflakePandasIOManager,
    BranchSnowflakePolarsIOManager,
    SnowflakeWarehouse,
)
from branch_toolkit.core.errors import BranchToolkitError, CloneMissing
from branch_toolkit.dagster_private import TablePartitionDimension, TableSlice
from branch_toolkit.io_managers import snowflake_rows
from branch_toolkit.io_managers import snowflake_statements as statements
from branch_toolkit.io_managers.errors import RowsOutsidePartition, TableMissing, UnusableName
from branch_toolkit_tests.snowflakes import SnowflakeDatabase

NOW = datetime.now(tz=timezone.utc)
DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
ODD = "o'r\\"
COLORS = dg.StaticPartitionsDefinition(["red", ODD])


class Scene:
    """Production with two schemas, and a look at it behind Dagster's back."""

    def __init__(self, database: SnowflakeDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        self._monkeypatch = monkeypatch
        self.warehouse = self.with_schemas("analytics", "staging")
        for schema in ("ANALYTICS", "STAGING"):
            self.run(f"CREATE SCHEMA {schema}")

    def with_schemas(self, *schemas: str) -> SnowflakeWarehouse:
        return SnowflakeWarehouse(**self.database.resource_args, schemas=[*schemas])

    def run(self, sql: str) -> list[Any]:
        rows: list[Any] = self.database.run(sql)
        return rows

    def become(self, number: int = 42, *, provision: bool = True) -> None:
        self._monkeypatch.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
        self._monkeypatch.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", str(number))
        branch = self.warehouse.deployment.branch
        assert branch
        if provision:
            with self.warehouse.environments() as environments:
                environments.provision(branch, now=NOW)

    def store(self, *assets: Any, key: str | None = None, **options: Any) -> Any:
        manager = BranchSnowflakePandasIOManager(warehouse=self.warehouse, **options)
        return dg.materialize([*assets], partition_key=key, resources={"io_manager": manager})

    def names(self) -> set[str]:
        """The schemas."""
        rows = self.run("SHOW SCHEMAS")
        return {row[1] for row in rows} - {"INFORMATION_SCHEMA", "PUBLIC"}

    def tables(self, schema: str) -> set[str]:
        return {row[1] for row in self.run(f"SHOW TABLES IN SCHEMA {schema}")}


@pytest.fixture
def scene(
    snowflake_database: SnowflakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    with warnings.catch_warnings():
        # Pandas would rather have SQLAlchemy than the connector, which Dagster's handler gives it.
        warnings.filterwarnings("ignore", "pandas only supports SQLAlchemy")
        yield Scene(snowflake_database, monkeypatch)


def asset_of(frame: Any, name: str = "orders", **options: Any) -> dg.AssetsDefinition:
    @dg.asset(name=name, **options)
    def made() -> pd.DataFrame:
        return frame

    return made


def daily(*numbers: int, day: str | None = None, **options: Any) -> dg.AssetsDefinition:
    """An asset whose rows are of its partition, or of another day."""

    @dg.asset(name="orders", partitions_def=DAYS, metadata={"partition_expr": "day"}, **options)
    def made(context: dg.AssetExecutionContext) -> pd.DataFrame:
        when = pd.Timestamp(day or context.partition_key)
        return pd.DataFrame({"day": [when] * len(numbers), "n": list(numbers)})

    return made


def numbers(*values: int) -> pd.DataFrame:
    return pd.DataFrame({"n": list(values)})


def passed_on(type_: Any = pd.DataFrame, **options: Any) -> dg.AssetsDefinition:
    def made(frame: Any) -> Any:
        return frame

    made.__annotations__ = {"frame": type_, "return": type_}
    return dg.asset(name="passed_on", ins={"frame": dg.AssetIn("orders", **options)})(made)


class TestPartitions:
    def test_a_branch_writes_its_own_and_production_is_unchanged(self, scene: Scene) -> None:
        for key in ("2024-01-01", "2024-01-02"):
            scene.store(daily(1, 2), key=key)
        scene.become()
        scene.store(daily(7), key="2024-01-02")
        read = "SELECT DAY::DATE::VARCHAR, N FROM {}.ORDERS ORDER BY 1, 2"
        first = [("2024-01-01", 1), ("2024-01-01", 2)]
        assert scene.run(read.format("ANALYTICS")) == [
            *first,
            ("2024-01-02", 1),
            ("2024-01-02", 2),
        ]
        assert scene.run(read.format("ANALYTICS__PR_42")) == [*first, ("2024-01-02", 7)]

    def test_an_empty_frame_leaves_an_empty_partition(self, scene: Scene) -> None:
        scene.store(daily(), key="2024-01-01")
        assert scene.tables("ANALYTICS") == set()
        for key in ("2024-01-01", "2024-01-02"):
            scene.store(daily(1), key=key)
        scene.store(daily(), key="2024-01-01")
        assert scene.run("SELECT DAY::DATE::VARCHAR FROM ANALYTICS.ORDERS") == [("2024-01-02",)]

    def test_rows_of_another_partition_are_an_error_and_the_old_rows_stay(
        self, scene: Scene
    ) -> None:
        scene.store(daily(1), key="2024-01-01")
        with pytest.raises(RowsOutsidePartition, match="2 of 2 rows"):
            scene.store(daily(2, 3, day="2024-01-05"), key="2024-01-01")
        assert scene.run("SELECT N FROM ANALYTICS.ORDERS") == [(1,)]

    def test_keys_are_literals_whatever_is_in_them(self, scene: Scene) -> None:
        @dg.asset(partitions_def=COLORS, metadata={"partition_expr": "color"})
        def orders(context: dg.AssetExecutionContext) -> pd.DataFrame:
            return pd.DataFrame({"color": [context.partition_key], "n": [1]})

        @dg.asset(partitions_def=COLORS, metadata={"partition_expr": "color"})
        def again(orders: pd.DataFrame) -> pd.DataFrame:
            return orders

        for _ in range(2):
            scene.store(orders, again, key=ODD)
        assert scene.run("SELECT COLOR, N FROM ANALYTICS.AGAIN") == [(ODD, 1)]

    def test_many_at_once_make_the_table_together(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = scene.warehouse.locate("analytics")
        create, all_there = statements.create, Barrier(4, timeout=60)

        def create_together(*args: Any) -> str:
            all_there.wait()
            return create(*args)

        monkeypatch.setattr(statements, "create", create_together)

        def write(color: str) -> None:
            dimension = TablePartitionDimension("color", [color])
            one = TableSlice("ORDERS", "ANALYTICS", scene.database.name, None, [dimension])
            with scene.warehouse.session(place) as connection:
                snowflake_rows.replace_rows(connection, one, pd.DataFrame({"color": [color]}))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, "abcd"))
        rows = scene.run("SELECT COLOR FROM ANALYTICS.ORDERS ORDER BY 1")
        assert rows == [("a",), ("b",), ("c",), ("d",)]


class TestWriting:
    def test_a_failure_in_the_middle_leaves_the_old_rows_and_nothing_else(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene.store(asset_of(numbers(1, 2)))

        def break_down(_self: Any) -> None:
            raise LookupError

        monkeypatch.setattr(snowflake_rows._Replacement, "_require_inside", break_down)
        with pytest.raises(LookupError):
            scene.store(asset_of(numbers(3)))
        assert scene.run("SELECT N FROM ANALYTICS.ORDERS ORDER BY 1") == [(1,), (2,)]
        assert scene.tables("ANALYTICS") == {"ORDERS"}

    def test_the_table_stays_with_columns_that_the_frame_lacks(self, scene: Scene) -> None:
        scene.run("CREATE TABLE ANALYTICS.ORDERS (MORE VARCHAR, N NUMBER(38, 0))")
        scene.store(asset_of(numbers(1)))
        assert scene.run("SELECT * FROM ANALYTICS.ORDERS") == [(None, 1)]

    def test_a_column_that_the_table_lacks_is_an_error_and_the_old_rows_stay(
        self, scene: Scene
    ) -> None:
        scene.store(asset_of(numbers(1)))
        with pytest.raises(ProgrammingError):
            scene.store(asset_of(pd.DataFrame({"n": [2], "more": [3]})))
        assert scene.run("SELECT * FROM ANALYTICS.ORDERS") == [(1,)]

    def test_two_columns_of_one_name_are_an_error(self, scene: Scene) -> None:
        with pytest.raises(UnusableName, match="'N'"):
            scene.store(asset_of(pd.DataFrame({"n": [1], "N": [2]})))

    def test_times_can_be_stored_as_text_and_come_back_as_times(self, scene: Scene) -> None:
        frame = pd.DataFrame({"since": pd.to_datetime(["2024-01-01 10:00"]), "n": [1]})
        result = scene.store(asset_of(frame), passed_on(), store_timestamps_as_strings=True)
        assert scene.run("SELECT SINCE FROM ANALYTICS.ORDERS")[0][0].startswith("2024-01-01 10:00")
        assert result.output_for_node("passed_on")["since"][0] == pd.Timestamp("2024-01-01 10:00")

    def test_the_ui_is_told_of_the_deployments_table(self, scene: Scene) -> None:
        scene.become()
        result = scene.store(asset_of(numbers(1, 2)))
        [event] = result.get_asset_materialization_events()
        told = event.materialization.metadata
        whole = f"{scene.database.name}.ANALYTICS__PR_42.ORDERS"
        assert told["dagster/table_name"].value == whole
        assert told["dagster/row_count"].value == 2
        assert told["dataframe_columns"].value.columns[0].name == "n"
        assert '"ANALYTICS__PR_42"."ORDERS"' in told["Query"].value


class TestPlaces:
    @pytest.mark.parametrize(
        ("configured", "places"),
        [
            (None, {"none": "ANALYTICS", "prefix": "STAGING", "both": "STAGING"}),
            ("analytics", {"none": "ANALYTICS", "prefix": "ANALYTICS", "both": "STAGING"}),
        ],
    )
    def test_metadata_goes_before_the_managers_schema_and_that_before_the_prefix(
        self, scene: Scene, configured: str | None, places: dict[str, str]
    ) -> None:
        options: dict[str, dict[str, Any]] = {
            "none": {},
            "prefix": {"key_prefix": "staging"},
            "both": {"key_prefix": "analytics", "metadata": {"schema": "Staging"}},
        }
        assets = [asset_of(numbers(1), name, **given) for name, given in options.items()]
        scene.become()
        scene.store(*assets, schema=configured)
        found = {
            name.lower(): schema
            for schema in ("ANALYTICS", "STAGING")
            for name in scene.tables(f"{schema}__PR_42")
        }
        assert found == places
        assert scene.tables("ANALYTICS") | scene.tables("STAGING") == set()

    def test_an_input_is_read_where_the_output_was_written(self, scene: Scene) -> None:
        scene.store(asset_of(numbers(1)))
        scene.become()
        scene.run("INSERT INTO ANALYTICS__PR_42.ORDERS VALUES (2)")
        manager = BranchSnowflakePandasIOManager(warehouse=scene.warehouse)
        result = dg.materialize(
            [passed_on(metadata={"columns": ["n"]}), asset_of(numbers(9))],
            resources={"io_manager": manager},
            selection=["passed_on"],
        )
        assert sorted(result.output_for_node("passed_on")["n"]) == [1, 2]

    def test_a_quoted_schema_keeps_its_case(self, scene: Scene) -> None:
        scene.run('CREATE SCHEMA "sales"')
        scene.warehouse = scene.with_schemas('"sales"')
        scene.become()
        scene.store(asset_of(numbers(1)), passed_on())
        assert scene.run('SELECT N FROM "sales__PR_42".ORDERS') == [(1,)]
        assert scene.tables('"sales"') == set()


class TestMissing:
    def test_a_missing_clone_is_an_error_and_no_schema_is_made(self, scene: Scene) -> None:
        before = scene.names()
        scene.become(provision=False)
        with pytest.raises(CloneMissing, match="ANALYTICS__PR_42"):
            scene.store(asset_of(numbers(1)))
        assert scene.names() == before

    def test_a_schema_that_a_wildcard_would_find_is_no_clone(self, scene: Scene) -> None:
        scene.run("CREATE SCHEMA ANALYTICSX_PR_1")
        scene.become(1, provision=False)
        with pytest.raises(CloneMissing, match="ANALYTICS__PR_1"):
            scene.store(asset_of(numbers(1)))
        assert scene.tables("ANALYTICSX_PR_1") == set()

    def test_a_missing_base_schema_is_an_error_and_is_not_made(self, scene: Scene) -> None:
        before = scene.names()
        with pytest.raises(BranchToolkitError, match="use schema"):
            scene.store(asset_of(numbers(1), key_prefix="STAGIN_"))
        assert scene.names() == before

    def test_a_missing_table_is_said_to_be_missing(self, scene: Scene) -> None:
        manager = BranchSnowflakePandasIOManager(warehouse=scene.warehouse)
        with pytest.raises(TableMissing, match=r'"ANALYTICS"\."ORDERS"'):
            dg.materialize(
                [passed_on(), asset_of(numbers(9))],
                resources={"io_manager": manager},
                selection=["passed_on"],
            )


class TestPolars:
    def test_frames_come_back_as_they_were(self, scene: Scene) -> None:
        frame = pl.DataFrame({"n": [1, None, 300], "x": [0.5, None, 2.0], "s": ["a", None, "ü"]})
        scene.become()
        manager = BranchSnowflakePolarsIOManager(warehouse=scene.warehouse)
        for type_ in (pl.DataFrame, pl.LazyFrame):
            result = dg.materialize(
                [polars_asset(frame), passed_on(type_)], resources={"io_manager": manager}
            )
            output = result.output_for_node("passed_on")
            assert isinstance(output, type_)
            found = output.lazy().collect()
            assert found.sort("n").equals(frame.sort("n"))
            assert found.schema == frame.schema
        assert scene.tables("ANALYTICS") == set()
        assert len(scene.run("SELECT * FROM ANALYTICS__PR_42.PASSED_ON")) == 3

    def test_an_empty_table_has_its_columns(self, scene: Scene) -> None:
        scene.run("CREATE TABLE ANALYTICS.ORDERS (N NUMBER(38, 0), S VARCHAR)")
        manager = BranchSnowflakePolarsIOManager(warehouse=scene.warehouse)
        result = dg.materialize(
            [polars_asset(pl.DataFrame()), passed_on(pl.DataFrame)],
            resources={"io_manager": manager},
            selection=["passed_on"],
        )
        assert result.output_for_node("passed_on").schema == {"n": pl.Int64, "s": pl.String}


def polars_asset(frame: pl.DataFrame) -> dg.AssetsDefinition:
    @dg.asset
    def orders() -> pl.DataFrame:
        return frame

    return orders
