"""Time Travel: AT and BEFORE, as https://docs.snowflake.com/en/sql-reference/constructs/at-before."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from branch_toolkit_tests.snowflake_double.model import Schema, Thing
from branch_toolkit_tests.snowflake_double.reading import Reader
from branch_toolkit_tests.snowflake_double.refusals import Refused, wrong
from branch_toolkit_tests.snowflake_double.session import Session

_TICK = timedelta(microseconds=1)


def moment_of(session: Session, moment: tuple[str, str] | None) -> datetime | None:
    """The time that AT or BEFORE names; None for now."""
    if moment is None:
        return None
    word, text = moment
    reader = Reader(text)
    kind = reader.word()
    reader.needs("=>")
    if kind == "STATEMENT":
        begun = session.settings.begun.get(reader.string())
        if begun is None:
            raise wrong("Statement is either invalid or not found.", number=709, state="02000")
        began, ended = begun
        return began - _TICK if word == "BEFORE" else ended
    at = _offset(session, reader) if kind == "OFFSET" else _timestamp(reader)
    return at - _TICK if word == "BEFORE" else at


def things_then(schema: Schema, at: datetime | None) -> list[Thing]:
    """What was in a schema then."""
    if at is None:
        return list(schema.things.values())
    found = [thing for thing in schema.things.values() if thing.created_on <= at]
    names = {thing.key for thing in found}
    gone = [
        thing
        for thing in schema.gone
        if thing.created_on <= at < thing.details["gone_on"] and thing.key not in names
    ]
    return found + gone


def as_it_was(table: Thing, at: datetime | None) -> str:
    """The version that a table had then."""
    if at is None:
        return str(table.details["at"])
    if at < table.created_on:
        raise too_long_ago("table", table.name)
    for until, version in table.details["versions"]:
        if at < until:
            return str(version)
    return str(table.details["at"])


def too_long_ago(kind: str, name: str) -> Refused:
    """https://docs.snowflake.com/en/user-guide/data-time-travel."""
    return Refused(
        707,
        "02000",
        f"SQL compilation error:\nTime travel data is not available for {kind} {name}. The"
        " requested time is either beyond the allowed time travel period or before the object"
        " creation time.",
    )


def _offset(session: Session, reader: Reader) -> datetime:
    sign = -1 if reader.has("-") else 1
    return session.account.now() + timedelta(seconds=sign * reader.number())


def _timestamp(reader: Reader) -> datetime:
    reader.any_of("TO_TIMESTAMP_TZ (", "TO_TIMESTAMP (", "CAST (")
    time = datetime.fromisoformat(reader.string().replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)
