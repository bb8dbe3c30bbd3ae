"""Policy: which branches get an environment, how long it is kept, and what is never touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from fnmatch import fnmatchcase

from branch_toolkit.core.branch import Branch
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.errors import InvalidPolicy

SHORTEST_IDLE = timedelta(hours=1)
"""Use is recorded every quarter of an hour, so a shorter time would take use for idleness."""
_LONGEST = timedelta(days=36_525)
_MAY_BE_ZERO = ("grace", "grace_after_merge", "grace_after_close", "warn_before")


_OPTIONAL = frozenset(
    {"grace_after_merge", "grace_after_close", "idle_after", "max_age", "max_environments"}
)


class ProvisionOn(str, Enum):
    """When a sensor makes an environment. By hand, by CI or by the branch's own job: always."""

    OPEN = "open"
    """As soon as the branch is open."""
    LABEL = "label"
    """When its pull request has the policy's label."""
    DEMAND = "demand"
    """Never: only when it is asked for."""


class Forks(str, Enum):
    """What pull requests from forks get from a sensor."""

    DENY = "deny"
    """No environment."""
    SCHEMA_ONLY = "schema-only"
    """An environment of empty tables."""
    ALLOW = "allow"
    """The same as any other branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How environments come and go. All of it has defaults that keep rather than drop.

    What keeps a branch from getting an environment does not take away one that it has: that lives
    until the branch ends, or until it is idle, too old or over the quota.

    Args:
        provision_on: When a sensor makes an environment: `open`, `label` or `demand`.
        provision_label: The label that asks for one, where `provision_on` is `label`.
        drafts: Whether draft pull requests get one.
        forks: What pull requests from forks get: `deny`, `schema-only` or `allow`. A branch source
            that cannot see forks (plain git) tells of none.
        base_branches: Globs of branches; only pull requests that are to be merged into one of them
            get an environment. Empty: all.
        ignored_branches: Globs of branch names that never get an environment.
        protected_branches: Globs of branch names whose environment no sensor or sweep retires or
            drops. By hand it can be retired.
        grace: How long a retired environment can be restored before it is dropped.
        grace_after_merge: The same after a merge. None: `grace`.
        grace_after_close: The same after a close without a merge. None: `grace`.
        idle_after: Retire what no run has used for so long. None: never. A push brings it back.
        max_age: Retire what was made, or last restored, so long ago, used or not. None: never.
        keep_label: While an open pull request has this label, its environment is neither idle, nor
            too old, nor counted for the quota.
        max_lease: Longest time for which `keep` may put off every retirement.
        max_environments: Most environments in use; beyond it the least recently used are retired
            first. None: no limit.
        warn_before: How long before an environment is retired or dropped its pull request is told.
        max_retirements: Most environments retired in one tick; if more would be, none is.
        max_retired_share: Largest share (0 to 1) of environments retired in one tick; if more
            would be, none is. Not applied to fewer than `share_applies_from` environments.
        share_applies_from: From how many environments on `max_retired_share` applies.
        max_provisions: Most environments asked for in one tick; the others follow.
        max_drops: Most environments dropped in one tick; the others follow.

    Raises:
        InvalidPolicy: A value contradicts itself or another.
    """

    provision_on: ProvisionOn = ProvisionOn.OPEN
    provision_label: str = "branch-environment"
    drafts: bool = True
    forks: Forks = Forks.DENY
    base_branches: tuple[str, ...] = ()
    ignored_branches: tuple[str, ...] = ("main", "master")
    protected_branches: tuple[str, ...] = ()
    grace: timedelta = timedelta(days=3)
    grace_after_merge: timedelta | None = None
    grace_after_close: timedelta | None = None
    idle_after: timedelta | None = None
    max_age: timedelta | None = None
    keep_label: str = "keep-environment"
    max_lease: timedelta = timedelta(days=30)
    max_environments: int | None = None
    warn_before: timedelta = timedelta(days=1)
    max_retirements: int = 100
    max_retired_share: float = 0.5
    share_applies_from: int = 6
    max_provisions: int = 20
    max_drops: int = 50

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise InvalidPolicy(problem, remedy="Correct the policy given to build_branch_defs.")
        # Their values will do, so that a policy can come from a file.
        object.__setattr__(self, "provision_on", ProvisionOn(self.provision_on))
        object.__setattr__(self, "forks", Forks(self.forks))

    def _problems(self) -> list[str]:
        # What is of another type cannot be compared.
        return self._problems_of_types() or [
            *self._problems_of_choices(),
            *self._problems_of_globs(),
            *self._problems_of_times(),
            *self._problems_of_counts(),
        ]

    def _problems_of_types(self) -> list[str]:
        wanted = {
            timedelta: (
                *("grace", "grace_after_merge", "grace_after_close"),
                *("idle_after", "max_age", "max_lease", "warn_before"),
            ),
            str: ("provision_label", "keep_label"),
            int: (
                *("max_provisions", "max_retirements", "max_drops"),
                *("share_applies_from", "max_environments"),
            ),
        }
        return [
            f"{name} is {getattr(self, name)!r}; it is a {kind.__name__}."
            for kind, names in wanted.items()
            for name in names
            if not isinstance(getattr(self, name), kind)
            and not (getattr(self, name) is None and name in _OPTIONAL)
        ]

    def _problems_of_choices(self) -> list[str]:
        choices = (
            ("provision_on", self.provision_on, ProvisionOn),
            ("forks", self.forks, Forks),
        )
        problems = [
            f"{name} is {value!r}; it is one of {', '.join(each.value for each in kind)}."
            for name, value, kind in choices
            if value not in list(kind)
        ]
        labels = ("provision_label", "keep_label")
        problems += [f"{name} is empty." for name in labels if not getattr(self, name).strip()]
        return problems

    def _problems_of_globs(self) -> list[str]:
        names = ("base_branches", "ignored_branches", "protected_branches")
        return [
            f"{name} is one text ({value!r}); its letters would each be taken for a glob."
            for name, value in ((name, getattr(self, name)) for name in names)
            if isinstance(value, str)
        ]

    def _problems_of_times(self) -> list[str]:
        problems = [
            f"The time {name} is negative ({time})."
            for name in _MAY_BE_ZERO
            if (time := getattr(self, name)) is not None and time < timedelta(0)
        ]
        problems += [
            f"{name} is not positive ({time})."
            for name in ("idle_after", "max_age", "max_lease")
            if (time := getattr(self, name)) is not None and time <= timedelta(0)
        ]
        problems += [
            f"{name} is longer than a century ({time}); such a date cannot be told."
            for name in (*_MAY_BE_ZERO, "idle_after", "max_age", "max_lease")
            if (time := getattr(self, name)) is not None and time > _LONGEST
        ]
        problems += [
            f"{name} ({time}) is below the grace period ({self.grace}): an environment would spend"
            " more time set aside than in use."
            for name, time in (("idle_after", self.idle_after), ("max_age", self.max_age))
            if time is not None and time < self.grace
        ]
        if self.idle_after is not None and self.idle_after < SHORTEST_IDLE:
            problems.append(f"idle_after is {self.idle_after}; it starts at {SHORTEST_IDLE}.")
        if None not in (self.idle_after, self.max_age) and self.max_age < self.idle_after:  # type: ignore[operator]
            problems.append(
                f"max_age ({self.max_age}) is below idle_after ({self.idle_after}), which would"
                " never come about."
            )
        return problems

    def _problems_of_counts(self) -> list[str]:
        problems = []
        if not 0 < self.max_retired_share <= 1:
            problems.append(f"max_retired_share is {self.max_retired_share}, not within (0, 1].")
        for name in (
            "max_provisions",
            "max_retirements",
            "max_drops",
            "share_applies_from",
            "max_environments",
        ):
            count = getattr(self, name)
            if count is not None and count < 1:
                problems.append(f"{name} is {count}; it starts at 1.")
        return problems

    def grace_after(self, cause: Cause) -> timedelta:
        """How long an environment that is retired for this can be restored."""
        merged = self.grace if self.grace_after_merge is None else self.grace_after_merge
        closed = self.grace if self.grace_after_close is None else self.grace_after_close
        # Of what is gone nobody knows whether it was merged.
        after = {Cause.MERGED: merged, Cause.CLOSED: closed, Cause.GONE: max(merged, closed)}
        return after.get(cause, self.grace)

    def why_not(self, branch: Branch, *, now: datetime) -> str | None:
        """Why no sensor makes an environment for an open branch; None if one does."""
        touched = branch.updated_at
        if self.idle_after is not None and touched is not None and touched + self.idle_after <= now:
            return f"nothing about it has changed since {touched:%Y-%m-%d}"
        if self.ignores(branch.name or branch.key.name):
            return "the policy ignores branches of that name"
        if branch.fork and self.forks is Forks.DENY:
            return "it comes from a fork, which the policy denies"
        if self.base_branches and branch.base and not _matches(branch.base, self.base_branches):
            return f"it is to be merged into {branch.base!r}, which is not in base_branches"
        if branch.draft and not self.drafts:
            return "it is a draft"
        if self.provision_on is ProvisionOn.DEMAND:
            return "environments are made on demand: launch provision_branch"
        if self.provision_on is ProvisionOn.LABEL and self.provision_label not in branch.labels:
            return f"it does not have the label {self.provision_label!r}"
        return None

    def schema_only(self, branch: Branch) -> bool:
        """Whether a branch's environment gets no rows of base."""
        return branch.fork and self.forks is Forks.SCHEMA_ONLY

    def ignores(self, branch: str | None) -> bool:
        """Whether a branch of that name never gets an environment."""
        return _matches(branch, self.ignored_branches)

    def protects(self, branch: str | None) -> bool:
        """Whether the environment of a branch of that name is never retired or dropped."""
        return _matches(branch, self.protected_branches)


def _matches(name: str | None, globs: tuple[str, ...]) -> bool:
    return name is not None and any(fnmatchcase(name, glob) for glob in globs)
