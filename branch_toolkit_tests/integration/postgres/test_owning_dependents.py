"""What uses a deferred table uses the branch's own afterwards, and is otherwise what it was."""

from __future__ import annotations

import pytest

from branch_toolkit.warehouses.postgres.owning.errors import NotDeferred, StillNeeded
from branch_toolkit_tests.integration.postgres.branch import CLONES, Branch
from branch_toolkit_tests.integration.postgres.oracle import Place
from branch_toolkit_tests.integration.postgres.test_owning import SHOP
from branch_toolkit_tests.integration.postgres.test_structure import ROLES, place

__all__ = ["place"]


@pytest.fixture
def branch(place: Place) -> Branch:
    """A branch with views on deferred tables."""
    with place.connect() as connection:
        connection.execute(ROLES)
        connection.execute(SHOP)
        connection.execute(
            "CREATE VIEW prod.rich WITH (security_barrier) AS"
            "  SELECT id, name AS who FROM prod.customers WHERE id > 5;"
            "CREATE VIEW prod.richer AS SELECT r.who, o.id FROM prod.rich r"
            "  JOIN prod.orders o ON o.customer_id = r.id;"
            "CREATE VIEW prod.richest AS SELECT who, count(*) AS n FROM prod.richer GROUP BY who;"
            "COMMENT ON VIEW prod.rich IS 'Rich'; GRANT SELECT ON prod.richest TO reader"
        )
    made = Branch(place, CLONES)
    made.provision()
    return made


def kind(branch: Branch, name: str) -> str:
    return str(
        branch.value(f"SELECT relkind::text FROM pg_class WHERE oid = 'br.{name}'::regclass")
    )


def test_views_on_views_show_the_branchs_rows_and_stay_what_they_are(branch: Branch) -> None:
    state = (
        "SELECT c.oid, c.relacl::text, c.reloptions, obj_description(c.oid) FROM pg_class c"
        " WHERE c.relnamespace = 'br'::regnamespace AND relname LIKE 'rich%' ORDER BY relname"
    )
    before = branch.run(state)
    branch.own("customers")
    assert branch.run(state) == before
    branch.run("UPDATE br.customers SET name = 'new'")
    assert branch.run("SELECT DISTINCT who FROM br.richest") == [("new",)]
    branch.own("orders")
    branch.run("DELETE FROM br.orders")
    assert branch.run("SELECT * FROM br.richest") == []
    assert branch.value("SELECT count(*) FROM prod.richest") == 5


def test_views_that_the_branch_made_are_turned_too(branch: Branch) -> None:
    branch.run(
        'CREATE VIEW br."Mine" ("A b") AS SELECT count(*) FROM br.customers;'
        "CREATE RECURSIVE VIEW br.up (n) AS SELECT min(id) FROM br.customers"
        "  UNION ALL SELECT n + 1 FROM up WHERE n < 3;"
        "GRANT SELECT ON br.customers TO writer; GRANT SELECT (name) ON br.customers TO reader"
    )
    branch.own("customers", rows=False)
    assert branch.run('SELECT "A b" FROM br."Mine"') == [(0,)]
    assert branch.run("SELECT * FROM br.up") == [(None,)]
    held = "SELECT has_table_privilege('writer', 'br.customers', 'SELECT'),"
    held += " has_column_privilege('reader', 'br.customers', 'name', 'SELECT'),"
    held += " has_table_privilege('reader', 'br.customers', 'SELECT')"
    assert branch.run(held) == [(True, True, False)]


