"""Branch roles: a role for each environment that may write to its clones and only read base.

Base's own grants are never touched: the role reads base as a member of a role that may, which is
`pg_read_all_data` unless the user names another one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from psycopg import sql

from branch_toolkit.core.environment import BranchRoles
from branch_toolkit.core.errors import MissingRight
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.plan import Note, Statement
from branch_toolkit.warehouses.postgres.queries import Connection
from branch_toolkit.warehouses.postgres.structure import Ddl, Structure

_MARK = "branch_toolkit_role"
_LONGEST = 63
_READER = "pg_read_all_data"
# What a role without superuser may not create: https://www.postgresql.org/docs/current/sql-createfunction.html
_PRIVILEGED = re.compile(
    r"""\A CREATE \s (?:OR \s REPLACE \s)? (?:FUNCTION|PROCEDURE|AGGREGATE) \s .*
        \b (?: LANGUAGE \s (?: c | internal | \w+u ) | LEAKPROOF | SUPPORT ) \b""",
    re.DOTALL | re.VERBOSE,
)
# Looked at once more when its clones are gone: DROP OWNED would take what it owns elsewhere.
_DROP = """
BEGIN
    IF (SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = {name}) = {mark}
       AND NOT EXISTS (
        SELECT FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
        WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname = {name}
          AND (d.deptype = 'o' OR d.dbid NOT IN (
              0, (SELECT oid FROM pg_database WHERE datname = current_database()))
              OR d.deptype = 'a' AND d.classid = 'pg_namespace'::regclass
                 AND obj_description(d.objid, 'pg_namespace') LIKE '%"branch_toolkit"%')
    ) THEN
        DROP OWNED BY {role};
        DROP ROLE {role};
    END IF;
