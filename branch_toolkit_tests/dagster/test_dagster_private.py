"""What we rest on of Dagster's private API: a release that changes it fails here first."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import branch_toolkit
from branch_toolkit.dagster_private import (
    DbClient,
    DbIOManager,
    DbTypeHandler,
    TableMetadataSet,
    TablePartitionDimension,
    TableSlice,
)
from branch_toolkit.io_managers import snowflake_statements
from branch_toolkit.io_managers.postgres import PostgresIOManager
from branch_toolkit.io_managers.snowflake import BranchSnowflakeIOManager
from branch_toolkit.snowflake_resource import SchemaPlace
from branch_toolkit.warehouses.postgres.places import TablePlace
from branch_toolkit.warehouses.snowflake.names import SchemaName, fold

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
COLORS = dg.StaticPartitionsDefinition(["red", "blue"])
UNTYPED = dg.DagsterType(lambda _context, _value: True, name="Untyped")
ORDERS = dg.AssetKey(["x", "prefix", "orders"])


class Recorder(DbTypeHandler[int]):
    """A database of nothing, that writes down how `DbIOManager` uses it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @property
    def supported_types(self) -> Sequence[type[object]]:
        return [int]

    def handle_output(
        self, context: dg.OutputContext, table_slice: TableSlice, obj: int, connection: str
    ) -> Mapping[str, Any]:
        self.calls.append(f"handle_output {connection}")
        return dict(TableMetadataSet(table_name="ours", row_count=obj))

    def load_input(self, context: dg.InputContext, table_slice: TableSlice, connection: str) -> int:
        self.calls.append(f"load_input {connection}")
        return 1

    @contextmanager
    def connect(self, context: Any, table_slice: TableSlice) -> Iterator[str]:
        self.calls.append("connect")
        yield "connection"
        self.calls.append("close")

    def ensure_schema_exists(self, context: Any, table_slice: TableSlice, connection: str) -> None:
        self.calls.append(f"ensure_schema_exists {connection}")

    def delete_table_slice(self, context: Any, table_slice: TableSlice, connection: str) -> None:
        self.calls.append(f"delete_table_slice {connection}")

    def get_select_statement(self, table_slice: TableSlice) -> str:
        return "SELECT"

    def get_table_name(self, table_slice: TableSlice) -> str:
        return "Dagster's"


def manager(recorder: Recorder, schema: str | None = None) -> DbIOManager:
    client: Any = recorder
    return DbIOManager(
        type_handlers=[recorder],
        db_client=client,
        database="",
        schema=schema,
        io_manager_name="Ours",
    )


def test_an_output() -> None:
    recorder = Recorder()
    context = dg.build_output_context(asset_key=ORDERS)
    manager(recorder).handle_output(context, 3)
    assert recorder.calls == [
        "connect",
        "ensure_schema_exists connection",
        "delete_table_slice connection",
        "handle_output connection",
        "close",
    ]
    metadata = context.get_logged_metadata()
    # The handler's table_name stands, without an error.
    assert metadata["dagster/table_name"].value == "ours"
    assert metadata["dagster/row_count"].value == 3
    assert metadata["Query"].value == "SELECT"


def test_an_input_without_a_type_is_of_the_handlers_only_type() -> None:
    recorder = Recorder()
    upstream = dg.build_output_context(asset_key=ORDERS)
    context = dg.build_input_context(
        upstream_output=upstream, asset_key=ORDERS, dagster_type=UNTYPED
    )
    assert manager(recorder).load_input(context) == 1
    assert recorder.calls == ["connect", "load_input connection", "close"]


def test_all_of_it_goes_through_get_table_slice() -> None:
    class Refusing(DbIOManager):
        def _get_table_slice(self, context: Any, output_context: Any) -> TableSlice:
            raise LookupError

    recorder: Any = Recorder()
    refusing = Refusing(type_handlers=[recorder], db_client=recorder, database="")
    output = dg.build_output_context(asset_key=ORDERS)
    with pytest.raises(LookupError):
        refusing.handle_output(output, 1)
    with pytest.raises(LookupError):
        refusing.load_input(
            dg.build_input_context(upstream_output=output, asset_key=ORDERS, dagster_type=UNTYPED)
        )
    assert recorder.calls == []


def test_signatures() -> None:
    assert list(inspect.signature(DbIOManager._get_table_slice).parameters) == [
        "self",
        "context",
        "output_context",
    ]
    for name in ("connect", "ensure_schema_exists", "delete_table_slice", "get_select_statement"):
        assert isinstance(inspect.getattr_static(DbClient, name), staticmethod)
    assert TableSlice._fields == (
        "table",
        "schema",
        "database",
        "columns",
        "partition_dimensions",
    )
    assert TablePartitionDimension._fields == ("partition_expr", "partitions")


# --- ours decides the same ----------------------------------------------------------------------


class Production:
    """A warehouse in a base deployment."""

    def __init__(self) -> None:
        self.schemas = ["public"]  # Where Dagster's own puts what names no schema.

    def locate(self, table: str, *, schema: str | None = None, writing: bool) -> TablePlace:
        return TablePlace(schema or self.schemas[0], table)

    def get_connection(self) -> Any:
        raise NotImplementedError


