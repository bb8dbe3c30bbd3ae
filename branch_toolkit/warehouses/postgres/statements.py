"""The statements that we execute on schemas of ours, each quoted here and nowhere else."""

from __future__ import annotations

from dataclasses import replace

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


def drop_schema(name: str, mark: Mark) -> Statement:
    """DROP SCHEMA with all that is in it."""
    text = sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name))
    return Statement(
        sql=text.as_string(None),
        action="drop",
        schema=name,
        object="schema",
        # What is half-made or half-dropped is no branch's data any more.
        hazards=frozenset() if mark.condition else frozenset({Hazard.DELETES_DATA}),
    )


def drop_in_batches(name: str, mark: Mark, *, objects: int) -> Statement:
    """DROP SCHEMA of one with more in it than one transaction may lock, as it is shown."""
    whole = drop_schema(name, mark)
    return replace(
        whole, sql=f"{whole.sql} -- after its {objects} objects, in batches, each by its own DROP"
    )


def rename_schema(name: str, to: str) -> Statement:
    """ALTER SCHEMA … RENAME; what is in it and refers to it follows."""
    text = sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to))
    return Statement(sql=text.as_string(None), action="rename", schema=to, object="schema")


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
