"""The main job, told and checked: a branch is opened, worked in, closed, reopened and merged.

Every line that is printed as done was checked the moment before: a check that fails ends the demo.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import dagster as dg
import sqlalchemy
from rich.console import Console

from branch_toolkit.core.branch import Project
from branch_toolkit.core.environment import Environment
from branch_toolkit.jobs import ENVIRONMENT_TAG
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit_demo.errors import NotSo
from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_demo.processes import dagster, run, running
from branch_toolkit_demo.production import checksum
from branch_toolkit_demo.site import SCHEMA, Site

NUMBER, BRANCH = 1, "feature/urgent-orders"
CLONE = f"{SCHEMA}__pr_{NUMBER}"
ENVIRONMENT = f"pr_{NUMBER}"
SENSORS = ("branch_provision_sensor", "branch_cleanup_sensor", "branch_announce_sensor")
GRACE_SECONDS = 5
_MODULE = ("-m", "branch_toolkit_demo.definitions")
_PATIENCE = 180.0

T = TypeVar("T")


@dataclass
class Story:
    """The demo's steps, in order.

    Args:
        site: Where it happens; built.
        console: Where it is told.
    """

    site: Site
    console: Console
    production: str = field(default="", init=False)

    def tell(self) -> None:
        """All of it, with a daemon of Dagster's own running the sensors.

        Raises:
            NotSo: Something did not come about as it should.
        """
        self._set_the_scene()
        with self._daemon():
            self._open_the_branch()
            self._work_in_the_branch()
            self._push_again()
            self._close()
            self._reopen()
            self._merge()
        self._leave_nothing_behind()

    def _set_the_scene(self) -> None:
        with self._connection() as connection:
            version: str = connection.exec_driver_sql("SHOW server_version").scalar_one()
            tables = self._count_tables(connection, SCHEMA)
            lines: int = connection.exec_driver_sql(
                "SELECT count(*) FROM analytics.lineitem"
            ).scalar_one()
        self._check(tables == 8 and lines > 0, "production is not loaded")
        self._say(
            f"Production: PostgreSQL {version}, schema [b]{SCHEMA}[/b], TPC-H, {tables} tables,"
            f" {lines:,} line items."
        )
        self._materialize(self.site.base_environ(), urgent_only=False)
        self.production = self._checksum()
        priorities = self._priorities(SCHEMA)
        self._check(len(priorities) == 5, f"production's asset has {len(priorities)} rows")
        self._say(f"Production's asset [b]order_priorities[/b] has {len(priorities)} rows.")

    @contextmanager
    def _daemon(self) -> Iterator[None]:
        environ = self.site.base_environ(
            DEMO_GRACE_SECONDS=str(GRACE_SECONDS), DEMO_SENSOR_SECONDS="2"
        )
        log = self.site.folder / "daemon.log"
        for sensor in SENSORS:
            run(dagster("dagster", "sensor", "start", sensor, *_MODULE), env=environ, log=log)
        with running(dagster("dagster-daemon", "run", *_MODULE), env=environ, log=log):
            self._wait("a tick of each sensor", lambda: all(map(self._ticks, SENSORS)))
            self._check(not self._environments(), "there are environments before any branch")
            self._say("The sensors tick in Dagster's daemon, and have nothing to do.")
            yield

    def _open_the_branch(self) -> None:
        sha = self._push("Count urgent orders only")
        self._check(self._forge.open(BRANCH, sha=sha) == NUMBER, "it has another number")
        self._say(f"Pushed [b]{BRANCH}[/b] and opened pull request #{NUMBER}.")
        job = self._wait_for_run("provision_branch")
        environment = self._one_environment()
        self._check(environment.state == "active", "the environment is not active")
        self._check(environment.tables == 9, f"the clone has {environment.tables} tables")
        self._check(environment.rows == 0, f"{environment.rows} rows were copied")
        self._check_production()
        self._say(
            f"{SENSORS[0]} launched [b]provision_branch[/b] (run {job[:8]}): schema"
            f" [b]{CLONE}[/b], {environment.tables} tables, all deferred: not a row was copied."
        )

    def _work_in_the_branch(self) -> None:
        sha = self.site.remote.branches()[BRANCH]
        environ = self.site.branch_environ(number=NUMBER, branch=BRANCH, sha=sha)
        self._materialize(environ, urgent_only=True)
        ours, theirs = self._priorities(CLONE), self._priorities(SCHEMA)
        self._check(len(ours) == 1 and len(theirs) == 5, f"{ours} and {theirs}")
        self._check_production()
        self._say(
            f"Materialized in the branch deployment, where [b]order_priorities[/b] became the"
            f" branch's own at that write: {len(ours)} row in [b]{CLONE}[/b], still"
            f" {len(theirs)} in [b]{SCHEMA}[/b]; production's checksum is unchanged."
        )

    def _push_again(self) -> None:
        before, runs = self._priorities(CLONE), self._runs()
        self._forge.push(NUMBER, sha=self._push("Sort them"))
        ticks = self._ticks(SENSORS[0])
        self._wait("two more ticks", lambda: self._ticks(SENSORS[0]) >= ticks + 2)
        self._check(self._priorities(CLONE) == before, "the branch's data changed")
        self._check(self._runs() == runs, "a push launched a run")
        self._say("Pushed again: the branch's data is as it left it, and nothing was cloned again.")

    def _close(self) -> None:
        self._forge.close(NUMBER)
        job = self._wait_for_run("retire_branch")
        self._check(self._one_environment().state == "retired", "it is not retired")
        self._wait("the comment", lambda: "retired" in self._comment())
        self._say(
            f"Closed pull request #{NUMBER} without a merge: {SENSORS[1]} launched"
            f" [b]retire_branch[/b] (run {job[:8]}), and its comment says so."
        )

    def _reopen(self) -> None:
        before = self._priorities(CLONE)
        self._forge.reopen(NUMBER)
        job = self._wait_for_run("restore_branch")
        self._check(self._one_environment().state == "active", "it is not active")
        self._check(self._priorities(CLONE) == before, "the branch's data changed")
        self._say(
            f"Reopened it: {SENSORS[0]} launched [b]restore_branch[/b] (run {job[:8]}); the"
            f" branch's {len(before)} row is still there."
        )

    def _merge(self) -> None:
        self.site.remote.merge_and_delete(BRANCH)
        self._check(BRANCH not in self.site.remote.branches(), "the branch is still there")
        self._forge.merge(NUMBER)
        self._say(f"Merged pull request #{NUMBER} and deleted [b]{BRANCH}[/b].")
        job = self._wait_for_run("retire_branch", number=2)
        self._check(self._has_schema(CLONE), "the clone was dropped before its grace period")
        self._say(
            f"{SENSORS[1]} launched [b]retire_branch[/b] (run {job[:8]}): set aside, restorable"
            f" for {GRACE_SECONDS} s of grace (three days by default)."
        )
        job = self._wait_for_run("sweep_branches")
        self._check(not self._has_schema(CLONE), "the clone is still there")
        self._wait("the comment", lambda: "dropped" in self._comment())
        comments = len(self._forge.pull_requests[NUMBER].comments)
        self._check(comments == 1, f"there are {comments} comments")
        self._say(
            f"{SENSORS[1]} launched [b]sweep_branches[/b] (run {job[:8]}): dropped. The pull"
            " request's one comment has said so all along."
        )

    def _leave_nothing_behind(self) -> None:
        self._check(not self._environments(), "the inventory is not empty")
        self._check_production()
        with self._connection() as connection:
            schemas = connection.exec_driver_sql(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'"
            )
            found: set[str] = set(schemas.scalars())
            left = found - {SCHEMA, "public", "information_schema"}
        self._check(not left, f"schemas are left: {left}")
        self._say("The inventory is empty, and production is what it was before.")

    @property
    def _forge(self) -> ForgeRepository:
        return self.site.forge.repository

    def _comment(self) -> str:
        return "".join(each.text for each in self._forge.pull_requests[NUMBER].comments)

    def _push(self, message: str) -> str:
        return self.site.remote.push_branch(BRANCH, message=message, pull_request=NUMBER)

    def _materialize(self, environ: dict[str, str], *, urgent_only: bool) -> None:
        config = {"ops": {"order_priorities": {"config": {"urgent_only": urgent_only}}}}
        command = dagster(
            "dagster", "asset", "materialize", *_MODULE,
            "--select", "order_priorities", "--config-json", json.dumps(config),
        )  # fmt: skip
        run(command, env=environ, log=self.site.folder / "materialize.log")

    def _one_environment(self) -> Environment:
        environments = self._environments()
        names = [found.name for found in environments]
        self._check(names == [ENVIRONMENT], f"the environments are {names}")
        return environments[0]

    def _environments(self) -> tuple[Environment, ...]:
        with PostgresAdapter.connect(self.site.warehouse_url) as warehouse:
            environments = Environments(warehouse, Project(), (SCHEMA,))
            return environments.inventory().environments

    def _priorities(self, schema: str) -> list[tuple[str, int]]:
        with self._connection() as connection:
            rows = connection.exec_driver_sql(f"SELECT * FROM {schema}.order_priorities ORDER BY 1")
            return [(str(row[0]), int(row[1])) for row in rows]

    def _has_schema(self, schema: str) -> bool:
        with self._connection() as connection:
            return bool(sqlalchemy.inspect(connection).has_schema(schema))

    def _count_tables(self, connection: sqlalchemy.Connection, schema: str) -> int:
        return len(sqlalchemy.inspect(connection).get_table_names(schema=schema))

    @contextmanager
    def _connection(self) -> Iterator[sqlalchemy.Connection]:
        engine = sqlalchemy.create_engine(self.site.warehouse_url)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def _checksum(self) -> str:
        return checksum(self.site.warehouse_url, SCHEMA)

    def _check_production(self) -> None:
        self._check(self._checksum() == self.production, "production was changed")

    def _instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.get()

    def _runs(self) -> int:
        with self._instance() as instance:
            return instance.get_runs_count(dg.RunsFilter(tags={ENVIRONMENT_TAG: ENVIRONMENT}))

    def _ticks(self, sensor: str) -> int:
        with self._instance() as instance:
            states = [s for s in instance.all_instigator_state() if s.name == sensor]
            return sum(
                len(instance.get_ticks(state.instigator_origin_id, state.selector_id))
                for state in states
            )

    def _wait_for_run(self, job: str, *, number: int = 1) -> str:
        """Waits until so many runs of the job have ended, and returns the last one's id."""
        done = self._wait(f"a run of {job}", lambda: self._finished_run(job, number))
        self._check(done.is_success, f"run {done.run_id} of {job} ended as {done.status.value}")
        return done.run_id

    def _finished_run(self, job: str, number: int) -> dg.DagsterRun | None:
        with self._instance() as instance:
            runs = instance.get_runs(dg.RunsFilter(job_name=job), limit=number)
        return runs[0] if len(runs) == number and runs[0].is_finished else None

    def _wait(self, what: str, ask: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + _PATIENCE
        while not (answer := ask()):
            self._check(time.monotonic() < deadline, f"{what} did not come in {_PATIENCE:.0f} s")
            time.sleep(0.5)
        return answer

    def _check(self, so: object, otherwise: str) -> None:
        if not so:
            raise NotSo(f"{otherwise}; see the logs in {_shown(self.site.folder)}")

    def _say(self, line: str) -> None:
        self.console.print(f"[green]✓[/green] {line}")


def _shown(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)
