"""What a branch deployment may not do: work on another branch's environment, or sweep."""

from __future__ import annotations

from branch_toolkit.core.deployment import Deployment
from branch_toolkit.core.errors import InvalidDeployment
from branch_toolkit.verbs import Environments


def require_own(deployment: Deployment, environments: Environments, name: str) -> None:
    """Refuses an environment that is not the branch deployment's own.

    Raises:
        InvalidDeployment: It is another branch's.
    """
    if deployment.branch is not None and environments.name_of(deployment.branch) != name:
        raise InvalidDeployment(
            f"This is the branch deployment of {environments.name_of(deployment.branch)!r}; it may"
            f" not work on {name!r}.",
            remedy="Do it in the base deployment.",
        )


def require_base(deployment: Deployment) -> None:
    """Refuses a branch deployment.

    Raises:
        InvalidDeployment: It is one.
    """
    if deployment.is_branch:
        raise InvalidDeployment(
            "This is a branch deployment; sweeps run in the base deployment only, so that a"
            " branch's code never decides about other branches' data.",
            remedy="Do it in the base deployment.",
        )
