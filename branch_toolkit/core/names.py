"""Names of clones: (project, repository, branch, base schema) → one schema name, for ever.

A name has two parts, parted by its last `__`: the base schema and the environment, as in
`analytics__pr_42`. Whatever cannot be kept whole (a long branch, upper case, other scripts)
is made readable and ends in a digest of the whole identity, so that no two branches share a name.

These rules are a promise: a change would orphan every environment that exists.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from branch_toolkit.core.branch import BranchKey
from branch_toolkit.core.errors import InvalidName

SEPARATOR = "__"
DEFAULT_PROJECT = "default"

_SHORT, _LONG = 6, 16
_LONGEST_SLUG = 30
_LONGEST_SLUG_BESIDE_A_CUT_BASE = 24
# A name in the usual style, such as `feature/login-page`. Two of them with the same slug can only
# differ in the first separator, so six digits of a digest tell them apart; all others get sixteen.
_PLAIN = re.compile(r"[a-z0-9]+(?:/[a-z0-9]+)?(?:-[a-z0-9]+)*|pr_[0-9]+")
_SNOWFLAKE_UNQUOTED = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a warehouse treats a schema's name.

    Args:
        name: The warehouse, for people to read.
        limit: The longest name.
        length: How a name is measured against `limit`.
        fold: What the warehouse makes of a base schema's name as a user writes it.
        case: The letter case of the part that we add.
        reserved: What no schema's name may begin with.
        transactional: Whether a schema can be renamed and given a mark in one transaction.
    """

    name: str
    limit: int
    length: Callable[[str], int]
    fold: Callable[[str], str]
    case: Callable[[str], str]
    reserved: str | None = None
    transactional: bool = True


def _bytes(text: str) -> int:
    return len(text.encode())


def _same(text: str) -> str:
    return text


def _snowflake_fold(text: str) -> str:
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return text[1:-1].replace('""', '"')
    return text.upper() if _SNOWFLAKE_UNQUOTED.fullmatch(text) else text


# https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS: 63 bytes.
POSTGRES = Dialect("Postgres", limit=63, length=_bytes, fold=_same, case=str.lower, reserved="pg_")
# https://docs.snowflake.com/en/sql-reference/identifiers-syntax: 255 characters, folded to upper.
SNOWFLAKE = Dialect(
    "Snowflake",
    limit=255,
    length=len,
    fold=_snowflake_fold,
    case=str.upper,
    transactional=False,
)


def environment_name(branch: BranchKey, *, project: str = DEFAULT_PROJECT) -> str:
    """The name of a branch's environment, such as `pr_42` or `feature_login_c3fa9b`."""
    if branch.number is not None and branch.repository is None and project == DEFAULT_PROJECT:
        return f"pr_{branch.number}"
    parts = [] if project == DEFAULT_PROJECT else [project]
    if branch.repository is not None:
        parts.append(branch.repository.rpartition("/")[2])
    parts.append(f"pr_{branch.number}" if branch.number is not None else str(branch.name))
    slug = "_".join(filter(None, map(_slug, parts))) or "branch"
    whole = (
        branch.repository is None
        and all(map(_PLAIN.fullmatch, parts))
        and len(slug) <= _LONGEST_SLUG
    )
    digest = _digest(project, branch, length=_SHORT if whole else _LONG)
    return f"{slug[:_LONGEST_SLUG].strip('_')}_{digest}"


def clone_name(
    base_schema: str,
    branch: BranchKey,
    *,
    project: str = DEFAULT_PROJECT,
    dialect: Dialect = POSTGRES,
) -> str:
    """The name of a branch's clone of a base schema, such as `analytics__pr_42`.

    Raises:
        InvalidName: The base schema's name is empty or longer than the dialect allows, or the
            clone's name would be one that the dialect reserves.
    """
    base = dialect.fold(base_schema)
    if not base or dialect.length(base) > dialect.limit or "\0" in base:
        raise InvalidName(
            f"{base_schema!r} cannot be a schema's name in {dialect.name}"
            f" (1 to {dialect.limit} {'bytes' if dialect.length is _bytes else 'characters'}).",
            remedy="Correct `schemas` of the warehouse resource.",
        )
    if dialect.reserved and f"{base}{SEPARATOR}".startswith(dialect.reserved):
        raise InvalidName(
            f"A clone of {base_schema!r} would have a name that begins with {dialect.reserved!r},"
            f" which {dialect.name} reserves for itself.",
            remedy="Take that schema out of `schemas`, or rename it.",
        )
    environment = environment_name(branch, project=project)
    name = f"{base}{SEPARATOR}{dialect.case(environment)}"
    if dialect.length(name) <= dialect.limit:
        return name
    # The base's name is cut too, so the digest has to cover it.
    readable = environment[:_LONGEST_SLUG_BESIDE_A_CUT_BASE].strip("_")
    tail = dialect.case(f"_{readable}_{_digest(project, branch, base, length=_LONG)}")
    return _cut(base, dialect, dialect.limit - dialect.length(tail)) + tail


def clone_names(
    base_schemas: Collection[str],
    branch: BranchKey,
    *,
    project: str = DEFAULT_PROJECT,
    dialect: Dialect = POSTGRES,
) -> Mapping[str, str]:
    """The names of all of a branch's clones, by base schema.

    Raises:
        InvalidName: A clone would have the name of a base schema, or two base schemas are one.
    """
    if len({dialect.fold(base) for base in base_schemas}) < len(base_schemas):
        raise InvalidName(
            f"Two of the base schemas {', '.join(base_schemas)} are one in {dialect.name}.",
            remedy="Name each once in `schemas` of the warehouse resource.",
        )
    names = {
        base: clone_name(base, branch, project=project, dialect=dialect) for base in base_schemas
    }
    for base, name in names.items():
        if name in {dialect.fold(other) for other in base_schemas}:
            raise InvalidName(
                f"The clone of {base!r} for {branch} would be called {name!r},"
                " which is itself a base schema.",
                remedy="Take that schema out of `schemas`, or set another `project`.",
            )
    return names


def half_name(clone: str, condition: str, *, dialect: Dialect = POSTGRES) -> str:
    """The name of a schema that is not yet, or no longer, a whole clone: `…__pr_42__building`.

    No clone has such a name, as what follows its last `__` is an environment's name.
    """
    tail = dialect.case(f"{SEPARATOR}{condition}")
    if dialect.length(clone + tail) <= dialect.limit:
        return clone + tail
    digest = hashlib.sha256(clone.encode()).hexdigest()[:_LONG]
    tail = dialect.case(f"_{digest}") + tail
    return _cut(clone, dialect, dialect.limit - dialect.length(tail)) + tail


def _slug(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")


def _digest(project: str, branch: BranchKey, *more: str, length: int) -> str:
    identity = [project, branch.repository, branch.number, branch.name, *more]
    text = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    # It begins with a letter, so that it is never taken for a pull request's number.
    return text.lstrip("0123456789")[:length].ljust(length, "f")


def _cut(text: str, dialect: Dialect, limit: int) -> str:
    while dialect.length(text) > limit:
        text = text[:-1]
    return text.rstrip("_")
