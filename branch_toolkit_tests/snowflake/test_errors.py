"""What Snowflake's errors become: a kind, the GRANT or setting to change, and no secret."""

from __future__ import annotations

import pytest
from snowflake.connector.errors import (
    DatabaseError,
    Error,
    ForbiddenError,
    GatewayTimeoutError,
    HttpError,
    InternalServerError,
    NonRetryableTlsError,
    OperationalError,
    ProgrammingError,
)

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
from branch_toolkit.warehouses.snowflake import errors, statements
from branch_toolkit.warehouses.snowflake.meanings import NotThere
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit.warehouses.snowflake.statements import SchemaOptions, TimeTravel

BASE = SchemaName("PROD", "ANALYTICS")
CLONE = SchemaName("PROD", "ANALYTICS__PR_42")
CLONE_SCHEMA = statements.clone_schema(CLONE, BASE, SchemaOptions(), comment="{}")
CLONE_TABLE = statements.clone_table(CLONE / "ORDERS", BASE / "ORDERS", transient=False)
FILL = statements.fill(CLONE / "ORDERS", BASE / "ORDERS", where="day > 1")
QUERY = "01b7676a-0002-d908-0000-a99500f6e00e"


def _refusal(number: int, text: str, state: str = "n/a") -> ProgrammingError:
    return ProgrammingError(msg=text, errno=number, sqlstate=state, sfqid=QUERY)


def _meaning(error: Error, sql: str = CLONE_SCHEMA) -> BranchToolkitError:
    return errors.translate(
        error, doing="clone schema ANALYTICS", sql=sql, role="DAGSTER", database="PROD"
    )


DENIED = "SQL access control error:\nInsufficient privileges to operate on"


def test_what_is_not_there_is_told_in_both_readings() -> None:
    text = "SQL compilation error:\nSchema 'PROD.ANALYTICS' does not exist or not authorized."
    error = _meaning(_refusal(2003, text, "02000"))
    assert type(error) is NotThere
    assert isinstance(error, MissingRight)
    assert "Either it does not exist" in error.remedy
    assert 'GRANT USAGE ON SCHEMA "PROD"."ANALYTICS" TO ROLE "DAGSTER"' in error.remedy


def test_the_problem_says_what_was_done_what_snowflake_said_and_which_query_it_was() -> None:
    error = _meaning(_refusal(3001, f"003001 (42501): {QUERY}: {DENIED} schema 'X'.", "42501"))
    assert error.problem == (
        "Snowflake refused to clone schema ANALYTICS: SQL access control error: Insufficient"
        f" privileges to operate on schema 'X' (query {QUERY})."
    )


