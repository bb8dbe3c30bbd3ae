"""What can go wrong with an asset's table, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from branch_toolkit.core.errors import BranchToolkitError


class TableMissing(BranchToolkitError):
    """An input's table does not exist in this deployment's schema."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"There is no table {table} to read.",
            remedy=(
                "Materialize the upstream asset in this deployment first; in a branch deployment,"
                " or refresh the branch if the table came to production after it was made."
            ),
        )
        self.table = table


class NotATable(BranchToolkitError):
    """An output's name belongs to something that cannot take rows, such as a view."""

    def __init__(self, table: str, *, found: str) -> None:
        super().__init__(
            f"{table} is a {found}, so no rows can be written to it; it was left as it is.",
            remedy="Give the asset another name or schema, or drop it by hand if it may go.",
        )
        self.table = table


class ColumnsChanged(BranchToolkitError):
    """An output's columns no longer fit its table, and guessing could lose data."""

    def __init__(self, table: str, *, lost: Sequence[str], gained: Sequence[str]) -> None:
        super().__init__(
            f"{table} has columns that the output lacks ({', '.join(lost)}), and the output has"
            f" columns that the table lacks ({', '.join(gained)}). Nothing was written: this looks"
            " like a rename, and what else uses the old columns would silently find them empty.",
            remedy=(
                f"Rename or drop the table's columns, or drop the table, then run again; in a"
                f" branch that is safe to do. For a rename: ALTER TABLE {table} RENAME COLUMN …"
            ),
        )
        self.table = table


class RowsOutsidePartition(BranchToolkitError):
    """An output holds rows that are not of the partition that it is written as."""

    def __init__(self, table: str, *, partition: str, outside: int, rows: int) -> None:
        super().__init__(
            f"{outside} of {rows} rows for {table} are not in the partition being written"
            f" ({partition}). Nothing was written: the next write of the partition would not"
            " replace them, so they would be there twice.",
            remedy=(
                "Return only rows of the partition. If they look right, `partition_expr` compares"
                " the wrong way: cast a text column, for example to my_column::timestamp."
            ),
        )
        self.table = table


class PartitionsNotContiguous(BranchToolkitError):
    """The partitions of a run cannot be told apart from others by one condition per dimension."""

    def __init__(self, asset: str, *, reason: str) -> None:
        super().__init__(
            f"The partitions of {asset} in this run are not one block: {reason}.",
            remedy="Launch one run for each block, or one for each partition.",
        )
        self.asset = asset


class PartitionExprMissing(BranchToolkitError):
    """A partitioned asset does not say which column it is partitioned by."""

    def __init__(self, asset: str, *, dimension: str | None) -> None:
        example = f'{{"{dimension}": "my_column"}}' if dimension else '"my_column"'
        super().__init__(
            f"Asset {asset} has partitions, but its metadata does not say which column holds"
            f" {f'dimension {dimension!r}' if dimension else 'them'}.",
            remedy=f'Add it: metadata={{"partition_expr": {example}}}.',
        )
        self.asset = asset


class RowsDependOnTable(BranchToolkitError):
    """To replace a table's rows would change rows of another table, by a foreign key's action."""

    def __init__(self, table: str, *, constraints: Sequence[str]) -> None:
        super().__init__(
            f"Rows of other tables go or change when rows of {table} are deleted, because of"
            f" {', '.join(constraints)}. Nothing was written.",
            remedy=(
                "Declare these foreign keys without ON DELETE and as DEFERRABLE: they are then"
                " checked when the new rows are in."
            ),
        )
        self.table = table


class UnsupportedValues(BranchToolkitError):
    """A column holds values that no Postgres type is known for."""

    def __init__(self, column: str, *, found: str) -> None:
        super().__init__(
            f"Column {column!r} holds values of type {found}, which cannot be stored.",
            remedy="Turn them into numbers, text, dates, or dicts before you return the frame.",
        )
        self.column = column


class UnreadableValues(BranchToolkitError):
    """A column holds values that no type of the library that reads it can hold."""

    def __init__(self, column: str, *, reason: str) -> None:
        super().__init__(
            f"Column {column!r} cannot be read: {reason}.",
            remedy=(
                "List the columns to read in the input's metadata `columns`, without this one, or"
                " read it with SQL that makes text of it."
            ),
        )
        self.column = column


class UnusableName(BranchToolkitError):
    """A name that Postgres would cut, or that stands for two columns."""

    def __init__(self, name: str, *, reason: str) -> None:
        super().__init__(f"The name {name!r} cannot be used: {reason}.", remedy="Choose another.")
        self.name = name
