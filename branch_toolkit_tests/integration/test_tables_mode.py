"""Tables mode: a role that may make no schema has branches of their own, and production is safe."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from branch_toolkit.cli.program import program
from branch_toolkit.core.errors import CloneMissing, MissingRight, SchemaNotOwned
from branch_toolkit.core.strategy import InvalidRule
from branch_toolkit.io_managers.errors import TableMissing
from branch_toolkit.rules import TableRule
from branch_toolkit.tables_resource import PostgresTablesWarehouse
from branch_toolkit.warehouses.postgres.owning.errors import UnknownTable
from branch_toolkit.warehouses.postgres.tables_mode.errors import (
    NoSchemaOfItsOwn,
    NotOwnable,
    TableNotThere,
)
from branch_toolkit_tests.integration.asset_database import (
    NOW,
    asset_of,
    external_orders,
    numbers,
    reader,
)
from branch_toolkit_tests.integration.tables_scene import TablesDatabase

ANCHORS = ["analytics__pr_42", "staging__pr_42"]
ORDERS = "analytics__pr_42__orders"
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-10")


@pytest.fixture
def production(database: str) -> TablesDatabase:
    return TablesDatabase(database).build()


@pytest.fixture
def branch(production: TablesDatabase, monkeypatch: pytest.MonkeyPatch) -> TablesDatabase:
    """The branch deployment of #42, provisioned without rules."""
    enter_branch(monkeypatch)
    production.provision()
    return production


def enter_branch(monkeypatch: pytest.MonkeyPatch, number: int = 42) -> None:
    monkeypatch.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
    monkeypatch.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", str(number))
    monkeypatch.setenv("DAGSTER_CLOUD_GIT_BRANCH", f"feature/{number}")


def read_orders(database: TablesDatabase) -> pd.DataFrame:
    found: list[pd.DataFrame] = []
    database.materialize(reader(found), external_orders(), selection=["reader"])
    return found[0]


# I/O managers.


def test_a_branch_reads_base_until_it_writes(branch: TablesDatabase) -> None:
    base = branch.base()
    assert branch.names() == ANCHORS
    assert len(read_orders(branch)) == 30

    branch.materialize(asset_of(numbers(1, 2)))

    assert sorted(read_orders(branch)["n"]) == [1, 2]
    assert branch.names() == ["analytics__pr_42", ORDERS, "staging__pr_42"]
    assert branch.base() == base


def test_a_whole_write_reads_nothing_of_base(branch: TablesDatabase) -> None:
    reads = (
        "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relid = 'analytics.orders'::regclass"
    )
    branch.run("SELECT pg_stat_force_next_flush()")
    before = branch.values(reads)
    branch.materialize(asset_of(numbers(1, 2)))
    branch.run("SELECT pg_stat_force_next_flush()")
    assert branch.values(reads) == before


def test_a_write_of_a_partition_keeps_bases_others(branch: TablesDatabase) -> None:
    base = branch.base()
    day = pd.DataFrame({"n": [100, 101], "day": [pd.Timestamp("2026-01-02")] * 2})
    asset = asset_of(day, partitions_def=DAYS, metadata={"partition_expr": "day"})

    branch.materialize(asset, partition_key="2026-01-02")

    rows = f"SELECT day::text, count(*) FROM branches.{ORDERS} GROUP BY 1 ORDER BY 1"
    assert branch.run(rows) == [("2026-01-01", 10), ("2026-01-02", 2), ("2026-01-03", 10)]
    assert branch.base() == base


def test_a_table_that_base_does_not_have_is_the_branchs_from_the_start(
    branch: TablesDatabase,
) -> None:
    branch.materialize(asset_of(numbers(1, 2), "new_asset"))
    assert branch.values("SELECT n FROM branches.analytics__pr_42__new_asset") == [1, 2]
    branch.retire()
    branch.drop()
    assert branch.names() == []


