"""A Dagster deployment in this process: real jobs, sensors, instance; a warehouse in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

import dagster as dg
import pytest

from branch_toolkit import announcements, jobs
from branch_toolkit.pending import decode_pending, encode_pending
from branch_toolkit_tests.dagster.memory import World, definitions, worlds

PROVISION, CLEANUP = "branch_provision_sensor", "branch_cleanup_sensor"
RUN_KEY = "dagster/run_key"
_QUIET = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}


@dataclass
class Deployed:
    """A code location with its instance, and the cursors that the daemon would keep."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)

    def evaluate(self, sensor: str) -> Any:
        """A tick that the daemon forgets: the cursor stays."""
        repository = self.definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(sensor),
            definitions=self.definitions,
            resources=dict(repository.get_top_level_resources()),
        ) as context:
            return repository.get_sensor_def(sensor).evaluate_tick(context)

    def tick(self, sensor: str) -> Any:
        """A tick: its result has `run_requests`, `skip_message` and `cursor`."""
        result = self.evaluate(sensor)
        if result.cursor is not None:
            self.cursors[sensor] = result.cursor
        return result

    def pass_back_off(self) -> None:
        """Lets the time pass in which the sensors do not ask again."""
        past = datetime.now(tz=timezone.utc) - timedelta(seconds=1)
        for sensor, cursor in self.cursors.items():
            pending = decode_pending(cursor)
            aged = {key: replace(item, not_before=past) for key, item in pending.items()}
            self.cursors[sensor] = encode_pending(aged)

    def run(
        self,
        job: str,
        config: Mapping[str, Any] | None = None,
        *,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Launches a job as from the Launchpad."""
        op = job.partition("_")[0]
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config={"ops": {op: {"config": dict(config or {})}}, **_QUIET},
            instance=self.instance,
            tags=tags,
            raise_on_error=False,
        )

    def execute(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Runs what a sensor asked for."""
        assert request.job_name
        return self.definitions.resolve_job_def(request.job_name).execute_in_process(
            run_config={**request.run_config, **_QUIET},
            instance=self.instance,
            tags={**request.tags, RUN_KEY: str(request.run_key)},
            raise_on_error=False,
        )

    def live_through_tick(self) -> list[dg.RunRequest]:
        """One tick of both sensors, and all the runs that they ask for; they have to succeed."""
        requests = [r for name in (PROVISION, CLEANUP) for r in self.tick(name).run_requests or ()]
        for request in requests:
            assert self.execute(request).success, request
        return requests


@pytest.fixture
def world() -> Iterator[World]:
    """Two base schemas, no branch, no environment."""
    worlds["it"] = World()
    yield worlds["it"]
    del worlds["it"]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def deploy(world: World, instance: dg.DagsterInstance, no_delay: None) -> Callable[..., Deployed]:
    """Makes a code location, with other than the default policy where it is given."""
    return lambda **options: Deployed(_without_delay(**options), instance)


@cache
def _without_delay(**options: Any) -> dg.Definitions:
    # Made once: all of a test's state is in its world and its instance.
    return definitions(**options)


@pytest.fixture
def deployed(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy()


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries at once, in the code locations that are made after it."""
    for module in (jobs, announcements):
        monkeypatch.setattr(module, "RETRY", dg.RetryPolicy(max_retries=3))


@pytest.fixture
def branch_deployment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Turns this process into the branch deployment of a pull request."""

    def become(number: int | None = 42, name: str | None = "feature/42") -> None:
        monkeypatch.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
        for variable, value in (("PULL_REQUEST_ID", number), ("GIT_BRANCH", name)):
            if value is not None:
                monkeypatch.setenv(f"DAGSTER_CLOUD_{variable}", str(value))

    return become


def failure(result: dg.ExecuteInProcessResult) -> Any:
    """What the user is told of the one step that failed."""
    [event] = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data


def attempts(result: dg.ExecuteInProcessResult) -> int:
    """How often the step was tried."""
    kinds = (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_RESTARTED)
    return sum(event.event_type in kinds for event in result.all_events)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata of the one step, as plain values; of a table its records."""
    [event] = [event for event in result.all_events if event.is_successful_output]
    return plain(event.step_output_data.metadata)


def plain(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [dict(record.data) for record in value.records]
        if isinstance(value, dg.TableMetadataValue)
        else value.value
        for name, value in found.items()
    }
