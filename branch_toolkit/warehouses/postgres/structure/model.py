"""What is read of base schemas: the statements that make their clones, and what those leave out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ddl:
    """One statement.

    Attributes:
        schema: The base schema whose object it makes in the clone.
        object: The object as a reader names it: `table orders`.
        sql: The statement; every name in it is qualified.
    """

    schema: str
    object: str
    sql: str


@dataclass(frozen=True)
class TableCopy:
    """The statement that copies one table's rows; a partitioned table has one for each leaf.

    Attributes:
        schema: The base schema.
        table: The table's name, not quoted.
        insert_sql: INSERT … SELECT from the base table into its clone.
        rows: The planner's estimate; None if the table was never vacuumed or analysed.
        bytes: Size of the table in base, its TOAST included.
        index_bytes: Size of the table's indexes in base.
    """

    schema: str
    table: str
    insert_sql: str
    # Two readings of an unchanged structure are equal, whatever was written in between.
    rows: int | None = field(compare=False)
    bytes: int = field(compare=False)
    index_bytes: int = field(compare=False)


@dataclass(frozen=True)
class DeferredTable:
    """A table that is read through base.

    Attributes:
        schema: The base schema.
        table: The table's name, not quoted.
        rows: The planner's estimate of base's rows; None if the table was never analysed.
        bytes: Size of base's table, its indexes included.
    """

    schema: str
    table: str
    rows: int | None = field(compare=False)
    bytes: int = field(compare=False)


@dataclass(frozen=True)
class Omitted:
    """An object, or a property of one, that the clone will not have.

    Attributes:
        schema: The base schema.
        object: The object as a reader names it.
        reason: Why, as a sentence.
    """

    schema: str
    object: str
    reason: str


@dataclass(frozen=True)
class Caution:
    """A cloned object that can still reach outside of the clones when it is used.

    Attributes:
        schema: The base schema.
        object: The object as a reader names it.
        reason: What it reaches and how, as a sentence.
    """

    schema: str
    object: str
    reason: str


@dataclass(frozen=True)
class Structure:
    """Everything that it takes to make clones, in the order in which it has to be executed.

    Two structures that are equal make equal clones: compare two readings to see whether base was
    altered in between.

    Attributes:
        search_path: The value of `search_path` under which all statements are to be executed,
            together with `check_function_bodies = off`. The statements themselves do not need it,
            as they qualify every name; functions that are called meanwhile may.
        before_data: Types, functions, tables, views.
        tables: The copies of the rows, in any order.
        sequences: Statements that set each sequence to where base's is when they are executed.
        after_data: Keys, indexes, foreign keys, refreshes, triggers, policies, comments, grants.
        omitted: What the clones will not have.
        cautions: What in the clones can still reach base.
        deferred: The tables that are read through base; `before_data` makes them.
        shared_types: The oids of base's types that deferred columns have, and so the clones use.
    """

    search_path: str
    before_data: tuple[Ddl, ...]
    tables: tuple[TableCopy, ...]
    sequences: tuple[Ddl, ...]
    after_data: tuple[Ddl, ...]
    omitted: tuple[Omitted, ...]
    cautions: tuple[Caution, ...]
    deferred: tuple[DeferredTable, ...] = ()
    shared_types: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Leak:
    """An object of a clone that depends on an object of a base schema.

    Attributes:
        schema: The clone.
        object: The dependent object, as Postgres describes it.
        base_object: What it depends on.
    """

    schema: str
    object: str
    base_object: str
