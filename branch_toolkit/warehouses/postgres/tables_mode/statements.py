"""The statements of tables mode, each quoted here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from branch_toolkit.core.mark import Mark, encode
from branch_toolkit.core.plan import Hazard, Statement

GROUP = "group of tables"

_LIKE = sql.SQL(
    "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED"
    " INCLUDING IDENTITY INCLUDING STORAGE INCLUDING COMMENTS)"
)


def text(statement: sql.Composed) -> str:
    """A statement's text."""
    return statement.as_string(None)


def create_anchor(schema: str, name: str) -> str:
    """CREATE TABLE without columns; fails if the name is taken, whoever took it."""
    return text(sql.SQL("CREATE TABLE {} ()").format(sql.Identifier(schema, name)))


def create_like(schema: str, name: str, base: tuple[str, str]) -> str:
    """CREATE TABLE with a base table's columns, defaults, checks and comments, without its keys."""
    return text(_LIKE.format(sql.Identifier(schema, name), sql.Identifier(*base)))


def insert_rows(
    schema: str,
    name: str,
    base: tuple[str, str],
    columns: Sequence[str],
    *,
    condition: str = "",
) -> str:
    """INSERT of a base table's rows, its partitions' and children's included.

    Args:
        schema: The branches' schema.
        name: The new table.
        base: The base table, as (schema, table).
        columns: Those that are not computed.
        condition: What follows the base table's name, such as a WHERE.
    """
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    template = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}")
    into, source = sql.Identifier(schema, name), sql.Identifier(*base)
    return text(template.format(into, listed, listed, source)) + condition


def some_parts(parts: Sequence[tuple[str, str]]) -> str:
    """A condition on rows: that they lie in one of these partitions or children."""
    names = [sql.Literal(sql.Identifier(*part).as_string(None)) for part in parts]
    listed = sql.SQL(", ").join(sql.SQL("{}::pg_catalog.regclass").format(name) for name in names)
    return text(sql.SQL("tableoid IN ({})").format(listed)) if parts else "false"


def mark_table(schema: str, name: str, mark: Mark) -> str:
    """COMMENT ON TABLE, which only its owner may."""
    template = sql.SQL("COMMENT ON TABLE {} IS {}")
    return text(template.format(sql.Identifier(schema, name), sql.Literal(encode(mark))))


def rename_table(schema: str, name: str, to: str) -> str:
    """ALTER TABLE … RENAME."""
    template = sql.SQL("ALTER TABLE {} RENAME TO {}")
    return text(template.format(sql.Identifier(schema, name), sql.Identifier(to)))


def alter_table(schema: str, name: str, change: sql.Composable) -> str:
    """ALTER TABLE, with a change that is complete and quoted."""
    return text(sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(schema, name), change))


def create_index(schema: str, name: str, rest: str, *, unique: bool) -> str:
    """CREATE INDEX; Postgres chooses its name.

    Args:
        schema: The branches' schema.
        name: The table.
        rest: What follows the table's name, as Postgres itself gave it.
        unique: Whether it is a unique one.
    """
    head = sql.SQL("CREATE UNIQUE INDEX ON {} " if unique else "CREATE INDEX ON {} ")
    return text(head.format(sql.Identifier(schema, name))) + rest


def drop_tables(schema: str, names: Sequence[str], *, cascade: bool = False) -> str:
    """DROP TABLE of several."""
    listed = sql.SQL(", ").join(sql.Identifier(schema, name) for name in names)
    return text(sql.SQL("DROP TABLE {}").format(listed)) + (" CASCADE" if cascade else "")


def lock_tables(tables: Sequence[tuple[str, str]], mode: str) -> str:
    """LOCK TABLE of tables, as (schema, table)."""
    listed = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
    return text(sql.SQL("LOCK TABLE {} IN {} MODE").format(listed, sql.SQL(mode)))


def shown_mark(schema: str, clone: str, mark: Mark) -> Statement:
    """What a plan shows of an anchor's new mark."""
    return Statement(sql=mark_table(schema, clone, mark), action="mark", schema=clone, object=GROUP)


def shown_anchor(schema: str, clone: str, mark: Mark) -> Statement:
    """What a plan shows of a new group."""
    both = f"{create_anchor(schema, clone)};\n{mark_table(schema, clone, mark)}"
    return Statement(sql=both, action="create", schema=clone, object=GROUP)


def shown_drop(schema: str, name: str, members: Sequence[str], mark: Mark) -> Statement:
    """What a plan shows of a group that is dropped."""
    return Statement(
        sql=drop_tables(schema, [*members, name]),
        action="drop",
        schema=name,
        object=GROUP,
        # What is half-made or half-dropped is no branch's data any more.
        hazards=frozenset() if mark.condition else frozenset({Hazard.DELETES_DATA}),
    )
