"""Each object's statement is led to the clone, and what cannot be decided is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlglot
from sqlglot import exp

from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.references import (
    Moves,
    Unreadable,
    leaks,
    queries,
    repoint,
    repointing,
)
from branch_toolkit.warehouses.snowflake.references.created import take_apart
from branch_toolkit.warehouses.snowflake.references.text import Edit, splice
from branch_toolkit_tests.snowflake.bodies import BODIES, CLONE, HOME, MOVES, Body

IN_BASE = "create or replace view PROD.ANALYTICS.V as "
IN_CLONE = 'create or replace view PROD."ANALYTICS__PR_42".V as '
NOT_COMPARABLE = {"Python", "JavaScript", "scripting", "double dots"}
SQL_BODIES = [body for body in BODIES if body.name not in NOT_COMPARABLE]

every_body = pytest.mark.parametrize("body", BODIES, ids=[body.name for body in BODIES])
every_sql_body = pytest.mark.parametrize("body", SQL_BODIES, ids=[body.name for body in SQL_BODIES])


def _view(query: str) -> str:
    return repoint(IN_BASE + query, MOVES).sql.removeprefix(IN_CLONE)


@every_body
def test_only_names_of_base_schemas_change(body: Body) -> None:
    assert repoint(body.ddl, MOVES).sql == body.expected


@every_body
def test_moving_again_changes_nothing(body: Body) -> None:
    again = repoint(body.expected, MOVES)
    assert (again.sql, again.moved) == (body.expected, ())


@every_body
def test_what_was_moved_is_what_led_to_base(body: Body) -> None:
    bases = [*MOVES.schemas]
    assert leaks(body.ddl, bases, home=CLONE) == repoint(body.ddl, MOVES).moved
    assert leaks(body.expected, bases, home=CLONE) == ()


@every_sql_body
def test_the_parser_sees_other_names_and_nothing_else(body: Body) -> None:
    before, after = (_parsed(text) for text in (body.ddl, body.expected))
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if old.name == new.name and type(old) is type(new):
            continue
        assert isinstance(old, (exp.Identifier, exp.Literal, exp.Var))
        bare = new.name.replace('"', "").replace("__PR_42", "")
        assert bare.upper() == old.name.replace('"', "").upper()


def _parsed(ddl: str) -> list[exp.Expr]:
    body = take_apart(ddl).body
    if body is None:
        return []
    tree = sqlglot.parse_one(body.text.replace("call ", "select "), read="snowflake")
    assert not tree.find(exp.Command)
    return [node for node in tree.walk() if isinstance(node.args.get("this"), str)]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("selec a from ANALYTICS.T", "cannot be parsed"),
        ("select a from ANALYTICS.T where (", "cannot be parsed"),
        ("select 'a from ANALYTICS.T", "taken apart"),
        ("select a from ANALYTICS.T; select 1", "one statement"),
        ("select " + "(" * 2000 + "ANALYTICS.F(1)" + ")" * 2000, "cannot be parsed"),
        ("select a from identifier($name)", "made while it runs"),
        ("select a from identifier(:name)", "made while it runs"),
        ("select a from identifier('ANALYTICS' || '.T')", "made while it runs"),
        ("select a from table($name)", "made while it runs"),
        ("select a from table('ANALYTICS' || '.T')", "made while it runs"),
        ("select get_ddl('view', 'PROD.ANALYTICS.T')", "may be a name"),
        ("select system$last_change_commit_time('ANALYTICS.T')", "may be a name"),
        ("select ANALYTICS.T.a from T as ANALYTICS", "may be a column"),
        ("select ANALYTICS.T.a from ANALYTICS.T x", "may be a column"),
        ("select ANALYTICS.a from T", "may be a column"),
        ("select PROD.ANALYTICS.a from T", "may be a column"),
        ("select a from PROD.ANALYTICS.T.U", "cannot be told"),
        ("select PROD.ANALYTICS.T.F(1) from T", "cannot be told"),
        ("select f(@STG,PROD.ANALYTICS.T.F(1)) from T", "cannot be told"),
    ],
)
def test_what_cannot_be_decided_is_refused(query: str, reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        repoint(IN_BASE + query, MOVES)
    assert reason in raised.value.reason
    with pytest.raises(Unreadable):
        leaks(query, [*MOVES.schemas], home=CLONE)


PROCEDURE = "CREATE OR REPLACE PROCEDURE PROD.ANALYTICS.P() RETURNS VARCHAR LANGUAGE "


@pytest.mark.parametrize(
    ("ddl", "reason"),
    [
        (f"{PROCEDURE}SQL AS 'begin delete from ANALYTICS.T; end'", "Scripting that names base"),
        (f"{PROCEDURE}SQL EXECUTE AS OWNER AS 'begin delete from ANALYTICS.T; end'", "Scripting"),
        (f"{PROCEDURE}SQL AS $$declare x int; begin return 'staging'; end$$", "Scripting"),
        (f"{PROCEDURE}SQL AS 'begin execute immediate :x; end'", "made while it runs"),
        (f"{PROCEDURE}SQL AS 'begin execute immediate ''drop '' || x; end'", "made while"),
        (f"{PROCEDURE}SQL AS 'begin let r := (execute immediate x); end'", "made while"),
        (f"{PROCEDURE}SQL AS 'begin drop table identifier(:x); end'", "made while it runs"),
        (f"{PROCEDURE}JAVASCRIPT AS 'return \"\\\\nANALYTICS.T\"'", "JAVASCRIPT names base"),
        (f"{PROCEDURE}PYTHON HANDLER='f' AS $$f = lambda: 'analytics'$$", "PYTHON names base"),
        (f"{PROCEDURE}JAVA CONFIG='ANALYTICS.T' AS $$class A {{}}$$", "before its body"),
        ("create or replace task PROD.ANALYTICS.T as begin delete from ANALYTICS.U; end", "Scri"),
        ("create or replace view OTHER.ANALYTICS.V as select 1", "none of the schemas"),
        ("create or replace view PROD.UNCLONED.V as select 1", "none of the schemas"),
        ("create or replace alert PROD.ANALYTICS.A if (exists (select 1)) then select 2", "creat"),
        ("create or replace semantic view PROD.ANALYTICS.S tables (T as PROD.ANALYTICS.T)", "cr"),
        ("drop view PROD.ANALYTICS.V", "not a CREATE"),
        ("create or replace view", "cannot be told what it creates"),
        ("", "not a CREATE"),
    ],
)
def test_what_may_reach_base_in_other_ways_is_refused(ddl: str, reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        repoint(ddl, MOVES)
    assert reason in raised.value.reason


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_half_rewritten_text_is_refused(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(text: str, edits: list[Edit]) -> str:
        return splice(text, edits[:kept])

    monkeypatch.setattr(queries, "splice", half)
    with pytest.raises(Unreadable, match="does not mean what it should"):
        repoint(f"{IN_BASE}select ANALYTICS.F(1) from ANALYTICS.T, STAGING.U", MOVES)


@pytest.mark.parametrize(
    "ddl",
    [
        "create stream PROD.ANALYTICS.S on table PROD.ANALYTICS.T",
        "create function PROD.ANALYTICS.F() returns int as 'ANALYTICS.G() + 1'",
    ],
)
@pytest.mark.parametrize("kept", [0, 1])
def test_a_half_rewritten_statement_is_refused(
    ddl: str, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(text: str, edits: list[Edit]) -> str:
        return splice(text, edits[:kept] if text == ddl else edits)

    monkeypatch.setattr(repointing, "splice", half)
    with pytest.raises(Unreadable):
        repoint(ddl, MOVES)


def test_an_edit_in_the_wrong_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def shifted(text: str, edits: list[Edit]) -> str:
        return splice(text, [replace(one, end=one.end + 1) for one in edits])

    monkeypatch.setattr(queries, "splice", shifted)
    with pytest.raises(Unreadable):
        repoint(f"{IN_BASE}select a from ANALYTICS.T", MOVES)


def test_a_name_that_ends_the_string_around_it_is_refused() -> None:
    moves = Moves({HOME: SchemaName("PROD", "A$$B")}, HOME)
    with pytest.raises(Unreadable):
        repoint("create function PROD.ANALYTICS.F() as $$ANALYTICS.G()$$", moves)


def test_a_text_that_names_no_base_schema_need_not_be_parsed() -> None:
    odd = "select * from T nothing that ! parses"
    assert _view(odd) == odd
    assert leaks(odd, [HOME], home=CLONE) == ()


def test_an_object_whose_name_has_no_schema_is_made_in_the_clone() -> None:
    assert repoint("create view V as select 1", MOVES).sql == (
        'create view "PROD"."ANALYTICS__PR_42".V as select 1'
    )
    assert repoint("create view if not exists ANALYTICS.V as select 1", MOVES).sql == (
        'create view if not exists "ANALYTICS__PR_42".V as select 1'
    )


def test_what_was_moved_is_told_in_order_and_once() -> None:
    query = 'select "STAGING"."f"(1) from ANALYTICS.T, prod.analytics.t u, "sta ging".X'
    assert repoint(IN_BASE + query, MOVES).moved == (
        'PROD.STAGING."f"',
        "PROD.ANALYTICS.T",
        'PROD."sta ging".X',
    )
    assert repoint(f"{IN_BASE}select a from T", MOVES).moved == ()


def test_names_without_a_schema_lead_to_base_only_from_base() -> None:
    query = "with W as (select a from T) select S.NEXTVAL from W, U, OTHER.PUBLIC.X"
    assert sorted(leaks(query, [HOME], home=HOME)) == [
        "PROD.ANALYTICS.S",
        "PROD.ANALYTICS.T",
        "PROD.ANALYTICS.U",
    ]
    assert leaks(query, [HOME], home=CLONE) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("PROD.ANALYTICS.SEQ.NEXTVAL", ("PROD.ANALYTICS.SEQ",)),
        ('"ANALYTICS__PR_42".SEQ.NEXTVAL', ()),
        ("CURRENT_TIMESTAMP()", ()),
        ("'ANALYTICS.T'", ()),
        ("STAGING.F(a) + 1", ("PROD.STAGING.F",)),
        ("insert into ANALYTICS.T select * from STAGING.U", ("PROD.ANALYTICS.T", "PROD.STAGING.U")),
        ("call STAGING.P()", ("PROD.STAGING.P",)),
        ("begin insert into T values (1); end", ()),
        ("select a from T;", ()),
        ("select a from PROD..T", ("PROD.PUBLIC.T",)),
        ("", ()),
    ],
)
def test_every_kind_of_text_tells_what_it_leads_to(text: str, found: tuple[str, ...]) -> None:
    assert leaks(text, [*MOVES.schemas], home=CLONE) == found


def test_a_clone_lies_in_the_database_of_its_base() -> None:
    with pytest.raises(ValueError, match="database"):
        Moves({HOME: SchemaName("OTHER", "ANALYTICS__PR_42")}, HOME)
