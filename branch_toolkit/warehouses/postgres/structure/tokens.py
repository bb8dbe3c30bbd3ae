"""Splits SQL as Postgres deparses it into tokens, each qualified name being one."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")*")'
_SYMBOLS = r"[-+*/<>=~!@#%^&|`?]+"

_TOKEN = re.compile(
    rf"""
      (?P<string> [Ee]'(?:[^'\\]|\\.|'')*' | [BbXx]?'(?:[^']|'')*' )
    | (?P<body>   \$(?P<tag>(?:[^\W\d]\w*)?)\$ .*? \$(?P=tag)\$ )
    | (?P<name>   OPERATOR\({NAME}\.{_SYMBOLS}\) | {NAME}(?:\.{NAME})*(?:\.{_SYMBOLS})? )
    | (?P<rest>   \d+(?:\.\d+)?(?:[eE][-+]?\d+)? | \$\d+ | :: | {_SYMBOLS} | \S )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token and where it stands in its text.

    A name has its qualifiers with it (`analytics.orders.id`), and so has an operator
    (`OPERATOR(analytics.+)`, or `analytics.+` as regoperator writes it).
    """

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The position after it."""
        return self.start + len(self.text)


def tokenize(text: str) -> list[Token]:
    """The tokens of a text; white space is dropped."""
    # `lastgroup` is the last group that closed, which is the outer one.
    return [Token(m.lastgroup or "", m[0], m.start()) for m in _TOKEN.finditer(text)]


def unquoted_string(token: Token) -> str:
    """The value of a string constant, or the text of a dollar-quoted body."""
    if token.kind == "body":
        return token.text.split("$", 2)[2].rpartition("$")[0].rpartition("$")[0]
    if token.text[0] in "Ee":
        return re.sub(r"\\(.)", r"\1", token.text[2:-1], flags=re.DOTALL).replace("''", "'")
    return token.text[token.text.index("'") + 1 : -1].replace("''", "'")


def unquoted_name(name: str) -> str:
    """A name without the quotes that it may have."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def quoted_string(value: str) -> str:
    """A string constant as the server's quote_literal writes it."""
    doubled = value.replace("'", "''")
    if "\\" not in value:
        return f"'{doubled}'"
    escaped = doubled.replace("\\", "\\\\")
    return f"E'{escaped}'"
