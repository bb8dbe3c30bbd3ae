"""The double itself: an HTTP server in this process that the unmodified connector speaks to."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.answers import Answer, refusal_as_json, timestamps
from branch_toolkit_tests.snowflake_double.dispatch import Passed
from branch_toolkit_tests.snowflake_double.executing import execute
from branch_toolkit_tests.snowflake_double.hooks import Dropped, Middleware, Received
from branch_toolkit_tests.snowflake_double.model import Account
from branch_toolkit_tests.snowflake_double.reading import stored
from branch_toolkit_tests.snowflake_double.refusals import Refused
from branch_toolkit_tests.snowflake_double.session import Locked, Session
from branch_toolkit_tests.snowflake_double.sessions import use_role

PASSWORD = "secret-of-the-double"
_LONGEST_WAIT = 20.0
# `fakesnow.server` as an attribute is a function of the same name.
fakesnow_server: Any = import_module("fakesnow.server")
fakesnow_arrow: Any = import_module("fakesnow.arrow")


class Double:
    """An account, and what tests may look at and change.

    `statements` has every statement that came, in order; `middleware` is asked before every request
    is answered; `metrics_readable` says whether TABLE_STORAGE_METRICS may be read; `account` is
    what there is.
    """

    def __init__(self) -> None:
        self.account = Account()
        self.statements: list[Received] = []
        self.middleware: Middleware | None = None
        self.metrics_readable = True
        self.begun: dict[str, tuple[datetime, datetime]] = {}
        self.port = 0
        self.sessions: dict[str, Session] = {}
        self.app: ASGIApp = _Front(self)
        self._lock = asyncio.Lock()

    @property
    def connection_args(self) -> dict[str, Any]:
        """What `snowflake.connector.connect` needs to come here."""
        return {
            "account": "testing",
            "user": "tester",
            "password": PASSWORD,
            "role": "SYSADMIN",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "login_timeout": 10,
            "network_timeout": 10,
            "platform_detection_timeout_seconds": 0,
            "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        }

    async def login(self, request: Request) -> JSONResponse:
        """https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-connect."""
        asked = dict(parse_qsl(request.url.query))
        body = await _body(request)
        if body["data"].get("PASSWORD", PASSWORD) not in (PASSWORD, ""):
            text = "Incorrect username or password was specified."
            return JSONResponse(refusal_as_json(Refused(390100, "08001", text)))
        inner = _request(request, body, b"databaseName=STORE&schemaName=DATA")
        answer = json.loads((await fakesnow_server.login_request(inner)).body)
        token = answer["data"]["token"]
        session = Session(self.account, fakesnow_server.sessions[token], self, "SYSADMIN")
        try:
            self._enter(session, asked, body["data"].get("SESSION_PARAMETERS") or {})
        except Refused as refused:
            return JSONResponse(refusal_as_json(refused))
        self.sessions[token] = session
        answer["data"] |= {"masterToken": token, "sessionId": len(self.sessions)}
        answer["data"] |= {"validityInSeconds": 3600, "masterValidityInSeconds": 14400}
        answer["data"]["serverVersion"] = "9.38.0"
        names = {"databaseName": session.database, "schemaName": session.schema}
        answer["data"]["sessionInfo"] = {**names, "roleName": session.role, "warehouseName": None}
        answer["data"]["parameters"].append({"name": "CLIENT_TELEMETRY_ENABLED", "value": False})
        return JSONResponse(answer)

    def _enter(self, session: Session, asked: dict[str, str], parameters: dict[str, Any]) -> None:
        role = stored(asked.get("roleName") or "SYSADMIN")
        if role not in self.account.roles:
            raise Refused(
                250001,
                "08001",
                f"Role '{role}' specified in the connect string does not exist or not authorized."
                " Contact your local system administrator, or attempt to login with another role.",
            )
        use_role(session, role)
        session.tag = str(parameters.get("QUERY_TAG") or "")
        session.autocommit = str(parameters.get("AUTOCOMMIT", True)).upper() == "TRUE"
        database = stored(asked["databaseName"]) if asked.get("databaseName") else None
        # A database or schema that is not there makes no login fail; the session has none then.
        if database in self.account.databases:
            session.database = database
            schema = stored(asked.get("schemaName") or "PUBLIC")
            found = self.account.databases[str(database)].schemas.get(schema)
            session.schema = schema if found is not None else None

    async def session(self, request: Request) -> Response:
        """Keeps a session alive, or ends it: its open transaction is rolled back."""
        if request.query_params.get("delete"):
            session = self.sessions.pop(_token(request), None)
            if session is not None:
                session.end_transaction(commit=False)
        response: Response = await fakesnow_server.session(request)
        return response

    async def renew(self, request: Request) -> JSONResponse:
        """Gives a session a new token, as after 390112."""
        body = await _body(request)
        token = body["oldSessionToken"]
        data = {"sessionToken": token, "masterToken": token, "sessionId": 1}
        data |= {"validityInSecondsST": 3600, "validityInSecondsMT": 14400}
        return JSONResponse({"success": True, "data": data, "code": None, "message": None})

    async def query(self, request: Request) -> Response:
        """Executes a statement; one at a time."""
        body = await _body(request)
        session = self.sessions.get(_token(request))
        if session is None:
            return await fakesnow_server.query_request(_request(request, body))
        tag = (body.get("parameters") or {}).get("QUERY_TAG", session.tag)
        self.statements.append(Received(body["sqlText"], tag, session.role))
        deadline = time.monotonic() + _LONGEST_WAIT
        while True:
            try:
                async with self._lock:
                    return await self._answer(session, request, body)
            except Locked:
                if time.monotonic() > deadline:
                    text = "Statement timed out waiting for another transaction's lock."
                    return JSONResponse(refusal_as_json(Refused(625, "57014", text)))
                await asyncio.sleep(0.01)

    async def _answer(self, session: Session, request: Request, body: dict[str, Any]) -> Response:
        begun = self.account.now()
        try:
            outcome = execute(session, body["sqlText"], body.get("bindings"))
        except Refused as refused:
            return JSONResponse(refusal_as_json(refused))
        except Locked:
            raise
        except Exception:  # noqa: BLE001
            # A 500 would be retried by the connector.
            text = f"The Snowflake double failed:\n{traceback.format_exc()}"
            return JSONResponse(refusal_as_json(Refused(300005, "XX000", text)))
        if isinstance(outcome, Answer):
            answer = outcome.as_json(session.database, session.schema)
        else:
            answer = await self._pass_on(session, request, body, outcome)
        if answer["success"] and answer["data"].get("queryId"):
            self.begun[answer["data"]["queryId"]] = (begun, self.account.now())
        return JSONResponse(answer)

    async def _pass_on(
        self, session: Session, request: Request, body: dict[str, Any], passed: Passed
    ) -> dict[str, Any]:
        inner = {**body, "sqlText": passed.sql, "bindings": passed.bindings}
        response = await fakesnow_server.query_request(_request(request, inner))
        answer: dict[str, Any] = json.loads(response.body)
        if not answer["success"]:
            # A 500 would be retried by the connector; this is what the double cannot do.
            number = int(answer["code"]) if response.status_code == 200 else 2
            state = (answer["data"] or {}).get("sqlState") or "42000"
            said = re.sub(r"^\d{6} \(\w+\): ", "", answer["message"])
            text = f"SQL compilation error:\n{said}"
            return refusal_as_json(Refused(number, state, text))
        if passed.after is not None:
            passed.after()
        if "rowtype" in answer["data"]:
            answer["data"]["finalDatabaseName"] = session.database
            answer["data"]["finalSchemaName"] = session.schema
        return answer


class _Front:
    """Everything that comes goes through here, and through the test's middleware."""

    def __init__(self, double: Double) -> None:
        self.double = double
        routes = [
            Route("/session/v1/login-request", double.login, methods=["POST"]),
            Route("/session/token-request", double.renew, methods=["POST"]),
            Route("/queries/v1/query-request", double.query, methods=["POST"]),
            Route("/session", double.session, methods=["POST"]),
            Route("/telemetry/send", _accept, methods=["POST"]),
        ]
        kept = {"/session/heartbeat", "/queries/v1/abort-request"}
        kept |= {"/fs_bucket/{path:path}", "/monitoring/queries/{sfqid}"}
        routes += [each for each in fakesnow_server.routes if each.path in kept]
        self.inner = Starlette(routes=routes)
        self.drop: Callable[[Scope], None] = lambda _scope: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        middleware = self.double.middleware
        if scope["type"] != "http" or middleware is None:
            await self.inner(scope, receive, send)
            return
        try:
            response = await middleware(Request(scope, receive), self._call)
        except Dropped:
            self.drop(scope)
            return
        await response(scope, receive, send)

    async def _call(self, request: Request) -> Response:
        """What the double answers, whole, so that a middleware can change it."""
        body = await request.body()
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.inner(request.scope, receive, send)
        start, *parts = sent
        content = b"".join(part.get("body", b"") for part in parts)
        response = Response(content, status_code=start["status"])
        response.raw_headers = start["headers"]
        return response


