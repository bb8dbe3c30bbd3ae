"""What runs, or is run, in a clone or a branch's session must not reach production by it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from snowflake.connector.errors import ProgrammingError
from starlette.requests import Request
from starlette.responses import Response

from branch_toolkit import SnowflakeWarehouse
from branch_toolkit.cli.snowflake_setup import setup_sql
from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.plan import Report
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.snowflake.adapter import SnowflakeAdapter
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.rights import advice
from branch_toolkit_tests.snowflake.faults import CallNext
from branch_toolkit_tests.snowflake.scene import BASE, CLONE, NOW, Scene, branch
from branch_toolkit_tests.snowflakes import SnowflakeDatabase, own_snowflake_database

BRANCHES = "HOSTILE_BRANCHES"
_OBJECTS = (
    "CREATE SCHEMA {database}.MARTS",
    "CREATE TABLE {database}.MARTS.TOTALS (N NUMBER)",
    "CREATE STAGE {base}.BUCKET URL = 's3://production/exports/'",
    "CREATE STAGE {base}.FILES",
    (
        "CREATE PROCEDURE {base}.STAGED() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
        " PACKAGES = ('snowflake-snowpark-python') IMPORTS = ('@{base}.FILES/etl.zip')"
        " HANDLER = 'etl.run'"
    ),
    (
        "CREATE PROCEDURE {base}.PUBLISH() RETURNS NUMBER LANGUAGE SQL"
        " AS 'INSERT INTO {database}.MARTS.TOTALS VALUES (1)'"
    ),
    "CREATE PROCEDURE {base}.TIDY() RETURNS NUMBER LANGUAGE SQL AS 'DELETE FROM {base}.ORDERS'",
    "CREATE TASK {base}.NIGHTLY AS INSERT INTO {database}.MARTS.TOTALS VALUES (1)",
    "CREATE TASK {base}.HOURLY AS INSERT INTO ORDERS VALUES (3, 30)",
    (
        "CREATE ALERT {base}.LATE SCHEDULE = '60 MINUTE' IF (EXISTS (SELECT 1 FROM {base}.ORDERS))"
        " THEN INSERT INTO ORDERS VALUES (3, 30)"
    ),
    (
        "CREATE ALERT {base}.FULL SCHEDULE = '60 MINUTE' IF (EXISTS (SELECT 1 FROM ORDERS))"
        " THEN DELETE FROM {base}.ORDERS"
    ),
    (
        "CREATE ALERT {base}.QUIET SCHEDULE = '60 MINUTE' IF (EXISTS (SELECT 1 FROM ORDERS))"
        " THEN DELETE FROM ORDERS"
    ),
)


@dataclass(frozen=True)
class Cloned:
    """What was provisioned, and what was said of it."""

    scene: Scene
    report: Report

    def has(self, kind: str, name: str) -> bool:
        """Whether the clone has an object."""
        return (kind, name) in self.scene.schemas[CLONE].things

    def told(self, shown: str) -> str:
        """What a person is told of an object."""
        return " ".join(one.text for one in self.report.plan.notes if one.object == shown)


@pytest.fixture(scope="module")
def cloned(request: pytest.FixtureRequest) -> Iterator[Cloned]:
    """A base schema with all of that, cloned by schema; nobody changes it any more."""
    for database in _databases(request):
        scene = Scene.of(database, clone_by="schema")
        names = {"database": database.name, "base": f"{database.name}.{BASE}"}
        scene.run(*(text.format(**names) for text in _OBJECTS))
        yield Cloned(scene, scene.provision())


def _databases(request: pytest.FixtureRequest) -> Iterator[SnowflakeDatabase]:
    yield from own_snowflake_database(request)


class TestBodies:
    """Of a clone by schema."""

    def test_an_external_stage_is_left_out_and_an_internal_one_is_not(self, cloned: Cloned) -> None:
        assert not cloned.has("STAGE", "BUCKET")
        assert "same place as production's" in cloned.told("stage BUCKET")
        assert cloned.has("STAGE", "FILES")
        assert "without its files" in cloned.told("stage FILES")

    @pytest.mark.parametrize(
        ("name", "why"),
        [("STAGED", "its code is in a stage"), ("PUBLISH", "a schema that is not cloned")],
    )
    def test_a_procedure_that_may_write_elsewhere_is_left_out(
        self, cloned: Cloned, name: str, why: str
    ) -> None:
        assert not cloned.has("PROCEDURE", f"{name}()")
        assert why in cloned.told(f"procedure {name}()")

    def test_a_procedure_that_writes_to_base_is_led_to_the_clone(self, cloned: Cloned) -> None:
        assert cloned.has("PROCEDURE", "TIDY()")
        text = cloned.scene.schemas[CLONE].things["PROCEDURE", "TIDY()"].text
        assert f'DELETE FROM {cloned.scene.database}."{CLONE}".ORDERS' in text
        assert cloned.told("procedure TIDY()") == ""

    @pytest.mark.parametrize(
        ("kind", "name", "stays"),
        [
            ("TASK", "NIGHTLY", False),
            ("TASK", "HOURLY", True),
            ("ALERT", "LATE", False),
            ("ALERT", "FULL", False),
            ("ALERT", "QUIET", True),
        ],
    )
    def test_what_runs_by_itself_stays_only_if_it_leads_to_the_clone(
        self, cloned: Cloned, kind: str, name: str, stays: bool
    ) -> None:
        assert cloned.has(kind, name) is stays
        told = cloned.told(f"{kind.lower()} {name}")
        assert ("may lead to production" in told) is not stays


def test_what_in_an_older_clone_leads_to_a_base_schema_that_is_added_is_told(
    snowflake_database: SnowflakeDatabase,
) -> None:
    scene = Scene.of(snowflake_database, clone_by="schema")
    name = scene.database
    scene.run(
        f"CREATE SCHEMA {name}.MARTS",
        f"CREATE TABLE {name}.MARTS.TOTALS (N NUMBER)",
        f"CREATE VIEW {name}.{BASE}.PUBLISHED AS SELECT N FROM {name}.MARTS.TOTALS",
    )
    scene.provision()
    with SnowflakeAdapter.connect(scene.connect, database=name, clone_by="schema") as adapter:
        both = Environments(adapter, Project(), (BASE.lower(), "marts"))
        report = both.provision(branch(), now=NOW)
    told = {note.object: note.text for note in report.plan.notes}
    assert "a refresh leads it there" in told[f"{CLONE}: view PUBLISHED"]
    assert f"{CLONE}: view TOTALS" not in told


class TestSessions:
    """Of branch deployments."""

    def test_a_branch_does_not_find_unqualified_names_in_public(
        self, snowflake_database: SnowflakeDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene = Scene.of(snowflake_database)
        scene.run(f"CREATE TABLE {scene.database}.PUBLIC.SALARIES (N NUMBER)")
        warehouse = SnowflakeWarehouse(**snowflake_database.resource_args, schemas=[BASE])
        counted = "SELECT COUNT(*) FROM {}"
        with warehouse.get_connection() as connection:
            assert connection.cursor().execute(counted.format("SALARIES")).fetchall() == [(0,)]
        monkeypatch.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
        monkeypatch.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", "42")
        with warehouse.environments() as environments:
            environments.provision(Branch(key=BranchKey(number=42)), now=NOW)
        with warehouse.get_connection() as connection:
            assert connection.cursor().execute(counted.format("ORDERS")).fetchall() == [(2,)]
            with pytest.raises(ProgrammingError, match="SALARIES' does not exist"):
                connection.cursor().execute(counted.format("SALARIES"))

    def test_quotes_mean_what_they_say_whatever_the_account_has_set(
        self, snowflake_database: SnowflakeDatabase
    ) -> None:
        scene = Scene.of(snowflake_database)
        told: list[object] = []

        async def listen(request: Request, call_next: CallNext) -> Response:
            if request.url.path == "/session/v1/login-request":
                told.append(json.loads(_plain(await request.body())))
            return await call_next(request)

        scene.double.middleware = listen
        args = snowflake_database.resource_args
        further = args.pop("additional_snowflake_connection_args")
        own = {**further["session_parameters"], "QUOTED_IDENTIFIERS_IGNORE_CASE": True}
        further = {**further, "session_parameters": own}
        warehouse = SnowflakeWarehouse(
            **args, schemas=[BASE], additional_snowflake_connection_args=further
        )
        with warehouse.get_connection():
            pass
        [login] = told
        parameters = login["data"]["SESSION_PARAMETERS"]  # type: ignore[index]
        assert parameters["QUOTED_IDENTIFIERS_IGNORE_CASE"] is False


class TestProcedures:
    """Procedures do what their owner may do, so that calling production's may change it."""

    def test_the_set_up_lets_branches_call_none(self) -> None:
        text = setup_sql({"toolkit_role": "clerk", "branch_role": "guest"}, ["sales"])
        lines = [line for line in text.splitlines() if "PROCEDURE" in line]
        assert len(lines) == 2
        assert all(line.endswith('TO ROLE "CLERK";') for line in lines)

    def test_a_branch_role_that_may_call_one_is_told(
        self, snowflake_database: SnowflakeDatabase
    ) -> None:
        scene = Scene.of(snowflake_database)
        base = f"{scene.database}.{BASE}"
        scene.run(
            f"CREATE ROLE IF NOT EXISTS {BRANCHES}",
            f"GRANT ROLE {BRANCHES} TO ROLE SYSADMIN",
            f"CREATE PROCEDURE {base}.PURGE() RETURNS NUMBER LANGUAGE SQL AS 'DELETE FROM ORDERS'",
        )
        assert "PURGE" not in _advice(scene)
        scene.run(f"GRANT USAGE ON PROCEDURE {base}.PURGE() TO ROLE {BRANCHES}")
        assert f"may call procedure {BASE}.PURGE" in _advice(scene)


def _advice(scene: Scene) -> str:
    bases = [SchemaName(scene.database, BASE)]
    with SnowflakeAdapter.connect(scene.connect, database=scene.database) as adapter:
        notes = advice(adapter.session.read, scene.database, "SYSADMIN", bases, BRANCHES)
    return "\n".join(f"{note.object}: {note.text}" for note in notes)


def _plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
