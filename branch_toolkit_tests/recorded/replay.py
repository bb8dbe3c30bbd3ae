"""Serves recorded pull requests on loopback as their forge does, so that a source reads them as is.

What is served is each recorded object, untouched. Which of them are on which page follows from the
query, as it does on the forge; a query that the forge would not understand is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Found = Mapping[str, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Shape:
    """How a forge lists pull requests.

    Args:
        paths: The addresses of the list. The first is what is asked for, the last what links name.
        size: The parameter for the size of a page, and how many are on it otherwise.
        most: How many a page holds at most.
        states: Which recorded states each value of `state` selects.
        sorting: Every other parameter and the values that it may have.
    """

    paths: Sequence[str]
    size: tuple[str, int]
    most: int
    states: Mapping[str, Sequence[str]]
    sorting: Mapping[str, Sequence[str]]


GITHUB = Shape(
    # Links name the repository by its id, as in the recorded ones.
    paths=("/repos/packit/ogr/pulls", "/repositories/161636700/pulls"),
    size=("per_page", 30),
    most=100,
    states={"all": ("open", "closed"), "open": ("open",), "closed": ("closed",)},
    sorting={"sort": ("created", "updated"), "direction": ("asc", "desc")},
)
GITLAB = Shape(
    paths=(
        "/api/v4/projects/packit-service%2Fogr-tests/merge_requests",
        "/api/v4/projects/14233409/merge_requests",
    ),
    size=("per_page", 20),
    most=100,
    states={
        "all": ("opened", "closed", "merged", "locked"),
        "opened": ("opened",),
        "locked": ("locked",),
    },
    sorting={"order_by": ("created_at", "updated_at"), "sort": ("asc", "desc"), "scope": ("all",)},
)
FORGEJO = Shape(
    paths=("/api/v1/repos/packit-validator/ogr-tests/pulls",),
    size=("limit", 30),
    most=50,
    states={"all": ("open", "closed"), "open": ("open",), "closed": ("closed",)},
    sorting={"sort": ("oldest", "recentupdate", "recentclose", "leastupdate")},
)


@dataclass(kw_only=True)
class Replay:
    """A server of recorded pull requests.

    Args:
        url: Where it listens.
        refused: Requests that the forge would not have understood.
        asked: Every path and query that was asked for.
    """

    url: str
    refused: list[str]
    asked: list[str]


@contextmanager
def replayed(shape: Shape, found: Sequence[Found]) -> Iterator[Replay]:
    """Serves pull requests until the end of the block.

    Args:
        shape: The forge that recorded them.
        found: The recorded objects.
    """
    replay = Replay(url="", refused=[], asked=[])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            replay.asked.append(self.path)
            answer = _page(shape, found, self.path, url=replay.url)
            if answer is None:
                replay.refused.append(self.path)
            content, headers = answer or ({"message": "Not understood"}, {})
            body = json.dumps(content).encode()
            self.send_response(200 if answer else 400)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the requests are in `asked`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        replay.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield replay
        finally:
            server.shutdown()
            thread.join()


def _page(
    shape: Shape, found: Sequence[Found], asked: str, *, url: str
) -> tuple[list[Found], dict[str, str]] | None:
    path, query = urlsplit(asked).path, dict(parse_qsl(urlsplit(asked).query))
    name, usual = shape.size
    size = min(int(query.pop(name, usual)), shape.most)
    number = int(query.pop("page", 1))
    states = shape.states.get(query.get("state", "open"))
    understood = {**shape.sorting, "state": tuple(shape.states)}
    if path not in shape.paths or states is None:
        return None
    if any(value not in understood.get(key, ()) for key, value in query.items()):
        return None
    chosen = sorted((each for each in found if each["state"] in states), key=_order(query))
    on_page = chosen[size * (number - 1) : size * number]
    last = max(1, -(-len(chosen) // size))
    again = f"{url}{shape.paths[-1]}?{urlencode({**query, name: size})}"
    return on_page, _headers(again, number, last=last, total=len(chosen))


def _order(query: Mapping[str, str]) -> Callable[[Found], tuple[float, ...]]:
    from datetime import datetime

    words = set(query.values())
    newest = "desc" in words or "recentupdate" in words
    field = "updated_at" if any("update" in word for word in words) else "created_at"

    def key(each: Found) -> tuple[float, ...]:
        moment = datetime.fromisoformat(each[field].replace("Z", "+00:00")).timestamp()
        return (-moment if newest else moment,)

    return key


def _headers(again: str, number: int, *, last: int, total: int) -> dict[str, str]:
    """The headers that the three forges recorded; each source reads its own forge's."""
    pages = {"first": 1, "prev": number - 1, "next": number + 1, "last": last}
    links = ", ".join(
        f'<{again}&page={page}>; rel="{name}"' for name, page in pages.items() if 1 <= page <= last
    )
    return {
        **({"Link": links} if last > 1 else {}),
        "X-Next-Page": str(number + 1) if number < last else "",
        "X-Total": str(total),
        "X-Total-Count": str(total),
    }
