"""Clones and environments: what a warehouse holds that is proven to be ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from branch_toolkit.core.branch import Branch, BranchKey, Project, same_repository
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.errors import (
    BranchToolkitError,
    EnvironmentNotFound,
    SchemaNotOwned,
)
from branch_toolkit.core.mark import CONDITIONS, DROPPING, Mark, decode, is_mark
from branch_toolkit.core.names import POSTGRES, SEPARATOR, Dialect, environment_name, half_name


class BranchRoles(str, Enum):
    """Whether environments get a role of their own."""

    AUTO = "auto"
    """Where the connecting role may make one that can read base."""
    ON = "on"
    """Always; it is an error where that is not possible."""
    OFF = "off"
    """Never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFacts:
    """One schema as the warehouse reports it, ours or not.

    Args:
        name: Its name.
        comment: Its comment.
        tables: How many tables it holds; None where that was not asked for.
        size_bytes: What they take on disk with their indexes, in bytes; None where that was not
            asked for, or is not known.
        rows: The planner's estimate of their rows; None where that was not asked for.
        stamp: What tells it from another schema that had, or will have, its name; None where the
            warehouse does not say.
    """

    name: str
    comment: str | None = None
    tables: int | None = 0
    size_bytes: int | None = 0
    rows: int | None = 0
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class OwnedSchema:
    """A schema that is proven to be a clone of ours: it cannot be made of one that is not.

    Args:
        facts: The schema as it was seen; a change is refused if it has changed since.
        territory: What it was verified against.

    Attributes:
        mark: Its mark.

    Raises:
        SchemaNotOwned: It is not ours, with the reason.
    """

    facts: SchemaFacts
    territory: Territory
    mark: Mark = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mark", self.territory.verify(self.facts))

    @property
    def name(self) -> str:
        """The schema's name."""
        return self.facts.name

    @property
    def key(self) -> BranchKey:
        """The branch."""
        project, mark = self.territory.project, self.mark
        return project.key(repository=mark.repository, number=mark.pull_request, name=mark.branch)

    @property
    def environment(self) -> str:
        """The name of the environment that it belongs to, or did."""
        return environment_name(self.key, project=self.territory.project.name)


@dataclass(frozen=True, slots=True)
class Territory:
    """What is ours and what is not: against this every mark is verified.

    Args:
        project: The project.
        database: The database's identity.
        base_schemas: Schemas that are never ours, whatever their comment says.
        dialect: How the warehouse treats names.
    """

    project: Project
    database: str
    base_schemas: frozenset[str]
    dialect: Dialect = POSTGRES

    def verify(self, facts: SchemaFacts) -> Mark:
        """The mark of a schema that is a clone of this project.

        Raises:
            SchemaNotOwned: It is not, with the reason.
        """
        if facts.name in self.base_schemas:
            raise SchemaNotOwned(facts.name, reason="it is a base schema")
        if facts.comment is None or not is_mark(facts.comment):
            raise SchemaNotOwned(facts.name, reason="it carries no mark of ours")
        try:
            mark = decode(facts.comment)
        except BranchToolkitError as error:
            reason = error.problem[0].lower() + error.problem[1:].rstrip(".")
            raise SchemaNotOwned(facts.name, reason=reason) from None
        if mark.project != self.project.name:
            raise SchemaNotOwned(
                facts.name,
                reason=f"it belongs to project {mark.project!r}, not to {self.project.name!r}",
            )
        if mark.database != self.database:
            raise SchemaNotOwned(
                facts.name, reason="its mark was made in another database and came with a copy"
            )
        hidden = self._is_hidden(facts, mark)
        if facts.name != mark.clone and not hidden:
            raise SchemaNotOwned(
                facts.name, reason=f"its mark is that of a schema called {mark.clone!r}"
            )
        if facts.name in (mark.base_schema, self.dialect.fold(mark.base_schema)):
            raise SchemaNotOwned(facts.name, reason="its mark calls it its own base")
        if None not in (mark.stamp, facts.stamp) and mark.stamp != facts.stamp:
            raise SchemaNotOwned(
                facts.name, reason="its mark is that of a schema that was made at another time"
            )
        return replace(mark, condition=DROPPING) if hidden else mark

    def _is_hidden(self, facts: SchemaFacts, mark: Mark) -> bool:
        """Whether it was renamed to be dropped, which some warehouses cannot do with its mark."""
        if self.dialect.transactional:
            return False
        halves = [half_name(mark.clone, each, dialect=self.dialect) for each in CONDITIONS]
        return facts.name in halves


