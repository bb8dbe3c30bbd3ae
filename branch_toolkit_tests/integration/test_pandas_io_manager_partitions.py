"""Partitioned assets: a write replaces the run's partitions, an input reads those it maps to."""

import threading
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from branch_toolkit.io_managers.errors import (
    PartitionExprMissing,
    RowsOutsidePartition,
)
from branch_toolkit_tests.integration.asset_database import Database

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-10")
COLORS = dg.StaticPartitionsDefinition(["red", "blu'e", "gr%een:x", "back\\slash"])
BLOCKS = dg.MultiPartitionsDefinition({"day": DAYS, "color": COLORS})
LAST = pd.Timedelta("23:59:59.999999")
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@pytest.fixture
def db(database: str) -> Database:
    return Database(database).create_schemas()


def partitioned(
    definition: dg.PartitionsDefinition[Any], expression: Any, frames: dict[str, pd.DataFrame]
) -> dg.AssetsDefinition:
    """An asset whose runs return the frames of their partitions."""

    @dg.asset(
        name="orders",
        partitions_def=definition,
        metadata={"partition_expr": expression} if expression else {},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def made(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return pd.concat([frames[key] for key in context.partition_keys])

    return made


def by_key(definition: dg.PartitionsDefinition[Any], column: str, amount: int) -> Any:
    return {
        key: pd.DataFrame({column: [key, key], "n": [amount, amount + 1]})
        for key in definition.get_partition_keys()
    }


def by_day(amount: int, zone: str | None = None) -> dict[str, pd.DataFrame]:
    return {
        key: pd.DataFrame({"at": [first, first + LAST], "n": amount})
        for key in DAYS.get_partition_keys()
        for first in [pd.Timestamp(key, tz=zone)]
    }


class TestOneDimension:
    def test_static(self, db: Database) -> None:
        for amount in (10, 20):
            for key in COLORS.get_partition_keys():
                orders = partitioned(COLORS, "color", by_key(COLORS, "color", amount))
                db.materialize(orders, partition_key=key)
        rows = db.run("SELECT color, array_agg(n ORDER BY n) FROM analytics.orders GROUP BY 1")
        assert dict(rows) == {key: [20, 21] for key in COLORS.get_partition_keys()}

    @pytest.mark.parametrize("column", ["Color", "my color", "sel%ect:x"])
    def test_the_column_needs_quotes(self, db: Database, column: str) -> None:
        expression = column if column.isalpha() else f'"{column}"'
        for amount in (10, 20):
            orders = partitioned(COLORS, expression, by_key(COLORS, column, amount))
            db.materialize(orders, partition_key="red")
        assert db.run("SELECT n FROM analytics.orders ORDER BY 1") == [(20,), (21,)]

    @pytest.mark.parametrize("zone", [None, "UTC"])
    def test_days(self, db: Database, zone: str | None) -> None:
        db.run("ALTER ROLE CURRENT_USER SET timezone = 'Pacific/Auckland'")
        try:
            for amount, key in [(1, "2024-01-01"), (1, "2024-01-02"), (2, "2024-01-02")]:
                db.materialize(partitioned(DAYS, "at", by_day(amount, zone)), partition_key=key)
        finally:
            db.run("ALTER ROLE CURRENT_USER RESET timezone")
        assert db.run("SELECT n, count(*) FROM analytics.orders GROUP BY 1 ORDER BY 1") == [
            (1, 2),
            (2, 2),
        ]

    def test_days_of_another_zone(self, db: Database) -> None:
        days = dg.DailyPartitionsDefinition(
            "2024-01-01", end_date="2024-01-10", timezone="America/New_York"
        )
        zoned = by_day(1, "America/New_York")
        for frames in (zoned, zoned):
            db.materialize(partitioned(days, "at", frames), partition_key="2024-01-02")
        assert db.tables() == {"analytics.orders": 2}

    def test_dates(self, db: Database) -> None:
        frames = {key: frame.assign(at=frame["at"].dt.date) for key, frame in by_day(1).items()}
        for key in ("2024-01-01", "2024-01-02", "2024-01-02"):
            db.materialize(partitioned(DAYS, "at", frames), partition_key=key)
        assert db.tables() == {"analytics.orders": 4}

    def test_an_expression(self, db: Database) -> None:
        frames = {key: frame.assign(at=frame["at"].astype(str)) for key, frame in by_day(1).items()}
        for key in ("2024-01-01", "2024-01-02", "2024-01-02"):
            db.materialize(partitioned(DAYS, "at::timestamp", frames), partition_key=key)
        assert db.tables() == {"analytics.orders": 4}

    def test_a_range_in_one_run(self, db: Database) -> None:
        db.materialize(partitioned(DAYS, "at", by_day(1)), partition_key="2024-01-05")
        tags = {START: "2024-01-02", END: "2024-01-06"}
        for _ in range(2):
            result = db.materialize(partitioned(DAYS, "at", by_day(2)), tags=tags)
        assert db.run("SELECT n, count(*) FROM analytics.orders GROUP BY 1") == [(2, 10)]
        metadata = result.asset_materializations_for_node("orders")[0].metadata
        assert metadata["dagster/partition_row_count"].value == 10

    def test_dynamic(self, db: Database) -> None:
        customers = dg.DynamicPartitionsDefinition(name="customers")
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions("customers", ["a", "b'"])
            frames = {key: pd.DataFrame({"customer": [key]}) for key in ("a", "b'")}
            for key in ("a", "b'", "b'"):
                orders = partitioned(customers, "customer", frames)
                db.materialize(orders, partition_key=key, instance=instance)
        assert db.tables() == {"analytics.orders": 2}

    def test_whole_numbers(self, db: Database) -> None:
        years = dg.StaticPartitionsDefinition(["2023", "2024"])
        frames = {key: pd.DataFrame({"year": [int(key)]}) for key in years.get_partition_keys()}
        for key in ("2023", "2024", "2024"):
            db.materialize(partitioned(years, "year", frames), partition_key=key)
        assert db.tables() == {"analytics.orders": 2}

    def test_an_empty_partition(self, db: Database) -> None:
        frames = by_day(1)
        db.materialize(partitioned(DAYS, "at", frames), partition_key="2024-01-01")
        empty = {key: frame.iloc[:0] for key, frame in frames.items()}
        db.materialize(partitioned(DAYS, "at", empty), partition_key="2024-01-01")
        assert db.tables() == {"analytics.orders": 0}

    def test_partitions_written_at_the_same_time(self, db: Database) -> None:
        orders = partitioned(DAYS, "at", by_day(1))
        keys = DAYS.get_partition_keys()[:4]
        failed: list[BaseException] = []

        def run(key: str) -> None:
            try:
                db.materialize(orders, partition_key=key)
            except BaseException as error:  # noqa: BLE001
                failed.append(error)

        threads = [threading.Thread(target=run, args=[key]) for key in (*keys, *keys)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (failed, db.tables()) == ([], {"analytics.orders": 8})


class TestRefusals:
    def test_rows_of_another_partition(self, db: Database) -> None:
        frames = {"2024-01-02": pd.concat([by_day(1)["2024-01-02"], by_day(1)["2024-01-03"]])}
        db.materialize(partitioned(DAYS, "at", by_day(7)), partition_key="2024-01-02")
        with pytest.raises(RowsOutsidePartition, match="2 of 4 rows"):
            db.materialize(partitioned(DAYS, "at", frames), partition_key="2024-01-02")
        assert db.run("SELECT n FROM analytics.orders") == [(7,), (7,)]

    def test_a_text_that_is_compared_as_a_text(self, db: Database) -> None:
        frames = by_key(DAYS, "day", 1)
        with pytest.raises(RowsOutsidePartition, match="cast a text column"):
            db.materialize(partitioned(DAYS, "day", frames), partition_key="2024-01-02")
        assert db.tables() == {}

    def test_no_expression(self, db: Database) -> None:
        with pytest.raises(PartitionExprMissing, match='"partition_expr": "my_column"'):
            db.materialize(partitioned(DAYS, None, by_day(1)), partition_key="2024-01-02")

    def test_no_expression_for_a_dimension(self, db: Database) -> None:
        frames = {key: pd.DataFrame({"at": []}) for key in BLOCKS.get_partition_keys()}
        orders = partitioned(BLOCKS, {"day": "at"}, frames)
        key = dg.MultiPartitionKey({"day": "2024-01-02", "color": "red"})
        with pytest.raises(PartitionExprMissing, match="dimension 'color'"):
            db.materialize(orders, partition_key=key)


def block_frames(amount: int) -> dict[str, pd.DataFrame]:
    days = by_day(amount)
    return {
        key: days[parts["day"]].assign(color=parts["color"])
        for key in BLOCKS.get_partition_keys()
        for parts in [BLOCKS.get_partition_key_from_str(key).keys_by_dimension]
    }


def blocks(amount: int) -> dg.AssetsDefinition:
    return partitioned(BLOCKS, {"day": "at", "color": "color"}, block_frames(amount))


class TestTwoDimensions:
    def test_each_on_its_own(self, db: Database) -> None:
        for amount in (1, 2):
            for day, color in [
                ("2024-01-01", "red"),
                ("2024-01-02", "red"),
                ("2024-01-02", "blu'e"),
            ]:
                key = dg.MultiPartitionKey({"day": day, "color": color})
                db.materialize(blocks(amount), partition_key=key)
        assert db.run("SELECT n, count(*) FROM analytics.orders GROUP BY 1") == [(2, 6)]

    def test_a_block_in_one_run(self, db: Database) -> None:
        tags = {START: "red|2024-01-02", END: "red|2024-01-04"}
        for amount in (1, 2):
            db.materialize(blocks(amount), tags=tags)
        assert db.run("SELECT n, count(*) FROM analytics.orders GROUP BY 1") == [(2, 6)]

    def test_all_of_one_dimension(self, db: Database) -> None:
        for amount in (1, 2):
            db.materialize(blocks(amount), tags={START: "red|2024-01-02", END: "blu'e|2024-01-04"})
        assert db.run("SELECT n, count(*) FROM analytics.orders GROUP BY 1") == [(2, 12)]


class TestInputs:
    @pytest.fixture
    def written(self, db: Database) -> Database:
        tags = {START: "2024-01-01", END: "2024-01-09"}
        db.materialize(partitioned(DAYS, "at", by_day(1)), tags=tags)
        return db

    def read(self, db: Database, *, key: str | None = None, **options: Any) -> pd.DataFrame:
        upstream = partitioned(DAYS, "at", {})

        @dg.asset(ins={"orders": dg.AssetIn(**options.pop("asset_in", {}))}, **options)
        def read(orders: pd.DataFrame) -> None:
            found.append(orders)

        found: list[pd.DataFrame] = []
        db.materialize(upstream, read, selection=["read"], partition_key=key)
        return found[0]

    def test_all_partitions(self, written: Database) -> None:
        assert len(self.read(written)) == 18

    def test_the_same_partition(self, written: Database) -> None:
        read = self.read(written, key="2024-01-03", partitions_def=DAYS)
        assert [str(at) for at in read["at"]] == [
            "2024-01-03 00:00:00",
            "2024-01-03 23:59:59.999999",
        ]

    def test_a_window_of_partitions(self, written: Database) -> None:
        mapping = dg.TimeWindowPartitionMapping(start_offset=-2, end_offset=0)
        read = self.read(
            written,
            key="2024-01-03",
            partitions_def=DAYS,
            asset_in={"partition_mapping": mapping, "metadata": {"columns": ["n"]}},
        )
        assert read.shape == (6, 1)

    def test_no_partition(self, written: Database) -> None:
        mapping = dg.TimeWindowPartitionMapping(
            start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
        )
        options = {"partitions_def": DAYS, "asset_in": {"partition_mapping": mapping}}
        read = self.read(written, key="2024-01-01", **options)
        assert (len(read), list(read.columns)) == (0, ["at", "n"])
        written.run("DROP TABLE analytics.orders")
        assert self.read(written, key="2024-01-01", **options).empty
