"""Plans: the statements that an action would execute, with their hazards. Nothing is executed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from branch_toolkit.core.errors import HazardNotAllowed


class Hazard(str, Enum):
    """What could be regretted about a statement."""

    DELETES_DATA = "deletes data of the branch"
    COPIES_DATA = "reads all rows of a base table and stores them again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement.

    Args:
        sql: Its text, complete and quoted.
        action: What it does, for people to read: `copy`, `create`, `drop`, `mark`, ….
        schema: The clone that it works on.
        object: The object that it works on, such as `table orders`.
        hazards: What could be regretted.
        rows: Rows that it is expected to write, by the planner's estimate; None where unknown.
        size_bytes: Bytes that it is expected to write; None where unknown.
        base_rows: Rows of base's table that it stands for, by estimate; None where unknown.
        base_bytes: Size of that table with its indexes; None where unknown.
    """

    sql: str
    action: str
    schema: str
    object: str
    hazards: frozenset[Hazard] = frozenset()
    rows: int | None = None
    size_bytes: int | None = None
    base_rows: int | None = None
    base_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a schema must be, when the plan is applied, for the plan still to be right.

    Args:
        schema: Its name.
        comment: Its whole comment, or None if the schema must not exist.
    """

    schema: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know about an object: not cloned, cloned otherwise, and why."""

    object: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to execute, as a whole or not at all.

    Args:
        verb: `provision`, `refresh`, `retire`, `restore` or `drop`.
        environment: The environment's name; the warehouse works on one at a time.
        statements: In order.
        expects: Checked again at the start of the applying transaction.
        notes: What is not done, or done otherwise than one might think.
    """

    verb: str
    environment: str
    statements: tuple[Statement, ...] = ()
    expects: tuple[Expectation, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.statements

    @property
    def hazards(self) -> frozenset[Hazard]:
        """All hazards of its statements."""
        return frozenset().union(*(statement.hazards for statement in self.statements))

    def require(self, allowed: Collection[Hazard]) -> None:
        """Refuses the plan unless all its hazards are allowed.

        Raises:
            HazardNotAllowed: One is not.
        """
        for statement in self.statements:
            for hazard in sorted(statement.hazards - frozenset(allowed)):
                raise HazardNotAllowed(
                    f"The plan to {self.verb} {self.environment} was not applied:"
                    f" {statement.action} {statement.schema} ({statement.object}) {hazard.value}.",
                    remedy="Use the verb that is meant to do this.",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the application of a plan has come.

    Args:
        done: Statements done.
        total: Statements in all.
        done_bytes: Bytes written of those that were estimated.
        total_bytes: Bytes estimated in all.
        text: What is being done.
    """

    done: int
    total: int
    done_bytes: int = 0
    total_bytes: int = 0
    text: str = ""


OnProgress = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """An `OnProgress` that ignores what it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one statement did, or would do.

    Args:
        schema: The clone.
        object: The object.
        action: What was done to it.
        rows: Rows written; None where rows are not what it writes.
        size_bytes: Bytes on disk; None where unknown.
        seconds: How long it took; None if it was not executed.
    """

    schema: str
    object: str
    action: str
    rows: int | None = None
    size_bytes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a plan.

    Args:
        plan: The plan.
        applied: Whether it was executed; False for a dry run and for an empty plan.
        results: What was done, or would be, to each object.
        seconds: How long it took in all.
        outputs: What became of the branch's other outputs, in lines for people.
    """

    plan: Plan
    applied: bool
    results: tuple[Result, ...] = ()
    seconds: float = 0.0
    outputs: tuple[str, ...] = ()


def foresee(plan: Plan) -> Report:
    """The report of a dry run: what would be done, with estimates."""
    return Report(
        plan=plan,
        applied=False,
        results=tuple(
            Result(
                schema=statement.schema,
                object=statement.object,
                action=statement.action,
                rows=statement.rows,
                size_bytes=statement.size_bytes,
            )
            for statement in plan.statements
        ),
    )


def join(before: Iterable[Report | None], last: Report) -> Report:
    """What several plans have done, those before the last one only if it was anything."""
    reports = [
        each for each in before if each is not None and not (each.plan.empty and not each.outputs)
    ]
    if not reports:
        return last
    reports.append(last)
    return Report(
        plan=Plan(
            verb=last.plan.verb,
            environment=last.plan.environment,
            statements=tuple(chain.from_iterable(each.plan.statements for each in reports)),
            notes=tuple(chain.from_iterable(each.plan.notes for each in reports)),
        ),
        applied=any(each.applied for each in reports),
        results=tuple(chain.from_iterable(each.results for each in reports)),
        seconds=sum(each.seconds for each in reports),
        outputs=tuple(chain.from_iterable(each.outputs for each in reports)),
    )
