"""What can befall a request on its way to Snowflake and back, at a statement of one's choice."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from branch_toolkit_tests.snowflake_double import Dropped

CallNext = Callable[[Request], Awaitable[Response]]
Middleware = Callable[[Request, CallNext], Awaitable[Response]]
Wanted = Callable[[str], bool]

LOGIN = "/session/v1/login-request"
RENEWAL = "/session/token-request"
_QUERY = "/queries/v1/query-request"
_READING = ("SHOW", "SELECT", "ALTER SESSION")


class Kind(Enum):
    """What happens."""

    DROPPED = "the connection breaks off"
    UNAVAILABLE = "the answer is 503"
    EXPIRED = "the session's token has expired, and is renewed"
    LOGGED_OUT = "the session has ended, and a new login is needed"
    TIMED_OUT = "the statement was canceled as it took too long"


@dataclass(frozen=True)
class Fault:
    """A fault.

    Args:
        kind: What happens.
        executed: Whether the server has executed the statement before.
        lasting: Whether nothing comes through from then on.
        repeated: Whether the connector may repeat the request; else it gives up, as it does when
            its patience is over.
    """

    kind: Kind
    executed: bool = False
    lasting: bool = False
    repeated: bool = False

    def __str__(self) -> str:
        """For the tests' names."""
        words = [self.kind.name.lower(), "after" if self.executed else "before"]
        return " ".join([*words, "for good" * self.lasting, "repeated" * self.repeated]).strip()


FAULTS = (
    Fault(Kind.DROPPED, executed=True),
    Fault(Kind.TIMED_OUT),
    Fault(Kind.DROPPED, executed=True, repeated=True),
    Fault(Kind.DROPPED, executed=True, lasting=True),
    Fault(Kind.EXPIRED),
    Fault(Kind.DROPPED, lasting=True),
    Fault(Kind.UNAVAILABLE, executed=True),
    Fault(Kind.LOGGED_OUT),
    Fault(Kind.UNAVAILABLE, executed=True, repeated=True),
    Fault(Kind.DROPPED),
    Fault(Kind.UNAVAILABLE, repeated=True),
    Fault(Kind.DROPPED, repeated=True),
    Fault(Kind.UNAVAILABLE),
)


def changes_something(statement: str) -> bool:
    """Whether a statement changes what is in the database."""
    return not statement.startswith(_READING)


@dataclass
class Trouble:
    """A middleware that counts statements, and lets a fault befall one of them.

    Args:
        fault: The fault; None to only count.
        at: Which statement of those that are wanted, from 0.
        wanted: Which statements count.
        seen: The statements that were counted.
        paths: Where all requests went to.
        struck: Whether the fault has befallen one.
    """

    fault: Fault | None = None
    at: int = 0
    wanted: Wanted = changes_something
    seen: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    struck: bool = False
    _logged_out: bool = False

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """See `Double.middleware`."""
        if self.struck and self.fault and self.fault.lasting:
            raise Dropped
        self.paths.append(request.url.path)
        if self._logged_out and request.url.path == RENEWAL:
            self._logged_out = False
            return _refused("390114", "Authentication token has expired.")
        statement = await statement_of(request)
        if statement is None or not self.wanted(statement):
            return await call_next(request)
        self.seen.append(statement)
        if self.fault is None or self.struck or len(self.seen) <= self.at:
            return await call_next(request)
        self.struck = True
        return await self._befall(self.fault, request, call_next)

    async def _befall(self, fault: Fault, request: Request, call_next: CallNext) -> Response:
        if fault.executed:
            await call_next(request)
        if fault.kind is Kind.DROPPED:
            raise Dropped
        if fault.kind is Kind.UNAVAILABLE:
            return Response(status_code=503)
        if fault.kind is Kind.TIMED_OUT:
            text = "Statement reached its statement or warehouse timeout of 1 second(s) and was"
            return _refused("000630", f"{text} canceled.", state="57014")
        self._logged_out = fault.kind is Kind.LOGGED_OUT
        return _refused("390112", "Your session has expired. Please login again.")


@dataclass
class Interposed:
    """A middleware that does something right before, or right after, the first statement wanted.

    Args:
        wanted: Which statement.
        act: What is done.
        after: Whether after it.
    """

    wanted: Wanted
    act: Callable[[], None]
    after: bool = False
    done: bool = False

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """See `Double.middleware`."""
        statement = await statement_of(request)
        if self.done or statement is None or not self.wanted(statement):
            return await call_next(request)
        self.done = True
        if not self.after:
            self.act()
            return await call_next(request)
        response = await call_next(request)
        self.act()
        return response


async def statement_of(request: Request) -> str | None:
    """The statement in a request; None where there is none."""
    if request.url.path != _QUERY:
        return None
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return str(json.loads(body)["sqlText"])


def _refused(code: str, text: str, *, state: str = "08001") -> Response:
    data: dict[str, Any] = {"errorCode": code, "sqlState": state, "queryId": str(uuid.uuid4())}
    content = {"data": data, "code": code, "message": text, "success": False}
    return JSONResponse(content)
