"""Clones that are made from a structure equal base, and owe it nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from psycopg import sql

from branch_toolkit.core.errors import BaseSchemaNotFound, MissingRight
from branch_toolkit.warehouses.postgres.structure import Structure, read_leaks, read_structure
from branch_toolkit_demo.postgres_programs import find_installed, wheel_programs
from branch_toolkit_tests.integration.postgres.oracle import Place, differences, make_clones

FOLDER = Path(__file__).parent
STRANGE = """Strange "N'a.me" é%s {x}\\ y"""
LONGEST = "ü" * 31 + "x"
ROLES = """
DO $$ BEGIN CREATE ROLE reader; CREATE ROLE writer;
EXCEPTION WHEN duplicate_object THEN NULL; END $$
"""
EXTENSION = "CREATE EXTENSION btree_gist SCHEMA public"


@pytest.fixture(params=[18, 15])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Two databases of the test's own, on each major version."""
    server = request.getfixturevalue(f"postgres_{request.param}")
    programs = wheel_programs() if request.param == 18 else find_installed(request.param)
    assert programs is not None
    name = f"structure_{os.urandom(4).hex()}"
    place = Place(server, programs, name, f"{name}_scratch")
    server.create_database(place.database)
    server.create_database(place.scratch)
    yield place
    server.drop_database(place.database)
    server.drop_database(place.scratch)


def script(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def make_hard_schema(place: Place, base: str) -> None:
    with place.connect() as connection:
        connection.execute(ROLES)
        connection.execute(EXTENSION)
        schema = sql.Identifier(base)
        make = sql.SQL("CREATE SCHEMA {}; SET search_path = {}").format(schema, schema)
        connection.execute(make)
        connection.execute(script("hard_schema.sql"))
        connection.execute(script("hard_rows.sql"))


def make_two_schemas(place: Place) -> None:
    with place.connect() as connection:
        connection.execute(script("two_schemas.sql"))


def clone(place: Place, clones: Mapping[str, str]) -> Structure:
    with place.connect(autocommit=False) as connection:
        structure = read_structure(connection, clones)
        make_clones(connection, structure, clones)
        assert read_leaks(connection, clones) == ()
    return structure


# A schema that is called like a table, an alias or a keyword is where rewriting text goes wrong.
@pytest.mark.parametrize("base", ["analytics", STRANGE, LONGEST, "customers", "c", "new", "mood"])
def test_a_hard_schema_is_cloned_without_a_difference(place: Place, base: str) -> None:
    make_hard_schema(place, base)
    clones = {base: 'A "clone'}

    structure = clone(place, clones)

    assert structure.omitted == ()
    assert differences(place, clones) == []


@pytest.mark.parametrize("order", [("shop", "depot"), ("depot", "shop")])
def test_schemas_that_need_each_other_are_cloned_without_a_difference(
    place: Place, order: tuple[str, str]
) -> None:
    make_two_schemas(place)
    clones = {base: f"{base} 42" for base in order}

    structure = clone(place, clones)

    assert structure.omitted == ()
    assert differences(place, clones) == []


def test_dagsters_own_tables_are_cloned_without_a_difference(place: Place) -> None:
    url = place.server.url(place.database)
    engine = sqlalchemy.create_engine(url, connect_args={"options": "-csearch_path=dagster"})
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE SCHEMA dagster"))
        for metadata in (
            RunStorageSqlMetadata,
            SqlEventLogStorageMetadata,
            ScheduleStorageSqlMetadata,
        ):
            metadata.create_all(connection)
    engine.dispose()
    clones = {"dagster": "dagster__pr_42"}

    structure = clone(place, clones)

    assert len(structure.tables) > 10
    assert differences(place, clones) == []


def test_rows_are_equal(place: Place) -> None:
    make_hard_schema(place, "prod")
    structure = clone(place, {"prod": "branch"})

    with place.connect() as connection:
        for table in structure.tables:
            ours, theirs = (sql.Identifier(schema, table.table) for schema in ("branch", "prod"))
            # As text, since values of types of prod and branch cannot be compared.
            rows = sql.SQL("SELECT t::text FROM ONLY {} AS t")
            query = sql.SQL(
                "SELECT count(*) FROM (({a} EXCEPT ALL {b}) UNION ALL ({b} EXCEPT ALL {a})) AS x"
            ).format(a=rows.format(ours), b=rows.format(theirs))
            if not table.table.startswith("hashed"):
                assert connection.execute(query).fetchone() == (0,), table.table
        # An enum hashes by its oid, so that rows may lie in another partition.
        count = "SELECT (SELECT count(*) FROM branch.hashed), (SELECT count(*) FROM prod.hashed)"
        assert connection.execute(count).fetchone() == (20, 20)
        same = "SELECT * FROM branch.daily EXCEPT ALL SELECT * FROM prod.daily"
        assert connection.execute(same).fetchall() == []


def test_sequences_go_on_by_themselves(place: Place) -> None:
    make_hard_schema(place, "prod")
    clone(place, {"prod": "branch"})
    insert = "INSERT INTO {}.orders (customer_id, amount) VALUES (1, 1) RETURNING id, ticket"

    with place.connect() as connection:
        expected = connection.execute("SELECT last_value FROM prod.ticket").fetchone()
        first = connection.execute(insert.format("branch")).fetchone()
        connection.execute(insert.format("branch"))
        after = connection.execute("SELECT last_value FROM prod.ticket").fetchone()
        assert after == expected
        with place.connect() as other:
            assert other.execute(insert.format("prod")).fetchone() == first


def test_base_can_be_dropped_and_the_clone_stays(place: Place) -> None:
    make_two_schemas(place)
    clones = {"shop": "shop_42", "depot": "depot_42"}
    clone(place, clones)
    before = place.dump(clones.values())

    with place.connect() as connection:
        connection.execute("DROP SCHEMA shop, depot CASCADE")

    assert place.dump(clones.values()) == before


def test_base_is_locked_no_stronger_than_by_a_reader(place: Place) -> None:
    make_hard_schema(place, "prod")
    clones = {"prod": "branch"}
    with place.connect(autocommit=False) as connection:
        make_clones(connection, read_structure(connection, clones), clones)
        locks = connection.execute(
            "SELECT DISTINCT mode FROM pg_locks JOIN pg_class c ON c.oid = relation"
            " WHERE pid = pg_backend_pid() AND c.relnamespace = 'prod'::regnamespace"
        ).fetchall()
    assert locks == [("AccessShareLock",)]


def test_reading_leaves_the_transaction_as_it_was(place: Place) -> None:
    make_hard_schema(place, "prod")
    state = "SELECT current_setting('search_path'), current_setting('enable_nestloop')"
    with place.connect(autocommit=False) as connection:
        connection.execute("SET LOCAL search_path = public, prod")
        before = connection.execute(state).fetchone()
        first = read_structure(connection, {"prod": "branch"})
        assert read_structure(connection, {"prod": "branch"}) == first
        assert connection.execute(state).fetchone() == before
        held = connection.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_class c ON c.oid = relation"
            " WHERE pid = pg_backend_pid() AND c.relnamespace = 'prod'::regnamespace"
        )
        assert held.fetchone() == (0,)


