"""What roles hold, as SHOW GRANTS tells; none of it needs a virtual warehouse."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from branch_toolkit.core.errors import BranchToolkitError, WarehouseUnavailable
from branch_toolkit.warehouses.snowflake import statements
from branch_toolkit.warehouses.snowflake.names import ObjectName, SchemaName, quote
from branch_toolkit.warehouses.snowflake.statements import PAGE

Run: TypeAlias = Callable[[str], list[dict[str, Any]]]
"""Executes a statement: its rows, by the columns' names in lower case."""

_PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')


@dataclass(frozen=True, slots=True)
class Grant:
    """A privilege on an object; its name in parts, as they are stored."""

    privilege: str
    kind: str
    name: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Future:
    """A privilege on what will be made in a schema, or in all schemas of a database."""

    privilege: str
    kind: str
    place: tuple[str, ...]
    grantee: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a role may do, by itself and through the roles that it has.

    Args:
        roles: These roles, itself included.
        grants: What they hold.
        whole: Whether that is all of it: Snowflake lists at most 10,000 grants of a role, and may
            refuse to list those of another one.
    """

    roles: frozenset[str]
    grants: frozenset[Grant]
    whole: bool = True

    def may(self, privileges: Collection[str], kind: str, *name: str) -> bool:
        """Whether it holds one of these privileges on a DATABASE, SCHEMA or the like."""
        return any(
            each.privilege in privileges and each.kind == kind and each.name == name
            for each in self.grants
        )

    def may_make(self, schema: SchemaName) -> bool:
        """Whether it may change a schema, or make anything in it."""
        place = (schema.database, schema.schema)
        return any(
            each.name == place
            and (each.privilege == "MODIFY" or each.privilege.startswith("CREATE "))
            for each in self.grants
        )

    def objects(
        self, privileges: Collection[str], schema: SchemaName, *, kind: str | None = None
    ) -> set[str]:
        """The objects (of a kind) in a schema on which it holds one of these privileges."""
        place = (schema.database, schema.schema)
        return {
            each.name[2]
            for each in self.grants
            if each.privilege in privileges
            and kind in (None, each.kind)
            and len(each.name) == 3
            and each.name[:2] == place
        }


class Asking:
    """Asks Snowflake on behalf of a role, and for no right twice.

    Args:
        run: Executes a statement.
        role: The role that the session has.
    """

    def __init__(self, run: Run, role: str) -> None:
        self._run = run
        self._known: dict[str, bool] = {}
        self.role = role
        self.held = self.holdings(role)

    def rows(self, sql: str) -> list[dict[str, Any]] | None:
        """The rows of a statement; None where Snowflake refuses it.

        Raises:
            WarehouseUnavailable: Snowflake cannot be reached, which is no refusal.
        """
        try:
            return self._run(sql)
        except WarehouseUnavailable:
            raise
        except BranchToolkitError:
            return None

    def has(self, role: str) -> bool:
        """Whether the session acts with the rights of a role, be it through secondary roles.

        https://docs.snowflake.com/en/sql-reference/functions/is_role_in_session
        """
        if role in self.held.roles:
            return True
        if role not in self._known:
            rows = self.rows(statements.has_role(role))
            answer = next(iter(rows[0].values())) if rows else False
            self._known[role] = str(answer).upper() == "TRUE"
        return self._known[role]

    def privileges(self, sql: str) -> set[str]:
        """The privileges that the session has by what a SHOW GRANTS ON tells."""
        return {
            str(row["privilege"])
            for row in self.rows(sql) or []
            if row["granted_to"] == "ROLE" and self.has(str(row["grantee_name"]))
        }

    def may_create(self, privileges: Collection[str], sql: str) -> bool:
        """Whether the primary role has one of these, by what a SHOW GRANTS ON tells.

        https://docs.snowflake.com/en/sql-reference/sql/use-secondary-roles: CREATE is allowed by
        the primary role alone. What secondary roles hold counts where nothing better is known.
        """
        grantees = {
            str(row["grantee_name"])
            for row in self.rows(sql) or []
            if row["granted_to"] == "ROLE" and row["privilege"] in privileges
        }
        if grantees & self.held.roles:
            return True
        return not self.held.whole and any(map(self.has, grantees))

    def tables_and_views(self, schema: SchemaName) -> list[dict[str, Any]] | None:
        """What SHOW tells of a schema's tables and views; those without any right are not in it."""
        found: list[dict[str, Any]] = []
        for kind in ("TABLES", "VIEWS"):
            after: str | None = None
            while True:
                rows = self.rows(statements.show_objects(kind, schema, after=after))
                if rows is None:
                    return None
                found += rows
                if len(rows) < PAGE:
                    break
                after = str(rows[-1]["name"])
        return found

    def futures(self, schema: SchemaName) -> list[Future]:
        """The future grants that concern a schema, as far as they are shown to the role."""
        asked = (
            statements.show_future_grants(schema),
            f"SHOW FUTURE GRANTS IN DATABASE {quote(schema.database)}",
            f"SHOW FUTURE GRANTS TO ROLE {quote(self.role)}",
        )
        found = [_future(row) for sql in asked for row in self.rows(sql) or []]
        places = ((schema.database,), (schema.database, schema.schema))
        return [each for each in found if each.place in places]

    def holdings(self, role: str) -> Holdings:
        """What a role may do.

        https://docs.snowflake.com/en/sql-reference/sql/show-grants
        """
        # Everybody has PUBLIC:
        # https://docs.snowflake.com/en/user-guide/security-access-control-overview.
        roles, grants, whole = {role, "PUBLIC"}, set[Grant](), True
        waiting = [f"ROLE {quote(each)}" for each in sorted(roles)]
        asked = set(waiting)
        while waiting:
            rows = self.rows(f"SHOW GRANTS TO {waiting.pop()}")
            whole = whole and rows is not None and len(rows) < PAGE
            for grant in map(_grant, rows or []):
                grants.add(grant)
                for target in _roles_in(grant):
                    roles.add(grant.name[-1])
                    if target not in asked:
                        asked.add(target)
                        waiting.append(target)
        return Holdings(frozenset(roles), frozenset(grants), whole)


def grants_on_object(name: ObjectName) -> str:
    """What is granted on a table or view."""
    return f"SHOW GRANTS ON TABLE {name}"


def _roles_in(grant: Grant) -> Iterator[str]:
    if grant.privilege == "USAGE" and grant.kind in ("ROLE", "DATABASE_ROLE"):
        yield f"{grant.kind.replace('_', ' ')} {'.'.join(map(quote, grant.name))}"


def _grant(row: dict[str, Any]) -> Grant:
    return Grant(str(row["privilege"]), str(row["granted_on"]), _parts(str(row["name"])))


def _future(row: dict[str, Any]) -> Future:
    place = _parts(str(row["name"]))[:-1]
    return Future(str(row["privilege"]), str(row["grant_on"]), place, str(row["grantee_name"]))


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a name as SHOW prints it: quoted where that is needed."""
    return tuple(
        quoted.replace('""', '"') if quoted else plain for quoted, plain in _PART.findall(name)
    )
