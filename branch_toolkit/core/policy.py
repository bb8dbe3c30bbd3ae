"""Policy: how long things are kept, and what is never touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

from branch_toolkit.core.errors import InvalidPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How environments come and go. All of it has defaults that keep rather than drop.

    Args:
        grace: How long a retired environment can be restored before it is dropped.
        ignored_branches: Globs of branch names that never get an environment.
        protected_branches: Globs of branch names whose environment no sensor or sweep retires or
            drops. By hand it can be retired.
        max_retirements: Most environments retired in one tick; if more would be, none is.
        max_retired_share: Largest share (0 to 1) of environments retired in one tick; if more
            would be, none is. Not applied to fewer than `share_applies_from` environments.
        share_applies_from: From how many environments on `max_retired_share` applies.
        max_provisions: Most environments asked for in one tick; the others follow.
        max_drops: Most environments dropped in one tick; the others follow.

    Raises:
        InvalidPolicy: A value contradicts itself or another.
    """

    grace: timedelta = timedelta(days=3)
    ignored_branches: tuple[str, ...] = ("main", "master")
    protected_branches: tuple[str, ...] = ()
    max_retirements: int = 100
    max_retired_share: float = 0.5
    share_applies_from: int = 6
    max_provisions: int = 20
    max_drops: int = 50

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise InvalidPolicy(problem, remedy="Correct the policy given to build_branch_defs.")

    def _problems(self) -> list[str]:
        problems = [
            f"{name} is one text ({value!r}); its letters would each be taken for a glob."
            for name, value in (
                ("ignored_branches", self.ignored_branches),
                ("protected_branches", self.protected_branches),
            )
            if isinstance(value, str)
        ]
        if self.grace < timedelta(0):
            problems.append(f"The grace period is negative ({self.grace}).")
        if not 0 < self.max_retired_share <= 1:
            problems.append(f"max_retired_share is {self.max_retired_share}, not within (0, 1].")
        for name in ("max_provisions", "max_retirements", "max_drops", "share_applies_from"):
            if getattr(self, name) < 1:
                problems.append(f"{name} is {getattr(self, name)}; it starts at 1.")
        return problems

    def ignores(self, branch: str | None) -> bool:
        """Whether a branch of that name never gets an environment."""
        return _matches(branch, self.ignored_branches)

    def protects(self, branch: str | None) -> bool:
        """Whether the environment of a branch of that name is never retired or dropped."""
        return _matches(branch, self.protected_branches)


def _matches(name: str | None, globs: tuple[str, ...]) -> bool:
    return name is not None and any(fnmatchcase(name, glob) for glob in globs)
