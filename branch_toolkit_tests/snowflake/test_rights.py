"""What an administrator is asked to grant, and what keeps branches from changing production."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from branch_toolkit.core.errors import MissingRight, WarehouseUnavailable
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.rights import (
    BRANCH_ROLE,
    advice,
    is_imported,
    missing_grants,
)
from branch_toolkit.warehouses.snowflake.statements import PAGE

BASE = SchemaName("PROD", "ANALYTICS")
Rows = list[dict[str, Any]]


@dataclass
class Account:
    """What SHOW tells in an account, with the columns that it has.

    https://docs.snowflake.com/en/sql-reference/sql/show-grants

    Args:
        grants: As (privilege, kind, name as SHOW prints it, role).
        futures: The same for what will be made: `PROD.ANALYTICS.<TABLE>`.
        tables: Base's tables and their owners.
        views: Base's views and their owners.
        secondary: The roles that the session has beside its own.
        refused: What is refused: statements that begin so.
    """

    grants: list[tuple[str, str, str, str]] = field(default_factory=list)
    futures: list[tuple[str, str, str, str]] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    secondary: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    databases: Rows = field(default_factory=lambda: [_database()])
    padding: int = 0
    asked: list[str] = field(default_factory=list)

    def run(self, sql: str) -> Rows:
        """The rows of a statement."""
        self.asked.append(sql)
        if sql.startswith(self.refused):
            raise MissingRight("Insufficient privileges.", remedy="")
        if found := re.fullmatch(r"SHOW GRANTS TO (?:DATABASE )?ROLE (.+)", sql):
            padding = [("USAGE", "WAREHOUSE", "WH", "X")] * self.padding
            return _rows([g for g in self.grants if g[3] == _plain(found[1])] + padding)
        if found := re.fullmatch(r"SHOW GRANTS ON \w+ (.+)", sql):
            return _rows([g for g in self.grants if g[2] == _plain(found[1])])
        if sql.startswith("SHOW FUTURE GRANTS"):
            return [
                {"privilege": p, "grant_on": k, "name": n, "grant_to": "ROLE", "grantee_name": r}
                for p, k, n, r in self.futures
            ]
        if sql.startswith(("SHOW TABLES", "SHOW VIEWS")):
            owners = self.tables if "TABLES" in sql else self.views
            return [{"name": name, "owner": owner} for name, owner in owners.items()]
        if found := re.fullmatch(r"SELECT IS_ROLE_IN_SESSION\('(.+)'\)", sql):
            return [{sql.lower(): found[1] in self.secondary}]
        if sql == "SELECT CURRENT_SECONDARY_ROLES()":
            roles = ",".join(self.secondary)
            return [{"current_secondary_roles()": f'{{"roles":"{roles}","value":"ALL"}}'}]
        assert sql.startswith("SHOW DATABASES"), sql
        return self.databases


def _database(**columns: str) -> dict[str, Any]:
    return {"name": "PROD", "kind": "STANDARD", "origin": "", "retention_time": "1", **columns}


def _rows(grants: list[tuple[str, str, str, str]]) -> Rows:
    return [
        {
            "privilege": privilege,
            "granted_on": kind,
            "name": name,
            "granted_to": "ROLE",
            "grantee_name": role,
        }
        for privilege, kind, name, role in grants
    ]


def _plain(name: str) -> str:
    return re.sub(r'"([A-Z_]+)"', r"\1", name)


def _missing(account: Account, role: str = "TOOLKIT") -> list[str]:
    return missing_grants(account.run, "PROD", role, [BASE])


def _advice(account: Account, branch_role: str | None = None) -> str:
    notes = advice(account.run, "PROD", "TOOLKIT", [BASE], branch_role)
    return "\n".join(f"{note.text} → {note.object}" for note in notes)


ENOUGH = [
    ("USAGE", "DATABASE", "PROD", "TOOLKIT"),
    ("CREATE SCHEMA", "DATABASE", "PROD", "TOOLKIT"),
    ("USAGE", "SCHEMA", "PROD.ANALYTICS", "TOOLKIT"),
    ("SELECT", "TABLE", "PROD.ANALYTICS.ORDERS", "TOOLKIT"),
    ("SELECT", "TABLE", 'PROD.ANALYTICS."odd.""name"', "TOOLKIT"),
    ("SELECT", "VIEW", "PROD.ANALYTICS.RECENT", "TOOLKIT"),
]
CONTENT = {
    "tables": {"ORDERS": "LOADER", 'odd."name': "LOADER"},
    "views": {"RECENT": "LOADER"},
}
FUTURE = [
    ("SELECT", "TABLE", "PROD.ANALYTICS.<TABLE>", "TOOLKIT"),
    ("SELECT", "VIEW", "PROD.<VIEW>", "TOOLKIT"),
]
CREATE = 'GRANT CREATE SCHEMA ON DATABASE "PROD" TO ROLE "TOOLKIT"'
USE_DATABASE = 'GRANT USAGE ON DATABASE "PROD" TO ROLE "TOOLKIT"'
USE_SCHEMA = 'GRANT USAGE ON SCHEMA "PROD"."ANALYTICS" TO ROLE "TOOLKIT"'
READ = [
    f'GRANT SELECT ON {which} {kind} IN SCHEMA "PROD"."ANALYTICS" TO ROLE "TOOLKIT"'
    for kind in ("TABLES", "VIEWS")
    for which in ("ALL", "FUTURE")
]


def test_a_role_with_all_rights_lacks_none() -> None:
    assert _missing(Account(ENOUGH, tables=CONTENT["tables"], views=CONTENT["views"])) == []


@pytest.mark.parametrize(
    ("taken", "missing"),
    [(0, [USE_DATABASE]), (1, [CREATE]), (2, [USE_SCHEMA]), (3, READ), (4, READ), (5, READ)],
)
def test_only_what_is_missing_is_asked_for(taken: int, missing: list[str]) -> None:
    assert _missing(Account(ENOUGH[:taken] + ENOUGH[taken + 1 :], **CONTENT)) == missing


def test_a_stranger_lacks_everything_in_the_order_in_which_it_is_granted() -> None:
    account = Account(tables={"ORDERS": "LOADER"})
    assert _missing(account) == [USE_DATABASE, CREATE, USE_SCHEMA, *READ]


def test_what_snowflake_refuses_to_show_is_asked_for() -> None:
    account = Account(refused=("SHOW",))
    assert _missing(account) == [USE_DATABASE, CREATE, USE_SCHEMA, *READ]


def test_the_owner_of_everything_lacks_nothing() -> None:
    owned = [
        ("OWNERSHIP", "DATABASE", "PROD", "TOOLKIT"),
        ("OWNERSHIP", "SCHEMA", "PROD.ANALYTICS", "TOOLKIT"),
    ]
    assert _missing(Account(owned, tables={"ORDERS": "TOOLKIT"})) == []
    assert _missing(Account(owned)) == []


def test_rights_of_roles_that_the_role_has_count() -> None:
    moved = [(privilege, kind, name, "READER") for privilege, kind, name, _ in ENOUGH]
    chain = [
        ("USAGE", "ROLE", "MIDDLE", "TOOLKIT"),
        ("USAGE", "DATABASE_ROLE", "PROD.READER", "MIDDLE"),
        ("USAGE", "ROLE", "TOOLKIT", "MIDDLE"),
    ]
    asked = [
        (privilege, kind, name, "PROD.READER" if role == "READER" else role)
        for privilege, kind, name, role in chain + moved
    ]
    assert _missing(Account(asked, **CONTENT)) == []
    assert _missing(Account(moved, **CONTENT)) == [USE_DATABASE, CREATE, USE_SCHEMA, *READ]


def test_secondary_roles_may_read_but_not_create() -> None:
    moved = [(privilege, kind, name, "OTHER") for privilege, kind, name, _ in ENOUGH]
    named = [g if '"' not in g[2] else (g[0], g[1], "PROD.ANALYTICS.ODD", g[3]) for g in moved]
    account = Account(
        named, tables={"ORDERS": "LOADER", "ODD": "LOADER"}, secondary=("OTHER", "LOADER")
    )
    assert _missing(account) == [CREATE]


def test_a_list_of_grants_that_is_cut_off_proves_nothing_missing() -> None:
    direct = [grant for grant in ENOUGH if '"' not in grant[2]]
    listed = Account(direct, tables={"ORDERS": "LOADER"}, padding=PAGE)
    assert _missing(listed) == []
    assert "SHOW GRANTS ON TABLE" not in " ".join(listed.asked)
    hidden = Account(direct, tables={"ORDERS": "LOADER"}, refused=("SHOW GRANTS TO ROLE",))
    assert _missing(hidden) == []
    assert 'SHOW GRANTS ON TABLE "PROD"."ANALYTICS"."ORDERS"' in hidden.asked


def test_a_schema_in_which_nothing_is_shown_is_not_taken_for_an_empty_one() -> None:
    blind = [grant for grant in ENOUGH if grant[1] in ("DATABASE", "SCHEMA")]
    assert _missing(Account(blind)) == READ
    assert _missing(Account(blind, futures=FUTURE)) == []


def test_a_lost_connection_is_no_refusal() -> None:
    def run(sql: str) -> Rows:
        raise WarehouseUnavailable(f"Lost in {sql}.", remedy="Try again.")

    with pytest.raises(WarehouseUnavailable):
        missing_grants(run, "PROD", "TOOLKIT", [BASE])


WRITERS = {
    "owns a table": [("OWNERSHIP", "TABLE", "PROD.ANALYTICS.ORDERS", "TOOLKIT")],
    "may insert": [("INSERT", "TABLE", "PROD.ANALYTICS.ORDERS", "TOOLKIT")],
    "may truncate": [("TRUNCATE", "TABLE", "PROD.ANALYTICS.ORDERS", "TOOLKIT")],
    "owns the schema": [("OWNERSHIP", "SCHEMA", "PROD.ANALYTICS", "TOOLKIT")],
    "owns the database": [("OWNERSHIP", "DATABASE", "PROD", "TOOLKIT")],
    "may add tables": [("CREATE TABLE", "SCHEMA", "PROD.ANALYTICS", "TOOLKIT")],
    "may grant itself": [("MANAGE GRANTS", "ACCOUNT", "ACME", "TOOLKIT")],
    "may make a stage": [("CREATE STAGE", "SCHEMA", "PROD.ANALYTICS", "TOOLKIT")],
    "may change the schema": [("MODIFY", "SCHEMA", "PROD.ANALYTICS", "TOOLKIT")],
    "may call a procedure": [("USAGE", "PROCEDURE", "PROD.ANALYTICS.LOAD", "TOOLKIT")],
    "may take numbers": [("USAGE", "SEQUENCE", "PROD.ANALYTICS.IDS", "TOOLKIT")],
    "as everybody": [("INSERT", "TABLE", "PROD.ANALYTICS.ORDERS", "PUBLIC")],
    "through a role": [
        ("USAGE", "ROLE", "LOADER", "TOOLKIT"),
        ("UPDATE", "TABLE", "PROD.ANALYTICS.ORDERS", "LOADER"),
    ],
}


@pytest.mark.parametrize("grants", WRITERS.values(), ids=WRITERS)
def test_a_role_that_can_change_production_should_not_be_the_one_of_branches(
    grants: list[tuple[str, str, str, str]],
) -> None:
    told = _advice(Account(ENOUGH + grants, futures=FUTURE, **CONTENT))
    assert "branches act as role 'TOOLKIT', which may change production (it " in told
    assert f"set `branch_role` to '{BRANCH_ROLE}'" in told
    assert f'CREATE ROLE IF NOT EXISTS "{BRANCH_ROLE}"; GRANT USAGE ON DATABASE "PROD"' in told
    assert f'GRANT ROLE "{BRANCH_ROLE}" TO ROLE "TOOLKIT";' in told
    as_branch = [(p, k, n, "BRANCHES" if r == "TOOLKIT" else r) for p, k, n, r in grants]
    told = _advice(Account([*ENOUGH, MEMBER, *as_branch], futures=FUTURE, **CONTENT), "BRANCHES")
    assert "role 'BRANCHES', which branches act as, may change production" in told
    assert "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA" in told


MEMBER = ("USAGE", "ROLE", "BRANCHES", "TOOLKIT")
READS = ("SELECT", "TABLE", "PROD.ANALYTICS.ORDERS", "BRANCHES")


@pytest.mark.parametrize(
    ("privilege", "kind"), [("INSERT", "TABLE"), ("USAGE", "PROCEDURE"), ("USAGE", "SEQUENCE")]
)
def test_future_rights_to_change_production_count_too(privilege: str, kind: str) -> None:
    later = [(privilege, kind, f"PROD.ANALYTICS.<{kind}>", "BRANCHES")]
    account = Account([*ENOUGH, MEMBER, READS], futures=FUTURE + later, **CONTENT)
    assert "may change what will be made in ANALYTICS" in _advice(account, "BRANCHES")


def test_without_a_branch_role_branches_own_each_others_clones() -> None:
    told = _advice(Account(ENOUGH, futures=FUTURE, **CONTENT))
    assert "which owns the clones of all of them" in told
    assert "change production" not in told


def test_a_branch_role_that_only_reads_needs_no_advice() -> None:
    account = Account([*ENOUGH, MEMBER, READS], futures=FUTURE, **CONTENT)
    assert _advice(account, "BRANCHES") == ""


def test_a_branch_role_that_is_not_shown_is_not_trusted() -> None:
    account = Account(
        [*ENOUGH, MEMBER],
        futures=FUTURE,
        refused=('SHOW GRANTS TO ROLE "BRANCHES"',),
        **CONTENT,
    )
    assert "is not shown to role 'TOOLKIT', or it does not exist" in _advice(account, "BRANCHES")


def test_the_toolkits_role_has_to_be_a_member_of_the_branch_role() -> None:
    told = _advice(Account([*ENOUGH, READS], futures=FUTURE, **CONTENT), "BRANCHES")
    assert told.endswith('→ GRANT ROLE "BRANCHES" TO ROLE "TOOLKIT";')


def test_secondary_roles_undo_a_branch_role() -> None:
    account = Account([*ENOUGH, MEMBER, READS], futures=FUTURE, secondary=("SYSADMIN",), **CONTENT)
    told = _advice(account, "BRANCHES")
    assert "secondary roles (SYSADMIN) are active" in told
    assert "DEFAULT_SECONDARY_ROLES = ();" in told


def test_a_database_without_retention_has_no_undrop() -> None:
    other = _database(name="prod", retention_time="0")
    good = Account([*ENOUGH, MEMBER], futures=FUTURE, databases=[other, _database()], **CONTENT)
    assert "UNDROP" not in _advice(good, "BRANCHES")
    bad = Account(databases=[other, _database(retention_time="0")])
    assert 'ALTER DATABASE "PROD" SET DATA_RETENTION_TIME_IN_DAYS = 1;' in _advice(bad)


@pytest.mark.parametrize(
    "columns", [{"kind": "IMPORTED DATABASE"}, {"origin": "ACME.SHARES.WEATHER"}]
)
def test_a_database_of_a_share_is_told_of(columns: dict[str, str]) -> None:
    assert is_imported(_database(**columns))
    assert not is_imported(_database())
    told = _advice(Account(databases=[_database(**columns)]))
    assert "database 'PROD' was made from a share" in told


def test_tables_that_others_will_make_need_a_future_grant() -> None:
    account = Account([*ENOUGH, MEMBER, READS], futures=FUTURE[:1], **CONTENT)
    told = _advice(account, "BRANCHES")
    assert told.startswith("views that others make in ANALYTICS from now on")
    assert told.endswith(
        '→ GRANT SELECT ON FUTURE VIEWS IN SCHEMA "PROD"."ANALYTICS" TO ROLE "TOOLKIT";'
    )
    own = Account([*ENOUGH, MEMBER, READS], tables={"ORDERS": "TOOLKIT"})
    assert "from now on" not in _advice(own, "BRANCHES")


def test_future_grants_are_asked_for_where_they_do_not_switch_off_those_that_there_are() -> None:
    others = [("SELECT", "TABLE", "PROD.<TABLE>", "ANALYST")]
    account = Account(ENOUGH[:3], tables={"ORDERS": "LOADER"}, futures=others)
    assert _missing(account) == [
        READ[0],
        'GRANT SELECT ON FUTURE TABLES IN DATABASE "PROD" TO ROLE "TOOLKIT"',
        *READ[2:],
    ]
    nearer = [*others, ("SELECT", "TABLE", "PROD.ANALYTICS.<TABLE>", "ANALYST")]
    account = Account(ENOUGH[:3], tables={"ORDERS": "LOADER"}, futures=nearer)
    assert _missing(account) == READ
