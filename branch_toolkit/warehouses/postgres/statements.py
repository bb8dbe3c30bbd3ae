"""The statements that we execute on schemas of ours, each quoted here and nowhere else."""

from __future__ import annotations

from psycopg import sql

from branch_toolkit.core.mark import Mark, encode
from branch_toolkit.core.plan import Hazard, Statement


def create_schema(name: str) -> Statement:
    """CREATE SCHEMA; fails if it exists, whoever made it."""
    text = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name))
    return Statement(sql=text.as_string(None), action="create", schema=name, object="schema")


def mark_schema(name: str, mark: Mark) -> Statement:
    """COMMENT ON SCHEMA, which only its owner may."""
    text = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
        sql.Identifier(name), sql.Literal(encode(mark))
    )
    return Statement(sql=text.as_string(None), action="mark", schema=name, object="schema")


def drop_schema(name: str) -> Statement:
    """DROP SCHEMA with all that is in it."""
    text = sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name))
    return Statement(
        sql=text.as_string(None),
        action="drop",
        schema=name,
        object="schema",
        hazards=frozenset({Hazard.DELETES_DATA}),
    )


def leave_out(clone: str, relation: str, kind: str, name: str) -> Statement:
    """DROP TRIGGER or DROP RULE in a clone, of one that would reach what is not cloned."""
    text = sql.SQL("DROP {} {} ON {}").format(
        sql.SQL(kind.upper()), sql.Identifier(name), sql.Identifier(clone, relation)
    )
    return Statement(
        sql=text.as_string(None), action="leave out", schema=clone, object=f"{kind} {name}"
    )


def analyze_table(schema: str, table: str) -> Statement:
    """ANALYZE, so that the planner knows the copy as it knows the original."""
    text = sql.SQL("ANALYZE {}").format(sql.Identifier(schema, table))
    return Statement(
        sql=text.as_string(None), action="analyze", schema=schema, object=f"table {table}"
    )
