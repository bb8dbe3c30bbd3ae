"""A session: who asks, and what unqualified names mean to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from branch_toolkit_tests.snowflake_double.model import (
    ADMINS,
    Account,
    Database,
    FutureGrant,
    Schema,
    Thing,
    give_future,
)
from branch_toolkit_tests.snowflake_double.reading import Name
from branch_toolkit_tests.snowflake_double.refusals import (
    Refused,
    already_there,
    no_right,
    not_there,
)


class Locked(Exception):
    """Another session's transaction has changed that table; its end has to be waited for."""


@dataclass
class Session:
    """What one connection is.

    Args:
        account: The account that it is in.
        conn: fakesnow's connection, which knows DuckDB alone.
        settings: The double's switches, see `Double`.
        role: Its role.
        tag: Its QUERY_TAG.
        open: Whether a transaction is open.
        autocommit: Whether a change of rows is a transaction of its own.
        path: Where queries look for unqualified names, in this order.
        changed: The versions that an open transaction has made, by the table's identity.
        held: The tables of `changed`.
    """

    account: Account
    conn: Any
    settings: Any
    role: str
    database: str | None = None
    schema: str | None = None
    tag: str = ""
    open: bool = False
    autocommit: bool = True
    path: str = "$current, $public"
    changed: dict[int, str] = field(default_factory=dict)
    held: list[Thing] = field(default_factory=list)

    @property
    def duck(self) -> Any:
        """Its connection to DuckDB."""
        return self.conn._duck_conn

    @property
    def roles(self) -> set[str]:
        """The roles that it acts as."""
        return self.account.inherited(self.role)

    def run(self, sql: str) -> Any:
        """Executes Snowflake's SQL, names already being DuckDB's."""
        return self.conn.cursor().execute(sql)

    # Names.

    def database_name(self) -> str:
        """The current database.

        https://docs.snowflake.com/en/sql-reference/name-resolution
        """
        if self.database is None:
            raise Refused(
                90105,
                "22000",
                "Cannot perform operation. This session does not have a current database."
                " Call 'USE DATABASE', or use a qualified name.",
            )
        return self.database

    def of_schema(self, name: Name) -> Name:
        """The whole name of a schema."""
        return name if len(name) > 1 else (self.database_name(), *name)

    def of_thing(self, name: Name) -> Name:
        """The whole name of an object in a schema."""
        if len(name) == 3:
            return name
        if len(name) == 2:
            return (self.database_name(), *name)
        database = self.database_name()
        if self.schema is None:
            raise Refused(
                90106,
                "22000",
                "Cannot perform operation. This session does not have a current schema."
                " Call 'USE SCHEMA', or use a qualified name.",
            )
        return (database, self.schema, *name)

    def found_in_path(self, name: str) -> Name:
        """The whole name of what an unqualified name means in a query.

        https://docs.snowflake.com/en/sql-reference/name-resolution: in DDL and DML statements it
        means the current schema alone.
        """
        whole = self.of_thing((name,))
        public = (whole[0], "PUBLIC", name)
        return (
            public if "$PUBLIC" in self.path.upper() and self._is_only_in(public, whole) else whole
        )

    def _is_only_in(self, public: Name, current: Name) -> bool:
        schemas = self.account.database(public[0]).schemas
        return all(
            (place[1] in schemas and schemas[place[1]].relation(place[2]) is not None) == wanted
            for place, wanted in ((public, True), (current, False))
        )

    # Rights. https://docs.snowflake.com/en/user-guide/security-access-control-privileges

    def may(self, privilege: str, thing: Thing) -> bool:
        """Whether the role has a privilege on an object."""
        roles = self.roles
        return bool(
            roles & ADMINS
            or thing.owner in roles
            or any(
                grant.role in roles and privilege in (grant.privilege, "ANY")
                for grant in thing.grants
            )
        )

    def owns(self, thing: Thing) -> bool:
        """Whether the role is the owner."""
        return bool(self.roles & (ADMINS | {thing.owner}))

    def see_database(self, name: str) -> Database:
        """A database, if the role may know of it."""
        database = self.account.database(name)
        if not self.may("ANY", database):
            raise not_there("Database", name)
        return database

    def see_schema(self, name: Name) -> Schema:
        """A schema, if the role may know of it."""
        database, schema = self.of_schema(name)
        found = self.account.schema(self.see_database(database).name, schema)
        if not self.may("ANY", found):
            raise not_there("Schema", database, schema)
        return found

    def use_schema(self, name: Name) -> Schema:
        """A schema whose objects the role may know of."""
        database, schema = self.of_schema(name)
        found = self.see_schema((database, schema))
        if not (self.may("USAGE", self.account.database(database)) and self.may("USAGE", found)):
            raise not_there("Schema", database, schema)
        return found

    def see(self, kind: str, name: Name, *, arguments: str = "", called: str = "Object") -> Thing:
        """An object, if the role may know of it."""
        database, schema, last = self.of_thing(name)
        family = "TABLE" if kind in ("TABLE", "VIEW") else kind
        try:
            found = self.use_schema((database, schema)).things.get((family, last + arguments))
        except Refused:
            found = None
        if found is None or not self.may("ANY", found):
            raise not_there(called, database, schema, last)
        return found

    def need(self, privilege: str, thing: Thing) -> None:
        """Refuses what the role may not do."""
        if privilege == "OWNERSHIP" and self.owns(thing):
            return
        if privilege == "OWNERSHIP" or not self.may(privilege, thing):
            raise no_right(thing.kind, thing.name)

    # Making and changing.

    def put(self, schema: Schema, thing: Thing, *, replace: bool = False) -> None:
        """Adds an object, with what is granted on such objects in future."""
        old = schema.things.get(thing.key)
        if old is not None and not replace:
            raise already_there(thing.name)
        if old is not None:
            self.need("OWNERSHIP", old)
            self.bury(schema, old)
        give_future(thing, schema.future, self._above(schema))
        schema.things[thing.key] = thing

    def _above(self, schema: Schema) -> list[FutureGrant]:
        databases = self.account.databases.values()
        return next((found.future for found in databases if schema in found.schemas.values()), [])

    def bury(self, schema: Schema, thing: Thing) -> None:
        """Takes an object out of its schema; Time Travel may find it still."""
        thing.details["gone_on"] = self.account.now()
        schema.gone.append(thing)
        schema.things.pop(thing.key, None)

    def version(self, table: Thing) -> str:
        """The version of a table that this session reads."""
        return self.changed.get(id(table)) or str(table.details["at"])

    def end_transaction(self, *, commit: bool) -> None:
        """Ends an open transaction; any DDL statement does so too.

        https://docs.snowflake.com/en/sql-reference/transactions#ddl
        """
        if not self.open:
            return
        for table in self.held:
            table.details.pop("writer", None)
            if commit:
                self.publish(table, self.changed[id(table)])
        self.open = False
        self.changed.clear()
        self.held.clear()

    def wait_for(self, table: Thing) -> None:
        """The second to change a table waits for the end of the first's transaction.

        https://docs.snowflake.com/en/sql-reference/transactions#resource-locking
        """
        if table.details.get("writer", id(self)) != id(self):
            raise Locked

    def publish(self, table: Thing, version: str) -> None:
        """Makes a version the one that everybody reads."""
        if version != table.details["at"]:
            table.details["versions"].append((self.account.now(), table.details["at"]))
            table.details["at"] = version