@contextmanager
def serve() -> Iterator[Double]:
    """Serves the double; once per process, as fakesnow has but one state."""
    fakesnow_arrow.timestamp_to_sf_struct = timestamps
    logging.getLogger("fakesnow").setLevel(logging.CRITICAL)
    logging.getLogger("fakesnow.server").setLevel(logging.CRITICAL)
    double = Double()
    fakesnow_server.shared_fs.connect(store.DATABASE, store.SCHEMA)
    config = uvicorn.Config(double.app, host="127.0.0.1", port=0, log_level="critical")
    server = uvicorn.Server(config)
    server.force_exit = True
    double.app.drop = lambda scope: _abort(server, scope)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.run, name="snowflake double", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("The Snowflake double could not be started.")
            time.sleep(0.01)
        double.port = server.servers[0].sockets[0].getsockname()[1]
        yield double
    finally:
        server.should_exit = True
        thread.join()


def _abort(server: uvicorn.Server, scope: Scope) -> None:
    for connection in list(server.server_state.connections):
        if getattr(connection, "client", None) == scope["client"]:
            connection.transport.abort()  # type: ignore[union-attr]


async def _accept(_request: Request) -> JSONResponse:
    return JSONResponse({"success": True, "data": None, "code": None, "message": None})


async def _body(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    content: dict[str, Any] = json.loads(body)
    return content


def _token(request: Request) -> str:
    return request.headers.get("Authorization", "")[17:-1]


def _request(request: Request, body: dict[str, Any], query: bytes | None = None) -> Request:
    """The same request with another body."""
    dropped = (b"content-encoding", b"content-length")
    headers = [pair for pair in request.scope["headers"] if pair[0].lower() not in dropped]
    scope = {**request.scope, "headers": headers}
    if query is not None:
        scope["query_string"] = query

    async def receive() -> Message:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    return Request(scope, receive)
