"""What is read of base schemas: the statements that make their clones, and what those leave out."""

from __future__ import annotations

from dataclasses import dataclass, field

from branch_toolkit.warehouses.postgres.structure.statement import Stage


@dataclass(frozen=True)
class Ddl:
    """One statement.

    Attributes:
        schema: The base schema whose object it makes in the clone.
        object: The object as a reader names it: `table orders`.
        sql: The statement; every name in it is qualified.
        stage: When it is executed.
        table: The base table whose key, index or foreign key it makes; None for everything else,
            and for a key or an index that can only be made in the order in which it is given.
        validation: For a foreign key that may be added NOT VALID first: the statement that then
            checks the rows.
    """

    schema: str
    object: str
    sql: str
    stage: Stage
    table: str | None = None
    validation: str | None = None


@dataclass(frozen=True)
class TableCopy:
    """How one table's rows are copied; a partitioned table has one for each leaf.

    Attributes:
        schema: The base schema.
        table: The table's name, not quoted.
        source: The base table, quoted.
        clone: The clone's table, quoted.
        insert: INSERT … SELECT from the base table, without a WHERE.
        rerouted: Whether its rows may come to lie in another partition of the clone.
        condition: Which rows are wanted, in SQL; None for all.
        limit: How many rows are wanted at most; None for all.
        rows: The planner's estimate; None if the table was never vacuumed or analysed.
        bytes: Size of the table in base, its TOAST included.
        index_bytes: Size of the table's indexes in base.
        pages: Pages that the rows lie in; None where a part of them cannot be read by itself.
    """

    schema: str
    table: str
    source: str
    clone: str
    insert: str
    rerouted: bool
    condition: str | None
    limit: int | None
    # Two readings of an unchanged structure are equal, whatever was written in between.
    rows: int | None = field(compare=False)
    bytes: int = field(compare=False)
    index_bytes: int = field(compare=False)
    pages: int | None = field(compare=False)

    @property
    def insert_sql(self) -> str:
        """The statement that copies all the rows that are wanted."""
        return self.part_sql()

    def part_sql(self, *conditions: str) -> str:
        """The statement that copies those of the rows for which some conditions hold as well."""
        if self.condition:
            # On lines of its own, so that a comment at its end hides nothing.
            conditions = (*conditions, f"(\n{self.condition}\n)")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        limit = f" LIMIT {self.limit}" if self.limit is not None else ""
        return f"{self.insert}{where}{limit}"


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
    """A cloned object that is not all that one might think: it can reach outside of them, say.

    Attributes:
        schema: The base schema.
        object: The object as a reader names it.
        reason: What to know of it, as a sentence.
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
        made: The oids of base's tables, views, sequences and indexes that are made again.
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
    made: frozenset[int] = field(default=frozenset(), compare=False)


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
