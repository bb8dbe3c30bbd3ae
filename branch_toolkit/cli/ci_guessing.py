"""What a repository tells of its CI: the forge, the project's folder, how it is installed."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from branch_toolkit.cli.ci_recipe import Forge, Installer

_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^@/]*@)?([^:/]*)", re.IGNORECASE)
_VERSION = re.compile(r"3\.[0-9]{1,2}")
_DEFAULT_PYTHON = "3.12"
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository's work tree.

    Args:
        root: Its root, or the current folder where git knows of none.
        remote: The URL of its remote, if it has one.
    """

    root: Path
    remote: str | None

    @classmethod
    def around(cls, folder: Path) -> Checkout:
        """The one that a folder lies in."""
        root = _git(folder, "rev-parse", "--show-toplevel")
        names = (_git(folder, "remote") or "").split()
        name = "origin" if "origin" in names else next(iter(names), None)
        remote = _git(folder, "remote", "get-url", name) if name else None
        return cls(Path(root).resolve() if root else folder.resolve(), remote)

    @property
    def forge(self) -> Forge | None:
        """Who runs its CI: by the remote's host, or else by the CI files that are there."""
        match = _HOST.match(self.remote or "")
        host = match[1].lower() if match else ""
        for forge in Forge:
            if forge.value in host:
                return forge
        if (self.root / ".gitlab-ci.yml").exists():
            return Forge.GITLAB
        return Forge.GITHUB if (self.root / ".github").is_dir() else None

    def project_folder(self, current: Path) -> Path:
        """The folder of the project: the current one if it holds one, else the root."""
        found = any((current / name).exists() for name in _PROJECT_FILES)
        return current.resolve() if found else self.root


def installer_of(project: Path) -> Installer | None:
    """How a project is installed, by the files in its folder."""
    if (project / "uv.lock").exists():
        return Installer.UV
    if (project / "pyproject.toml").exists() or (project / "setup.py").exists():
        return Installer.PIP
    return Installer.REQUIREMENTS if (project / "requirements.txt").exists() else None


def python_of(project: Path) -> str:
    """The version of Python that `.python-version` asks for, or else a usual one."""
    file = project / ".python-version"
    match = _VERSION.match(file.read_text(encoding="utf-8").strip()) if file.is_file() else None
    return match[0] if match else _DEFAULT_PYTHON


def _git(folder: Path, *arguments: str) -> str | None:
    """The answer of git; None if there is no git, no repository or no answer."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
