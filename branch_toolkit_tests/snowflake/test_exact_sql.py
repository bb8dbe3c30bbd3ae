"""The very statements of each verb: as a plan shows them, and as Snowflake receives them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.plan import Report
from branch_toolkit.core.strategy import Rule, Strategy
from branch_toolkit_tests.snowflake.masking import changes, masked, written
from branch_toolkit_tests.snowflake.scene import READER, Scene, branch
from branch_toolkit_tests.snowflakes import SnowflakeDatabase

LOCK = """
CREATE TRANSIENT SCHEMA "DB"."BRANCH_TOOLKIT_LOCK__PR_42__TOKEN"
  DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = <lease of pr_42 for 120 s>;
"""
UNLOCK = """
DROP SCHEMA "DB"."BRANCH_TOOLKIT_LOCK__PR_42__TOKEN" CASCADE;
"""
USE = """
USE SCHEMA "DB"."SALES__PR_42";
"""
VIEW = """
create or replace VIEW DB."SALES__PR_42".TOTALS COPY GRANTS AS
  SELECT SUM(AMOUNT) AS TOTAL FROM DB."SALES__PR_42".ORDERS;
"""
FUNCTION = """
create or replace FUNCTION DB."SALES__PR_42".LATEST(A NUMBER) RETURNS NUMBER AS
  $$SELECT MAX(ID) FROM DB."SALES__PR_42".ORDERS WHERE AMOUNT > A$$;
"""
GRANT = """
GRANT USAGE ON SCHEMA "DB"."SALES__PR_42" TO ROLE "READER";
"""
WHOLE = """
ALTER SCHEMA "DB"."SALES__PR_42" SET COMMENT = <SALES__PR_42 whole>;
"""
BY_SCHEMA = f"""
CREATE SCHEMA "DB"."SALES__PR_42" CLONE "DB"."SALES" COMMENT = <SALES__PR_42 building>;
{GRANT}{USE}{VIEW}{WHOLE}
"""
DEFAULTS = """
SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT FROM "DB".INFORMATION_SCHEMA.COLUMNS
  WHERE TABLE_SCHEMA = 'SALES' AND COLUMN_DEFAULT IS NOT NULL;
"""
HIDE = """
ALTER SCHEMA "DB"."SALES__PR_42" RENAME TO "DB"."SALES__PR_42__DROPPING";
"""
DROP = """
DROP SCHEMA "DB"."SALES__PR_42__DROPPING" CASCADE;
"""
MORE_BASE = (
    "CREATE FILE FORMAT {base}.LINES TYPE = CSV",
    "CREATE TABLE {base}.EVENTS (DAY DATE)",
    "CREATE TABLE {base}.LOGS (ID NUMBER)",
    "CREATE TABLE {base}.SECRETS (ID NUMBER)",
    """CREATE FUNCTION {base}.LATEST(A NUMBER) RETURNS NUMBER AS
      $$SELECT MAX(ID) FROM {base}.ORDERS WHERE AMOUNT > A$$""",
    "GRANT CREATE TABLE ON SCHEMA {base} TO ROLE {reader} WITH GRANT OPTION",
    "GRANT SELECT ON FUTURE TABLES IN SCHEMA {base} TO ROLE {reader}",
)
RULES = (
    Rule(tables="events", strategy=Strategy.SAMPLE, where="DAY > '2026-01-01'", limit=10),
    Rule(tables="logs", strategy=Strategy.EMPTY),
    Rule(tables="secrets", strategy=Strategy.SKIP),
)
MORE_GRANTS = """
GRANT CREATE TABLE ON SCHEMA "DB"."SALES__PR_42" TO ROLE "READER" WITH GRANT OPTION;
GRANT USAGE ON SCHEMA "DB"."SALES__PR_42" TO ROLE "READER";
GRANT SELECT ON FUTURE TABLES IN SCHEMA "DB"."SALES__PR_42" TO ROLE "READER";
"""
BY_TABLE = f"""
CREATE SCHEMA "DB"."SALES__PR_42" COMMENT = <SALES__PR_42 building>;
{MORE_GRANTS}
CREATE SEQUENCE "DB"."SALES__PR_42"."IDS" CLONE "DB"."SALES"."IDS";
CREATE FILE FORMAT "DB"."SALES__PR_42"."LINES" CLONE "DB"."SALES"."LINES";
CREATE TABLE "DB"."SALES__PR_42"."CUSTOMERS" CLONE "DB"."SALES"."CUSTOMERS" COPY GRANTS;
CREATE TABLE "DB"."SALES__PR_42"."EVENTS" LIKE "DB"."SALES"."EVENTS" COPY GRANTS;
CREATE TABLE "DB"."SALES__PR_42"."LOGS" LIKE "DB"."SALES"."LOGS" COPY GRANTS;
CREATE TABLE "DB"."SALES__PR_42"."ORDERS" CLONE "DB"."SALES"."ORDERS" COPY GRANTS;
INSERT OVERWRITE INTO "DB"."SALES__PR_42"."EVENTS"
  SELECT * FROM "DB"."SALES"."EVENTS" WHERE DAY > '2026-01-01' LIMIT 10;
