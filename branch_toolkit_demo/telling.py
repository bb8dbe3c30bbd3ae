"""What the demos have in common: a branch is opened, worked in, closed, reopened and merged.

Every line that is printed as done was checked the moment before: a check that fails ends the demo.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeVar

import dagster as dg
from rich.console import Console

from branch_toolkit.core.environment import Environment
from branch_toolkit.jobs import ENVIRONMENT_TAG
from branch_toolkit_demo.errors import NotSo
from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_demo.grounds import Grounds
from branch_toolkit_demo.processes import dagster, run, running

NUMBER, BRANCH = 1, "feature/urgent-orders"
ENVIRONMENT = f"pr_{NUMBER}"
PROVISION, CLEANUP = "branch_provision_sensor", "branch_cleanup_sensor"
_PATIENCE = 180.0

T = TypeVar("T")


@dataclass
class Telling(ABC):
    """A demo's steps, in order.

    Args:
        site: Where it happens; built.
        console: Where it is told.
    """

    site: Grounds
    console: Console
    production: str = field(default="", init=False)

    definitions: ClassVar[str]
    """The module of the definitions that are shown."""
    asset: ClassVar[str]
    """The asset that the branch changes."""
    clone: ClassVar[str]
    """The branch's clone of the base schema."""
    sensors: ClassVar[tuple[str, ...]] = (PROVISION, CLEANUP)
    """The sensors that have to tick."""
    comments: ClassVar[bool] = False
    """Whether the pull request is told of its environment."""
    grace_seconds: ClassVar[int] = 5
    """How long a merged branch's environment can be restored."""

    def tell(self) -> None:
        """All of it, with a daemon of Dagster's own running the sensors.

        Raises:
            NotSo: Something did not come about as it should.
        """
        self.set_the_scene()
        with self.daemon():
            self.wait_for_ticks()
            self.live_through_it()
        self.leave_nothing_behind()

    def live_through_it(self) -> None:
        """What becomes of the branch, from its beginning to its end."""
        self._open_the_branch()
        self.work_in_the_branch()
        self.push_again()
        self._close()
        self._reopen()
        self._merge()

    @abstractmethod
    def set_the_scene(self) -> None:
        """Says what there is in production, and takes its checksum."""

    @abstractmethod
    def look_at(self, environment: Environment) -> str:
        """Checks a new environment; says what is in it."""

    @abstractmethod
    def work_in_the_branch(self) -> None:
        """Materializes the asset in the branch deployment."""

    @abstractmethod
    def leave_nothing_behind(self) -> None:
        """Checks that production is as it was, and that there is nothing beside it."""

    @abstractmethod
    def environments(self) -> tuple[Environment, ...]:
        """The environments that there are."""

    @abstractmethod
    def rows(self, schema: str) -> Sequence[object]:
        """The asset's rows in a schema."""

    @abstractmethod
    def has_clone(self) -> bool:
        """Whether there is a schema of the clone's name."""

    @abstractmethod
    def checksum(self) -> str:
        """The checksum of production."""

    def start_sensors(self, environ: dict[str, str], log: Path) -> None:
        """Switches the sensors on, as one would in the UI."""
        for sensor in self.sensors:
            command = dagster("dagster", "sensor", "start", sensor, "-m", self.definitions)
            run(command, env=environ, log=log)

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Dagster's daemon on the base deployment, until the end of the block."""
        environ = self.site.base_environ(
            DEMO_GRACE_SECONDS=str(self.grace_seconds), DEMO_SENSOR_SECONDS="2"
        )
        log = self.site.folder / "daemon.log"
        self.start_sensors(environ, log)
        command = dagster("dagster-daemon", "run", "-m", self.definitions)
        with running(command, env=environ, log=log):
            yield

    def wait_for_ticks(self) -> None:
        """Waits until every sensor has ticked, for nothing yet."""
        self.wait("a tick of each sensor", lambda: all(map(self._ticks, self.sensors)))
        self.check(not self.environments(), "there are environments before any branch")
        self.say("The sensors tick in Dagster's daemon, and have nothing to do.")

    def _open_the_branch(self) -> None:
        sha = self._push("Count urgent orders only")
        self.check(self.forge.open(BRANCH, sha=sha) == NUMBER, "it has another number")
        self.say(f"Pushed [b]{BRANCH}[/b] and opened pull request #{NUMBER}.")
        job = self.wait_for_run("provision_branch")
        environment = self._one_environment()
        self.check(environment.state == "active", "the environment is not active")
        seen = self.look_at(environment)
        self.check_production()
        self.say(
            f"{PROVISION} launched [b]provision_branch[/b] (run {job[:8]}): schema"
            f" [b]{self.clone}[/b], {seen}"
        )

    def push_again(self) -> None:
        """Pushes another commit, and checks that the branch keeps its data."""
        before, runs = self.rows(self.clone), self._runs()
        self.forge.push(NUMBER, sha=self._push("Sort them"))
        pushed = time.time()
        self.wait("a tick", lambda: self._ticks(PROVISION, since=pushed))
        self.check(self.rows(self.clone) == before, "the branch's data changed")
        self.check(self._runs() == runs, "a push launched a run")
        self.say("Pushed again: the branch's data is as it left it, and nothing was cloned again.")

    def _close(self) -> None:
        self.forge.close(NUMBER)
        job = self.wait_for_run("retire_branch")
        self.check(self._one_environment().state == "retired", "it is not retired")
        self._wait_for_comment("retired")
        end = ", and its comment says so." if self.comments else "."
        self.say(
            f"Closed pull request #{NUMBER} without a merge: {CLEANUP} launched"
            f" [b]retire_branch[/b] (run {job[:8]}){end}"
        )

    def _reopen(self) -> None:
        before = self.rows(self.clone)
        self.forge.reopen(NUMBER)
        job = self.wait_for_run("restore_branch")
        self.check(self._one_environment().state == "active", "it is not active")
        self.check(self.rows(self.clone) == before, "the branch's data changed")
        rows = f"{len(before)} row is" if len(before) == 1 else f"{len(before)} rows are"
        self.say(
            f"Reopened it: {PROVISION} launched [b]restore_branch[/b] (run {job[:8]}); the"
            f" branch's {rows} still there."
        )

    def _merge(self) -> None:
        self.site.remote.merge_and_delete(BRANCH)
        self.check(BRANCH not in self.site.remote.branches(), "the branch is still there")
        self.forge.merge(NUMBER)
        self.say(f"Merged pull request #{NUMBER} and deleted [b]{BRANCH}[/b].")
        job = self.wait_for_run("retire_branch", number=2)
        self.check(self.has_clone(), "the clone was dropped before its grace period")
        self.say(
            f"{CLEANUP} launched [b]retire_branch[/b] (run {job[:8]}): set aside, restorable"
            f" for {self.grace_seconds} s of grace (three days by default)."
        )
        job = self.wait_for_run("sweep_branches")
        self.check(not self.has_clone(), "the clone is still there")
        self._wait_for_comment("dropped")
        comments = len(self.forge.pull_requests[NUMBER].comments)
        self.check(comments == self.comments, f"there are {comments} comments")
        end = " The pull request's one comment has said so all along." if self.comments else ""
        self.say(f"{CLEANUP} launched [b]sweep_branches[/b] (run {job[:8]}): dropped.{end}")

    @property
    def forge(self) -> ForgeRepository:
        """The repository on the forge."""
        return self.site.forge.repository

    def materialize(self, environ: dict[str, str], *arguments: str) -> None:
        """Materializes the asset in a deployment, as a process of its own."""
        command = dagster(
            "dagster", "asset", "materialize", "-m", self.definitions, "--select", self.asset
        )
        run([*command, *arguments], env=environ, log=self.site.folder / "materialize.log")

    def branch_environ(self) -> dict[str, str]:
        """The environment variables of the branch's deployment."""
        sha = self.site.remote.branches()[BRANCH]
        return self.site.branch_environ(number=NUMBER, branch=BRANCH, sha=sha)

    def check_production(self) -> None:
        """Checks that production was not changed."""
        self.check(self.checksum() == self.production, "production was changed")

    def wait_for_run(self, job: str, *, number: int = 1) -> str:
        """Waits until so many runs of the job have ended, and returns the last one's id."""
        done = self.wait(f"a run of {job}", lambda: self._finished_run(job, number))
        self.check(done.is_success, f"run {done.run_id} of {job} ended as {done.status.value}")
        return done.run_id

    def wait(self, what: str, ask: Callable[[], T | None]) -> T:
        """Waits for an answer, and returns it."""
        deadline = time.monotonic() + _PATIENCE
        while not (answer := ask()):
            self.check(time.monotonic() < deadline, f"{what} did not come in {_PATIENCE:.0f} s")
            time.sleep(0.5)
        return answer

    def check(self, so: object, otherwise: str) -> None:
        """Ends the demo unless it is so."""
        if not so:
            raise NotSo(f"{otherwise}; see the logs in {_shown(self.site.folder)}")

    def say(self, line: str) -> None:
        """Says what was done, and checked."""
        self.console.print(f"[green]✓[/green] {line}")

    def _wait_for_comment(self, word: str) -> None:
        if self.comments:
            self.wait("the comment", lambda: word in self._comment())

    def _comment(self) -> str:
        return "".join(each.text for each in self.forge.pull_requests[NUMBER].comments)

    def _push(self, message: str) -> str:
        return self.site.remote.push_branch(BRANCH, message=message, pull_request=NUMBER)

    def _one_environment(self) -> Environment:
        environments = self.environments()
        names = [found.name for found in environments]
        self.check(names == [ENVIRONMENT], f"the environments are {names}")
        return environments[0]

    def _instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.get()

    def _runs(self) -> int:
        with self._instance() as instance:
            return instance.get_runs_count(dg.RunsFilter(tags={ENVIRONMENT_TAG: ENVIRONMENT}))

    def _ticks(self, sensor: str, *, since: float = 0) -> int:
        """How many ticks of a sensor have begun since then, and ended."""
        with self._instance() as instance:
            states = [s for s in instance.all_instigator_state() if s.name == sensor]
            return sum(
                tick.timestamp > since and tick.is_completed
                for state in states
                for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
            )

    def _finished_run(self, job: str, number: int) -> dg.DagsterRun | None:
        with self._instance() as instance:
            runs = instance.get_runs(dg.RunsFilter(job_name=job), limit=number)
        return runs[0] if len(runs) == number and runs[0].is_finished else None


def tell(telling: Telling) -> None:
    """Tells a demo; one that fails says why and ends this program with 1."""
    # It reads the base deployment's instance, as its daemon does.
    os.environ.update(telling.site.base_environ())
    try:
        telling.tell()
    except NotSo as error:
        telling.console.print(f"[red]✗[/red] {error}")
        raise SystemExit(1) from None


def _shown(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)
