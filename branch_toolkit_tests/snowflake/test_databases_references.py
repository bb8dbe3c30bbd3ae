"""References are led from a database to its clone: only names that write the database move."""

from __future__ import annotations

import pytest

from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.references import (
    Moves,
    Unreadable,
    leaks,
    mentions,
    repoint,
)

HOME = SchemaName("PROD", "ANALYTICS")
OTHER = SchemaName("PROD", "PUBLIC")
CLONE = SchemaName("PROD__PR_42", "ANALYTICS")
MOVES = Moves({HOME: CLONE, OTHER: SchemaName("PROD__PR_42", "PUBLIC")}, HOME)
VIEW = "create or replace view PROD.ANALYTICS.V as "
NEW = 'create or replace view "PROD__PR_42".ANALYTICS.V as '


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select * from PROD.ANALYTICS.T", 'select * from "PROD__PR_42".ANALYTICS.T'),
        ("select * from prod.analytics.t x", 'select * from "PROD__PR_42".analytics.t x'),
        ('select * from "PROD"."ANALYTICS"."T"', 'select * from "PROD__PR_42"."ANALYTICS"."T"'),
        ("select * from PROD..T", 'select * from "PROD__PR_42"..T'),
        ("select ANALYTICS.T.N from ANALYTICS.T", None),
        ("select T.N from T", None),
        (
            "select ANALYTICS.N from PROD.PUBLIC.T",
            'select ANALYTICS.N from "PROD__PR_42".PUBLIC.T',
        ),
        (
            "select PROD.ANALYTICS.T.N from PROD.ANALYTICS.T",
            'select "PROD__PR_42".ANALYTICS.T.N from "PROD__PR_42".ANALYTICS.T',
        ),
        ("select PROD.ANALYTICS.F(1) from T", 'select "PROD__PR_42".ANALYTICS.F(1) from T'),
        ("select * from OTHER.ANALYTICS.T", None),
        ("select 'PROD.ANALYTICS.T' from T -- PROD.ANALYTICS.T", None),
        ("with PROD as (select 1 a) select PROD.a from PROD", None),
        (
            "select * from identifier('PROD.ANALYTICS.T')",
            "select * from identifier('\"PROD__PR_42\".ANALYTICS.T')",
        ),
        ("select $1 from @PROD.ANALYTICS.S/x", 'select $1 from @"PROD__PR_42".ANALYTICS.S/x'),
        ("select $1 from @ANALYTICS.S/x", None),
    ],
)
def test_a_view_is_led_to_the_clone(before: str, after: str | None) -> None:
    found = repoint(VIEW + before, MOVES)
    assert found.sql == NEW + (before if after is None else after)
    assert bool(found.moved) == (after is not None)


def test_a_name_without_its_database_is_given_it() -> None:
    head = 'create or replace view "PROD__PR_42"."ANALYTICS".V as '
    assert repoint("create or replace view V as select 1 a", MOVES).sql == head + "select 1 a"
    half = repoint("create or replace view ANALYTICS.V as select 1 a", MOVES).sql
    assert half == 'create or replace view "PROD__PR_42".ANALYTICS.V as select 1 a'


def test_a_body_that_cannot_be_parsed_is_unclear_only_where_it_names_the_database() -> None:
    head = "create or replace procedure PROD.ANALYTICS.P() returns int language javascript as "
    fine = head + "'return snowflake.execute({sqlText: \"select * from ANALYTICS.T\"})'"
    assert repoint(fine, MOVES).moved == ()
    with pytest.raises(Unreadable):
        repoint(fine.replace("from ANALYTICS", "from PROD.ANALYTICS"), MOVES)


def test_what_leads_from_the_clone_to_base_names_the_database() -> None:
    bases = [HOME, OTHER]
    assert leaks("select * from PROD.ANALYTICS.T", bases, home=CLONE) == ("PROD.ANALYTICS.T",)
    assert leaks("select * from ANALYTICS.T, T, PUBLIC.U", bases, home=CLONE) == ()
    assert leaks("select * from PROD..T", bases, home=CLONE) == ("PROD.PUBLIC.T",)
    assert not mentions("begin insert into ANALYTICS.T values (1); end", bases, home=CLONE)
    assert mentions("begin insert into prod.analytics.T values (1); end", bases, home=CLONE)
    assert not mentions("select * from PROD__PR_42.ANALYTICS.T", bases, home=CLONE)


def test_a_clone_has_another_database_or_another_name_and_not_both() -> None:
    with pytest.raises(ValueError, match="database"):
        Moves({HOME: SchemaName("PROD__PR_42", "ANALYTICS__PR_42")}, HOME)
    with pytest.raises(ValueError, match="database"):
        Moves({HOME: CLONE, OTHER: SchemaName("PROD", "PUBLIC__PR_42")}, HOME)
