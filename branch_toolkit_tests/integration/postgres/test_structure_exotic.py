"""What few schemas have is cloned as well, or left out with a reason while the rest is cloned."""

from __future__ import annotations

import pytest

from branch_toolkit.warehouses.postgres.structure import read_leaks, read_structure
from branch_toolkit_tests.integration.postgres.oracle import Place, differences, make_clones
from branch_toolkit_tests.integration.postgres.test_structure import ROLES, clone, place, script

__all__ = ["place"]

CLONES = {"prod": "branch"}


def make(place: Place, *statements: str) -> None:
    with place.connect() as connection:
        connection.execute(ROLES)
        connection.execute("CREATE EXTENSION btree_gist SCHEMA public")
        connection.execute("CREATE SCHEMA prod; SET search_path = prod")
        for statement in statements:
            connection.execute(statement)


def major(place: Place) -> int:
    with place.connect() as connection:
        return connection.info.server_version // 10000


def test_an_exotic_schema_is_cloned_without_a_difference(place: Place) -> None:
    make(place, script("exotic_schema.sql"))
    if major(place) >= 18:
        with place.connect() as connection:
            connection.execute("SET search_path = prod, public")
            connection.execute(script("exotic_schema_18.sql"))

    else:
        with place.connect() as connection:
            connection.execute(
                "CREATE TABLE prod.plain_parent (id integer, doubled integer);"
                "CREATE TABLE prod.computing_child (id integer, doubled integer GENERATED ALWAYS AS"
                " (id * 3) STORED) INHERITS (prod.plain_parent)"
            )

    structure = clone(place, CLONES)

    assert structure.omitted == ()
    assert differences(place, CLONES) == []
    with place.connect() as connection:
        rows = "SELECT length::text, lengths::text FROM branch.shifts ORDER BY shifts.length"
        assert connection.execute(rows).fetchall() == [("5", "{1,2}"), ("10", None)]
        (same,) = connection.execute(
            "SELECT (TABLE branch.toasted) = (TABLE prod.toasted)"
        ).fetchone() or (None,)
        assert same is True


def test_a_view_that_reads_itself_is_cloned(place: Place) -> None:
    # pg_dump writes what cannot be restored, so that there is nothing to compare with.
    make(
        place,
        "CREATE VIEW mirror AS SELECT 1 AS n",
        "CREATE OR REPLACE VIEW mirror AS SELECT n FROM mirror",
    )

    assert clone(place, CLONES).omitted == ()

    with place.connect() as connection:
        definition = connection.execute("SELECT pg_get_viewdef('branch.mirror'::regclass)")
        assert "branch.mirror" in str(definition.fetchone())


def test_casts_are_cloned_before_what_is_parsed_by_them(place: Place) -> None:
    make(
        place,
        "CREATE TYPE grade AS ENUM ('1', '2')",
        "CREATE FUNCTION number(grade) RETURNS integer LANGUAGE sql IMMUTABLE RETURN $1::text::int",
        "CREATE CAST (grade AS integer) WITH FUNCTION number(grade) AS IMPLICIT",
        "CREATE CAST (integer AS grade) WITH INOUT AS ASSIGNMENT",
        "COMMENT ON CAST (grade AS integer) IS 'To count'",
        "CREATE TABLE a_pupil (mark grade DEFAULT 1, CHECK (mark::integer > 0))",
        "INSERT INTO a_pupil DEFAULT VALUES",
        "CREATE VIEW average AS SELECT avg(mark) FROM a_pupil",
    )

    assert clone(place, CLONES).omitted == ()

    with place.connect() as connection:
        assert connection.execute("SELECT avg FROM branch.average").fetchone() == (1,)
        casts = connection.execute(
            "SELECT castsource::regtype::text, castmethod, castcontext,"
            " obj_description(c.oid, 'pg_cast') FROM pg_cast c"
            " JOIN pg_type t ON t.oid IN (castsource, casttarget)"
            " WHERE t.typnamespace = 'branch'::regnamespace ORDER BY 1"
        )
        assert casts.fetchall() == [
            ("branch.grade", "f", "i", "To count"),
            ("integer", "i", "a", None),
        ]


def test_extensions_in_base_may_have_types_of_every_sort_and_shared_names(place: Place) -> None:
    make(
        place,
        # Row types, and a domain with checks of its own.
        "CREATE EXTENSION tablefunc; CREATE EXTENSION cube; CREATE EXTENSION earthdistance",
        "CREATE EXTENSION pg_trgm",
        # Named like a function of pg_trgm.
        "CREATE FUNCTION similarity(integer, integer) RETURNS integer LANGUAGE sql RETURN $1 - $2",
        "COMMENT ON FUNCTION similarity(integer, integer) IS 'Ours'",
        "CREATE TABLE pairs (a text, b text, one tablefunc_crosstab_2, at earth,"
        " own integer DEFAULT similarity(2, 1))",
        "CREATE INDEX pairs_a ON pairs USING gin (a gin_trgm_ops)",
        "CREATE VIEW theirs AS SELECT similarity(a, b) FROM pairs",
        "CREATE VIEW ours AS SELECT similarity(own, 3) FROM pairs",
        "CREATE VIEW either AS SELECT similarity(a, b) + similarity(own, 3) AS both FROM pairs",
    )

    structure = clone(place, CLONES)

    # Which of both is meant where cannot be told.
    omitted = {one.object: one.reason for one in structure.omitted if "extension" not in one.object}
    assert "prod.similarity" in omitted.pop("view prod.either")
    assert omitted == {}
    with place.connect() as connection:
        connection.execute("DROP VIEW prod.either")
    assert differences(place, CLONES) == []


