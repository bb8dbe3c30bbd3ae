"""Names of clones: one for each branch and base schema, for ever, and no two alike."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from branch_toolkit.core.branch import BranchKey
from branch_toolkit.core.errors import InvalidName
from branch_toolkit.core.names import (
    POSTGRES,
    SNOWFLAKE,
    Dialect,
    clone_name,
    clone_names,
    environment_name,
    half_name,
)
from branch_toolkit_tests.strategies import (
    SEPARATORS,
    Identity,
    base_schemas,
    branch_keys,
    dialects,
    identities,
    near_identities,
    plain_names,
    projects,
    quick,
    thorough,
)

DIALECTS = pytest.mark.parametrize("dialect", [POSTGRES, SNOWFLAKE], ids=lambda found: found.name)
PR_42 = BranchKey(number=42)


def size(name: str, dialect: Dialect) -> int:
    return len(name.encode()) if dialect is POSTGRES else len(name)


def name_of(identity: Identity, dialect: Dialect) -> str:
    return clone_name(identity.base, identity.key, project=identity.project, dialect=dialect)


# --- readable -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "key", "dialect", "expected"),
    [
        ("analytics", PR_42, POSTGRES, r"analytics__pr_42"),
        ("analytics", PR_42, SNOWFLAKE, r"ANALYTICS__PR_42"),
        ("Analytics", PR_42, POSTGRES, r"Analytics__pr_42"),
        ('"Analytics"', PR_42, SNOWFLAKE, r"Analytics__PR_42"),
        ("a__b", PR_42, POSTGRES, r"a__b__pr_42"),
        ("analytics", BranchKey(number=10**12), POSTGRES, r"analytics__pr_1000000000000"),
        (
            "analytics",
            BranchKey(name="feature/login"),
            POSTGRES,
            r"analytics__feature_login_[a-f][0-9a-f]{5}",
        ),
        (
            "analytics",
            BranchKey(name="feature/login"),
            SNOWFLAKE,
            r"ANALYTICS__FEATURE_LOGIN_[A-F][0-9A-F]{5}",
        ),
        (
            "analytics",
            BranchKey(name="Feature/Login"),
            POSTGRES,
            r"analytics__feature_login_[a-f][0-9a-f]{15}",
        ),
        (
            "analytics",
            BranchKey(name="Ünïcode/naïve"),
            POSTGRES,
            r"analytics__unicode_naive_[a-f][0-9a-f]{15}",
        ),
        ("analytics", BranchKey(name="日本"), POSTGRES, r"analytics__branch_[a-f][0-9a-f]{15}"),
        (
            "analytics",
            BranchKey(repository="acme/pipelines", number=42),
            POSTGRES,
            r"analytics__pipelines_pr_42_[a-f][0-9a-f]+",
        ),
    ],
)
def test_a_name_tells_a_person_its_base_schema_and_its_branch(base, key, dialect, expected):
    assert re.fullmatch(expected, clone_name(base, key, dialect=dialect))


def test_a_project_of_its_own_stands_in_the_name():
    assert environment_name(PR_42, project="ml").startswith("ml_pr_42_")
    assert environment_name(BranchKey(name="a/b"), project="ml").startswith("ml_a_b_")


@quick
@given(st.lists(st.sampled_from("abc1"), min_size=1, max_size=14), projects)
def test_a_name_can_be_taken_apart_at_its_last_double_underscore(letters, project):
    key, base = BranchKey(name="".join(letters)), "__a_" * 2
    environment = environment_name(key, project=project.name)
    assert clone_name(base, key, project=project.name).rpartition("__")[::2] == (base, environment)


@thorough
@given(branch_keys, projects)
def test_an_environments_name_is_a_plain_word_that_any_tool_can_show(key, project):
    name = environment_name(key, project=project.name)
    assert name.isascii()
    assert name.replace("_", "").isalnum()
    assert name == name.lower()
    assert "__" not in name
    assert name == name.strip("_")
    assert len(name) <= 50


@pytest.mark.parametrize("word", ["select", "user", "table", "all", "PUBLIC", "default", "null"])
def test_a_reserved_word_is_never_a_name_by_itself(word):
    assert environment_name(BranchKey(name=word)).startswith(f"{word.lower()}_")
    assert clone_name(word, PR_42) == f"{word}__pr_42"


# --- within the limit ---------------------------------------------------------------------------


@thorough
@given(identities(), dialects)
def test_a_name_is_within_the_limit_and_never_its_base_schema(identity, dialect):
    name = name_of(identity, dialect)
    assert 0 < size(name, dialect) <= {"Postgres": 63, "Snowflake": 255}[dialect.name]
    assert name != dialect.fold(identity.base)
    assert "\0" not in name


@thorough
@given(st.integers(1, 63), st.sampled_from(["b", "é", "語", "🚀", "_", "b_"]), branch_keys)
def test_a_base_schema_of_any_length_is_cut_between_characters_and_kept_readable(
    length, letter, key
):
    base = (letter * length).encode()[:63].decode(errors="ignore")
    assume(base)
    name = clone_name(base, key)
    assert size(name, POSTGRES) <= 63
    if name.startswith(base):
        return
    kept = name[: len(name) - len(name.lstrip(letter))].rstrip("_")
    assert base.startswith(kept)
    assert len(name) > 18  # what is kept of the base, and sixteen digits of digest


def test_the_longest_base_schemas_of_each_dialect_are_accepted_and_one_more_is_not():
    for base, dialect in (("b" * 63, POSTGRES), ("語" * 21, POSTGRES), ("語" * 255, SNOWFLAKE)):
        assert size(clone_name(base, PR_42, dialect=dialect), dialect) <= dialect.limit
        with pytest.raises(InvalidName, match=dialect.name) as caught:
            clone_name(base + "語", PR_42, dialect=dialect)
        assert "schemas" in caught.value.remedy


@DIALECTS
@pytest.mark.parametrize("base", ["", "a\0b"])
def test_what_cannot_be_a_schemas_name_is_refused(base, dialect):
    with pytest.raises(InvalidName):
        clone_name(base, PR_42, dialect=dialect)


def test_quotes_around_nothing_are_no_name_in_snowflake():
    with pytest.raises(InvalidName):
        clone_name('""', PR_42, dialect=SNOWFLAKE)


def test_a_clone_never_gets_the_prefix_that_postgres_reserves():
    # `CREATE SCHEMA pg__pr_42` fails: names that begin with pg_ are the system's.
    try:
        name = clone_name("pg", PR_42)
    except InvalidName:
        return
    assert not name.startswith("pg_")


# --- folding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("analytics", "ANALYTICS"),
        ("Analytics", "ANALYTICS"),
        ("_a$1", "_A$1"),
        ('"analytics"', "analytics"),
        ('"my ""own"""', 'my "own"'),
        ("my schema", "my schema"),
        ("1st", "1st"),
        ("straße", "straße"),
        ('"', '"'),
    ],
)
def test_snowflake_folds_what_stands_unquoted_and_only_that(written, folded):
    assert SNOWFLAKE.fold(written) == folded


