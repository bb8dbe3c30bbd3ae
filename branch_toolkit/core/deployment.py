"""Where this code runs: the one door to the deployment-metadata environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from branch_toolkit.core.branch import Branch, BranchKey, BranchState, without_credentials
from branch_toolkit.core.errors import InvalidBranch, InvalidDeployment

DAGSTER_PREFIX = "DAGSTER_CLOUD_"
"""Set by Dagster+: https://docs.dagster.io/deployment/dagster-plus/management/environment-variables/built-in"""

OVERRIDE_PREFIX = "BRANCH_TOOLKIT_"
"""The same variables under our own prefix, for Dagster OSS, CI and a developer's machine."""

_TRUE = frozenset({"1", "true"})
_FALSE = frozenset({"0", "false"})
_IDENTIFYING = ("PULL_REQUEST_ID", "GIT_BRANCH")
_NUMBER = re.compile(r"0*[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The commit that a branch deployment was made from.

    Args:
        sha: Its hash; may be GitHub's merge commit rather than the branch's head.
        timestamp: When it was made, aware, in UTC.
        author_name: Its author.
        author_email: Its author's address.
        message: Its message.
    """

    sha: str | None = None
    timestamp: datetime | None = None
    author_name: str | None = None
    author_email: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment: base (production, staging, a developer's machine) or a branch's.

    Args:
        name: Dagster+'s name of it: `prod`, or a long hex id for a branch deployment.
        branch: The branch, in a branch deployment; None in a base deployment.
        commit: The commit, where the variables tell.
        location_name: The code location.
        git_url: The repository's or commit's page.
    """

    name: str | None = None
    branch: Branch | None = None
    commit: Commit = Commit()
    location_name: str | None = None
    git_url: str | None = None

    @property
    def is_branch(self) -> bool:
        """Whether this is a branch deployment."""
        return self.branch is not None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Deployment:
        """Reads the deployment from environment variables.

        Each is read as `BRANCH_TOOLKIT_<NAME>` where that is set, else as `DAGSTER_CLOUD_<NAME>`.

        Args:
            environ: Usually `os.environ`.

        Raises:
            InvalidDeployment: The branch flag is neither true nor false, an override contradicts
                Dagster+, or a branch deployment has neither a pull request nor a branch name.
        """
        variables = _Variables(environ)
        is_branch = variables.branch_flag()
        return cls(
            name=variables.get("DEPLOYMENT_NAME"),
            branch=variables.branch() if is_branch else None,
            commit=variables.commit(),
            location_name=variables.get("LOCATION_NAME"),
            git_url=_public(variables.get("GIT_URL") or variables.get("RAW_GIT_URL")),
        )


@dataclass(frozen=True, slots=True)
class _Variables:
    environ: Mapping[str, str]

    def get(self, name: str) -> str | None:
        return self._find(name)[1]

    def _find(self, name: str) -> tuple[str, str | None]:
        """The variable that counts, and its value."""
        for prefix in (OVERRIDE_PREFIX, DAGSTER_PREFIX):
            if value := self.environ.get(prefix + name, "").strip():
                return prefix + name, value
        return DAGSTER_PREFIX + name, None

    def branch_flag(self) -> bool:
        name = "IS_BRANCH_DEPLOYMENT"
        by_dagster = self._flag(DAGSTER_PREFIX + name)
        by_override = self._flag(OVERRIDE_PREFIX + name)
        if by_override is None:
            if not by_dagster:
                self._refuse_unflagged_branch()
            return bool(by_dagster)
        if by_dagster and not by_override:
            # An override that turned a branch into base would let it write to production.
            raise InvalidDeployment(
                f"{OVERRIDE_PREFIX}{name} says that this is no branch deployment, but"
                f" {DAGSTER_PREFIX}{name} says that it is one.",
                remedy=f"Unset {OVERRIDE_PREFIX}{name}; a branch is never treated as production.",
            )
        return by_override

    def _flag(self, variable: str) -> bool | None:
        """True or False as it says; None if it says nothing."""
        value = self.environ.get(variable, "").strip().lower()
        if not value:
            return None
        if value in _TRUE | _FALSE:
            return value in _TRUE
        raise InvalidDeployment(
            f"{variable} is {self.environ[variable]!r}, which is neither true nor false.",
            remedy="Set it to 1 in a branch deployment, to 0 or nothing elsewhere.",
        )

    def _refuse_unflagged_branch(self) -> None:
        for name in _IDENTIFYING:
            if self.environ.get(OVERRIDE_PREFIX + name, "").strip():
                raise InvalidDeployment(
                    f"{OVERRIDE_PREFIX}{name} names a branch, but nothing says that this is a"
                    " branch deployment.",
                    remedy=(
                        f"Set {OVERRIDE_PREFIX}IS_BRANCH_DEPLOYMENT=1 too (0 for a base"
                        f" deployment), or unset {OVERRIDE_PREFIX}{name}."
                    ),
                )

    def branch(self) -> Branch:
        prefix = self._identifying_prefix()
        name = self.environ.get(f"{prefix}GIT_BRANCH", "").strip() or None
        number = self._pull_request(f"{prefix}PULL_REQUEST_ID")
        repository = _public(self.get("GIT_REPO"))
        try:
            key = BranchKey(repository=repository, number=number, name=name)
        except InvalidBranch as error:
            raise InvalidDeployment(
                f"This is a branch deployment, but {prefix}PULL_REQUEST_ID is not set and"
                f" {prefix}GIT_BRANCH is {name!r}, so there is no telling which branch it is.",
                remedy=(
                    "Deploy with the pull request's number or a branch's name that has a letter or"
                    " digit, or set BRANCH_TOOLKIT_PULL_REQUEST_ID or BRANCH_TOOLKIT_GIT_BRANCH."
                ),
            ) from error
        return Branch(
            key=key,
            name=name,
            repository=repository,
            state=BranchState.OPEN,
            sha=self.get("GIT_SHA"),
        )

    def _identifying_prefix(self) -> str:
        # Number and name come from one prefix, so that they are of one branch.
        overridden = any(self.environ.get(OVERRIDE_PREFIX + n, "").strip() for n in _IDENTIFYING)
        return OVERRIDE_PREFIX if overridden else DAGSTER_PREFIX

    def _pull_request(self, variable: str) -> int | None:
        value = self.environ.get(variable, "").strip()
        if not value:
            return None
        if not _NUMBER.fullmatch(value):
            raise InvalidDeployment(
                f"{variable} is {value[:40]!r}, which is not a positive whole number.",
                remedy=f"Set {variable} to the number that the forge shows, such as 42.",
            )
        return int(value)

    def commit(self) -> Commit:
        return Commit(
            sha=self.get("GIT_SHA"),
            timestamp=self._timestamp(),
            author_name=self.get("GIT_AUTHOR_NAME"),
            author_email=self.get("GIT_AUTHOR_EMAIL"),
            message=self.get("GIT_MESSAGE"),
        )

    def _timestamp(self) -> datetime | None:
        variable, value = self._find("GIT_TIMESTAMP")
        if value is None:
            return None
        try:
            return datetime.fromtimestamp(float(value), tz=timezone.utc)
        except (ValueError, OverflowError, OSError) as error:
            raise InvalidDeployment(
                f"{variable} is {value[:40]!r}, which is not in seconds since 1970.",
                remedy="Set it as Dagster+ does, or unset it.",
            ) from error


def _public(url: str | None) -> str | None:
    # It goes into marks, which every role of the warehouse can read.
    return None if url is None else without_credentials(url)
