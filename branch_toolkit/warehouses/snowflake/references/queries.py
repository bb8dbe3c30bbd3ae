"""Queries, expressions and statements without a name of their own: read, moved and compared."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from branch_toolkit.warehouses.snowflake.references import parsed, renaming, written
from branch_toolkit.warehouses.snowflake.references.moves import (
    Moves,
    Reference,
    Unreadable,
    edits,
    in_order,
)
from branch_toolkit.warehouses.snowflake.references.naming import (
    in_path,
    is_word,
    mentions,
    stored,
    telling,
    tokens_of,
)
from branch_toolkit.warehouses.snowflake.references.text import splice

# Characters by their number, as in 'prod.ana\x6cytics.t':
# https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants
_ESCAPED = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[0-7]{3})")
_NAMES_IN_STRINGS = re.compile(
    r"\bEXECUTE\s+IMMEDIATE\b|\bIDENTIFIER\s*\(|\bTABLE\s*\(\s*'", re.IGNORECASE
)
_CONTAINERS = frozenset({"DATABASE", "SCHEMA"})
_CONTAINER_VERBS = frozenset(
    {"ALTER", "CREATE", "DROP", "ON", "REPLACE", "TRANSIENT", "TRUNCATE", "UNDROP", "USE"}
)
# https://docs.snowflake.com/en/developer-guide/snowflake-scripting/blocks
_SCRIPTING = frozenset({"BEGIN", "DECLARE"})
_CALL = "CALL"
# Of a text that is no SQL, the parser also says so by stumbling over it.
_PARSER_ERRORS = (
    SqlglotError,
    RecursionError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
)


def read(text: str, moves: Moves, *, unqualified: bool = False) -> list[Reference]:
    """The references of a query, an expression or another statement, in the order of the text.

    Args:
        text: The text.
        moves: The schemas that are looked for.
        unqualified: Whether names without a schema count too.

    Raises:
        Unreadable: It cannot be told what the text leads to.
    """
    tokens = tokens_of(text)
    in_words = list(written.references(text, tokens, moves))
    if _acts_on_containers(tokens):
        raise Unreadable("it is about whole schemas or databases")
    if _ESCAPED.search(text) and _NAMES_IN_STRINGS.search(text):
        raise Unreadable("a name in it may be written with escapes")
    named = in_words or unqualified or mentions(text, moves.schemas, home=moves.target)
    if not named or not tokens:
        return []
    if tokens[0].text.upper() in _SCRIPTING:
        raise Unreadable("it is a block of Snowflake Scripting that names base")
    tree = _parse(text, tokens)
    found = parsed.find(tree, moves)
    _all_settled(tokens, found.settled, moves)
    references = [*in_words, *(one for one, _ in found.references)]
    _compare(splice(text, edits(references)), renaming.rename(tree, found, moves))
    return in_order(references)


def _acts_on_containers(tokens: Sequence[Token]) -> bool:
    """Whether a statement chooses, makes, changes or drops schemas or databases."""
    words = [token.text.upper() for token in tokens]
    pairs = itertools.pairwise(words)
    return words[:1] == ["USE"] or any(
        verb in _CONTAINER_VERBS and what in _CONTAINERS for verb, what in pairs
    )


def _parse(text: str, tokens: Sequence[Token]) -> exp.Expr:
    # The parser keeps a CALL as text; what is called has the form of an expression.
    if tokens[0].text.upper() == _CALL:
        start = tokens[0].start
        text = text[:start] + " " * len(_CALL) + text[start + len(_CALL) :]
    try:
        trees = sqlglot.parse(text, read="snowflake")
    except _PARSER_ERRORS as error:
        raise Unreadable("it cannot be parsed") from error
    [tree, *others] = trees
    if tree is None or others or tree.find(exp.Command):
        raise Unreadable("it is not one statement that can be parsed")
    return tree


def _compare(text: str, expected: exp.Expr) -> None:
    if _parse(text, tokens_of(text)) != expected:
        raise Unreadable("what was rewritten does not mean what it should")


def _all_settled(tokens: Sequence[Token], settled: set[int], moves: Moves) -> None:
    """Refuses a text in which a word could be a schema, and the parser gave it no meaning."""
    names = telling(moves.schemas, moves.target)
    known = settled | written.in_stages(tokens)
    for index, token in enumerate(tokens[:-1]):
        qualifies = tokens[index + 1].token_type is TokenType.DOT and is_word(token)
        unknown = qualifies and stored(token) in names and token.start not in known
        if unknown and not in_path(tokens, index):
            raise Unreadable(f"it cannot be told what {token.text} is in it")