def test_one_snowflake_schema_has_one_clone_however_it_is_written():
    spellings = ["analytics", "ANALYTICS", "Analytics", '"ANALYTICS"']
    assert {clone_name(base, PR_42, dialect=SNOWFLAKE) for base in spellings} == {
        "ANALYTICS__PR_42"
    }


def test_schemas_that_differ_in_case_have_clones_that_do():
    assert len({clone_name(base, PR_42) for base in ("sales", "Sales", "SALES")}) == 3
    quoted = ('"sales"', '"Sales"', "sales")
    assert len({clone_name(base, PR_42, dialect=SNOWFLAKE) for base in quoted}) == 3


# --- injective ----------------------------------------------------------------------------------


@thorough
@given(near_identities(), dialects)
def test_identities_that_are_easily_confused_have_different_names(pair, dialect):
    left, right = pair
    try:
        names = [name_of(identity, dialect) for identity in pair]
    except InvalidName:
        assume(False)  # a neighbour's base schema was too long
    same = left._replace(base="") == right._replace(base="") and (
        dialect.fold(left.base) == dialect.fold(right.base)
    )
    assert (names[0] == names[1]) == same


@thorough
@given(near_identities())
def test_environments_that_are_easily_confused_have_different_names(pair):
    left, right = (identity._replace(base="") for identity in pair)
    names = [environment_name(found.key, project=found.project) for found in (left, right)]
    assert (names[0] == names[1]) == (left == right)


@DIALECTS
@pytest.mark.parametrize("base", ["analytics", "b" * 63])
def test_twenty_thousand_long_branches_with_one_prefix_have_as_many_names(dialect, base):
    prefix = "feature/" + "very-long-" * 30
    keys = [BranchKey(name=f"{prefix}{number}") for number in range(20_000)]
    names = {clone_name(base, key, dialect=dialect) for key in keys}
    assert len(names) == len(keys)
    assert max(size(name, dialect) for name in names) <= dialect.limit


@DIALECTS
def test_every_way_of_parting_and_writing_one_name_has_a_name_of_its_own(dialect):
    parts = [*SEPARATORS, "", "--", "__", "-_", " ", "\u00a0", "\u2010", "/_/"]
    names = {
        f"{one}{first}{two}{second}{three}"
        for one in ("feature", "Feature", "FEATURE", "ｆeature")
        for two in ("login", "Login", "logín", "logi\u0301n", "ﬂogin")
        for three in ("v2", "V2", "v２", "v²")
        for first, second in itertools.product(parts, repeat=2)
    }
    clones = {clone_name("analytics", BranchKey(name=name), dialect=dialect) for name in names}
    assert len(clones) == len(names) == 4 * 5 * 4 * 144


