"""What there is: the environments of a project in a warehouse, and what its clones are called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.branch import Branch, BranchKey, Project, same_repository
from branch_toolkit.core.environment import Environment, Inventory, Territory, take_inventory
from branch_toolkit.core.errors import SchemaNotOwned, StalePlan
from branch_toolkit.core.mark import CONDITIONS, Mark
from branch_toolkit.core.names import clone_names, environment_name, half_name
from branch_toolkit.core.plan import Hazard, OnProgress, Plan, Report, foresee
from branch_toolkit.core.strategy import Rule
from branch_toolkit.following import NO_OUTPUTS, Outputs
from branch_toolkit.warehouses import Warehouse

_ATTEMPTS = 10


@dataclass(frozen=True)
class Holdings:
    """The environments of a project in a warehouse.

    Args:
        warehouse: Where they are.
        project: Whose they are.
        schemas: The base schemas that each clones.
        rules: How each table gets into its clone; what no rule matches is deferred.
        outputs: What goes with an environment beside its clones.
    """

    warehouse: Warehouse
    project: Project
    schemas: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    outputs: Outputs = NO_OUTPUTS

    @cached_property
    def territory(self) -> Territory:
        """What is ours and what is not."""
        dialect = self.warehouse.dialect
        bases = frozenset(map(dialect.fold, self.schemas))
        return Territory(self.project, self.warehouse.identity(), bases, dialect)

    def inventory(self, *, sizes: bool = False) -> Inventory:
        """What the warehouse holds now; with sizes where those are asked for, or known anyway."""
        return take_inventory(self.warehouse.schemas(sizes=sizes), self.territory)

    def find(self, name: str) -> Environment:
        """The environment of that name; where a run is just making it anew, when that is done.

        Raises:
            EnvironmentNotFound: There is none.
        """
        inventory = self.inventory()
        if not inventory.has(name) and any(one.environment == name for one in inventory.debris):
            # A plan without statements does nothing but wait for its turn.
            self.warehouse.apply(Plan(verb="look", environment=name))
            inventory = self.inventory()
        return inventory.find(name)

    def adopt(self, branch: Branch) -> Branch:
        """The branch, identified within this project."""
        return self.project.adopt([branch])[0]

    def name_of(self, branch: Branch) -> str:
        """The name of a branch's environment."""
        return self.name_for(self.adopt(branch).key)

    def name_for(self, key: BranchKey) -> str:
        """The name of an environment, given the branch's identity within this project."""
        return environment_name(key, project=self.project.name)

    def clone_names(self, branch: Branch) -> Mapping[str, str]:
        """The names of a branch's clones, by base schema, whether they are there or not.

        Raises:
            InvalidName: A clone would have a name that cannot be used.
        """
        return clone_names(
            self.schemas,
            self.adopt(branch).key,
            project=self.project.name,
            dialect=self.warehouse.dialect,
        )

    def of(self, branch: Branch) -> Environment | None:
        """A branch's environment, or None.

        Raises:
            SchemaNotOwned: The name is taken by the same number in another repository.
        """
        key = self.adopt(branch).key
        facts = self.warehouse.schemas(names=self.clone_names(branch).values())
        environment = take_inventory(facts, self.territory).of(key)
        if environment and not same_repository(environment.repository, branch.repository):
            raise SchemaNotOwned(
                environment.clones[0].name,
                reason=(
                    f"it belongs to repository {environment.repository!r}, not to"
                    f" {branch.repository!r}; give each its own `project`"
                ),
            )
        return environment

    def half_names(self, branch: Branch) -> list[str]:
        """What a branch's clones are called while they are made or dropped."""
        dialect, names = self.warehouse.dialect, self.clone_names(branch).values()
        halves = [half_name(name, each, dialect=dialect) for name in names for each in CONDITIONS]
        # Those that wait for their outputs to be dropped keep their names.
        return [*names, *halves]

    def new_marks(
        self,
        branch: Branch,
        base_schemas: Collection[str],
        *,
        now: datetime,
        schema_only: bool,
        as_of: AsOf | None = None,
    ) -> tuple[Mark, ...]:
        """The marks of a branch's clones of these base schemas, to be made now."""
        key = self.adopt(branch).key
        names = self.clone_names(branch)
        return tuple(
            Mark(
                project=self.project.name,
                clone=names[base],
                base_schema=base,
                database=self.territory.database,
                repository=branch.repository,
                branch=branch.name or key.name,
                pull_request=key.number,
                created_at=now,
                last_used_at=now,
                schema_only=schema_only,
                as_of=str(as_of) if as_of else None,
            )
            for base in base_schemas
        )

    def settle(
        self,
        make_plan: Callable[[], Plan],
        *,
        allow: Collection[Hazard] = (),
        wait: bool = True,
        dry_run: bool,
        on_progress: OnProgress,
    ) -> Report:
        """Plans and applies, and plans anew while what the plan expects is no longer so.

        Args:
            make_plan: Looks, and plans.
            allow: The hazards that may be taken.
            wait: Whether to wait for another run that works on the environment.
            dry_run: Only say what would be done.
            on_progress: Told of each statement.

        Raises:
            StalePlan: It was out of date again and again.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                plan = make_plan()
                if dry_run:
                    return foresee(plan)
                if plan.empty:
                    return Report(plan=plan, applied=False)
                return self.warehouse.apply(plan, allow=allow, on_progress=on_progress, wait=wait)
            except StalePlan:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")
