"""A deferred table becomes the branch's own, with all that base's has."""

from __future__ import annotations

import re

import pytest

from branch_toolkit.core.strategy import COPY_ALL, Rule, Strategy
from branch_toolkit.warehouses.postgres.owning.errors import (
    BaseTableGone,
    NotDeferred,
    OwningFailed,
    StaleSnapshot,
    UnknownTable,
)
from branch_toolkit.warehouses.postgres.structure import read_leaks, read_structure
from branch_toolkit_tests.integration.postgres.branch import CLONES, Branch
from branch_toolkit_tests.integration.postgres.oracle import Place, make_clones
from branch_toolkit_tests.integration.postgres.test_structure import make_hard_schema, place

__all__ = ["place"]

SHOP = """
CREATE SCHEMA prod;
CREATE TABLE prod.customers (
    id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x' CHECK (name <> ''), worth numeric(8, 2)
);
CREATE TABLE prod.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES prod.customers
);
CREATE INDEX orders_customer ON prod.orders (customer_id);
CREATE TABLE prod.events (day date NOT NULL, id integer, PRIMARY KEY (day, id))
    PARTITION BY RANGE (day);
CREATE TABLE prod.events_1 PARTITION OF prod.events
    FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE prod.events_2 PARTITION OF prod.events
    FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO prod.customers (name) SELECT 'c' || n FROM generate_series(1, 10) n;
INSERT INTO prod.orders (customer_id) SELECT 1 + n % 10 FROM generate_series(1, 100) n;
INSERT INTO prod.events SELECT '2026-01-01'::date + n, n FROM generate_series(0, 49) n;
ANALYZE;
"""


@pytest.fixture
def branch(place: Place) -> Branch:
    """A branch in which all tables are deferred."""
    with place.connect() as connection:
        connection.execute(SHOP)
    made = Branch(place, CLONES)
    made.provision()
    return made


def test_all_tables_owned_equal_a_copy(place: Place) -> None:
    make_hard_schema(place, "prod")
    branch = Branch(place, CLONES)
    deferred = branch.provision().deferred

    for table in deferred:
        if table.table != "sums":  # A view, which comes along with the tables whose keys it needs.
            branch.own(table.table)

    with place.connect(autocommit=False) as connection:
        copied = read_structure(connection, {"prod": "copied"}, (COPY_ALL,))
        make_clones(connection, copied, {"prod": "copied"})
    ours, theirs = _objects(branch.dump()), _objects(place.dump(["copied"]))
    assert {one.splitlines()[0] for one in ours - theirs} == {
        "_deferred_write(); Type: FUNCTION; Schema: ; Owner: postgres"
    }
    assert theirs - ours == set()
    for table in copied.tables:
        rows = 'SELECT count(*), sum(hashtext(t::text)) FROM ONLY {}."{}" AS t'
        if not table.table.startswith("hashed"):
            assert branch.run(rows.format("br", table.table)) == branch.run(
                rows.format("copied", table.table)
            )


def _objects(dump: list[str]) -> set[str]:
    """What a dump makes, wherever it is, but for types and collations, which a branch shares."""
    found = re.split(r"\n--\n-- Name: ", "\n".join(dump))
    plain = [
        re.sub(r"\b(prod|br|copied)\b\.?", "", one).split("\n\nSET ")[0].strip() for one in found
    ]
    shared = re.compile(
        r"; Type: (TYPE|DOMAIN|SCHEMA|COLLATION)|^(TYPE|DOMAIN|COLLATION|COLUMN address)|ON DOMAIN"
    )
    return {one for one in plain if not shared.search(one.splitlines()[0])}


def test_rows_come_along_and_base_stays(branch: Branch) -> None:
    owned = branch.own("orders")

    assert owned.rows == 100
    branch.run("DELETE FROM br.orders WHERE id > 10")
    assert branch.value("SELECT count(*) FROM br.orders") == 10
    assert branch.value("SELECT count(*) FROM prod.orders") == 100
    assert branch.run("INSERT INTO br.orders (customer_id) VALUES (1) RETURNING id") == [(101,)]


def test_without_rows_the_table_is_empty(branch: Branch) -> None:
    owned = branch.own("customers", rows=False)
    assert owned.rows is None
    assert branch.value("SELECT count(*) FROM br.customers") == 0
    assert branch.run("INSERT INTO br.customers DEFAULT VALUES RETURNING id, name") == [(11, "x")]


def test_what_is_owned_already_is_left_alone(branch: Branch) -> None:
    branch.own("customers")
    branch.run("DELETE FROM br.customers")
    owned = branch.own("customers")
    assert owned.made == ()
    assert "already" in owned.summary
    assert branch.value("SELECT count(*) FROM br.customers") == 0


@pytest.mark.parametrize("named", ["events", "events_2"])
def test_a_partitioned_table_is_owned_whole(branch: Branch, named: str) -> None:
    owned = branch.own(named)
    assert {table.table: table.rows for table in owned.made} == {
        "events": None,
        "events_1": 31,
        "events_2": 19,
    }
    branch.run("DELETE FROM br.events WHERE day < '2026-02-01'")
    assert branch.value("SELECT count(*) FROM br.events_1") == 0
    assert branch.value("SELECT count(*) FROM prod.events_1") == 31


def test_partitions_that_base_got_since_are_made_too(branch: Branch) -> None:
    branch.run(
        "CREATE TABLE prod.events_3 PARTITION OF prod.events"
        " FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');"
        "INSERT INTO prod.events VALUES ('2026-03-05', 1)"
    )
    branch.own("events")
    assert branch.value("SELECT count(*) FROM br.events") == 51
    assert branch.value("SELECT count(*) FROM br.events_3") == 1


