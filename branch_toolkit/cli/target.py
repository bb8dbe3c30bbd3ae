"""What a command works on: the warehouse, the branch source and the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import click

from branch_toolkit.branches import BranchSource
from branch_toolkit.branches.git import GitRemoteBranches
from branch_toolkit.cli.definitions import load_definitions
from branch_toolkit.cli.options import TargetOptions
from branch_toolkit.core.policy import Policy
from branch_toolkit.core.strategy import Strategy
from branch_toolkit.jobs import OUTPUTS_KEY, POLICY_KEY, SOURCE_KEY, WAREHOUSE_KEY
from branch_toolkit.outputs.group import BranchOutputs
from branch_toolkit.resources import PostgresWarehouse, WarehouseResource
from branch_toolkit.rules import TableRule
from branch_toolkit.verbs import Environments


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a command works on.

    Args:
        warehouse: Where the environments are.
        find_source: Finds who tells of branches, once a command needs it: `list` should not ask
            for a forge's token. None: nobody was named.
        policy: How long things are kept.
        find_outputs: Finds what goes with environments beside their clones, once a command that
            changes something needs it.
    """

    warehouse: WarehouseResource
    find_source: Callable[[], BranchSource] | None
    policy: Policy
    find_outputs: Callable[[], BranchOutputs] | None = None

    @property
    def outputs(self) -> BranchOutputs:
        """What goes with environments beside their clones; nothing in a call by flags."""
        return self.find_outputs() if self.find_outputs else BranchOutputs()

    @contextmanager
    def environments(self) -> Iterator[Environments]:
        """The environments, for a command that changes them and what goes with them."""
        with self.warehouse.environments(self.outputs.followers) as environments:
            yield environments

    def require_source(self) -> BranchSource:
        """The branch source.

        Raises:
            click.UsageError: There is none; only a call by flags can lack it.
        """
        if self.find_source is None:
            raise click.UsageError(
                "--git-remote is missing: who tells which branches are open? Give it as in"
                " `--git-remote git@github.com:acme/pipelines.git`, or name the code that Dagster"
                " loads by -m or -f."
            )
        return self.find_source()


@contextmanager
def open_target(options: TargetOptions) -> Iterator[Target]:
    """What the options say; resources of a user's definitions are torn down at the end."""
    if options.by_definitions:
        with ExitStack() as stack:
            yield _from_definitions(options, stack)
    else:
        yield _from_flags(options)


def _from_flags(options: TargetOptions) -> Target:
    remote, repository = options.git_remote, options.repository
    return Target(
        warehouse=PostgresWarehouse(
            url=str(options.url),
            schemas=list(dict.fromkeys(options.schemas)),
            rules=[
                TableRule(tables=glob, strategy=Strategy.COPY)
                for glob in dict.fromkeys(options.copies)
            ],
            project=options.project or "default",
            repository=repository,
        ),
        find_source=(
            partial(GitRemoteBranches, url=remote, repository=repository) if remote else None
        ),
        policy=Policy(),
    )


def _from_definitions(options: TargetOptions, stack: ExitStack) -> Target:
    loaded = load_definitions(options)
    return Target(
        warehouse=loaded.take(WAREHOUSE_KEY, WarehouseResource, stack=stack),  # type: ignore[type-abstract]
        find_source=partial(loaded.take, SOURCE_KEY, BranchSource, stack=stack),  # type: ignore[type-abstract]
        policy=loaded.take(POLICY_KEY, Policy, stack=stack),
        find_outputs=partial(loaded.take, OUTPUTS_KEY, BranchOutputs, stack=stack),
    )