ALTER TABLE "DB"."SALES__PR_42"."ORDERS"
  ALTER COLUMN "ID" SET DEFAULT "DB"."SALES__PR_42"."IDS".NEXTVAL;
{USE}{VIEW.replace(" COPY GRANTS", "")}{USE}{FUNCTION}{WHOLE}
"""
HANDED_OVER = f"""
CREATE TRANSIENT SCHEMA "DB"."SALES__PR_42" CLONE "DB"."SALES" WITH MANAGED ACCESS
  DATA_RETENTION_TIME_IN_DAYS = 1 COMMENT = <SALES__PR_42 building, role BRANCHES>;
{MORE_GRANTS}
ALTER SCHEMA "DB"."SALES__PR_42" SET TAG DB.PUBLIC.ENVIRONMENT = 'pr_42';
{USE}{VIEW}{USE}{FUNCTION}
GRANT ALL PRIVILEGES ON SCHEMA "DB"."SALES__PR_42" TO ROLE "BRANCHES";
GRANT OWNERSHIP ON ALL TABLES IN SCHEMA "DB"."SALES__PR_42"
  TO ROLE "BRANCHES" COPY CURRENT GRANTS;
GRANT OWNERSHIP ON ALL VIEWS IN SCHEMA "DB"."SALES__PR_42"
  TO ROLE "BRANCHES" COPY CURRENT GRANTS;
GRANT OWNERSHIP ON ALL SEQUENCES IN SCHEMA "DB"."SALES__PR_42"
  TO ROLE "BRANCHES" COPY CURRENT GRANTS;
GRANT OWNERSHIP ON ALL FILE FORMATS IN SCHEMA "DB"."SALES__PR_42"
  TO ROLE "BRANCHES" COPY CURRENT GRANTS;
GRANT OWNERSHIP ON ALL FUNCTIONS IN SCHEMA "DB"."SALES__PR_42"
  TO ROLE "BRANCHES" COPY CURRENT GRANTS;
