"""Turns the connector's errors into ours; nothing else but `meanings` looks at their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from snowflake.connector.errors import Error, NonRetryableTlsError
from snowflake.connector.secret_detector import SecretDetector

from branch_toolkit.core.errors import BranchToolkitError, CloneFailed, WarehouseUnavailable
from branch_toolkit.warehouses.snowflake.meanings import (
    HTTP,
    LOGIN,
    MEANINGS,
    OF_A_SHARE,
    Case,
)

_LONGEST = 600
_TRY_AGAIN = frozenset({408, 429})
# The connector's `network.py` and `errorcode.py`: the session, or what renews it, has ended.
_GONE = frozenset({250002, 390111, 390112, 390113, 390114, 390115, 390195})
# The same: a request, an answer or a part of a result was lost, as often as it was repeated.
_LOST = frozenset({250003, 250005, 251011, 251012, 252007, 252010, 252013})
# What the connector says where it has asked in vain, rather than been refused.
_UNANSWERED = re.compile(
    r"retryable|timeout|timed out|unavailable|could not connect", re.IGNORECASE
)
_NUMBER = re.compile(r"\A\d{6}(?: \(\w+\))?:\s*")
_QUERY = re.compile(r"\A(?:None|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}):\s*")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*@")


def translate(
    error: Error, *, doing: str, sql: str, role: str, database: str
) -> BranchToolkitError:
    """What an error means, without secrets.

    Args:
        error: What the connector raised.
        doing: What was being done: a verb and its object, such as `clone schema ANALYTICS`.
        sql: The statement; empty where there was none, as in a login.
        role: The role that we have; empty or `?` where that is not known.
        database: The database that we work in.
    """
    case = Case(sql.strip(), _said(error), role.strip("?") or "the_role", database)
    told = f"{case.said} (query {error.sfqid})" if error.sfqid else case.said
    if is_connection_lost(error) or is_session_gone(error):
        return WarehouseUnavailable(
            f"The connection to Snowflake was lost while we tried to {doing}: {told}.",
            remedy="Try again: what was done before is found, and done work is not done twice.",
        )
    status = _status(error)
    number = error.errno if status is None else HTTP + status
    for meaning in MEANINGS:
        if meaning.fits(number, case):
            remedy = meaning.remedy if isinstance(meaning.remedy, str) else meaning.remedy(case)
            return meaning.kind(f"Snowflake refused to {doing}: {told}.", remedy=remedy)
    return CloneFailed(
        f"Snowflake refused to {doing}: {told}.",
        remedy="Look the query up in Snowflake's query history. What it was part of is taken back,"
        " or by the next run.",
    )


@contextmanager
def explained(*, doing: str, sql: str, role: str, database: str) -> Iterator[None]:
    """Turns the connector's errors inside into ours; see `translate`."""
    try:
        yield
    except Error as error:
        raise translate(error, doing=doing, sql=sql, role=role, database=database) from error


def is_connection_lost(error: Error) -> bool:
    """Whether nobody knows if the statement was executed, and it is worth trying again.

    A login that was refused is not: repeating it could lock the user.
    """
    if isinstance(error, NonRetryableTlsError):
        return False
    if (status := _status(error)) is not None:
        return status >= 500 or status in _TRY_AGAIN or status == 0
    if error.errno == LOGIN:
        return _UNANSWERED.search(_said(error)) is not None
    return error.errno in _LOST


def is_session_gone(error: Error) -> bool:
    """Whether the session has ended, so that the statement was not executed; log in anew."""
    return error.errno in _GONE


def already_exists(error: Error) -> bool:
    """Whether an object of that name is there already."""
    return error.errno == 2002 or error.sqlstate == "42710"


def not_there(error: Error) -> bool:
    """Whether an object does not exist, or the role may not see it."""
    return error.errno in (2003, 2043)


def imported(database: str, *, base: str) -> CloneFailed:
    """The error of a base that lies in a database made from a share: `Schema 'ANALYTICS'`.

    https://docs.snowflake.com/en/user-guide/data-share-consumers: neither it nor a schema or table
    in it can be cloned, and nothing can be made in it.
    """
    return CloneFailed(
        f"{base} cannot be cloned: database {database!r} was made from a share.",
        remedy=OF_A_SHARE,
    )


def _status(error: Error) -> int | None:
    """The status of an HTTP answer. The connector adds 290000, and again when it gives up."""
    for status in (error.errno - HTTP, error.errno - 2 * HTTP):
        if 0 <= status < 1000:
            return status
    return None


def _said(error: Error) -> str:
    raw = str(error.raw_msg or error.msg or type(error).__name__).strip()
    safe = _CREDENTIALS.sub("***@", str(SecretDetector.mask_secrets(raw).masked_text or ""))
    line = " ".join(_QUERY.sub("", _NUMBER.sub("", _QUERY.sub("", safe))).split())
    return (line[:_LONGEST] + " …" if len(line) > _LONGEST else line).rstrip(". ")
