"""The statements of bodies.sql, as GET_DDL returns them, and what each must become in a clone.

What is to be moved stands between `«` and `»`: all else must stay byte for byte. A query is the
body of a view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from branch_toolkit.warehouses.snowflake.names import SchemaName, quote
from branch_toolkit.warehouses.snowflake.references import Moves

HOME = SchemaName("PROD", "ANALYTICS")
CLONE = SchemaName("PROD", "ANALYTICS__PR_42")
BASES = ("ANALYTICS", "STAGING", "sta ging", 'o"d.d', "it's", "a\\b", "PUBLIC")
MOVES = Moves({SchemaName("PROD", n): SchemaName("PROD", f"{n}__PR_42") for n in BASES}, HOME)

_MARKED = re.compile("«(.*?)»")


@dataclass(frozen=True)
class Body:
    """A statement of base.

    Args:
        name: What is special about it.
        marked: The statement, with marks.
    """

    name: str
    marked: str

    @property
    def ddl(self) -> str:
        """The statement."""
        return _MARKED.sub(r"\1", self.marked)

    @property
    def expected(self) -> str:
        """The statement that makes the object in the clone."""
        return _MARKED.sub(lambda found: moved(found[1]), self.marked)


def moved(written: str) -> str:
    """The name of the clone of a schema, as it must be written; it lacks one in `PROD..T`."""
    name = (
        written[1:-1].replace('""', '"') if written.startswith('"') else written.upper() or "PUBLIC"
    )
    return quote(f"{name}__PR_42")


_IN_VIEW = "create or replace view PROD.«ANALYTICS».V(A) as "


def _bodies(text: str) -> Iterator[Body]:
    for block in text.split("---- ")[1:]:
        name, _, marked = block.rstrip().partition("\n")
        is_query = not marked.upper().startswith("CREATE")
        yield Body(name, f"{_IN_VIEW}{marked};" if is_query else marked)


BODIES = tuple(_bodies(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")))
