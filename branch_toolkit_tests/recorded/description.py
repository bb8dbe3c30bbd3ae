"""GitHub's own description of its API, cut to the addresses that we use and served by Prism."""

from __future__ import annotations

import json
import queue
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from branch_toolkit_tests.tools.place import of_npm

PULLS = "/repos/{owner}/{repo}/pulls"
COMMENTS = "/repos/{owner}/{repo}/issues/{issue_number}/comments"
COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"
STATUS = "/repos/{owner}/{repo}/statuses/{sha}"
STATUSES = "/repos/{owner}/{repo}/commits/{ref}/statuses"
INSTALLATION = "/repos/{owner}/{repo}/installation"
INSTALLATION_TOKEN = "/app/installations/{installation_id}/access_tokens"
USER = "/user"
_PATHS = (PULLS, COMMENTS, COMMENT, STATUS, STATUSES, INSTALLATION, INSTALLATION_TOKEN, USER)
_PLAIN, _RECOMMENDED = "application/json", "application/vnd.github+json"
_SECONDS = 30


@cache
def described() -> dict[str, Any]:
    """GitHub's description of the addresses that we use, and what it refers to.

    The whole one has 800 addresses, and Prism would read them all.
    """
    whole = json.loads(
        of_npm("@octokit", "openapi", "generated", "api.github.com.json").read_text()
    )
    paths = {path: whole["paths"][path] for path in _PATHS}
    components: dict[str, dict[str, Any]] = {}
    waiting = list(_references(paths))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = whole["components"][kind][name]
            waiting.extend(_references(components[kind][name]))
    for answer in [*_responses(paths), *components.get("responses", {}).values()]:
        # Prism would send the example, page 2, with every page, and there would be no last one.
        answer.pop("headers", None)
        # GitHub recommends to accept this type, but its description leaves it out.
        if _PLAIN in (content := answer.get("content", {})):
            content[_RECOMMENDED] = content[_PLAIN]
    return {**whole, "paths": paths, "components": components, "x-webhooks": {}}


def answer_schema(method: str, path: str, status: int) -> dict[str, Any]:
    """The JSON schema of an answer.

    Args:
        method: The request's method, in lower case.
        path: An address of the description.
        status: The status code.
    """
    whole = described()
    response = whole["paths"][path][method]["responses"][str(status)]
    return {
        **response["content"][_PLAIN]["schema"],
        "components": _with_null(whole["components"]),
    }


def path_of(address: str) -> str:
    """The described address that an address is one of.

    Args:
        address: Below the API's, such as `/repos/acme/pipelines/pulls`.
    """
    (found,) = [path for path in _PATHS if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), address)]
    return found


def parameters(method: str, path: str) -> set[str]:
    """The names that a query for an address may have."""
    whole = described()
    listed = whole["paths"][path][method]["parameters"]
    resolved = [
        whole["components"]["parameters"][each["$ref"].rpartition("/")[2]]
        if "$ref" in each
        else each
        for each in listed
    ]
    return {each["name"] for each in resolved if each["in"] == "query"}


@contextmanager
def prism(folder: Path) -> Iterator[str]:
    """Prism, serving the description with its examples: the URL, until the end of the block.

    It answers 422 to what the description does not allow. Its option `--errors` is left out, for it
    would refuse GitHub's own examples as well: they do not keep to GitHub's schemas.

    Args:
        folder: Where the cut description is written.
    """
    program = of_npm("@stoplight", "prism-cli", "dist", "index.js")
    if shutil.which("node") is None:
        pytest.skip("the program `node` was not found")
    file = folder / "github.json"
    file.write_text(json.dumps(described()))
    command = ["node", str(program), "mock", "--host", "127.0.0.1", "--port", "0", str(file)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield _address(process)
        finally:
            process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    said: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        # Read to the end: a full pipe would stop Prism.
        for line in process.stdout or ():
            said.put(line)
        said.put(None)

    Thread(target=listen, daemon=True).start()
    lines = []
    while (line := said.get(timeout=_SECONDS)) is not None:
        lines.append(line)
        _, listening, address = line.partition("Prism is listening on ")
        if listening:
            return address.strip()
    raise AssertionError(f"Prism ended: {''.join(lines)}")


def _references(node: Any) -> Iterator[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        yield node["$ref"]
    for child in children:
        yield from _references(child)


def _responses(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in paths.values():
        for operation in operations.values():
            yield from operation["responses"].values()


def _with_null(node: Any) -> Any:
    """OpenAPI's `nullable`, which JSON Schema does not know, in its words."""
    if isinstance(node, list):
        return [_with_null(child) for child in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _with_null(child) for key, child in node.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain
