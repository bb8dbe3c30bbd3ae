"""What only Postgres can get wrong: locks, dependents, rights, errors that tell what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from branch_toolkit.core.errors import (
    BaseBusy,
    CloneFailed,
    EnvironmentBusy,
    MissingRight,
    SchemaInUse,
    WarehouseUnavailable,
)
from branch_toolkit.core.plan import Progress
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit.warehouses.postgres.connection import create_engine, parse_url, transaction
from branch_toolkit_tests.integration.scene import BRANCH, CLONES, NOW, SCHEMAS, Scene


@pytest.fixture
def scene(database: str) -> Scene:
    return Scene(database).build()


def test_references_among_the_base_schemas_lead_to_the_clones(scene: Scene) -> None:
    scene.provision()
    with scene.connect() as connection:
        connection.execute("DELETE FROM analytics__pr_42.t1; DELETE FROM staging__pr_42.t1")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("INSERT INTO analytics__pr_42.t1 (amount) VALUES (1)")
        connection.execute("TRUNCATE analytics__pr_42.t0 CASCADE")
        totals = connection.execute("SELECT count(*) FROM analytics__pr_42.totals").fetchone()
    assert totals == (0,)


def test_sequences_of_the_clone_are_its_own_and_go_on_from_bases(scene: Scene) -> None:
    scene.provision()
    with scene.connect() as connection:
        insert = "INSERT INTO {}.t0 (amount) VALUES (1) RETURNING id"
        assert connection.execute(insert.format("staging__pr_42")).fetchone() == (4001,)
        assert connection.execute(insert.format("staging")).fetchone() == (4001,)


def test_base_can_be_altered_and_dropped_as_if_there_were_no_clone(scene: Scene) -> None:
    scene.provision()
    with scene.connect() as connection:
        connection.execute("SET lock_timeout = '2s'")
        connection.execute("ALTER TABLE analytics.t1 ALTER amount TYPE bigint")
        connection.execute("DROP SCHEMA analytics, staging CASCADE")
        rows = connection.execute("SELECT count(*) FROM analytics__pr_42.t0").fetchone()
    assert rows == (4000,)


def test_base_is_locked_access_share_at_most(scene: Scene) -> None:
    seen: set[str] = set()
    done = threading.Event()
    watcher = threading.Thread(target=_watch_locks, args=(scene, seen, done))
    watcher.start()
    try:
        for _ in range(3):
            scene.provision(refresh=True)
    finally:
        done.set()
        watcher.join()
    assert seen == {"AccessShareLock"}


def test_a_base_table_under_ddl_is_given_way_to_and_nothing_is_made(scene: Scene) -> None:
    with _locked(scene, "analytics.t3"), pytest.raises(BaseBusy, match="nothing was changed"):
        scene.environments(lock_timeout=0.2).provision(BRANCH, now=NOW)
    assert scene.schemas() == set()
    scene.provision()
    scene.assert_complete()


def test_a_base_table_that_is_added_between_plan_and_apply_comes_with_the_next_refresh(
    scene: Scene,
) -> None:
    def alter() -> None:
        with scene.connect() as connection:
            connection.execute("CREATE TABLE analytics.late AS SELECT 1 AS n")

    _meddle(scene, alter).provision(BRANCH, now=NOW)
    assert scene.environment() is not None
    scene.provision(refresh=True)
    with scene.connect() as connection:
        assert connection.execute("SELECT n FROM analytics__pr_42.late").fetchone() == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE analytics.t2",
        "TRUNCATE analytics.t2",
        "ALTER TABLE analytics.t2 RENAME TO gone; CREATE TABLE analytics.t2 (id int)",
        "ALTER TABLE analytics.t2 ADD extra int DEFAULT 5",
    ],
)
def test_a_base_table_that_changes_between_plan_and_apply_is_copied_as_it_is_then(
    scene: Scene, statement: str
) -> None:
    def alter() -> None:
        with scene.connect() as connection:
            connection.execute(statement)

    _meddle(scene, alter).provision(BRANCH, now=NOW)
    scene.assert_complete()


def test_rows_that_move_into_a_partition_between_plan_and_apply_are_not_lost(
    scene: Scene,
) -> None:
    with scene.connect() as connection:
        connection.execute("CREATE TABLE analytics.p (n int) PARTITION BY RANGE (n)")
        connection.execute("CREATE TABLE analytics.p_rest PARTITION OF analytics.p DEFAULT")
        connection.execute("INSERT INTO analytics.p SELECT generate_series(1, 20)")

    def split() -> None:
        with scene.connect() as connection, connection.transaction():
            connection.execute("CREATE TABLE analytics.p_low (n int)")
            connection.execute(
                "WITH moved AS (DELETE FROM analytics.p_rest WHERE n <= 10 RETURNING n)"
                " INSERT INTO analytics.p_low SELECT n FROM moved"
            )
            connection.execute(
                "ALTER TABLE analytics.p ATTACH PARTITION analytics.p_low"
                " FOR VALUES FROM (1) TO (11)"
            )

    _meddle(scene, split).provision(BRANCH, now=NOW)
    with scene.connect() as connection:
        assert connection.execute("SELECT count(*) FROM analytics__pr_42.p").fetchone() == (20,)


def test_an_object_of_somebody_else_that_depends_on_a_clone_keeps_it_from_being_dropped(
    scene: Scene,
) -> None:
    scene.provision()
    scene.retire()
    with scene.connect() as connection:
        connection.execute("CREATE VIEW public.theirs AS SELECT * FROM analytics__pr_42.t0")
    with pytest.raises(SchemaInUse, match=r"view .*theirs"):
        scene.drop()
    assert scene.schemas() == set(CLONES)
    with scene.connect() as connection:
        connection.execute("DROP VIEW public.theirs")
    scene.drop()
    assert scene.schemas() == set()


def test_so_does_one_that_is_made_after_the_plan(scene: Scene) -> None:
    scene.provision()
    scene.retire()

    def depend() -> None:
        with scene.connect() as connection:
            connection.execute("CREATE VIEW public.theirs AS SELECT * FROM analytics__pr_42.t0")

    with pytest.raises(SchemaInUse):
        _meddle(scene, depend).drop("pr_42", now=NOW)
    assert scene.schemas() == set(CLONES)


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (["CREATE EXTENSION plpgsql_check_stand_in"], "extension"),
        (["CREATE PUBLICATION theirs FOR TABLE analytics__pr_42.t0"], "publication theirs"),
        (["CREATE PUBLICATION theirs FOR TABLES IN SCHEMA analytics__pr_42"], "publication"),
        (["CREATE TABLE public.child () INHERITS (analytics__pr_42.t0)"], "child"),
        (["CREATE TABLE public.rows (mood analytics__pr_42.mood)"], "rows"),
        (["CREATE TABLE public.fk (id int REFERENCES analytics__pr_42.t0 (id))"], "fk"),
    ],
    ids=["extension", "publication", "publication of the schema", "child", "type", "foreign key"],
)
def test_whatever_drop_cascade_would_take_along_keeps_a_clone(
    scene: Scene, statements: list[str], named: str
) -> None:
    scene.provision()
    scene.retire()
    with scene.connect() as connection:
        if named == "extension":
            # Any that the server has; what counts is that it lies in the clone.
            statements = ["CREATE EXTENSION hstore SCHEMA analytics__pr_42"]
            available = connection.execute("SELECT name FROM pg_available_extensions").fetchall()
            assert ("hstore",) in available
        for statement in statements:
            connection.execute(statement.encode())
    with pytest.raises(SchemaInUse, match=named):
        scene.drop()
    with pytest.raises(SchemaInUse, match=named):
        scene.provision(refresh=True)
    assert scene.schemas() == set(CLONES)


def test_a_view_that_is_made_while_a_refresh_runs_is_not_dropped_by_it(scene: Scene) -> None:
    scene.provision()

    def depend() -> None:
        with scene.connect() as connection:
            connection.execute("CREATE VIEW public.theirs AS SELECT * FROM analytics__pr_42.t0")

    with pytest.raises(SchemaInUse):
        _meddle(scene, depend).provision(BRANCH, now=NOW, refresh=True)
    with scene.connect() as connection:
        assert connection.execute("SELECT count(*) FROM public.theirs").fetchone() == (4000,)


@pytest.mark.parametrize("place", ["audit.log()", "analytics.log()"])
def test_a_trigger_that_would_write_outside_of_the_clone_is_left_out_and_named(
    scene: Scene, place: str
) -> None:
    with scene.connect() as connection:
        connection.execute("CREATE SCHEMA audit; CREATE TABLE audit.entries (id int)")
        connection.execute(
            f"CREATE FUNCTION {place} RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO audit.entries VALUES (NEW.id); RETURN NEW; END'".encode()
        )
        connection.execute(
            f"CREATE TRIGGER logged AFTER INSERT ON analytics.t0"
            f" FOR EACH ROW EXECUTE FUNCTION {place}".encode()
        )
    report = scene.provision()
    assert any("trigger logged on t0" in note.object for note in report.plan.notes)
    with scene.connect() as connection:
        connection.execute("INSERT INTO staging__pr_42.t0 (id) VALUES (0)")
        connection.execute("INSERT INTO analytics__pr_42.t0 (id, amount) VALUES (0, 1)")
        assert connection.execute("SELECT count(*) FROM audit.entries").fetchone() == (0,)


def test_a_trigger_that_stays_within_the_clone_is_cloned(scene: Scene) -> None:
    with scene.connect() as connection:
        connection.execute(
            "CREATE FUNCTION analytics.double() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN NEW.amount := NEW.amount * 2; RETURN NEW; END'"
        )
        connection.execute(
            "CREATE TRIGGER doubled BEFORE INSERT ON analytics.t0"
            " FOR EACH ROW EXECUTE FUNCTION analytics.double()"
        )
    scene.provision()
    insert = "INSERT INTO analytics__pr_42.t0 (id, amount) VALUES (0, 1) RETURNING amount"
    with scene.connect() as connection:
        connection.execute("INSERT INTO staging__pr_42.t0 (id) VALUES (0)")
        assert connection.execute(insert).fetchone() == (2,)


def test_a_view_on_what_is_not_cloned_is_named(scene: Scene) -> None:
    with scene.connect() as connection:
        connection.execute("CREATE SCHEMA raw CREATE TABLE raw.orders (id int)")
        connection.execute("CREATE VIEW analytics.raw_orders AS SELECT * FROM raw.orders")
    notes = scene.provision().plan.notes
    assert any("raw.orders, which is not cloned" in note.text for note in notes)


def test_a_clone_in_which_the_branch_refers_to_base_does_not_block_another(scene: Scene) -> None:
    one = replace(scene.environments(), schemas=("analytics",))
    with scene.connect() as connection:
        connection.execute("CREATE SCHEMA solo CREATE TABLE solo.t (n int)")
    replace(one, schemas=("solo",)).provision(BRANCH, now=NOW)
    with scene.connect() as connection:
        connection.execute("CREATE VIEW solo__pr_42.mine AS SELECT * FROM staging.t0")
    both = replace(one, schemas=("solo", "staging"))
    assert both.provision(BRANCH, now=NOW).applied


def test_a_statement_that_takes_too_long_is_not_called_a_wrong_host(database: str) -> None:
    with (  # noqa: PT012
        pytest.raises(CloneFailed, match="statement timeout"),
        transaction(create_engine(database)) as connection,
    ):
        connection.execute("SET LOCAL statement_timeout = '10ms'")
        connection.execute("SELECT pg_sleep(5)")


def test_who_waits_for_another_run_is_told_and_gives_up_at_last(scene: Scene) -> None:
    told: list[Progress] = []
    adapter = PostgresAdapter(create_engine(scene.url), patience=0.6)
    with scene.connect() as connection:
        connection.execute(
            "SELECT pg_advisory_lock(hashtextextended("
            "'branch_toolkit:' || current_database() || ':pr_42', 0))"
        )
        with pytest.raises(EnvironmentBusy, match="pr_42"):
            replace(scene.environments(), warehouse=adapter).provision(
                BRANCH, now=NOW, on_progress=told.append
            )
    assert "another run works on this environment" in told[0].text


def test_missing_rights_are_named_as_the_grants_to_execute(scene: Scene) -> None:
    login = _role(scene)
    with PostgresAdapter.connect(login) as adapter:
        environments = Environments(adapter, scene.environments().project, SCHEMAS, scene.rules)
        with pytest.raises(MissingRight) as caught:
            environments.provision(BRANCH, now=NOW)
        grants = adapter.missing_grants(SCHEMAS)
        assert all(grant in str(caught.value) for grant in grants)
        with scene.connect() as connection:
            for grant in grants:
                connection.execute(grant.encode())
        assert adapter.missing_grants(SCHEMAS) == []
        environments.provision(BRANCH, now=NOW)
    scene.assert_complete()


def test_a_server_that_is_not_there_is_named() -> None:
    with (
        PostgresAdapter.connect("postgresql://me:hunter2@127.0.0.1:1/db") as adapter,
        pytest.raises(WarehouseUnavailable, match=r"127\.0\.0\.1:1.*Check host and port") as caught,
    ):
        adapter.identity()
    assert "hunter2" not in str(caught.value)


def test_a_wrong_password_is_named_and_not_shown(database: str) -> None:
    url = make_url(database).set(password="hunter2").render_as_string(hide_password=False)
    with (
        PostgresAdapter.connect(url) as adapter,
        pytest.raises(WarehouseUnavailable, match="Check the user and the password") as caught,
    ):
        adapter.identity()
    assert "hunter2" not in str(caught.value)


def test_a_database_that_does_not_exist_is_named(database: str) -> None:
    url = make_url(database).set(database="nowhere").render_as_string(hide_password=False)
    with (
        PostgresAdapter.connect(url) as adapter,
        pytest.raises(WarehouseUnavailable, match=r'"nowhere" does not exist.*Check the name'),
    ):
        adapter.identity()


@pytest.mark.parametrize("text", ["", "nonsense", "mysql://me:hunter2@host/db", "WAREHOUSE_URL"])
def test_a_url_of_something_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(WarehouseUnavailable, match="not one of Postgres") as caught:
        parse_url(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_a_url_for_another_driver_is_taken_for_psycopg(scheme: str) -> None:
    assert parse_url(f"{scheme}://me@host/db").drivername == "postgresql+psycopg"


def _meddle(scene: Scene, act: object) -> Environments:
    """Environments whose first `apply` finds that something was done after the plan."""

    class Meddled(PostgresAdapter):
        def apply(self, plan, **options):  # type: ignore[no-untyped-def]  # noqa: ANN
            if not done:
                done.append(True)
                act()  # type: ignore[operator]
            return super().apply(plan, **options)

    done: list[bool] = []
    return replace(scene.environments(), warehouse=Meddled(create_engine(scene.url)))


@contextmanager
def _locked(scene: Scene, table: str) -> Iterator[None]:
    with scene.connect() as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield


def _watch_locks(scene: Scene, seen: set[str], done: threading.Event) -> None:
    query = (
        "SELECT DISTINCT mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " WHERE relnamespace IN ('analytics'::regnamespace, 'staging'::regnamespace)"
        " AND pid <> pg_backend_pid()"
    )
    with scene.connect() as connection:
        while not done.is_set():
            seen.update(mode for (mode,) in connection.execute(query))
            time.sleep(0.001)


def _role(scene: Scene) -> str:
    """The URL of an ordinary role without any rights."""
    url = make_url(scene.url)
    name = f"ordinary_{url.database}"[:63]
    with scene.connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'ordinary'").format(sql.Identifier(name))
        )
    return url.set(username=name, password="ordinary").render_as_string(hide_password=False)
