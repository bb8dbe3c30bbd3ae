"""References in Snowflake's SQL: what an object's text leads to, and the same text led elsewhere.

A clone's views and functions hold the text that base's were made with, and a name with a schema in
it still leads to base; GET_DDL does not change such names either
(https://docs.snowflake.com/en/sql-reference/functions/get_ddl). References are found by sqlglot's
parser. Only the schema's name is replaced, at its place in the text, and the result is parsed again
and compared; whatever cannot be decided raises `Unreadable`.
"""

from __future__ import annotations

from branch_toolkit.warehouses.snowflake.references.moves import Moves, Repointed, Unreadable
from branch_toolkit.warehouses.snowflake.references.naming import mentions
from branch_toolkit.warehouses.snowflake.references.repointing import leaks, repoint

__all__ = ["Moves", "Repointed", "Unreadable", "leaks", "mentions", "repoint"]
