"""Policies: what contradicts itself is refused before it can drop anything."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from branch_toolkit.core.cause import Cause
from branch_toolkit.core.errors import InvalidPolicy
from branch_toolkit.core.policy import Forks, Policy
from branch_toolkit_tests.strategies import NOW, make_branch


def test_the_defaults_are_valid_and_keep_for_days():
    assert Policy().grace >= timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"grace": timedelta(microseconds=-1)}, "grace"),
        ({"grace": timedelta(days=-3)}, "grace"),
        ({"max_retired_share": 0}, "max_retired_share"),
        ({"max_retired_share": -0.1}, "max_retired_share"),
        ({"max_retired_share": 1.01}, "max_retired_share"),
        ({"max_retired_share": 50}, "max_retired_share"),
        ({"max_retired_share": math.nan}, "max_retired_share"),
        ({"max_retired_share": math.inf}, "max_retired_share"),
        ({"max_retirements": 0}, "max_retirements"),
        ({"max_drops": 0}, "max_drops"),
        ({"max_drops": -1}, "max_drops"),
        ({"share_applies_from": 0}, "share_applies_from"),
        ({"max_provisions": 0}, "max_provisions"),
        ({"max_environments": 0}, "max_environments"),
        ({"max_environments": -1}, "max_environments"),
        ({"grace_after_merge": timedelta(seconds=-1)}, "grace_after_merge"),
        ({"grace_after_close": timedelta(seconds=-1)}, "grace_after_close"),
        ({"warn_before": timedelta(seconds=-1)}, "warn_before"),
        ({"idle_after": timedelta(0)}, "idle_after"),
        ({"max_age": timedelta(0)}, "max_age"),
        ({"max_lease": timedelta(0)}, "max_lease"),
        ({"max_lease": timedelta(days=-1)}, "max_lease"),
        ({"idle_after": timedelta(days=2)}, "idle_after"),
        ({"max_age": timedelta(days=2)}, "max_age"),
        ({"grace": timedelta(0), "idle_after": timedelta(minutes=59)}, "idle_after"),
        ({"idle_after": timedelta(days=9), "max_age": timedelta(days=8)}, "max_age"),
        ({"provision_on": "merge"}, "provision_on"),
        ({"provision_on": None}, "provision_on"),
        ({"provision_on": "OPEN"}, "provision_on"),
        ({"forks": "yes"}, "forks"),
        ({"forks": True}, "forks"),
        ({"provision_label": ""}, "provision_label"),
        ({"provision_label": "  "}, "provision_label"),
        ({"keep_label": ""}, "keep_label"),
        ({"grace": timedelta.max}, "grace"),
        ({"idle_after": timedelta.max}, "idle_after"),
        ({"max_age": timedelta.max}, "max_age"),
        ({"max_lease": timedelta.max}, "max_lease"),
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_is_refused_by_name(changes, word):
    with pytest.raises(InvalidPolicy) as caught:
        Policy(**changes)
    assert word in caught.value.problem.replace("grace period", "grace")
    assert caught.value.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"grace": timedelta(0)},
        {"max_retired_share": 1},
        {"max_retired_share": 0.001},
        {"max_retirements": 1, "max_drops": 1, "share_applies_from": 1},
        {"max_environments": 1, "max_provisions": 1},
        {"idle_after": timedelta(days=3), "max_age": timedelta(days=3)},
        {"grace": timedelta(0), "idle_after": timedelta(hours=1)},
        {"grace_after_merge": timedelta(0), "grace_after_close": timedelta(0)},
        {"warn_before": timedelta(0), "max_lease": timedelta(seconds=1)},
        {"provision_on": "label", "forks": "schema-only"},
    ],
    ids=str,
)
def test_a_value_at_its_limit_is_accepted(changes):
    Policy(**changes)


@pytest.mark.parametrize("field", ["base_branches", "ignored_branches", "protected_branches"])
@pytest.mark.parametrize("globs", ["release/*", "main"])
def test_one_glob_given_as_text_is_refused_as_its_letters_would_be_taken_for_globs(field, globs):
    # A lone `*` among the letters would match every branch; "main" would protect nothing.
    with pytest.raises((InvalidPolicy, TypeError)):
        Policy(**{field: globs})


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        ("main", "main", True),
        ("main", "main2", False),
        ("main", "Main", False),
        ("release/*", "release/1", True),
        ("release/*", "release/1/hotfix", True),
        ("release/*", "my/release/1", False),
        ("*", "anything", True),
        ("*", None, False),
        ("v[0-9]", "v1", True),
    ],
)
def test_globs_match_whole_names_with_case(glob, name, matches):
    assert Policy(ignored_branches=(glob,)).ignores(name) is matches
    assert Policy(protected_branches=(glob,)).protects(name) is matches


def test_main_and_master_get_no_environment_by_default_and_nothing_is_protected():
    policy = Policy()
    assert policy.ignores("main")
    assert policy.ignores("master")
    assert not policy.ignores("feature/main")
    assert not policy.protects("main")


# --- which branches get an environment ----------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "details", "reason"),
    [
        ({}, {}, None),
        ({}, {"draft": True}, None),
        ({}, {"fork": True}, "fork"),
        ({}, {"name": "main"}, "ignores"),
        ({}, {"name": "main", "fork": True}, "ignores"),
        ({"forks": Forks.ALLOW}, {"fork": True}, None),
        ({"forks": "schema-only"}, {"fork": True}, None),
        ({"drafts": False}, {"draft": True}, "draft"),
        ({"drafts": False}, {}, None),
        ({"base_branches": ("main", "release/*")}, {"base": "main"}, None),
        ({"base_branches": ("main", "release/*")}, {"base": "release/1"}, None),
        ({"base_branches": ("main",)}, {"base": "develop"}, "develop"),
        ({"base_branches": ("main",)}, {}, None),
        ({"provision_on": "demand"}, {"labels": frozenset({"branch-environment"})}, "demand"),
        ({"provision_on": "label"}, {}, "branch-environment"),
        pytest.param(
            {"provision_on": "label"},
            {"labels": frozenset({"branch-environment", "x"})},
            None,
            # The text of a set differs from one process to the next.
            id="one of two labels",
        ),
        ({"provision_on": "label"}, {"labels": frozenset({"Branch-Environment"})}, "label"),
        ({"provision_on": "label", "provision_label": "db"}, {"labels": frozenset({"db"})}, None),
    ],
    ids=str,
)
def test_an_open_branch_gets_an_environment_unless_the_policy_says_why_not(policy, details, reason):
    found = Policy(**policy).why_not(make_branch(42, **{"name": "feature/x", **details}), now=NOW)
    assert (found is None) is (reason is None)
    assert reason is None or reason in found


def test_only_forks_get_no_rows_of_base_and_only_where_the_policy_says_so():
    fork, own = make_branch(1, fork=True), make_branch(2)
    only = [Policy(forks=each).schema_only(fork) for each in Forks]
    assert dict(zip(Forks, only, strict=True)) == {
        Forks.DENY: False,
        Forks.SCHEMA_ONLY: True,
        Forks.ALLOW: False,
    }
    assert not Policy(forks=Forks.SCHEMA_ONLY).schema_only(own)


# --- grace --------------------------------------------------------------------------------------


def test_the_grace_period_may_differ_after_a_merge_and_after_a_close():
    policy = Policy(
        grace=timedelta(days=3),
        grace_after_merge=timedelta(0),
        grace_after_close=timedelta(days=7),
    )
    assert {cause: policy.grace_after(cause).days for cause in Cause} == {
        Cause.MERGED: 0,
        Cause.CLOSED: 7,
        Cause.GONE: 7,
        Cause.IDLE: 3,
        Cause.AGE: 3,
        Cause.QUOTA: 3,
        Cause.ASKED: 3,
    }


def test_without_further_words_every_grace_period_is_the_same():
    policy = Policy(grace=timedelta(days=5))
    assert {policy.grace_after(cause).days for cause in Cause} == {5}


def test_of_what_is_gone_the_longer_grace_counts_whichever_that_is():
    policy = Policy(grace_after_merge=timedelta(days=9), grace_after_close=timedelta(days=1))
    assert policy.grace_after(Cause.GONE) == timedelta(days=9)