END """
_ABOUT_SCHEMA = re.compile(r"(?:GRANT|REVOKE) [A-Z, ]+ ON SCHEMA |ALTER DEFAULT PRIVILEGES ")


@dataclass(frozen=True, slots=True)
class Ability:
    """Whether the connecting role can make branch roles.

    Args:
        role: The connecting role.
        reader: The role by whose membership a branch role reads base; None if none can be made.
        bypasses_row_security: Whether a branch role can see what row security would hide, as the
            connecting role does.
        problem: Why none can be made.
        remedy: What a superuser would execute to change that.
    """

    role: str
    reader: str | None
    bypasses_row_security: bool = False
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class BranchRole:
    """An environment's role.

    Args:
        name: Its name.
        mark: Its comment: the proof that it is ours.
        ability: How it is made.
        exists: Whether it is there already.
        options: Whether the server knows options of memberships (Postgres 16 and later).
        reads_base: Whether it may read base; not, where the environment has only its structure.
    """

    name: str
    mark: str
    ability: Ability
    exists: bool
    options: bool
    reads_base: bool = True

    def make(self) -> list[Statement]:
        """The statements that make it, or none if it is there."""
        if self.exists:
            return []
        name = sql.Identifier(self.name)
        bypass = sql.SQL(" BYPASSRLS" if self.ability.bypasses_row_security else "")
        reader = sql.Identifier(self.ability.reader or _READER)
        option = sql.SQL(" WITH INHERIT TRUE, SET TRUE" if self.options else "")
        mark = sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(self.mark))
        reading = [sql.SQL("GRANT {} TO {}").format(reader, name)] if self.reads_base else []
        return [
            _statement(sql.SQL("CREATE ROLE {} NOLOGIN{}").format(name, bypass), "create", self),
            _statement(mark, "mark", self),
            *(_statement(grant, "grant", self) for grant in reading),
            _statement(sql.SQL("GRANT {} TO CURRENT_USER{}").format(name, option), "grant", self),
        ]


def find_role(
    connection: Connection,
    environment: str,
    *,
    project: str,
    database: str,
    wanted: BranchRoles,
    reader: str | None,
    schemas: Sequence[str],
    reads_base: bool = True,
) -> tuple[BranchRole | None, str]:
    """The role that an environment is to have, or None, and then why.

    Args:
        connection: As the connecting role.
        environment: The environment's name.
        project: Its project.
        database: The database's identity.
        wanted: Whether there is to be one.
        reader: The role that may read base, if not `pg_read_all_data`.
        schemas: The base schemas.
        reads_base: Whether it is to read them.

    Raises:
        MissingRight: It is wanted in any case and cannot be made.
    """
    if wanted is BranchRoles.OFF:
        return None, "branch roles are switched off"
    name = role_name(environment, project=project, database=database)
    mark = role_mark(environment, project=project, database=database)
    ability = ability_of(connection, reader=reader)
    if ability.reader is None:
        return _without(wanted, ability.problem, ability.remedy)
    hidden = [] if ability.bypasses_row_security else _row_security(connection, schemas)
    if hidden:
        problem = f"row security of {', '.join(hidden[:3])} would hide rows from it"
        return _without(wanted, problem, f"ALTER ROLE {_quoted(ability.role)} BYPASSRLS")
    found = role_comments(connection, [name])
    if name in found and found[name] != mark:
        problem = f"a role {name!r} exists that is not ours"
        return _without(wanted, problem, f"ALTER ROLE {name} RENAME TO something_else")
    options = connection.info.server_version >= 160000
    role = BranchRole(
        name, mark, ability, exists=name in found, options=options, reads_base=reads_base
    )
    return role, ""


def role_advice(
    connection: Connection, *, wanted: BranchRoles, reader: str | None
) -> tuple[Note, ...]:
    """What is in the way of branch roles, if they are wanted."""
    ability = ability_of(connection, reader=reader)
    if wanted is BranchRoles.OFF or ability.reader is not None:
        return ()
    text = f"environments get no role of their own: {ability.problem}; a superuser could execute"
    return (Note(f"{ability.remedy};", text),)


def _without(wanted: BranchRoles, problem: str, remedy: str) -> tuple[None, str]:
    if wanted is BranchRoles.ON:
        raise MissingRight(
            f"A branch role is wanted, and cannot be made: {problem}.",
            remedy=f"Have a superuser execute: {remedy}; or set branch_roles to 'auto' or 'off'.",
        )
    return None, f"{problem}; a superuser could execute: {remedy}" if remedy else problem


def ability_of(connection: Connection, *, reader: str | None) -> Ability:
    """Whether the connecting role can make branch roles, and if not, why."""
    row = connection.execute(
        _text("abilities.sql").encode(), {"reader": reader or _READER}
    ).fetchone()
    role, may_create, may_bypass, reader_exists, may_grant = row or ("", *[False] * 4)
    shown = _quoted(reader or _READER)
    if not may_create:
        return Ability(
            role,
            None,
            problem=f"role {role!r} may not create roles",
            remedy=f"ALTER ROLE {role} CREATEROLE",
        )
    if not reader_exists:
        return Ability(
            role,
            None,
            problem=f"there is no role {reader or _READER!r} through which it could read base",
            remedy="CREATE ROLE reader; GRANT SELECT …; and name it in `read_role`",
        )
    if not may_grant:
        return Ability(
            role,
            None,
            problem=f"role {role!r} may not grant {shown}, through which it would read base",
            remedy=f"GRANT {shown} TO {_quoted(role)} WITH ADMIN OPTION",
        )
    return Ability(role, reader or _READER, bypasses_row_security=may_bypass)


def _row_security(connection: Connection, schemas: Sequence[str]) -> list[str]:
    rows = connection.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relrowsecurity AND n.nspname = ANY (%s) ORDER BY 1",
        [list(schemas)],
    )
    return [name for (name,) in rows.fetchall()]


def role_name(environment: str, *, project: str, database: str) -> str:
    """The name of an environment's role; roles are shared by all databases of a server."""
    digest = hashlib.sha256(json.dumps([environment, project, database]).encode()).hexdigest()[:8]
    head = f"branch_{environment}".encode()[: _LONGEST - len(digest) - 2].decode(errors="ignore")
    return f"{head}__{digest}"


def role_mark(environment: str, *, project: str, database: str) -> str:
    """The comment of an environment's role."""
    content = {_MARK: 1, "project": project, "environment": environment, "database": database}
    return json.dumps(content)


