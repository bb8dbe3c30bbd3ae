"""The tasks that load clones: parts of tables, then keys and indexes, then foreign keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import IsolationLevel, errors

from branch_toolkit.warehouses.postgres.agenda import Task
from branch_toolkit.warehouses.postgres.conditions import reads_all
from branch_toolkit.warehouses.postgres.connection import bound_waiting
from branch_toolkit.warehouses.postgres.parts import part_bytes, parts, wanted_bytes
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.snapshot import Snapshot, insert, take_over
from branch_toolkit.warehouses.postgres.structure import Ddl, Stage, Structure, TableCopy

_PATIENCE_SECONDS = 300.0
"""How long to wait for a lock on a clone, which only another task or autovacuum should have."""

_COPYING, _BUILDING = 0, 1
_LOADED = (Stage.BUILD, Stage.ATTACH_INDEXES, Stage.CHECKS, Stage.FOREIGN_KEYS)


@dataclass(frozen=True)
class Subject:
    """What a task is about, and what it does to it.

    Attributes:
        schema: The base schema.
        object: The object as a reader names it.
        action: As in `Result`.
    """

    schema: str
    object: str
    action: str


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the tasks run under.

    Attributes:
        snapshot: Of base.
        statements: To be executed at the start of each transaction.
        lock_timeout: Seconds to wait for a lock on a base table.
        confirm: Called at the end of each transaction, on its connection; it may raise.
    """

    snapshot: Snapshot
    statements: Sequence[str]
    lock_timeout: float
    confirm: Callable[[Connection], None]

    def begin(self, connection: Connection, *, copying: bool = False) -> None:
        """Prepares a transaction."""
        if copying:
            take_over(connection, self.snapshot)
        bound_waiting(connection, lock_timeout=self.lock_timeout if copying else _PATIENCE_SECONDS)
        # Whoever waits for them at the end makes them all survive a crash at once.
        settings = ["SET LOCAL synchronous_commit = off", *self.statements]
        connection.execute("; ".join(settings).encode())


@dataclass
class _Plan:
    """The tasks so far."""

    setting: Setting
    part_bytes: int
    tasks: list[Task] = field(default_factory=list)

    def copy(self, copy: TableCopy) -> list[Task]:
        """The tasks that copy a table's rows."""
        # With an index, a condition finds its rows faster than one part after the other does.
        divided = reads_all(self.setting.snapshot.connection, copy)
        statements = list(parts(copy, self.part_bytes)) if divided else [copy.insert_sql]
        size = wanted_bytes(copy)
        return [
            self._add(
                Task(
                    label=_part_label(copy, number, len(statements)),
                    subject=Subject(copy.schema, f"table {copy.table}", "copy"),
                    run=_Copying(self.setting, copy, statement),
                    rank=(_COPYING, -size),
                    isolation=IsolationLevel.REPEATABLE_READ,
                    bytes=size // len(statements),
                    paced=True,
                )
            )
            for number, statement in enumerate(statements, 1)
        ]

    def execute(
        self, ddl: Ddl, after: Sequence[Task], *, size: int = 0, postponed: bool = False
    ) -> Task:
        """The task that executes a statement."""
        statement = f"{ddl.sql} NOT VALID" if postponed else ddl.sql
        return self._add(
            Task(
                label=f"creating {ddl.object}",
                subject=Subject(ddl.schema, ddl.object, "create"),
                run=_Executing(self.setting, statement),
                rank=(_BUILDING, -size),
                after=tuple(after),
                bytes=size,
            )
        )

    def analyze(self, copy: TableCopy, after: Sequence[Task]) -> Task:
        """The task that takes a table's statistics."""
        return self._add(
            Task(
                label=f"analyzing {copy.schema}.{copy.table}",
                subject=Subject(copy.schema, f"table {copy.table}", "analyze"),
                run=_Executing(self.setting, f"ANALYZE {copy.clone}"),
                rank=(_BUILDING, -copy.index_bytes),
                after=tuple(after),
            )
        )

    def validate(self, ddl: Ddl, after: Sequence[Task], *, size: int) -> Task:
        """The task that checks a foreign key against the rows."""
        return self._add(
            Task(
                label=f"validating {ddl.object}",
                subject=Subject(ddl.schema, ddl.object, "validate"),
                run=_Validating(self.setting, ddl.validation or ""),
                rank=(_BUILDING, -size),
                after=tuple(after),
            )
        )

    def _add(self, task: Task) -> Task:
        self.tasks.append(task)
        return task


@dataclass(frozen=True)
class _Copying:
    setting: Setting
    copy: TableCopy
    statement: str

    def __call__(self, connection: Connection) -> int:
        self.setting.begin(connection, copying=True)
        rows = insert(connection, self.copy, self.statement)
        self.setting.confirm(connection)
        return rows


