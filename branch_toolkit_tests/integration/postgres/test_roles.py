"""Branch roles: the database itself refuses a branch's writes to base."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import psycopg
import pytest
import sqlalchemy
from psycopg import sql
from sqlalchemy.engine import make_url

from branch_toolkit import PostgresWarehouse, TableRule
from branch_toolkit.core.environment import BranchRoles
from branch_toolkit.core.errors import MissingRight
from branch_toolkit.core.strategy import Strategy
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_tests.databases import own_database
from branch_toolkit_tests.integration.scene import BRANCH, CLONES, NOW, SCHEMAS, Scene

IN_BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_PULL_REQUEST_ID": "42"}
COPY_ONE = [TableRule(tables="t1", strategy=Strategy.COPY, omit_foreign_keys=True)]


@pytest.fixture(params=["18", "15"])
def server(request: pytest.FixtureRequest) -> EmbeddedPostgres:
    found: EmbeddedPostgres = request.getfixturevalue(f"postgres_{request.param}")
    return found


@pytest.fixture
def scene(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[Scene]:
    for url in own_database(server, request):
        yield Scene(url).build()
    # Roles belong to the whole server.
    with psycopg.connect(_libpq(server.url()), autocommit=True) as connection:
        for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^test_'"):
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def warehouse(scene: Scene, url: str | None = None, **options: Any) -> PostgresWarehouse:
    return PostgresWarehouse(url=url or scene.url, schemas=list(SCHEMAS), rules=COPY_ONE, **options)


def provision(resource: PostgresWarehouse) -> Any:
    with resource.environments() as environments:
        return environments.provision(BRANCH, now=NOW)


def drop(resource: PostgresWarehouse) -> Any:
    with resource.environments() as environments:
        environments.retire("pr_42", because="test", grace=timedelta(0), now=NOW)
        return environments.drop("pr_42", now=NOW)


def role_of(scene: Scene) -> str | None:
    environment = scene.environment()
    assert environment is not None
    return environment.role


@pytest.fixture
def in_branch() -> Iterator[None]:
    with mock.patch.dict(os.environ, IN_BRANCH):
        yield


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO analytics.t0 (amount) VALUES (1)",
        "UPDATE analytics.t0 SET amount = 0",
        "DELETE FROM staging.t0",
        "TRUNCATE analytics.t0 CASCADE",
        "DROP TABLE analytics.t0 CASCADE",
        "ALTER TABLE analytics.t0 ADD COLUMN x int",
        "CREATE TABLE analytics.mine (x int)",
        "SELECT nextval('analytics.t0_id_seq')",
        "RESET ROLE; INSERT INTO analytics.t0 (amount) VALUES (1)",
        "DROP SCHEMA analytics__pr_42 CASCADE",
        "COMMENT ON SCHEMA analytics__pr_42 IS ''",
        "ALTER SCHEMA analytics__pr_42 RENAME TO other",
    ],
)
def test_raw_sql_in_a_branch_can_write_neither_to_base_nor_to_the_mark(
    scene: Scene, in_branch: None, statement: str
) -> None:
    base = scene.base()
    provision(warehouse(scene))
    with (
        pytest.raises(sqlalchemy.exc.ProgrammingError, match=r"permission denied|must be owner"),
        warehouse(scene).get_connection() as connection,
    ):
        connection.exec_driver_sql(statement)
    assert scene.base() == base


def test_a_branch_reads_base_and_does_what_it_likes_in_its_clones(
    scene: Scene, in_branch: None
) -> None:
    base = scene.base()
    resource = warehouse(scene)
    provision(resource)
    resource.own("t0")
    with resource.get_connection() as connection:
        for statement in (
            "UPDATE t0 SET amount = amount + 1",
            "ALTER TABLE t1 ADD COLUMN mine int",
            "CREATE TABLE mine AS SELECT * FROM analytics.t2",
            "CREATE VIEW seen AS SELECT count(*) FROM t3",
            "DROP TABLE mine",
            "SELECT setval('t0_id_seq', 1)",
        ):
            connection.exec_driver_sql(statement)
        assert connection.exec_driver_sql("SELECT count(*) FROM analytics.t4").scalar() == 4_000
    assert scene.base() == base


def test_the_role_of_an_environment_without_rows_cannot_read_base_either(
    scene: Scene, in_branch: None
) -> None:
    base = scene.base()
    resource = PostgresWarehouse(url=scene.url, schemas=list(SCHEMAS))
    for refresh in (False, True):
        with resource.environments() as environments:
            environments.provision(BRANCH, now=NOW, schema_only=not refresh, refresh=refresh)
        with resource.get_connection() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM t0").scalar() == 0
            connection.exec_driver_sql(f"CREATE TABLE mine_{refresh} AS SELECT 1 AS n")
        with (
            pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"),
            resource.get_connection() as connection,
        ):
            connection.exec_driver_sql("SELECT 1 FROM analytics.t0")
    assert scene.base() == base


def test_without_rows_too_a_view_of_what_is_not_cloned_is_made_and_noted(scene: Scene) -> None:
    with scene.connect() as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.people (name text)")
        connection.execute("CREATE VIEW analytics.names AS SELECT name FROM raw.people")
    resource = PostgresWarehouse(url=scene.url, schemas=list(SCHEMAS))
    with resource.environments() as environments:
        report = environments.provision(BRANCH, now=NOW, schema_only=True)
    assert any("names" in note.object for note in report.plan.notes)


def test_the_role_goes_with_its_environment(scene: Scene) -> None:
    resource = warehouse(scene)
    provision(resource)
    role = role_of(scene)
    assert role is not None
    assert _roles(scene, role) == [role]
    provision(resource)
    with resource.environments() as environments:
        environments.provision(BRANCH, now=NOW, refresh=True)
    assert role_of(scene) == role
    drop(resource)
    assert _roles(scene, role) == []
    assert scene.schemas() == set()


def test_a_role_that_owns_something_elsewhere_is_kept_with_it_and_said(scene: Scene) -> None:
    resource = warehouse(scene)
    provision(resource)
    role = role_of(scene)
    assert role is not None
    with scene.connect() as connection:
        connection.execute("CREATE TABLE public.kept (x int)")
        name = sql.Identifier(role)
        connection.execute(sql.SQL("ALTER TABLE public.kept OWNER TO {}").format(name))
    report = drop(resource)
    assert "it owns table kept" in report.plan.notes[0].text or "kept" in report.plan.notes[0].text
    assert scene.schemas() == set()
    with scene.connect() as connection:
        assert connection.execute("SELECT count(*) FROM public.kept").fetchone() == (0,)
        connection.execute("DROP TABLE public.kept")
        connection.execute(sql.SQL("DROP OWNED BY {}").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


def test_a_role_of_that_name_that_is_not_ours_is_left_alone(scene: Scene) -> None:
    provision(warehouse(scene))
    role = role_of(scene)
    assert role is not None
    drop(warehouse(scene))
    name = sql.Identifier(role)
    with scene.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
        report = provision(warehouse(scene))
        assert "exists that is not ours" in _role_note(report)
        drop(warehouse(scene))
        assert _roles(scene, role) == [role]
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


def test_switched_off_there_is_none(scene: Scene) -> None:
    provision(warehouse(scene, branch_roles=BranchRoles.OFF))
    assert role_of(scene) is None


def test_a_login_that_may_not_make_roles_provisions_without_and_is_told_the_remedy(
    scene: Scene,
) -> None:
    login = _login(scene, "test_plain")
    report = provision(warehouse(scene, login))
    assert role_of(scene) is None
    assert "ALTER ROLE test_plain CREATEROLE" in _role_note(report)
    drop(warehouse(scene, login))
    with pytest.raises(MissingRight, match="ALTER ROLE test_plain CREATEROLE"):
        provision(warehouse(scene, login, branch_roles=BranchRoles.ON))
    _forget(scene, "test_plain")


def test_a_login_with_createrole_makes_roles_once_it_may_grant_the_reader(
    scene: Scene, server: EmbeddedPostgres, in_branch: None
) -> None:
    login = _login(scene, "test_maker", "CREATEROLE")
    with scene.connect() as connection:
        if connection.info.server_version >= 160000:
            with mock.patch.dict(os.environ):
                report = provision(warehouse(scene, login))
            assert "GRANT pg_read_all_data TO test_maker WITH ADMIN OPTION" in _role_note(report)
            drop(warehouse(scene, login))
        connection.execute("GRANT pg_read_all_data TO test_maker WITH ADMIN OPTION")
    resource = warehouse(scene, login)
    provision(resource)
    role = role_of(scene)
    assert role is not None
    resource.own("t0")
    with resource.get_connection() as connection:
        connection.exec_driver_sql("UPDATE t0 SET amount = 1 WHERE id < 10")
        assert connection.exec_driver_sql("SELECT current_user").scalar() == role
    drop(resource)
    assert _roles(scene, role) == []
    _forget(scene, "test_maker")


def test_a_reader_of_ones_own_bounds_what_branches_see(scene: Scene, in_branch: None) -> None:
    with scene.connect() as connection:
        connection.execute("CREATE ROLE test_reader")
        connection.execute("CREATE SCHEMA secret")
        connection.execute("CREATE TABLE secret.salaries (x int)")
        for schema in SCHEMAS:
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO test_reader")
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO test_reader")
            connection.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO test_reader")
    resource = warehouse(scene, read_role="test_reader")
    provision(resource)
    with resource.get_connection() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t0").scalar() == 4_000
    with (
        pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"),
        resource.get_connection() as connection,
    ):
        connection.exec_driver_sql("SELECT * FROM secret.salaries")
    drop(resource)
    _forget(scene, "test_reader")


def test_the_clones_are_what_they_are_without_a_role(scene: Scene) -> None:
    provision(PostgresWarehouse(url=scene.url, schemas=list(SCHEMAS), rules=[_COPY_ALL]))
    assert role_of(scene) is not None
    scene.assert_complete()
    assert scene.schemas() == set(CLONES)


_COPY_ALL = TableRule(tables="*", strategy=Strategy.COPY)


def _role_note(report: Any) -> str:
    return str(next(note.text for note in report.plan.notes if note.object == "branch role"))


def _roles(scene: Scene, name: str) -> list[str]:
    with scene.connect() as connection:
        rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = %s", [name])
        return [found for (found,) in rows]


def _login(scene: Scene, name: str, options: str = "") -> str:
    with scene.connect() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'pw' {options}")
        database = connection.info.dbname
        connection.execute(f'GRANT CREATE ON DATABASE "{database}" TO {name}')
        for schema in SCHEMAS:
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {name}")
            connection.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}")
    url = make_url(scene.url).set(username=name, password="pw")
    return url.render_as_string(hide_password=False)


def _forget(scene: Scene, name: str) -> None:
    with scene.connect() as connection:
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