@dataclass(frozen=True, slots=True)
class Refused:
    """A schema with a mark that does not prove it ours, and why."""

    schema: str
    reason: str

    @property
    def environment(self) -> str:
        """The environment that it would be of, by its name alone."""
        return self.schema.rpartition(SEPARATOR)[2].lower()


@dataclass(frozen=True, slots=True)
class Environment:
    """All clones of one branch.

    Args:
        name: Its name, as in the clones' names: `pr_42`.
        key: The branch.
        clones: Its clones, by base schema's name; never empty.
    """

    name: str
    key: BranchKey
    clones: tuple[OwnedSchema, ...]

    @property
    def branch(self) -> str | None:
        """The branch's name when the environment was made, where known."""
        return self._first.branch

    @property
    def repository(self) -> str | None:
        """The branch's repository, for people to read."""
        return self._first.repository

    @property
    def label(self) -> str:
        """How a person would call the branch."""
        return Branch(key=self.key, name=self.branch).label

    @property
    def retired(self) -> bool:
        """Whether all of it is set aside; a half-retired one is in use."""
        return all(clone.mark.retired for clone in self.clones)

    @property
    def partly_retired(self) -> bool:
        """Whether some but not all of its clones are set aside."""
        return not self.retired and any(clone.mark.retired for clone in self.clones)

    @property
    def state(self) -> str:
        """`active` or `retired`."""
        return "retired" if self.retired else "active"

    @property
    def strategy(self) -> str:
        """How its tables were made."""
        return ", ".join(sorted({clone.mark.strategy for clone in self.clones}))

    @property
    def role(self) -> str | None:
        """The role that owns what is in it; None if that is the connecting one."""
        return next((clone.mark.role for clone in self.clones if clone.mark.role), None)

    @property
    def created_at(self) -> datetime:
        """When its first clone was made."""
        return min(clone.mark.created_at for clone in self.clones)

    @property
    def last_used_at(self) -> datetime:
        """When it was last made use of, to a quarter of an hour."""
        return max(clone.mark.last_used_at for clone in self.clones)

    @property
    def drop_after(self) -> datetime | None:
        """When it may be dropped: the latest of its clones' times; None while in use."""
        times = [clone.mark.drop_after for clone in self.clones]
        return None if None in times else max(time for time in times if time)

    @property
    def renewed_at(self) -> datetime:
        """When it was made or, if that was later, brought back."""
        restored = [clone.mark.restored_at for clone in self.clones if clone.mark.restored_at]
        return max([self.created_at, *restored])

    @property
    def keep_until(self) -> datetime | None:
        """Until when it was asked to be kept."""
        times = [clone.mark.keep_until for clone in self.clones if clone.mark.keep_until]
        return max(times, default=None)

    def is_kept(self, *, now: datetime) -> bool:
        """Whether it was asked to be kept beyond this time."""
        return self.keep_until is not None and self.keep_until > now

    @property
    def schema_only(self) -> bool:
        """Whether it was made without base's rows."""
        return any(clone.mark.schema_only for clone in self.clones)

    @property
    def retired_because(self) -> str | None:
        """Why it was set aside."""
        return self._first.retired_because

    @property
    def cause(self) -> Cause | None:
        """The same in a word; None where it is in use, or that is not known."""
        known = {cause.value: cause for cause in Cause}
        causes = [known.get(clone.mark.cause or "") for clone in self.clones]
        # Where clones were set aside for different reasons, that counts which brings them back.
        return next((cause for cause in causes if cause is None or cause.ended), causes[0])

    @property
    def retired_sha(self) -> str | None:
        """The branch's head when it was set aside, where known."""
        return self._first.sha

    @property
    def tables(self) -> int | None:
        """How many tables it holds; None where that is not known."""
        return _sum(clone.facts.tables for clone in self.clones)

    @property
    def size_bytes(self) -> int | None:
        """What it takes on disk, in bytes; None where that is not known."""
        return _sum(clone.facts.size_bytes for clone in self.clones)

    @property
    def rows(self) -> int | None:
        """The planner's estimate of its rows; None where that is not known."""
        return _sum(clone.facts.rows for clone in self.clones)

    @property
    def _first(self) -> Mark:
        return self.clones[0].mark


