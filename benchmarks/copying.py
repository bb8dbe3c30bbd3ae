"""What it takes to copy TPC-H, beside what else would do it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.ground import Ground, drop, provision
from benchmarks.results import Part, times
from benchmarks.timing import seconds
from branch_toolkit.core.strategy import COPY_ALL, Indexes, Rule, Strategy
from branch_toolkit_demo.postgres_programs import wheel_programs
from branch_toolkit_demo.production import TABLES, load_tpch

_CLONE_SCHEMA = "PG_CLONE_SCHEMA_SQL"
"""Names the file of pg-clone-schema's function, which is not ours to distribute."""
_INDEXES = (
    "CREATE INDEX ON tpch.lineitem (l_shipdate)",
    "CREATE INDEX ON tpch.lineitem (l_partkey, l_suppkey)",
    "CREATE INDEX ON tpch.orders (o_custkey)",
    "CREATE INDEX ON tpch.partsupp (ps_suppkey)",
)


def measure(ground: Ground, part: Part, *, scale: float) -> None:
    """Loads TPC-H, and copies it in every way."""
    load_tpch(ground.url, schema="tpch", scale=scale)
    ground.execute(*_INDEXES, "VACUUM ANALYZE")
    heap = float(ground.value(_SIZE.format(function="pg_table_size")))
    indexes = float(ground.value(_SIZE.format(function="pg_indexes_size")))
    floor = _bare(ground)
    taken = {"bare CREATE TABLE AS, no keys, no indexes (the floor)": floor}
    for connections in (2, 1):
        taken[f"*copy*, {connections} connection(s)"] = _ours(ground, COPY_ALL, connections)
    unique = Rule(tables="*", strategy=Strategy.COPY, indexes=Indexes.UNIQUE)
    taken["*copy*, indexes='primary', 2 connections"] = _ours(ground, unique, 2)
    taken["pg_dump -Fd -j2, pg_restore -j2 (into another database)"] = _dump_and_restore(ground)
    if os.environ.get(_CLONE_SCHEMA):
        taken["pg-clone-schema"] = _clone_schema(ground, Path(os.environ[_CLONE_SCHEMA]))
    part.table(
        f"Copying TPC-H at scale {scale:g}: {heap / 1e9:.2f} GB of tables, {indexes / 1e9:.2f} GB"
        " of indexes, all keys",
        ("how", "seconds", "of the floor"),
        [(how, f"{value:.1f}", times(value, floor)) for how, value in taken.items()],
    )
    if not os.environ.get(_CLONE_SCHEMA):
        part.lines.append(f"pg-clone-schema was not measured: {_CLONE_SCHEMA} names no file.\n")


_SIZE = """
SELECT sum({function}(oid)) FROM pg_class WHERE relnamespace = 'tpch'::regnamespace
AND relkind = 'r'
"""


def _bare(ground: Ground) -> float:
    ground.execute("CREATE SCHEMA floor", "CHECKPOINT")
    taken = seconds(
        lambda: ground.execute(
            *(f"CREATE TABLE floor.{table} AS TABLE tpch.{table}" for table in TABLES)
        )
    )
    ground.execute("DROP SCHEMA floor CASCADE")
    return taken


def _ours(ground: Ground, rule: Rule, connections: int) -> float:
    ground.execute("CHECKPOINT")
    with ground.environments(["tpch"], rule, connections=connections) as environments:
        taken = seconds(lambda: provision(environments, 1))
        drop(environments, 1)
    return taken


def _dump_and_restore(ground: Ground) -> float:
    programs = wheel_programs()
    ground.execute("DROP DATABASE IF EXISTS restored", "CREATE DATABASE restored", "CHECKPOINT")
    target = ground.conninfo.rpartition("/")[0] + "/restored"
    with tempfile.TemporaryDirectory(prefix="dump-") as folder:
        dumped = Path(folder, "dump")
        dump = [programs / "pg_dump", "-Fd", "-j2", "--compress=0", "-n", "tpch"]
        restore = [programs / "pg_restore", "-j2", "-d", target, dumped]

        def both() -> None:
            subprocess.run([*dump, "-f", dumped, ground.conninfo], check=True)
            subprocess.run(restore, check=True)

        taken = seconds(both)
    ground.execute("DROP DATABASE restored")
    return taken


def _clone_schema(ground: Ground, file: Path) -> float:
    ground.execute(file.read_text(encoding="utf-8"), "CHECKPOINT")
    call = "SELECT public.clone_schema('tpch', 'tpch_cloned', 'DATA')"
    taken = seconds(lambda: ground.execute(call))
    ground.execute("DROP SCHEMA tpch_cloned CASCADE")
    return taken