def test_tables_of_an_extension_are_not_referred_to(place: Place) -> None:
    make(place, "CREATE TABLE shared (id integer PRIMARY KEY CHECK (id > 0))")
    with place.connect() as connection:
        # As a script of an extension would have made it.
        connection.execute("CREATE EXTENSION citext SCHEMA prod")
        connection.execute("ALTER EXTENSION citext ADD TABLE prod.shared")
        connection.execute("CREATE TABLE prod.users (id integer REFERENCES prod.shared)")

    structure = clone(place, CLONES)

    omitted = {one.object: one.reason for one in structure.omitted}
    assert "prod.shared" in omitted.pop("constraint users_id_fkey on table prod.users")
    assert list(omitted) == ["extension citext"]


def test_a_clones_name_may_end_like_another_base(place: Place) -> None:
    with place.connect() as connection:
        connection.execute(
            "CREATE SCHEMA a; CREATE SCHEMA c; CREATE TYPE c.kind AS ENUM ('x');"
            "CREATE TABLE a.t (id serial, kind c.kind DEFAULT 'x');"
            "CREATE VIEW c.v AS SELECT t.id, 'x'::c.kind AS kind FROM a.t"
        )
    clones = {"a": "a__c", "c": "c__c"}

    assert clone(place, clones).omitted == ()

    assert differences(place, clones) == []


def test_a_circle_that_cannot_be_opened_is_left_out(place: Place) -> None:
    make(
        place,
        "CREATE TABLE fine (id integer)",
        "CREATE VIEW v AS SELECT 1 AS n",
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM v; END",
        "CREATE MATERIALIZED VIEW m AS SELECT f() AS n",
        "CREATE OR REPLACE FUNCTION f() RETURNS bigint LANGUAGE sql"
        " BEGIN ATOMIC SELECT count(*) FROM m; END",
    )

    structure = clone(place, CLONES)

    assert [table.table for table in structure.tables] == ["fine"]
    omitted = {one.object: one.reason for one in structure.omitted}
    assert "circle" in omitted.pop("function f()")
    assert "circle" in omitted.pop("materialized view m")
    assert omitted == {}


def test_who_is_no_superuser_gets_the_rest(place: Place) -> None:
    make(place, script("exotic_schema.sql"))
    with place.connect() as connection:
        connection.execute(
            "CREATE FUNCTION prod.sealed() RETURNS int LANGUAGE sql LEAKPROOF RETURN 1;"
            "CREATE FUNCTION prod.open() RETURNS int LANGUAGE sql RETURN 1;"
            "CREATE VIEW prod.sealed_view AS SELECT prod.sealed();"
            f'GRANT CREATE ON DATABASE "{place.database}" TO reader;'
            "GRANT USAGE ON SCHEMA prod TO reader;"
            "GRANT SELECT ON ALL TABLES IN SCHEMA prod TO reader"
        )
    with place.connect(autocommit=False) as connection:
        connection.execute("SET LOCAL ROLE reader")
        structure = read_structure(connection, CLONES)
        # Sequences are read by those who may.
        connection.execute("RESET ROLE; GRANT SELECT ON ALL SEQUENCES IN SCHEMA prod TO reader")
        connection.execute("SET LOCAL ROLE reader")
        make_clones(connection, structure, CLONES)
        assert read_leaks(connection, CLONES) == ()

    omitted = {one.object: one.reason for one in structure.omitted}
    for exotic in ("type prod.minutes", "operator family prod.times for access method btree"):
        assert omitted.pop(exotic) == "Only a superuser can make one."
    assert "superuser" in omitted.pop("function prod.sealed()")
    assert "sealed" in omitted.pop("view sealed_view")
    assert "prod.minutes" in omitted.pop("table shifts")
    made = {one.object for one in (*structure.before_data, *structure.after_data)}
    assert {"function open()", "view hen", "table keyed"} <= made


def test_privileges_that_new_objects_get_are_taken_back(place: Place) -> None:
    make(
        place,
        "CREATE TABLE seen (id serial); CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE TYPE kind AS ENUM ('x'); CREATE TABLE given (id integer)",
        "GRANT SELECT ON given TO writer",
    )
    with place.connect() as connection:
        connection.execute(
            "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT ON TABLES TO reader;"
            "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO reader;"
            "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
            "ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC"
        )

    clone(place, CLONES)

    assert differences(place, CLONES) == []


@pytest.mark.parametrize("name", ["pg_class", "pg_depend", "pg_attribute", "pg_proc", "pg_type"])
def test_tables_may_be_named_like_catalogs(place: Place, name: str) -> None:
    make(place, f"CREATE TABLE {name} (id integer PRIMARY KEY)", "CREATE TABLE t (id serial)")

    assert {table.table for table in clone(place, CLONES).tables} == {name, "t"}

    assert differences(place, CLONES) == []