class Branch(Production):
    """A warehouse in a branch deployment."""

    def locate(self, table: str, *, schema: str | None = None, writing: bool) -> TablePlace:
        return TablePlace(f"{schema}__pr_42", table)


OUTPUTS: dict[str, dict[str, Any]] = {
    "prefix": {"asset_key": ORDERS},
    "no prefix": {"asset_key": dg.AssetKey("orders")},
    "metadata": {"asset_key": ORDERS, "definition_metadata": {"schema": "meta"}},
    "columns": {"asset_key": ORDERS, "definition_metadata": {"columns": ["a"]}},
    "op": {"name": "result"},
    "op's table": {"name": "result", "definition_metadata": {"table": "t", "schema": "meta"}},
    "static": {
        "asset_key": ORDERS,
        "definition_metadata": {"partition_expr": "color"},
        "asset_partitions_def": COLORS,
        "partition_key": "red",
    },
    "day": {
        "asset_key": ORDERS,
        "definition_metadata": {"partition_expr": "day"},
        "asset_partitions_def": DAYS,
        "partition_key": "2024-01-05",
    },
    "block": {
        "asset_key": ORDERS,
        "definition_metadata": {"partition_expr": {"day": "d", "color": "c"}},
        "asset_partitions_def": dg.MultiPartitionsDefinition({"day": DAYS, "color": COLORS}),
        "partition_key": dg.MultiPartitionKey({"day": "2024-01-05", "color": "red"}),
    },
}


@pytest.mark.parametrize("schema", [None, "configured"])
@pytest.mark.parametrize("case", OUTPUTS)
def test_our_table_slice_is_dagsters(case: str, schema: str | None) -> None:
    context = dg.build_output_context(**OUTPUTS[case])
    expected = manager(Recorder(), schema)._get_table_slice(context, context)
    ours = PostgresIOManager(Production(), Recorder(), schema=schema)
    found = ours._get_table_slice(context, context)
    assert found == expected._replace(database=None)
    # And an input of the same asset is of the same table.
    source = {"definition_metadata": {}, **OUTPUTS[case]}
    if "asset_key" in source and "partition_key" not in source:
        downstream = dg.build_input_context(upstream_output=context, asset_key=source["asset_key"])
        assert ours._get_table_slice(downstream, context)[:2] == expected[:2]


@pytest.mark.parametrize("schema", [None, "configured"])
@pytest.mark.parametrize("case", OUTPUTS)
def test_in_a_branch_only_the_schema_differs(case: str, schema: str | None) -> None:
    context = dg.build_output_context(**OUTPUTS[case])
    production, branch = (
        PostgresIOManager(warehouse, Recorder(), schema=schema)._get_table_slice(context, context)
        for warehouse in (Production(), Branch())
    )
    assert branch == production._replace(schema=f"{production.schema}__pr_42")


class Snowflake:
    """A Snowflake warehouse in a base deployment, or in a branch's."""

    def __init__(self, suffix: str = "") -> None:
        self.default_schema = "public"
        self.suffix = suffix

    def locate(self, base_schema: str) -> SchemaPlace:
        return SchemaPlace(SchemaName("PROD", fold(base_schema) + self.suffix))

    def session(self, place: SchemaPlace) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("suffix", ["", "__PR_42"])
@pytest.mark.parametrize("schema", [None, "configured"])
@pytest.mark.parametrize("case", OUTPUTS)
def test_our_slice_of_snowflake_is_dagsters_in_the_deployments_schema(
    case: str, schema: str | None, suffix: str
) -> None:
    context = dg.build_output_context(**OUTPUTS[case])
    expected = manager(Recorder(), schema)._get_table_slice(context, context)
    ours = BranchSnowflakeIOManager(Snowflake(suffix), Recorder(), schema=schema)
    found = ours._get_table_slice(context, context)
    assert found == expected._replace(
        table=expected.table.upper(), schema=expected.schema.upper() + suffix, database="PROD"
    )


def test_what_dagsters_snowflake_code_makes_of_a_slice() -> None:
    day = dg.TimeWindow(*(datetime.fromisoformat(f"2024-01-0{n}") for n in (5, 6)))
    dimensions = [TablePartitionDimension("day", day), TablePartitionDimension("c", ["o'r", "\\"])]
    table_slice = TableSlice('a"b', "S", "DB", ["n", "m"], dimensions)
    assert snowflake_statements.select(table_slice) == (
        'SELECT n, m FROM "DB"."S"."a""b" WHERE\n'
        "day >= '2024-01-05 00:00:00' AND day < '2024-01-06 00:00:00' AND\nc in ('o''r', '\\\\')"
    )


def test_only_one_module_imports_it() -> None:
    # import-linter knows external packages only as a whole.
    private = re.compile(r"^\s*(from|import) dagster\._", re.MULTILINE)
    folder = Path(branch_toolkit.__file__).parent
    importing = [path.name for path in folder.rglob("*.py") if private.search(path.read_text())]
    assert importing == ["dagster_private.py"]


def test_importing_the_package_imports_neither_pandas_nor_a_driver() -> None:
    program = (
        "import sys, branch_toolkit, branch_toolkit.io_managers;"
        "print({'pandas', 'sqlalchemy', 'psycopg', 'snowflake.connector'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
