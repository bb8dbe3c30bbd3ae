"""Names of members: (clone, table) → one table name, for ever.

`analytics__pr_42__orders`, where that can be read in one way only; a name that ends in a digest of
both parts otherwise. No member has the name of an anchor, of half a clone, or of another member:
what is used as it is has its last `__` before the table's name, and does not end as those do.

These rules are a promise, as are those for clones: see `branch_toolkit.core.names`.
"""

from __future__ import annotations

import hashlib
import json
import re

from branch_toolkit.core.errors import InvalidName
from branch_toolkit.core.mark import CONDITIONS
from branch_toolkit.core.names import POSTGRES, SEPARATOR

_DIGITS = 16
_HASHED = "t"
# How names of clones end (a pull request's number, or six or sixteen digits of a digest, of which
# the first is a letter), those of halves of clones, and those of members with a digest.
_RESERVED = re.compile(
    rf"(^(pr_[0-9]+|{'|'.join(CONDITIONS)})"
    rf"|(^|_)([a-f][0-9a-f]{{5}}|[a-f][0-9a-f]{{15}}|[0-9a-f]{{{_DIGITS}}}_{_HASHED}))\Z"
)


def member_name(clone: str, table: str) -> str:
    """The name of the table that a clone has in place of a base table.

    Raises:
        InvalidName: The base table's name is empty or longer than Postgres allows.
    """
    if not table or "\0" in table or POSTGRES.length(table) > POSTGRES.limit:
        raise InvalidName(
            f"{table!r} cannot be a table's name in {POSTGRES.name} (1 to {POSTGRES.limit} bytes).",
            remedy="Give the asset or table another name.",
        )
    plain = f"{clone}{SEPARATOR}{table}"
    if _is_plain(table) and POSTGRES.length(plain) <= POSTGRES.limit:
        return plain
    digest = hashlib.sha256(json.dumps([clone, table]).encode()).hexdigest()[:_DIGITS]
    tail = f"_{digest}_{_HASHED}"
    room = POSTGRES.limit - POSTGRES.length(tail)
    return plain.encode()[:room].decode(errors="ignore") + tail


def _is_plain(table: str) -> bool:
    """Whether the name after a clone's and `__` can be told from all other names."""
    parted = SEPARATOR in table or table.startswith("_")
    return not parted and _RESERVED.search(table) is None
