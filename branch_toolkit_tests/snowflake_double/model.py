"""What the double knows of an account beside the rows: who owns what, comments, grants, texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from branch_toolkit_tests.snowflake_double.refusals import not_there

ADMINS = frozenset({"ACCOUNTADMIN", "SYSADMIN", "SECURITYADMIN"})
RELATIONS = frozenset({"TABLE", "VIEW"})
Key = tuple[str, str]


@dataclass
class Grant:
    """A privilege that a role (`to`: an account's, or a database's) has."""

    privilege: str
    role: str
    created_on: datetime
    option: bool = False
    by: str = "SYSADMIN"
    to: str = "ROLE"


@dataclass
class FutureGrant:
    """A privilege that a role will have on what is made."""

    privilege: str
    kind: str
    role: str
    created_on: datetime
    to: str = "ROLE"


@dataclass
class Thing:
    """An object.

    Args:
        kind: Its kind in SQL: `TABLE`, `VIEW`, `SEQUENCE`, `FILE FORMAT`, ….
        name: Its name as it is stored.
        owner: The role that owns it.
        created_on: When it was made.
        text: The statement that made it, as far as it is kept.
        arguments: The types of a function's arguments, `(NUMBER, VARCHAR)`; else empty.
        details: What only its kind has.
    """

    kind: str
    name: str
    owner: str
    created_on: datetime
    comment: str = ""
    text: str = ""
    arguments: str = ""
    grants: list[Grant] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Tables and views share their names; functions are told apart by their arguments."""
        return ("TABLE" if self.kind in RELATIONS else self.kind, self.name + self.arguments)


@dataclass
class Schema(Thing):
    """A schema and what is in it."""

    things: dict[Key, Thing] = field(default_factory=dict)
    gone: list[Thing] = field(default_factory=list)
    future: list[FutureGrant] = field(default_factory=list)
    retention: int | None = None

    def of_kind(self, *kinds: str) -> list[Thing]:
        """What is in it, by name."""
        found = (thing for thing in self.things.values() if thing.kind in kinds)
        return sorted(found, key=lambda thing: thing.name)

    def relation(self, name: str) -> Thing | None:
        """The table or view of that name."""
        return self.things.get(("TABLE", name))


@dataclass
class Database(Thing):
    """A database and what is in it."""

    schemas: dict[str, Schema] = field(default_factory=dict)
    dropped: list[Schema] = field(default_factory=list)
    future: list[FutureGrant] = field(default_factory=list)
    retention: int = 1


def give_future(thing: Thing, *levels: Sequence[FutureGrant]) -> None:
    """Gives a new object what is granted in future, by the first level that says anything.

    https://docs.snowflake.com/en/sql-reference/sql/grant-privilege#future-grants-on-database-or-schema-objects:
    what is said for the schema goes before what is said for the database.
    """
    for level in levels:
        found = [each for each in level if each.kind == thing.kind]
        for each in found:
            if each.privilege == "OWNERSHIP":
                thing.owner = each.role
            else:
                thing.grants.append(Grant(each.privilege, each.role, thing.created_on))
        if found:
            return


class Account:
    """All of it."""

    organization = "DOUBLES"
    name = "TESTING"
    longest_retention = 90

    def __init__(self) -> None:
        self.databases: dict[str, Database] = {}
        self.dropped: list[Database] = []
        self.database_roles: set[str] = set()
        self.roles: dict[str, set[str]] = {role: set() for role in (*ADMINS, "PUBLIC")}
        self._last = datetime.now(tz=timezone.utc)
        self.itself = Thing("ACCOUNT", self.name, "ACCOUNTADMIN", self._last)

    def now(self) -> datetime:
        """The time; no two answers are the same, so that statements have an order."""
        self._last = max(datetime.now(tz=timezone.utc), self._last + timedelta(microseconds=1))
        return self._last

    def database(self, name: str) -> Database:
        """The database of that name."""
        if name not in self.databases:
            raise not_there("Database", name)
        return self.databases[name]

    def schema(self, database: str, name: str) -> Schema:
        """The schema of that name."""
        found = self.database(database).schemas.get(name)
        if found is None:
            raise not_there("Schema", database, name)
        return found

    def inherited(self, role: str) -> set[str]:
        """The role itself, and all that are granted to it.

        https://docs.snowflake.com/en/user-guide/security-access-control-overview#role-hierarchy-and-privilege-inheritance
        """
        found, fresh = {"PUBLIC"}, {role}
        while fresh:
            found |= fresh
            fresh = {each for one in fresh for each in self.roles.get(one, ())} - found
        return found

    def all_schemas(self) -> Iterator[tuple[Database, Schema]]:
        """Every schema of every database."""
        for database in self.databases.values():
            for schema in database.schemas.values():
                yield database, schema
