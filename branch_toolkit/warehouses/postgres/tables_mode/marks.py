"""Marks of members, and what they prove: that a table is part of one group, and of no other."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from branch_toolkit.core.errors import InvalidMark, SchemaNotOwned
from branch_toolkit.core.mark import Mark, decode, is_mark

_TOKEN_BYTES = 8


@dataclass(frozen=True, slots=True)
class Member:
    """A table that is proven to belong to a group.

    Args:
        name: Its name.
        table: That of the base table that it stands for.
        mark: Its mark.
    """

    name: str
    table: str
    mark: Mark


def anchored(mark: Mark) -> Mark:
    """The mark of a new anchor, with the token that its members will have too."""
    return replace(mark, base_state=secrets.token_hex(_TOKEN_BYTES))


def member_mark(anchor: Mark, name: str, table: str, *, strategy: str) -> Mark:
    """The mark of a member of an anchor's group.

    Whether it is retired is the anchor's to say, and not noted again.
    """
    return Mark(
        project=anchor.project,
        clone=name,
        base_schema=anchor.base_schema,
        database=anchor.database,
        repository=anchor.repository,
        branch=anchor.branch,
        pull_request=anchor.pull_request,
        strategy=strategy,
        base_state=f"{anchor.base_state}/{table}",
        created_at=anchor.created_at,
        last_used_at=anchor.created_at,
        schema_only=anchor.schema_only,
    )


def prove(anchor: Mark, name: str, comment: str | None) -> Member:
    """The table as a member of an anchor's group.

    Raises:
        SchemaNotOwned: It is none, with the reason.
    """
    if not is_mark(comment):
        raise SchemaNotOwned(name, reason="it is a table or the like without a mark of ours")
    try:
        mark = decode(comment)
    except InvalidMark as error:
        reason = error.problem[0].lower() + error.problem[1:].rstrip(".")
        raise SchemaNotOwned(name, reason=reason) from None
    token, _, table = mark.base_state.partition("/")
    proven = (
        mark.clone == name
        and table
        and anchor.base_state
        and (token, mark.project, mark.database, mark.base_schema)
        == (anchor.base_state, anchor.project, anchor.database, anchor.base_schema)
    )
    if not proven:
        raise SchemaNotOwned(name, reason="its mark is that of another table or of another group")
    return Member(name, table, mark)
