"""The double as a server: what tests can do to it, and that it holds under many sessions."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pandas as pd
import pytest
from dagster_snowflake_pandas import SnowflakePandasIOManager
from snowflake.connector.errors import Error, ProgrammingError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from branch_toolkit_tests.snowflake_double import CallNext, Dropped
from branch_toolkit_tests.snowflakes import Asking, SnowflakeDatabase, double_of


def test_every_statement_is_kept_with_its_sessions_tag_and_role(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    double = double_of(snowflake_database)
    ask('ALTER SESSION SET QUERY_TAG = \'{"app": "x"}\'')
    before = len(double.statements)
    ask("SELECT 1 -- as it is")
    [statement] = double.statements[before:]
    assert (statement.text, statement.tag) == ("SELECT 1 -- as it is", '{"app": "x"}')
    assert statement.role == "SYSADMIN"


def test_a_login_can_bring_a_tag(snowflake_database: SnowflakeDatabase) -> None:
    double = double_of(snowflake_database)
    parameters = {**snowflake_database.connection_args["session_parameters"], "QUERY_TAG": "t"}
    tagged = SnowflakeDatabase(
        snowflake_database.name,
        {**snowflake_database.connection_args, "session_parameters": parameters},
    )
    tagged.run("SELECT 1")
    assert double.statements[-1].tag == "t"


def test_a_wrong_password_is_refused(snowflake_database: SnowflakeDatabase) -> None:
    double_of(snowflake_database)
    args = {**snowflake_database.connection_args, "password": "wrong"}
    with pytest.raises(Error, match="Incorrect username or password"):
        SnowflakeDatabase(snowflake_database.name, args).run("SELECT 1")


@pytest.mark.parametrize("executed", [False, True])
def test_a_connection_can_be_broken_off_before_and_after_execution(
    ask: Asking, snowflake_database: SnowflakeDatabase, executed: bool
) -> None:
    double = double_of(snowflake_database)
    broken: list[str] = []

    async def once(request: Request, call_next: CallNext) -> Response:
        if broken or b"CREATE SCHEMA B" not in await _sql(request):
            return await call_next(request)
        broken.append("yes")
        if executed:
            await call_next(request)
        raise Dropped

    double.middleware = once
    # The connector sends the statement again by itself.
    if executed:
        with pytest.raises(ProgrammingError, match="already exists"):
            ask("CREATE SCHEMA B")
    else:
        ask("CREATE SCHEMA B")
    assert broken == ["yes"]
    assert "B" in ask.column("SHOW SCHEMAS")


async def _sql(request: Request) -> bytes:
    import gzip

    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return body


def test_an_expired_session_is_renewed_by_the_connector(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    double = double_of(snowflake_database)
    asked: list[str] = []

    async def expired(request: Request, call_next: CallNext) -> Response:
        asked.append(request.url.path)
        if len(asked) > 1:
            return await call_next(request)
        said = {"code": "390112", "message": "Your session has expired.", "data": None}
        return JSONResponse({**said, "success": False})

    double.middleware = expired
    assert ask("SELECT 1") == [(1,)]
    assert "/session/token-request" in asked


def test_a_middleware_can_answer_what_it_likes(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    double = double_of(snowflake_database)

    async def timeout(request: Request, call_next: CallNext) -> Response:
        content = json.loads((await call_next(request)).body)
        content |= {"code": "000630", "message": "Statement reached its timeout.", "success": False}
        return JSONResponse(content)

    double.middleware = timeout
    with pytest.raises(ProgrammingError, match="reached its timeout") as caught:
        ask("CREATE SCHEMA B")
    assert caught.value.errno == 630
    double.middleware = None
    assert "B" in ask.column("SHOW SCHEMAS")


def test_many_sessions_work_at_once(ask: Asking, snowflake_database: SnowflakeDatabase) -> None:
    ask("CREATE TABLE T AS SELECT 1 AS N")

    def work(number: int) -> int:
        with snowflake_database.connect() as connection:
            asking = Asking(connection)
            asking(f"CREATE SCHEMA B{number} CLONE A")
            asking(f"INSERT INTO B{number}.T VALUES ({number})")
            asking(f"INSERT INTO A.T VALUES ({number})")
            return int(asking(f"SELECT count(*) FROM B{number}.T")[0][0])

    with ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(work, range(16)))
    assert ask("SELECT count(*) FROM A.T") == [(17,)]
    assert len([name for name in ask.column("SHOW SCHEMAS") if name[0] == "B"]) == 16
    assert min(counts) >= 2


def test_a_second_writer_waits_for_the_first_ones_transaction(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    ask("CREATE TABLE T AS SELECT 1 AS N")
    ask("BEGIN")
    ask("UPDATE T SET N = N + 1")
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(snowflake_database.run, "UPDATE A.T SET N = N * 10")
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        ask("COMMIT")
        second.result(timeout=10)
    assert ask("SELECT N FROM T") == [(20,)]


def test_dagsters_own_io_manager_writes_partitions(
    ask: Asking, snowflake_database: SnowflakeDatabase
) -> None:
    days = dg.DailyPartitionsDefinition("2026-01-01")

    @dg.asset(partitions_def=days, metadata={"partition_expr": "DAY"})
    def orders(context) -> pd.DataFrame:  # type: ignore[no-untyped-def]
        return pd.DataFrame({"day": [pd.Timestamp(context.partition_key)] * 2, "n": [1, 2]})

    manager = SnowflakePandasIOManager(**snowflake_database.resource_args, schema="A")
    for day in ("2026-01-01", "2026-01-02", "2026-01-01"):
        dg.materialize([orders], resources={"io_manager": manager}, partition_key=day)
    assert ask("SELECT DAY::DATE::VARCHAR, count(*) FROM ORDERS GROUP BY 1 ORDER BY 1") == [
        ("2026-01-01", 2),
        ("2026-01-02", 2),
    ]
