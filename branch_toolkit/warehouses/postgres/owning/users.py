"""What uses a deferred relation in a branch, and how it comes to use the branch's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from psycopg import errors, sql

from branch_toolkit.warehouses.postgres.owning.errors import StillNeeded
from branch_toolkit.warehouses.postgres.owning.holding import Held
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure.again import read_again
from branch_toolkit.warehouses.postgres.structure.statement import Node, Stage, Statement

_NAMES = """
    SELECT c.oid::bigint, c.relkind::text, c.oid::pg_catalog.regclass::text,
           pg_catalog.pg_get_userbyid(c.relowner)
    FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s::oid[]) ORDER BY c.oid DESC
"""
_ROUTINE = """
    SELECT pg_catalog.format('%%s %%s', CASE prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
                             oid::pg_catalog.regprocedure)
    FROM pg_catalog.pg_proc WHERE oid = %s
"""
_POLICY = """
    SELECT polname, polrelid::pg_catalog.regclass::text FROM pg_catalog.pg_policy WHERE oid = %s
"""
_KINDS = {"v": "VIEW", "m": "MATERIALIZED VIEW"}


@dataclass(frozen=True)
class User:
    """Something that uses what is replaced: a row of `users.sql`.

    Args:
        classid: The oid of its catalog.
        objid: Its own.
        by_type: Whether it uses the relation as a type.
        relation: The relation that it is, or belongs to.
        kind: That one's `relkind`.
        is_query: Whether it is the query of a view.
        schema: Where it is.
        label: How Postgres calls it.
    """

    classid: int
    objid: int
    by_type: bool
    relation: int | None
    kind: str
    is_query: bool
    schema: str | None
    label: str


@dataclass(frozen=True)
class Users:
    """All that uses some deferred relations.

    Args:
        replaced: What is made anew, the deferred relations first.
        rebound: What stays, and gets its definition again.
        relations: The relations that have to be locked, those to be replaced included.
    """

    replaced: tuple[Node, ...]
    rebound: tuple[User, ...] = ()
    relations: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Redefinition:
    """The statements that turn users to what took the place of the old.

    Args:
        create: What makes them use the new; the old is still there under another name.
        settle: What can be done when the old is gone: indexes, comments, grants.
        refresh: What fills materialized views that were filled.
    """

    create: tuple[str, ...] = ()
    settle: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ()
    policies: tuple[int, ...] = ()

    @property
    def functions(self) -> tuple[str, ...]:
        """Those that make functions; they can be executed twice."""
        return tuple(text for text in self.create if text.startswith("CREATE OR REPLACE FUNCTION"))


class Catalogs:
    """The oids of some catalogs."""

    def __init__(self, connection: Connection) -> None:
        names = ("pg_class", "pg_rewrite", "pg_proc", "pg_policy")
        query = ", ".join(
            f"'pg_catalog.{name}'::pg_catalog.regclass::oid::bigint" for name in names
        )
        row = connection.execute(f"SELECT {query}".encode()).fetchone()
        self.relation, self.rule, self.function, self.policy = row or (0, 0, 0, 0)


def find_users(
    connection: Connection, relations: Sequence[int], *, schemas: Collection[str], table: str
) -> Users:
    """All that uses some relations of a branch.

    Raises:
        StillNeeded: Some of it is not of the branch, or of a kind that cannot be turned.
    """
    catalogs = Catalogs(connection)
    replaced: list[Node] = [(catalogs.relation, oid) for oid in relations]
    rebound: dict[Node, User] = {}
    locked = set(relations)
    while True:
        found = _users(connection, replaced)
        _require_ours(found, schemas, table)
        again = [node for user in found if (node := _replaced(user, catalogs))]
        fresh = [node for node in dict.fromkeys(again) if node not in replaced]
        _require_turnable(found, catalogs, table)
        if not fresh:
            kept = [user for user in found if not _replaced(user, catalogs)]
            rebound = {(user.classid, user.objid): user for user in kept}
            locked |= {user.relation for user in found if user.relation is not None}
            locked |= {oid for classid, oid in replaced if classid == catalogs.relation}
            return Users(tuple(replaced), tuple(rebound.values()), frozenset(locked))
        replaced += fresh


def held(connection: Connection, oids: Iterable[int]) -> list[Held]:
    """The relations, as they are to be locked: what was made last first."""
    return [Held(*row) for row in connection.execute(_NAMES, [sorted(oids)])]


def redefine(
    connection: Connection, users: Users, deferred: Collection[int], *, schemas: Sequence[str]
) -> Redefinition:
    """The statements that turn the users, as they are now.

    Args:
        connection: In a transaction that has the users locked.
        users: What uses them.
        deferred: The deferred relations themselves, which are made by other statements.
        schemas: The branch's.
    """
    catalogs = Catalogs(connection)
    anew = {node for node in users.replaced if node[1] not in deferred}
    views = {
        (catalogs.relation, user.relation) if user.is_query else (user.classid, user.objid)
        for user in users.rebound
    }
    rebound = {(classid, objid) for classid, objid in views if objid is not None}
    if not (rebound or anew):
        return Redefinition()
    relations = users.relations.difference(deferred)
    statements = read_again(connection, schemas, anew, alone=rebound, relations=relations)
    policies = {user.objid for user in users.rebound if user.classid == catalogs.policy}
    return _redefinition(statements, anew, rebound, policies, catalogs)


def set_aside(connection: Connection, users: Users, names: Mapping[int, Held]) -> None:
    """Gives what is replaced another name."""
    catalogs = Catalogs(connection)
    for classid, oid in reversed(users.replaced):
        if classid == catalogs.function:
            what = _routine(connection, oid)
        else:
            what = f"{_KINDS[names[oid].kind]} {names[oid].name}"
        connection.execute(f"ALTER {what} RENAME TO {_old_name(oid)}".encode())


def drop_policies(connection: Connection, redefinition: Redefinition) -> None:
    """Drops policies that are made again."""
    for oid in redefinition.policies:
        row = connection.execute(_POLICY, [oid]).fetchone()
        if row:
            template = sql.SQL("DROP POLICY {} ON {}")
            connection.execute(template.format(sql.Identifier(row[0]), sql.SQL(row[1])))


def drop_replaced(connection: Connection, users: Users, *, table: str) -> None:
    """Drops what was replaced.

    Raises:
        StillNeeded: Something still uses it.
    """
    catalogs = Catalogs(connection)
    left = list(reversed(users.replaced))
    while left:
        refused = []
        for node in left:
            try:
                with connection.transaction():
                    _drop(connection, node, catalogs)
            except errors.DependentObjectsStillExist as error:
                refused.append((node, error.diag.message_detail or str(error)))
        if len(refused) == len(left):
            details = [detail for _, detail in refused]
            raise StillNeeded(table, users=details, reason="that cannot be turned to it")
        left = [node for node, _ in refused]


def _drop(connection: Connection, node: Node, catalogs: Catalogs) -> None:
    if node[0] == catalogs.function:
        connection.execute(f"DROP {_routine(connection, node[1])}".encode())
        return
    for relation in held(connection, [node[1]]):
        connection.execute(f"DROP {_KINDS[relation.kind]} {relation.name}".encode())


def _users(connection: Connection, replaced: Sequence[Node]) -> list[User]:
    values = {
        "classids": [classid for classid, _ in replaced],
        "objids": [objid for _, objid in replaced],
    }
    text = resources.files(__package__).joinpath("users.sql").read_text(encoding="utf-8")
    return [User(*row) for row in connection.execute(text.encode(), values)]


def _replaced(user: User, catalogs: Catalogs) -> Node | None:
    """What is to be made anew, if the user cannot stay."""
    if user.is_query and user.kind == "m" and user.relation is not None:
        return catalogs.relation, user.relation
    # Its arguments are of the old row type, so that the new function is another one.
    if user.classid == catalogs.function and user.by_type:
        return user.classid, user.objid
    return None


def _require_ours(users: Iterable[User], schemas: Collection[str], table: str) -> None:
    foreign = [user.label for user in users if user.schema not in schemas]
    if foreign:
        raise StillNeeded(
            table, users=foreign, reason="that is outside of the branch's schemas, and left alone"
        )


def _require_turnable(users: Iterable[User], catalogs: Catalogs, table: str) -> None:
    turnable = (catalogs.rule, catalogs.function, catalogs.policy)
    stuck = [user.label for user in users if user.classid not in turnable]
    if stuck:
        raise StillNeeded(table, users=stuck, reason="that cannot be turned to another table")


def _redefinition(
    statements: Iterable[Statement],
    anew: Collection[Node],
    rebound: Collection[Node],
    policies: Collection[int],
    catalogs: Catalogs,
) -> Redefinition:
    create, settle, refresh = [], [], []
    for one in statements:
        if one.stage is Stage.REFRESH:
            refresh.append(one.sql)
        elif one.creates and one.node in anew:
            create.append(one.sql)
        elif one.creates and one.node in rebound:
            create.append(_or_replace(one, catalogs))
        elif one.node not in rebound or one.node[0] == catalogs.policy:
            settle.append(one.sql)
    return Redefinition(tuple(create), tuple(settle), tuple(refresh), tuple(sorted(policies)))


def _or_replace(statement: Statement, catalogs: Catalogs) -> str:
    # Its identity stays, and with it grants, comments, triggers and those that use it.
    if statement.node[0] == catalogs.policy:
        return statement.sql
    return or_replace(statement.sql)


def or_replace(text: str) -> str:
    """CREATE OR REPLACE in place of CREATE, for a view or a rule."""
    for kind in ("VIEW", "RULE"):
        if text.startswith(f"CREATE {kind} "):
            return text.replace("CREATE ", "CREATE OR REPLACE ", 1)
    return text


def _routine(connection: Connection, oid: int) -> str:
    row = connection.execute(_ROUTINE.encode(), [oid]).fetchone()
    return str(row[0]) if row else ""


def _old_name(oid: int) -> str:
    return f"_replaced_{oid}"