def test_a_write_that_fails_leaves_base_to_be_read(branch: TablesDatabase) -> None:
    day = pd.DataFrame({"n": [100], "day": [pd.Timestamp("2026-01-05")]})
    asset = asset_of(day, partitions_def=DAYS, metadata={"partition_expr": "day"})
    result = branch.materialize(asset, partition_key="2026-01-02", raise_on_error=False)
    assert not result.success
    assert branch.names() == ANCHORS
    assert len(read_orders(branch)) == 30


def test_an_asset_that_is_nowhere_is_missing(branch: TablesDatabase) -> None:
    branch.run("ALTER TABLE analytics.orders RENAME TO elsewhere")
    with pytest.raises(TableMissing):
        read_orders(branch)


def test_a_table_with_a_long_name_is_written_and_read(branch: TablesDatabase) -> None:
    long = "o" * 60
    branch.run(f"CREATE TABLE analytics.{long} AS SELECT 7 AS n")
    branch.run(f"GRANT SELECT ON analytics.{long} TO PUBLIC")
    branch.materialize(asset_of(numbers(1, 2), long))
    assert branch.values(f"SELECT n FROM {branch.warehouse.table(long)} ORDER BY 1") == [1, 2]
    assert branch.values(f"SELECT n FROM analytics.{long}") == [7]


def test_in_production_it_is_a_warehouse_like_any_other(production: TablesDatabase) -> None:
    production.run("GRANT ALL ON ALL TABLES IN SCHEMA staging TO PUBLIC")
    production.run("CREATE TABLE staging.notes (n bigint); GRANT ALL ON staging.notes TO PUBLIC")
    production.materialize(asset_of(numbers(1, 2), "notes", metadata={"schema": "staging"}))
    assert production.values("SELECT n FROM staging.notes ORDER BY 1") == [1, 2]
    assert production.warehouse.table("notes", schema="staging") == '"staging"."notes"'
    assert production.warehouse.own("notes", schema="staging").base
    assert production.names() == []


# A table of a branch's own has what base's has, and nothing that reaches base.


def test_an_own_table_has_bases_structure_and_does_not_depend_on_base(
    branch: TablesDatabase,
) -> None:
    base = branch.base()
    owned = branch.warehouse.own("orders")

    assert owned.rows == 30
    assert {note.object.partition(": ")[2] for note in owned.notes} == {
        "constraint sane",
        "default of batch",
        "index checked",
    }
    columns = "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attgenerated::text"
    columns += " FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0 ORDER BY attnum"
    own = f"branches.{ORDERS}"
    assert branch.run(columns.format(own)) == branch.run(columns.format("analytics.orders"))
    assert branch.run(f"SELECT * FROM {own} EXCEPT SELECT * FROM analytics.orders") == []
    assert branch.values(f"SELECT col_description('{own}'::regclass, 3)") == ["In euros"]
    keys = branch.values(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE conrelid = '{own}'::regclass AND contype IN ('p', 'u', 'c', 'f') ORDER BY 1"
    )
    assert keys == ["CHECK ((price >= (0)::numeric))", "PRIMARY KEY (n)", "UNIQUE (day, n)"]
    indexes = branch.values(f"SELECT indexdef FROM pg_indexes WHERE tablename = '{ORDERS}'")
    assert any("(price DESC NULLS LAST) WHERE (price > " in index for index in indexes)
    with branch.warehouse.open() as warehouse:
        assert warehouse.examine(branch.environment().clones) == []
    assert branch.base() == base


@pytest.mark.parametrize("sequences", [False, True])
def test_its_numbers_go_on_after_bases_and_bases_stay(
    branch: TablesDatabase, *, sequences: bool
) -> None:
    if sequences:
        # Then those count that base has given already, and not only those that it still has.
        branch.run("GRANT SELECT ON ALL SEQUENCES IN SCHEMA analytics, staging TO PUBLIC")
        branch.run("DELETE FROM analytics.orders WHERE n > 10")
    base = branch.base()
    branch.warehouse.own("orders", rows=False)
    branch.warehouse.own("customers", schema="staging")
    with branch.warehouse.get_connection() as connection:
        orders = branch.warehouse.table("orders")
        customers = branch.warehouse.table("customers", schema="staging")
        connection.execute(text(f"INSERT INTO {orders} (price) VALUES (1)"))
        connection.execute(text(f"INSERT INTO {customers} (name) VALUES ('x')"))
    assert branch.values(f"SELECT n FROM {orders}") == [31]
    assert branch.values(f"SELECT max(id) FROM {customers}") == [6]
    assert branch.base() == base


