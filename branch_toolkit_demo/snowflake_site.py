"""Where the Snowflake demo lives: the double, production, a git remote, a forge, Dagster."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
import snowflake.connector
from snowflake.connector import SnowflakeConnection

from branch_toolkit_demo.git_remote import GitRemote
from branch_toolkit_demo.grounds import Grounds
from branch_toolkit_demo.snowflake_production import Production

if TYPE_CHECKING:
    from branch_toolkit_tests.snowflake_double import Double

# Importing dagster_snowflake takes a process five seconds. So the daemon has no queue of runs, each
# of which would get a process of its own: it executes them itself.
_INSTANCE = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: DefaultRunCoordinator
run_launcher:
  module: dagster._core.launcher.sync_in_memory_run_launcher
  class: SyncInMemoryRunLauncher
"""


@dataclass(frozen=True)
class SnowflakeSite(Grounds):
    """The demo's folder, and the double that stands for Snowflake.

    Args:
        double: It serves as long as the demo runs, and keeps everything in memory.
    """

    double: Double

    def build(self) -> None:
        """Fills an empty folder and an empty account."""
        with self.production() as production:
            production.load()
        GitRemote.create(self.folder / "git")

    def clear(self) -> None:
        """Removes what an earlier demo left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    @contextmanager
    def production(self) -> Iterator[Production]:
        """Production, seen by somebody who may do anything there."""
        connection = self.connect()
        try:
            yield Production(connection)
        finally:
            connection.close()

    def connect(self) -> SnowflakeConnection:
        """A connection to the double, which the caller closes."""
        return snowflake.connector.connect(**self.double.connection_args)

    def clones_made(self) -> list[str]:
        """The statements so far that have made a clone."""
        return [each.text for each in self.double.statements if " CLONE " in each.text]

    def _warehouse(self) -> dict[str, str]:
        arguments = self.double.connection_args
        return {
            "SNOWFLAKE_PASSWORD": arguments["password"],
            "DEMO_SNOWFLAKE_PORT": str(arguments["port"]),
        }

    def _instance(self, name: str) -> dict[str, str]:
        home = self.folder / name
        if not home.exists():
            home.mkdir(parents=True)
            (home / "dagster.yaml").write_text(_INSTANCE)
            # Two processes that began at once would both make its tables.
            dg.DagsterInstance.from_config(str(home)).dispose()
        return {"DAGSTER_HOME": str(home)}
