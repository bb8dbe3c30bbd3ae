"""Dagster's UI over a demo site, and a Chromium that a test drives it with."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from branch_toolkit_demo.postgres_home import HOST, free_port
from branch_toolkit_demo.processes import dagster, running
from branch_toolkit_demo.site import Site

_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",
)
_START_SECONDS = 240.0
_STEP_SECONDS = 90.0
_POLL_SECONDS = 0.25
_SIZE = {"width": 1440, "height": 900}
_LOCATIONS = """
    { workspaceOrError { ... on Workspace { locationEntries {
        name loadStatus locationOrLoadError { ... on PythonError { message } } } } } }
"""


class UiFailed(Exception):
    """The UI did not come up, or did not show what it should.

    Args:
        problem: What went wrong.
        seen: The file that shows it: a screenshot, or a log.
    """

    def __init__(self, problem: str, *, seen: Path) -> None:
        super().__init__(f"See {seen}\n{problem}")
        self.problem = problem
        self.seen = seen


@dataclass(frozen=True)
class Ui:
    """A running `dagster dev`, and the browser.

    Args:
        site: The demo site that it works on.
        url: Where it is served.
        browser: A headless Chromium.
        screenshots: Where those of failures go.
    """

    site: Site
    url: str
    browser: Browser
    screenshots: Path

    @contextmanager
    def page(self, path: str) -> Iterator[Page]:
        """A page of the UI, as somebody sees it who was never there before.

        Raises:
            UiFailed: Something in the block failed; the error names a screenshot.
        """
        context = self.browser.new_context(viewport=_SIZE)  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(_STEP_SECONDS * 1000)
        try:
            page.goto(self.url + path)
            yield page
        except (AssertionError, PlaywrightError) as error:
            raise UiFailed(f"{page.url}: {error}", seen=self._screenshot(page)) from error
        finally:
            context.close()

    def _screenshot(self, page: Page) -> Path:
        path = self.screenshots / f"failure-{len(list(self.screenshots.iterdir()))}.png"
        try:
            page.screenshot(path=path)
        except PlaywrightError as error:
            path = path.with_suffix(".txt")
            path.write_text(f"No screenshot could be taken: {error}\n")
        return path


def find_chromium() -> str | None:
    """The program, or None where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """A headless browser that reaches nothing but this machine."""
    expect.set_options(timeout=_STEP_SECONDS * 1000)
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, and is not needed for a page of ours.
        browser = playwright.chromium.launch(
            executable_path=program, args=_FLAGS, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serve(site: Site, *, repository: Path) -> Iterator[str]:
    """`dagster dev` on the repository's workspace, until the end of the block.

    Args:
        site: The demo site; its server runs.
        repository: The folder to start it in.

    Returns:
        The UI's URL.
    """
    port, log = free_port(), site.folder / "dagster-dev.log"
    command = dagster("dagster", "dev", "-h", HOST, "-p", str(port))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        with running(command, env=site.base_environ(), log=log) as process:
            _wait_until_loaded(port, process, log=log)
            yield f"http://{HOST}:{port}"


@contextmanager
def no_process_left() -> Iterator[ExitStack]:
    """Fails if a process outlives what was entered on the stack."""
    me = psutil.Process()
    before = set(me.children(recursive=True))
    with ExitStack() as stack:
        try:
            yield stack
        finally:
            # Now: of a tree whose root has ended, nobody knows the branches.
            started = set(me.children(recursive=True)) - before
    left = [process for process in started if _lives(process)]
    assert not left, f"still running: {left}"


def _lives(process: psutil.Process) -> bool:
    # A container's first process may never reap it, so a zombie has to count as ended.
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_until_loaded(port: int, process: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _loaded(port, log=log):
        if process.poll() is not None:
            raise UiFailed(f"`dagster dev` returned {process.returncode}.", seen=log)
        if time.monotonic() > deadline:
            raise UiFailed(f"Not ready after {_START_SECONDS:.0f} seconds.", seen=log)
        time.sleep(_POLL_SECONDS)


def _loaded(port: int, *, log: Path) -> bool:
    try:
        entries = _query(port, _LOCATIONS)["workspaceOrError"].get("locationEntries", [])
    except (OSError, http.client.HTTPException):
        return False
    for entry in entries:
        if message := (entry["locationOrLoadError"] or {}).get("message"):
            raise UiFailed(f"Location {entry['name']!r} cannot be loaded: {message}", seen=log)
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)


def _query(port: int, query: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        body = json.dumps({"query": query})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        data: dict[str, Any] = json.load(connection.getresponse())["data"]
        return data
    finally:
        connection.close()
