"""One attempt to apply a plan: at once, or in parts while the environment's lock is held."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy

from branch_toolkit.core.errors import CloneFailed, StalePlan
from branch_toolkit.core.plan import OnProgress, Plan, Report, Result
from branch_toolkit.warehouses.postgres import queries
from branch_toolkit.warehouses.postgres.applying import (
    VANISHED,
    audit,
    check_base,
    course_of,
    dropped_schemas,
    execute,
    hold_base,
    hold_dropped,
)
from branch_toolkit.warehouses.postgres.batches import Course
from branch_toolkit.warehouses.postgres.building import Loading, apply_staged
from branch_toolkit.warehouses.postgres.checking import check_again
from branch_toolkit.warehouses.postgres.connection import bound_waiting, transaction
from branch_toolkit.warehouses.postgres.dropping import BatchedDrop, apply_drop, empty
from branch_toolkit.warehouses.postgres.holding import hold_environment, observer
from branch_toolkit.warehouses.postgres.provisioning import ProvisionPlan
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.staging import StagedPlan
from branch_toolkit.warehouses.postgres.structure import read_fingerprint


@dataclass(frozen=True)
class Attempt:
    """How plans are applied.

    Args:
        engine: The database.
        lock_timeout: Seconds to wait for a lock on a base table.
        loading: How rows of large clones are copied.
    """

    engine: sqlalchemy.Engine
    lock_timeout: float
    loading: Loading

    def apply(self, plan: Plan, on_progress: OnProgress) -> Report | None:
        """Applies a plan, or returns None if another run works on the environment.

        Raises:
            StalePlan: What the plan expects is no longer so; nothing was done.
        """
        started = time.monotonic()
        try:
            if isinstance(plan, (StagedPlan, BatchedDrop)):
                results = self._try_in_parts(plan, course_of(plan, on_progress))
            else:
                results = self._try_at_once(plan, on_progress)
        except CloneFailed as error:
            if isinstance(error.__cause__, VANISHED) and self._outdated(plan):
                text = f"Base was altered meanwhile ({error.__cause__}); nothing was done."
                raise StalePlan(text, remedy="Plan again.") from error
            raise
        if results is None:
            return None
        return Report(plan=plan, applied=True, results=results, seconds=time.monotonic() - started)

    def _try_at_once(self, plan: Plan, on_progress: OnProgress) -> tuple[Result, ...] | None:
        # One snapshot for all tables, so that the copies agree with each other.
        isolation = "REPEATABLE READ" if isinstance(plan, ProvisionPlan) else "READ COMMITTED"
        with self._transaction(isolation=isolation) as connection:
            hold_base(connection, plan)
            if not queries.try_lock(connection, plan.environment):
                return None
            hold_dropped(connection, plan)
            check_base(connection, plan)
            dropping = dropped_schemas(plan)
            with observer(self.engine) as witness:
                check_again(witness, plan.expects, dropping=dropping)
                empty(connection, dropping, witness=witness)
            results = execute(connection, plan, on_progress)
            audit(connection, plan)
        return results

    def _outdated(self, plan: Plan) -> bool:
        """Whether base is no longer what the plan was made from."""
        if not isinstance(plan, ProvisionPlan):
            return False
        with self._transaction() as connection:
            found = read_fingerprint(connection, list(plan.clones), plan.watched)
        return found != plan.fingerprint

    def _try_in_parts(
        self, plan: StagedPlan | BatchedDrop, course: Course
    ) -> tuple[Result, ...] | None:
        holding = hold_environment(self.engine, plan.environment, lock_timeout=self.lock_timeout)
        with holding as held, observer(self.engine) as witness:
            if held is None:
                return None
            if isinstance(plan, BatchedDrop):
                return apply_drop(held, plan, course, witness=witness)
            return apply_staged(held, plan, course, loading=self.loading, witness=witness)

    @contextmanager
    def _transaction(self, *, isolation: str = "READ COMMITTED") -> Iterator[Connection]:
        with transaction(self.engine, isolation=isolation) as connection:
            bound_waiting(connection, lock_timeout=self.lock_timeout)
            yield connection
