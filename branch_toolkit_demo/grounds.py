"""What every demo has: a folder, a git remote, a forge, and the deployments' environments."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_demo.forge_server import ForgeServer
from branch_toolkit_demo.git_remote import GitRemote
from branch_toolkit_demo.github_double import GitHubDialect

REPOSITORY = "acme/pipelines"
_PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Grounds(ABC):
    """A demo's folder and what stands around its warehouse.

    Args:
        folder: Made anew for each demo; of an earlier one, nothing is kept.
        forge: Stands for GitHub: serves its API on this machine, while it is entered.
    """

    folder: Path
    forge: ForgeServer = field(
        default_factory=lambda: ForgeServer(ForgeRepository(REPOSITORY), GitHubDialect()),
        kw_only=True,
    )

    @property
    def remote(self) -> GitRemote:
        """The git remote."""
        return GitRemote(self.folder / "git")

    def base_environ(self, **more: str) -> dict[str, str]:
        """The environment variables of the base deployment, as Dagster+ sets them."""
        return self._environ("base", DEPLOYMENT_NAME="prod", IS_BRANCH_DEPLOYMENT="0") | more

    def branch_environ(self, *, number: int, branch: str, sha: str) -> dict[str, str]:
        """The environment variables of a branch deployment, as Dagster+ sets them."""
        return self._environ(
            f"pr_{number}",
            DEPLOYMENT_NAME=sha,
            IS_BRANCH_DEPLOYMENT="1",
            GIT_BRANCH=branch,
            GIT_REPO=REPOSITORY,
            GIT_SHA=sha,
            PULL_REQUEST_ID=str(number),
            PULL_REQUEST_STATUS="OPEN",
        )

    @abstractmethod
    def _warehouse(self) -> dict[str, str]:
        """The variables by which the definitions find the warehouse."""

    @abstractmethod
    def _instance(self, name: str) -> dict[str, str]:
        """The variables of a Dagster instance of the deployment's own, which is made if needed."""

    def _environ(self, instance: str, **deployment: str) -> dict[str, str]:
        return {
            **_without_deployment(os.environ),
            **{f"DAGSTER_CLOUD_{name}": value for name, value in deployment.items()},
            "PYTHONPATH": str(_PROJECT),
            **self._warehouse(),
            "DEMO_FORGE_URL": self.forge.url,
            "DEMO_FORGE_TOKEN": self.forge.repository.token,
            **self._instance(f"dagster_{instance}"),
        }


def _without_deployment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("DAGSTER_", "BRANCH_TOOLKIT_"))
    }
