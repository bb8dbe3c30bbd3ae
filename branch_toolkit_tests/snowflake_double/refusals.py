"""Snowflake's refusals, in its words: errors that the connector raises as ProgrammingError."""

from __future__ import annotations


class Refused(Exception):
    """The statement was not executed.

    Args:
        number: Snowflake's error number.
        state: The SQLSTATE.
        text: What it says.
    """

    def __init__(self, number: int, state: str, text: str) -> None:
        super().__init__(text)
        self.number = number
        self.state = state
        self.text = text


def not_there(kind: str, *name: str) -> Refused:
    """What is not there, and what one may not see, are told of alike.

    https://docs.snowflake.com/en/sql-reference/sql/grant-privilege: without any privilege on an
    object, a role is told that it "does not exist or not authorized".
    """
    state = "42S02" if kind == "Object" else "02000"
    text = f"{kind} '{'.'.join(name)}' does not exist or not authorized."
    return Refused(2003, state, f"SQL compilation error:\n{text}")


def already_there(name: str) -> Refused:
    """An object of that name exists."""
    return Refused(2002, "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def no_right(kind: str, name: str) -> Refused:
    """The role can see the object, and may not do that to it."""
    return Refused(
        3001,
        "42501",
        f"SQL access control error:\nInsufficient privileges to operate on {kind.lower()} '{name}'",
    )


def wrong(text: str, *, number: int = 2049, state: str = "0A000") -> Refused:
    """A statement that can be read and makes no sense."""
    return Refused(number, state, f"SQL compilation error:\n{text}")


def unknown(text: str) -> Refused:
    """What Snowflake may well know, and this double does not."""
    return Refused(2, "0A000", f"The Snowflake double does not know how to execute: {text}")
