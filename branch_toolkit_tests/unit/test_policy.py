"""Policies: what contradicts itself is refused before it can drop anything."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from branch_toolkit.core.errors import InvalidPolicy
from branch_toolkit.core.policy import Policy


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
    ],
    ids=str,
)
def test_a_value_at_its_limit_is_accepted(changes):
    Policy(**changes)


@pytest.mark.parametrize("field", ["ignored_branches", "protected_branches"])
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
