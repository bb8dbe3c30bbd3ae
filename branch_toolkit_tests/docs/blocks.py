"""How the blocks of README and docs are executed: Python in the suite, bash in a real shell.

All blocks of a document share a folder, a namespace, a database and a git remote, in their order,
as they would for a reader who follows it line by line.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

_python = PythonEvaluator()
ROOT = Path(__file__).resolve().parent.parent.parent


def collect_documents() -> Callable[[Path, Any], Any]:
    """The hook that collects the documents."""
    return Sybil(
        path=str(ROOT),
        parsers=[
            CodeBlockParser(language="python", evaluator=_run_python),
            CodeBlockParser(language="bash", evaluator=_run_bash),
            CodeBlockParser(language="sql", evaluator=_run_sql),
        ],
        patterns=["README.md", "CONTRIBUTING.md", "docs/*.md"],
        fixtures=["document_environ"],
    ).pytest()


def _run_python(example: Example) -> None:
    # A bash block may use what a reader would have saved by then.
    file = Path(_environ(example)["DOCUMENT_FOLDER"]) / "definitions.py"
    file.write_text(str(example.parsed))
    _python(example)


def _run_bash(example: Example) -> None:
    environ, command = _environ(example), str(example.parsed)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT if command.startswith("make ") else environ["DOCUMENT_FOLDER"],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def _run_sql(example: Example) -> None:
    with psycopg.connect(_environ(example)["WAREHOUSE_URL"], autocommit=True) as connection:
        connection.execute(str(example.parsed).encode())


def _environ(example: Example) -> dict[str, str]:
    environ: dict[str, str] = example.document.namespace["document_environ"]
    return environ
