"""Asking a forge over HTTP: bounded in time, patient with what passes, and with nobody else."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from time import monotonic, sleep
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

import httpx
import stamina
from typing_extensions import Self

from branch_toolkit.branches.items import Item
from branch_toolkit.branches.limits import wait_of
from branch_toolkit.branches.listing import Query
from branch_toolkit.branches.refusals import Forge, said
from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit.version import __version__

_ATTEMPTS = 3
_PASSING = frozenset((500, 502, 503, 504))
_REDIRECTS = frozenset((301, 302, 307, 308))
_MOST_REDIRECTS = 3
_MOST_WAITS = 2
_LONGEST_WAIT = 10.0
_MOST_BYTES = 32_000_000
_PORTS = {"http": 80, "https": 443}

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a forge answered, if it was of use.

    Args:
        forge: Who.
        data: The JSON, decoded; None where there was none.
        headers: The headers, by name in any case.
        unchanged: Whether it said that what it told earlier still holds, and nothing else.
    """

    forge: Forge
    data: object
    headers: Mapping[str, str]
    unchanged: bool = False

    @property
    def etag(self) -> str | None:
        """What a later request can be made conditional by."""
        return self.headers.get("ETag")

    @property
    def objects(self) -> tuple[object, ...]:
        """The list that it is.

        Raises:
            BranchSourceUnavailable: It is not a list.
        """
        if not isinstance(self.data, list):
            raise self.forge.unexpected("not a list, where a list was asked for")
        return tuple(self.data)

    @property
    def object(self) -> Mapping[str, object]:
        """The object that it is.

        Raises:
            BranchSourceUnavailable: It is not an object.
        """
        if not isinstance(self.data, dict):
            raise self.forge.unexpected("not an object, where an object was asked for")
        return self.data

    @property
    def next(self) -> Query | None:
        """The query of the page that follows, from the header `Link` (RFC 8288)."""
        link = httpx.Response(200, headers={"Link": self.headers.get("Link", "")}).links
        url = link.get("next", {}).get("url")
        return query_of(url) if url else None

    def count(self, header: str) -> int | None:
        """A header that holds a number of things."""
        text = self.headers.get(header, "")
        return int(text) if text.isdecimal() else None


def query_of(url: str) -> Query:
    """The query of a URL.

    Of the links that a forge gives only this is used: the host and the path stay the configured
    ones, so that no link can send the credential elsewhere.
    """
    return tuple(parse_qsl(urlsplit(url).query, keep_blank_values=True))


