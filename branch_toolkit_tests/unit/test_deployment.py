"""Where this code runs. The danger is a branch that is taken for production."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.core.branch import BranchKey, BranchState
from branch_toolkit.core.deployment import Commit, Deployment
from branch_toolkit.core.errors import InvalidDeployment
from branch_toolkit_tests.strategies import thorough

FLAG = "IS_BRANCH_DEPLOYMENT"
DAGSTER = "DAGSTER_CLOUD_"
OVERRIDE = "BRANCH_TOOLKIT_"
PREFIXES = pytest.mark.parametrize("prefix", [DAGSTER, OVERRIDE])

FALSE = ["0", "false", "False", "FALSE", " 0 ", "\tfalse\n", "", "   "]
TRUE = ["1", "true", "True", "TRUE", " 1 ", "\ttrue\n", "tRuE"]
NEITHER = ["2", "-1", "01", "yes", "no", "on", "off", "t", "f", "None", "null", "1.0", "１", "truе"]

PULL_REQUEST_42 = {
    "DAGSTER_CLOUD_DEPLOYMENT_NAME": "3f9c0a7be1d24c5f8e6b7a9d0c1e2f3a4b5c6d7e",
    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
    "DAGSTER_CLOUD_GIT_SHA": "deadbeefcafe",
    "DAGSTER_CLOUD_GIT_TIMESTAMP": "1700000000",
    "DAGSTER_CLOUD_GIT_AUTHOR_EMAIL": "ada@example.org",
    "DAGSTER_CLOUD_GIT_AUTHOR_NAME": "Ada Lovelace",
    "DAGSTER_CLOUD_GIT_MESSAGE": "Compute Bernoulli numbers",
    "DAGSTER_CLOUD_GIT_BRANCH": "Feature/Login",
    "DAGSTER_CLOUD_GIT_REPO": "acme/pipelines",
    "DAGSTER_CLOUD_PULL_REQUEST_ID": "42",
    "DAGSTER_CLOUD_PULL_REQUEST_STATUS": "OPEN",
    "DAGSTER_CLOUD_LOCATION_NAME": "orders",
    "DAGSTER_CLOUD_GIT_URL": "https://github.com/acme/pipelines/tree/deadbeefcafe",
}


def branch_variables(prefix: str = DAGSTER, **variables: str) -> dict[str, str]:
    named = {prefix + name: value for name, value in variables.items()}
    return {prefix + FLAG: "1", **named}


def as_override(environ: dict[str, str]) -> dict[str, str]:
    return {name.replace(DAGSTER, OVERRIDE): value for name, value in environ.items()}


# --- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize("environ", [PULL_REQUEST_42, as_override(PULL_REQUEST_42)])
def test_every_variable_of_a_branch_deployment_is_read_under_either_prefix(environ):
    deployment = Deployment.from_env(environ)

    assert deployment.is_branch
    assert deployment.name == "3f9c0a7be1d24c5f8e6b7a9d0c1e2f3a4b5c6d7e"
    assert deployment.location_name == "orders"
    assert deployment.git_url == "https://github.com/acme/pipelines/tree/deadbeefcafe"
    assert deployment.commit == Commit(
        sha="deadbeefcafe",
        timestamp=datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc),
        author_name="Ada Lovelace",
        author_email="ada@example.org",
        message="Compute Bernoulli numbers",
    )
    assert deployment.branch.key.number == 42
    assert deployment.branch.name == "Feature/Login"
    assert deployment.branch.repository == "acme/pipelines"
    assert deployment.branch.sha == "deadbeefcafe"


def test_the_raw_git_url_stands_in_for_a_missing_one():
    assert (
        Deployment.from_env({"DAGSTER_CLOUD_RAW_GIT_URL": "https://x/y"}).git_url == "https://x/y"
    )
    both = {"DAGSTER_CLOUD_RAW_GIT_URL": "https://x/y", "DAGSTER_CLOUD_GIT_URL": "https://z"}
    assert Deployment.from_env(both).git_url == "https://z"


def test_a_production_deployment_of_dagster_plus_is_base_and_keeps_its_name():
    deployment = Deployment.from_env(
        {"DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod", "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "0"}
    )
    assert (deployment.is_branch, deployment.branch, deployment.name) == (False, None, "prod")


def test_an_empty_environment_is_a_base_deployment_that_knows_nothing():
    assert Deployment.from_env({}) == Deployment()


def test_only_the_given_mapping_is_read_and_never_the_process_environment(monkeypatch):
    for name, value in PULL_REQUEST_42.items():
        monkeypatch.setenv(name, value)
    assert Deployment.from_env({}) == Deployment()


def test_the_commit_time_is_aware_and_in_utc():
    commit = Deployment.from_env({"DAGSTER_CLOUD_GIT_TIMESTAMP": " 1700000000.5 "}).commit
    assert commit.timestamp.utcoffset().total_seconds() == 0
    assert commit.timestamp.microsecond == 500000


@pytest.mark.parametrize("value", ["yesterday", "nan", "inf", "1e400", "-1e20", "9" * 400])
def test_a_commit_time_that_is_none_is_an_error_and_not_a_crash(value):
    with pytest.raises(InvalidDeployment, match="GIT_TIMESTAMP"):
        Deployment.from_env({"DAGSTER_CLOUD_GIT_TIMESTAMP": value})


@pytest.mark.parametrize("status", ["OPEN", "CLOSED", "MERGED", "nonsense"])
def test_the_pull_request_status_at_deploy_time_never_decides_the_branch_state(status):
    environ = branch_variables(PULL_REQUEST_ID="42", PULL_REQUEST_STATUS=status)
    assert Deployment.from_env(environ).branch.state is BranchState.OPEN


# --- base or branch -----------------------------------------------------------------------------


@PREFIXES
@pytest.mark.parametrize("value", FALSE)
def test_a_false_or_empty_flag_is_base(prefix, value):
    assert not Deployment.from_env({prefix + FLAG: value}).is_branch


@PREFIXES
@pytest.mark.parametrize("value", TRUE)
def test_a_true_flag_in_any_case_and_spacing_is_a_branch(prefix, value):
    environ = {prefix + FLAG: value, prefix + "PULL_REQUEST_ID": "7"}
    assert Deployment.from_env(environ).branch.key == BranchKey(number=7)


@PREFIXES
@pytest.mark.parametrize("value", NEITHER)
def test_a_flag_that_is_neither_true_nor_false_is_an_error_that_names_it(prefix, value):
    with pytest.raises(InvalidDeployment) as caught:
        Deployment.from_env({prefix + FLAG: value, prefix + "PULL_REQUEST_ID": "7"})
    assert prefix + FLAG in caught.value.problem
    assert repr(value) in caught.value.problem
    assert caught.value.remedy


def test_the_string_zero_is_base_although_python_calls_it_true():
    assert bool("0")
    assert not Deployment.from_env({**PULL_REQUEST_42, DAGSTER + FLAG: "0"}).is_branch


def test_an_unknown_flag_is_an_error_even_if_an_override_is_plain():
    with pytest.raises(InvalidDeployment, match=DAGSTER + FLAG):
        Deployment.from_env({DAGSTER + FLAG: "maybe", OVERRIDE + FLAG: "0"})


@thorough
@given(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(FALSE + TRUE + NEITHER),
        st.text(st.sampled_from("01trueTRUEfalsFALS \t"), max_size=6),
    ),
    st.sampled_from([DAGSTER, OVERRIDE]),
)
def test_only_the_words_for_false_are_ever_base(value, prefix):
    try:
        deployment = Deployment.from_env({prefix + FLAG: value, DAGSTER + "PULL_REQUEST_ID": "7"})
    except InvalidDeployment:
        assert value.strip().lower() not in {"", "0", "false", "1", "true"}
    else:
        words = {"1", "true"} if deployment.is_branch else {"", "0", "false"}
        assert value.strip().lower() in words


# --- which branch -------------------------------------------------------------------------------


@PREFIXES
@pytest.mark.parametrize("blank", [{}, {"PULL_REQUEST_ID": "", "GIT_BRANCH": " \n"}])
def test_a_branch_deployment_without_number_and_name_is_an_error(prefix, blank):
    with pytest.raises(InvalidDeployment) as caught:
        Deployment.from_env(branch_variables(prefix, GIT_REPO="acme/pipelines", **blank))
    for variable in ("DAGSTER_CLOUD_PULL_REQUEST_ID", "DAGSTER_CLOUD_GIT_BRANCH"):
        assert variable in caught.value.problem
    for variable in ("BRANCH_TOOLKIT_PULL_REQUEST_ID", "BRANCH_TOOLKIT_GIT_BRANCH"):
        assert variable in caught.value.remedy


@pytest.mark.parametrize(
    "value",
    [
        "None",
        "null",
        "0",
        "00",
        "-1",
        "+1",
        "4２",
        "٤٢",
        "²",
        "4 2",
        "42.0",
        "1e3",
        "#42",
        "0x2a",
        "_",
    ],
)
def test_a_pull_request_id_that_is_no_positive_whole_number_is_an_error(value):
    environ = branch_variables(PULL_REQUEST_ID=value, GIT_BRANCH="feature/login")
    with pytest.raises(InvalidDeployment) as caught:
        Deployment.from_env(environ)
    assert repr(value) in caught.value.problem
    assert "DAGSTER_CLOUD_PULL_REQUEST_ID" in caught.value.remedy


@pytest.mark.parametrize("value", ["42", " 42 ", "042", "42\n"])
def test_one_number_has_one_identity_however_it_is_written(value):
    deployment = Deployment.from_env(branch_variables(PULL_REQUEST_ID=value))
    assert deployment.branch.key == BranchKey(number=42)


def test_a_pull_request_id_of_five_thousand_digits_is_an_error_and_not_a_crash():
    with pytest.raises(InvalidDeployment):
        Deployment.from_env(branch_variables(PULL_REQUEST_ID="1" * 5000))


def test_without_a_number_the_branch_name_identifies_as_git_has_it():
    branch = Deployment.from_env(branch_variables(GIT_BRANCH="Feature/Login_2")).branch
    assert branch.key == BranchKey(name="Feature/Login_2")
    assert branch.name == "Feature/Login_2"


def test_with_a_number_the_branch_name_is_no_part_of_the_identity():
    renamed = {**PULL_REQUEST_42, "DAGSTER_CLOUD_GIT_BRANCH": "something-else"}
    before, after = Deployment.from_env(PULL_REQUEST_42), Deployment.from_env(renamed)
    assert before.branch.key == after.branch.key
    assert before.branch.name != after.branch.name


@PREFIXES
@pytest.mark.parametrize("name", ["///", "--", "_", "…", "🚀", "."])
def test_a_branch_name_of_only_symbols_is_an_error(prefix, name):
    with pytest.raises(InvalidDeployment) as caught:
        Deployment.from_env(branch_variables(prefix, GIT_BRANCH=name))
    assert repr(name) in caught.value.problem
    assert caught.value.remedy


@PREFIXES
def test_the_error_about_a_name_of_only_symbols_names_the_variable(prefix):
    with pytest.raises(InvalidDeployment, match=f"{prefix}GIT_BRANCH"):
        Deployment.from_env(branch_variables(prefix, GIT_BRANCH="///"))


def test_a_pull_request_with_a_name_of_only_symbols_is_known_by_its_number():
    environ = branch_variables(PULL_REQUEST_ID="42", GIT_BRANCH="///")
    assert Deployment.from_env(environ).branch.key == BranchKey(number=42)


# --- overrides ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "read"),
    [
        ("DEPLOYMENT_NAME", lambda deployment: deployment.name),
        ("GIT_BRANCH", lambda deployment: deployment.branch.name),
        ("GIT_REPO", lambda deployment: deployment.branch.repository),
        ("GIT_SHA", lambda deployment: deployment.commit.sha),
        ("GIT_AUTHOR_NAME", lambda deployment: deployment.commit.author_name),
        ("GIT_AUTHOR_EMAIL", lambda deployment: deployment.commit.author_email),
        ("GIT_MESSAGE", lambda deployment: deployment.commit.message),
        ("LOCATION_NAME", lambda deployment: deployment.location_name),
        ("GIT_URL", lambda deployment: deployment.git_url),
    ],
)
def test_an_override_wins_over_dagster_plus_and_an_empty_one_does_not(variable, read):
    def reading(value: str) -> str:
        return read(Deployment.from_env({**PULL_REQUEST_42, OVERRIDE + variable: value}))

    assert reading("other") == "other"
    assert reading("  ") == PULL_REQUEST_42[DAGSTER + variable]


def test_a_base_deployment_can_be_made_a_branch_by_override():
    environ = {DAGSTER + FLAG: "0", **branch_variables(OVERRIDE, GIT_BRANCH="mine")}
    assert Deployment.from_env(environ).branch.key == BranchKey(name="mine")


@pytest.mark.parametrize("value", ["0", "false", " FALSE "])
def test_an_override_can_never_make_a_branch_into_base(value):
    with pytest.raises(InvalidDeployment) as caught:
        Deployment.from_env({**PULL_REQUEST_42, OVERRIDE + FLAG: value})
    assert OVERRIDE + FLAG in str(caught.value)
    assert DAGSTER + FLAG in str(caught.value)
    assert f"Unset {OVERRIDE + FLAG}" in caught.value.remedy


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_flag_override_is_no_override(value):
    # CI templates write an empty value where a variable is undefined.
    assert Deployment.from_env({**PULL_REQUEST_42, OVERRIDE + FLAG: value}).branch.key.number == 42


def test_an_override_that_says_in_so_many_words_that_it_is_base_is_believed():
    # CI may set the branch's name everywhere, and the flag to 0 on main.
    environ = {OVERRIDE + FLAG: "0", OVERRIDE + "GIT_BRANCH": "main"}
    assert not Deployment.from_env(environ).is_branch


@pytest.mark.parametrize("variable", ["PULL_REQUEST_ID", "GIT_BRANCH"])
@pytest.mark.parametrize(
    "flags",
    [
        {},
        {DAGSTER + FLAG: "0"},
        {DAGSTER + FLAG: ""},
        {OVERRIDE + FLAG: ""},
        {OVERRIDE + FLAG: "  "},
        {DAGSTER + FLAG: "0", OVERRIDE + FLAG: ""},
    ],
    ids=str,
)
def test_an_override_that_names_a_branch_without_a_true_flag_is_an_error_and_not_base(
    variable, flags
):
    with pytest.raises(InvalidDeployment) as caught:
        Deployment.from_env({OVERRIDE + variable: "7", **flags})
    assert OVERRIDE + variable in caught.value.problem
    assert OVERRIDE + FLAG in caught.value.remedy


@pytest.mark.parametrize(
    ("variable", "value"), [("PULL_REQUEST_ID", "seven"), ("GIT_TIMESTAMP", "yesterday")]
)
def test_an_error_about_an_override_names_the_override_and_not_the_variable_below_it(
    variable, value
):
    with pytest.raises(InvalidDeployment) as caught:
        Deployment.from_env({**PULL_REQUEST_42, OVERRIDE + variable: value})
    assert OVERRIDE + variable in str(caught.value)


def test_an_overridden_branch_name_is_never_mixed_with_the_number_of_another_branch():
    environ = {**PULL_REQUEST_42, "BRANCH_TOOLKIT_GIT_BRANCH": "my-experiment"}
    try:
        key = Deployment.from_env(environ).branch.key
    except InvalidDeployment:
        return
    assert key == BranchKey(name="my-experiment", repository=key.repository)


# --- in general ---------------------------------------------------------------------------------

VARIABLES = [name.removeprefix(DAGSTER) for name in PULL_REQUEST_42]
HOSTILE = [
    "",
    " ",
    "0",
    "1",
    "true",
    "None",
    "-1",
    "4２",
    "///",
    "a/b",
    "1e400",
    "é",
    "\udcff",
    "$(x)",
]


@thorough
@given(
    st.dictionaries(
        st.builds(str.__add__, st.sampled_from([DAGSTER, OVERRIDE]), st.sampled_from(VARIABLES)),
        st.sampled_from(HOSTILE) | st.text(max_size=8),
    )
)
def test_any_variables_give_a_deployment_or_a_clear_error_and_a_true_flag_never_gives_base(environ):
    flags = [environ.get(prefix + FLAG, "").strip().lower() for prefix in (DAGSTER, OVERRIDE)]
    try:
        deployment = Deployment.from_env(environ)
    except InvalidDeployment as caught:
        error = caught
    else:
        assert deployment.is_branch == any(flag in {"1", "true"} for flag in flags)
        return
    assert error.problem.endswith(".")
    assert error.remedy.endswith(".")


@pytest.mark.parametrize("variable", ["GIT_REPO", "GIT_URL", "RAW_GIT_URL"])
def test_a_token_in_a_git_url_is_kept_neither_in_the_deployment_nor_in_its_repr(variable):
    # The address of a CI checkout's remote often holds one, and a mark's repository comes from it.
    url = "https://x-access-token:ghs_S3CRET@github.com/acme/pipelines.git"
    deployment = Deployment.from_env(branch_variables(PULL_REQUEST_ID="42", **{variable: url}))
    assert "S3CRET" not in repr(deployment)
