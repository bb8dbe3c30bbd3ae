"""The warehouse resource on a real Postgres: one code, its own schemas in every deployment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pytest
import sqlalchemy
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from branch_toolkit import PostgresWarehouse, Strategy, TableRule
from branch_toolkit.core import errors
from branch_toolkit_tests.contract.harness import PostgresHarness

BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_PULL_REQUEST_ID": "42"}
NOW = datetime.now(tz=timezone.utc)
Become = Callable[..., None]
Use = Callable[[PostgresWarehouse], object]
COPY = [TableRule(tables="*", strategy=Strategy.COPY)]
UNREACHABLE = PostgresWarehouse(url="postgresql://nobody@127.0.0.1:1/none", schemas=["analytics"])


@pytest.fixture
def dwh(database: str) -> PostgresHarness:
    """Production: two schemas, and a role that finds `analytics` by itself, as production's do."""
    harness = PostgresHarness(database)
    harness.create("analytics", {"orders": [1, 2]})
    harness.create("staging", {"raw": [3]})
    name = sql.Identifier(str(make_url(database).database))
    harness._run(sql.SQL("ALTER DATABASE {} SET search_path = analytics").format(name))
    return harness


@pytest.fixture
def warehouse(dwh: PostgresHarness) -> PostgresWarehouse:
    return PostgresWarehouse(url=dwh.url, schemas=["analytics", "staging"], rules=COPY)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Sets the deployment's variables."""

    def become(variables: dict[str, str] = BRANCH) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return become


@pytest.fixture
def in_branch(warehouse: PostgresWarehouse, become: Become) -> PostgresWarehouse:
    """In the branch deployment of #42, whose environment is there."""
    become()
    provision(warehouse)
    return warehouse


def provision(warehouse: PostgresWarehouse) -> None:
    branch = warehouse.deployment.branch
    assert branch
    with warehouse.environments() as environments:
        environments.provision(branch, now=NOW)


def insert(connection: sqlalchemy.Connection, number: int) -> None:
    connection.execute(text("INSERT INTO orders VALUES (:n)"), {"n": number})


def orders(dwh: PostgresHarness, schema: str = "analytics") -> list[int]:
    return dwh.content()[schema][1]["orders"]


class TestBase:
    def test_schemas_are_production_and_the_database_is_not_even_asked(self) -> None:
        assert UNREACHABLE.schema("analytics") == "analytics"
        assert UNREACHABLE.schema("not configured") == "not configured"

    def test_a_connection_reads_and_writes_production(
        self, dwh: PostgresHarness, warehouse: PostgresWarehouse
    ) -> None:
        with warehouse.get_connection() as connection:
            insert(connection, 3)
        assert orders(dwh) == [1, 2, 3]

    def test_unqualified_names_are_looked_up_in_the_order_of_the_schemas(
        self, warehouse: PostgresWarehouse
    ) -> None:
        with warehouse.get_connection() as connection:
            path = connection.execute(text("SHOW search_path")).scalar_one()
        assert path == "analytics, staging"

    @pytest.mark.parametrize("flag", ["0", "", "false", "False"])
    def test_a_flag_that_says_no_is_base(self, become: Become, flag: str) -> None:
        become({**BRANCH, "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": flag})
        assert UNREACHABLE.schema("analytics") == "analytics"


