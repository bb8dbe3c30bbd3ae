"""The port to what else a branch leaves behind: files, a dbt target, a Redis prefix, a BI space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from branch_toolkit.core.environment import Inventory
from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.output import OutputContext

__all__ = [
    "BranchOutput",
    "Leftover",
    "OutputContext",
    "known_environments",
    "left_alone",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What is there of an environment that the warehouse does not have.

    Args:
        context: Whose it is, as far as it says.
        where: Where it is, for people to read.
        drop_after: When it may be dropped; None where it is not set aside yet.
        refused: Why it is not proven to be ours, as a clause that completes "because"; None where
            it is. What is not ours is told of, and left alone.
    """

    context: OutputContext
    where: str
    drop_after: datetime | None = None
    refused: str | None = None


class BranchOutput(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]
    """Something that a branch leaves behind beside its clones. Subclass it for one of your own.

    The warehouse is the anchor: an output is provisioned, set aside, restored and dropped with the
    environment in the warehouse. It is dropped first, so whatever fails is tried again at the next
    tick. Every method may be called any number of times, by several processes at once.

    Each returns lines for people: what was done or, in a dry run, would be; nothing where there was
    nothing to do. Each raises a `BranchToolkitError` where it could not be done.

    Examples:
        ```python
        class RedisPrefix(BranchOutput):
            url: str = Field(repr=False, description="Where Redis is; give it by dg.EnvVar.")

            def drop(self, context: OutputContext, *, dry_run: bool = False) -> list[str]:
                with redis.from_url(self.url) as client:
                    keys = list(client.scan_iter(f"branches:{context.environment}:*"))
                    if keys and not dry_run:
                        client.delete(*keys)
                return [f"{len(keys)} keys of {context.environment}"] if keys else []
        ```
    """

    def provision(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """Sees to it that it is there and in use; by default nothing is done."""
        return ()

    def retire(
        self,
        context: OutputContext,
        *,
        because: str,
        grace: timedelta,
        dry_run: bool = False,
    ) -> Sequence[str]:
        """Sets it aside, to be restored until `context.now + grace`; by default nothing is done."""
        return ()

    def restore(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """Brings back what was set aside; by default nothing is done."""
        return ()

    @abstractmethod
    def drop(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """Removes it for good. What is not proven to be the environment's own is left alone."""

    def leftovers(
        self, known: Collection[str], *, project: str, database: str, now: datetime
    ) -> Sequence[Leftover]:
        """What is marked as this project's, but of an environment that is not among the known.

        Args:
            known: The names of the environments that the warehouse has; see `known_environments`.
            project: The project.
            database: The warehouse's identity; what another warehouse's environments have is none.
            now: The time, aware.

        Returns:
            None by default: an output that cannot list what it has cannot tell.
        """
        return ()

    def clear_leftovers(
        self,
        known: Collection[str],
        *,
        project: str,
        database: str,
        grace: timedelta,
        now: datetime,
        most: int = 50,
        dry_run: bool = False,
    ) -> Sequence[str]:
        """Sets leftovers aside, and drops those whose grace period is over.

        Args:
            known: As in `leftovers`.
            project: As in `leftovers`.
            database: As in `leftovers`.
            grace: How long a leftover is kept, in case its environment turns up again.
            now: The time, aware.
            most: Most leftovers that are dropped at once; others follow.
            dry_run: Only say what would be done.

        Raises:
            BranchToolkitError: The first failure; the other leftovers were seen to.
        """
        found = self.leftovers(known, project=project, database=database, now=now)
        due = [one for one in found if one.drop_after and one.drop_after <= now][:most]
        lines: list[str] = []
        failures: list[BranchToolkitError] = []
        for leftover in found:
            try:
                lines += self._clear(leftover, grace=grace, due=leftover in due, dry_run=dry_run)
            except BranchToolkitError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return lines

    def _clear(
        self, leftover: Leftover, *, grace: timedelta, due: bool, dry_run: bool
    ) -> Sequence[str]:
        if leftover.refused:
            return [left_alone(leftover.where, leftover.refused)]
        if due:
            return self.drop(leftover.context, dry_run=dry_run)
        if leftover.drop_after is not None:
            return ()
        because = f"the warehouse has no environment {leftover.context.environment!r}"
        return self.retire(leftover.context, because=because, grace=grace, dry_run=dry_run)


def known_environments(inventory: Inventory) -> frozenset[str]:
    """The names of all environments whose outputs are not leftovers.

    Those that are half-made or half-dropped count, and so does whatever a schema's name says that
    carries a mark which proves nothing: not knowing means keeping.
    """
    return frozenset(_known(inventory))


def _known(inventory: Inventory) -> Iterator[str]:
    yield from (found.name for found in inventory.environments)
    yield from (found.environment for found in inventory.debris)
    yield from (found.environment for found in inventory.refused)


def left_alone(where: str, reason: str) -> str:
    """The line that tells of what is not ours."""
    return f"{where} was left alone because {reason}."
