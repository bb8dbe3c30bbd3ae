"""What each of Snowflake's errors means, and the remedy: a table, read by `errors`.

Snowflake publishes no list of its errors. Where its documentation or the connector's source shows a
number, that decides; the text, which may change, decides only where it must.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from branch_toolkit.core.errors import (
    BaseBusy,
    BranchToolkitError,
    CloneFailed,
    InvalidName,
    MissingRight,
    StalePlan,
    WarehouseUnavailable,
)
from branch_toolkit.core.strategy import InvalidRule
from branch_toolkit.warehouses.snowflake import asked_grants
from branch_toolkit.warehouses.snowflake.names import quote

LOGIN = 250001
"""The connector's number for a login that failed, for whatever reason."""
HTTP = 290_000
"""What the connector adds to the status of an HTTP answer."""

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]")


class NotThere(MissingRight):
    """An object does not exist, or the role may not see it; Snowflake does not tell which."""


@dataclass(frozen=True, slots=True)
class Case:
    """What an error was met with.

    Args:
        sql: The statement.
        said: What Snowflake said.
        role: The role that we have.
        database: The database that we work in.
    """

    sql: str
    said: str
    role: str
    database: str

    def grants(self) -> list[str]:
        """What the statement may have lacked."""
        return asked_grants.needed(
            self.sql, message=self.said, database=self.database, role=self.role
        )