def test_every_pull_request_and_every_name_made_of_its_number_differ():
    keys = [BranchKey(number=number) for number in range(1, 3000)]
    forms = ("pr-{}", "pr_{}", "pr/{}", "pr{}", "PR-{}", "{}", "#{}")
    keys += [BranchKey(name=form.format(n)) for form in forms for n in range(1, 3000)]
    assert len({clone_name("analytics", key) for key in keys}) == len(keys)


def test_many_forks_owners_of_one_repository_name_have_names_of_their_own():
    # Six digits of a digest do not tell thousands of owners apart: the owner is not in the slug.
    keys = [BranchKey(repository=f"owner{n}/pipelines", number=42) for n in range(20_000)]
    assert len({environment_name(key) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("feature_login-v5437/x", "feature/login_v5437/x"),
        ("feature-login_v5568/x", "feature.login_v5568/x"),
    ],
)
def test_two_plain_names_that_differ_in_separators_never_share_a_short_digest(left, right):
    # Found by trying the 64 ways of parting each of 6,000 names.
    assert environment_name(BranchKey(name=left)) != environment_name(BranchKey(name=right))


@pytest.mark.parametrize("digits", range(40, 64))
def test_a_number_too_long_to_be_kept_is_still_told_from_the_next(digits):
    keys = [BranchKey(number=int("1" * digits) + step) for step in range(3)]
    names = {clone_name("analytics", key) for key in keys}
    assert len(names) == 3
    assert max(map(len, names)) <= 63


@quick
@given(plain_names(), plain_names(), base_schemas)
def test_the_same_branch_in_two_projects_has_two_names(name, project, base):
    assume(project != "default")
    key = BranchKey(name=name)
    assert clone_name(base, key) != clone_name(base, key, project=project)


# --- never a base schema ------------------------------------------------------------------------


@DIALECTS
def test_a_base_schema_named_as_a_clone_would_be_is_refused_and_named(dialect):
    with pytest.raises(InvalidName, match=r"pr_42|PR_42") as caught:
        clone_names(["analytics", "analytics__pr_42"], PR_42, dialect=dialect)
    assert "itself a base schema" in caught.value.problem
    assert "analytics" in caught.value.problem


def test_a_snowflake_base_schema_in_quotes_counts_as_what_it_names():
    with pytest.raises(InvalidName):
        clone_names(["analytics", '"ANALYTICS__PR_42"'], PR_42, dialect=SNOWFLAKE)
    clone_names(["analytics", '"analytics__pr_42"'], PR_42, dialect=SNOWFLAKE)


def test_another_pull_requests_clone_may_be_a_base_schema():
    assert clone_names(["analytics", "analytics__pr_41"], PR_42) == {
        "analytics": "analytics__pr_42",
        "analytics__pr_41": "analytics__pr_41__pr_42",
    }


@thorough
@given(st.lists(base_schemas, min_size=1, max_size=4), branch_keys, projects, dialects, st.data())
def test_no_clone_of_a_set_has_the_name_of_any_base_schema_in_it(
    bases, key, project, dialect, data
):
    if data.draw(st.booleans()):
        # Of one base schema, the very name that its clone would have.
        bases.append(clone_name(bases[0], key, project=project.name, dialect=POSTGRES))
    try:
        names = clone_names(bases, key, project=project.name, dialect=dialect)
    except InvalidName:
        return
    assert set(names) == set(bases)
    assert not set(names.values()) & {dialect.fold(base) for base in bases}


@quick
@given(st.lists(base_schemas, min_size=1, max_size=5, unique=True), branch_keys)
def test_as_many_clones_as_base_schemas(bases, key):
    assume(not any("__" in base for base in bases))
    assert len(set(clone_names(bases, key).values())) == len(bases)


def test_one_snowflake_schema_given_twice_is_refused_as_it_would_be_cloned_twice():
    with pytest.raises(InvalidName):
        clone_names(["analytics", "ANALYTICS"], PR_42, dialect=SNOWFLAKE)


# --- for ever -----------------------------------------------------------------------------------

