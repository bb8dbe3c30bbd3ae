"""Finds strings that name a base schema: they are text to Postgres, and stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from branch_toolkit.warehouses.postgres.structure.model import Caution
from branch_toolkit.warehouses.postgres.structure.repoint import Target
from branch_toolkit.warehouses.postgres.structure.statement import Stage, Statement
from branch_toolkit.warehouses.postgres.structure.tokens import (
    tokenize,
    unquoted_name,
    unquoted_string,
)


def mentions(statements: Iterable[Statement], targets: Iterable[Target]) -> Iterator[Caution]:
    """A caution for each object with a function body or constant that names a base schema."""
    patterns = {target.base: _pattern(target.base) for target in targets}
    for statement in statements:
        if statement.stage is Stage.COMMENTS:
            continue
        for base, pattern in patterns.items():
            if pattern.search(statement.sql) and _mentions(statement.sql, base, pattern):
                yield Caution(
                    statement.schema,
                    statement.object,
                    f"Its body or a constant in it names {base}, which cannot be re-pointed:"
                    " the clone's uses base.",
                )


def _pattern(base: str) -> re.Pattern[str]:
    # As a qualifier, as a string of its own (`WHERE table_schema = 'analytics'`), or in a path.
    name = re.escape(unquoted_name(base))
    return re.compile(
        rf"""(?<![\w$.])"?{name}"?\s*\. | '"?{name}"?' | \bsearch_path\b[^;]*\b{name}\b""",
        re.IGNORECASE | re.VERBOSE,
    )


def _mentions(text: str, base: str, pattern: re.Pattern[str]) -> bool:
    for token in tokenize(text):
        if token.kind == "body" and pattern.search(unquoted_string(token)):
            return True
        if token.kind == "string" and _names(unquoted_string(token), base):
            return True
    return False


def _names(constant: str, base: str) -> bool:
    """Whether a constant is text that may be taken for a name in the base schema."""
    return any(
        token.kind == "name" and token.text.startswith(f"{base}.") for token in tokenize(constant)
    )
