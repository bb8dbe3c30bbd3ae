"""What every warehouse must do, whatever it is: the verbs, and the refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.errors import (
    BaseSchemaNotFound,
    EnvironmentNotFound,
    HazardNotAllowed,
    NotDue,
    SchemaNotOwned,
    StalePlan,
)
from branch_toolkit.core.mark import BUILDING, CONDITIONS, DROPPING, decode, encode
from branch_toolkit.core.plan import Expectation, Hazard, Plan
from branch_toolkit.core.strategy import COPY_ALL
from branch_toolkit.verbs import Environments
from branch_toolkit_tests.contract.harness import (
    Harness,
    MemoryHarness,
    PostgresHarness,
    SnowflakeHarness,
    TablesHarness,
    make_half,
)
from branch_toolkit_tests.databases import own_database
from branch_toolkit_tests.snowflakes import own_snowflake_database

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
GRACE = timedelta(days=3)
LATER = NOW + GRACE
BASES = {"analytics": {"orders": [1, 2, 3], "empty": []}, "staging": {"orders": [7]}}


@pytest.fixture(params=["memory", "postgres_18", "postgres_15", "tables_18", "snowflake"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    if request.param == "memory":
        made: Harness = MemoryHarness()
        yield _with_bases(made)
        return
    if request.param == "snowflake":
        for database in own_snowflake_database(request):
            with SnowflakeHarness.over(database) as over:
                yield _with_bases(over)
        return
    mode, version = request.param.split("_")
    server = request.getfixturevalue(f"postgres_{version}")
    for url in own_database(server, request):
        yield _with_bases(TablesHarness(url) if mode == "tables" else PostgresHarness(url))


@pytest.fixture
def environments(harness: Harness) -> Iterator[Environments]:
    with harness.open() as warehouse:
        yield Environments(warehouse, Project(), tuple(BASES), rules=(COPY_ALL,))


def _with_bases(harness: Harness) -> Harness:
    for schema, tables in BASES.items():
        harness.create(schema, tables)
    return harness


def _branch(number: int = 42, repository: str | None = "acme/pipelines") -> Branch:
    return Branch(key=BranchKey(number=number), name=f"feature/{number}", repository=repository)


def _base_content(harness: Harness) -> object:
    names = _base_names(harness)
    return {name: found for name, found in harness.content().items() if name in names}


def _base_names(harness: Harness) -> set[str]:
    return {harness.name(base) for base in BASES}


def test_a_provisioned_environment_has_every_base_schemas_tables_and_rows(
    environments: Environments, harness: Harness
) -> None:
    before = _base_content(harness)
    report = environments.provision(_branch(), now=NOW)
    content = harness.content()
    assert content[harness.name("analytics__pr_42")][1] == {"orders": [1, 2, 3], "empty": []}
    assert content[harness.name("staging__pr_42")][1] == {"orders": [7]}
    assert report.applied
    assert _base_content(harness) == before
    if isinstance(harness, SnowflakeHarness):
        return  # There, tables are not copied: a statement clones all of them.
    copied = {(r.schema, r.object): r.rows for r in report.results if r.action == "copy"}
    assert copied[(harness.name("analytics__pr_42"), "table orders")] == 3


def test_what_a_branch_writes_stays_in_its_clone(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    harness.insert("analytics__pr_42", "orders", 99)
    assert harness.content()[harness.name("analytics")][1]["orders"] == [1, 2, 3]


def test_provisioning_again_keeps_the_branchs_data(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    harness.insert("analytics__pr_42", "orders", 99)
    before = harness.content()
    report = environments.provision(_branch(), now=NOW)
    assert report.plan.empty
    assert not report.applied
    assert harness.content() == before


def test_a_base_schema_added_later_is_cloned_beside_the_others(
    environments: Environments, harness: Harness
) -> None:
    replace(environments, schemas=("analytics",)).provision(_branch(), now=NOW)
    harness.insert("analytics__pr_42", "orders", 99)
    environments.provision(_branch(), now=LATER)
    content = harness.content()
    assert content[harness.name("analytics__pr_42")][1]["orders"] == [1, 2, 3, 99]
    assert content[harness.name("staging__pr_42")][1]["orders"] == [7]


def test_a_refresh_takes_bases_state_again(environments: Environments, harness: Harness) -> None:
    environments.provision(_branch(), now=NOW)
    harness.insert("analytics__pr_42", "orders", 99)
    harness.insert("analytics", "orders", 4)
    report = environments.provision(_branch(), now=LATER, refresh=True)
    assert report.plan.verb == "refresh"
    assert harness.content()[harness.name("analytics__pr_42")][1]["orders"] == [1, 2, 3, 4]


@pytest.mark.parametrize("refresh", [False, True])
def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    environments: Environments, harness: Harness, *, refresh: bool
) -> None:
    if refresh:
        environments.provision(_branch(), now=NOW)
    before = harness.content()
    report = environments.provision(_branch(), now=NOW, refresh=refresh, dry_run=True)
    assert not report.applied
    assert {harness.name("analytics__pr_42"), harness.name("staging__pr_42")} <= {
        result.schema for result in report.results
    }
    assert harness.content() == before


def test_the_mark_says_whose_the_clone_is(environments: Environments, harness: Harness) -> None:
    environments.provision(_branch(), now=NOW)
    mark = decode(harness.content()[harness.name("analytics__pr_42")][0])
    assert (mark.project, mark.clone, mark.base_schema) == (
        "default",
        harness.name("analytics__pr_42"),
        "analytics",
    )
    assert (mark.repository, mark.branch, mark.pull_request) == (
        "acme/pipelines",
        "feature/42",
        42,
    )
    assert mark.created_at == NOW
    assert mark.database == environments.warehouse.identity()


def test_the_inventory_lists_environments_with_their_sizes(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(1), now=NOW)
    environments.provision(_branch(2), now=NOW)
    inventory = environments.inventory(sizes=True)
    assert [found.name for found in inventory.environments] == ["pr_1", "pr_2"]
    first = inventory.environments[0]
    assert (first.tables, first.rows, first.state) == (3, 4, "active")
    # A clone that nothing was written to has no bytes of its own in Snowflake.
    assert (first.size_bytes == 0) == isinstance(harness, SnowflakeHarness)
    assert inventory.refused == ()


def test_a_retired_environment_comes_back_with_its_data(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    harness.insert("analytics__pr_42", "orders", 99)
    environments.retire("pr_42", because="merged", grace=GRACE, now=NOW)
    retired = environments.inventory().find("pr_42")
    assert (retired.state, retired.retired_because, retired.drop_after) == (
        "retired",
        "merged",
        LATER,
    )
    environments.restore("pr_42", now=NOW)
    assert environments.inventory().find("pr_42").state == "active"
    assert harness.content()[harness.name("analytics__pr_42")][1]["orders"] == [1, 2, 3, 99]


def test_provisioning_a_retired_environment_restores_it(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    harness.insert("analytics__pr_42", "orders", 99)
    environments.retire("pr_42", because="merged", grace=GRACE, now=NOW)
    environments.provision(_branch(), now=NOW)
    assert environments.inventory().find("pr_42").state == "active"
    assert harness.content()[harness.name("analytics__pr_42")][1]["orders"] == [1, 2, 3, 99]


def test_an_environment_is_dropped_only_when_its_grace_period_is_over(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    with pytest.raises(NotDue, match="in use"):
        environments.drop("pr_42", now=LATER)
    environments.retire("pr_42", because="merged", grace=GRACE, now=NOW)
    with pytest.raises(NotDue, match="can be restored until"):
        environments.drop("pr_42", now=LATER - timedelta(seconds=1))
    assert environments.drop("pr_42", now=LATER, dry_run=True).applied is False
    assert harness.name("analytics__pr_42") in harness.content()
    environments.drop("pr_42", now=LATER)
    assert set(harness.content()) == _base_names(harness)
    with pytest.raises(EnvironmentNotFound):
        environments.drop("pr_42", now=LATER)


def test_retiring_twice_keeps_the_first_time(environments: Environments) -> None:
    environments.provision(_branch(), now=NOW)
    environments.retire("pr_42", because="merged", grace=GRACE, now=NOW)
    report = environments.retire("pr_42", because="closed", grace=GRACE, now=LATER)
    assert not report.applied
    assert environments.inventory().find("pr_42").drop_after == LATER


def test_dropping_one_environment_leaves_the_others(
    environments: Environments, harness: Harness
) -> None:
    harness.create("analytics__pr_4", {"mine": [5]})
    for number in (4, 42, 421):
        if number != 4:
            environments.provision(_branch(number), now=NOW)
    environments.retire("pr_42", because="merged", grace=timedelta(0), now=NOW)
    environments.drop("pr_42", now=NOW)
    content = harness.content()
    assert set(content) == {
        *_base_names(harness),
        harness.name("analytics__pr_4"),
        harness.name("analytics__pr_421"),
        harness.name("staging__pr_421"),
    }
    assert content[harness.name("analytics__pr_4")] == (None, {"mine": [5]})


# The wrong way: what is not provably ours is refused, with the reason.


def _claimable(environments: Environments) -> list[str]:
    return [found.name for found in environments.inventory().environments]


def test_a_schema_of_the_clones_name_that_is_not_ours_is_never_taken(
    environments: Environments, harness: Harness
) -> None:
    harness.create("analytics__pr_42", {"mine": [5]})
    before = harness.content()
    for refresh in (False, True):
        with pytest.raises(SchemaNotOwned, match=r"without a mark|is not a clone"):
            environments.provision(_branch(), now=NOW, refresh=refresh)
    assert harness.content() == before


def test_an_unmarked_schema_is_in_no_environment(
    environments: Environments, harness: Harness
) -> None:
    harness.create("analytics__pr_42", {"mine": [5]})
    harness.comment("analytics__pr_42", "made by hand, like a branch_toolkit clone")
    assert _claimable(environments) == []
    with pytest.raises(EnvironmentNotFound):
        environments.drop("pr_42", now=LATER)


def test_a_base_schema_with_a_mark_is_still_not_ours(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    mark = decode(harness.content()[harness.name("analytics__pr_42")][0])
    environments.retire("pr_42", because="merged", grace=timedelta(0), now=NOW)
    forged = replace(mark, clone=harness.name("analytics"), base_schema="staging").retire(
        now=NOW, because="forged", grace=timedelta(0)
    )
    harness.comment("analytics", encode(forged))
    refused = {found.schema: found.reason for found in environments.inventory().refused}
    assert refused == {harness.name("analytics"): "it is a base schema"}
    environments.drop("pr_42", now=LATER)
    assert harness.content()[harness.name("analytics")][1]["orders"] == [1, 2, 3]


def test_another_projects_clone_is_not_ours(environments: Environments, harness: Harness) -> None:
    others = replace(environments, project=Project(name="payments"))
    name = others.provision(_branch(), now=NOW).plan.environment
    others.retire(name, because="merged", grace=timedelta(0), now=NOW)
    assert _claimable(environments) == []
    assert all(
        "belongs to project 'payments'" in found.reason
        for found in environments.inventory().refused
    )
    with pytest.raises(EnvironmentNotFound):
        environments.drop(name, now=LATER)


def test_the_same_number_in_another_repository_is_not_taken_over(
    environments: Environments,
) -> None:
    environments.provision(_branch(repository="acme/pipelines"), now=NOW)
    with pytest.raises(SchemaNotOwned, match="belongs to repository 'acme/pipelines'"):
        environments.provision(_branch(repository="acme/website"), now=NOW)


def test_two_repositories_with_one_number_and_other_schemas_are_both_left_alone(
    environments: Environments, harness: Harness
) -> None:
    ours = replace(environments, schemas=("analytics",))
    theirs = replace(environments, schemas=("staging",))
    ours.provision(_branch(repository="acme/one"), now=NOW)
    theirs.provision(_branch(repository="acme/two"), now=NOW)
    inventory = environments.inventory()
    assert inventory.environments == ()
    assert [found.schema for found in inventory.refused] == [
        harness.name("analytics__pr_42"),
        harness.name("staging__pr_42"),
    ]
    assert "acme/one and acme/two" in inventory.refused[0].reason


def test_a_refresh_leaves_alone_what_it_does_not_make_anew(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    harness.insert("staging__pr_42", "orders", 99)
    replace(environments, schemas=("analytics",)).provision(_branch(), now=LATER, refresh=True)
    assert harness.content()[harness.name("staging__pr_42")][1]["orders"] == [7, 99]


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("pr_42", "pr_43").replace("PR_42", "PR_43"),
        lambda text: text.replace('"project": "default"', '"project": "other"'),
        lambda text: text.replace(
            '"retired_at": null', '"retired_at": "2020-01-01T00:00:00+00:00"'
        ),
        lambda text: text.replace('"branch_toolkit": 1', '"branch_toolkit": 2'),
        lambda text: text[:-10],
        lambda text: text + " ",
    ],
)
def test_a_clone_whose_mark_was_edited_is_left_alone(
    environments: Environments, harness: Harness, edit: object
) -> None:
    environments.provision(_branch(), now=NOW)
    environments.retire("pr_42", because="merged", grace=timedelta(0), now=NOW)
    for schema in (harness.name("analytics__pr_42"), harness.name("staging__pr_42")):
        harness.comment(schema, edit(harness.content()[schema][0]))  # type: ignore[operator]
    edited = {found.schema for found in environments.inventory().refused}
    if edited:
        assert edited == {harness.name("analytics__pr_42"), harness.name("staging__pr_42")}
        with pytest.raises(EnvironmentNotFound):
            environments.drop("pr_42", now=LATER)
    assert {harness.name("analytics__pr_42"), harness.name("staging__pr_42")} <= set(
        harness.content()
    )


def test_a_mark_that_came_with_a_copy_of_the_database_is_not_ours(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    mark = decode(harness.content()[harness.name("analytics__pr_42")][0])
    harness.comment("analytics__pr_42", encode(replace(mark, database="another/1")))
    reasons = [found.reason for found in environments.inventory().refused]
    assert reasons == ["its mark was made in another database and came with a copy"]


def test_a_plan_is_refused_when_the_mark_has_changed_since(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    environments.retire("pr_42", because="merged", grace=timedelta(0), now=NOW)
    clones = environments.inventory().find("pr_42").clones
    plan = environments.warehouse.plan_drop("pr_42", clones)
    environments.restore("pr_42", now=NOW)
    before = harness.content()
    with pytest.raises(StalePlan):
        environments.warehouse.apply(plan, allow=[Hazard.DELETES_DATA])
    assert harness.content() == before


def test_a_plan_is_refused_when_the_schema_was_made_anew_by_hand(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    environments.retire("pr_42", because="merged", grace=timedelta(0), now=NOW)
    clones = environments.inventory().find("pr_42").clones
    plan = environments.warehouse.plan_drop("pr_42", clones)
    harness.drop("analytics__pr_42")
    harness.create("analytics__pr_42", {"mine": [5]})
    with pytest.raises(StalePlan):
        environments.warehouse.apply(plan, allow=[Hazard.DELETES_DATA])
    assert harness.content()[harness.name("analytics__pr_42")] == (None, {"mine": [5]})


def test_a_plan_that_deletes_needs_leave_to_delete(
    environments: Environments, harness: Harness
) -> None:
    environments.provision(_branch(), now=NOW)
    environments.retire("pr_42", because="merged", grace=timedelta(0), now=NOW)
    plan = environments.warehouse.plan_drop("pr_42", environments.inventory().find("pr_42").clones)
    before = harness.content()
    with pytest.raises(HazardNotAllowed, match="deletes data"):
        environments.warehouse.apply(plan)
    assert harness.content() == before


def test_an_expectation_of_absence_refuses_a_schema_that_is_there(
    environments: Environments, harness: Harness
) -> None:
    plan = Plan(
        verb="provision", environment="x", expects=(Expectation(harness.name("analytics"), None),)
    )
    with pytest.raises(StalePlan):
        environments.warehouse.apply(plan)


def test_a_base_schema_that_does_not_exist_is_named_and_nothing_is_made(
    environments: Environments, harness: Harness
) -> None:
    wrong = replace(environments, schemas=("analytics", "analitycs"))
    before = harness.content()
    with pytest.raises(BaseSchemaNotFound, match=r"(?i)'analitycs' does not exist.*staging"):
        wrong.provision(_branch(), now=NOW)
    assert harness.content() == before


def test_a_base_schema_without_tables_is_cloned_empty(
    environments: Environments, harness: Harness
) -> None:
    harness.create("bare", {})
    replace(environments, schemas=("bare",)).provision(_branch(), now=NOW)
    assert harness.content()[harness.name("bare__pr_42")][1] == {}


def test_names_that_need_quotes_are_quoted(environments: Environments, harness: Harness) -> None:
    odd = 'Sales "Data" 100%; drop'
    harness.create(odd, {'or"ders %s': [1], "ÜBER": [2]})
    quoted = replace(environments, schemas=(odd,))
    quoted.provision(_branch(), now=NOW)
    assert harness.content()[harness.name(f"{odd}__pr_42")][1] == {'or"ders %s': [1], "ÜBER": [2]}
    quoted.retire("pr_42", because="it's \\ done; '", grace=timedelta(0), now=NOW)
    quoted.drop("pr_42", now=NOW)
    assert harness.name(f"{odd}__pr_42") not in harness.content()


# Without rules, a table may be read through base, and is there all the same.


@pytest.fixture
def unruled(environments: Environments) -> Environments:
    return replace(environments, rules=())


def test_without_rules_every_table_can_be_read(unruled: Environments, harness: Harness) -> None:
    before = _base_content(harness)
    unruled.provision(_branch(), now=NOW)
    assert harness.read("analytics__pr_42", "orders") == [1, 2, 3]
    assert harness.read("analytics__pr_42", "empty") == []
    assert harness.read("staging__pr_42", "orders") == [7]
    assert _base_content(harness) == before


def test_without_rules_a_refresh_has_bases_rows(unruled: Environments, harness: Harness) -> None:
    unruled.provision(_branch(), now=NOW)
    harness.insert("analytics", "orders", 4)
    assert unruled.provision(_branch(), now=LATER, refresh=True).plan.verb == "refresh"
    assert harness.read("analytics__pr_42", "orders") == [1, 2, 3, 4]


def test_without_rules_an_environment_is_retired_restored_and_dropped(
    unruled: Environments, harness: Harness
) -> None:
    before = _base_content(harness)
    unruled.provision(_branch(), now=NOW)
    unruled.retire("pr_42", because="merged", grace=GRACE, now=NOW)
    unruled.restore("pr_42", now=NOW)
    assert harness.read("analytics__pr_42", "orders") == [1, 2, 3]
    unruled.retire("pr_42", because="merged", grace=GRACE, now=NOW)
    unruled.drop("pr_42", now=LATER)
    assert set(harness.content()) == _base_names(harness)
    assert _base_content(harness) == before


# What a run that was killed has left is nobody's, and is cleared away by whoever comes next.


def _leave(environments: Environments, harness: Harness, condition: str) -> str:
    """Half a clone of analytics for #42, as a run that was killed leaves it."""
    if harness.name("analytics__pr_42") not in harness.content():
        environments.provision(_branch(), now=NOW)
    mark = decode(harness.content()[harness.name("analytics__pr_42")][0])
    return make_half(environments, harness, mark, condition)


