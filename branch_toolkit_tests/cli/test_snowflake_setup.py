"""The set-up for Snowflake: complete, valid, quoted, and with the least rights."""

from __future__ import annotations

import json
import re

import pytest
import sqlglot
from click.testing import CliRunner, Result
from sqlglot import exp

from branch_toolkit.cli import program
from branch_toolkit_tests.cli.conftest import succeeded

ARGUMENTS = ("--database", "prod", "--schema", "analytics", "--virtual-warehouse", "transforming")
PLACEHOLDERS = r"\b(the_\w+|toolkit_role|branch_role|toolkit_user|branch_user)\b"


def _call(*arguments: str) -> Result:
    return CliRunner().invoke(
        program, ["snowflake-setup", *ARGUMENTS, *arguments], prog_name="branch-toolkit"
    )


def _statements(sql: str) -> list[str]:
    lines = [line for line in sql.splitlines() if not line.startswith("--")]
    return [" ".join(each.split()) for each in "\n".join(lines).split(";") if each.strip()]


def test_names_are_filled_in_as_snowflake_stores_them() -> None:
    sql = succeeded(_call("--schema", '"raw data"', "--role", "cloner"))
    assert re.search(PLACEHOLDERS, sql) is None
    statements = _statements(sql)
    assert 'GRANT CREATE SCHEMA ON DATABASE "PROD" TO ROLE "CLONER"' in statements
    assert 'GRANT USAGE ON WAREHOUSE "TRANSFORMING" TO ROLE "BRANCH_TOOLKIT_BRANCH"' in statements
    for schema in ("ANALYTICS", "raw data"):
        for which in ("ALL", "FUTURE"):
            grant = (
                f'GRANT SELECT ON {which} TABLES IN SCHEMA "PROD"."{schema}"'
                ' TO ROLE "BRANCH_TOOLKIT_BRANCH"'
            )
            assert statements.count(grant) == 1
    assert '--   DROP ROLE IF EXISTS "CLONER";' in sql


def test_a_schema_given_twice_is_set_up_once() -> None:
    assert succeeded(_call("--schema", "analytics")) == succeeded(_call())


def test_no_role_may_write_to_production_and_branches_may_make_no_schema() -> None:
    grants = [each for each in _statements(succeeded(_call())) if each.startswith("GRANT")]
    given = {re.split(r" (?:ON|TO) ", grant)[0].removeprefix("GRANT ") for grant in grants}
    roles = {'ROLE "BRANCH_TOOLKIT_BRANCH"', 'ROLE "BRANCH_TOOLKIT"'}
    assert given == {"USAGE", "SELECT", "CREATE SCHEMA", *roles}
    makes = [grant for grant in grants if "CREATE SCHEMA" in grant]
    assert makes == ['GRANT CREATE SCHEMA ON DATABASE "PROD" TO ROLE "BRANCH_TOOLKIT"']
    assert 'GRANT ROLE "BRANCH_TOOLKIT" TO USER "BRANCH_TOOLKIT_BRANCH"' not in grants


def test_it_can_be_executed_again_and_takes_nothing_away() -> None:
    for statement in _statements(succeeded(_call())):
        assert statement.startswith(("USE ROLE", "GRANT")) or "IF NOT EXISTS" in statement
        assert not re.match(r"(?:DROP|REVOKE|ALTER|CREATE OR REPLACE)\b", statement)


def test_users_have_no_secondary_roles() -> None:
    users = [each for each in _statements(succeeded(_call())) if each.startswith("CREATE USER")]
    assert len(users) == 2
    for user in users:
        assert "TYPE = SERVICE" in user
        assert "DEFAULT_SECONDARY_ROLES = ()" in user
        assert "PASSWORD" not in user


def test_every_statement_is_snowflakes_sql() -> None:
    sql = succeeded(_call())
    parsed = [each for each in sqlglot.parse(sql, read="snowflake") if each is not None]
    named = [each for each in parsed if not isinstance(each, exp.Semicolon)]
    assert len(named) == len(_statements(sql))
    assert {type(each) for each in named} <= {exp.Use, exp.Create, exp.Grant, exp.Command}
    grants = [each for each in named if isinstance(each, exp.Grant)]
    assert all(each.args["principals"] for each in grants)
    # Of what sqlglot does not know, the first words at least are Snowflake's.
    for command in (each for each in named if isinstance(each, exp.Command)):
        assert command.this.upper() in {"CREATE", "GRANT"}


def test_as_json() -> None:
    assert json.loads(succeeded(_call("--json"))) == {"sql": succeeded(_call())}


@pytest.mark.parametrize("missing", ["--database", "--schema", "--virtual-warehouse"])
def test_what_is_missing_is_named(missing: str) -> None:
    at = ARGUMENTS.index(missing)
    arguments = [*ARGUMENTS[:at], *ARGUMENTS[at + 2 :]]
    result = CliRunner().invoke(program, ["snowflake-setup", *arguments])
    assert result.exit_code == 2
    assert missing in result.output


def test_a_name_cannot_end_a_comment() -> None:
    result = _call("--role", '"a\nDROP DATABASE prod"')
    assert result.exit_code == 2
    assert "unprintable" in result.output
    quoted = succeeded(_call("--role", '"a""; DROP DATABASE prod"'))
    assert 'TO ROLE "a""; DROP DATABASE prod"' in quoted
