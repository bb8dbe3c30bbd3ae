"""A bare git remote and a clone of it on this machine, driven by the real git."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from branch_toolkit_demo.errors import GitFailed

_MAIN = "main"
_SETTINGS = (
    *("-c", "user.name=Branch Toolkit Demo"),
    *("-c", "user.email=demo@example.invalid"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "advice.detachedHead=false"),
)


@dataclass(frozen=True)
class GitRemote:
    """A bare repository that stands for a forge's, and the clone that branches are pushed from.

    Neither reads nor changes the user's git configuration.

    Args:
        folder: Holds both; made by `create`.
    """

    folder: Path

    @property
    def remote(self) -> Path:
        """The bare repository, usable as a remote's URL."""
        return self.folder / "remote.git"

    @property
    def clone(self) -> Path:
        """The working clone."""
        return self.folder / "clone"

    @classmethod
    def create(cls, folder: Path) -> GitRemote:
        """Make the remote and its clone, with a first commit on `main`.

        Args:
            folder: Where; made if it is not there.
        """
        made = cls(folder.resolve())
        made.clone.mkdir(parents=True)
        made._git("init", "--quiet", "--bare", f"--initial-branch={_MAIN}", str(made.remote))
        made._git("init", "--quiet", f"--initial-branch={_MAIN}")
        made._git("remote", "add", "origin", str(made.remote))
        made._commit("README.md", message="Begin the project")
        made._git("push", "--quiet", "origin", _MAIN)
        return made

    def branches(self) -> dict[str, str]:
        """The remote's branches, each with the commit that it stands at."""
        listed = self._git("ls-remote", "--heads", "origin").splitlines()
        pairs = (line.split("\trefs/heads/", 1) for line in listed)
        return {name: commit for commit, name in pairs}

    def push_branch(self, name: str, *, message: str, pull_request: int | None = None) -> str:
        """Push one more commit of a branch; the first one makes the branch, from `main`.

        Args:
            name: The branch's name.
            message: The commit's message.
            pull_request: Number of its pull request, whose head a forge publishes as a ref too.

        Returns:
            The commit.
        """
        self._check_out(name, start=name if name in self.branches() else _MAIN)
        commit = self._commit(f"changes/{name}.txt", message=message)
        targets = [f"refs/heads/{name}"]
        if pull_request is not None:
            targets.append(f"refs/pull/{pull_request}/head")
        self._git("push", "--quiet", "origin", *(f"HEAD:{target}" for target in targets))
        return commit

    def merge_and_delete(self, name: str) -> str:
        """Merge a branch into `main` by a merge commit and delete it, as a forge does.

        Args:
            name: The branch's name.

        Returns:
            The merge commit.
        """
        self._check_out(_MAIN, start=_MAIN)
        self._git("merge", "--quiet", "--no-ff", "-m", f"Merge {name}", f"origin/{name}")
        self._git("push", "--quiet", "origin", _MAIN)
        self.delete(name)
        return self._git("rev-parse", "HEAD")

    def delete(self, name: str) -> None:
        """Delete a branch without a merge, as when a pull request is closed.

        Args:
            name: The branch's name.
        """
        self._check_out(_MAIN, start=_MAIN)
        self._git("push", "--quiet", "--delete", "origin", name)
        self._git("update-ref", "-d", f"refs/heads/{name}")

    def _check_out(self, name: str, *, start: str) -> None:
        self._git("fetch", "--quiet", "--prune", "origin")
        self._git("switch", "--quiet", "--no-track", "--force-create", name, f"origin/{start}")

    def _commit(self, path: str, *, message: str) -> str:
        file = self.clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as stream:
            stream.write(f"{message}\n")
        self._git("add", "--", path)
        self._git("commit", "--quiet", "-m", message)
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            [_git_program(), *_SETTINGS, *arguments],
            cwd=self.clone,
            env=_environment(home=self.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise GitFailed(arguments, stderr=done.stderr)
        return done.stdout.strip()


def _git_program() -> str:
    program = shutil.which("git")
    if program is None:
        raise GitFailed(("--version",), stderr="git is not on the PATH")
    return program


def _environment(*, home: Path) -> dict[str, str]:
    # Not the caller's: in a git hook GIT_DIR and GIT_INDEX_FILE name the repository around us.
    return {
        "PATH": os.pathsep.join((str(Path(_git_program()).parent), os.defpath)),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