def _forget(harness: Harness) -> None:
    harness.drop("analytics__pr_42")
    harness.drop("staging__pr_42")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_half_a_clone_cannot_be_had_restored_or_dropped_as_an_environment(
    environments: Environments, harness: Harness, condition: str
) -> None:
    name = _leave(environments, harness, condition)
    _forget(harness)
    assert environments.of(_branch()) is None
    inventory = environments.inventory()
    assert (inventory.environments, inventory.refused) == ((), ())
    assert [found.name for found in inventory.debris] == [name]
    with pytest.raises(EnvironmentNotFound):
        environments.restore("pr_42", now=NOW)
    with pytest.raises(EnvironmentNotFound):
        environments.retire("pr_42", because="x", grace=GRACE, now=NOW)
    assert name in harness.content()


@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_whoever_provisions_next_clears_it_away(
    environments: Environments, harness: Harness, condition: str, *, refresh: bool
) -> None:
    name = _leave(environments, harness, condition)
    report = environments.provision(_branch(), now=LATER, refresh=refresh)
    assert name not in harness.content()
    assert (name, "drop") in {(result.schema, result.action) for result in report.results}
    assert harness.content()[harness.name("analytics__pr_42")][1]["orders"] == [1, 2, 3]


def test_so_does_whoever_drops_next_even_if_nothing_else_is_left(
    environments: Environments, harness: Harness
) -> None:
    _leave(environments, harness, DROPPING)
    _forget(harness)
    assert environments.drop("pr_42", now=LATER).applied
    assert set(harness.content()) == _base_names(harness)
    with pytest.raises(EnvironmentNotFound):
        environments.drop("pr_42", now=LATER)


