"""What an administrator has to grant, and what would keep branches from changing production."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from branch_toolkit.core.plan import Note
from branch_toolkit.warehouses.snowflake import asked_grants, statements
from branch_toolkit.warehouses.snowflake.holdings import (
    Asking,
    Holdings,
    Run,
    grants_on_object,
)
from branch_toolkit.warehouses.snowflake.meanings import OF_A_SHARE
from branch_toolkit.warehouses.snowflake.names import SchemaName, quote

BRANCH_ROLE = "BRANCH_TOOLKIT_BRANCH"
"""What the role is called in our set-up that branches act as."""

_OWN = "OWNERSHIP"
_CHANGE = frozenset({_OWN, "INSERT", "UPDATE", "DELETE", "TRUNCATE"})
_ADD = frozenset({"CREATE TABLE", "CREATE VIEW"})
_ACTING = frozenset({"PROCEDURE", "SEQUENCE"})
_READ = frozenset({_OWN, "SELECT"})
_USE = frozenset({_OWN, "USAGE"})
_KINDS = {"TABLES": "TABLE", "VIEWS": "VIEW"}
_SECONDARY = "SELECT CURRENT_SECONDARY_ROLES()"


def missing_grants(run: Run, database: str, role: str, bases: Sequence[SchemaName]) -> list[str]:
    """The statements that an administrator would execute before a role could clone.

    What SHOW refuses to tell counts as missing. A table on which the role has no right at all is
    shown to nobody who asks as that role, so no statement is listed for it.

    Args:
        run: Executes a statement as that role.
        database: The database.
        role: The role that the session has.
        bases: The base schemas; they exist.
    """
    asking = Asking(run, role)
    return [
        *_missing_on_database(asking, database),
        *(grant for base in bases for grant in _missing_on_schema(asking, base)),
    ]


def advice(
    run: Run, database: str, role: str, bases: Sequence[SchemaName], branch_role: str | None
) -> list[Note]:
    """What would make branches safer, each with the statements that an administrator would execute.

    Args:
        run: Executes a statement.
        database: The database.
        role: The role that the session has.
        bases: The base schemas.
        branch_role: The role that branches act as, if there is one.
    """
    asking = Asking(run, role)
    if branch_role is None:
        notes = [_without_branch_role(asking, database, bases)]
    else:
        notes = [*_of_branch_role(asking, database, bases, branch_role)]
    notes += _of_database(asking, database)
    return notes + [note for base in bases for note in _of_new_tables(asking, base)]


def is_imported(row: dict[str, Any]) -> bool:
    """Whether a row of SHOW DATABASES is of a database that was made from a share.

    https://docs.snowflake.com/en/sql-reference/sql/show-databases: `kind`, and `origin`.
    """
    return "IMPORTED" in str(row.get("kind") or "").upper() or bool(row.get("origin"))


def _least_rights(asking: Asking, database: str, bases: Sequence[SchemaName], name: str) -> str:
    """The statements that make a role which may read production and nothing else."""
    wanted = [
        f"CREATE ROLE IF NOT EXISTS {quote(name)}",
        asked_grants.use_database(database, name),
    ]
    for base in bases:
        wanted += [asked_grants.use_schema(base, name), *_to_read(asking, base, name)]
    return "; ".join(wanted)


def _missing_on_database(asking: Asking, database: str) -> Iterator[str]:
    shown, held, create = statements.show_grants_on_database(database), asking.held, "CREATE SCHEMA"
    if not (asking.privileges(shown) & _USE or held.may(_USE, "DATABASE", database)):
        yield asked_grants.use_database(database, asking.role)
    if not (
        asking.may_create({create, _OWN}, shown) or held.may({create, _OWN}, "DATABASE", database)
    ):
        yield asked_grants.create_schema(database, asking.role)


def _missing_on_schema(asking: Asking, base: SchemaName) -> Iterator[str]:
    told = asking.privileges(statements.show_grants_on_schema(base))
    if not (told & _USE or asking.held.may(_USE, "SCHEMA", base.database, base.schema)):
        yield asked_grants.use_schema(base, asking.role)
    if not _may_read_all(asking, base, owns=_OWN in told):
        yield from _to_read(asking, base, asking.role)


def _may_read_all(asking: Asking, base: SchemaName, *, owns: bool) -> bool:
    found = asking.tables_and_views(base)
    if found is None:
        return False
    if not found:
        # It is empty, or nothing in it is shown: only who would be shown it can tell.
        return owns or bool(_future_readers(asking, base))
    readable = asking.held.objects(_READ, base)
    return all(
        row["name"] in readable
        or asking.has(str(row["owner"]))
        or _READ & asking.privileges(grants_on_object(base / str(row["name"])))
        for row in found
    )


def _future_readers(asking: Asking, base: SchemaName) -> set[str]:
    """The kinds of future objects that the role may read."""
    return {
        each.kind
        for each in asking.futures(base)
        if each.privilege in _READ and asking.has(each.grantee)
    }


def _to_read(asking: Asking, base: SchemaName, role: str) -> Iterator[str]:
    for kind in _KINDS:
        yield asked_grants.read_all(kind, base, role)
        yield _to_read_future(asking, base, kind, role)


def _to_read_future(asking: Asking, base: SchemaName, kind: str, role: str) -> str:
    places = {each.place for each in asking.futures(base) if each.kind == _KINDS[kind]}
    return asked_grants.read_future(kind, base, role, in_database=places == {(base.database,)})


def _without_branch_role(asking: Asking, database: str, bases: Sequence[SchemaName]) -> Note:
    told = [line for base in bases for line in _changes(asking, asking.held, base)]
    reason = f"may change production ({_some(told)})" if told else "owns the clones of all of them"
    wanted = _least_rights(asking, database, bases, BRANCH_ROLE)
    member = f"GRANT ROLE {quote(BRANCH_ROLE)} TO ROLE {quote(asking.role)}"
    return Note(
        f"{wanted}; {member};",
        f"branches act as role {asking.role!r}, which {reason}; have an administrator execute this,"
        f" and set `branch_role` to {BRANCH_ROLE!r}",
    )


def _of_branch_role(
    asking: Asking, database: str, bases: Sequence[SchemaName], name: str
) -> Iterator[Note]:
    held = asking.holdings(name)
    if told := [line for base in bases for line in _changes(asking, held, base)]:
        yield Note(
            "; ".join(revoke for base in bases for revoke in _revokes(base, name)) + ";",
            f"role {name!r}, which branches act as, may change production ({_some(told)}); what it"
            " owns there, or may do through another role, has to be taken from it too",
        )
    elif not held.whole:
        yield Note(
            f"{_least_rights(asking, database, bases, name)};",
            f"what role {name!r} may do is not shown to role {asking.role!r}, or it does not exist;"
            " with this it may read production and nothing else",
        )
    if not asking.has(name):
        yield Note(
            f"GRANT ROLE {quote(name)} TO ROLE {quote(asking.role)};",
            f"role {asking.role!r} is no member of {name!r}, so it may not use what it hands to it",
        )
    if secondary := _secondary_roles(asking):
        yield Note(
            "ALTER USER the_user SET DEFAULT_SECONDARY_ROLES = ();",
            f"the user's secondary roles ({secondary}) are active, so whoever acts as {name!r} has"
            " their rights as well",
        )


def _changes(asking: Asking, held: Holdings, base: SchemaName) -> Iterator[str]:
    """What of production a role may change, in words."""
    place = base.schema
    if any(each.privilege == "MANAGE GRANTS" and each.kind == "ACCOUNT" for each in held.grants):
        yield "it may grant itself anything"
    if held.may({_OWN}, "DATABASE", base.database):
        yield f"it owns database {base.database}"
    if held.may({_OWN}, "SCHEMA", base.database, place):
        yield f"it owns schema {place}"
    elif held.may(_ADD, "SCHEMA", base.database, place):
        yield f"it may create tables in {place}"
    elif held.may_make(base):
        yield f"it may change schema {place}, or make things in it"
    owned = {
        str(row["name"])
        for row in asking.tables_and_views(base) or []
        if row["owner"] in held.roles
    }
    if callable_ := sorted(held.objects({"USAGE"}, base, kind="PROCEDURE")):
        # https://docs.snowflake.com/en/developer-guide/stored-procedure/stored-procedures-rights:
        # unless they say otherwise, procedures do what their owner may do.
        yield f"it may call procedure {place}.{callable_[0]}, which may change what its owner may"
    if counting := sorted(held.objects({"USAGE"}, base, kind="SEQUENCE")):
        yield f"it may take numbers from sequence {place}.{counting[0]}"
    if changeable := sorted(held.objects(_CHANGE, base) | owned):
        yield f"it may change {', '.join(f'{place}.{name}' for name in changeable[:3])}" + (
            f" and {len(changeable) - 3} more" if len(changeable) > 3 else ""
        )
    if any(
        each.grantee in held.roles
        and (each.privilege in _CHANGE or (each.privilege == "USAGE" and each.kind in _ACTING))
        for each in asking.futures(base)
    ):
        yield f"it may change what will be made in {place}"


def _revokes(base: SchemaName, role: str) -> Iterator[str]:
    for which in ("ALL", "FUTURE"):
        yield (
            f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {which} TABLES IN SCHEMA {base}"
            f" FROM ROLE {quote(role)}"
        )
        for kind in ("PROCEDURES", "SEQUENCES"):
            yield f"REVOKE USAGE ON {which} {kind} IN SCHEMA {base} FROM ROLE {quote(role)}"
    for privilege in sorted(_ADD):
        yield f"REVOKE {privilege} ON SCHEMA {base} FROM ROLE {quote(role)}"


def _of_database(asking: Asking, database: str) -> Iterator[Note]:
    rows = asking.rows(statements.show_databases(database)) or []
    for row in rows:
        if row["name"] != database:
            continue
        if is_imported(row):
            yield Note(OF_A_SHARE, f"database {database!r} was made from a share: it is read-only")
        elif str(row.get("retention_time", "")).strip() == "0":
            # https://docs.snowflake.com/en/user-guide/data-time-travel#data-retention-period
            yield Note(
                f"ALTER DATABASE {quote(database)} SET DATA_RETENTION_TIME_IN_DAYS = 1;",
                f"database {database!r} keeps nothing that was dropped (its retention is 0 days),"
                " so UNDROP cannot bring back an environment that was dropped by mistake",
            )


def _of_new_tables(asking: Asking, base: SchemaName) -> Iterator[Note]:
    """Says that tables which are made later will not be cloned, where that can be told."""
    found = asking.tables_and_views(base)
    owned = found is not None and all(asking.has(str(row["owner"])) for row in found)
    if owned or asking.rows(statements.show_future_grants(base)) is None:
        return
    readable = _future_readers(asking, base)
    lacking = [kind for kind, single in _KINDS.items() if single not in readable]
    if lacking:
        yield Note(
            "; ".join(_to_read_future(asking, base, kind, asking.role) for kind in lacking) + ";",
            f"{' and '.join(kind.lower() for kind in lacking)} that others make in {base.schema}"
            f" from now on are not shown to role {asking.role!r}, and will not be in clones",
        )


def _secondary_roles(asking: Asking) -> str:
    """The session's secondary roles.

    https://docs.snowflake.com/en/sql-reference/functions/current_secondary_roles: JSON.
    """
    rows = asking.rows(_SECONDARY)
    text = str(next(iter(rows[0].values())) or "") if rows else ""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return ""
    return str(found.get("roles") or "") if isinstance(found, dict) else ""


def _some(lines: Sequence[str], *, most: int = 3) -> str:
    distinct = list(dict.fromkeys(lines))
    more = [f"and {len(distinct) - most} more"] if len(distinct) > most else []
    return "; ".join([*distinct[:most], *more])