@pytest.mark.parametrize("order", [("customers", "orders"), ("orders", "customers")])
def test_foreign_keys_come_with_the_second_of_both_tables(
    branch: Branch, order: tuple[str, str]
) -> None:
    first, second = (branch.own(table) for table in order)
    keys = (
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = 'br.orders'::regclass"
    )
    assert branch.run(keys) == [("orders_customer_id_fkey",)]
    assert [note.text[:25] for note in first.notes] == (
        ["It refers to customers, w"] if order[0] == "orders" else []
    )
    assert second.notes == ()


def test_a_foreign_key_that_the_branchs_rows_do_not_fit_is_left_out(branch: Branch) -> None:
    branch.own("customers")
    branch.run("DELETE FROM br.customers WHERE id > 5")
    owned = branch.own("orders")
    assert "do not fit" in owned.notes[0].text
    assert branch.value("SELECT count(*) FROM br.orders") == 100


def test_a_sequence_that_the_branch_has_used_is_not_set_back(branch: Branch) -> None:
    branch.run("SELECT setval('br.customers_id_seq', 500)")
    branch.own("customers")
    assert branch.run("INSERT INTO br.customers DEFAULT VALUES RETURNING id") == [(501,)]


def test_a_column_that_base_got_since_is_there(branch: Branch) -> None:
    branch.run("ALTER TABLE prod.customers ADD COLUMN more integer DEFAULT 7")
    branch.own("customers")
    assert branch.value("SELECT sum(more) FROM br.customers") == 70


def test_copied_tables_are_left_alone(place: Place) -> None:
    with place.connect() as connection:
        connection.execute(SHOP)
    branch = Branch(place, CLONES)
    branch.provision(Rule(tables="customers", strategy=Strategy.COPY))
    assert branch.own("customers").made == ()
    assert branch.own("orders").notes == ()
    with pytest.raises(Exception, match="orders_customer_id_fkey"):
        branch.run("INSERT INTO br.orders (customer_id) VALUES (77)")


def test_triggers_that_reach_out_of_the_branch_are_left_out(branch: Branch) -> None:
    branch.run(
        "CREATE TABLE prod.log (at timestamptz);"
        "CREATE FUNCTION prod.logs() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO prod.log VALUES (now()); RETURN NEW; END';"
        "CREATE TRIGGER logs BEFORE INSERT ON prod.customers"
        " FOR EACH ROW EXECUTE FUNCTION prod.logs()"
    )
    branch.run(
        "CREATE FUNCTION br.logs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    )
    owned = branch.own("customers")
    assert "outside" in str([note.text for note in owned.notes])
    branch.run("INSERT INTO br.customers DEFAULT VALUES")
    assert branch.value("SELECT count(*) FROM prod.log") == 0


def test_base_owes_the_branch_nothing(branch: Branch) -> None:
    for table in ("events", "orders", "customers"):
        branch.own(table)
    with branch.connect() as connection:
        assert read_leaks(connection, CLONES) == ()
    branch.run("DROP SCHEMA prod CASCADE")
    assert branch.value("SELECT count(*) FROM br.orders") == 100


def test_base_is_locked_no_stronger_than_by_a_reader(branch: Branch) -> None:
    with branch.connect() as holder, holder.transaction():
        # What an open reader and an open writer of base hold.
        holder.execute("LOCK TABLE prod.orders IN ROW EXCLUSIVE MODE")
        holder.execute("SELECT setval('prod.customers_id_seq', 10)")
        assert branch.own("orders", lock_timeout=0.5).rows == 100
        assert branch.own("customers", lock_timeout=0.5).rows == 10


def test_names_that_are_no_tables_are_refused(branch: Branch) -> None:
    branch.run("CREATE VIEW br.seen AS SELECT * FROM br.orders")
    with pytest.raises(UnknownTable, match="orders"):
        branch.own("ordres")
    with pytest.raises(NotDeferred, match="view"):
        branch.own("seen")


def test_a_table_that_is_gone_from_base_is_named(branch: Branch) -> None:
    branch.run("DROP TABLE prod.events")
    with pytest.raises(BaseTableGone, match="events"):
        branch.own("events")


def test_something_else_of_a_partitions_name_is_left_alone(branch: Branch) -> None:
    branch.run("DROP VIEW br.events_1; CREATE TABLE br.events_1 (mine integer)")
    with pytest.raises(OwningFailed, match="events_1"):
        branch.own("events")
    assert branch.run("SELECT mine FROM br.events_1") == []


def test_a_transaction_that_looks_at_the_past_is_refused(branch: Branch) -> None:
    from branch_toolkit.warehouses.postgres.owning import Place as Where
    from branch_toolkit.warehouses.postgres.owning import own

    with branch.connect() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(StaleSnapshot):
            own(connection, Where("pr_42", CLONES, "prod"), "orders", rows=True)


def test_the_transaction_is_left_as_it_was(branch: Branch) -> None:
    from branch_toolkit.warehouses.postgres.owning import Place as Where
    from branch_toolkit.warehouses.postgres.owning import finish, own

    names = ("search_path", "lock_timeout", "row_security", "check_function_bodies")
    query = "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
    with branch.connect() as connection, connection.transaction():
        connection.execute("SET LOCAL search_path = br, public")
        before = connection.execute(query.encode()).fetchone()
        finish(connection, own(connection, Where("pr_42", CLONES, "prod"), "orders", rows=True))
        assert connection.execute(query.encode()).fetchone() == before
