"""How the blocks of README and docs are executed: Python in the suite, bash in a real shell.

All blocks of a document share a folder, a namespace, a database and a git remote, in their order,
as they would for a reader who follows it line by line.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).resolve().parent.parent.parent
_ENVIRON = "environ"
_FOLDER = "folder"


def collect_documents() -> Callable[[Path, Any], Any]:
    """The hook that collects the documents."""
    return Sybil(
        path=str(ROOT),
        parsers=[
            _PythonParser(),
            CodeBlockParser(language="bash", evaluator=_run_bash),
            CodeBlockParser(language="sql", evaluator=_run_sql),
        ],
        patterns=["README.md", "CONTRIBUTING.md", "docs/*.md"],
        fixtures=["document_environ"],
    ).pytest()


class _PythonParser(PythonCodeBlockParser):
    def evaluate(self, example: Example) -> None:
        # A bash block may use what a reader would have saved by then.
        namespace = example.document.namespace
        _enter(namespace)
        (namespace[_FOLDER] / "definitions.py").write_text(str(example.parsed))
        super().evaluate(example)


def _run_bash(example: Example) -> None:
    namespace = example.document.namespace
    _enter(namespace)
    command = str(example.parsed)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT if command.startswith("make ") else namespace[_FOLDER],
        env=namespace[_ENVIRON],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def _run_sql(example: Example) -> None:
    url = make_url(example.document.namespace[_ENVIRON]["WAREHOUSE_URL"])
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(str(example.parsed).encode())


def _enter(namespace: dict[str, Any]) -> None:
    environ = namespace["document_environ"]
    namespace[_ENVIRON], namespace[_FOLDER] = environ, Path(environ["DOCUMENT_FOLDER"])
    os.environ.update({name: environ[name] for name in ("WAREHOUSE_URL", "GIT_REMOTE")})
