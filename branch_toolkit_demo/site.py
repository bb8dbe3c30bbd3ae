"""Where the demo lives: a server, production, a git remote, a forge, and Dagster's instances."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url

from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_demo.forge_server import ForgeServer
from branch_toolkit_demo.git_remote import GitRemote
from branch_toolkit_demo.github_double import GitHubDialect
from branch_toolkit_demo.production import load_tpch

SCHEMA = "analytics"
REPOSITORY = "acme/pipelines"
_WAREHOUSE = "warehouse"
_PROJECT = Path(__file__).resolve().parent.parent
_INSTANCE = """\
telemetry:
  enabled: false
nux:
  enabled: false
storage:
  postgres:
    postgres_url:
      env: DEMO_INSTANCE_URL
"""


@dataclass(frozen=True)
class Site:
    """The demo's folder and what is in it.

    Args:
        folder: Made anew by `build`; of an earlier demo, nothing is kept.
        dies_with_parent: Whether the database ends with this process even if it is killed.
        forge: Stands for GitHub: serves its API on this machine, while it is entered.
    """

    folder: Path
    dies_with_parent: bool = False
    forge: ForgeServer = field(
        default_factory=lambda: ForgeServer(ForgeRepository(REPOSITORY), GitHubDialect())
    )

    @property
    def server(self) -> EmbeddedPostgres:
        """The database server."""
        return EmbeddedPostgres(self.folder / "postgres", dies_with_parent=self.dies_with_parent)

    @property
    def remote(self) -> GitRemote:
        """The git remote."""
        return GitRemote(self.folder / "git")

    @property
    def warehouse_url(self) -> str:
        """The warehouse's URL; holds a password."""
        return self.server.url(_WAREHOUSE)

    def build(self, server: EmbeddedPostgres, *, scale: float) -> None:
        """Fills an empty folder, on a running server of its own."""
        server.create_database(_WAREHOUSE)
        load_tpch(server.url(_WAREHOUSE), schema=SCHEMA, scale=scale)
        GitRemote.create(self.folder / "git")

    def clear(self) -> None:
        """Removes what an earlier demo left, its server included."""
        self.server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

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

    def _environ(self, instance: str, **deployment: str) -> dict[str, str]:
        return {
            **_without_deployment(os.environ),
            **{f"DAGSTER_CLOUD_{name}": value for name, value in deployment.items()},
            "PYTHONPATH": str(_PROJECT),
            "WAREHOUSE_URL": self.warehouse_url,
            "DEMO_FORGE_URL": self.forge.url,
            "DEMO_FORGE_TOKEN": self.forge.repository.token,
            **self._instance(f"dagster_{instance}"),
        }

    def _instance(self, name: str) -> dict[str, str]:
        """A Dagster instance of the deployment's own, in a database of the same server."""
        home = self.folder / name
        if not home.exists():
            home.mkdir(parents=True)
            (home / "dagster.yaml").write_text(_INSTANCE)
            self.server.create_database(name)
        # The storage has to be told the driver: SQLAlchemy 2.1 takes another one by default.
        url = make_url(self.server.url(name)).set(drivername="postgresql+psycopg2")
        return {
            "DAGSTER_HOME": str(home),
            "DEMO_INSTANCE_URL": url.render_as_string(hide_password=False),
        }


def _without_deployment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("DAGSTER_", "BRANCH_TOOLKIT_"))
    }