LONG = "feature/" + "x" * 300
GOLDEN: list[tuple[str, str, str | None, int | None, str | None, str]] = [
    # project, base schema, repository, number, branch name, the clone in Postgres
    ("default", "analytics", None, 42, None, "analytics__pr_42"),
    ("default", "analytics", None, None, "feature/login", "analytics__feature_login_e2e22d"),
    ("default", "analytics", None, None, "feature-login", "analytics__feature_login_d26442"),
    (
        "default",
        "analytics",
        None,
        None,
        "Feature/Login",
        "analytics__feature_login_b6423b86ce725bf8",
    ),
    ("default", "analytics", None, None, "pr-42", "analytics__pr_42_a2a184"),
    ("default", "analytics", None, None, "42", "analytics__42_ef2860"),
    (
        "default",
        "analytics",
        None,
        None,
        LONG,
        "analytics__feature_xxxxxxxxxxxxxxxxxxxxxx_d6c8e9f4aaf6a237",
    ),
    (
        "default",
        "analytics",
        None,
        None,
        "Ünïcode/naïve",
        "analytics__unicode_naive_aa7df58ad941e356",
    ),
    ("default", "analytics", None, None, "日本", "analytics__branch_db8fe6d3b8a8b9d4"),
    (
        "default",
        "analytics",
        "acme/pipelines",
        42,
        None,
        "analytics__pipelines_pr_42_b33f78c17ddc3f2b",
    ),
    (
        "default",
        "analytics",
        "acme/pipelines",
        None,
        "feature/login",
        "analytics__pipelines_feature_login_e2bbfe12d0d7d1d1",
    ),
    ("ml", "analytics", None, 42, None, "analytics__ml_pr_42_d666ea"),
    (
        "ml team",
        "analytics",
        None,
        None,
        "feature/login",
        "analytics__ml_team_feature_login_f7b5d2fc24bd8ae1",
    ),
    ("default", "a__b", None, 42, None, "a__b__pr_42"),
    ("default", "Sales", None, 42, None, "Sales__pr_42"),
    (
        "default",
        "b" * 57,
        None,
        42,
        None,
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb_pr_42_c8546ca5743ee927",
    ),
    (
        "default",
        "b" * 60,
        None,
        42,
        None,
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb_pr_42_e34ab0152217cf05",
    ),
    (
        "default",
        "語" * 20,
        None,
        None,
        "feature/login",
        "語語語語語語語語_feature_login_e2e22d_b3dd780f3b3b7ff4",
    ),
    (
        "ml",
        "b" * 63,
        "acme/pipelines",
        None,
        LONG,
        "bbbbbbbbbbbbbbbbbbbbb_ml_pipelines_feature_xxx_ceaced1de53c43bb",
    ),
]


IN_ANOTHER_PROCESS = """
import json, sys
from branch_toolkit.core.branch import BranchKey
from branch_toolkit.core.names import clone_name

print(json.dumps([
    clone_name(base, BranchKey(repository=repository, number=number, name=name), project=project)
    for project, base, repository, number, name, _ in json.load(sys.stdin)
]))
"""


@pytest.mark.parametrize(("project", "base", "repository", "number", "name", "clone"), GOLDEN)
def test_a_name_is_what_it_was_when_the_first_environments_were_made(
    project, base, repository, number, name, clone
):
    key = BranchKey(repository=repository, number=number, name=name)
    assert clone_name(base, key, project=project) == clone


def test_names_are_the_same_in_another_process_with_another_hash_seed():
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        input=json.dumps(GOLDEN),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [row[-1] for row in GOLDEN]


# --- half of a clone ----------------------------------------------------------------------------

CONDITIONS = ("building", "dropping")


@pytest.mark.parametrize(
    ("clone", "dialect", "expected"),
    [
        ("analytics__pr_42", POSTGRES, r"analytics__pr_42__building"),
        ("ANALYTICS__PR_42", SNOWFLAKE, r"ANALYTICS__PR_42__BUILDING"),
        ("a" * 53, POSTGRES, "a" * 53 + "__building"),
        ("a" * 54, POSTGRES, r"a{36}_[0-9a-f]{16}__building"),
    ],
)
def test_half_a_clone_is_called_after_the_clone(clone, dialect, expected):
    assert re.fullmatch(expected, half_name(clone, "building", dialect=dialect))


@thorough
@given(st.lists(identities(), min_size=1, max_size=4), dialects)
def test_no_two_halves_of_clones_and_no_clone_share_a_name(found, dialect):
    for identity in found:
        assume(size(dialect.fold(identity.base), dialect) <= dialect.limit)
    clones = {name_of(identity, dialect) for identity in found}
    halves = {half_name(clone, each, dialect=dialect) for clone in clones for each in CONDITIONS}
    assert len(halves) == 2 * len(clones)
    assert halves.isdisjoint(clones)
    assert all(size(half, dialect) <= dialect.limit for half in halves)


@quick
@given(near_identities())
def test_halves_of_clones_that_are_easily_confused_differ(pair):
    for identity in pair:
        assume(size(identity.base, POSTGRES) <= POSTGRES.limit)
    left, right = (name_of(identity, POSTGRES) for identity in pair)
    for one, other in itertools.product(CONDITIONS, repeat=2):
        alike = half_name(left, one) == half_name(right, other)
        assert alike == (left == right and one == other)