class Conversation:
    """Requests to one forge, all together bounded in time.

    Args:
        forge: Who is asked, about what, with which credential.
        timeout: Seconds for one answer.
        time_limit: Seconds for all of them, with what is asked again.

    `limited_until` is when the forge takes requests again, where it takes no more.
    """

    def __init__(self, forge: Forge, *, timeout: float, time_limit: float) -> None:
        _check_headers(forge)
        self.forge = forge
        self._timeout = timeout
        self._time_limit = time_limit
        self._said_moved = False
        self.limited_until: datetime | None = None
        self._ends = monotonic() + time_limit
        self._client = httpx.Client(
            verify=_ssl_context(),
            headers={"User-Agent": f"dagster-branch-toolkit/{__version__}", **forge.headers},
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.__exit__(kind, error, traceback)

    def get(self, path: str, query: Query = (), *, etag: str | None = None) -> Answer:
        """Asks for something.

        Args:
            path: Below the base URL, quoted, beginning with a slash.
            query: Names and values of the URL's query.
            etag: Of an earlier answer; the new one may then be `unchanged`.

        Raises:
            BranchSourceUnavailable: There was no answer that is of use; it says what to do.
        """
        url = httpx.URL(self.forge.url + path, params=list(query)) if query else self._url(path)
        headers = {"If-None-Match": etag} if etag else {}
        request = self._client.build_request("GET", url, headers=headers)
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._ask(request, again=True)
            if response.status_code not in _REDIRECTS:
                return self._answer(response)
            target = self._redirected(request, response)
            request = self._client.build_request("GET", target, headers=headers)
        raise self.forge.unexpected(f"more than {_MOST_REDIRECTS} redirects")

    def get_if_allowed(self, path: str, field: str) -> str | None:
        """A text in an answer, or None where the credential may not have it."""
        request = self._client.build_request("GET", self._url(path))
        response = self._ask(request, again=True)
        if response.status_code in (401, 403, 404):
            return None
        return Item(self._answer(response).object).text(field)

    def send(self, method: str, path: str, body: Mapping[str, object], *, again: bool) -> Answer:
        """Tells something.

        Args:
            method: POST, PATCH or PUT.
            path: Below the base URL, quoted, beginning with a slash.
            body: Sent as JSON.
            again: Whether it does no harm twice, so that it may be sent again after an answer
                that was lost.

        Raises:
            BranchSourceUnavailable: It could not be told; it says what to do.
        """
        request = self._client.build_request(method, self._url(path), json=dict(body))
        response = self._ask(request, again=again)
        if response.status_code in _REDIRECTS:
            raise self.forge.unavailable(
                "has the repository under another name by now",
                remedy=f"Give `{self.forge.repository_fields}` that name.",
            )
        return self._answer(response)

    def _url(self, path: str) -> httpx.URL:
        return httpx.URL(self.forge.url + path)

    def _ask(self, request: httpx.Request, *, again: bool) -> httpx.Response:
        """One request, waiting where the forge asks for a moment's patience."""
        for waits in range(_MOST_WAITS + 1):
            response = self._retried(request, again=again)
            wait = wait_of(response.status_code, response.headers, _message(response))
            if wait is None:
                return response
            if waits == _MOST_WAITS or wait.seconds > min(_LONGEST_WAIT, self._left()):
                self.limited_until = wait.until
                raise self.forge.limited(wait.until)
            sleep(wait.seconds)
        raise AssertionError("unreachable")

    def _retried(self, request: httpx.Request, *, again: bool) -> httpx.Response:
        attempts = stamina.retry_context(
            on=_Passing,
            attempts=_ATTEMPTS,
            timeout=max(self._left(), 0.001),
            wait_initial=0.3,
            wait_max=3.0,
            wait_jitter=0.5,
        )
        for attempt in attempts:
            with attempt:
                return self._once(request, again=again)
        raise AssertionError("unreachable")

    def _once(self, request: httpx.Request, *, again: bool) -> httpx.Response:
        lasting = BranchSourceUnavailable
        try:
            response = self._read(request)
        except httpx.HTTPError as error:
            # What could not even be sent has had no effect.
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            kind = _Passing if again or unsent else lasting
            raise _as(kind, self.forge.unreachable(_reason(error))) from error
        if response.status_code in _PASSING:
            answer = f"{response.status_code} {_message(response)}".strip()
            raise _as(_Passing if again else lasting, self.forge.unreachable(f"it said {answer}"))
        return response

    def _read(self, request: httpx.Request) -> httpx.Response:
        ends = min(monotonic() + self._timeout, self._ends)
        request.extensions["timeout"] = httpx.Timeout(self._remaining(ends, request)).as_dict()
        response = self._client.send(request, stream=True)
        try:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                self._remaining(ends, request)
                if len(body) > _MOST_BYTES:
                    raise self.forge.unexpected(f"more than {_MOST_BYTES:,} bytes")
        finally:
            response.close()
        headers = [(k, v) for k, v in response.headers.multi_items() if k not in _OF_TRANSPORT]
        return httpx.Response(
            response.status_code, headers=headers, content=bytes(body), request=request
        )

    def _remaining(self, ends: float, request: httpx.Request) -> float:
        # httpx bounds each read by itself; what dribbles in would take for ever.
        remaining = ends - monotonic()
        if self._left() <= 0:
            raise self.forge.unavailable(
                f"did not answer everything within {self._time_limit:g} seconds",
                remedy=(
                    f"Give {self.forge.source} a larger `time_limit`, and Dagster's sensors as"
                    " much by DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS."
                ),
            )
        if remaining <= 0:
            raise httpx.ReadTimeout("it took too long", request=request)
        return remaining

    def _left(self) -> float:
        return self._ends - monotonic()

    def _redirected(self, request: httpx.Request, response: httpx.Response) -> str:
        try:
            target = request.url.join(response.headers.get("Location", ""))
        except httpx.InvalidURL as error:
            raise self.forge.unexpected("a redirect to what is no URL") from error
        if _origin(target) != _origin(request.url):
            raise self.forge.unavailable(
                f"sent us on to {target.scheme}://{target.netloc.decode()}, which was not followed",
                remedy=(
                    f"If that is where it lives now, correct the base URL of {self.forge.source}."
                ),
            )
        if not self._said_moved:
            self._said_moved = True
            _logger.warning(
                "%s is found at %s now. It was probably renamed: give `%s` of %s its new name.",
                self.forge,
                target.path,
                self.forge.repository_fields,
                self.forge.source,
            )
        return str(target)

    def _answer(self, response: httpx.Response) -> Answer:
        headers = response.headers
        if response.status_code == 304 and "If-None-Match" in response.request.headers:
            return Answer(self.forge, None, headers, unchanged=True)
        if response.status_code >= 400:
            raise self.forge.refused(response.status_code, _message(response))
        try:
            data = json.loads(response.content) if response.content else None
        except ValueError as error:
            kind = headers.get("Content-Type", "of unknown type")
            raise self.forge.unexpected(f"not JSON but {kind}") from error
        return Answer(self.forge, data, headers)


@cache
def _ssl_context() -> ssl.SSLContext:
    # Reading all certificates takes longer than a tick's only request.
    return httpx.create_ssl_context()


def _check_headers(forge: Forge) -> None:
    # What httpx says of such a header holds it, and so the credential.
    if not all(value.isascii() and value.isprintable() for value in forge.headers.values()):
        raise forge.unavailable(
            "was not asked: the credential holds a line end or another character that cannot be"
            " sent",
            remedy=f"Give `{forge.credential}` of {forge.source} without it.",
        )


class _Passing(BranchSourceUnavailable):
    """What may be over in a moment."""


_OF_TRANSPORT = frozenset(("content-encoding", "content-length", "transfer-encoding"))


def _as(
    kind: type[BranchSourceUnavailable], error: BranchSourceUnavailable
) -> BranchSourceUnavailable:
    return kind(error.problem, remedy=error.remedy)


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return f"{type(error).__name__}: {error}".rstrip(".")


def _message(response: httpx.Response) -> str:
    if response.status_code < 400:
        return ""
    try:
        return said(json.loads(response.content))
    except ValueError:
        return ""


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)
