"""Errors: what was found, and what to do about it."""

from __future__ import annotations

import inspect

import pytest

from branch_toolkit.core import errors
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    BranchToolkitError,
    CannotUndrop,
    CloneMissing,
    EnvironmentNotFound,
    NotAsOf,
    NotDue,
    NotEnoughDisk,
    NoTimeTravel,
    SchemaInUse,
    SchemaNotOwned,
    UnknownSchema,
)

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]
PLAIN = [kind for kind in CLASSES if kind.__init__ is BranchToolkitError.__init__]

SPECIFIC = [
    SchemaNotOwned("orders", reason="it carries no mark of ours"),
    SchemaInUse("orders__pr_42", dependents=["view public.report"]),
    BaseSchemaNotFound("analytic", database="prod", found=["staging", "analytics"]),
    CloneMissing("a__pr_42", base_schema="a", environment="pr_42", state="retired"),
    UnknownSchema("finance", configured=["analytics", "staging"]),
    EnvironmentNotFound("pr_43", known=["pr_42", "pr_41"]),
    NotDue("pr_42", state="it is in use"),
    NotEnoughDisk(wanted=3_000_000_000, room=1_000_000, limit="the server's disk"),
    NoTimeTravel("Postgres"),
    CannotUndrop("orders__pr_42", setting="ALTER SCHEMA …;"),
    NotAsOf("pr_42", asked="2026-11-22T12:00:00+00:00", found=[None]),
]


def test_every_class_of_error_is_tried_here():
    assert {type(error) for error in SPECIFIC} | set(PLAIN) == set(CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_one_except_clause_catches_all_and_each_says_in_its_docstring_what_it_means(kind):
    assert issubclass(kind, BranchToolkitError)
    assert kind.__doc__.strip().splitlines()[0].endswith(".")


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_the_message_is_the_problem_and_then_the_remedy(kind):
    error = kind("It broke.", remedy="Mend it.")
    assert (str(error), error.problem, error.remedy) == (
        "It broke. Mend it.",
        "It broke.",
        "Mend it.",
    )


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_an_error_without_a_remedy_cannot_be_made(kind):
    with pytest.raises(TypeError, match="remedy"):
        kind("It broke.")


@pytest.mark.parametrize("error", SPECIFIC, ids=lambda error: type(error).__name__)
def test_problem_and_remedy_are_whole_sentences(error):
    for text in (error.problem, error.remedy):
        assert text[0].isupper()
        assert text.endswith(".")
        assert ".." not in text
    assert str(error) == f"{error.problem} {error.remedy}"


def test_a_schema_that_is_not_ours_is_named_with_the_reason():
    error = SPECIFIC[0]
    assert (error.schema, error.reason) == ("orders", "it carries no mark of ours")
    assert "'orders' was left alone because it carries no mark of ours" in error.problem


def test_five_dependents_are_shown_and_all_are_kept():
    names = [f"view v{number}" for number in range(7)]
    error = SchemaInUse("a__pr_42", dependents=names)
    assert error.dependents == tuple(names)
    assert "7 object(s)" in error.problem
    assert "view v4 …" in error.problem
    assert "view v5" not in error.problem
    assert "…" not in SchemaInUse("a", dependents=names[:5]).problem


def test_what_was_looked_for_is_shown_beside_what_there_is_in_order():
    assert "'analytic'" in SPECIFIC[2].problem
    assert "analytics, staging" in SPECIFIC[2].problem
    assert "none" in BaseSchemaNotFound("a", database="d", found=[]).problem
    assert "pr_41, pr_42" in SPECIFIC[5].problem
    assert "none" in EnvironmentNotFound("pr_1", known=()).problem
    assert SPECIFIC[5].environment == "pr_43"


def test_a_missing_clone_says_that_production_was_not_used_and_which_job_to_launch():
    error = SPECIFIC[3]
    assert error.schema == "a__pr_42"
    assert "'a__pr_42' is retired" in error.problem
    assert "Production was not used" in error.problem
    assert "provision_branch" in error.remedy
    assert "restore_branch" in error.remedy


def test_an_uncloned_schema_is_named_beside_the_cloned_ones():
    error = SPECIFIC[4]
    assert error.schema == "finance"
    assert "analytics, staging" in error.problem
    assert "schemas" in error.remedy


def test_an_environment_that_is_not_due_is_named_with_its_state():
    error = SPECIFIC[6]
    assert error.environment == "pr_42"
    assert "'pr_42' was not dropped: it is in use." in error.problem
    assert "Retire it first" in error.remedy


def test_what_does_not_fit_is_said_in_figures():
    error = NotEnoughDisk(wanted=3_000_000_000, room=1_500_000, limit="max_copy_bytes")
    assert (error.wanted, error.room) == (3_000_000_000, 1_500_000)
    assert "About 3,000 MB" in error.problem
    assert "max_copy_bytes leaves room for 2 MB" in error.problem
