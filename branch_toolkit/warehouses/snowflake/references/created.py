"""The parts of a CREATE statement: its own name, what is said of the object, and its body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import Token, TokenType

from branch_toolkit.warehouses.snowflake.references.moves import Unreadable
from branch_toolkit.warehouses.snowflake.references.naming import (
    STRINGS,
    Chain,
    chain_at,
    is_word,
    tokens_of,
)
from branch_toolkit.warehouses.snowflake.references.text import Inner, part, string

# What GET_DDL makes statements of: https://docs.snowflake.com/en/sql-reference/functions/get_ddl.
_KINDS = frozenset(
    {"FORMAT", "FUNCTION", "PIPE", "POLICY", "PROCEDURE", "SEQUENCE", "STAGE", "STREAM"}
    | {"TABLE", "TAG", "TASK", "VIEW"}
)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True)
class Created:
    """A CREATE statement, taken apart.

    Args:
        text: The statement.
        kind: What it makes, its last word: `VIEW`, `FUNCTION`, ….
        name: Its own name.
        tokens: The tokens of all but the body.
        body: What follows AS, if it does; the text of a string where it is one.
        language: What the body is written in.
        body_is_string: Whether the body is a string.
    """

    text: str
    kind: str
    name: Chain
    tokens: Sequence[Token]
    body: Inner | None
    language: str
    body_is_string: bool

    @property
    def replaces(self) -> bool:
        """Whether it is CREATE OR REPLACE."""
        return "REPLACE" in self.prefix

    @property
    def prefix(self) -> list[str]:
        """The words before its name."""
        return [token.text.upper() for token in self.tokens[: self.name.first]]

    def at_top(self) -> Iterator[tuple[int, Token]]:
        """The tokens after the name that stand in no brackets, with their indexes."""
        yield from _at_top(self.tokens, self.name.last + 1)


def take_apart(text: str) -> Created:
    """A CREATE statement's parts.

    Raises:
        Unreadable: It is no such statement.
    """
    tokens = tokens_of(text)
    kind, name = _kind_and_name(tokens)
    after = _after_as(tokens, name.last + 1)
    header, body = tokens[:after], tokens[after:]
    while body and body[-1].token_type is TokenType.SEMICOLON:
        body = body[:-1]
    is_string = len(body) == 1 and body[0].token_type in STRINGS
    inner = _inner(text, body, is_string=is_string) if body else None
    return Created(text, kind, name, header, inner, _language(header, name.last + 1), is_string)


def is_create(tokens: Sequence[Token]) -> bool:
    """Whether a text is a CREATE statement."""
    return bool(tokens) and tokens[0].token_type is TokenType.CREATE


def _kind_and_name(tokens: Sequence[Token]) -> tuple[str, Chain]:
    words = [token.text.upper() for token in tokens]
    if not is_create(tokens):
        raise Unreadable("it is not a CREATE statement")
    kind = next((at for at, word in enumerate(words) if word in _KINDS), len(words))
    at = kind + (4 if words[kind + 1 : kind + 4] == ["IF", "NOT", "EXISTS"] else 1)
    if at >= len(tokens) or not is_word(tokens[at]):
        raise Unreadable("it cannot be told what it creates")
    return words[kind], chain_at(tokens, at)


def _after_as(tokens: Sequence[Token], start: int) -> int:
    """The index of the body's first token: after AS, but not that of EXECUTE AS OWNER."""
    for index, token in _at_top(tokens, start):
        if token.text.upper() == "AS" and tokens[index - 1].text.upper() != "EXECUTE":
            return index + 1
    return len(tokens)


def _at_top(tokens: Sequence[Token], start: int) -> Iterator[tuple[int, Token]]:
    depth = 0
    for index in range(start, len(tokens)):
        token = tokens[index]
        if token.token_type in STRINGS or token.token_type is TokenType.IDENTIFIER:
            continue
        depth -= token.text in _CLOSING
        if depth == 0:
            yield index, token
        depth += token.text in _OPENING


def _inner(text: str, body: Sequence[Token], *, is_string: bool) -> Inner:
    start, end = body[0].start, body[-1].end + 1
    return string(text, start, end) if is_string else part(text, start, end)


def _language(header: Sequence[Token], start: int) -> str:
    """https://docs.snowflake.com/en/sql-reference/sql/create-function: SQL where none is named."""
    for index, token in _at_top(header[:-1], start):
        if token.text.upper() == "LANGUAGE":
            return header[index + 1].text.upper()
    return "SQL"
