"""Statements as they are compared with what is written down: without what differs between runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from branch_toolkit_tests.snowflake.faults import changes_something
from branch_toolkit_tests.snowflake.scene import Scene
from branch_toolkit_tests.snowflake_double.reading import constant

_COMMENT = re.compile(r"(?<=COMMENT = )'(?:[^'\\]|''|\\.)*'")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+\+00:00")
_QUERY = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_TOKEN = re.compile(r"(?<=__)[0-9A-F]{16}\b")


def changes(scene: Scene, statements: Iterable[str]) -> list[str]:
    """Those of some statements that change something, masked."""
    return [masked(scene, text) for text in statements if changes_something(text)]


def masked(scene: Scene, statement: str) -> str:
    """A statement with the database's name, the lock's token, and marks in a few words."""
    text = statement.replace(scene.database, "DB")
    text = _COMMENT.sub(lambda found: _in_words(constant(found[0])), text)
    text = _QUERY.sub("QUERY", _TIME.sub("TIME", _TOKEN.sub("TOKEN", text)))
    return " ".join(text.removesuffix(";").split())


def written(text: str) -> list[str]:
    """Statements that are written down, one after the other, each ended by a semicolon."""
    return [" ".join(each.split()) for each in text.split(";\n") if each.strip()]


def _in_words(comment: str) -> str:
    content = json.loads(comment)
    if "branch_toolkit_lock" in content:
        return f"<lease of {content['environment']} for {content['seconds']:g} s>"
    state = content["condition"] or ("retired" if content["retired_at"] else "whole")
    more = "".join(f", {key} {content[key]}" for key in ("role", "as_of") if content[key])
    stamped = "" if content["condition"] or content["stamp"] else ", without a stamp"
    return f"<{content['clone']} {state}{more}{stamped}>"