Remedy = Callable[[Case], str]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A kind of error.

    Args:
        kind: What it is to us.
        remedy: What can be done about it.
        numbers: It has one of these numbers.
        text: Or its text, without what stands in quotes, looks like this.
        sql: And the statement like this.
    """

    kind: type[BranchToolkitError]
    remedy: str | Remedy
    numbers: frozenset[int] = frozenset()
    text: re.Pattern[str] | None = None
    sql: re.Pattern[str] | None = None

    def fits(self, number: int, case: Case) -> bool:
        """Whether an error of that number is of this kind."""
        if self.sql and not self.sql.match(case.sql):
            return False
        plain = _QUOTED.sub("", case.said)
        return number in self.numbers or bool(self.text and self.text.search(plain))


def _ask_for(statements: list[str]) -> str:
    listed = "; ".join(statements)
    return f"Have an administrator execute what is missing of: {listed}."


def _lacking(case: Case) -> str:
    if wanted := case.grants():
        return _ask_for(wanted)
    return (
        f"Grant role {case.role} what the statement needs; `branch-toolkit doctor` prints what is"
        " missing, `branch-toolkit snowflake-setup` a set-up with the least rights."
    )


def _not_there(case: Case) -> str:
    wanted = case.grants() or [asked_grants.use_database(case.database, case.role)]
    return (
        f"Either it does not exist: then correct the names in the resource, or plan again if it was"
        f" dropped meanwhile. Or role {case.role} may not see it: then have an administrator"
        f" execute what is missing of: {'; '.join(wanted)}."
    )


def _too_long_kept(case: Case) -> str:
    return (
        "Set `retention_days` of the resource to at most what the account allows (1 in Standard"
        " Edition, 1 for transient schemas, else 90), or leave it out to keep the database's own"
        f" (now: SHOW PARAMETERS LIKE 'DATA_RETENTION_TIME_IN_DAYS' IN DATABASE"
        f" {quote(case.database)})."
    )


def _no_role(case: Case) -> str:
    return (
        f"Correct `role` of the resource, or have an administrator execute: GRANT ROLE"
        f" {quote(case.role)} TO USER the_user."
    )


OF_A_SHARE = (
    "Let the provider of the share clone it on its side; or copy what is needed into a database"
    " of your own (CREATE TABLE … AS SELECT) and name its schema in `schemas`."
)
_CREDENTIALS_REFUSED = (
    "Check `user` and the key, password or token of the resource. For a key pair: DESCRIBE USER"
    " must show the fingerprint of the key's public half in RSA_PUBLIC_KEY_FP, and this machine's"
    " clock must be right."
)


def _text(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# In this order; the first that fits counts.
MEANINGS = (
    # https://docs.snowflake.com/en/release-notes/bcr-bundles/2024_08/bcr-1792
    Meaning(
        CloneFailed,
        'Clone the schema table by table (`clone_by="tables"`), which leaves hybrid tables out'
        " and says so.",
        numbers=frozenset({391411, 392105, 392106}),
        text=_text(r"hybrid table.*(?:unsupported|not supported)|not supported for hybrid tables"),
    ),
    # https://docs.snowflake.com/en/user-guide/data-share-consumers; its text is not documented.
    Meaning(
        CloneFailed,
        OF_A_SHARE,
        text=_text(r"\b(?:shared|imported|inbound)\b.*\b(?:database|share|object)|from a share\b"),
        sql=_text(r"CREATE\b"),
    ),
    # https://docs.snowflake.com/en/sql-reference/sql/create-clone#troubleshoot-cloning-objects-using-time-travel
    Meaning(
        CloneFailed,
        "Give a later `as_of`: after the object was made, and within its retention (the column"
        " `retention_time` of SHOW SCHEMAS and SHOW TABLES). What has left Time Travel cannot be"
        " had back.",
        numbers=frozenset({707}),
        text=_text(r"time travel data is not available"),
    ),
    # The same page: a query id is known for 14 days.
    Meaning(
        CloneFailed,
        "Snowflake knows the queries of the last 14 days; give `as_of` as a time instead.",
        text=_text(r"statement\b.*\bnot found"),
        sql=_text(r"CREATE\b.* CLONE\b.*STATEMENT =>"),
    ),
    # https://docs.snowflake.com/en/user-guide/data-time-travel#data-retention-period
    Meaning(
        CloneFailed,
        _too_long_kept,
        text=_text(r"maximum allowable retention time|retention time.*(?:exceed|invalid)"),
    ),
    # https://docs.snowflake.com/en/sql-reference/identifiers-syntax
    Meaning(
        InvalidName,
        "Names have at most 255 characters: shorten the base schema's name in `schemas`, or set a"
        " shorter `project`.",
        text=_text(r"exceeds (?:the )?maximum (?:length|allowed).*255|identifier.*too long"),
    ),
    # https://docs.snowflake.com/en/sql-reference/parameters#statement-timeout-in-seconds
    Meaning(
        CloneFailed,
        "Raise STATEMENT_TIMEOUT_IN_SECONDS of the virtual warehouse, user or session (the lowest"
        " of them counts), or let `rules` sample or empty the largest tables.",
        numbers=frozenset({604, 630}),
        text=_text(r"statement or warehouse timeout|execution canceled"),
    ),
    # https://docs.snowflake.com/en/sql-reference/parameters#lock-timeout
    Meaning(
        BaseBusy,
        "Somebody else works on the same object; try again when their transaction has ended (SHOW"
        " LOCKS tells whose it is).",
        numbers=frozenset({625}),
        text=_text(r"\block timeout\b|waiting for (?:a )?lock|number of waiters for this lock"),
    ),
    Meaning(
        WarehouseUnavailable,
        "Name a virtual warehouse in `warehouse` of the resource, and let the role use it: GRANT"
        " USAGE ON WAREHOUSE the_warehouse TO ROLE the_role. The information schema is asked by"
        " one, too: https://docs.snowflake.com/en/sql-reference/info-schema.",
        numbers=frozenset({606}),
        text=_text(r"no active warehouse|requested warehouse does not exist"),
    ),
    Meaning(
        WarehouseUnavailable,
        "Raise the quota of the resource monitor, or wait for its next interval.",
        numbers=frozenset({90073}),
        text=_text(r"resource monitor.*exceeded"),
    ),
    Meaning(
        WarehouseUnavailable,
        _no_role,
        numbers=frozenset({390189}),
        text=_text(r"specified in the connect string does not exist"),
    ),
    # The connector's `network.py`, CREDENTIAL_REJECTION_GS_CODES, and OAuth's.
    Meaning(
        WarehouseUnavailable,
        _CREDENTIALS_REFUSED,
        numbers=frozenset({390100, 390144, 390303, 390318, *range(394300, 394305)}),
        text=_text(r"incorrect username or password|jwt token is invalid|password is empty"),
    ),
    # https://docs.snowflake.com/en/user-guide/network-policies
    Meaning(
        WarehouseUnavailable,
        "A network policy keeps this machine out; have an administrator allow its address.",
        numbers=frozenset({390420, 390422}),
        text=_text(r"not allowed to access snowflake"),
    ),
    Meaning(
        WarehouseUnavailable,
        "Check `account` of the resource: the organization's and the account's name, as in"
        " acme-analytics, without .snowflakecomputing.com; and that this machine reaches it.",
        numbers=frozenset({LOGIN, 250003, HTTP + 403, HTTP + 404, *range(251001, 251022)}),
    ),
    Meaning(
        NotThere,
        _not_there,
        text=_text(r"requested (?:database|schema) does not exist"),
    ),
    Meaning(
        WarehouseUnavailable,
        "Check how the resource logs in: `user`, `authenticator` and its secret.",
        numbers=frozenset(range(390100, 390500)),
    ),
    Meaning(
        StalePlan,
        "It was made since the plan was; plan again.",
        numbers=frozenset({2002}),
        text=_text(r"\balready exists\b"),
    ),
    # https://docs.snowflake.com/en/user-guide/security-access-control-privileges
    Meaning(
        MissingRight,
        _lacking,
        numbers=frozenset({3001}),
        text=_text(r"insufficient privileges|sql access control error"),
    ),
    Meaning(
        NotThere,
        _not_there,
        numbers=frozenset({2003, 2043}),
        text=_text(r"does not exist,? or (?:is )?(?:not authorized|operation cannot be performed)"),
    ),
    # Of all that we fill tables with, only a rule's `where` is written by a user.
    Meaning(
        InvalidRule,
        "Correct `where` of the rule that samples this table; it is Snowflake's SQL.",
        numbers=frozenset({904, 1003}),
        sql=_text(r"INSERT OVERWRITE\b"),
    ),
)