def _sum(numbers: Iterable[int | None]) -> int | None:
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a warehouse holds of ours, and the marked schemas that are not provably ours.

    Args:
        environments: Whole clones, by branch.
        refused: Schemas with a mark that does not prove them ours.
        debris: Schemas of ours that are half-made or half-dropped, unless a run works on them now.
    """

    environments: tuple[Environment, ...]
    refused: tuple[Refused, ...] = ()
    debris: tuple[OwnedSchema, ...] = ()

    def find(self, name: str) -> Environment:
        """The environment of that name.

        Raises:
            EnvironmentNotFound: There is none.
        """
        for environment in self.environments:
            if environment.name == name:
                return environment
        raise EnvironmentNotFound(name, known=[found.name for found in self.environments])

    def has(self, name: str) -> bool:
        """Whether there is an environment of that name."""
        return any(environment.name == name for environment in self.environments)

    def may_have(self, name: str) -> bool:
        """Whether there is an environment of that name, or a schema that may be of one.

        A schema with a mark that proves nothing counts: not knowing means keeping.
        """
        return self.has(name) or any(found.environment == name for found in self.refused)

    def of(self, key: BranchKey) -> Environment | None:
        """The branch's environment, or None."""
        return next((found for found in self.environments if found.key == key), None)


def take_inventory(schemas: Iterable[SchemaFacts], territory: Territory) -> Inventory:
    """Sorts the marked schemas of a warehouse into environments."""
    clones: dict[BranchKey, list[OwnedSchema]] = defaultdict(list)
    debris: list[OwnedSchema] = []
    refused: list[Refused] = []
    for facts in schemas:
        if not is_mark(facts.comment):
            continue
        try:
            clone = OwnedSchema(facts, territory)
            key = clone.key
            (debris if clone.mark.condition else clones[key]).append(clone)
        except SchemaNotOwned as error:
            refused.append(Refused(facts.name, error.reason))
        except BranchToolkitError as error:
            refused.append(Refused(facts.name, error.problem))
    for key, found in list(clones.items()):
        repositories = {clone.mark.repository for clone in found} - {None}
        if not all(same_repository(one, other) for one in repositories for other in repositories):
            # Two repositories share the project, and with it the number: nobody can say whose.
            listed = " and ".join(sorted(filter(None, repositories)))
            reason = f"{key} is in use by {listed}; give each its own `project`"
            refused += [Refused(clone.name, reason) for clone in clones.pop(key)]
    environments = (
        Environment(
            environment_name(key, project=territory.project.name),
            key,
            tuple(sorted(found, key=lambda clone: clone.mark.base_schema)),
        )
        for key, found in clones.items()
    )
    return Inventory(
        tuple(sorted(environments, key=lambda found: found.name)),
        tuple(sorted(refused, key=lambda found: found.schema)),
        tuple(sorted(debris, key=lambda found: found.name)),
    )


def missing_schemas(
    environment: Environment | None, base_schemas: Collection[str]
) -> tuple[str, ...]:
    """The base schemas that an environment has no clone of yet."""
    have = {clone.mark.base_schema for clone in environment.clones} if environment else set()
    return tuple(schema for schema in base_schemas if schema not in have)
