"""A branch deployment that is told the history of a real base deployment, by its webserver."""

from __future__ import annotations

import logging
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.loader import LoadingContextForTest

from branch_toolkit.history.asking import BaseHistoryUnavailable
from branch_toolkit.history.reporting import report_history
from branch_toolkit.history.resource import BaseHistory
from branch_toolkit.history.tables import BaseRows, TrackedAsset, tracked_assets
from branch_toolkit_demo.postgres_home import HOST, free_port
from branch_toolkit_demo.processes import dagster, running
from branch_toolkit_tests.integration import history_location as location

_CONFIG = """\
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
"""
_START_SECONDS = 240.0
TABLES = ("orders", "revenue", "clicks", "visits", "audience", "flaky", "never")
CLONED_AT = datetime(2024, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Base:
    """The base deployment.

    Args:
        url: That of its webserver.
        instance: Its instance.
    """

    url: str
    instance: dg.DagsterInstance

    @property
    def history(self) -> BaseHistory:
        """The resource of a branch deployment that asks it."""
        return BaseHistory(url=self.url)

    def run_of(self, name: str) -> str:
        """The run that has last materialized an asset."""
        [record] = self.instance.fetch_materializations(key_of(name), limit=1).records
        return record.run_id

    def materialize(self, *names: str, **options: Any) -> bool:
        """Runs assets, as its daemon would."""
        return materialize(self.instance, *names, **options)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    home = tmp_path_factory.mktemp("base")
    (home / "dagster.yaml").write_text(_CONFIG)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        live_through_a_week(instance)
        with webserver(home) as url:
            yield Base(url, instance)


def live_through_a_week(instance: dg.DagsterInstance) -> None:
    """What production has done before there was a branch."""
    version = {"dagster/data_version": "feed-1", "dagster/data_version_is_user_provided": "true"}
    instance.report_runless_asset_event(dg.AssetObservation(location.feed.key, tags=version))
    assert materialize(instance, "orders", "excluded")
    assert materialize(instance, "revenue", "flaky")
    # Of the same version as before, so that what was made of it is not out of date.
    assert materialize(instance, "orders")
    for day in ("2024-01-02", "2024-01-03", "2024-01-04"):
        assert materialize(instance, "clicks", partition_key=day)
    assert materialize(instance, "visits", partition_key="2024-01-02")
    assert materialize(instance, "visits", partition_key="2024-01-03")
    assert materialize(instance, "clicks", partition_key="2024-01-03")
    assert materialize(instance, "audience")
    assert not materialize(instance, "flaky", tags={location.FAIL: "1"}, raise_on_error=False)


def materialize(instance: dg.DagsterInstance, *names: str, **options: Any) -> bool:
    assets = [getattr(location, name) for name in names]
    selection = dg.AssetSelection.assets(*map(key_of, names))
    return dg.materialize(
        [location.feed, *assets], selection=selection, instance=instance, **options
    ).success


@contextmanager
def webserver(home: Path) -> Iterator[str]:
    """Dagster's webserver on the loopback interface, until the end of the block."""
    port, log = free_port(), home / "webserver.log"
    module = ("-m", location.__name__, "-h", HOST, "-p", str(port))
    command = dagster("dagster-webserver", *module)
    environ = {**os.environ, "DAGSTER_HOME": str(home)}
    with running(command, env=environ, log=log) as process:
        url = f"http://{HOST}:{port}"
        wait_until_served(url, process, log=log)
        yield url


def wait_until_served(url: str, process: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=30):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(f"The webserver does not answer; see {log}")


@pytest.fixture
def branch() -> Iterator[dg.DagsterInstance]:
    """The instance of a branch deployment; in it, nothing was ever materialized."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def key_of(name: str) -> dg.AssetKey:
    key: dg.AssetKey = getattr(location, name).key
    return key


def tracked(*, reads_through: bool = True) -> list[TrackedAsset]:
    """The location's assets whose tables are in the environment."""
    rows = BaseRows(made_at=CLONED_AT, reads_through=reads_through)
    return tracked_assets(
        location.defs.get_repository_def().assets_defs_by_key.values(),
        {("analytics", table): rows for table in (*TABLES, "feed")},
        schemas=["analytics"],
    )


def report(branch: dg.DagsterInstance, base: Base) -> dict[str, int]:
    """Reports base's history; how many materializations, by the asset's name."""
    now = datetime.now(tz=timezone.utc)
    found = report_history(branch, tracked(), base.history, now=now)
    return {key.path[-1]: count for key, count in found.reported.items()}


def statuses(instance: dg.DagsterInstance) -> dict[str, str]:
    """What Dagster's UI says of each asset, and of each day."""
    graph = location.defs.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    found: dict[str, str] = {}
    for name in (*TABLES, "excluded"):
        days: Sequence[str | None] = [None]
        if graph.get(key_of(name)).is_partitioned:
            days = location.DAYS.get_partition_keys()
        for day in days:
            status = resolver.get_status(key_of(name), day)
            found[f"{name} {day[-2:]}" if day else name] = status.value
    return found


def test_the_branch_looks_as_base_does(base: Base, branch: dg.DagsterInstance) -> None:
    assert set(statuses(branch).values()) == {"MISSING"}
    assert report(branch, base) == {
        "orders": 1,
        "revenue": 1,
        "clicks": 3,
        "visits": 2,
        "audience": 1,
        "flaky": 1,
    }
    # Of what is not in the environment, nothing is claimed; nor that something is older for it.
    assert statuses(branch) == {**statuses(base.instance), "excluded": "MISSING"}
    assert statuses(branch)["visits 02"] == "FRESH"
    assert statuses(branch)["visits 03"] == "STALE", "base has materialized clicks again since"
    assert statuses(branch)["never"] == "MISSING"


def test_each_materialization_names_bases_run_and_version(
    base: Base, branch: dg.DagsterInstance
) -> None:
    report(branch, base)
    for name in ("orders", "revenue", "clicks", "visits", "flaky"):
        [record] = branch.fetch_materializations(key_of(name), limit=1).records
        [there] = base.instance.fetch_materializations(key_of(name), limit=1).records
        made, tags = record.asset_materialization, there.event_log_entry.tags or {}
        assert made is not None
        metadata = {label: value.value for label, value in made.metadata.items()}
        assert metadata["branch_toolkit/base_run_id"] == base.run_of(name)
        assert metadata["base run"] == f"{base.url}/runs/{base.run_of(name)}"
        assert metadata["data version"] == tags["dagster/data_version"]
        assert metadata["branch_toolkit/base_timestamp"] == pytest.approx(there.timestamp, abs=0.01)
    [orders] = branch.fetch_materializations(key_of("orders"), limit=1).records
    assert orders.asset_materialization
    assert orders.asset_materialization.metadata["dagster/row_count"].value == 7
    assert (orders.event_log_entry.tags or {})["dagster/data_version"] == "orders-1"


def test_nothing_is_reported_of_what_is_only_observed_or_not_cloned(
    base: Base, branch: dg.DagsterInstance
) -> None:
    report(branch, base)
    for name in ("feed", "excluded", "never"):
        assert branch.fetch_materializations(key_of(name), limit=1).records == [], name
    assert branch.fetch_observations(key_of("feed"), limit=1).records == []


def test_what_the_branch_materializes_makes_stale_what_base_made_of_the_old(
    base: Base, branch: dg.DagsterInstance
) -> None:
    report(branch, base)
    assert materialize(branch, "excluded")
    assert materialize(branch, "clicks", partition_key="2024-01-02")
    after = statuses(branch)
    assert after["visits 02"] == "STALE"
    assert after["flaky"] == "STALE"
    assert after["orders"] == after["revenue"] == "FRESH"
    assert materialize(branch, "visits", partition_key="2024-01-02")
    assert statuses(branch)["visits 02"] == "FRESH"
    assert report(branch, base) == {}


def test_what_the_branch_makes_of_bases_rows_is_not_stale(
    base: Base, branch: dg.DagsterInstance
) -> None:
    report(branch, base)
    assert materialize(branch, "revenue")
    assert materialize(branch, "visits", partition_key="2024-01-04")
    assert report(branch, base) == {}
    assert statuses(branch)["revenue"] == "FRESH"
    assert statuses(branch)["visits 04"] == "FRESH"


def test_a_branch_that_changes_an_assets_code_sees_it_stale(
    base: Base, branch: dg.DagsterInstance
) -> None:
    report(branch, base)

    @dg.asset(deps=[location.orders], code_version="2")
    def revenue() -> None: ...

    graph = dg.Definitions(assets=[location.feed, location.orders, revenue]).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(branch, graph, LoadingContextForTest(branch))
    [cause] = resolver.get_stale_causes(revenue.key)
    assert cause.reason == "has a new code version"
    assert resolver.get_stale_causes(location.orders.key) == []


def test_what_base_materializes_later_is_reported_where_it_is_read_through(
    base: Base, branch: dg.DagsterInstance
) -> None:
    now = datetime.now(tz=timezone.utc)
    report(branch, base)
    assert base.materialize("flaky")
    assert base.materialize("visits", partition_key="2024-01-05")
    copied = tracked(reads_through=False)
    assert report_history(branch, copied, base.history, now=now).reported == {}
    assert report(branch, base) == {"flaky": 1, "visits": 1}
    assert report(branch, base) == {}


def test_a_url_that_is_not_dagsters_graphql_is_told(base: Base, branch: dg.DagsterInstance) -> None:
    history = BaseHistory(url=f"{base.url}/assets")
    with pytest.raises(BaseHistoryUnavailable, match=r"/assets answered with .*Correct `url`"):
        report_history(branch, tracked(), history, now=datetime.now(tz=timezone.utc))


def tell(branch: dg.DagsterInstance, url: str) -> tuple[bool, list[str]]:
    """Runs the job that provisions and reports; whether it succeeded, and what it has logged."""
    repository = ReconstructableRepository.for_module(location.__name__, "defs", str(Path.cwd()))
    job = repository.get_reconstructable_job("provision")
    config = {"resources": {"history": {"config": {"url": url}}}}
    with dg.execute_job(job, instance=branch, run_config=config) as result:
        logged = branch.all_logs(result.run_id)
        messages = [f"{logging.getLevelName(e.level)} {e.user_message}" for e in logged]
        return result.success, [text for text in messages if "history: " in text]


def test_a_run_reports_what_its_environment_has(base: Base, branch: dg.DagsterInstance) -> None:
    told = "INFO history: 2 materialization(s) of base reported, of 2 asset(s) with base's rows"
    assert tell(branch, base.url) == (True, [told])
    assert statuses(branch)["orders"] == "FRESH"
    assert statuses(branch)["revenue"] == "FRESH"
    again = "INFO history: base has no news of 2 asset(s) with base's rows"
    assert tell(branch, base.url) == (True, [again])


def test_a_run_does_not_fail_for_want_of_history(branch: dg.DagsterInstance) -> None:
    for url in (f"http://{HOST}:{free_port()}", "nonsense"):
        success, [message] = tell(branch, url)
        assert success
        assert message.startswith("WARNING history: nothing was reported. The base deployment at")
        assert "`url` of BaseHistory" in message


def test_a_run_does_not_fail_for_an_error_that_nobody_foresaw(
    base: Base, branch: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("the storage is full")

    monkeypatch.setattr(type(branch), "report_runless_asset_event", fail)
    told = "WARNING history: not all was reported. RuntimeError: the storage is full"
    assert tell(branch, base.url) == (True, [told])
