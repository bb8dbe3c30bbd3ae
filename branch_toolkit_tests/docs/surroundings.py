"""What the blocks of a document find around them: a database, a git remote, a folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from branch_toolkit_demo.git_remote import GitRemote

_started: dict[str, dict[str, str]] = {}


@pytest.fixture
def document_environ(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The environment of a document's blocks: a database, a git remote and a folder of its own."""
    path = request.node.example.document.path
    if path not in _started:
        _started[path] = _start(request, tmp_path_factory.mktemp("document"))
    return _started[path]


def _start(request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    server = request.getfixturevalue("postgres_18")
    name = f"document_{len(_started)}"
    server.create_database(name)
    url = make_url(server.url(name)).set(drivername="postgresql")
    plain = url.render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA analytics CREATE TABLE orders (id int, total float8)")
    remote = GitRemote.create(folder / "git")
    remote.push_branch("feature/login", message="Begin", pull_request=42)
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "WAREHOUSE_URL": plain,
        "GIT_REMOTE": str(remote.remote),
        "DOCUMENT_FOLDER": str(folder),
    }