def test_materialized_views_are_made_again_with_all_they_have(branch: Branch) -> None:
    branch.run(
        "CREATE MATERIALIZED VIEW br.m1 WITH (fillfactor = 70) AS"
        "  SELECT id, name FROM br.customers;"
        "CREATE MATERIALIZED VIEW br.m2 AS SELECT count(*) AS n FROM br.m1;"
        "CREATE MATERIALIZED VIEW br.m3 AS SELECT id FROM br.customers WITH NO DATA;"
        "CREATE UNIQUE INDEX m1_id ON br.m1 (id); COMMENT ON INDEX br.m1_id IS 'Unique';"
        "COMMENT ON MATERIALIZED VIEW br.m1 IS 'First'; GRANT SELECT ON br.m1 TO reader;"
        "ALTER MATERIALIZED VIEW br.m1 ALTER COLUMN name SET STATISTICS 42;"
        "CREATE VIEW br.on_m2 AS SELECT n + 1 AS more FROM br.m2"
    )
    before = branch.dump()
    branch.own("customers")
    dumped = [line for line in branch.dump() if "m1" in line or "First" in line or "Unique" in line]
    assert [one for one in before if "m1" in one or "First" in one or "Unique" in one] == dumped
    state = "SELECT relname, relispopulated FROM pg_class WHERE relkind = 'm' AND relname ~ '^m.$'"
    assert branch.run(f"{state} ORDER BY 1") == [("m1", True), ("m2", True), ("m3", False)]
    assert branch.run("SELECT more FROM br.on_m2") == [(11,)]
    branch.run("DELETE FROM br.customers; REFRESH MATERIALIZED VIEW CONCURRENTLY br.m1")
    assert branch.run("REFRESH MATERIALIZED VIEW br.m2; SELECT 1") is not None
    assert branch.run("SELECT more FROM br.on_m2") == [(1,)]


def test_functions_rules_and_policies_are_turned(branch: Branch) -> None:
    branch.run(
        "CREATE FUNCTION br.how_many() RETURNS bigint LANGUAGE sql BEGIN ATOMIC"
        "  SELECT count(*) FROM br.customers; END;"
        "CREATE FUNCTION br.shout(br.customers) RETURNS text LANGUAGE sql RETURN upper(($1).name);"
        "CREATE FUNCTION br.everyone() RETURNS SETOF br.customers LANGUAGE sql BEGIN ATOMIC"
        "  SELECT * FROM br.customers; END;"
        "COMMENT ON FUNCTION br.shout IS 'Loud'; REVOKE ALL ON FUNCTION br.everyone FROM PUBLIC;"
        "CREATE VIEW br.loud AS SELECT br.shout(c) FROM br.customers c;"
        "CREATE VIEW br.all_of_them AS SELECT name FROM br.everyone();"
        "CREATE TABLE br.mine (id integer);"
        "CREATE RULE counted AS ON INSERT TO br.mine WHERE NEW.id = 0"
        "  DO INSTEAD UPDATE br.customers SET name = 'ruled';"
        "COMMENT ON RULE counted ON br.mine IS 'Counts';"
        "CREATE POLICY known ON br.mine USING (id IN (SELECT id FROM br.customers));"
        "COMMENT ON POLICY known ON br.mine IS 'Known'"
    )
    branch.own("customers")
    branch.run("INSERT INTO br.mine VALUES (0)")
    assert branch.value("SELECT br.how_many()") == 10
    assert branch.run("SELECT DISTINCT shout FROM br.loud") == [("RULED",)]
    assert branch.run("SELECT DISTINCT name FROM br.all_of_them") == [("ruled",)]
    assert branch.value("SELECT obj_description('br.shout'::regproc, 'pg_proc')") == "Loud"
    assert branch.value("SELECT proacl::text !~ '[{,]=' FROM pg_proc WHERE proname = 'everyone'")
    found = "SELECT obj_description(oid) FROM {} WHERE {} = '{}'"
    assert branch.value(found.format("pg_rewrite", "rulename", "counted")) == "Counts"
    assert branch.value(found.format("pg_policy", "polname", "known")) == "Known"
    left = "SELECT count(*) FROM pg_proc WHERE proname ~ '_deferred_customers|_replaced'"
    assert branch.value(left) == 0


def test_views_of_other_tables_of_the_environment_are_turned(place: Place) -> None:
    with place.connect() as connection:
        connection.execute(SHOP)
        connection.execute(
            "CREATE SCHEMA lake; CREATE TABLE lake.t (id integer); INSERT INTO lake.t VALUES (1);"
            "CREATE VIEW lake.both AS SELECT c.name FROM prod.customers c JOIN lake.t USING (id)"
        )
    branch = Branch(place, {"prod": "br", "lake": "lake_br"})
    branch.provision()
    branch.own("customers")
    branch.run("UPDATE br.customers SET name = 'new'")
    assert branch.run("SELECT name FROM lake_br.both") == [("new",)]
    branch.own("t", base="lake", rows=False)
    assert branch.run("SELECT name FROM lake_br.both") == []


