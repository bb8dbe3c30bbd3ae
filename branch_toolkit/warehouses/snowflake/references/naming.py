"""Names as a text writes them: words, dotted chains of them, and whether one is named at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import Token, TokenType
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import SqlglotError

from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.references.moves import Unreadable

STRINGS = frozenset({TokenType.STRING, TokenType.RAW_STRING})
_NO_WORDS = STRINGS | {TokenType.NUMBER}
_ENDS_OF_VALUES = frozenset({TokenType.R_BRACKET, TokenType.R_PAREN, TokenType.R_BRACE})
_WORD = re.compile(r"\w[\w$]*")
# `DATABASE..NAME` is in PUBLIC: https://docs.snowflake.com/en/sql-reference/name-resolution.
_DOUBLE_DOT = re.compile(r"""[\w$"']\s*\.\s*\.\s*[\w"]""")


class _Words(Snowflake.Tokenizer):
    """Also takes apart what the parser would keep as one text, such as EXECUTE IMMEDIATE …."""

    COMMANDS: ClassVar[set[TokenType]] = set()


@dataclass(frozen=True)
class Chain:
    """Words with dots between them.

    Args:
        parts: Their stored names; "" for the missing one of `DATABASE..NAME`.
        places: Where each is written, from and to.
        first: The first one's index among the tokens.
        last: The last one's index among the tokens.
    """

    parts: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    first: int
    last: int


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text; comments are none."""
    try:
        return _Words(dialect="snowflake").tokenize(text)
    except SqlglotError as error:
        raise Unreadable("it cannot be taken apart into words and strings") from error


def is_word(token: Token) -> bool:
    """Whether a token may be a name."""
    if token.token_type is TokenType.IDENTIFIER:
        return True
    return token.token_type not in _NO_WORDS and _WORD.fullmatch(token.text) is not None


def stored(token: Token) -> str:
    """A name as Snowflake stores it."""
    return token.text if token.token_type is TokenType.IDENTIFIER else token.text.upper()


def chains(tokens: Sequence[Token]) -> Iterator[Chain]:
    """All names, with their qualifiers, in order; a single word is one too."""
    at = 0
    while at < len(tokens):
        if is_word(tokens[at]):
            chain = chain_at(tokens, at)
            yield chain
            at = chain.last
        at += 1


def chain_at(tokens: Sequence[Token], first: int) -> Chain:
    """The name that begins at a token."""
    parts, places, at = [stored(tokens[first])], [_place(tokens[first])], first
    while _dots(tokens, at + 1):
        dots = _dots(tokens, at + 1)
        if at + dots + 1 >= len(tokens) or not is_word(tokens[at + dots + 1]):
            break
        if dots == 2:
            parts.append("")
            places.append((tokens[at + 2].start, tokens[at + 2].start))
        at += dots + 1
        parts.append(stored(tokens[at]))
        places.append(_place(tokens[at]))
    return Chain(tuple(parts), tuple(places), first, at)


def in_path(tokens: Sequence[Token], index: int) -> bool:
    """Whether a word stands in a path into a value: `column:a.b[0].c`.

    https://docs.snowflake.com/en/user-guide/querying-semistructured#traversing-semi-structured-data
    """
    while index >= 2 and _dots(tokens, index - 1) == 1 and is_word(tokens[index - 2]):
        index -= 2
    if index < 2:
        return False
    before, head = tokens[index - 2], tokens[index - 1].token_type
    if head is TokenType.DOT:
        return before.token_type is TokenType.R_BRACKET
    return head is TokenType.COLON and (before.token_type in _ENDS_OF_VALUES or is_word(before))


def telling(schemas: Collection[SchemaName], home: SchemaName | None) -> set[str]:
    """The names of which a text has to hold one to lead to one of the schemas.

    Args:
        schemas: The schemas.
        home: The schema that the text is in; None for one in the same database. Into another
            database only that one's name leads.
    """
    return {
        schema.schema if home is None or home.database == schema.database else schema.database
        for schema in schemas
    }


def mentions(text: str, schemas: Collection[SchemaName], *, home: SchemaName | None = None) -> bool:
    """Whether a text names one of the schemas at all, in any quoting, in comments and strings too.

    It would rather see a name where there is none: it is asked of what cannot be parsed, and of
    bodies in JavaScript, Python and the like. For `home` see `telling`.
    """
    names = telling(schemas, home)
    if "PUBLIC" in names and _DOUBLE_DOT.search(text):
        return True
    return any(_mention(name).search(text) for name in names)


def _mention(name: str) -> re.Pattern[str]:
    before = f"(?:(?<!\\w)|{_ESCAPED})" if name[:1].isalnum() or name[:1] == "_" else ""
    after = r"(?!\w)" if name[-1:].isalnum() or name[-1:] == "_" else ""
    letters = "".join(_LETTER.get(letter, re.escape(letter)) for letter in name)
    return re.compile(f"{before}{letters}{after}", re.IGNORECASE)


# The letters of an escape in a string, as in `\nANALYTICS`, are none of the name.
_ESCAPED = r"(?<=\\[a-zA-Z])|(?<=\\x[0-9a-fA-F]{2})|(?<=\\u[0-9a-fA-F]{4})|(?<=\\[0-7]{3})"
# Quotes and backslashes are doubled or escaped, once for each layer of quoting.
_LETTER = {'"': r'\\*(?:"\\*)+', "'": r"\\*(?:'\\*)+", "\\": r"\\+"}


def _place(token: Token) -> tuple[int, int]:
    return token.start, token.end + 1


def _dots(tokens: Sequence[Token], at: int) -> int:
    count = 0
    while at + count < len(tokens) and tokens[at + count].token_type is TokenType.DOT:
        count += 1
    return count
