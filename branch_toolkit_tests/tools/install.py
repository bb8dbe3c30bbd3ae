"""What `make tools` runs: brings other people's programs, descriptions and records to `.tools`.

npm's packages stand in package.json with exact versions. The records are those of ogr's own tests,
which only its source distribution holds. What cannot be had is said, and the tests that want it are
skipped with that reason; nothing here fails.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from branch_toolkit_tests.tools import records
from branch_toolkit_tests.tools.place import TOOLS

PACKAGES = Path(__file__).with_name("package.json")
OGR = "ogr==0.61.1"
DESCRIPTION = "api.github.com.json"
_MINUTES = 5
_QUIET_NPM = (
    *("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"),
    "--loglevel=error",
)


class NotInstalled(Exception):
    """A part could not be had; the message is the reason."""


def main() -> None:
    """Install what is missing or of another version."""
    TOOLS.mkdir(exist_ok=True)
    _install("npm", install_packages, wanted=PACKAGES.read_bytes())
    # What is kept of the records depends on our code as well.
    code = Path(records.__file__).read_bytes()
    _install("ogr", install_records, wanted=OGR.encode() + code)


def _install(part: str, make: Callable[[Path], None], *, wanted: bytes) -> None:
    stamp, failed = TOOLS / f"{part}.installed", TOOLS / f"{part}.failed"
    version = hashlib.sha256(wanted).hexdigest()
    if stamp.exists() and stamp.read_text() == version:
        return
    # A part that is half there would be taken for whole.
    for left in (stamp, failed):
        left.unlink(missing_ok=True)
    shutil.rmtree(TOOLS / part, ignore_errors=True)
    (TOOLS / part).mkdir()
    try:
        make(TOOLS / part)
    except Exception as reason:  # noqa: BLE001 - whatever it is, `make test` goes on without it
        shutil.rmtree(TOOLS / part)
        failed.write_text(f"{reason}\n")
        print(f"make tools: {part} could not be installed, so its tests will be skipped: {reason}")
    else:
        stamp.write_text(version)


def install_packages(folder: Path) -> None:
    """npm's packages.

    Args:
        folder: Where `node_modules` is made.

    Raises:
        NotInstalled: There is no Node, or npm failed.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NotInstalled(f"the program `{program}` was not found")
    shutil.copy(PACKAGES, folder)
    _run("npm", "install", *_QUIET_NPM, "--prefix", str(folder))
    # GitHub's description comes in ten editions, of 40 MB each. One of 13 MB is read.
    for edition in (folder / "node_modules/@octokit/openapi/generated").iterdir():
        if edition.name != DESCRIPTION:
            edition.unlink()


def install_records(folder: Path) -> None:
    """The forges' answers that ogr's tests recorded.

    Args:
        folder: Where they are written.

    Raises:
        NotInstalled: The source distribution could not be had.
    """
    with tempfile.TemporaryDirectory() as passing:
        place = Path(passing)
        # Only ogr itself from source: its build tools would be built from source as well.
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
        _run(*pip, "--disable-pip-version-check", "--no-binary", "ogr", "--dest", passing, OGR)
        with tarfile.open(next(place.glob("ogr-*.tar.gz"))) as archive:
            # Not in the first patch releases of Python 3.10 and 3.11.
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(place, **safe)
        records.condense(next(place.glob("ogr-*/tests/integration")), into=folder)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60 * _MINUTES, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"{command[0]} took more than {_MINUTES} minutes") from error
    if done.returncode != 0:
        raise NotInstalled(f"{command[0]} failed: {_reason(done.stderr)}")


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return errors[0] if errors else "it gave no reason"


if __name__ == "__main__":
    main()
