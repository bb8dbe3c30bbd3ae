"""What a base deployment says of its assets' latest materializations, by its GraphQL.

The queries were run against dagster-webserver 1.13. The schema of Dagster+ is not published, and
they were not run there; should it refuse them, nothing is reported and the run's log says so.
https://docs.dagster.io/api/graphql
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeVar

import dagster as dg
import httpx

from branch_toolkit.core.branch import without_credentials
from branch_toolkit.core.errors import BranchToolkitError

_EVENTS_PER_REQUEST = 500
_LONGEST_ANSWER = 300
_TOKEN_HEADER = "Dagster-Cloud-Api-Token"  # noqa: S105  # the header's name
_TEMPORARY = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
_ROW_COUNTS = ("dagster/row_count", "dagster/partition_row_count")

_EVENT = """
fragment Event on MaterializationEvent {
  runId partition timestamp
  tags { key value }
  metadataEntries { label ... on IntMetadataEntry { intRepr } }
}
"""
# With `limit: 1` alone, base reads its summary of all the assets at once, and no event log.
_LATEST = f"""
query BranchToolkitHistory($assets: [AssetKeyInput!]!, $before: String) {{
  assetNodes(assetKeys: $assets) {{
    assetKey {{ path }}
    events: assetMaterializations(limit: 1, beforeTimestampMillis: $before) {{ ...Event }}
  }}
}}{_EVENT}"""
_LATEST_BY_PARTITION = f"""
query BranchToolkitPartitionHistory($assets: [AssetKeyInput!]!, $partitions: [String!]!) {{
  assetNodes(assetKeys: $assets) {{
    assetKey {{ path }}
    events: latestMaterializationByPartition(partitions: $partitions) {{ ...Event }}
  }}
}}{_EVENT}"""

T = TypeVar("T")


class BaseHistoryUnavailable(BranchToolkitError):
    """The base deployment cannot be asked for its history, or gave an answer that makes no sense.

    Args:
        url: Where it was asked, without credentials.
        problem: What was found, as a clause.
        remedy: What the reader can do about it.
    """

    def __init__(self, url: str, problem: str, *, remedy: str) -> None:
        super().__init__(f"The base deployment at {url} {problem}.", remedy=remedy)
        self.url = url


def malformed(url: str) -> BaseHistoryUnavailable:
    """The error for a URL, given without credentials, or a token that nobody can be asked with."""
    return BaseHistoryUnavailable(
        url,
        "cannot be asked: its URL, or the token, is malformed",
        remedy=(
            "Correct `url` of BaseHistory, such as https://ORG.dagster.cloud/prod, or its `token`."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAsset:
    """An asset whose history is asked for.

    Args:
        key: The asset.
        partitions: Those that are asked for; None for an asset without partitions.
        until: Nothing after this time, aware; None for no limit.
    """

    key: dg.AssetKey
    partitions: tuple[str, ...] | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseMaterialization:
    """A materialization in the base deployment.

    Args:
        key: The asset.
        partition: Its partition; None for an asset without partitions.
        run_id: The run that made it; empty if it was reported there without one.
        at: When, aware.
        tags: The event's tags: Dagster's data versions, and what else there is.
        counts: How many rows there were, by the metadata's name.
    """

    key: dg.AssetKey
    partition: str | None
    run_id: str
    at: datetime
    tags: Mapping[str, str]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class BaseDeployment:
    """The base deployment's GraphQL.

    Args:
        url: That of its UI, without a slash at its end.
        token: For Dagster+.
        timeout: Seconds to wait for each answer.
    """

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False, kw_only=True)
    timeout: float = field(default=30.0, kw_only=True)

    @property
    def shown_url(self) -> str:
        """Its URL for people to read, without user and password."""
        return without_credentials(self.url)

    def latest(self, assets: Iterable[AskedAsset]) -> list[BaseMaterialization]:
        """The latest materialization of each asset, or of each of its partitions, where any is.

        Raises:
            BaseHistoryUnavailable: It cannot be asked, or its answer makes no sense.
        """
        asked = list(assets)
        by_key = {asset.key: asset for asset in asked}
        with self._connected() as client:
            nodes = [n for query, v in _requests(asked) for n in self._ask(client, query, v)]
        try:
            found = [event for node in nodes for event in _events(node)]
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise self._senseless("events of another form than Dagster's") from error
        return [event for event in found if _is_asked(event, by_key.get(event.key))]

    def _connected(self) -> httpx.Client:
        headers = {_TOKEN_HEADER: self.token.strip()} if self.token else {}
        try:
            url = httpx.URL(self.url)
            # Beside the URL, which httpx logs. A redirect is not followed: they are for this host.
            auth = (url.username, url.password) if url.username else None
            return httpx.Client(headers=headers, auth=auth, timeout=self.timeout)
        except (httpx.InvalidURL, UnicodeError):
            # Their texts may show parts of the password or the token.
            raise malformed(self.shown_url) from None

    def _ask(
        self, client: httpx.Client, query: str, variables: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        body = {"query": query, "variables": variables}
        try:
            response = client.post(f"{self.shown_url}/graphql", json=body)
        except httpx.TimeoutException as error:
            raise BaseHistoryUnavailable(
                self.shown_url,
                f"did not answer within {self.timeout:g} seconds",
                remedy="Raise `timeout` of BaseHistory, or provision again when it is less busy.",
            ) from error
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            raise malformed(self.shown_url) from None
        except httpx.TransportError as error:
            raise BaseHistoryUnavailable(
                self.shown_url,
                f"cannot be reached ({self._clean(str(error)) or type(error).__name__})",
                remedy="Check `url` of BaseHistory, and that runs of this deployment may go there.",
            ) from error
        self._require_success(response)
        return self._nodes(response)

    def _require_success(self, response: httpx.Response) -> None:
        status = response.status_code
        # GraphQL that cannot be executed is answered with 400, and says why in its body.
        if response.is_success or status == httpx.codes.BAD_REQUEST:
            return
        said = f"answered with HTTP status {status}"
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            remedy = (
                "Give BaseHistory a `token` that may view the base deployment; in Dagster+, a user"
                " or agent token of that organization."
            )
        elif response.is_redirect or (response.is_client_error and status not in _TEMPORARY):
            remedy = (
                "Correct `url` of BaseHistory: https://ORG.dagster.cloud/prod in Dagster+,"
                " otherwise what the base deployment's UI is opened with."
            )
        else:
            remedy = "Provision again later; its own log says what went wrong."
        raise BaseHistoryUnavailable(self.shown_url, said, remedy=remedy)

    def _nodes(self, response: httpx.Response) -> list[dict[str, Any]]:
        try:
            answer = response.json()
        except ValueError as error:
            raise self._senseless("something that is not JSON") from error
        if not isinstance(answer, dict):
            raise self._senseless("something that is not GraphQL")
        if answer.get("errors"):
            raise BaseHistoryUnavailable(
                self.shown_url,
                f"refused the query: {self._clean(_message(answer['errors'])).rstrip('.')}",
                remedy=(
                    "If its version of Dagster is older than this one, upgrade it; else its own log"
                    " says what went wrong."
                ),
            )
        nodes = (answer.get("data") or {}).get("assetNodes")
        if not isinstance(nodes, list):
            raise self._senseless("no assets")
        return nodes

    def _clean(self, text: str) -> str:
        """What somebody else said, without our secrets, in one line, and not too long."""
        for secret in (self.token and self.token.strip(), httpx.URL(self.url).password):
            text = text.replace(secret, "***") if secret else text
        return _short(without_credentials(text))

    def _senseless(self, answer: str) -> BaseHistoryUnavailable:
        return BaseHistoryUnavailable(
            self.shown_url,
            f"answered with {answer}",
            remedy="Check that `url` of BaseHistory is a Dagster deployment's, without a proxy's"
            " login page before it.",
        )


def _requests(assets: Iterable[AskedAsset]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fewest queries whose answers all have a bounded size, with their variables."""
    plain: dict[datetime | None, list[dg.AssetKey]] = defaultdict(list)
    partitioned: dict[tuple[str, ...], list[dg.AssetKey]] = defaultdict(list)
    for asset in assets:
        if asset.partitions is None:
            plain[asset.until].append(asset.key)
        elif asset.partitions:
            partitioned[asset.partitions].append(asset.key)
    for until, keys in plain.items():
        for some in _parts(keys, _EVENTS_PER_REQUEST):
            yield _LATEST, {"assets": _inputs(some), "before": until and _exclusive(until)}
    for partitions, keys in partitioned.items():
        for names in _parts(partitions, _EVENTS_PER_REQUEST):
            for some in _parts(keys, max(1, _EVENTS_PER_REQUEST // len(names))):
                yield (
                    _LATEST_BY_PARTITION,
                    {"assets": _inputs(some), "partitions": list(names)},
                )


def _parts(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def _inputs(keys: Iterable[dg.AssetKey]) -> list[dict[str, list[str]]]:
    return [{"path": list(key.path)} for key in keys]


def _exclusive(until: datetime) -> str:
    return str(int(until.timestamp() * 1000) + 1)


def _is_asked(event: BaseMaterialization, asset: AskedAsset | None) -> bool:
    if asset is None or (event.partition is None) is not (asset.partitions is None):
        # The branch has changed how the asset is partitioned: nobody can say which is which.
        return False
    return asset.until is None or event.at <= asset.until


def _events(node: Mapping[str, Any]) -> Iterator[BaseMaterialization]:
    key = dg.AssetKey([str(part) for part in node["assetKey"]["path"]])
    for event in node["events"]:
        if event is None:  # a partition that was never materialized
            continue
        entries = {entry["label"]: entry.get("intRepr") for entry in event["metadataEntries"]}
        yield BaseMaterialization(
            key=key,
            partition=event["partition"],
            run_id=str(event["runId"]),
            at=datetime.fromtimestamp(float(event["timestamp"]) / 1000, tz=timezone.utc),
            tags={str(tag["key"]): str(tag["value"]) for tag in event["tags"]},
            counts={name: int(entries[name]) for name in _ROW_COUNTS if entries.get(name)},
        )


def _message(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) else errors
    return str(first.get("message") if isinstance(first, dict) else first)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_ANSWER else f"{line[:_LONGEST_ANSWER]}…"
