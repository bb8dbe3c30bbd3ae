"""Which branch or environment a command is about."""

from __future__ import annotations

import click

from branch_toolkit.cli.errors import NamedOtherwise
from branch_toolkit.cli.target import Target
from branch_toolkit.cli.wanted import Wanted
from branch_toolkit.core.branch import Branch
from branch_toolkit.guards import require_own
from branch_toolkit.launchpad import BranchConfig
from branch_toolkit.verbs import Environments


def branch_of(wanted: Wanted, target: Target) -> Branch:
    """The branch that is named, or else the deployment's own.

    Raises:
        click.UsageError: None is named, and this is no branch deployment.
        InvalidBranch: What is named cannot be a branch.
    """
    if not wanted.by_branch and not target.warehouse.deployment.is_branch:
        raise click.UsageError(
            "Which branch? Give --pull-request or --branch; only a branch deployment knows its own."
        )
    config = BranchConfig(
        pull_request=wanted.pull_request, branch=wanted.branch, repository=wanted.repository
    )
    return config.to_branch(target.warehouse)


def name_of(wanted: Wanted, target: Target, environments: Environments) -> str:
    """The name of the environment that is meant, whether there is one or not.

    Raises:
        click.UsageError: Neither an environment nor a branch is named, or both are.
        InvalidDeployment: A branch deployment is asked for another branch's.
        SchemaNotOwned: It is that of the same number in another repository.
    """
    if wanted.environment is not None:
        if wanted.by_branch:
            raise click.UsageError(
                f"Give either ENVIRONMENT ({wanted.environment}) or the branch by --pull-request or"
                " --branch, not both."
            )
        name = wanted.environment
    elif not wanted.by_branch and not target.warehouse.deployment.is_branch:
        raise click.UsageError(
            "Which environment? Give its name, as `branch-toolkit list` shows it, or the branch by"
            " --pull-request or --branch."
        )
    else:
        branch = branch_of(wanted, target)
        name = environments.name_of(branch)
        environments.of(branch)
    require_own(target.warehouse.deployment, environments, name)
    return name


def refuse_namesake(wanted: Wanted, environments: Environments) -> None:
    """Refuses a branch's name where only a pull request of that branch has an environment.

    Raises:
        NamedOtherwise: It has.
    """
    if wanted.branch is None or wanted.pull_request is not None:
        return
    for found in environments.inventory().environments:
        if found.branch == wanted.branch and found.key.number is not None:
            raise NamedOtherwise(wanted.branch, environment=found.name, number=found.key.number)
