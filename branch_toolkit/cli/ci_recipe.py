"""The files that hurry the sensors from CI: which template, and what is filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from pathlib import PurePosixPath

_TEMPLATES = files("branch_toolkit") / "ci_templates"
_PLACE = re.compile(r"<<([a-z ]+)>>")
_LINE_OF_A_PLACE = re.compile(r"^( *)<<([a-z ]+)>>\n", re.MULTILINE)
# Each was looked up in the action's own repository: the commit of the tag in the comment.
_SETUP_UV = "astral-sh/setup-uv@20cfd1bf945f4377ade1205e4dbc17946fc9a30d # v10.0.1"
_SETUP_PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0"


class Forge(str, Enum):
    """Who runs the file."""

    GITHUB = "github"
    GITLAB = "gitlab"

    @property
    def path(self) -> PurePosixPath:
        """Where the file is put, from the repository's root."""
        if self is Forge.GITHUB:
            return PurePosixPath(".github/workflows/branch-environments.yml")
        return PurePosixPath(".gitlab/branch-environments.gitlab-ci.yml")


class Installer(str, Enum):
    """How the project is installed in CI."""

    UV = "uv"
    PIP = "pip"
    REQUIREMENTS = "requirements"

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that install it."""
        if self is Installer.UV:
            return ("uv sync --locked --no-dev",)
        what = "-r requirements.txt" if self is Installer.REQUIREMENTS else "."
        return (f"python -m pip install --quiet {what}",)

    @property
    def program(self) -> str:
        """How our command is called then."""
        return "uv run --no-sync branch-toolkit" if self is Installer.UV else "branch-toolkit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a file is made from.

    Args:
        forge: Who runs it.
        definitions: The option that names the code that Dagster loads: `-m acme.definitions`.
        installer: How the project is installed.
        python: The version of Python, such as `3.12`.
        secrets: Names of the variables that the code reads, and that hold secrets.
        folder: The project's folder, from the repository's root; `.` if it is the root.
        path: Where the file is put, from the repository's root.
    """

    forge: Forge
    definitions: str
    installer: Installer
    python: str
    secrets: tuple[str, ...]
    folder: str
    path: str

    def render(self) -> str:
        """The file's text."""
        template = _TEMPLATES / f"{self.forge.value}.yml"
        return fill(template.read_text(encoding="utf-8"), self._values())

    def _values(self) -> dict[str, list[str]]:
        values = {
            "definitions": [self.definitions],
            "path": [self.path],
            "program": [self.installer.program],
            "python": [self.python],
            "secret names": [", ".join(self.secrets)],
            "subfolder": ["" if self.folder == "." else f"/{self.folder}"],
        }
        if self.forge is Forge.GITLAB:
            uv = ["python -m pip install --quiet uv"] if self.installer is Installer.UV else []
            commands = [*uv, *self.installer.commands]
            return {**values, "install": [f"- {command}" for command in commands]}
        return {
            **values,
            "install": list(self.installer.commands),
            "job defaults": self._job_defaults(),
            "secrets": [f"{name}: ${{{{ secrets.{name} }}}}" for name in self.secrets],
            "set up": self._set_up(),
        }

    def _job_defaults(self) -> list[str]:
        if self.folder == ".":
            return []
        return ["defaults:", "  run:", f"    working-directory: {self.folder}"]

    def _set_up(self) -> list[str]:
        by_uv = self.installer is Installer.UV
        name, action = ("uv", _SETUP_UV) if by_uv else ("Python", _SETUP_PYTHON)
        return [
            f"- name: Set up {name}",
            f"  uses: {action}",
            "  with:",
            f'    python-version: "{self.python}"',
        ]


def fill(template: str, values: Mapping[str, Sequence[str]]) -> str:
    """A template with its places filled in.

    Args:
        template: A place is `<<name>>`; one that has a line to itself takes any number of lines.
        values: What goes there, line by line.
    """

    def lines(match: re.Match[str]) -> str:
        return "".join(f"{match[1]}{line}\n" for line in values[match[2]])

    def one(match: re.Match[str]) -> str:
        (value,) = values[match[1]]
        return value

    return _PLACE.sub(one, _LINE_OF_A_PLACE.sub(lines, template))
