"""The columns and keys of a CREATE TABLE: what Snowflake shows of them, and what DuckDB needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import Expr, exp

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.parsing import folded, name_of, parse
from branch_toolkit_tests.snowflake_double.reading import Name, plain, quote
from branch_toolkit_tests.snowflake_double.session import Session


@dataclass(frozen=True)
class ForeignKey:
    """A key that leads to another table; it is kept and shown, and never enforced."""

    name: str
    columns: tuple[str, ...]
    table: Name


@dataclass
class Definition:
    """What stands between the brackets.

    Args:
        columns: The columns.
        keys: The foreign keys.
        lines: Names and types in Snowflake's SQL.
    """

    columns: list[store.Column] = field(default_factory=list)
    keys: list[ForeignKey] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def in_duckdb(self) -> str:
        """The columns without defaults and constraints."""
        return ",\n".join(self.lines)


def defined(session: Session, table: Name, text: str) -> Definition:
    """Reads columns and constraints, as `id NUMBER DEFAULT s.NEXTVAL, FOREIGN KEY …`."""
    tree = parse(f"CREATE TABLE t ({text})")
    found = Definition()
    for each in tree.this.expressions:
        if isinstance(each, exp.ColumnDef):
            _column(session, table, each, found)
        elif isinstance(each, exp.Identifier):
            found.columns.append(store.Column(folded(each), ""))
        else:
            _constraint(session, table, each, found)
    primary = {
        name
        for each in tree.find_all(exp.PrimaryKey)
        for name in (folded(_bare(part)) for part in each.expressions)
    }
    found.columns = [
        replace(column, nullable=column.nullable and column.name not in primary)
        for column in found.columns
    ]
    return found


def _bare(node: Expr) -> Any:
    while isinstance(node, (exp.Ordered, exp.Column)):
        node = node.this
    return node


def _column(session: Session, table: Name, node: exp.ColumnDef, found: Definition) -> None:
    name = folded(node.this)
    kind = node.args["kind"]
    column = store.Column(name, _shown_type(kind))
    for constraint in node.args.get("constraints") or ():
        column = _with(session, table, column, constraint.args["kind"], found)
    found.columns.append(column)
    found.lines.append(f"{quote(name)} {kind.sql('snowflake')}")


def _with(
    session: Session, table: Name, column: store.Column, kind: Expr, found: Definition
) -> store.Column:
    if isinstance(kind, exp.NotNullColumnConstraint):
        return replace(column, nullable=bool(kind.args.get("allow_null")))
    if isinstance(kind, exp.PrimaryKeyColumnConstraint):
        return replace(column, nullable=False)
    if isinstance(kind, exp.CommentColumnConstraint):
        return replace(column, comment=kind.this.name)
    if isinstance(kind, exp.Reference):
        found.keys.append(_foreign_key(session, table, (column.name,), kind))
    if isinstance(kind, exp.DefaultColumnConstraint):
        return _with_default(session, table, column, kind.this)
    if isinstance(
        kind, (exp.GeneratedAsIdentityColumnConstraint, exp.AutoIncrementColumnConstraint)
    ):
        return _with_identity(session, column, kind)
    return column


def _with_default(
    session: Session, table: Name, column: store.Column, default: Expr
) -> store.Column:
    if isinstance(default, exp.Column) and folded(default.this) == "NEXTVAL":
        sequence = name_of(default)[:-1]
        whole = (*table[: 3 - len(sequence)], *sequence) if table else session.of_thing(sequence)
        thing = session.see("SEQUENCE", whole, called="Sequence")
        return store.sequence_default(column, whole, thing.details["at"])
    return replace(column, default=default.sql("snowflake"), filled=f"({default.sql('duckdb')})")


def _with_identity(session: Session, column: store.Column, kind: Expr) -> store.Column:
    start, step = (
        int(kind.args[key].name) if kind.args.get(key) is not None else 1
        for key in ("start", "increment")
    )
    sequence = store.new_sequence(session.duck, start, step)
    return replace(
        column,
        identity=f"IDENTITY START {start} INCREMENT {step} NOORDER",
        filled=store.next_value(sequence),
    )


def _constraint(session: Session, table: Name, node: Expr, found: Definition) -> None:
    name = folded(node.this) if isinstance(node, exp.Constraint) else ""
    for key in node.find_all(exp.ForeignKey):
        columns = tuple(folded(_bare(each)) for each in key.expressions)
        found.keys.append(_foreign_key(session, table, columns, key.args["reference"], name))


def _foreign_key(
    session: Session, table: Name, columns: tuple[str, ...], reference: Expr, name: str = ""
) -> ForeignKey:
    target = reference.this.this if isinstance(reference.this, exp.Schema) else reference.this
    whole = session.of_thing((*table[:-1][: 3 - len(name_of(target))], *name_of(target))[-3:])
    session.see("TABLE", whole, called="Table")
    return ForeignKey(name or store.new_name("SYS_CONSTRAINT_"), columns, whole)


def _shown_type(kind: Expr) -> str:
    """https://docs.snowflake.com/en/sql-reference/intro-summary-data-types."""
    text = kind.sql("snowflake").upper().replace(", ", ",")
    base, _, size = text.partition("(")
    if base in ("INT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT"):
        return "NUMBER(38,0)"
    if base in ("DECIMAL", "NUMBER"):
        return f"NUMBER({size}" if size else "NUMBER(38,0)"
    if base in ("VARCHAR", "TEXT", "STRING"):
        return f"VARCHAR({size}" if size else "VARCHAR(16777216)"
    return {
        "DOUBLE": "FLOAT",
        "TIMESTAMPTZ": "TIMESTAMP_TZ(9)",
        "TIMESTAMPNTZ": "TIMESTAMP_NTZ(9)",
        "TIMESTAMPLTZ": "TIMESTAMP_LTZ(9)",
        "TIMESTAMP": "TIMESTAMP_NTZ(9)",
        "TIME": "TIME(9)",
        "BINARY": "BINARY(8388608)",
    }.get(text, text)


def shown(columns: list[store.Column]) -> str:
    """Columns as GET_DDL shows them."""
    lines = []
    for column in columns:
        tail = "" if column.nullable else " NOT NULL"
        if column.identity is not None:
            tail += f" autoincrement {column.identity.removeprefix('IDENTITY ').lower()}"
        if column.default is not None:
            tail += f" DEFAULT {column.default}"
        lines.append(f"\t{plain((column.name,))} {column.type}{tail}")
    return ",\n".join(lines)