@pytest.mark.parametrize(
    ("statement", "culprit"),
    [
        ("CREATE SCHEMA x; CREATE VIEW x.theirs AS SELECT * FROM br.customers", "x.theirs"),
        ("CREATE TABLE br.uses (c br.customers)", "table br.uses"),
        ("CREATE VIEW br.whole AS SELECT c FROM br.customers c", "br.whole"),
        ("CREATE TABLE br.uses (c br._deferred_customers)", "table uses"),
        ("CREATE DOMAIN br.d AS br.customers", "br.d"),
    ],
    ids=["outside", "column", "whole row", "type", "domain"],
)
def test_what_cannot_be_turned_is_named_and_nothing_changed(
    branch: Branch, statement: str, culprit: str
) -> None:
    branch.run(statement)
    before = branch.dump()
    with pytest.raises(Exception, match=r"(?s).*") as caught:
        branch.own("customers")
    assert culprit in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert branch.dump() == before
    assert kind(branch, "customers") == "v"


def test_a_view_that_groups_by_a_key_is_mended_or_forbidden(branch: Branch) -> None:
    branch.run(
        "CREATE VIEW prod.per AS SELECT c.id, c.name, count(o.id) AS n FROM prod.customers c"
        " JOIN prod.orders o ON o.customer_id = c.id GROUP BY c.id;"
        "COMMENT ON VIEW prod.per IS 'Per customer'; GRANT SELECT ON prod.per TO reader"
    )
    branch.run("DROP SCHEMA br CASCADE")
    branch.provision()
    branch.run("CREATE VIEW br.sum_of_per AS SELECT sum(n)::int FROM br.per")
    assert branch.value("SELECT sum FROM br.sum_of_per") == 100

    first = branch.own("orders")
    assert "can no longer be read" in str([note.text for note in first.notes])
    with pytest.raises(Exception, match=r"key of prod\.customers") as caught:
        branch.run("SELECT * FROM br.sum_of_per")
    assert "own" in str(caught.value)

    branch.own("customers")
    branch.run("DELETE FROM br.orders WHERE id > 30")
    assert branch.value("SELECT sum FROM br.sum_of_per") == 30
    assert branch.value("SELECT obj_description('br.per'::regclass)") == "Per customer"
    assert branch.value("SELECT has_table_privilege('reader', 'br.per', 'SELECT')")


def test_a_view_that_groups_by_a_key_of_the_owned_table_is_mended_at_once(branch: Branch) -> None:
    branch.run("DROP SCHEMA br CASCADE")
    branch.run("CREATE VIEW prod.names AS SELECT id, name FROM prod.customers GROUP BY id")
    branch.provision()
    branch.own("customers", rows=False)
    assert branch.run("SELECT * FROM br.names") == []


def test_a_deferred_materialized_view_is_computed_from_the_branchs_tables(branch: Branch) -> None:
    branch.run("DROP SCHEMA br CASCADE")
    branch.run(
        "CREATE MATERIALIZED VIEW prod.many AS SELECT count(*) AS n FROM prod.customers;"
        "CREATE UNIQUE INDEX many_n ON prod.many (n);"
        "CREATE MATERIALIZED VIEW prod.named AS SELECT id, name FROM prod.customers GROUP BY id;"
        "CREATE VIEW prod.on_many AS SELECT n FROM prod.many"
    )
    branch.provision()
    with pytest.raises(NotDeferred, match="customers"):
        branch.own("named")
    branch.own("customers")
    branch.run("DELETE FROM br.customers WHERE id > 3")
    assert branch.value("SELECT n FROM br.on_many") == 10
    branch.own("many")
    assert (branch.value("SELECT n FROM br.on_many"), kind(branch, "many")) == (3, "m")
    branch.own("named")
    assert branch.value("SELECT count(*) FROM br.named") == 3


def test_dependents_outside_are_never_touched(branch: Branch) -> None:
    branch.run("CREATE SCHEMA x; CREATE MATERIALIZED VIEW x.theirs AS SELECT * FROM br.customers")
    with pytest.raises(StillNeeded, match="outside"):
        branch.own("customers")
    assert branch.value("SELECT count(*) FROM x.theirs") == 10
