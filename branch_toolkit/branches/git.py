"""Branches of any git remote, by `git ls-remote`: no token, no forge, no clone."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable

import dagster as dg
from pydantic import Field

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.branch import (
    Branch,
    BranchKey,
    BranchSnapshot,
    canonical_repository,
    without_credentials,
)
from branch_toolkit.core.errors import BranchSourceUnavailable, InvalidBranch

_HEAD = re.compile(r"refs/heads/(?P<name>.+)")
# GitHub and Gitea publish pull requests under refs/pull, GitLab under refs/merge-requests.
_PULL_REQUEST = re.compile(r"refs/(?:pull|merge-requests)/(?P<number>[1-9]\d*)/head")
# Git puts a URL in quotes, and takes its user and password out. A query may hold a token.
_QUERY = re.compile(r"(?<=://)([^\s?]*)\?(.*(?=')|\S*)")
_HIDDEN = "***"
_PATTERNS = ("HEAD", "refs/heads/*", "refs/pull/*/head", "refs/merge-requests/*/head")


class GitRemoteBranches(BranchSource):
    """The branches of a git remote.

    A branch is open while it exists on the remote. Plain git cannot tell a merged branch from a
    deleted one; both are gone. Where the remote publishes pull requests as refs, a branch whose
    head is a pull request's head has its number. The remote's default branch is left out.

    Branches of forks are not on the remote, so the environment of a pull request from a fork looks
    gone. Where forks get branch deployments, use a source that asks the forge.

    Examples:
        ```python
        GitRemoteBranches(url="git@github.com:acme/pipelines.git")
        ```
    """

    url: str = Field(
        repr=False,
        description=(
            "Anything that `git ls-remote` takes. With a token in it, give it by dg.EnvVar."
        ),
    )
    repository: str | None = Field(
        default=None,
        description=(
            "owner/name as DAGSTER_CLOUD_GIT_REPO has it. Default: taken from the URL's path."
        ),
    )
    timeout: float = Field(default=30.0, gt=0, description="Seconds to wait for the remote.")

    def snapshot(self) -> BranchSnapshot:
        """See `BranchSource.snapshot`."""
        refs = _parse(self._ls_remote())
        default = refs.default_branch
        numbers = refs.numbers()
        repository = self.repository or self._repository_of_url
        branches = [
            _branch(name, sha, number=numbers.get(sha), repository=repository)
            for name, sha in refs.heads.items()
            if name != default
        ]
        if not refs.heads:
            raise BranchSourceUnavailable(
                f"The git remote {self._shown_url} answered, but has no branch at all.",
                remedy=(
                    "Check the URL. While the remote is empty, no environment is made, retired or"
                    " dropped."
                ),
            )
        return BranchSnapshot(
            branches=tuple(branch for branch in branches if branch is not None),
            complete=True,
            source=f"the git remote {self._shown_url}",
            repository=repository,
            # A ref says that there was such a pull request, not that it is open.
            knows_numbers=False,
        )

    @property
    def shows_a_secret(self) -> bool:
        """See `BranchSource.shows_a_secret`."""
        # What precedes the `@` of an SSH address is a user, and no secret.
        literal = not isinstance(self.url, dg.EnvVar)
        return literal and self.url.startswith("http") and self._shown_url != self.url

    @property
    def _repository_of_url(self) -> str:
        path = canonical_repository(self.url).partition("?")[0]
        return canonical_repository(path)

    @property
    def _shown_url(self) -> str:
        address, _, query = self.url.partition("?")
        return _HIDDEN if "@" in query else without_credentials(address)

    def _ls_remote(self) -> str:
        command = ["git", "ls-remote", "--symref", "--", self.url, *_PATTERNS]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=self.timeout,
                check=False,
                env=_quiet_environment(),
            )
        except FileNotFoundError as error:
            raise BranchSourceUnavailable(
                "The program `git` was not found.", remedy="Install git where the sensors run."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise self._unreachable(f"no answer within {self.timeout:g} seconds") from error
        if done.returncode != 0:
            raise self._unreachable(self._reason(done.stderr))
        return done.stdout

    def _reason(self, stderr: str) -> str:
        lines = [line.strip() for line in stderr.splitlines() if line.strip()]
        fatal = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
        reason = fatal[0] if fatal else "git gave no reason"
        return _shown(reason.replace(self.url, self._shown_url))

    def _unreachable(self, reason: str) -> BranchSourceUnavailable:
        return BranchSourceUnavailable(
            f"The git remote {self._shown_url} could not be read: {reason}.",
            remedy=(
                "Run `git ls-remote` with that URL where the sensors run, and check the address"
                " and the credentials. Until then no environment is made, retired or dropped."
            ),
        )


def _shown(text: str) -> str:
    """A text with URLs in it, without users, passwords and queries."""
    return without_credentials(_QUERY.sub(_without_query, text))


def _without_query(match: re.Match[str]) -> str:
    # Is it a password with a `?` in it, or a token with an `@`? Neither is shown.
    return _HIDDEN if "@" in match[2] else match[1]


class _Refs:
    def __init__(self) -> None:
        self.default_branch: str | None = None
        self.heads: dict[str, str] = {}
        self.pull_requests: dict[int, str] = {}

    def numbers(self) -> dict[str, int]:
        """The newest pull request of each commit that is the head of one branch and no other."""
        heads = Counter(self.heads.values())
        newest = {sha: number for number, sha in sorted(self.pull_requests.items())}
        return {sha: number for sha, number in newest.items() if heads[sha] == 1}


def _parse(output: str) -> _Refs:
    refs = _Refs()
    for left, ref in _pairs(output.splitlines()):
        if ref == "HEAD" and left.startswith("ref: refs/heads/"):
            refs.default_branch = left.removeprefix("ref: refs/heads/")
        elif match := _HEAD.fullmatch(ref):
            refs.heads[match["name"]] = left
        elif match := _PULL_REQUEST.fullmatch(ref):
            refs.pull_requests[int(match["number"])] = left
    return refs


def _pairs(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        left, tab, right = line.partition("\t")
        if tab:
            yield left, right


def _branch(name: str, sha: str, *, number: int | None, repository: str) -> Branch | None:
    try:
        key = BranchKey(number=number, name=name)
    except InvalidBranch:
        # A name of symbols only cannot name a schema; such a branch gets no environment.
        return None
    return Branch(key=key, name=name, repository=repository, sha=sha)


def _quiet_environment() -> dict[str, str]:
    # Asking for a password would hang the sensor; without one git fails and says why.
    return {
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        "LC_ALL": "C",
    }
