"""Serves a repository's pull requests over HTTP on this machine, with faults if wanted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import Self

from branch_toolkit_demo.forge import ForgeRepository

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request.

    Args:
        method: GET, POST, PATCH or PUT.
        path: Below the API's, with its quoting undone.
        quoted: The same as it was sent.
        query: By name; of several values the last.
        values: All values by name.
        headers: By name in lower case.
        body: The JSON object that was sent.
    """

    method: str
    path: str
    quoted: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] = field(default_factory=dict)

    @property
    def page(self) -> int:
        """The page that was asked for, counted from 1."""
        return int(self.query.get("page", "1"))


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer.

    Args:
        status: The HTTP status.
        data: Sent as JSON; a text is sent as it is.
        headers: Beside those of every answer.
    """

    status: int = 200
    data: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """What goes wrong with some requests.

    Args:
        times: With how many of them.
        when: With which; by default with any.
        reply: What is answered in place of the truth, if anything is.
        delay: Seconds before the answer.
        drop: Whether the connection is cut without an answer.
        truncate: Whether the answer ends in the middle.
        late: Whether the request has had its effect all the same.
    """

    times: int = 1
    when: Callable[[Asked], bool] = lambda _: True
    reply: Reply | None = None
    delay: float = 0.0
    drop: bool = False
    truncate: bool = False
    late: bool = False


class Dialect(Protocol):
    """How a forge answers."""

    def answer(self, asked: Asked, repository: ForgeRepository, *, address: str) -> Reply:
        """The answer to a request that is allowed.

        Args:
            asked: The request, with its path below the API's.
            repository: What there is.
            address: The server's own, for links.
        """

    def allows(self, asked: Asked, repository: ForgeRepository) -> bool:
        """Whether the request carries the credential."""

    def error(self, status: int, message: str) -> Reply:
        """An error in the forge's shape."""


class ForgeServer:
    """A forge on 127.0.0.1, at a port of its own.

    Args:
        repository: What it serves; edits are seen at once.
        dialect: As which forge.
        prefix: Path of its API.
        etags: Whether its answers can be asked for conditionally.

    Its answers can be interfered with: `before` is called ahead of each, `faults` says what goes
    wrong with the next ones, `dribble` is how many seconds each byte takes; `asked` is the log.
    """

    def __init__(
        self,
        repository: ForgeRepository,
        dialect: Dialect,
        *,
        prefix: str = "",
        etags: bool = True,
    ) -> None:
        self.repository = repository
        self.dialect = dialect
        self.prefix = prefix
        self.etags = etags
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.before: Callable[[Asked], None] = lambda _: None
        self.dribble = 0.0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def address(self) -> str:
        """http://127.0.0.1:port."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The base URL of its API."""
        return self.address + self.prefix

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def counting(self) -> Iterator[list[Asked]]:
        """The requests of a block."""
        made: list[Asked] = []
        start = len(self.asked)
        yield made
        made += self.asked[start:]

    def take(self, asked: Asked) -> Fault:
        """Notes a request; says what goes wrong with it."""
        self.before(asked)
        with self._lock:
            self.asked.append(asked)
            for fault in self.faults:
                if fault.times > 0 and fault.when(asked):
                    fault.times -= 1
                    return fault
        return Fault(times=0)

    def truth(self, asked: Asked) -> Reply:
        """The answer, with nothing going wrong."""
        if not self.dialect.allows(asked, self.repository):
            return self.dialect.error(401, "Bad credentials")
        with self.repository.lock:
            reply = self.dialect.answer(asked, self.repository, address=self.url)
        if not self.etags or asked.method != "GET" or reply.status != 200:
            return reply
        etag = f'W/"{hashlib.sha256(json.dumps(reply.data).encode()).hexdigest()}"'
        headers = {**reply.headers, "ETag": etag}
        if asked.headers.get("if-none-match") == etag:
            return Reply(status=304, headers=headers)
        return Reply(data=reply.data, headers=headers)


def page_of(found: Sequence[T], asked: Asked, *, size: int) -> tuple[Sequence[T], bool]:
    """A page of a list, and whether another follows."""
    start = (asked.page - 1) * size
    return found[start : start + size], start + size < len(found)


def _handler(server: ForgeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Nagle and delayed acknowledgements would cost 40 ms an answer.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            asked = self._asked()
            fault = server.take(asked)
            time.sleep(fault.delay)
            reply = fault.reply
            if reply is None or fault.late:
                truth = server.truth(asked)
                reply = reply or truth
            if fault.drop:
                self.close_connection = True
                return
            with contextlib.suppress(ConnectionError):
                self._send(reply, truncate=fault.truncate)

        def do_POST(self) -> None:
            self.do_GET()

        def do_PATCH(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def _asked(self) -> Asked:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            values = parse_qs(parts.query, keep_blank_values=True)
            return Asked(
                method=self.command,
                path=unquote(parts.path).removeprefix(server.prefix),
                quoted=parts.path.removeprefix(server.prefix),
                query={name: several[-1] for name, several in values.items()},
                values={name: tuple(several) for name, several in values.items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=json.loads(self.rfile.read(length)) if length else {},
            )

        def _send(self, reply: Reply, *, truncate: bool) -> None:
            text = reply.data if isinstance(reply.data, str) else json.dumps(reply.data)
            body = b"" if reply.status == 304 else text.encode()
            self.send_response_only(reply.status)
            headers = {"Content-Type": "application/json", "Date": formatdate(usegmt=True)}
            for name, value in {**headers, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self._write(body[: len(body) // 2] if truncate else body)
            self.close_connection = self.close_connection or truncate

        def _write(self, body: bytes) -> None:
            if not server.dribble:
                self.wfile.write(body)
                return
            for each in body:
                self.wfile.write(bytes((each,)))
                time.sleep(server.dribble)

        def log_message(self, *_: object) -> None:
            """Says nothing on stderr."""

    return Handler
