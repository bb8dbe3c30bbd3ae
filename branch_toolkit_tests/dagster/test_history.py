"""Base's history as a branch deployment reports it: what is news, what is kept, and every fault."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions import data_version as dagsters

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.strategy import Rule, Strategy
from branch_toolkit.history import events
from branch_toolkit.history.asking import BaseHistoryUnavailable
from branch_toolkit.history.reporting import HistoryReport, report_history
from branch_toolkit.history.resource import BaseHistory
from branch_toolkit.history.tables import BaseRows, TrackedAsset, base_rows, tracked_assets
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.memory import MemoryWarehouse
from branch_toolkit_tests.strategies import make_environment

NOW = datetime.now(tz=timezone.utc)
HOUR = timedelta(hours=1)
DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-11")
ORDERS, DAILY = dg.AssetKey("orders"), dg.AssetKey(["analytics", "daily"])
SECRET = "tok-3cr3t"
Answer = tuple[int, str]


@dataclass
class Base:
    """What a server on the loopback interface says in base's place.

    Args:
        url: Its URL.
        events: By asset (and partition), what GraphQL answers of them.
        answer: An answer that it gives instead of all that.
        delay: Seconds before each answer.
        asked: The variables of each request.
        headers: The headers of the last request.
    """

    url: str
    events: dict[tuple[dg.AssetKey, str | None], dict[str, Any]] = field(default_factory=dict)
    answer: Answer | None = None
    delay: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def materialize(
        self,
        key: dg.AssetKey,
        partition: str | None = None,
        *,
        at: datetime = NOW,
        run_id: str = "base-run",
        **tags: str,
    ) -> None:
        """Gives the asset a latest materialization."""
        self.events[(key, partition)] = {
            "runId": run_id,
            "partition": partition,
            "timestamp": str(int(at.timestamp() * 1000)),
            "tags": [{"key": f"dagster/{name}", "value": value} for name, value in tags.items()],
            "metadataEntries": [
                {"label": "dagster/row_count", "intRepr": "7"},
                {"label": "comment"},
            ],
        }

    def respond(self, variables: Mapping[str, Any]) -> Answer:
        """The answer to a query."""
        if self.answer is not None:
            return self.answer
        nodes = []
        for asset in variables["assets"]:
            key = dg.AssetKey(asset["path"])
            found = [self.events.get((key, name)) for name in variables.get("partitions", [None])]
            if "partitions" not in variables:
                found = [event for event in found if event]
            nodes.append({"assetKey": asset, "events": found})
        return 200, json.dumps({"data": {"assetNodes": nodes}})

    def history(self, **options: Any) -> BaseHistory:
        """The resource that asks it."""
        return BaseHistory(url=self.url, **options)


@pytest.fixture
def base() -> Iterator[Base]:
    with serving() as base:
        yield base


@contextmanager
def serving() -> Iterator[Base]:
    """A server until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            variables = json.loads(self.rfile.read(length))["variables"]
            base.asked.append(variables)
            base.headers = dict(self.headers)
            time.sleep(base.delay)
            status, body = base.respond(variables)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{base.url}/login")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    base = Base(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield base
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def report(base: Base, instance: dg.DagsterInstance) -> Callable[..., dict[str, int]]:
    """Reports the history of assets; how many materializations, by asset."""

    def call(*assets: TrackedAsset, **options: Any) -> dict[str, int]:
        found: HistoryReport = report_history(instance, assets, base.history(**options), now=NOW)
        return {key.to_user_string(): count for key, count in found.reported.items()}

    return call


def tracked(key: dg.AssetKey = ORDERS, **options: Any) -> TrackedAsset:
    """An asset whose table reads through to base, and was cloned an hour ago."""
    return TrackedAsset(**({"key": key, "made_at": NOW - HOUR, "reads_through": True} | options))