@dataclass(frozen=True)
class _Executing:
    setting: Setting
    statement: str

    def __call__(self, connection: Connection) -> None:
        self.setting.begin(connection)
        # As bytes: the text is complete, and a `%` in it is not a placeholder.
        connection.execute(self.statement.encode())
        self.setting.confirm(connection)


@dataclass(frozen=True)
class _Validating:
    setting: Setting
    statement: str

    def __call__(self, connection: Connection) -> int:
        """Returns whether the rows obey it."""
        self.setting.begin(connection)
        try:
            with connection.transaction():
                connection.execute(self.statement.encode())
        except errors.ForeignKeyViolation:
            return False
        self.setting.confirm(connection)
        return True


def nothing(_connection: Connection) -> None:
    """A `Setting.confirm` that confirms nothing."""


def plan_tasks(
    structure: Structure, setting: Setting, *, schemas: Mapping[str, str], throttle: float | None
) -> list[Task]:
    """The tasks that load the clones of some schemas.

    The rows come first, as base's snapshot is kept open till they are copied; of each kind, what
    belongs to the largest table. What is made in the order in which it is given (`Ddl.table`) waits
    for all that is not, and foreign keys wait for that.

    Args:
        structure: Of base.
        setting: What the tasks run under.
        schemas: The base schemas; see `load`.
        throttle: Bytes per second.
    """
    plan = _Plan(setting, part_bytes(throttle))
    tables = sorted(
        (copy for copy in structure.tables if copy.schema in schemas), key=lambda copy: -copy.bytes
    )
    known = {(copy.schema, copy.table) for copy in tables}
    parts_of: dict[tuple[str, str], list[Ddl]] = defaultdict(list)
    in_order, foreign = [], []
    for ddl in structure.after_data:
        if ddl.schema not in schemas or ddl.stage not in _LOADED:
            continue
        if ddl.stage is Stage.FOREIGN_KEYS:
            foreign.append(ddl)
        elif ddl.stage is Stage.BUILD and ddl.table and (ddl.schema, ddl.table) in known:
            parts_of[ddl.schema, ddl.table].append(ddl)
        else:
            in_order.append(ddl)
    last = _tables(plan, tables, parts_of)
    sizes: dict[tuple[str, str | None], int] = {
        (copy.schema, copy.table): copy.bytes for copy in tables
    }
    _foreign_keys(plan, foreign, _chain(plan, in_order, last), sizes)
    return plan.tasks


def _tables(
    plan: _Plan, tables: Sequence[TableCopy], parts_of: Mapping[tuple[str, str], Sequence[Ddl]]
) -> list[Task]:
    copied = {(copy.schema, copy.table): plan.copy(copy) for copy in tables}
    # Rows that find their partition anew may come from any table that is partitioned like that.
    rerouted = [
        task for copy in tables if copy.rerouted for task in copied[copy.schema, copy.table]
    ]
    last = []
    for copy in tables:
        ready = rerouted if copy.rerouted else copied[copy.schema, copy.table]
        made = parts_of.get((copy.schema, copy.table), ())
        size = copy.index_bytes // max(1, len(made))
        # A key locks the table against everything; other indexes can be built side by side.
        keys = [ddl for ddl in made if _is_key(ddl)]
        for key in keys:
            ready = [plan.execute(key, ready, size=size)]
        indexes = [plan.execute(index, ready, size=size) for index in made if not _is_key(index)]
        last.append(plan.analyze(copy, indexes or ready))
    return last


def _chain(plan: _Plan, statements: Sequence[Ddl], after: Sequence[Task]) -> Sequence[Task]:
    for ddl in statements:
        after = [plan.execute(ddl, after)]
    return after


def _foreign_keys(
    plan: _Plan,
    keys: Sequence[Ddl],
    after: Sequence[Task],
    sizes: Mapping[tuple[str, str | None], int],
) -> None:
    # One after the other: each locks two tables against writing, in any order.
    for key in keys:
        after = [plan.execute(key, after, postponed=key.validation is not None)]
    # A validation locks the referencing table against other DDL, so one at a time for each.
    latest: dict[tuple[str, str | None], Sequence[Task]] = {}
    for key in keys:
        if key.validation is not None:
            table = key.schema, key.table
            ready = latest.get(table, after)
            latest[table] = [plan.validate(key, ready, size=sizes.get(table, 0))]


def _is_key(ddl: Ddl) -> bool:
    return ddl.sql.startswith("ALTER TABLE")


def _part_label(copy: TableCopy, number: int, total: int) -> str:
    part = f" (part {number} of {total})" if total > 1 else ""
    return f"copying {copy.schema}.{copy.table}{part}"
