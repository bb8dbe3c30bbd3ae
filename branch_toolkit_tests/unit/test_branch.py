"""What identifies a branch: two that are confused would share their data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.core.branch import (
    Branch,
    BranchKey,
    BranchState,
    Project,
    canonical_repository,
    same_repository,
)
from branch_toolkit.core.errors import InvalidBranch
from branch_toolkit_tests.strategies import branch_keys, make_branch, quick

# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, -1, -(10**9)])
def test_a_pull_request_number_below_one_is_an_error(number):
    with pytest.raises(InvalidBranch, match="positive"):
        BranchKey(number=number, name="feature")


@pytest.mark.parametrize("name", [None, "", " ", "/", "---", "_._", "🚀", "\u0301"])
def test_a_key_without_number_and_without_a_letter_or_digit_in_its_name_is_an_error(name):
    with pytest.raises(InvalidBranch) as caught:
        BranchKey(name=name)
    assert repr(name) in caught.value.problem


def test_where_there_is_a_number_the_name_is_dropped_from_the_identity():
    assert BranchKey(number=42, name="feature") == BranchKey(number=42, name=None)
    assert hash(BranchKey(number=42, name="a")) == hash(BranchKey(number=42, name="///"))


def test_a_number_a_name_that_looks_like_it_and_another_repository_are_three_identities():
    keys = {
        BranchKey(number=42),
        BranchKey(name="42"),
        BranchKey(name="pr-42"),
        BranchKey(number=42, repository="evil/pipelines"),
    }
    assert len(keys) == 4


def test_names_that_differ_only_in_case_are_different_branches_as_in_git():
    assert BranchKey(name="Feature") != BranchKey(name="feature")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (BranchKey(number=42), "#42"),
        (BranchKey(name="a/b"), "@a/b"),
        (BranchKey(repository="acme/x", number=1), "acme/x#1"),
        (BranchKey(repository="acme/x", name="b"), "acme/x@b"),
    ],
)
def test_a_key_reads_as_people_write_it(key, text):
    assert str(key) == text


@pytest.mark.parametrize(
    ("branch", "label"),
    [
        (Branch(key=BranchKey(number=42), name="feature/login"), "#42 (feature/login)"),
        (Branch(key=BranchKey(number=42)), "#42"),
        (Branch(key=BranchKey(name="feature/login")), "feature/login"),
    ],
)
def test_a_label_is_what_a_person_would_say(branch, label):
    assert branch.label == label


def test_only_merged_and_closed_count_as_ended():
    ended = {state for state in BranchState if state.ended}
    assert ended == {BranchState.MERGED, BranchState.CLOSED}


# --- repositories -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "acme/pipelines",
        "Acme/Pipelines",
        " acme/pipelines ",
        "acme/pipelines/",
        "acme/pipelines.git",
        "https://github.com/acme/pipelines",
        "https://github.com/Acme/Pipelines.git",
        "https://github.com/acme/pipelines.git/",
        "HTTPS://GitHub.com/acme/pipelines",
        "https://user@github.com/acme/pipelines",
        "https://user:p4ss@github.com:8443/acme/pipelines.git",
        "git@github.com:acme/pipelines.git",
        "ssh://git@github.com/acme/pipelines.git",
        "ssh://git@github.com:22/acme/pipelines.git",
        "git+ssh://git@github.com/acme/pipelines.git",
    ],
)
def test_every_way_of_writing_a_repository_means_the_same_one(text):
    assert canonical_repository(text) == "acme/pipelines"
    assert same_repository(text, "acme/pipelines")


def test_a_group_with_subgroups_is_kept_whole():
    url = "https://gitlab.example.org/group/sub/pipelines.git"
    assert canonical_repository(url) == "group/sub/pipelines"


@pytest.mark.parametrize(
    "url", ["git@github.com:1337/pipelines.git", "https://github.com/1337/pipelines"]
)
def test_an_owner_whose_name_is_a_number_is_not_taken_for_a_port(url):
    assert canonical_repository(url) == "1337/pipelines"
    assert not same_repository(url, "acme/pipelines")


owners = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@quick
@given(owners, owners, st.sampled_from(["{}/{}", "https://h.io/{}/{}.git", "git@h.io:{}/{}"]))
def test_what_is_canonical_once_is_so_for_good(owner, name, form):
    once = canonical_repository(form.format(owner, name))
    assert once == canonical_repository(once) == f"{owner}/{name}"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("acme/pipelines", "evil/pipelines"),
        ("acme/pipelines", "acme/pipelines2"),
        ("acme/pipelines", "acme/my-pipelines"),
        ("pipelines", "acme/my-pipelines"),
        ("acme/pipelines", ""),
    ],
)
def test_different_repositories_are_told_apart_either_way_round(left, right):
    assert not same_repository(left, right)
    assert not same_repository(right, left)


def test_a_bare_project_name_as_gitlab_gives_it_and_an_unknown_one_may_be_ours():
    assert same_repository("pipelines", "group/sub/pipelines")
    assert same_repository("group/sub/pipelines", "Pipelines")
    assert same_repository(None, "acme/pipelines")
    assert same_repository("acme/pipelines", None)


def test_a_subgroup_that_repeats_our_path_is_another_repository():
    assert not same_repository("acme/pipelines", "evil/acme/pipelines")


# --- projects -----------------------------------------------------------------------------------


def test_the_projects_own_repository_is_left_out_of_the_identity_however_it_is_written():
    project = Project(repository="https://github.com/acme/pipelines.git")
    for own in ("acme/pipelines", "git@github.com:Acme/Pipelines", "pipelines", None):
        assert project.key(repository=own, number=42) == BranchKey(number=42)


def test_another_repository_is_part_of_the_identity_in_one_spelling():
    project = Project(repository="acme/pipelines")
    expected = BranchKey(repository="evil/pipelines", number=42)
    assert project.key(repository="https://github.com/Evil/Pipelines", number=42) == expected
    assert project.key(repository="evil/pipelines.git", number=42) == expected


def test_adopting_leaves_everything_but_the_identity_as_it_was():
    branch = replace(
        make_branch(42, BranchState.MERGED, "feature"), repository="acme/pipelines", sha="abc"
    )
    (adopted,) = Project(repository="acme/pipelines").adopt([branch])
    assert adopted == branch


def test_adopting_recognises_our_own_repository_and_keeps_others_apart():
    told = [
        Branch(key=BranchKey(repository=repository, number=1), repository=repository)
        for repository in ("acme/pipelines", "evil/pipelines")
    ]
    own, foreign = Project(repository="acme/pipelines").adopt(told)
    assert own.key == BranchKey(number=1)
    assert foreign.key == BranchKey(repository="evil/pipelines", number=1)


def test_adopting_keeps_a_repository_that_only_the_key_names():
    told = Branch(key=BranchKey(repository="evil/pipelines", number=1))
    (adopted,) = Project(repository="acme/pipelines").adopt([told])
    assert adopted.key.repository == "evil/pipelines"


@quick
@given(branch_keys)
def test_adopting_twice_is_adopting_once(key):
    project = Project(repository="acme/pipelines")
    once = project.adopt([Branch(key=key, repository=key.repository)])
    assert project.adopt(once) == once
