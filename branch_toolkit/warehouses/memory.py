"""A warehouse in memory, for tests of code that uses a warehouse. It passes the contract suite."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.environment import OwnedSchema, SchemaFacts
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    EnvironmentBusy,
    NoTimeTravel,
    SchemaNotOwned,
    StalePlan,
)
from branch_toolkit.core.mark import Mark, encode, is_mark
from branch_toolkit.core.names import POSTGRES, Dialect
from branch_toolkit.core.plan import (
    Expectation,
    Hazard,
    Note,
    OnProgress,
    Plan,
    Progress,
    Report,
    Result,
    Statement,
    silent,
)
from branch_toolkit.core.strategy import Relation, Rule, Strategy
from branch_toolkit.warehouses import Server

Row = Mapping[str, Any]


@dataclass
class MemorySchema:
    """A schema: its comment, and its tables as lists of rows."""

    comment: str | None = None
    tables: dict[str, list[Row]] = field(default_factory=dict)


class MemoryWarehouse:
    """Schemas in a dictionary, changed as a whole or not at all.

    Args:
        content: Tables by schema, as `{"analytics": {"orders": [{"id": 1}]}}`.
        name: Its identity.
    """

    dialect: Dialect = POSTGRES

    def __init__(
        self, content: Mapping[str, Mapping[str, list[Row]]] = {}, *, name: str = "memory"
    ) -> None:
        self.held = {
            schema: MemorySchema(tables=copy.deepcopy(dict(tables)))
            for schema, tables in content.items()
        }
        self._name = name
        self._lock = threading.RLock()

    def add_schema(self, name: str, tables: Mapping[str, list[Row]]) -> None:
        """Adds a schema that is not a clone."""
        self.held[name] = MemorySchema(tables=copy.deepcopy(dict(tables)))

    def server(self) -> Server:
        """See `Warehouse.server`."""
        return Server("memory", self._name, "anybody", datetime.now(tz=timezone.utc))

    def identity(self) -> str:
        """Its name."""
        return self._name

    def schemas(
        self,
        *,
        marked: bool = True,
        names: Collection[str] | None = None,
        sizes: bool = False,
    ) -> Sequence[SchemaFacts]:
        """See `Warehouse.schemas`."""
        with self._lock:
            return [
                SchemaFacts(
                    name=name,
                    comment=schema.comment,
                    tables=len(schema.tables),
                    size_bytes=sum(len(repr(rows)) for rows in schema.tables.values()),
                    rows=sum(map(len, schema.tables.values())),
                )
                for name, schema in self.held.items()
                if (is_mark(schema.comment) or not marked) and (names is None or name in names)
            ]

    def missing_grants(self, base_schemas: Sequence[str]) -> Sequence[str]:
        """None: there are no rights in memory."""
        for schema in base_schemas:
            self._require_base(schema)
        return ()

    def advice(self) -> Sequence[Note]:
        """See `Warehouse.advice`."""
        return ()

    def examine(self, clones: Sequence[OwnedSchema]) -> Sequence[Note]:
        """See `Warehouse.examine`."""
        return ()

    def tables(self, clones: Sequence[OwnedSchema]) -> Mapping[tuple[str, str], bool]:
        """See `Warehouse.tables`; in memory, all are copies."""
        with self._lock:
            held = {clone.name: self.held[clone.name] for clone in clones}
            return {
                (name, table): False for name, schema in held.items() for table in schema.tables
            }

    def plan_provision(
        self,
        environment: str,
        marks: Sequence[Mark],
        *,
        beside: Sequence[OwnedSchema] = (),
        replacing: Sequence[OwnedSchema] = (),
        rules: Sequence[Rule] = (),
        as_of: AsOf | None = None,
    ) -> Plan:
        """See `Warehouse.plan_provision`."""
        if as_of is not None:
            raise NoTimeTravel("A warehouse in memory")
        replaced = {clone.name for clone in replacing}
        statements = [_drop(clone) for clone in replacing]
        expects = [_unchanged(clone) for clone in (*beside, *replacing)]
        for mark in marks:
            self._require_base(mark.base_schema)
            if mark.clone not in replaced:
                self._require_free(mark.clone)
                expects.append(Expectation(mark.clone, None))
            statements += self._copy(mark, rules)
        return Plan(
            verb="refresh" if replacing else "provision",
            environment=environment,
            statements=tuple(statements),
            expects=tuple(expects),
        )

    def plan_marks(
        self, verb: str, environment: str, changes: Sequence[tuple[OwnedSchema, Mark]]
    ) -> Plan:
        """See `Warehouse.plan_marks`."""
        return Plan(
            verb=verb,
            environment=environment,
            statements=tuple(_mark(clone.name, mark) for clone, mark in changes),
            expects=tuple(_unchanged(clone) for clone, _ in changes),
        )

    def plan_drop(self, environment: str, clones: Sequence[OwnedSchema]) -> Plan:
        """See `Warehouse.plan_drop`."""
        return Plan(
            verb="drop",
            environment=environment,
            statements=tuple(map(_drop, clones)),
            expects=tuple(map(_unchanged, clones)),
        )

    def apply(
        self,
        plan: Plan,
        *,
        allow: Collection[Hazard] = (),
        on_progress: OnProgress = silent,
        wait: bool = True,
    ) -> Report:
        """See `Warehouse.apply`."""
        plan.require(allow)
        with self._alone(plan, wait=wait):
            self._check(plan.expects)
            after = copy.deepcopy(self.held)
            results = []
            for number, statement in enumerate(plan.statements, start=1):
                rows = _execute(after, json.loads(statement.sql))
                results.append(_result(statement, rows))
                on_progress(
                    Progress(done=number, total=len(plan.statements), text=statement.object)
                )
            self.held = after
        return Report(plan=plan, applied=True, results=tuple(results))

    @contextmanager
    def _alone(self, plan: Plan, *, wait: bool) -> Iterator[None]:
        if not self._lock.acquire(blocking=wait):
            raise EnvironmentBusy(
                f"Another thread works on {plan.environment!r}.", remedy="Try again later."
            )
        try:
            yield
        finally:
            self._lock.release()

    def _require_base(self, schema: str) -> None:
        if schema not in self.held:
            raise BaseSchemaNotFound(schema, database=self._name, found=list(self.held))

    def _require_free(self, name: str) -> None:
        if name in self.held:
            raise SchemaNotOwned(name, reason="it exists and is not a clone of this environment")

    def _check(self, expects: Sequence[Expectation]) -> None:
        for expected in expects:
            found = self.held.get(expected.schema)
            if (found.comment if found else None) != expected.comment or (
                found is not None and expected.comment is None
            ):
                raise StalePlan(
                    f"Schema {expected.schema!r} changed after the plan was made.",
                    remedy="Plan again.",
                )

    def _copy(self, mark: Mark, rules: Sequence[Rule]) -> list[Statement]:
        tables = self.held[mark.base_schema].tables
        strategies = {table: _strategy(rules, mark.base_schema, table) for table in tables}
        copies = [
            _statement(
                "copy",
                mark.clone,
                f"table {table}",
                {
                    "base": mark.base_schema,
                    "table": table,
                    "empty": strategy is Strategy.EMPTY,
                },
                frozenset({Hazard.COPIES_DATA}),
                rows=0 if strategy is Strategy.EMPTY else len(tables[table]),
            )
            for table, strategy in strategies.items()
            if strategy is not Strategy.SKIP
        ]
        return [_statement("create", mark.clone, "schema"), *copies, _mark(mark.clone, mark)]


def _strategy(rules: Sequence[Rule], schema: str, table: str) -> Strategy:
    relation = Relation(id=0, schema=schema, name=table)
    return next((rule.strategy for rule in rules if rule.matches(relation)), Strategy.DEFER)


def _statement(
    action: str,
    schema: str,
    kind: str,
    details: Mapping[str, Any] = {},
    hazards: frozenset[Hazard] = frozenset(),
    *,
    rows: int | None = None,
) -> Statement:
    return Statement(
        sql=json.dumps({"action": action, "schema": schema, **details}),
        action=action,
        schema=schema,
        object=kind,
        hazards=hazards,
        rows=rows,
    )


def _mark(schema: str, mark: Mark) -> Statement:
    return _statement("mark", schema, "schema", {"comment": encode(mark)})


def _drop(clone: OwnedSchema) -> Statement:
    # What is half-made or half-dropped is no branch's data any more.
    hazards = frozenset() if clone.mark.condition else frozenset({Hazard.DELETES_DATA})
    return _statement("drop", clone.name, "schema", hazards=hazards)


def _unchanged(clone: OwnedSchema) -> Expectation:
    return Expectation(clone.name, clone.facts.comment)


def _execute(held: dict[str, MemorySchema], command: Mapping[str, Any]) -> int | None:
    schema = command["schema"]
    if command["action"] == "create":
        held[schema] = MemorySchema()
    elif command["action"] == "drop":
        del held[schema]
    elif command["action"] == "mark":
        held[schema] = replace(held[schema], comment=command["comment"])
    else:
        rows = copy.deepcopy(held[command["base"]].tables[command["table"]])
        held[schema].tables[command["table"]] = [] if command["empty"] else rows
        return len(held[schema].tables[command["table"]])
    return None


def _result(statement: Statement, rows: int | None) -> Result:
    return Result(
        schema=statement.schema,
        object=statement.object,
        action=statement.action,
        rows=rows,
        seconds=0.0,
    )
