"""The event that stands for a materialization of base's in a branch deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from branch_toolkit.history.asking import BaseMaterialization

BASE_RUN_ID = "branch_toolkit/base_run_id"
BASE_TIMESTAMP = "branch_toolkit/base_timestamp"
"""The metadata by which what is reported is told from what the branch has materialized itself."""

# What Dagster compares to tell whether an asset is out of date; the names are part of its storage.
# https://docs.dagster.io/guides/build/assets/asset-versioning-and-caching
DATA_VERSION = "dagster/data_version"
CODE_VERSION = "dagster/code_version"
USER_PROVIDED = "dagster/data_version_is_user_provided"
INPUT_VERSION = "dagster/input_data_version/"
INPUT_POINTER = "dagster/input_event_pointer/"
DIMENSION = "dagster/partition/"
NO_POINTER = "NULL"
NO_VERSION = "INITIAL"

_PAGE = 20


def base_time(record: dg.EventLogRecord) -> datetime | None:
    """When base materialized what was reported; None if the branch materialized it itself."""
    made = record.asset_materialization
    value = made.metadata.get(BASE_TIMESTAMP) if made else None
    if not isinstance(value, dg.TimestampMetadataValue):
        return None
    return datetime.fromtimestamp(value.value, tz=timezone.utc)


def records_of(
    instance: dg.DagsterInstance, key: dg.AssetKey, *, page: int
) -> Iterator[dg.EventLogRecord]:
    """An asset's materializations in an instance, the latest first, read by so many at once."""
    cursor, more = None, True
    while more:
        found = instance.fetch_materializations(key, limit=page, cursor=cursor)
        yield from found.records
        cursor, more = found.cursor, found.has_more


@dataclass(frozen=True)
class Inputs:
    """What an instance knows of the assets that others were made from.

    Args:
        instance: The instance.
        expected: Assets of which it knows base's materializations, or is about to.
    """

    instance: dg.DagsterInstance
    expected: frozenset[dg.AssetKey]
    _pointers: dict[dg.AssetKey, str] = field(default_factory=dict)
    _known: dict[dg.AssetKey, bool] = field(default_factory=dict)

    def forget(self, key: dg.AssetKey) -> None:
        """Has an asset looked up anew, since it has got another materialization."""
        self._pointers.pop(key, None)

    def is_known(self, key: dg.AssetKey) -> bool:
        """Whether the instance has a version of the asset to compare with."""
        if key in self.expected:
            return True
        if key not in self._known:
            found = self.instance.fetch_materializations(key, limit=1).records
            found = found or self.instance.fetch_observations(key, limit=1).records
            self._known[key] = bool(found)
        return self._known[key]

    def pointer(self, key: dg.AssetKey) -> str:
        """The latest event that stands for one of base's; a later one counts as an update."""
        if key not in self._pointers:
            records = records_of(self.instance, key, page=_PAGE)
            ids = (str(record.storage_id) for record in records if base_time(record))
            self._pointers[key] = next(ids, NO_POINTER)
        return self._pointers[key]


def materialization(
    event: BaseMaterialization, inputs: Inputs, *, url: str
) -> dg.AssetMaterialization:
    """What is reported of a materialization in base.

    Args:
        event: The materialization.
        inputs: What the branch deployment knows of the assets that it was made from.
        url: The base deployment's, for people to follow.
    """
    return dg.AssetMaterialization(
        event.key,
        partition=event.partition,
        description="Materialized in the base deployment, whose rows the branch has.",
        metadata=_metadata(event, url),
        tags=_tags(event.tags, inputs),
    )


def _metadata(event: BaseMaterialization, url: str) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        BASE_TIMESTAMP: dg.MetadataValue.timestamp(event.at),
        BASE_RUN_ID: dg.MetadataValue.text(event.run_id),
        "base deployment": dg.MetadataValue.url(url),
        **{name: dg.MetadataValue.int(count) for name, count in event.counts.items()},
    }
    if event.run_id:
        metadata["base run"] = dg.MetadataValue.url(f"{url}/runs/{event.run_id}")
    if DATA_VERSION in event.tags:
        metadata["data version"] = dg.MetadataValue.text(event.tags[DATA_VERSION])
    return metadata


def _tags(tags: Mapping[str, str], inputs: Inputs) -> dict[str, str]:
    """The event's versions, so that they mean in this instance what they mean in base's."""
    kept = {
        name: value
        for name, value in tags.items()
        if name in (DATA_VERSION, CODE_VERSION, USER_PROVIDED) or name.startswith(DIMENSION)
    }
    for name, version in tags.items():
        if not name.startswith(INPUT_VERSION):
            continue
        text = name.removeprefix(INPUT_VERSION)
        key = dg.AssetKey.from_user_string(text)
        # An asset that is not here has no version, which is not to say that it has another one.
        kept[name] = version if inputs.is_known(key) else NO_VERSION
        # Base's numbers of its events mean nothing here.
        kept[INPUT_POINTER + text] = inputs.pointer(key)
    return kept