def latest(
    instance: dg.DagsterInstance, key: dg.AssetKey = ORDERS
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The metadata and the tags of the asset's latest materialization."""
    [record] = instance.fetch_materializations(key, limit=1).records
    made = record.asset_materialization
    assert made is not None
    return {name: value.value for name, value in made.metadata.items()}, made.tags or {}


def materialize(instance: dg.DagsterInstance, **options: Any) -> None:
    """The branch's own run materializes `orders`."""

    @dg.asset
    def orders() -> None: ...

    assert dg.materialize([orders], instance=instance, **options).success


def test_a_report_says_what_base_has_and_where_it_was_made(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    base.materialize(ORDERS, data_version="v1", data_version_is_user_provided="true")
    assert report(tracked()) == {"orders": 1}
    metadata, tags = latest(instance)
    assert metadata.pop("branch_toolkit/base_timestamp") == pytest.approx(NOW.timestamp(), abs=1e-3)
    assert metadata == {
        "branch_toolkit/base_run_id": "base-run",
        "base run": f"{base.url}/runs/base-run",
        "base deployment": base.url,
        "data version": "v1",
        "dagster/row_count": 7,
    }
    assert tags == {
        "dagster/data_version": "v1",
        "dagster/data_version_is_user_provided": "true",
    }
    [record] = instance.fetch_materializations(ORDERS, limit=1).records
    assert record.run_id == "", "no run of the branch claims it"


def test_what_base_reported_without_a_run_has_no_link(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    base.materialize(ORDERS, run_id="")
    report(tracked())
    assert "base run" not in latest(instance)[0]


def test_a_second_call_reports_only_what_is_news(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    base.materialize(ORDERS, at=NOW - HOUR, run_id="first")
    assert report(tracked()) == {"orders": 1}
    assert report(tracked()) == {}
    base.materialize(ORDERS, at=NOW, run_id="second")
    assert report(tracked()) == {"orders": 1}
    assert latest(instance)[0]["branch_toolkit/base_run_id"] == "second"
    assert report(tracked()) == {}


def test_an_older_latest_one_is_no_news(base: Base, report: Callable[..., dict[str, int]]) -> None:
    # Base's storage was restored from a backup, or its latest events were wiped.
    base.materialize(ORDERS, at=NOW)
    report(tracked())
    base.materialize(ORDERS, at=NOW - HOUR)
    assert report(tracked()) == {}


def test_what_the_branch_has_materialized_is_never_overshadowed(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    base.materialize(ORDERS, at=NOW - HOUR)
    report(tracked())
    materialize(instance)
    base.materialize(ORDERS, at=NOW + HOUR)
    assert report(tracked()) == {}
    assert "branch_toolkit/base_run_id" not in latest(instance)[0]


def test_what_somebody_reported_in_the_branch_is_the_branchs_own(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))
    base.materialize(ORDERS, at=NOW + HOUR)
    assert report(tracked()) == {}


def test_what_a_refresh_has_thrown_away_counts_no_more(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    materialize(instance)
    base.materialize(ORDERS)
    refreshed = tracked(made_at=datetime.now(tz=timezone.utc) + timedelta(seconds=1))
    assert report(refreshed) == {"orders": 1}
    assert report(refreshed) == {}


def test_of_rows_that_were_copied_nothing_later_is_reported(
    base: Base, report: Callable[..., dict[str, int]]
) -> None:
    copied = tracked(reads_through=False, made_at=NOW - HOUR)
    base.materialize(ORDERS, at=NOW)
    assert report(copied) == {}
    [asked] = base.asked
    before = datetime.fromtimestamp(int(asked["before"]) / 1000, tz=timezone.utc)
    assert timedelta(0) < before - (NOW - HOUR) <= timedelta(milliseconds=2)
    base.materialize(ORDERS, at=NOW - 2 * HOUR)
    assert report(copied) == {"orders": 1}


def test_each_partition_has_a_history_of_its_own(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    daily = tracked(DAILY, partitions_def=DAYS)
    for day in ("2024-01-02", "2024-01-03"):
        base.materialize(DAILY, day, at=NOW - HOUR)
    assert report(daily) == {"analytics/daily": 2}
    assert instance.get_materialized_partitions(DAILY) == {"2024-01-02", "2024-01-03"}
    base.materialize(DAILY, "2024-01-03", at=NOW)
    base.materialize(DAILY, "2024-01-04", at=NOW)
    assert report(daily) == {"analytics/daily": 2}
    assert report(daily) == {}


def test_a_partition_of_the_branch_is_not_overshadowed_while_others_are_reported(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    own = dg.AssetMaterialization(DAILY, partition="2024-01-02")
    instance.report_runless_asset_event(own)
    for day in ("2024-01-02", "2024-01-03"):
        base.materialize(DAILY, day, at=NOW + HOUR)
    assert report(tracked(DAILY, partitions_def=DAYS)) == {"analytics/daily": 1}


def test_partitions_of_two_dimensions_stay_told_apart(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    two = dg.MultiPartitionsDefinition(
        {"color": dg.StaticPartitionsDefinition(["red", "blue"]), "day": DAYS}
    )
    base.materialize(DAILY, "red|2024-01-02", **{"partition/color": "red"})
    base.events[DAILY, "red|2024-01-02"]["tags"] += [
        {"key": "dagster/partition/day", "value": "2024-01-02"}
    ]
    assert report(tracked(DAILY, partitions_def=two)) == {"analytics/daily": 1}
    [record] = instance.fetch_materializations(DAILY, limit=1).records
    assert isinstance(record.partition_key, str)
    assert record.asset_materialization
    assert record.asset_materialization.partition == dg.MultiPartitionKey(
        {"color": "red", "day": "2024-01-02"}
    )


def test_dynamic_partitions_are_those_that_the_branch_knows(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    customers = tracked(DAILY, partitions_def=dg.DynamicPartitionsDefinition(name="customers"))
    base.materialize(DAILY, "acme")
    assert report(customers) == {}
    assert base.asked == [], "there was nothing to ask"
    instance.add_dynamic_partitions("customers", ["acme"])
    assert report(customers) == {"analytics/daily": 1}


def test_inputs_point_to_the_event_here_that_stands_for_the_one_in_base(
    base: Base, instance: dg.DagsterInstance, report: Callable[..., dict[str, int]]
) -> None:
    up, pointer = dg.AssetKey("up"), "dagster/input_event_pointer/up"
    assets = tracked(up, partitions_def=DAYS), tracked(DAILY, partitions_def=DAYS)
    versions = {"input_data_version/up": "v1", "input_event_pointer/up": "4711"}

    def latest_up() -> str:
        return str(instance.fetch_materializations(up, limit=1).records[0].storage_id)

    def pointers() -> list[str]:
        records = instance.fetch_materializations(DAILY, limit=9).records
        return [(record.event_log_entry.tags or {})[pointer] for record in records]

    for hour, day in enumerate(("2024-01-02", "2024-01-03")):
        base.materialize(up, day, at=NOW - (9 - 2 * hour) * HOUR)
        base.materialize(DAILY, day, at=NOW - (8 - 2 * hour) * HOUR, **versions)
    report(*assets)
    last = latest_up()
    assert pointers()[0] == last
    assert int(pointers()[1]) < int(last), "made before the second day was there"
    # Base's next day is not made from what the branch has made of its input meanwhile.
    instance.report_runless_asset_event(dg.AssetMaterialization(up, partition="2024-01-04"))
    base.materialize(DAILY, "2024-01-04", **versions)
    report(*assets)
    assert latest_up() != last
    assert pointers()[0] == last


@pytest.mark.parametrize(
    ("partition", "partitions_def"), [("2024-01-02", None), (None, DAYS)], ids=["lost", "gained"]
)
def test_a_branch_that_changes_the_partitions_is_told_nothing_of_the_others(
    base: Base,
    report: Callable[..., dict[str, int]],
    partition: str | None,
    partitions_def: dg.PartitionsDefinition[str] | None,
) -> None:
    base.materialize(ORDERS, partition)
    node = {"assetKey": {"path": ["orders"]}, "events": [base.events[ORDERS, partition]]}
    base.answer = 200, json.dumps({"data": {"assetNodes": [node]}})
    assert report(tracked(partitions_def=partitions_def)) == {}


def test_huge_numbers_of_partitions_are_bounded_and_asked_in_parts(
    base: Base, report: Callable[..., dict[str, int]]
) -> None:
    minutes = dg.TimeWindowPartitionsDefinition(
        start="2024-01-01-00:00",
        end="2024-01-15-00:00",
        fmt="%Y-%m-%d-%H:%M",
        cron_schedule="* * * * *",
    )
    last = "2024-01-14-23:59"
    keys = [dg.AssetKey(f"asset_{number}") for number in range(3)]
    base.materialize(keys[0], last)
    base.materialize(keys[0], "2024-01-01-00:00")
    assets = [tracked(key, partitions_def=minutes) for key in keys]
    assert report(*assets, max_partitions=1200) == {"asset_0": 1}, "only the latest are asked for"
    sizes = [len(asked["partitions"]) * len(asked["assets"]) for asked in base.asked]
    assert sum(sizes) == 3 * 1200
    assert max(sizes) <= 500


def test_many_assets_are_asked_at_once(base: Base, report: Callable[..., dict[str, int]]) -> None:
    keys = [dg.AssetKey(["a", str(number)]) for number in range(1200)]
    for key in keys[:3]:
        base.materialize(key)
    assert len(report(*map(tracked, keys))) == 3
    assert [len(asked["assets"]) for asked in base.asked] == [500, 500, 200]


def test_nothing_is_asked_where_nothing_is_tracked(
    base: Base, report: Callable[..., dict[str, int]]
) -> None:
    base.answer = (500, "")
    assert report() == {}


def test_the_token_goes_into_dagster_pluss_header(
    base: Base, report: Callable[..., dict[str, int]]
) -> None:
    report(tracked(), token=f"{SECRET}\n")
    assert base.headers["Dagster-Cloud-Api-Token"] == SECRET


@pytest.mark.parametrize("end", ["", "/", "/graphql", "/graphql/"])
def test_the_url_may_be_that_of_the_ui_or_of_its_graphql(
    base: Base, instance: dg.DagsterInstance, end: str
) -> None:
    base.materialize(ORDERS)
    history = BaseHistory(url=f"{base.url}/prod{end}")
    report_history(instance, [tracked()], history, now=NOW)
    assert latest(instance)[0]["base deployment"] == f"{base.url}/prod"


def test_a_password_in_the_url_is_used_and_never_shown(
    base: Base, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    base.materialize(ORDERS)
    history = _with_password(base)
    report_history(instance, [tracked()], history, now=NOW)
    assert base.headers["Authorization"].startswith("Basic ")
    assert SECRET not in f"{history!r} {history.base!r} {latest(instance)} {caplog.text}"


def _with_password(base: Base) -> BaseHistory:
    return BaseHistory(url=base.url.replace("://", f"://user:{SECRET}@"), token=SECRET)


FAULTS: Sequence[tuple[str, Answer, str]] = [
    ("answered with HTTP status 401", (401, SECRET), "Give BaseHistory a `token`"),
    ("answered with HTTP status 403", (403, ""), "Give BaseHistory a `token`"),
    ("answered with HTTP status 404", (404, "no such page"), "Correct `url`"),
    ("answered with HTTP status 405", (405, ""), "Correct `url`"),
    ("answered with HTTP status 429", (429, ""), "Provision again later"),
    ("answered with HTTP status 302", (302, ""), "Correct `url`"),
    ("answered with HTTP status 500", (500, "oh"), "Provision again later"),
    ("something that is not JSON", (200, "<html>log in</html>"), "login page"),
    ("something that is not JSON", (400, "bad request"), "login page"),
    ("something that is not GraphQL", (200, "[1]"), "login page"),
    ("no assets", (200, "{}"), "login page"),
    ("no assets", (200, '{"data": null}'), "login page"),
    ("another form", (200, '{"data": {"assetNodes": [null]}}'), "login page"),
    (
        "another form",
        (200, '{"data": {"assetNodes": [{"assetKey": {"path": ["orders"]}, "events": [{}]}]}}'),
        "login page",
    ),
    (
        "refused the query: Cannot query field 'assetNodes'",
        (400, json.dumps({"errors": [{"message": "Cannot query field 'assetNodes'."}]})),
        "upgrade it",
    ),
    ("refused the query: it", (200, '{"errors": "it", "data": null}'), "upgrade it"),
    (
        "refused the query: no user ***",
        (200, json.dumps({"errors": [{"message": f"no user {SECRET}"}]})),
        "upgrade it",
    ),
]


@pytest.mark.parametrize(("problem", "answer", "remedy"), FAULTS)
def test_every_fault_is_told_with_its_remedy_and_nothing_is_reported(
    base: Base,
    instance: dg.DagsterInstance,
    report: Callable[..., dict[str, int]],
    problem: str,
    answer: Answer,
    remedy: str,
) -> None:
    base.answer = answer
    with pytest.raises(BaseHistoryUnavailable) as caught:
        report(tracked(), token=SECRET)
    assert problem in caught.value.problem
    assert base.url in caught.value.problem
    assert remedy in caught.value.remedy
    assert SECRET not in str(caught.value)
    assert instance.fetch_materializations(ORDERS, limit=1).records == []


@pytest.mark.parametrize("answer", [fault[1] for fault in FAULTS])
def test_a_password_in_the_url_is_in_no_fault(
    base: Base, instance: dg.DagsterInstance, answer: Answer
) -> None:
    base.answer = answer
    with pytest.raises(BaseHistoryUnavailable) as caught:
        report_history(instance, [tracked()], _with_password(base), now=NOW)
    assert base.url in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value, chain=True))
    assert SECRET not in f"{shown} {caught.value.url}"


def test_a_base_that_does_not_answer_in_time(
    base: Base, report: Callable[..., dict[str, int]]
) -> None:
    base.delay = 0.5
    with pytest.raises(
        BaseHistoryUnavailable, match=r"did not answer within 0\.1 seconds.*timeout"
    ):
        report(tracked(), timeout=0.1)


def test_a_base_that_nobody_serves(instance: dg.DagsterInstance) -> None:
    with serving() as base:
        pass
    with pytest.raises(BaseHistoryUnavailable, match=r"cannot be reached .*Check `url`"):
        report_history(instance, [tracked()], base.history(), now=NOW)


@pytest.mark.parametrize(
    ("url", "token"),
    [
        (f"http://user:{SECRET}/x@host:3000", None),
        (f"http://user:{SECRET}@host:x", None),
        (f"acme.dagster.cloud/prod?token={SECRET}", None),
        (None, f"a\r\n{SECRET}"),
        (None, f"ä{SECRET}"),
    ],
)
def test_what_is_malformed_is_refused_without_showing_a_secret(
    base: Base,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    url: str | None,
    token: str | None,
) -> None:
    monkeypatch.setenv("BASE_URL", url or base.url)
    resource = BaseHistory(url=dg.EnvVar("BASE_URL"), token=token)
    resource.check()
    with (
        dg.build_resources({"history": resource}) as resources,
        pytest.raises(BaseHistoryUnavailable, match="malformed") as caught,
    ):
        report_history(instance, [tracked()], resources.history, now=NOW)
    shown = "".join(traceback.format_exception(caught.value, chain=True))
    assert SECRET not in shown


@pytest.mark.parametrize(
    "url", ["", "acme.dagster.cloud/prod", "ftp://host", "http://", "https://h?x", "http://[::1"]
)
def test_what_is_no_web_address_is_refused_where_it_is_defined(url: str) -> None:
    with pytest.raises(BaseHistoryUnavailable, match="malformed"):
        BaseHistory(url=url).check()


def test_a_mistake_at_definition_shows_no_secret() -> None:
    with pytest.raises(ValueError, match="token") as caught:
        BaseHistory(url="https://h", token=[SECRET])  # type: ignore[arg-type]
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "shows"),
    [
        ({"url": "https://h", "token": None}, False),
        ({"url": "https://h", "token": dg.EnvVar("TOKEN")}, False),
        ({"url": dg.EnvVar("URL"), "token": dg.EnvVar("TOKEN")}, False),
        ({"url": "https://h", "token": "t"}, True),
        ({"url": "https://u:p@h", "token": dg.EnvVar("TOKEN")}, True),
    ],
)
def test_a_secret_in_the_definitions_is_noticed(options: dict[str, Any], *, shows: bool) -> None:
    assert BaseHistory(**options).shows_a_secret is shows


def test_the_names_of_versions_are_dagsters() -> None:
    assert events.DATA_VERSION == dagsters.DATA_VERSION_TAG
    assert events.CODE_VERSION == dagsters.CODE_VERSION_TAG
    assert events.USER_PROVIDED == dagsters.DATA_VERSION_IS_USER_PROVIDED_TAG
    assert dagsters.get_input_data_version_tag(DAILY) == f"{events.INPUT_VERSION}analytics/daily"
    assert dagsters.get_input_event_pointer_tag(DAILY) == f"{events.INPUT_POINTER}analytics/daily"
    assert dagsters.NULL_EVENT_POINTER == events.NO_POINTER
    assert dagsters.DEFAULT_DATA_VERSION.value == events.NO_VERSION


def rows(*tables: str) -> dict[tuple[str, str], BaseRows]:
    """Tables that read through to base, as `schema.table`."""
    found = BaseRows(made_at=NOW, reads_through=True)
    pairs = [table.partition(".") for table in tables]
    return {(schema, name): found for schema, _, name in pairs}


@pytest.mark.parametrize(
    ("asset", "tables", "is_tracked"),
    [
        (dg.AssetSpec("orders"), ["analytics.orders"], True),
        (dg.AssetSpec("orders"), ["staging.orders"], True),
        (dg.AssetSpec("orders"), ["analytics.others"], False),
        (dg.AssetSpec(["staging", "orders"]), ["staging.orders"], True),
        (dg.AssetSpec(["staging", "orders"]), ["analytics.orders"], False),
        (dg.AssetSpec(["shop", "orders"]), ["staging.orders"], True),
        (dg.AssetSpec("orders", metadata={"schema": "staging"}), ["staging.orders"], True),
        (dg.AssetSpec("orders", metadata={"schema": "staging"}), ["analytics.orders"], False),
        (dg.AssetSpec("orders", metadata={"schema": "elsewhere"}), ["analytics.orders"], False),
    ],
)
def test_an_asset_is_tracked_by_its_table(
    asset: dg.AssetSpec, tables: list[str], is_tracked: bool
) -> None:
    @dg.multi_asset(specs=[asset])
    def definition() -> None: ...

    found = tracked_assets([definition], rows(*tables), schemas=["analytics", "staging"])
    assert [each.key for each in found] == ([asset.key] if is_tracked else [])


def test_what_the_code_location_only_names_or_observes_is_not_tracked() -> None:
    @dg.observable_source_asset
    def feed() -> dg.DataVersion:
        return dg.DataVersion("1")

    @dg.asset(deps=["orders"], partitions_def=DAYS)
    def daily() -> None: ...

    defs = dg.Definitions(assets=[feed, daily, dg.AssetSpec("orders")])
    found = tracked_assets(
        defs.get_repository_def().assets_defs_by_key.values(),
        rows("analytics.feed", "analytics.daily", "analytics.orders"),
        schemas=["analytics"],
    )
    assert [(each.key.to_user_string(), each.partitions_def) for each in found] == [("daily", DAYS)]


def test_only_tables_that_have_all_of_bases_rows_count() -> None:
    environments = Environments(MemoryWarehouse({"analytics": {}}), Project(), ("analytics",))
    branch = Branch(key=BranchKey(number=42))
    environments.provision(branch, now=NOW)
    environment = environments.of(branch)
    assert environment is not None
    names = ("deferred", "copied", "parted", "empty", "sampled", "skipped")
    rules = [
        Rule(tables="copied", strategy=Strategy.COPY),
        Rule(tables="parted", strategy=Strategy.COPY, partitions="*_2024"),
        Rule(tables="analytics.empty", strategy=Strategy.EMPTY),
        Rule(tables="sampled", strategy=Strategy.SAMPLE, limit=1),
        Rule(tables="skipped", strategy=Strategy.SKIP),
    ]
    tables = {("analytics__pr_42", name): name == "deferred" for name in names}
    found = base_rows(environment, {**tables, ("elsewhere", "orders"): True}, rules)
    assert found == {
        ("analytics", "deferred"): BaseRows(made_at=NOW, reads_through=True),
        ("analytics", "copied"): BaseRows(made_at=NOW, reads_through=False),
    }


@pytest.mark.parametrize(
    ("as_of", "found"),
    [
        ("2026-11-20T04:00:00+00:00", datetime(2026, 11, 20, 4, tzinfo=timezone.utc)),
        ("before:01a9b094-0102-2f97-0001-01e200d7576e", None),
        (None, NOW),
    ],
)
def test_a_clone_as_of_the_past_has_no_rows_that_base_got_later(
    as_of: str | None, found: datetime | None
) -> None:
    environment = make_environment(created_at=NOW, as_of=as_of)
    told = base_rows(environment, {("analytics__pr_42", "orders"): False}, [])
    assert [each.made_at for each in told.values()] == ([found] if found else [])


def test_an_environment_without_bases_rows_has_none_to_tell_of() -> None:
    environments = Environments(MemoryWarehouse({"analytics": {}}), Project(), ("analytics",))
    branch = Branch(key=BranchKey(number=42))
    environments.provision(branch, now=NOW, schema_only=True)
    environment = environments.of(branch)
    assert environment is not None
    tables = {("analytics__pr_42", name): False for name in ("orders", "copied")}
    rules = [Rule(tables="copied", strategy=Strategy.COPY)]
    assert base_rows(environment, tables, rules) == {}
    assert base_rows(environment, tables, []) == {}