class TestBranch:
    def test_schemas_are_the_branchs_clones(self, in_branch: PostgresWarehouse) -> None:
        assert in_branch.schema("analytics") == "analytics__pr_42"
        assert in_branch.resolve() == {
            "analytics": "analytics__pr_42",
            "staging": "staging__pr_42",
        }

    def test_a_connection_reads_and_writes_the_clone(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        with in_branch.get_connection() as connection:
            insert(connection, 3)
            connection.execute(text("CREATE TABLE made (n int)"))
        assert orders(dwh) == [1, 2]
        assert orders(dwh, "analytics__pr_42") == [1, 2, 3]
        assert "made" in dwh.content()["analytics__pr_42"][1]
        assert "made" not in dwh.content()["analytics"][1]

    @pytest.mark.parametrize(
        "interlude",
        [
            lambda connection: connection.commit(),
            lambda connection: connection.rollback(),
            lambda connection: [connection.commit() for _ in range(3)],
            lambda connection: connection.execution_options(isolation_level="SERIALIZABLE"),
        ],
        ids=["commit", "rollback", "commits", "other isolation"],
    )
    def test_it_stays_there_after(
        self,
        dwh: PostgresHarness,
        in_branch: PostgresWarehouse,
        interlude: Callable[[sqlalchemy.Connection], object],
    ) -> None:
        with in_branch.get_connection() as connection:
            interlude(connection)
            for number in (7, 8):
                insert(connection, number)
                connection.commit()
                interlude(connection)
        assert orders(dwh) == [1, 2]
        assert orders(dwh, "analytics__pr_42") == [1, 2, 7, 8]

    def test_it_stays_there_after_an_error_that_was_caught(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        with in_branch.get_connection() as connection:
            with pytest.raises(sqlalchemy.exc.ProgrammingError):
                connection.execute(text("SELECT * FROM nowhere"))
            connection.rollback()
            insert(connection, 7)
        assert orders(dwh) == [1, 2]
        assert orders(dwh, "analytics__pr_42") == [1, 2, 7]

    def test_it_stays_there_after_a_savepoint_was_rolled_back(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        with in_branch.get_connection() as connection:
            with connection.begin() as outer:
                nested = connection.begin_nested()
                insert(connection, 7)
                nested.rollback()
                insert(connection, 8)
                outer.commit()
            with connection.begin():
                insert(connection, 9)
        assert orders(dwh) == [1, 2]
        assert orders(dwh, "analytics__pr_42") == [1, 2, 8, 9]

    def test_another_connection_of_the_same_engine_is_there_too(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        with in_branch.get_connection() as connection, connection.engine.begin() as other:
            insert(other, 7)
        assert orders(dwh) == [1, 2]
        assert orders(dwh, "analytics__pr_42") == [1, 2, 7]

    # The way to COPY; it begins no transaction of SQLAlchemy's.
    def test_a_driver_cursor_is_there_too(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        with in_branch.get_connection() as connection:
            driver: Any = connection.connection
            with driver.cursor() as cursor, cursor.copy("COPY orders FROM STDIN") as copy:
                copy.write_row([7])
            driver.commit()
        assert orders(dwh) == [1, 2]
        assert orders(dwh, "analytics__pr_42") == [1, 2, 7]

    # SQLAlchemy believes that its transaction goes on.
    @pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
    def test_it_stays_there_after_a_transaction_that_was_ended_by_sql(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse, end: str
    ) -> None:
        with in_branch.get_connection() as connection:
            connection.execute(text("SELECT 1"))
            connection.execute(text(end))
            insert(connection, 7)
        assert orders(dwh) == [1, 2]
        assert orders(dwh, "analytics__pr_42") == [1, 2, 7]

    def test_what_a_driver_cursor_wrote_is_committed_at_the_end(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        with in_branch.get_connection() as connection:
            driver: Any = connection.connection
            with driver.cursor() as cursor:
                cursor.execute("INSERT INTO analytics__pr_42.orders VALUES (7)")
        assert orders(dwh, "analytics__pr_42") == [1, 2, 7]

    # SQLAlchemy takes any case, and options of an engine come by no event of the connection's.
    @pytest.mark.parametrize(
        ("of", "level"),
        [("connection", "AUTOCOMMIT"), ("connection", "Autocommit"), ("engine", "AUTOCOMMIT")],
    )
    def test_autocommit_is_refused_with_a_remedy_and_writes_nothing_to_production(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse, level: str, of: str
    ) -> None:
        refused = None
        try:
            with in_branch.get_connection() as connection:
                if of == "connection":
                    insert(connection.execution_options(isolation_level=level), 7)
                else:
                    engine = connection.engine.execution_options(isolation_level=level)
                    with engine.connect() as other:
                        insert(other, 7)
        except errors.BranchToolkitError as error:
            refused = error
        assert orders(dwh) == [1, 2]
        assert refused
        assert "commit after each statement with connection.commit()" in refused.remedy

    @pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()], ids=repr)
    def test_an_error_rolls_back_and_passes_as_it_is(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse, error: BaseException
    ) -> None:
        def work() -> None:
            with in_branch.get_connection() as connection:
                insert(connection, 7)
                raise error

        with pytest.raises(type(error)):
            work()
        assert orders(dwh, "analytics__pr_42") == [1, 2]

    def test_no_connection_is_left_open(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        with in_branch.get_connection() as connection:
            insert(connection, 7)
        [(left,)] = dwh._run(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert left == 0

    def test_a_schema_that_is_not_cloned_is_refused(self, in_branch: PostgresWarehouse) -> None:
        with pytest.raises(errors.UnknownSchema, match="Schema 'marts' is not cloned") as raised:
            in_branch.schema("marts")
        assert "Add it to `schemas`" in raised.value.remedy

    def test_further_schemas_come_after_the_branchs_own(
        self, dwh: PostgresHarness, become: Become
    ) -> None:
        dwh.create("extensions", {"orders": [99], "shared": [1]})
        warehouse = PostgresWarehouse(
            url=dwh.url, schemas=["analytics"], search_path=["extensions"], rules=COPY
        )
        become()
        provision(warehouse)
        with warehouse.get_connection() as connection:
            insert(connection, 7)
            assert connection.execute(text("SELECT n FROM shared")).scalar_one() == 1
        assert orders(dwh, "analytics__pr_42") == [1, 2, 7]

    def test_a_base_schema_never_comes_onto_a_branchs_path(
        self, dwh: PostgresHarness, become: Become
    ) -> None:
        def work() -> None:
            warehouse = PostgresWarehouse(
                url=dwh.url, schemas=["analytics"], search_path=["analytics"]
            )
            provision(warehouse)
            with warehouse.get_connection() as connection:
                connection.execute(text("DROP TABLE orders"))
                connection.commit()
                insert(connection, 7)

        become()
        with suppress(ValueError, errors.BranchToolkitError, sqlalchemy.exc.DBAPIError):
            work()
        assert orders(dwh) == [1, 2]

    def test_a_schema_of_any_name_is_quoted(self, dwh: PostgresHarness, become: Become) -> None:
        odd = "We\"ird; DROP SCHEMA analytics --'"
        dwh.create(odd, {"orders": [1]})
        warehouse = PostgresWarehouse(url=dwh.url, schemas=[odd], rules=COPY)
        become()
        provision(warehouse)
        with warehouse.get_connection() as connection:
            insert(connection, 7)
        assert orders(dwh, odd) == [1]
        assert orders(dwh, warehouse.schema(odd)) == [1, 7]

    def test_any_way_to_write_a_postgres_url_will_do(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        for driver in ("postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"):
            url = driver + dwh.url[dwh.url.index("://") :]
            warehouse = PostgresWarehouse(url=url, schemas=["analytics"])
            with warehouse.get_connection() as connection:
                place = connection.execute(text("SELECT current_schema")).scalar_one()
            assert place == "analytics__pr_42"


def retire(dwh: PostgresHarness, warehouse: PostgresWarehouse) -> None:
    with warehouse.environments() as environments:
        environments.retire("pr_42", because="it was merged", grace=timedelta(1), now=NOW)


def drop_one(dwh: PostgresHarness, warehouse: PostgresWarehouse) -> None:
    dwh.drop("staging__pr_42")


def drop_all(dwh: PostgresHarness, warehouse: PostgresWarehouse) -> None:
    dwh.drop("staging__pr_42")
    dwh.drop("analytics__pr_42")


def lose_mark(dwh: PostgresHarness, warehouse: PostgresWarehouse) -> None:
    dwh.comment("analytics__pr_42", None)


def edit_mark(dwh: PostgresHarness, warehouse: PostgresWarehouse) -> None:
    comment = str(dwh.content()["analytics__pr_42"][0])
    dwh.comment("analytics__pr_42", comment.replace("42", "43"))


def steal_mark(dwh: PostgresHarness, warehouse: PostgresWarehouse) -> None:
    # A production schema that carries the branch's mark is still not the branch's.
    comment = dwh.content()["analytics__pr_42"][0]
    dwh.drop("analytics__pr_42")
    dwh.comment("analytics", comment)


class TestNoUsableClone:
    """A clone that is missing is an error: never production in its place."""

    @pytest.mark.parametrize("harm", [retire, drop_one, drop_all, lose_mark, edit_mark, steal_mark])
    def test_nothing_is_written_to_production(
        self,
        dwh: PostgresHarness,
        in_branch: PostgresWarehouse,
        harm: Callable[[PostgresHarness, PostgresWarehouse], None],
    ) -> None:
        harm(dwh, in_branch)
        before = dwh.content()

        @dg.asset
        def revenue(warehouse: PostgresWarehouse) -> None:
            with warehouse.get_connection() as connection:
                insert(connection, 7)

        result = dg.materialize([revenue], resources={"warehouse": in_branch}, raise_on_error=False)
        assert not result.success
        assert dwh.content() == before
        [event] = [event for event in result.all_events if event.is_step_failure]
        error = event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        assert error
        assert error.cls_name in ("CloneMissing", "SchemaNotOwned")
        assert "Production was not used in its place." in error.message or "left" in error.message

    def test_a_retired_one_says_why_it_was_set_aside_and_how_to_get_it_back(
        self, dwh: PostgresHarness, in_branch: PostgresWarehouse
    ) -> None:
        retire(dwh, in_branch)
        with pytest.raises(errors.CloneMissing, match=r"set aside \(it was merged\)") as raised:
            in_branch.schema("analytics")
        assert "restore_branch" in raised.value.remedy

    # `provision_branch`, the remedy of one that is missing, would fail too.
    @pytest.mark.parametrize("harm", [lose_mark, edit_mark])
    def test_one_that_is_there_but_proves_nothing_is_not_called_missing(
        self,
        dwh: PostgresHarness,
        in_branch: PostgresWarehouse,
        harm: Callable[[PostgresHarness, PostgresWarehouse], None],
    ) -> None:
        harm(dwh, in_branch)
        with pytest.raises(errors.BranchToolkitError) as raised:
            in_branch.schema("analytics")
        assert "is missing" not in str(raised.value)

    def test_anothers_environment_of_the_same_number_is_refused(
        self, in_branch: PostgresWarehouse, become: Become, dwh: PostgresHarness
    ) -> None:
        dwh.drop("analytics__pr_42")
        dwh.drop("staging__pr_42")
        become({**BRANCH, "DAGSTER_CLOUD_GIT_REPO": "acme/one"})
        provision(in_branch)
        become({**BRANCH, "DAGSTER_CLOUD_GIT_REPO": "acme/two"})
        with pytest.raises(errors.SchemaNotOwned, match="it belongs to repository 'acme/one'"):
            in_branch.schema("analytics")


class TestWhichDeployment:
    @pytest.mark.parametrize(
        ("variables", "message"),
        [
            ({"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1"}, "no telling which branch"),
            ({**BRANCH, "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "maybe"}, "neither true nor false"),
            ({**BRANCH, "DAGSTER_CLOUD_PULL_REQUEST_ID": "None"}, "not a positive whole number"),
            ({**BRANCH, "DAGSTER_CLOUD_PULL_REQUEST_ID": "0"}, "not a positive whole number"),
            ({**BRANCH, "BRANCH_TOOLKIT_IS_BRANCH_DEPLOYMENT": "0"}, "never treated as production"),
            ({"BRANCH_TOOLKIT_PULL_REQUEST_ID": "42"}, "nothing says that this is a branch"),
            (
                {
                    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
                    "DAGSTER_CLOUD_GIT_BRANCH": "---",
                },
                "no telling which branch",
            ),
        ],
        ids=str,
    )
    @pytest.mark.parametrize(
        "use",
        [
            lambda warehouse: warehouse.schema("analytics"),
            lambda warehouse: warehouse.get_connection().__enter__(),
        ],
        ids=["schema", "get_connection"],
    )
    def test_one_that_cannot_be_told_is_an_error_and_never_base(
        self, become: Become, variables: dict[str, str], message: str, use: Use
    ) -> None:
        become(variables)
        with pytest.raises(errors.InvalidDeployment, match=message):
            use(UNREACHABLE)

    def test_our_own_variables_do_without_dagster_plus(
        self, dwh: PostgresHarness, warehouse: PostgresWarehouse, become: Become
    ) -> None:
        become(
            {
                "BRANCH_TOOLKIT_IS_BRANCH_DEPLOYMENT": "true",
                "BRANCH_TOOLKIT_GIT_BRANCH": "Feature/Login",
            }
        )
        provision(warehouse)
        schema = warehouse.schema("analytics")
        assert schema.startswith("analytics__feature_login_")
        with warehouse.get_connection() as connection:
            insert(connection, 7)
        assert orders(dwh) == [1, 2]
        assert orders(dwh, schema) == [1, 2, 7]

    def test_our_own_variables_go_before_dagsters(
        self, in_branch: PostgresWarehouse, become: Become
    ) -> None:
        become({"BRANCH_TOOLKIT_PULL_REQUEST_ID": "43"})
        provision(in_branch)
        assert in_branch.schema("analytics") == "analytics__pr_43"

    def test_the_variables_are_read_when_they_are_needed_not_at_import(
        self, in_branch: PostgresWarehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert in_branch.schema("analytics") == "analytics__pr_42"
        for name in BRANCH:
            monkeypatch.delenv(name)
        assert in_branch.schema("analytics") == "analytics"


class TestUrl:
    def test_it_is_resolved_from_the_environment_when_a_run_needs_it(
        self, dwh: PostgresHarness, become: Become
    ) -> None:
        warehouse = PostgresWarehouse(url=dg.EnvVar("WAREHOUSE_URL"), schemas=["analytics"])
        become({**BRANCH, "WAREHOUSE_URL": dwh.url})
        provision(PostgresWarehouse(url=dwh.url, schemas=["analytics"], rules=COPY))

        @dg.asset
        def revenue(warehouse: PostgresWarehouse) -> None:
            assert warehouse.schema("analytics") == "analytics__pr_42"
            with warehouse.get_connection() as connection:
                insert(connection, 7)

        assert dg.materialize([revenue], resources={"warehouse": warehouse}).success
        assert orders(dwh) == [1, 2]
        assert orders(dwh, "analytics__pr_42") == [1, 2, 7]

    def test_the_password_is_in_no_repr(self) -> None:
        warehouse = PostgresWarehouse(url="postgresql://u:s3cr3t@h/d", schemas=["a"])
        defs = dg.Definitions(resources={"warehouse": warehouse})
        assert "s3cr3t" not in f"{warehouse!r} {warehouse} {defs!r}"

    def test_a_database_that_cannot_be_used_says_what_to_check(
        self, dwh: PostgresHarness, become: Become
    ) -> None:
        role = "reader_" + str(make_url(dwh.url).database)[-4:]
        dwh._run(f"CREATE ROLE {role} LOGIN PASSWORD 'right'")
        good = make_url(dwh.url).set(username=role, password="right")
        changes: list[tuple[dict[str, Any], str]] = [
            ({"password": "wr0ng"}, "Check the user and the password in the URL."),
            ({"database": "no_such"}, "Check the name of the database"),
            ({"port": 1}, "Check host and port in the URL"),
        ]
        for change, remedy in changes:
            url = good.set(**change).render_as_string(hide_password=False)
            warehouse = PostgresWarehouse(url=url, schemas=["analytics"])
            with pytest.raises(errors.WarehouseUnavailable) as raised:
                warehouse.get_connection().__enter__()
            assert remedy in raised.value.remedy
            assert "wr0ng" not in str(raised.value)

    @pytest.mark.parametrize("url", ["", "WAREHOUSE_URL", "mysql://u:s3cr3t@h/d", "s3cr3t"])
    def test_what_is_not_a_postgres_url_is_refused_and_not_repeated(
        self, become: Become, url: str
    ) -> None:
        become()
        warehouse = PostgresWarehouse(url=url, schemas=["analytics"])
        with pytest.raises(errors.WarehouseUnavailable, match="not one of Postgres") as raised:
            warehouse.schema("analytics")
        assert "s3cr3t" not in str(raised.value)
        assert "see that the variable is set" in raised.value.remedy


def test_a_mistake_in_one_field_does_not_show_the_others() -> None:
    with pytest.raises(ValueError, match="search_path holds base schemas") as raised:
        PostgresWarehouse(
            url="postgresql://u:hunter2@h/d", schemas=["analytics"], search_path=["analytics"]
        )
    assert "hunter2" not in str(raised.value)
    assert "postgresql" not in str(raised.value)
