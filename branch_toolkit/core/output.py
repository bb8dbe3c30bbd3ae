"""Whose outputs are meant, beside the clones: what a branch output is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from branch_toolkit.core.branch import Branch, Project
from branch_toolkit.core.environment import Environment, OwnedSchema
from branch_toolkit.core.names import environment_name


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputContext:
    """Whose outputs are meant: those of one environment in a warehouse.

    Args:
        environment: The environment's name, such as `pr_42`: letters, digits and `_` only.
        project: The project that it is of.
        database: The warehouse's identity. Two warehouses may each have a `pr_42`, and an output
            that both use must not take the one's for the other's.
        now: The time, aware.
        branch: The branch's name, where known.
        pull_request: The pull request's number, where there is one.
        repository: The branch's repository, for people to read and to tell two of them apart.
        retired_at: When the environment was set aside, if it was. What was made or brought back
            after that is of an environment that came after it.
    """

    environment: str
    project: str
    database: str
    now: datetime
    branch: str | None = None
    pull_request: int | None = None
    repository: str | None = None
    retired_at: datetime | None = None

    @classmethod
    def of(cls, environment: Environment, *, now: datetime) -> OutputContext:
        """That of an environment that the warehouse has."""
        return cls.of_clone(environment.clones[0], now=now)

    @classmethod
    def of_clone(cls, clone: OwnedSchema, *, now: datetime) -> OutputContext:
        """That of the environment that a clone belongs to, or did."""
        return cls(
            environment=clone.environment,
            project=clone.territory.project.name,
            database=clone.territory.database,
            now=now,
            branch=clone.mark.branch,
            pull_request=clone.key.number,
            repository=clone.mark.repository,
            retired_at=clone.mark.retired_at,
        )

    @classmethod
    def of_branch(
        cls, branch: Branch, project: Project, *, database: str, now: datetime
    ) -> OutputContext:
        """That of a branch, whether the warehouse has its environment yet or not."""
        key = project.adopt([branch])[0].key
        return cls(
            environment=environment_name(key, project=project.name),
            project=project.name,
            database=database,
            now=now,
            branch=branch.name or key.name,
            pull_request=key.number,
            repository=branch.repository,
        )
