"""Reads a statement word by word, as far as the double has to understand it itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from branch_toolkit_tests.snowflake_double.refusals import Refused

# https://docs.snowflake.com/en/sql-reference/identifiers-syntax
# https://docs.snowflake.com/en/sql-reference/data-types-text#string-constants
_TOKENS = re.compile(
    r"""(?P<space>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<string>'(?:[^'\\]|''|\\.)*')
      | (?P<dollars>\$\$.*?\$\$)
      | (?P<word>[A-Za-z_][\w$]*)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<sign>=>|::|.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}

Name = tuple[str, ...]
"""The parts of a name as Snowflake stores them."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name, constant or sign, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """The tokens of a statement, without comments."""
    return [
        Token(str(found.lastgroup), found[0], *found.span())
        for found in _TOKENS.finditer(text)
        if found.lastgroup != "space"
    ]


class Reader:
    """A place in a statement."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        while self.tokens and self.tokens[-1].text == ";":
            self.tokens.pop()
        self.place = 0

    @property
    def done(self) -> bool:
        """Whether nothing follows."""
        return self.place >= len(self.tokens)

    @property
    def position(self) -> int:
        """Where in the text what follows begins."""
        return len(self.text) if self.done else self.tokens[self.place].start

    @property
    def rest(self) -> str:
        """What follows, as it is written."""
        return self.text[self.position : self.tokens[-1].end] if not self.done else ""

    def sees(self, *words: str) -> bool:
        """Whether these words follow."""
        ahead = self.tokens[self.place : self.place + len(words)]
        return len(ahead) == len(words) and all(
            token.text.upper() == word and token.kind in ("word", "sign")
            for token, word in zip(ahead, words, strict=True)
        )

    def has(self, *words: str) -> bool:
        """Whether these words follow; they are read then."""
        found = self.sees(*words)
        self.place += len(words) if found else 0
        return found

    def needs(self, *words: str) -> None:
        """Reads these words."""
        if not self.has(*words):
            self.fail()

    def any_of(self, *choices: str) -> str | None:
        """The first of these (of one or more words each) that follows; it is read then."""
        return next((choice for choice in choices if self.has(*choice.split())), None)

    def word(self) -> str:
        """A word, in upper case."""
        return self._take("word").text.upper()

    def name(self) -> Name:
        """A name of one or more parts."""
        parts = [self.identifier()]
        while self.has("."):
            parts.append(self.identifier())
        return tuple(parts)

    def identifier(self) -> str:
        """One part of a name."""
        token = self._take("word", "quoted")
        return stored(token.text)

    def string(self) -> str:
        """A string constant's value."""
        return constant(self._take("string", "dollars").text)

    def number(self) -> int:
        """A whole number; a string that holds one will do."""
        return int(self._take("number", "string").text.strip("'"))

    def value(self) -> str:
        """The value of an option, whatever it is."""
        token = self._take("word", "string", "number", "dollars", "quoted")
        return constant(token.text) if token.kind in ("string", "dollars") else token.text

    def inside(self) -> str:
        """What stands between a bracket, which follows, and the one that closes it."""
        self.needs("(")
        start, depth = self.position, 1
        while depth:
            token = self._take()
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "sign" else 0
        return self.text[start : self.tokens[self.place - 1].start].strip()

    def skip(self) -> Token:
        """Reads whatever follows."""
        return self._take()

    def end(self) -> None:
        """Nothing must follow."""
        if not self.done:
            self.fail()

    def fail(self) -> NoReturn:
        """What follows is not what Snowflake knows."""
        at = self.position
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1)
        what = "<EOF>" if self.done else self.tokens[self.place].text
        raise Refused(
            1003,
            "42000",
            f"SQL compilation error:\nsyntax error line {line} at position {column}"
            f" unexpected '{what}'.",
        )

    def _take(self, *kinds: str) -> Token:
        if self.done or (kinds and self.tokens[self.place].kind not in kinds):
            self.fail()
        self.place += 1
        return self.tokens[self.place - 1]


def stored(text: str) -> str:
    """A name's part as it is stored: folded to upper case unless quoted."""
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.upper()


def parts(text: str) -> Name:
    """The parts of a written name."""
    reader = Reader(text)
    name = reader.name()
    reader.end()
    return name


def constant(text: str) -> str:
    """The value of a string constant as it is written."""
    if text.startswith("$$"):
        return text[2:-2]
    return re.sub(
        r"''|\\(.)",
        lambda found: "'" if found[0] == "''" else _ESCAPES.get(found[1], found[1]),
        text[1:-1],
        flags=re.DOTALL,
    )


def quote(name: str) -> str:
    """A name in quotes, in Snowflake's SQL and in DuckDB's."""
    return '"' + name.replace('"', '""') + '"'


def dotted(name: Name) -> str:
    """A whole name in quotes."""
    return ".".join(map(quote, name))


def plain(name: Name) -> str:
    """A whole name as Snowflake prints it: in quotes only where it needs them."""
    return ".".join(
        part if re.fullmatch(r"[A-Z_][A-Z0-9_$]*", part) else quote(part) for part in name
    )


def literal(text: str) -> str:
    """A string constant in DuckDB's SQL."""
    return "'" + text.replace("'", "''") + "'"
