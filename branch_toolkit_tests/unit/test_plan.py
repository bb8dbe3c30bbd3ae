"""Plans: shown before they are applied, and refused if they hold a hazard that nobody allowed."""

from __future__ import annotations

import itertools

import pytest

from branch_toolkit.core.errors import HazardNotAllowed
from branch_toolkit.core.plan import Hazard, Plan, Progress, Statement, foresee, silent


def statement(action: str, *hazards: Hazard, **changes: object) -> Statement:
    return Statement(
        sql=f"{action.upper()} …",
        action=action,
        schema="analytics__pr_42",
        object=f"table {action}",
        hazards=frozenset(hazards),
        **changes,
    )


def plan(*statements: Statement) -> Plan:
    return Plan(verb="refresh", environment="pr_42", statements=statements)


SAFE = statement("create")
COPY = statement("copy", Hazard.COPIES_DATA, rows=10, size_bytes=8192)
DROP = statement("drop", Hazard.DELETES_DATA)


def test_a_plan_without_statements_is_empty_and_needs_no_leave():
    assert plan().empty
    assert plan().hazards == frozenset()
    plan().require(())


def test_a_plan_with_a_statement_is_not_empty_and_knows_all_hazards():
    assert not plan(SAFE).empty
    assert plan(SAFE).hazards == frozenset()
    assert plan(SAFE, COPY, DROP).hazards == {Hazard.COPIES_DATA, Hazard.DELETES_DATA}


@pytest.mark.parametrize(
    "allowed",
    [frozenset(found) for size in range(3) for found in itertools.combinations(Hazard, size)],
    ids=lambda allowed: "+".join(sorted(hazard.name for hazard in allowed)) or "nothing",
)
@pytest.mark.parametrize("statements", [(SAFE,), (COPY,), (DROP,), (SAFE, COPY, DROP)])
def test_a_plan_passes_only_if_every_one_of_its_hazards_is_allowed(statements, allowed):
    made = plan(*statements)
    if made.hazards <= allowed:
        made.require(allowed)
    else:
        with pytest.raises(HazardNotAllowed):
            made.require(allowed)


def test_leave_to_copy_is_no_leave_to_delete():
    with pytest.raises(HazardNotAllowed):
        plan(DROP).require([Hazard.COPIES_DATA])


def test_the_refusal_names_the_environment_the_object_and_the_hazard():
    with pytest.raises(HazardNotAllowed) as caught:
        plan(SAFE, COPY, DROP).require({Hazard.COPIES_DATA})
    for word in ("refresh", "pr_42", "drop", "analytics__pr_42", "table drop", "deletes data"):
        assert word in caught.value.problem
    assert "copy" not in caught.value.problem


def test_a_dry_run_reports_every_statement_as_not_done_with_its_estimates():
    report = foresee(plan(SAFE, COPY))
    assert not report.applied
    assert report.seconds == 0
    assert [(found.action, found.rows, found.size_bytes) for found in report.results] == [
        ("create", None, None),
        ("copy", 10, 8192),
    ]
    assert all(found.seconds is None for found in report.results)
    assert report.plan == plan(SAFE, COPY)


def test_nothing_is_heard_of_progress_by_default(capsys):
    silent(Progress(done=1, total=2))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("value", "field"), [(plan(SAFE), "statements"), (SAFE, "sql")])
def test_a_plan_cannot_be_changed_after_it_was_shown(value, field):
    with pytest.raises(AttributeError):
        setattr(value, field, ())
