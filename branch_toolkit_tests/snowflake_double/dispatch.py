"""Finds who executes a statement: the double itself, or fakesnow after a translation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from branch_toolkit_tests.snowflake_double.answers import Answer
from branch_toolkit_tests.snowflake_double.reading import Reader
from branch_toolkit_tests.snowflake_double.session import Session

Bindings = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Passed:
    """What fakesnow executes.

    Args:
        sql: The statement.
        bindings: The values of its placeholders.
        after: What is to be done when it was executed.
    """

    sql: str
    bindings: Bindings | None = None
    after: Callable[[], None] | None = None


Handler = Callable[[Session, Reader], Answer | Passed | None]

# By the first word; the longest openings first.
_handlers: dict[str, list[tuple[tuple[str, ...], Handler]]] = {}


def statement(*openings: str) -> Callable[[Handler], Handler]:
    """Registers what executes the statements that begin with these words.

    A handler gets the statement after these words; if it answers None, fakesnow executes it as it
    is.
    """

    def register(handler: Handler) -> Handler:
        for opening in openings:
            words = tuple(opening.split())
            known = _handlers.setdefault(words[0], [])
            known.append((words, handler))
            known.sort(key=lambda pair: -len(pair[0]))
        return handler

    return register


def handler_of(reader: Reader) -> Handler | None:
    """The handler with the longest opening that the statement has; the opening is read then."""
    for opening, handler in _handlers.get(reader.tokens[0].text.upper(), ()):
        if reader.has(*opening):
            return handler
    return None
