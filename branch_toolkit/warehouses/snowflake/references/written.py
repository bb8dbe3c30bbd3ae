"""References that only the words of a text show: in strings, and of stages.

A parser keeps no place for these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlglot import Token, TokenType

from branch_toolkit.warehouses.snowflake.references.moves import (
    Moves,
    Reference,
    Unreadable,
    reference,
)
from branch_toolkit.warehouses.snowflake.references.naming import (
    STRINGS,
    chain_at,
    is_word,
    mentions,
    tokens_of,
)
from branch_toolkit.warehouses.snowflake.references.text import string

NAMING_OPTIONS = frozenset({"FILE_FORMAT", "FORMAT_NAME", "LOCATION"})
"""Options whose string is a name: https://docs.snowflake.com/en/sql-reference/functions/infer_schema."""

NAMING_FUNCTIONS = frozenset({"SYSTEM$STREAM_HAS_DATA"})
"""Functions whose string is a table's or stream's name."""

_NAMING_KEYWORDS = frozenset({"IDENTIFIER", "TABLE"})
_BEFORE_A_STAGE = frozenset({"FROM", "JOIN", "LOCATION"})
_ASSIGNING = frozenset({"=", "=>"})


def references(text: str, tokens: Sequence[Token], moves: Moves) -> Iterator[Reference]:
    """The references in strings and of stages.

    Raises:
        Unreadable: A name is made while the statement runs, or a string may be one.
    """
    for index, token in enumerate(tokens):
        if _computed(tokens, index):
            raise Unreadable(f"{token.text} is given a name that is made while it runs")
        if token.token_type in STRINGS:
            yield from _in_string(text, tokens, index, moves)
        elif token.text == "@":
            yield from stage(tokens, index, moves)


def names(content: str, moves: Moves) -> Iterator[Reference]:
    """The reference that a string is which is a name or, beginning with `@`, a stage's.

    https://docs.snowflake.com/en/sql-reference/identifier-literal
    """
    tokens = tokens_of(content)
    if content.startswith("@"):
        yield from stage(tokens, 0, moves)
    elif tokens and is_word(tokens[0]):
        chain = chain_at(tokens, 0)
        found = reference(chain.parts, moves.place(chain.places), moves)
        if found is not None:
            yield found


def is_name(tokens: Sequence[Token], index: int) -> bool:
    """Whether a string is a name or a stage, by what stands before it."""
    if index < 2:
        return False
    before, last = (token.text.upper() for token in tokens[index - 2 : index])
    if last == "(" and before in _NAMING_KEYWORDS | NAMING_FUNCTIONS:
        return True
    if last in _ASSIGNING and before in NAMING_OPTIONS:
        return True
    in_files = last in _BEFORE_A_STAGE or _in_imports(tokens, index)
    return in_files and tokens[index].text.startswith("@")


def stage(tokens: Sequence[Token], index: int, moves: Moves) -> Iterator[Reference]:
    """The reference that a stage is: `@DATABASE.SCHEMA.STAGE/path`; `@~` and `@%T` are none."""
    if index + 1 == len(tokens) or not is_word(tokens[index + 1]):
        return
    chain = chain_at(tokens, index + 1)
    parts, places = chain.parts, chain.places
    if [token.text for token in tokens[chain.last + 1 : chain.last + 3]] == [".", "%"]:
        parts, places = (*parts, "%"), (*places, (0, 0))
    found = reference(parts, moves.place(places), moves)
    if found is not None:
        yield found


def in_stages(tokens: Sequence[Token]) -> set[int]:
    """Where the tokens of stages and their paths begin; these end at a space."""
    ends = (
        (index, _stage_end(tokens, index))
        for index, token in enumerate(tokens)
        if token.text == "@"
    )
    return {token.start for first, last in ends for token in tokens[first : last + 1]}


def _computed(tokens: Sequence[Token], index: int) -> bool:
    """Whether what follows a keyword is no name but what makes one.

    https://docs.snowflake.com/en/sql-reference/sql/execute-immediate
    """
    token, after = tokens[index], tokens[index + 1 : index + 4]
    if token.token_type in {*STRINGS, TokenType.IDENTIFIER} or not after:
        return False
    word = token.text.upper()
    if word == "TO_QUERY" and after[0].token_type is TokenType.L_PAREN:
        # https://docs.snowflake.com/en/sql-reference/functions/to_query
        return True
    if word in _NAMING_KEYWORDS and after[0].token_type is TokenType.L_PAREN:
        plain = [one.token_type in STRINGS for one in after[1:]] == [True, False]
        plain = plain and after[2].token_type is TokenType.R_PAREN
        return not plain and (word == "IDENTIFIER" or _begins_a_value(after[1:]))
    return word == "IMMEDIATE" and not (
        after[0].token_type in STRINGS
        and (not after[1:] or after[1].text.upper() in {";", "USING", ")"})
    )


def _begins_a_value(tokens: Sequence[Token]) -> bool:
    """Whether a variable or a string stands there, and not a function or a column's type."""
    return bool(tokens) and (tokens[0].token_type in STRINGS or tokens[0].text in {"$", ":", "?"})


def _in_string(text: str, tokens: Sequence[Token], index: int, moves: Moves) -> Iterator[Reference]:
    token = tokens[index]
    inner = string(text, token.start, token.end + 1)
    if is_name(tokens, index):
        for found in names(inner.text, moves):
            yield replace(found, edit=found.edit and inner.outward(found.edit))
    elif _may_be_name(tokens, index) and mentions(inner.text, moves.schemas, home=moves.target):
        raise Unreadable(f"{inner.text!r} may be a name in base")


def _in_imports(tokens: Sequence[Token], index: int) -> bool:
    """Whether a string stands in `IMPORTS = ('@STAGE/file', …)`."""
    while index and (tokens[index].token_type in STRINGS or tokens[index].text in {",", "("}):
        index -= 1
    return [token.text.upper() for token in tokens[max(0, index - 1) : index + 1]] == [
        "IMPORTS",
        "=",
    ]


def _may_be_name(tokens: Sequence[Token], index: int) -> bool:
    """Whether a string is given to a function that looks objects up by name."""
    depth = 0
    while index > 1 and depth < 1:
        index -= 1
        depth += (tokens[index].text == "(") - (tokens[index].text == ")")
    function = tokens[index - 1].text.upper() if depth == 1 else ""
    return function.startswith("SYSTEM$") or function == "GET_DDL"


def _stage_end(tokens: Sequence[Token], index: int) -> int:
    while index + 1 < len(tokens) and tokens[index + 1].start == tokens[index].end + 1:
        if tokens[index + 1].text in {",", ")", ";"}:
            break
        index += 1
    return index
