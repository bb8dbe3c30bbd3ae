"""Where the demo lives: a server, production, a git remote, a forge, and Dagster's instances."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from sqlalchemy import make_url

from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_demo.git_remote import GitRemote
from branch_toolkit_demo.grounds import Grounds
from branch_toolkit_demo.production import load_tpch

SCHEMA = "analytics"
_WAREHOUSE = "warehouse"
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
class Site(Grounds):
    """The demo's folder and what is in it.

    Args:
        dies_with_parent: Whether the database ends with this process even if it is killed.
    """

    dies_with_parent: bool = False

    @property
    def server(self) -> EmbeddedPostgres:
        """The database server."""
        return EmbeddedPostgres(self.folder / "postgres", dies_with_parent=self.dies_with_parent)

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

    def _warehouse(self) -> dict[str, str]:
        return {"WAREHOUSE_URL": self.warehouse_url}

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