def test_a_dry_run_leaves_it_and_says_so(environments: Environments, harness: Harness) -> None:
    name = _leave(environments, harness, BUILDING)
    report = environments.provision(_branch(), now=LATER, dry_run=True)
    assert {result.schema for result in report.results} == {name}
    assert "drop" in {result.action for result in report.results}
    assert environments.clear("pr_42", now=NOW, dry_run=True).applied is False
    assert name in harness.content()


def test_clearing_one_environment_leaves_the_others_and_what_is_not_ours(
    environments: Environments, harness: Harness
) -> None:
    name = _leave(environments, harness, BUILDING)
    environments.provision(_branch(43), now=NOW)
    other = decode(harness.content()[harness.name("analytics__pr_43")][0])
    kept = make_half(environments, harness, other, BUILDING)
    harness.create("analytics__pr_42__dropping", {"mine": [5]})
    environments.clear("pr_42", now=NOW)
    content = harness.content()
    assert name not in content
    assert kept in content
    assert content[harness.name("analytics__pr_42__dropping")] == (None, {"mine": [5]})
    assert content[harness.name("analytics__pr_42")][1]["orders"] == [1, 2, 3]


def test_half_a_clone_whose_mark_was_edited_is_left_alone(
    environments: Environments, harness: Harness
) -> None:
    name = _leave(environments, harness, DROPPING)
    comment = harness.content()[name][0]
    harness.comment(name, str(comment).replace('"pull_request": 42', '"pull_request": 43'))
    environments.provision(_branch(), now=LATER)
    environments.clear("pr_43", now=NOW)
    assert name in harness.content()
    assert [found.schema for found in environments.inventory().refused] == [name]


def test_the_tables_of_clones_are_listed(environments: Environments, harness: Harness) -> None:
    environments.provision(_branch(), now=NOW)
    environments.provision(_branch(7), now=NOW)
    clones = environments.inventory().find("pr_42").clones
    # What is copied is not deferred; what is deferred, a test of the adapter sees.
    assert environments.warehouse.tables(clones) == {
        (harness.name("analytics__pr_42"), "orders"): False,
        (harness.name("analytics__pr_42"), "empty"): False,
        (harness.name("staging__pr_42"), "orders"): False,
    }
