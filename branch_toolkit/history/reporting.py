"""Reports base's materializations into the instance of a branch deployment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import dagster as dg

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.history.events import Inputs, base_time, materialization, records_of
from branch_toolkit.history.resource import BaseHistory
from branch_toolkit.history.tables import TrackedAsset, asked_assets, base_rows, tracked_assets
from branch_toolkit.verbs import Environments

if TYPE_CHECKING:
    from branch_toolkit.history.asking import BaseMaterialization

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """What was reported.

    Args:
        tracked: The assets whose tables have base's rows.
        reported: How many materializations were reported, by asset.
    """

    tracked: tuple[dg.AssetKey, ...]
    reported: Mapping[dg.AssetKey, int]

    @property
    def summary(self) -> str:
        """One sentence for the log."""
        events = sum(self.reported.values())
        of = f"{len(self.tracked)} asset(s) with base's rows"
        if not events:
            return f"history: base has no news of {of}"
        return f"history: {events} materialization(s) of base reported, of {of}"


def report_base_history(
    context: dg.OpExecutionContext, environments: Environments, name: str, history: BaseHistory
) -> None:
    """Reports base's history into the instance of a run that has provisioned an environment.

    It is a courtesy: whatever goes wrong becomes a warning in the event log, and no error.

    Args:
        context: Of a run of the code location whose assets are meant.
        environments: Where the environment is.
        name: The environment.
        history: The base deployment's.
    """
    try:
        environment = environments.inventory().find(name)
        tables = environments.warehouse.tables(environment.clones)
        assets = tracked_assets(
            context.repository_def.assets_defs_by_key.values(),
            base_rows(environment, tables, environments.rules),
            schemas=environments.schemas,
            fold=environments.warehouse.dialect.fold,
        )
        report = report_history(
            context.instance, assets, history, now=datetime.now(tz=timezone.utc)
        )
        context.log.info(report.summary)
    except BranchToolkitError as error:
        context.log.warning(f"history: nothing was reported. {error}")
    except Exception as error:  # noqa: BLE001  # the environment is there, and that is what counts
        context.log.warning(f"history: not all was reported. {type(error).__name__}: {error}")


def report_history(
    instance: dg.DagsterInstance,
    assets: Iterable[TrackedAsset],
    history: BaseHistory,
    *,
    now: datetime,
) -> HistoryReport:
    """Reports base's latest materializations of assets, as far as they are news here.

    What the branch has materialized itself since its clones were made is never overshadowed. A
    second call reports only what base has materialized since the first.

    Args:
        instance: The branch deployment's.
        assets: Those whose tables in the environment have base's rows.
        history: The base deployment's.
        now: The time, aware; it decides which partitions there are.

    Returns:
        What was reported.

    Raises:
        BaseHistoryUnavailable: The base deployment cannot be asked, or its answer makes no sense.
    """
    tracked = {asset.key: asset for asset in assets}
    base, most = history.base, history.max_partitions
    latest = base.latest(asked_assets(tracked.values(), instance, most=most, now=now))
    news = _news(instance, latest, tracked)
    inputs = Inputs(instance, expected=frozenset(event.key for event in latest))
    for event in news:
        instance.report_runless_asset_event(materialization(event, inputs, url=base.shown_url))
        inputs.forget(event.key)
    return HistoryReport(tracked=tuple(tracked), reported=Counter(event.key for event in news))


def _news(
    instance: dg.DagsterInstance,
    latest: Iterable[BaseMaterialization],
    tracked: Mapping[dg.AssetKey, TrackedAsset],
) -> list[BaseMaterialization]:
    # In base's order: what is the later there has to be the later here.
    ordered = sorted(latest, key=lambda event: (event.at, event.key.path, event.partition or ""))
    here = {key: _latest_here(instance, key) for key in {event.key for event in ordered}}
    return [
        event
        for event in ordered
        if _is_news(event, here[event.key].get(event.partition), tracked[event.key])
    ]


def _latest_here(
    instance: dg.DagsterInstance, key: dg.AssetKey
) -> dict[str | None, dg.EventLogRecord]:
    """The latest materialization that this instance knows, by partition."""
    latest: dict[str | None, dg.EventLogRecord] = {}
    for record in records_of(instance, key, page=_PAGE):
        latest.setdefault(record.partition_key, record)
    return latest


def _is_news(
    event: BaseMaterialization, here: dg.EventLogRecord | None, asset: TrackedAsset
) -> bool:
    if here is None:
        return True
    reported = base_time(here)
    if reported is not None:
        return event.at > reported
    # What the branch had materialized in clones that were since replaced is not in these.
    return here.timestamp < asset.made_at.timestamp()
