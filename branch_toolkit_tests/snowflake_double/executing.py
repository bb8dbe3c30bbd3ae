"""Executes a statement, or says what fakesnow has to execute in its place."""

from __future__ import annotations

import re

from branch_toolkit_tests.snowflake_double import (  # noqa: F401
    databases,
    grants,
    loading,
    objects,
    schemas,
    sessions,
    showing,
    showing_grants,
    tables,
    views,
)
from branch_toolkit_tests.snowflake_double.answers import Answer
from branch_toolkit_tests.snowflake_double.dispatch import Bindings, Passed, handler_of
from branch_toolkit_tests.snowflake_double.loading import for_fakesnow
from branch_toolkit_tests.snowflake_double.querying import translated
from branch_toolkit_tests.snowflake_double.reading import Reader, tokens_of
from branch_toolkit_tests.snowflake_double.session import Session

_COMMITTING = frozenset(
    {"CREATE", "ALTER", "DROP", "UNDROP", "TRUNCATE", "GRANT", "REVOKE", "COMMENT"}
)


def execute(session: Session, sql: str, bindings: Bindings | None) -> Answer | Passed:
    """Executes a statement here, or says how fakesnow does it."""
    if bindings and re.search(r"(?i)\bidentifier\s*\(\s*\?|\binfer_schema\b", sql):
        sql, bindings = _with_values(sql, bindings), None
    sql = re.sub(r"(?i)\bidentifier\s*\(\s*'([^']*)'\s*\)", r"\1", sql)
    reader = Reader(sql)
    if not reader.tokens:
        return Answer(["status"], [["No statement."]])
    handler = handler_of(reader)
    if reader.tokens[0].text.upper() in _COMMITTING:
        # https://docs.snowflake.com/en/sql-reference/transactions#ddl
        session.end_transaction(commit=True)
    answer = handler(session, reader) if handler is not None else None
    if isinstance(answer, Answer):
        return answer
    if answer is not None:
        text, bindings = for_fakesnow(session, answer.sql, bindings)
        return Passed(text, bindings, answer.after)
    if handler is not None or reader.sees("PUT"):
        return Passed(*for_fakesnow(session, sql, bindings))
    text, after = translated(session, sql)
    text, bindings = for_fakesnow(session, text, bindings)
    return Passed(text, bindings, after)


def _with_values(sql: str, bindings: Bindings) -> str:
    """The statement with its values in the place of `?`; a name's value stands as it is."""
    text, last, number, before = "", 0, 0, [""] * 2
    for token in tokens_of(sql):
        if token.text == "?":
            number += 1
            value = str(bindings[str(number)]["value"])
            if before == ["IDENTIFIER", "("]:
                text = text[: text.upper().rindex("IDENTIFIER")] + value + "\0"
            else:
                text += sql[last : token.start] + "'" + value.replace("'", "''") + "'"
            last = token.end
        elif token.text == ")" and text.endswith("\0"):
            text, last = text[:-1], token.end
        else:
            text += sql[last : token.end]
            last = token.end
        before = [before[1], token.text.upper()]
    return text + sql[last:]
