"""What the machine draws: policies, times, faults, fates."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from branch_toolkit.core.branch import BranchKey
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.policy import Forks, Policy, ProvisionOn
from branch_toolkit_tests.lifecycle.forge import Fault
from branch_toolkit_tests.lifecycle.mortal import Fate

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
START = datetime(2026, 11, 1, tzinfo=timezone.utc)
LABELS = ("branch-environment", "keep-environment")
SPIKE = BranchKey(name="spike")

policies = st.builds(
    Policy,
    provision_on=st.sampled_from([ProvisionOn.OPEN] * 4 + [ProvisionOn.LABEL]),
    drafts=st.booleans(),
    forks=st.sampled_from(Forks),
    base_branches=st.sampled_from([(), ("main",)]),
    protected_branches=st.sampled_from([(), (), ("release/*",)]),
    grace=st.sampled_from([0 * DAY, 3 * DAY, 3 * DAY]),
    grace_after_merge=st.sampled_from([None, None, 0 * DAY]),
    grace_after_close=st.sampled_from([None, None, 5 * DAY]),
    idle_after=st.sampled_from([None, None, 7 * DAY]),
    max_age=st.sampled_from([None, None, 30 * DAY]),
    max_environments=st.sampled_from([None, None, 1, 2]),
    max_retirements=st.sampled_from([100, 100, 1]),
    share_applies_from=st.sampled_from([6, 6, 2]),
    max_provisions=st.sampled_from([20, 20, 1]),
    max_drops=st.sampled_from([50, 50, 1]),
)
numbers = st.integers(1, 4)
keys = st.one_of(numbers.map(lambda number: BranchKey(number=number)), st.just(SPIKE))
names = st.sampled_from(["feature/a", "feature/a", "feature/b", "release/1", "release/1", "spike"])
opened = st.dictionaries(keys, names, min_size=1, max_size=3)
bases = st.sampled_from(["main", "main", "develop"])
faults = st.tuples(st.sampled_from(Fault), st.frozensets(keys))
times = st.sampled_from([HOUR / 3, HOUR, DAY, 3 * DAY, 4 * DAY, 8 * DAY])
leaps = st.sampled_from([-HOUR, -DAY, -9 * DAY, 9 * DAY, 40 * DAY])
fates = st.none() | st.builds(Fate, at=st.integers(0, 12), cut=st.booleans())

EXPECTED = {
    *(f"retired: {cause.value}" for cause in Cause),
    "restored, written to",
    "dropped, written to",
    "too late",
    "killed",
    "overtaken",
}
"""What has to happen in a run that is long enough, or the machine shows nothing."""