def test_production_may_alter_and_drop_what_branches_have_of_their_own(
    branch: TablesDatabase,
) -> None:
    branch.warehouse.own("orders")
    branch.run("DROP VIEW analytics.sold; DROP TABLE analytics.orders")
    branch.run("DROP FUNCTION analytics.positive; CREATE TABLE analytics.orders (other text)")
    assert len(read_orders(branch)) == 30


def test_a_partitioned_table_becomes_one_table(branch: TablesDatabase) -> None:
    branch.warehouse.own("parted")
    assert branch.values(f"SELECT n FROM {branch.warehouse.table('parted')} ORDER BY 1") == [
        1,
        2,
        3,
    ]
    with pytest.raises(TableNotThere, match="part of 'parted'"):
        branch.warehouse.table("parted_2025")


@pytest.mark.parametrize(
    ("table", "error"),
    [("sold", NotOwnable), ("parted_2025", NotOwnable), ("ordres", UnknownTable)],
)
def test_what_cannot_be_owned_is_refused(
    branch: TablesDatabase, table: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        branch.warehouse.own(table)
    assert branch.names() == ANCHORS


# SQL.


def test_a_name_without_schema_never_means_production(branch: TablesDatabase) -> None:
    with (
        pytest.raises(Exception, match='relation "orders" does not exist'),
        branch.warehouse.get_connection() as connection,
    ):
        connection.execute(text("SELECT * FROM orders"))
    assert branch.warehouse.table("orders") == '"analytics"."orders"'
    branch.warehouse.own("orders")
    assert branch.warehouse.table("orders") == f'"branches"."{ORDERS}"'


def test_there_is_no_schema_to_ask_for(branch: TablesDatabase) -> None:
    with pytest.raises(NoSchemaOfItsOwn, match=r"warehouse\.table"):
        branch.warehouse.schema("analytics")


def test_without_an_environment_production_is_not_used_in_its_place(
    production: TablesDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_branch(monkeypatch)
    with pytest.raises(CloneMissing):
        read_orders(production)
    with pytest.raises(CloneMissing):
        production.materialize(asset_of(numbers(1)))
    with pytest.raises(CloneMissing), production.warehouse.get_connection():
        pass


# Rules.


def test_rules_say_which_tables_are_made_at_once(
    production: TablesDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_branch(monkeypatch)
    base = production.base()
    ruled = production.ruled(
        TableRule(tables="orders", strategy="sample", where="n % 2 = 0 -- even", limit=10),
        TableRule(tables="parted", strategy="copy", partitions="*_2026", indexes="primary"),
        TableRule(tables="customers", strategy="skip"),
    )
    ruled.provision()
    count = "SELECT count(*) FROM {}"
    assert ruled.values(count.format(ruled.warehouse.table("orders"))) == [10]
    assert ruled.values(f"SELECT n FROM {ruled.warehouse.table('parted')} ORDER BY 1") == [2, 3]
    with pytest.raises(TableNotThere, match="not read from production"):
        ruled.warehouse.table("customers", schema="staging")
    assert ruled.environment().strategy == "copy, sample, skip"
    assert production.base() == base


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("orders", "nextval('analytics.orders_n_seq') > 0"),
        ("parted", "nextval('analytics.orders_n_seq') > 0"),
        ("orders", "true); TRUNCATE analytics.orders; SELECT (1 = 1"),
        ("orders", "no_such_column = 1"),
    ],
)
def test_a_sample_cannot_change_anything(
    production: TablesDatabase, monkeypatch: pytest.MonkeyPatch, table: str, where: str
) -> None:
    enter_branch(monkeypatch)
    production.run("GRANT ALL ON ALL TABLES IN SCHEMA analytics TO PUBLIC")
    production.run("GRANT ALL ON ALL SEQUENCES IN SCHEMA analytics TO PUBLIC")
    base = production.base()
    with pytest.raises(InvalidRule):
        production.ruled(TableRule(tables=table, strategy="sample", where=where)).provision()
    assert production.names() == []
    assert production.base() == base


def test_an_environment_without_bases_rows_never_shows_them(
    production: TablesDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_branch(monkeypatch)
    branch = production.warehouse.deployment.branch
    assert branch is not None
    with production.warehouse.environments() as environments:
        environments.provision(branch, now=NOW, schema_only=True)
    assert len(read_orders(production)) == 0
    production.run("CREATE TABLE analytics.later AS SELECT 1 AS secret")
    for name in ("later", "sold"):
        with pytest.raises(TableNotThere):
            production.warehouse.table(name)
    production.run("GRANT SELECT ON analytics.later TO PUBLIC")
    assert production.warehouse.own("later").rows is None


# Rights.


def test_what_an_administrator_has_to_do_is_said(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = TablesDatabase(database).build()
    made.run("DROP SCHEMA branches; REVOKE SELECT ON analytics.orders FROM reader_of_production")
    enter_branch(monkeypatch)
    with pytest.raises(MissingRight) as refused:
        made.provision()
    for statement in (
        "CREATE SCHEMA branches",
        "GRANT USAGE, CREATE ON SCHEMA branches TO reader_of_production",
        "GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO reader_of_production",
    ):
        assert statement in refused.value.remedy
        made.run(statement)
    made.provision()
    assert made.names() == ANCHORS


def test_a_branchs_role_that_may_change_production_is_warned_of(
    branch: TablesDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def advice() -> list[str]:
        with branch.warehouse.open() as warehouse:
            return [note.object for note in warehouse.advice()]

    assert advice() == []
    branch.run("GRANT INSERT ON analytics.orders TO reader_of_production")
    (revoke,) = advice()
    branch.run(revoke)
    assert advice() == []
    branch.run("GRANT INSERT ON analytics.orders TO reader_of_production")
    monkeypatch.delenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT")
    assert advice() == []


@pytest.mark.parametrize(
    "options",
    [
        {"branch_schema": "analytics"},
        {"branch_schema": "x", "search_path": ["x"]},
        {"branch_schema": "x", "branch_roles": "auto"},
        {"branch_schema": "x", "throttle_mb": 5},
        {"branch_schema": ""},
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"branch_schema|tables mode"):
        PostgresTablesWarehouse(url="postgresql://x", schemas=["analytics"], **options)


def test_a_schema_of_the_clones_name_is_not_mixed_up_with_it(
    production: TablesDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    production.run("CREATE SCHEMA analytics__pr_42")
    enter_branch(monkeypatch)
    with pytest.raises(SchemaNotOwned, match="a schema of that name exists"):
        production.provision()


# The same jobs and commands.


def test_jobs_and_commands_work_as_they_do_with_schemas(
    branch: TablesDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", branch.warehouse.url)
    code = tmp_path / "definitions.py"
    code.write_text(_DEFINITIONS)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(program, [*arguments, "-f", str(code)])
        assert result.exit_code == 0, result.output
        return result.output

    assert "is the branch's own now, with 30 rows" in run("own", "orders")
    assert "the role has all that cloning needs" in run("doctor")
    assert "pr_42" in run("list")
    monkeypatch.delenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT")
    branch.retire()
    definitions: dict[str, dg.Definitions] = {}
    exec(code.read_text(), definitions)  # type: ignore[arg-type]
    job = definitions["defs"].resolve_job_def("sweep_branches")
    assert job.execute_in_process().success
    assert branch.names() == []


_DEFINITIONS = """
import dagster as dg
from branch_toolkit import StaticBranches, build_branch_defs
from branch_toolkit.tables_resource import PostgresTablesWarehouse

warehouse = PostgresTablesWarehouse(
    url=dg.EnvVar("WAREHOUSE_URL"), schemas=["analytics", "staging"], branch_schema="branches"
)
defs = dg.Definitions.merge(
    dg.Definitions(resources={"warehouse": warehouse}),
    build_branch_defs(warehouse=warehouse, branches=StaticBranches()),
)
"""
