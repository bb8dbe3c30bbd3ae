"""What every test stands on: no deployment variables around it, and real databases."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from branch_toolkit.core.deployment import DAGSTER_PREFIX, OVERRIDE_PREFIX
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_demo.postgres_programs import find_installed

# A crash of the server loses nothing that a test needs.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_kept: list[str] = []
_failed = pytest.StashKey[bool]()


@pytest.fixture(autouse=True)
def _no_deployment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith((DAGSTER_PREFIX, OVERRIDE_PREFIX)):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_18(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The wheel's server."""
    yield from _serve(
        EmbeddedPostgres(tmp_path_factory.mktemp("pg18"), settings=FAST, dies_with_parent=True)
    )


@pytest.fixture(scope="session")
def postgres_15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A second major version, where one is installed."""
    programs = find_installed(15)
    if programs is None:
        pytest.skip("PostgreSQL 15 is not installed (Debian: postgresql-15)")
    folder = tmp_path_factory.mktemp("pg15")
    yield from _serve(
        EmbeddedPostgres(folder, bin_path=programs, settings=FAST, dies_with_parent=True)
    )


@pytest.fixture
def database(postgres_18: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database of the test's own."""
    yield from own_database(postgres_18, request)


def own_database(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """Makes a database for one test; one of a failing test is kept, and its name printed."""
    name = (
        re.sub(r"\W+", "_", request.node.name)[:50].strip("_").lower() + f"_{os.urandom(2).hex()}"
    )
    server.create_database(name)
    yield server.url(name)
    if request.node.stash.get(_failed, False):
        folder = request.getfixturevalue("tmp_path_factory").getbasetemp()
        _kept.append(f"{request.node.nodeid}: database {name}, servers below {folder}")
    else:
        server.drop_database(name)


def _serve(server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    server.start()
    yield server
    if _kept:
        server.stop()
    else:
        server.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _kept:
        terminalreporter.write_line(f"kept of a failing test: {line}")