ALTER SCHEMA "DB"."SALES__PR_42" SET COMMENT = <SALES__PR_42 whole, role BRANCHES>;
"""
AS_OF = """
CREATE SCHEMA "DB"."SALES__PR_42" CLONE "DB"."SALES" {moment}
  IGNORE TABLES WITH INSUFFICIENT DATA RETENTION
  COMMENT = <SALES__PR_42 building, as_of {shown}>;
{grant}{use}{view}
ALTER SCHEMA "DB"."SALES__PR_42" SET COMMENT = <SALES__PR_42 whole, as_of {shown}>;
"""


@pytest.fixture
def scene(snowflake_database: SnowflakeDatabase) -> Scene:
    # One thread, so that tables are cloned in the order of the plan.
    return Scene.of(snowflake_database, threads=1)


def test_a_provision_by_schema(scene: Scene) -> None:
    _assert_exact(scene, scene.provision, BY_SCHEMA)


def test_a_refresh(scene: Scene) -> None:
    scene.provision()
    _assert_exact(scene, scene.refresh, HIDE + BY_SCHEMA + DROP)


def test_a_retirement_and_what_restores_it(scene: Scene) -> None:
    scene.provision()
    _assert_exact(scene, scene.retire, WHOLE.replace("whole", "retired"))
    _assert_exact(scene, scene.restore, WHOLE)


def test_a_drop(scene: Scene) -> None:
    scene.provision()
    scene.retire()
    _assert_exact(scene, scene.drop, HIDE + DROP)


def test_a_provision_by_table_with_rules(scene: Scene) -> None:
    _make_more_base(scene)
    scene = replace(scene, rules=RULES)
    _assert_exact(scene, scene.provision, BY_TABLE)


def test_a_provision_with_every_option_that_is_handed_over_to_a_role(scene: Scene) -> None:
    _make_more_base(scene)
    scene.run("CREATE ROLE IF NOT EXISTS BRANCHES")
    options: dict[str, Any] = {
        "transient": True,
        "managed_access": True,
        "retention_days": 1,
        "tag": f"{scene.database}.PUBLIC.ENVIRONMENT",
        "branch_role": "BRANCHES",
    }
    _assert_exact(scene, lambda: scene.provision(**options), HANDED_OVER)


def test_a_provision_as_of_a_time(scene: Scene) -> None:
    then = AsOf(time=datetime.now(tz=timezone.utc))
    moment = "AT (TIMESTAMP => 'TIME'::TIMESTAMP_TZ)"
    _assert_exact(scene, lambda: _provision_as_of(scene, then), _as_of(moment, "TIME"))


def test_a_provision_as_of_what_was_before_a_statement(scene: Scene) -> None:
    with scene.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {scene.database}.SALES.CUSTOMERS")
        then = AsOf(before=cursor.sfqid)
    expected = _as_of("BEFORE (STATEMENT => 'QUERY')", "before:QUERY")
    _assert_exact(scene, lambda: _provision_as_of(scene, then), expected)
    assert scene.customers() == {"Ada", "Grace"}


def test_every_change_is_tagged_with_its_verb_and_environment(scene: Scene) -> None:
    for verb, act in {
        "provision": scene.provision,
        "refresh": scene.refresh,
        "retire": scene.retire,
        "drop": scene.drop,
    }.items():
        before = len(scene.double.statements)
        act()
        tag = {"app": "branch_toolkit", "verb": verb, "environment": "pr_42"}
        received = scene.double.statements[before:]
        tags = {one.tag for one in received if changes(scene, [one.text])}
        assert [json.loads(text) for text in tags] == [tag]


def test_a_provision_by_schema_queries_no_more_than_the_defaults_of_columns(scene: Scene) -> None:
    # https://docs.snowflake.com/en/sql-reference/info-schema: SHOW needs no virtual warehouse, the
    # views of the Information Schema do.
    before = len(scene.double.statements)
    scene.provision()
    received = [masked(scene, one.text) for one in scene.double.statements[before:]]
    assert [text for text in received if re.match("SELECT .* FROM ", text)] == written(DEFAULTS)


def _assert_exact(scene: Scene, act: Callable[[], Report | None], expected: str) -> None:
    """Fails unless a verb executes these statements under the lock, and its plan shows them."""
    before = len(scene.double.statements)
    report = act()
    received = [one.text for one in scene.double.statements[before:]]
    assert changes(scene, received) == written(LOCK + expected + UNLOCK)
    assert report is not None
    planned = [masked(scene, one.sql) for one in report.plan.statements]
    # The creation time is only known when the schema is there.
    planned = [text.replace(", without a stamp", "") for text in planned]
    assert planned == written(expected.replace(USE, ""))


def _make_more_base(scene: Scene) -> None:
    names = {"base": f"{scene.database}.SALES", "reader": READER}
    scene.run(*(text.format(**names) for text in MORE_BASE))


def _provision_as_of(scene: Scene, then: AsOf) -> Report:
    now = datetime.now(tz=timezone.utc)
    with scene.environments() as environments:
        return environments.provision(branch(), now=now, as_of=then)


def _as_of(moment: str, shown: str) -> str:
    return AS_OF.format(moment=moment, shown=shown, grant=GRANT, use=USE, view=VIEW)