def test_a_change_of_base_shows(place: Place) -> None:
    make_hard_schema(place, "prod")
    with place.connect() as connection:
        before = read_structure(connection, {"prod": "branch"})
        connection.execute("INSERT INTO prod.animals VALUES (9, 'rows do not count'); ANALYZE")
        assert read_structure(connection, {"prod": "branch"}) == before
        connection.execute("ALTER TABLE prod.animals ALTER COLUMN name SET DEFAULT 'y'")
        assert read_structure(connection, {"prod": "branch"}) != before


def test_the_number_of_queries_does_not_grow_with_the_tables(place: Place) -> None:
    class Counting(psycopg.Cursor[Any]):
        queries = 0

        def execute(self, *args: Any, **kwargs: Any) -> Any:
            Counting.queries += 1
            return super().execute(*args, **kwargs)

    counts = []
    with place.connect() as connection:
        connection.execute("CREATE SCHEMA prod")
        for number in range(2):
            for table in range(number * 20, number * 20 + 20):
                connection.execute(f"CREATE TABLE prod.t{table} (id serial PRIMARY KEY)")
            connection.cursor_factory = Counting
            Counting.queries = 0
            read_structure(connection, {"prod": "branch"})
            counts.append(Counting.queries)
            connection.cursor_factory = psycopg.Cursor
    assert counts[0] == counts[1]


def test_a_missing_schema_is_named(place: Place) -> None:
    with place.connect() as connection, pytest.raises(BaseSchemaNotFound, match="nowhere"):
        read_structure(connection, {"nowhere": "branch"})


def test_a_schema_that_may_not_be_used_is_refused(place: Place) -> None:
    with place.connect() as connection:
        connection.execute(ROLES)
        connection.execute("CREATE SCHEMA prod; CREATE TABLE prod.orders (id serial)")
        connection.execute("SET ROLE reader")
        with pytest.raises(MissingRight, match="prod"):
            read_structure(connection, {"prod": "branch"})
