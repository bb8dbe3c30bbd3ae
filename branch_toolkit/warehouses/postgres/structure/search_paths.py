"""Re-points the search_path that a function sets for itself, which Postgres keeps as text."""

from __future__ import annotations

from collections.abc import Sequence

from branch_toolkit.warehouses.postgres.structure.repoint import Target
from branch_toolkit.warehouses.postgres.structure.tokens import (
    Token,
    quoted_string,
    tokenize,
    unquoted_name,
    unquoted_string,
)

_CLAUSE = ["SET", "search_path", "TO"]


def repoint_search_path(definition: str, targets: Sequence[Target]) -> str:
    """A function's definition with clones in place of base schemas in its SET search_path."""
    clones = {unquoted_name(target.base): unquoted_name(target.clone) for target in targets}
    # From the end, so that the places of the others still hold.
    for token in reversed(_entries(definition)):
        schema = unquoted_string(token)
        entry = quoted_string(clones.get(schema, schema))
        definition = definition[: token.start] + entry + definition[token.end :]
    return definition


def _entries(definition: str) -> list[Token]:
    # A body is one token, so that the clause cannot be a statement in it.
    tokens = tokenize(definition) if "SET search_path TO" in definition else []
    texts = [token.text for token in tokens]
    start = next((i + 3 for i in range(len(texts)) if texts[i : i + 3] == _CLAUSE), len(texts))
    found = []
    for token in tokens[start:]:
        if token.kind == "string":
            found.append(token)
        elif token.text != ",":
            break
    return found