# Texts as in Snowflake's documentation where it shows one; else as its users report them.
HYBRID = (
    "SQL execution error: Cloning a SCHEMA which contains a HYBRID TABLE is unsupported. To perform"
    " the clone while skipping HYBRID TABLES, append the `IGNORE HYBRID TABLES` syntax to your DDL."
)
PAST = (
    "Time travel data is not available for schema ANALYTICS. The requested time is either beyond"
    " the allowed time travel period or before the object creation time."
)
AS_OF = statements.clone_schema(
    CLONE, BASE, SchemaOptions(), comment="{}", at=TimeTravel(before=QUERY)
)
OTHERS = [
    (392105, HYBRID, CLONE_SCHEMA, CloneFailed, 'clone_by="tables"'),
    (391411, "This feature is not supported for hybrid tables: 'CLONE'.", CLONE_TABLE, CloneFailed,
     "hybrid"),
    (3, "SQL execution error: Cannot clone from a shared database 'X'.", CLONE_SCHEMA, CloneFailed,
     "provider of the share"),
    (3001, "Cannot perform operation. Database is imported from a share.", CLONE_SCHEMA,
     CloneFailed, "provider of the share"),
    (707, PAST, AS_OF, CloneFailed, "`as_of`"),
    (1, f"Statement {QUERY} not found", AS_OF, CloneFailed, "14 days"),
    (1008, "SQL compilation error:\nExceeds maximum allowable retention time (1 day(s)).",
     CLONE_SCHEMA, CloneFailed, "`retention_days`"),
    (1, f"Object name '{'x' * 300}' exceeds maximum length limit of 255 characters", CLONE_SCHEMA,
     InvalidName, "255"),
    (630, "Statement reached its statement or warehouse timeout of 120 second(s) and was canceled.",
     CLONE_TABLE, CloneFailed, "STATEMENT_TIMEOUT_IN_SECONDS"),
    (604, "SQL execution canceled", CLONE_TABLE, CloneFailed, "STATEMENT_TIMEOUT_IN_SECONDS"),
    (625, ("Statement has locked table 'T' and has been aborted because the number of waiters for"
     " this lock exceeds the 20 statements limit."), FILL, BaseBusy, "SHOW LOCKS"),
    (606, "No active warehouse selected in the current session.", FILL, WarehouseUnavailable,
     "GRANT USAGE ON WAREHOUSE"),
    (90073, "Warehouse 'W' cannot be resumed because resource monitor 'R' has exceeded its quota.",
     FILL, WarehouseUnavailable, "quota"),
    (2002, "SQL compilation error:\nObject 'ANALYTICS__PR_42' already exists.", CLONE_SCHEMA,
     StalePlan, "plan again"),
    (904, "SQL compilation error: error line 1 at position 9\ninvalid identifier 'DAY'", FILL,
     InvalidRule, "`where`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "text", "sql", "kind", "remedy"), OTHERS, ids=[text[:40] for _, text, *_ in OTHERS]
)
def test_each_refusal_has_its_kind_and_its_remedy(
    number: int, text: str, sql: str, kind: type[BranchToolkitError], remedy: str
) -> None:
    error = _meaning(_refusal(number, text), sql)
    assert isinstance(error, kind)
    assert remedy in error.remedy


def test_what_nobody_knows_is_told_with_snowflakes_words_and_the_query() -> None:
    error = _meaning(_refusal(999_999, "Something new."))
    assert type(error) is CloneFailed
    assert f"Something new (query {QUERY})" in error.problem
    assert "query history" in error.remedy


def test_names_in_quotes_decide_nothing() -> None:
    text = "SQL compilation error:\nObject 'Time travel data is not available' already exists."
    assert type(_meaning(_refusal(2002, text))) is StalePlan


LOGINS = [
    (390100, "Incorrect username or password was specified.", "`user`"),
    (250001, "Incorrect username or password was specified.", "`user`"),
    (390144, "JWT token is invalid. [0ce9eb56-821d-4ca9-a774-04ae89a0cf5a]", "fingerprint"),
    (390189, "Role 'DAGSTER' specified in the connect string does not exist or not authorized.",
     'GRANT ROLE "DAGSTER" TO USER'),
    (390422, "Incoming request with IP/Token 203.0.113.9 is not allowed to access Snowflake.",
     "network policy"),
    (250001, "Failed to connect to DB. Verify the account name is correct: x:443.", "`account`"),
    (390101, "User access disabled.", "how the resource logs in"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "text", "remedy"), LOGINS, ids=[str(n) for n, *_ in LOGINS])
def test_a_refused_login_is_explained_and_not_tried_again(
    number: int, text: str, remedy: str
) -> None:
    refused = DatabaseError(
        msg=f"Failed to connect to DB: x.snowflakecomputing.com:443. {text}",
        errno=number,
        sqlstate="08001",
    )
    error = _meaning(refused, "")
    assert isinstance(error, WarehouseUnavailable)
    assert remedy in error.remedy
    assert not errors.is_connection_lost(refused)
    assert not errors.is_session_gone(refused)


LOST = [
    OperationalError(msg="Failed to execute request", errno=250003),
    OperationalError(msg="Login request is retryable.", errno=251012),
    OperationalError(msg="Failed to connect to DB. Service is unavailable: x:443", errno=250001),
    InternalServerError(errno=500),
    GatewayTimeoutError(errno=504),
    HttpError(msg="429 Too Many Requests: post", errno=290429, sqlstate="08001"),
]
GONE = [
    ProgrammingError(msg="Session no longer exists.", errno=390111),
    ProgrammingError(msg="Your session has expired.", errno=390112),
    ProgrammingError(msg="Authentication token has expired.", errno=390114),
    DatabaseError(msg="Connection is closed", errno=250002, sqlstate="08003"),
]
NEITHER = [
    NonRetryableTlsError(msg="Hit non-retryable SSL error", errno=250003),
    HttpError(msg="404 Not Found: post", errno=290404, sqlstate="08001"),
    ForbiddenError(errno=403),
    _refusal(3001, DENIED, "42501"),
]


@pytest.mark.parametrize("error", LOST, ids=lambda error: str(error)[:40])
def test_a_lost_connection_is_told_from_a_refusal(error: Error) -> None:
    assert errors.is_connection_lost(error)
    assert not errors.is_session_gone(error)
    assert isinstance(_meaning(error), WarehouseUnavailable)
    assert "was lost" in _meaning(error).problem


@pytest.mark.parametrize("error", GONE, ids=lambda error: str(error)[:40])
def test_a_session_that_has_ended_is_told_from_a_lost_connection(error: Error) -> None:
    assert errors.is_session_gone(error)
    assert not errors.is_connection_lost(error)
    assert isinstance(_meaning(error), WarehouseUnavailable)


@pytest.mark.parametrize("error", NEITHER, ids=lambda error: str(error)[:40])
def test_what_would_fail_again_is_not_tried_again(error: Error) -> None:
    assert not errors.is_connection_lost(error)
    assert not errors.is_session_gone(error)


def test_what_is_there_and_what_is_not() -> None:
    there, gone = _refusal(2002, "exists", "42710"), _refusal(2003, "does not exist", "02000")
    other = _refusal(2043, "Object does not exist, or operation cannot be performed.", "02000")
    assert [errors.already_exists(e) for e in (there, gone, other)] == [True, False, False]
    assert [errors.not_there(e) for e in (there, gone, other)] == [False, True, True]
    assert type(_meaning(other)) is NotThere


@pytest.mark.parametrize(
    "secret",
    [
        "password='correct-horse'",
        "https://etl:correct-horse@proxy:3128/",
        "-----BEGIN PRIVATE KEY-----\nMIIEcorrect/horse+bYQ==\n-----END PRIVATE KEY-----",
        "token: correct-horse-battery-staple-correct-horse-battery-staple",
    ],
)
def test_no_text_shows_a_secret(secret: str) -> None:
    error = _meaning(DatabaseError(msg=f"Failed to connect to DB: {secret}", errno=250001), "")
    assert "correct-horse" not in str(error)
    assert "correct/horse" not in str(error)


def test_errors_inside_are_explained_and_keep_their_cause() -> None:
    refused = _refusal(2002, "already exists", "42710")
    with (
        pytest.raises(StalePlan) as raised,
        errors.explained(doing="make it", sql="", role="R", database="D"),
    ):
        raise refused
    assert raised.value.__cause__ is refused
    with pytest.raises(ZeroDivisionError), errors.explained(doing="", sql="", role="", database=""):
        _ = 1 / 0


def test_a_database_of_a_share_is_explained_before_anything_is_made() -> None:
    error = errors.imported("WEATHER", base="PUBLIC")
    assert "database 'WEATHER' was made from a share" in error.problem
    assert "CREATE TABLE … AS SELECT" in error.remedy
