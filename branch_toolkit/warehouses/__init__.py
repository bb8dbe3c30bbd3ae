"""The port to a warehouse: eleven methods, one contract suite, adapters that never meet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.environment import OwnedSchema, SchemaFacts
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.names import Dialect
from branch_toolkit.core.plan import Hazard, Note, OnProgress, Plan, Report, silent
from branch_toolkit.core.strategy import Rule


@dataclass(frozen=True, slots=True)
class Server:
    """What a warehouse says of itself, for people to read.

    Args:
        product: Its kind and version.
        database: The database.
        role: The role that we have there.
        time: Its clock.
    """

    product: str
    database: str
    role: str
    time: datetime


class Warehouse(Protocol):
    """A database that holds schemas.

    All methods raise a `BranchToolkitError` with a remedy: `WarehouseUnavailable`, `MissingRight`,
    `BaseSchemaNotFound`, and what is said at each.
    """

    @property
    def dialect(self) -> Dialect:
        """How it treats names."""

    def server(self) -> Server:
        """What it says of itself."""

    def identity(self) -> str:
        """What tells this database from those that a dump of it may get into; in every mark."""

    def schemas(
        self,
        *,
        marked: bool = True,
        names: Collection[str] | None = None,
        sizes: bool = False,
    ) -> Sequence[SchemaFacts]:
        """The schemas but the system's, in one query.

        Args:
            marked: Only those whose comment claims to be a mark.
            names: Only those of these names.
            sizes: Whether to tell what they hold, even if that takes further queries.
        """

    def missing_grants(self, base_schemas: Sequence[str]) -> Sequence[str]:
        """The statements that an owner would have to execute before this role could clone.

        Raises:
            BaseSchemaNotFound: One of the schemas does not exist.
        """

    def advice(self) -> Sequence[Note]:
        """What would make branches safer here, with the statements that an owner would execute."""

    def examine(self, clones: Sequence[OwnedSchema]) -> Sequence[Note]:
        """What is amiss with the clones of an environment: what reaches base, or has left it.

        Args:
            clones: All clones of one environment.
        """

    def tables(self, clones: Sequence[OwnedSchema]) -> Mapping[tuple[str, str], bool]:
        """The tables and views of clones, by clone and name, and whether each is still deferred.

        Args:
            clones: Clones of one environment.
        """

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
        """The plan that makes the clones that the marks describe.

        Args:
            environment: The environment's name.
            marks: One for each clone to make; `base_state` is filled in here.
            beside: Clones that the environment already has; references go to them.
            replacing: Clones that are dropped in the same transaction (a refresh).
            rules: How each table gets into its clone; what no rule matches is deferred.
            as_of: Clone what base was then; the marks say so. None: what it is now.

        Raises:
            NoTimeTravel: `as_of` is given, and no past states are kept here.
            InvalidRule: A rule cannot be followed.
            SchemaNotOwned: A schema of a clone's name exists that is not to be replaced.
        """

    def plan_marks(
        self, verb: str, environment: str, changes: Sequence[tuple[OwnedSchema, Mark]]
    ) -> Plan:
        """The plan that gives clones new marks (retire, restore)."""

    def plan_drop(self, environment: str, clones: Sequence[OwnedSchema]) -> Plan:
        """The plan that drops clones for good, or what is left of half-made and half-dropped ones.

        Raises:
            SchemaInUse: Objects outside of the environment depend on a clone.
        """

    def apply(
        self,
        plan: Plan,
        *,
        allow: Collection[Hazard] = (),
        on_progress: OnProgress = silent,
        wait: bool = True,
    ) -> Report:
        """Executes a plan as a whole or not at all, alone on its environment.

        Args:
            plan: The plan.
            allow: The hazards that may be taken.
            on_progress: Told of each statement.
            wait: Whether to wait for another run that works on the environment.

        Raises:
            EnvironmentBusy: Another run works on the environment; nothing was done.
            HazardNotAllowed: The plan holds a hazard that is not in `allow`.
            StalePlan: What the plan expects is no longer so; nothing was done, plan again.
            BaseBusy: A base table could not be locked in time; nothing was done.
            CloneFailed: The warehouse refused a statement; nothing was done.
        """
