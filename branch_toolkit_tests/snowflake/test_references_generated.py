"""Generated statements: what must move is marked as it is written, and nothing else may."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from branch_toolkit.warehouses.snowflake.references import Unreadable, leaks, repoint
from branch_toolkit_tests.snowflake.bodies import BODIES, CLONE, MOVES, Body

generated = settings(deadline=None, max_examples=120)

SCHEMAS = ("«ANALYTICS»", "«analytics»", '«"ANALYTICS"»', "«Staging»", '«"sta ging"»', '«"o""d.d"»')
DATABASES = ("", "", "PROD.", "prod.", '"PROD".')
ELSEWHERE = ("OTHER.ANALYTICS.", '"prod".ANALYTICS.', '"analytics".', "UNCLONED.", "")
TABLES = ("T", "u", '"v w"', "ANALYTICS", '"a.b"', '"PROD.ANALYTICS.T"')
ALIASES = ("x", "ANALYTICS", "staging", '"sta ging"', "T")
GAPS = (" ", " ", "\n", "\t", " /* PROD.ANALYTICS.T */ ", " -- ANALYTICS.T's\n", " // '\"\n")
PLAIN = ("1", "null", "a", "'PROD.ANALYTICS.T'", "'it''s ANALYTICS.T'", "src:analytics.t::string")
MORE = ("src['ANALYTICS'].t", "src:a[0].staging.b", "count(*)", "$1", "analytics", "a ilike '%T'")


class Writer:
    """Writes a query, and keeps what columns may be qualified by."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.depth = 0

    def one_of(self, choices: Sequence[str]) -> str:
        """One of some texts."""
        return self.draw(st.sampled_from(choices))

    def schema(self) -> str:
        """A schema's name with its dot, of base or of elsewhere."""
        if self.draw(st.integers(0, 3)) == 0:
            return self.one_of(ELSEWHERE)
        return f"{self.one_of(DATABASES)}{self.one_of(SCHEMAS)}."

    def query(self, ctes: tuple[str, ...] = ()) -> str:
        """A query, with or without CTEs."""
        self.depth += 1
        gap = self.one_of(GAPS)
        head = ""
        if self.draw(st.integers(0, 3)) == 0 and self.depth < 3:
            name = self.one_of(ALIASES)
            head = f"with {name} as ({self.query(ctes)}){gap}"
            ctes = (*ctes, name)
        sources, qualifiers = self.sources(ctes)
        columns = ", ".join(self.column(qualifiers) for _ in range(self.draw(st.integers(1, 3))))
        where = f"{gap}where {self.column(qualifiers)} = 1" if self.draw(st.booleans()) else ""
        self.depth -= 1
        return f"{head}select{gap}{columns}{gap}from{gap}{sources}{where}"

    def sources(self, ctes: tuple[str, ...]) -> tuple[str, list[str]]:
        """What is selected from, each with an alias of its own or none."""
        texts, qualifiers = [], []
        for number in range(self.draw(st.integers(1, 3))):
            text, own_name = self.source(ctes)
            if own_name is None or self.draw(st.booleans()):
                own_name = self.one_of(ALIASES) if number == 0 else f"s{number}"
                text = f"{text} {self.one_of(('', 'as '))}{own_name}"
            texts.append(text)
            qualifiers.append(own_name)
        return self.one_of((", ", " cross join ")).join(texts), qualifiers

    def source(self, ctes: tuple[str, ...]) -> tuple[str, str | None]:
        """A table or the like, and what its columns are qualified by where it has no alias."""
        kind = self.draw(st.integers(0, 9))
        if kind == 0 and self.depth < 3:
            return f"({self.query(ctes)})", None
        if kind == 1:
            return f"table({self.schema()}F({self.one_of(PLAIN)}))", None
        if kind == 2:
            return f"identifier('{self.schema()}{self.one_of(TABLES)}')", None
        if kind == 3:
            return f"@{self.schema()}STG/analytics.x/y.csv", None
        if kind == 4:
            return "lateral flatten(input => src:analytics.t)", None
        if kind == 5 and ctes:
            name = self.one_of(ctes)
            return name, name
        name = f"{self.schema()}{self.one_of(TABLES)}"
        return name, name

    def column(self, qualifiers: list[str]) -> str:
        """An expression."""
        kind = self.draw(st.integers(0, 7))
        if kind == 0 and self.depth < 3:
            return f"(select max(a) from ({self.query()}) as q)"
        if kind == 1:
            return f"{self.schema()}F(a, {self.one_of(PLAIN)})"
        if kind == 2:
            return f"{self.schema()}SEQ.NEXTVAL"
        if kind <= 4:
            return f"{self.one_of(qualifiers)}.{self.one_of(('a', 'ANALYTICS', 'src:staging.t'))}"
        return self.one_of((*PLAIN, *MORE))


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """A view, or a function in one of both quotings."""
    query = Writer(draw).query()
    kind = draw(st.sampled_from(["view", "quotes", "dollars"]))
    if kind == "view":
        return Body(kind, f"create or replace view PROD.«ANALYTICS».V as {query};")
    escaped = query.replace("\\", "\\\\").replace("'", "''")
    body = f"'{escaped}'" if kind == "quotes" else f"$${query}$$"
    return Body(
        kind, f"CREATE OR REPLACE FUNCTION PROD.«ANALYTICS».F() RETURNS TABLE (A INT) AS {body};"
    )


@generated
@given(bodies())
def test_what_is_marked_moves_and_nothing_else(body: Body) -> None:
    assert repoint(body.ddl, MOVES).sql == body.expected


@generated
@given(bodies())
def test_a_moved_statement_leads_nowhere_else_when_it_is_moved_again(body: Body) -> None:
    assert repoint(body.expected, MOVES).sql == body.expected
    assert leaks(body.expected, [*MOVES.schemas], home=CLONE) == ()


@generated
@given(st.sampled_from(BODIES), st.data())
def test_a_garbled_statement_is_refused_or_leaves_base(body: Body, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(body.ddl)))
    end = data.draw(st.integers(start, min(start + 12, len(body.ddl))))
    garbled = body.ddl[:start] + data.draw(st.text("'\"$.(;@:a ", max_size=2)) + body.ddl[end:]
    try:
        moved = repoint(garbled, MOVES).sql
    except Unreadable:
        return
    assert leaks(moved, [*MOVES.schemas], home=CLONE) == ()
