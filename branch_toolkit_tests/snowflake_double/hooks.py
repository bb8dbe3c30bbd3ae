"""What tests see of the double's traffic, and how they get into it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

CallNext = Callable[[Request], Awaitable[Response]]
"""What answers a request; whoever does not call it keeps the double from executing it."""

Middleware = Callable[[Request, CallNext], Awaitable[Response]]
"""What a test puts between the connector and the double."""


class Dropped(Exception):
    """To be raised by a middleware: the connection breaks off without an answer."""


@dataclass(frozen=True)
class Received:
    """A statement that came.

    Args:
        text: Its SQL.
        tag: The QUERY_TAG of its session.
        role: The role of its session.
    """

    text: str
    tag: str
    role: str
