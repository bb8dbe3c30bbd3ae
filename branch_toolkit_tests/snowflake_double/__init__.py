"""A double of Snowflake for tests, over fakesnow: real HTTP, the unmodified connector.

fakesnow translates queries for DuckDB. Everything else is here, as Snowflake's documentation says
it (each module cites the page): databases, schemas and what is in them, clones, Time Travel, SHOW,
GET_DDL, roles and grants. It is our reading of these pages, and no evidence about the service.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from branch_toolkit_tests.snowflake_double.hooks import CallNext, Dropped, Middleware, Received

if TYPE_CHECKING:
    from branch_toolkit_tests.snowflake_double.server import Double

__all__ = ["CallNext", "Double", "Dropped", "Middleware", "Received", "start_double"]


def start_double() -> AbstractContextManager[Double]:
    """Serves the double; once per process, as fakesnow has but one state."""
    # Not above: fakesnow cannot be installed for Python 3.10, where these tests are skipped.
    from branch_toolkit_tests.snowflake_double.server import serve

    return serve()


def __getattr__(name: str) -> type[Double]:
    if name != "Double":
        raise AttributeError(name)
    from branch_toolkit_tests.snowflake_double.server import Double

    return Double