def role_comments(connection: Connection, names: Collection[str]) -> dict[str, str | None]:
    """The comments of those of the roles that exist."""
    rows = connection.execute(
        "SELECT rolname, shobj_description(oid, 'pg_authid') FROM pg_roles"
        " WHERE rolname = ANY (%s)",
        [list(names)],
    )
    return dict(rows.fetchall())


def let_in(role: str, schema: str) -> Statement:
    """GRANT on a clone; its schema stays ours, so that no branch can rename, drop or mark it."""
    text = sql.SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {}").format(
        sql.Identifier(schema), sql.Identifier(role)
    )
    return Statement(sql=text.as_string(None), action="grant", schema=schema, object=f"role {role}")


def become(role: str) -> str:
    """SET LOCAL ROLE: what is created until the transaction's end belongs to the role."""
    return sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)).as_string(None)


STEP_BACK = "SET LOCAL ROLE NONE"


def with_role(structure: Structure, role: BranchRole) -> Structure:
    """The structure, for transactions that are a role's but for what only its maker may do.

    That is what concerns the clone's schema, which is not the role's, and functions that take a
    superuser to make.
    """
    return replace(
        structure,
        before_data=tuple(_as_maker_if_needed(ddl, role) for ddl in structure.before_data),
        # Their values are read from base's.
        sequences=structure.sequences
        if role.reads_base
        else tuple(_as_maker(ddl, role) for ddl in structure.sequences),
        after_data=tuple(_as_maker_if_needed(ddl, role) for ddl in structure.after_data),
    )


def _as_maker_if_needed(ddl: Ddl, role: BranchRole) -> Ddl:
    if _ABOUT_SCHEMA.match(ddl.sql) or _PRIVILEGED.search(ddl.sql.partition("\nAS ")[0]):
        return _as_maker(ddl, role)
    return ddl


def _as_maker(ddl: Ddl, role: BranchRole) -> Ddl:
    return replace(ddl, sql=f"{STEP_BACK};\n{ddl.sql};\n{become(role.name)}")


def drop_roles(
    connection: Connection, environment: str, marks: Sequence[Mark]
) -> tuple[list[Statement], tuple[Note, ...]]:
    """The statements that drop the role of clones, after these; with a note if it is kept."""
    schemas = [mark.clone for mark in marks]
    statements: list[Statement] = []
    notes: list[Note] = []
    for name in sorted({mark.role for mark in marks if mark.role}):
        mark = next(mark for mark in marks if mark.role == name)
        proof = role_mark(environment, project=mark.project, database=mark.database)
        found, kept = drop_role(connection, name, proof, schemas=schemas)
        statements += found
        notes += [Note("branch role", kept)] if kept else []
    return statements, tuple(notes)


def drop_role(
    connection: Connection, name: str, mark: str, *, schemas: Sequence[str]
) -> tuple[list[Statement], str]:
    """The statements that drop a role after its clones, or none, and then why.

    Args:
        connection: As the connecting role.
        name: The role.
        mark: The comment that proves it ours.
        schemas: The clones, which are dropped before it.
    """
    found = role_comments(connection, [name])
    if name not in found:
        return [], ""
    if found[name] != mark:
        return [], f"role {name} is kept, as its comment does not prove it ours"
    rows = connection.execute(
        _text("role_belongings.sql").encode(), {"role": name, "schemas": list(schemas)}
    )
    others = [described for (described,) in rows.fetchall()]
    if others:
        return [], f"role {name} is kept, as it owns or uses {', '.join(others[:5])}"
    text = sql.SQL("DO {}").format(
        sql.Literal(
            sql.SQL(_DROP)
            .format(role=sql.Identifier(name), name=sql.Literal(name), mark=sql.Literal(mark))
            .as_string(None)
        )
    )
    statement = Statement(
        sql=text.as_string(None), action="drop", schema=schemas[0], object=f"role {name}"
    )
    return [statement], ""


def _statement(text: sql.Composed, action: str, role: BranchRole) -> Statement:
    return Statement(sql=text.as_string(None), action=action, schema="", object=f"role {role.name}")


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None) if not re.fullmatch(r"[a-z_]\w*", name) else name


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
