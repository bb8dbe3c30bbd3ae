"""Postgres behind the port: reads catalogs, composes plans, applies each in one transaction."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import psycopg
import sqlalchemy
from psycopg import errors, sql

from branch_toolkit.core.environment import OwnedSchema, SchemaFacts
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    CloneFailed,
    EnvironmentBusy,
    MissingRight,
    SchemaInUse,
    SchemaNotOwned,
    StalePlan,
)
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.names import POSTGRES, Dialect
from branch_toolkit.core.plan import (
    Expectation,
    Hazard,
    OnProgress,
    Plan,
    Progress,
    Report,
    Result,
    silent,
)
from branch_toolkit.warehouses.postgres.connection import bound_waiting, create_engine, transaction
from branch_toolkit.warehouses.postgres.provisioning import (
    ProvisionPlan,
    clones_of,
    compose,
    digest,
)
from branch_toolkit.warehouses.postgres.statements import drop_schema, mark_schema
from branch_toolkit.warehouses.postgres.structure import read_leaks, read_structure

Connection = psycopg.Connection[tuple[Any, ...]]

_POLL_SECONDS = 0.25
_TABLE_SIZES = """
    SELECT n.nspname, c.relname, pg_total_relation_size(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind = 'r'
"""
# The system identifier tells clusters apart, the oid databases; both survive a rename.
_IDENTITY = """
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid
    FROM pg_database WHERE datname = current_database()
"""
_COMMENTS = """
    SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = ANY (%s)
"""


@dataclass(frozen=True)
class PostgresAdapter:
    """A Postgres database behind the `Warehouse` port.

    Args:
        engine: SQLAlchemy on psycopg 3.
        lock_timeout: Seconds to wait for a lock on a base table.
        patience: Seconds to wait for another run on the same environment.
    """

    engine: sqlalchemy.Engine
    lock_timeout: float = 5.0
    patience: float = 3600.0

    @classmethod
    @contextmanager
    def connect(cls, url: str, *, lock_timeout: float = 5.0) -> Iterator[PostgresAdapter]:
        """The database at a URL; no connection outlives the block."""
        engine = create_engine(url)
        try:
            yield cls(engine, lock_timeout=lock_timeout)
        finally:
            engine.dispose()

    @property
    def dialect(self) -> Dialect:
        """See `Warehouse.dialect`."""
        return POSTGRES

    def identity(self) -> str:
        """The cluster's system identifier and the database's oid."""
        with transaction(self.engine) as connection:
            return str(_rows(connection, _IDENTITY)[0][0])

    def schemas(self, *, marked: bool = True) -> Sequence[SchemaFacts]:
        """See `Warehouse.schemas`."""
        with transaction(self.engine) as connection:
            bound_waiting(connection, lock_timeout=self.lock_timeout)
            rows = _rows(connection, _file("schemas.sql"), {"marked": marked})
        return [
            SchemaFacts(name=name, comment=comment, tables=tables, size_bytes=size, rows=estimate)
            for name, comment, tables, size, estimate in rows
        ]

    def missing_grants(self, base_schemas: Sequence[str]) -> Sequence[str]:
        """See `Warehouse.missing_grants`."""
        with transaction(self.engine) as connection:
            self._require_bases(connection, base_schemas)
            return _missing_grants(connection, base_schemas)

    def plan_provision(
        self,
        environment: str,
        marks: Sequence[Mark],
        *,
        beside: Sequence[OwnedSchema] = (),
        replacing: Sequence[OwnedSchema] = (),
    ) -> Plan:
        """See `Warehouse.plan_provision`."""
        if not marks:
            return Plan(verb="provision", environment=environment)
        bases = [mark.base_schema for mark in marks]
        with transaction(self.engine) as connection:
            bound_waiting(connection, lock_timeout=self.lock_timeout)
            self._require_bases(connection, bases)
            self._require_rights(connection, bases)
            _require_free(connection, marks, replacing)
            _require_unused(connection, replacing)
            structure = read_structure(connection, clones_of(marks, beside))
        return compose(environment, marks, structure, beside=beside, replacing=replacing)

    def plan_marks(
        self, verb: str, environment: str, changes: Sequence[tuple[OwnedSchema, Mark]]
    ) -> Plan:
        """See `Warehouse.plan_marks`."""
        return Plan(
            verb=verb,
            environment=environment,
            statements=tuple(mark_schema(clone.name, mark) for clone, mark in changes),
            expects=tuple(_unchanged(clone) for clone, _ in changes),
        )

    def plan_drop(self, environment: str, clones: Sequence[OwnedSchema]) -> Plan:
        """See `Warehouse.plan_drop`."""
        with transaction(self.engine) as connection:
            _require_unused(connection, clones)
        return Plan(
            verb="drop",
            environment=environment,
            statements=tuple(drop_schema(clone.name) for clone in clones),
            expects=tuple(map(_unchanged, clones)),
        )

    def apply(
        self, plan: Plan, *, allow: Collection[Hazard] = (), on_progress: OnProgress = silent
    ) -> Report:
        """See `Warehouse.apply`."""
        plan.require(allow)
        started = time.monotonic()
        while (report := self._try_apply(plan, on_progress)) is None:
            if time.monotonic() - started > self.patience:
                raise EnvironmentBusy(
                    f"Another run has been working on {plan.environment!r} for"
                    f" {self.patience:.0f} seconds.",
                    remedy="See the runs with its tag in the Dagster UI; nothing was changed here.",
                )
            text = "another run works on this environment; waiting for it"
            on_progress(Progress(done=0, total=len(plan.statements), text=text))
            time.sleep(_POLL_SECONDS)
        return report

    def _try_apply(self, plan: Plan, on_progress: OnProgress) -> Report | None:
        """Applies the plan, or returns None if another run works on the environment."""
        started = time.monotonic()
        reads_base = isinstance(plan, ProvisionPlan)
        isolation = "REPEATABLE READ" if reads_base else "READ COMMITTED"
        with transaction(self.engine, isolation=isolation) as connection:
            bound_waiting(connection, lock_timeout=self.lock_timeout)
            if isinstance(plan, ProvisionPlan):
                _hold(connection, plan.reads)
            if not _lock_environment(connection, plan.environment):
                return None
            self._check(plan.expects)
            if isinstance(plan, ProvisionPlan):
                _check_base(connection, plan)
            _check_unused(connection, plan)
            results = _execute(connection, plan, on_progress)
            if isinstance(plan, ProvisionPlan):
                _audit(connection, plan)
        return Report(plan=plan, applied=True, results=results, seconds=time.monotonic() - started)

    def _check(self, expects: Sequence[Expectation]) -> None:
        # On a connection of its own: the applying transaction may have a snapshot from just before
        # the last holder of the environment's lock committed.
        names = [expected.schema for expected in expects]
        with transaction(self.engine) as connection:
            found = dict(_rows(connection, _COMMENTS, [names]))
        for expected in expects:
            present = expected.schema in found
            if present != (expected.comment is not None) or (
                present and found[expected.schema] != expected.comment
            ):
                raise StalePlan(
                    f"Schema {expected.schema!r} changed after the plan was made; nothing was"
                    " done.",
                    remedy="Plan again.",
                )

    def _require_bases(self, connection: Connection, base_schemas: Sequence[str]) -> None:
        found = {name for (name,) in _rows(connection, "SELECT nspname FROM pg_namespace")}
        for schema in base_schemas:
            if schema not in found:
                listed = sorted(name for name in found if not name.startswith("pg_"))
                raise BaseSchemaNotFound(
                    schema, database=str(self.engine.url.database), found=listed
                )

    def _require_rights(self, connection: Connection, base_schemas: Sequence[str]) -> None:
        if grants := _missing_grants(connection, base_schemas):
            raise MissingRight(
                f"Role {self.engine.url.username!r} lacks {len(grants)} right(s) to clone"
                f" {', '.join(base_schemas)}; nothing was made.",
                remedy="Have an owner execute: " + "; ".join(grants) + ".",
            )


def _lock_environment(connection: Connection, environment: str) -> bool:
    key = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s || current_database() || %s, 0))"
    return bool(_rows(connection, key, ["branch_toolkit:", f":{environment}"])[0][0])


def _hold(connection: Connection, tables: Sequence[tuple[str, str]]) -> None:
    """Locks base tables ACCESS SHARE, before the transaction's snapshot is taken.

    With the snapshot first, a table that is truncated or swapped in between would read as empty.
    """
    if not tables:
        return
    names = sql.SQL(", ").join(sql.Identifier(schema, table) for schema, table in tables)
    try:
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise StalePlan(f"A base table went away: {error}.", remedy="Plan again.") from error


def _check_base(connection: Connection, plan: ProvisionPlan) -> None:
    if digest(read_structure(connection, plan.clones)) != plan.base_state:
        raise StalePlan(
            "Base's structure changed after the plan was made; nothing was done.",
            remedy="Plan again.",
        )


def _check_unused(connection: Connection, plan: Plan) -> None:
    dropped = [statement.schema for statement in plan.statements if statement.action == "drop"]
    _require_no_dependents(connection, dropped)


def _require_unused(connection: Connection, clones: Sequence[OwnedSchema]) -> None:
    _require_no_dependents(connection, [clone.name for clone in clones])


def _require_no_dependents(connection: Connection, schemas: Sequence[str]) -> None:
    if not schemas:
        return
    rows = _rows(connection, _file("dependents.sql"), {"schemas": list(schemas)})
    if rows:
        raise SchemaInUse(", ".join(schemas), dependents=[row[0] for row in rows])


def _require_free(
    connection: Connection, marks: Sequence[Mark], replacing: Sequence[OwnedSchema]
) -> None:
    replaced = {clone.name for clone in replacing}
    names = [mark.clone for mark in marks if mark.clone not in replaced]
    for name, comment in _rows(connection, _COMMENTS, [names]):
        reason = "a schema of that name exists" + (" without a mark" if not comment else "")
        raise SchemaNotOwned(name, reason=f"{reason}, and it is not a clone of this environment")


def _missing_grants(connection: Connection, base_schemas: Sequence[str]) -> list[str]:
    rows = _rows(connection, _file("grants.sql"), {"schemas": list(base_schemas)})
    return [grant for (grant,) in rows]


def _execute(connection: Connection, plan: Plan, on_progress: OnProgress) -> tuple[Result, ...]:
    total_bytes = sum(statement.size_bytes or 0 for statement in plan.statements)
    done_bytes = 0
    results = []
    for number, statement in enumerate(plan.statements):
        on_progress(
            Progress(
                done=number,
                total=len(plan.statements),
                done_bytes=done_bytes,
                total_bytes=total_bytes,
                text=f"{statement.action} {statement.schema}: {statement.object}",
            )
        )
        started = time.monotonic()
        # As bytes: the text is complete, and a `%` in it is not a placeholder.
        cursor = connection.execute(statement.sql.encode())
        results.append(
            Result(
                schema=statement.schema,
                object=statement.object,
                action=statement.action,
                rows=cursor.rowcount if statement.action == "copy" else None,
                seconds=time.monotonic() - started,
            )
        )
        done_bytes += statement.size_bytes or 0
    return _with_sizes(connection, results)


def _with_sizes(connection: Connection, results: Sequence[Result]) -> tuple[Result, ...]:
    schemas = sorted({result.schema for result in results if result.action == "copy"})
    sizes: Mapping[tuple[str, str], int] = {
        (schema, f"table {table}"): size
        for schema, table, size in _rows(connection, _TABLE_SIZES, [schemas])
    }
    return tuple(
        replace(result, size_bytes=sizes.get((result.schema, result.object)))
        if result.action == "copy"
        else result
        for result in results
    )


def _audit(connection: Connection, plan: ProvisionPlan) -> None:
    leaks = read_leaks(connection, plan.clones)
    if leaks:
        listed = "; ".join(f"{leak.object} depends on {leak.depends_on}" for leak in leaks[:5])
        raise CloneFailed(
            f"{len(leaks)} object(s) of the clone would depend on base ({listed}); nothing was"
            " made.",
            remedy="Please report it with the definition of the object that it names.",
        )


def _unchanged(clone: OwnedSchema) -> Expectation:
    return Expectation(clone.name, clone.facts.comment)


def _rows(connection: Connection, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), parameters).fetchall()


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
