"""What a warehouse holds: only what is proven to be ours is ever listed as ours."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.core.branch import BranchKey, Project
from branch_toolkit.core.environment import (
    Environment,
    OwnedSchema,
    SchemaFacts,
    Territory,
    missing_schemas,
    take_inventory,
)
from branch_toolkit.core.errors import (
    EnvironmentNotFound,
    SchemaNotOwned,
)
from branch_toolkit.core.mark import CONDITIONS, Mark, decode, encode
from branch_toolkit.core.names import clone_name, environment_name, half_name
from branch_toolkit_tests.strategies import (
    DATABASE,
    DAY,
    NOW,
    branch_keys,
    make_clone,
    make_environment,
    make_facts,
    make_mark,
    marks,
    projects,
    quick,
    territory_of,
    thorough,
)

TERRITORY = Territory(
    project=Project(), database=DATABASE, base_schemas=frozenset({"analytics", "staging"})
)


def refusal(facts: SchemaFacts, territory: Territory = TERRITORY) -> str:
    with pytest.raises(SchemaNotOwned) as caught:
        OwnedSchema(facts, territory)
    assert caught.value.schema == facts.name
    return caught.value.reason


# --- ownership ----------------------------------------------------------------------------------


def test_a_schema_with_its_own_mark_of_this_project_and_database_is_ours():
    clone = OwnedSchema(make_facts(make_mark(), tables=3), TERRITORY)
    assert (clone.name, clone.mark, clone.facts.tables) == ("analytics__pr_42", make_mark(), 3)


@pytest.mark.parametrize(
    "comment", [None, "", "owned by finance", '{"owner": "finance"}', "[]", "42"]
)
def test_a_schema_without_a_mark_is_not_ours_although_its_name_looks_like_it(comment):
    reason = refusal(SchemaFacts(name="analytics__pr_42", comment=comment))
    assert reason == "it carries no mark of ours"


def test_a_base_schema_is_never_ours_whatever_its_comment_says():
    mark = make_mark(clone="staging")
    assert refusal(make_facts(mark)) == "it is a base schema"


def test_a_clone_that_was_renamed_to_a_base_schema_is_not_ours_any_more():
    # Someone promotes a branch by renaming: from then on it is production.
    assert refusal(make_facts(make_mark(), name="analytics")) == "it is a base schema"


@pytest.mark.parametrize(
    "name", ["finance", "analytics__pr_43", "analytics__pr_42_old", "Analytics__pr_42"]
)
def test_the_mark_of_another_schema_proves_nothing(name):
    assert "analytics__pr_42" in refusal(make_facts(make_mark(), name=name))


def test_a_mark_that_calls_the_schema_its_own_base_proves_nothing():
    assert "own base" in refusal(make_facts(make_mark(clone="x", base_schema="x")))


@pytest.mark.parametrize("project", ["other", "Default", "default ", ""])
def test_a_clone_of_another_project_is_not_ours(project):
    reason = refusal(make_facts(make_mark(project=project)))
    assert repr(project) in reason
    assert "'default'" in reason


@pytest.mark.parametrize("database", ["other", "", DATABASE + " ", DATABASE.upper()])
def test_a_clone_that_came_with_a_dump_of_another_database_is_not_ours(database):
    assert "another database" in refusal(make_facts(make_mark(database=database)))


def test_an_edited_mark_is_not_ours():
    content = {**json.loads(encode(make_mark())), "project": "default "}
    reason = refusal(SchemaFacts(name="analytics__pr_42", comment=json.dumps(content)))
    assert reason.startswith("the mark was edited")


def test_a_mark_of_a_later_format_is_not_ours():
    comment = encode(make_mark()).replace('"branch_toolkit": 1', '"branch_toolkit": 2')
    assert "format 2" in refusal(SchemaFacts(name="analytics__pr_42", comment=comment))


@thorough
@given(marks(), st.sampled_from(["default", "other", ""]), st.sampled_from([DATABASE, "", "other"]))
def test_a_claim_is_granted_only_if_project_database_and_name_all_agree(mark, project, database):
    territory = Territory(
        project=Project(name=project), database=database, base_schemas=frozenset({"analytics"})
    )
    agrees = (
        mark.project == project
        and mark.database == database
        and mark.clone not in {"analytics", mark.base_schema}
    )
    try:
        clone = OwnedSchema(make_facts(mark), territory)
    except SchemaNotOwned:
        assert not agrees
    else:
        assert agrees
        assert clone.mark == mark


@thorough
@given(st.text(max_size=60), st.text(max_size=20))
def test_no_text_that_we_did_not_write_is_ever_a_claim(comment, name):
    refusal(SchemaFacts(name=name, comment=comment))


# --- owned schemas ------------------------------------------------------------------------------


def test_ownership_cannot_be_stated_without_the_comment_that_proves_it():
    mark = make_mark()
    for facts in (
        make_facts(mark, comment=encode(mark)[:-2]),
        make_facts(mark, name="finance"),
        make_facts(mark, comment=None),
    ):
        with pytest.raises(SchemaNotOwned):
            OwnedSchema(facts, TERRITORY)


def test_ownership_is_proven_again_when_a_copy_is_made():
    clone = make_clone(make_mark())
    with pytest.raises(SchemaNotOwned):
        replace(clone, facts=replace(clone.facts, name="analytics"))


def test_ownership_cannot_be_stated_past_the_check_of_project_and_database():
    mark = make_mark(project="other", database="elsewhere")
    with pytest.raises(SchemaNotOwned):
        OwnedSchema(make_facts(mark), TERRITORY)


# --- inventory ----------------------------------------------------------------------------------


def test_unmarked_schemas_are_passed_over_and_dubious_ones_are_listed_with_the_reason():
    inventory = take_inventory(
        [
            SchemaFacts(name="public", comment="standard public schema"),
            SchemaFacts(name="analytics"),
            make_facts(make_mark()),
            make_facts(make_mark(), name="stolen"),
            make_facts(make_mark(project="other", clone="other__pr_1")),
            make_facts(make_mark(), name="staging"),
            SchemaFacts(name="broken", comment='{"branch_toolkit": 1'),
        ],
        TERRITORY,
    )
    assert [found.name for found in inventory.environments] == ["pr_42"]
    assert [found.schema for found in inventory.refused] == [
        "broken",
        "other__pr_1",
        "staging",
        "stolen",
    ]
    assert all(found.reason for found in inventory.refused)


def test_the_clones_of_one_branch_make_one_environment_in_the_order_of_their_bases():
    facts = [
        make_facts(make_mark(BranchKey(number=number), base))
        for base in ("staging", "analytics")
        for number in (42, 7)
    ]
    inventory = take_inventory(facts, TERRITORY)
    assert [found.name for found in inventory.environments] == ["pr_42", "pr_7"]
    for environment in inventory.environments:
        assert [clone.mark.base_schema for clone in environment.clones] == ["analytics", "staging"]


@pytest.mark.parametrize(
    ("number", "branch"), [(None, None), (None, ""), (None, "///"), (0, "x"), (-1, None)]
)
def test_a_mark_that_names_no_branch_is_refused_and_does_not_stop_the_others(number, branch):
    odd = make_mark(pull_request=number, branch=branch, clone="odd")
    inventory = take_inventory([make_facts(odd), make_facts(make_mark())], TERRITORY)
    assert [found.schema for found in inventory.refused] == ["odd"]
    assert [found.name for found in inventory.environments] == ["pr_42"]


@quick
@given(st.lists(st.tuples(st.text(max_size=8), st.none() | st.text(max_size=30)), max_size=8))
def test_no_comment_of_others_stops_the_inventory(schemas):
    facts = [SchemaFacts(name=name, comment=comment) for name, comment in schemas]
    inventory = take_inventory([*facts, make_facts(make_mark())], TERRITORY)
    assert len(inventory.environments) == 1


@quick
@given(st.lists(marks(), max_size=6))
def test_every_marked_schema_is_listed_once_as_ours_or_as_refused(found):
    found = list({mark.clone: mark for mark in found}.values())
    inventory = take_inventory(map(make_facts, found), TERRITORY)
    ours = [clone.name for env in inventory.environments for clone in env.clones]
    assert sorted(ours + [item.schema for item in inventory.refused]) == sorted(
        mark.clone for mark in found
    )
    names = [environment.name for environment in inventory.environments]
    assert names == sorted(set(names))


@thorough
@given(branch_keys, projects)
def test_a_branch_finds_the_environment_that_was_made_for_it(key, project):
    key = project.key(repository=key.repository, number=key.number, name=key.name)
    territory = Territory(project=project, database=DATABASE, base_schemas=frozenset({"analytics"}))
    clone = clone_name("analytics", key, project=project.name)
    mark = make_mark(key, project=project.name, clone=clone)
    inventory = take_inventory([make_facts(mark)], territory)
    (environment,) = inventory.environments
    assert environment.key == key
    assert environment.name == environment_name(key, project=project.name)
    assert inventory.of(key) == inventory.find(environment.name) == environment


def test_our_own_repository_in_a_mark_is_recognised_in_every_spelling():
    territory = replace(TERRITORY, project=Project(repository="acme/pipelines"))
    for repository in (None, "acme/pipelines", "https://github.com/Acme/Pipelines", "pipelines"):
        inventory = take_inventory([make_facts(make_mark(repository=repository))], territory)
        assert inventory.environments[0].key == BranchKey(number=42)


def test_the_same_number_in_two_repositories_is_two_environments():
    territory = replace(TERRITORY, project=Project(repository="acme/pipelines"))
    foreign = BranchKey(repository="evil/pipelines", number=42)
    facts = [make_facts(make_mark()), make_facts(make_mark(foreign))]
    inventory = take_inventory(facts, territory)
    assert {found.key for found in inventory.environments} == {BranchKey(number=42), foreign}


def test_an_unknown_environment_is_an_error_that_lists_the_known_ones():
    inventory = take_inventory([make_facts(make_mark())], TERRITORY)
    with pytest.raises(EnvironmentNotFound, match="pr_42"):
        inventory.find("pr_43")
    assert inventory.of(BranchKey(number=43)) is None
    assert inventory.of(BranchKey(name="pr_42")) is None


# --- what is half-made or half-dropped ----------------------------------------------------------


def half_of(mark: Mark, condition: str, **changes: object) -> SchemaFacts:
    half = mark.half(condition, name=half_name(mark.clone, condition))
    return make_facts(replace(half, **changes))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_half_a_clone_is_in_no_environment_and_is_told_apart(condition):
    inventory = take_inventory([half_of(make_mark(), condition)], TERRITORY)
    assert (inventory.environments, inventory.refused) == ((), ())
    (debris,) = inventory.debris
    assert (debris.name, debris.environment) == (f"analytics__pr_42__{condition}", "pr_42")
    with pytest.raises(EnvironmentNotFound):
        inventory.find("pr_42")


def test_half_a_clone_beside_the_whole_ones_adds_nothing_to_their_environment():
    facts = [make_facts(make_mark()), half_of(make_mark(), "dropping")]
    inventory = take_inventory(facts, TERRITORY)
    assert [clone.name for clone in inventory.find("pr_42").clones] == ["analytics__pr_42"]


@pytest.mark.parametrize(
    "changes",
    [{"project": "other"}, {"database": "elsewhere"}, {"clone": "analytics__pr_42"}],
    ids=lambda changes: next(iter(changes)),
)
def test_half_a_clone_that_is_not_proven_ours_is_refused(changes):
    half = half_of(make_mark(), "dropping")
    forged = replace(half, comment=encode(replace(decode(half.comment), **changes)))
    inventory = take_inventory([forged], TERRITORY)
    assert inventory.debris == ()
    assert [found.schema for found in inventory.refused] == ["analytics__pr_42__dropping"]


@quick
@given(st.lists(st.tuples(marks(), st.sampled_from([None, *CONDITIONS])), max_size=6))
def test_every_marked_schema_is_whole_or_half_or_refused(drawn):
    found = {mark.clone: replace(mark, condition=condition) for mark, condition in drawn}
    inventory = take_inventory(map(make_facts, found.values()), TERRITORY)
    whole = [clone for env in inventory.environments for clone in env.clones]
    assert all(clone.mark.condition is None for clone in whole)
    assert all(clone.mark.condition is not None for clone in inventory.debris)
    names = [clone.name for clone in (*whole, *inventory.debris)]
    assert sorted([*names, *(item.schema for item in inventory.refused)]) == sorted(found)


# --- environments -------------------------------------------------------------------------------

BASES = ("analytics", "staging", "web")


@pytest.mark.parametrize(
    ("retired", "whole", "partly", "state"),
    [
        ((), False, False, "active"),
        (BASES[:1], False, True, "active"),
        (BASES[1:], False, True, "active"),
        (BASES, True, False, "retired"),
    ],
)
def test_an_environment_is_retired_only_when_all_of_it_is(retired, whole, partly, state):
    environment = make_environment(bases=BASES, retired=retired)
    assert environment.retired is whole
    assert environment.partly_retired is partly
    assert environment.state == state


def test_an_environment_may_be_dropped_only_when_its_last_clone_may():
    first, second = (
        make_mark(base=base).retire(now=NOW, because="merged", grace=days * DAY)
        for base, days in (("analytics", 3), ("staging", 9))
    )
    environment = Environment(
        "pr_42", BranchKey(number=42), (make_clone(first), make_clone(second))
    )
    assert environment.drop_after == NOW + 9 * DAY


def test_an_environment_with_a_clone_in_use_has_no_time_to_be_dropped():
    assert make_environment(bases=BASES, retired=BASES[1:]).drop_after is None
    assert make_environment().drop_after is None


def test_an_environment_is_as_old_as_its_first_clone_and_as_fresh_as_its_last_use():
    clones = tuple(
        make_clone(make_mark(base=base, created_at=NOW - old * DAY, last_used_at=NOW - used * DAY))
        for base, old, used in (("a", 3, 2), ("b", 9, 8), ("c", 5, 1))
    )
    environment = Environment("pr_42", BranchKey(number=42), clones)
    assert environment.created_at == NOW - 9 * DAY
    assert environment.last_used_at == NOW - 1 * DAY


def test_sizes_are_summed_and_strategies_are_listed_once():
    clones = tuple(
        OwnedSchema(make_facts(mark, tables=2, size_bytes=100, rows=5), territory_of(mark))
        for mark in (
            make_mark(base=base, strategy=how) for base, how in zip("abc", "xyx", strict=True)
        )
    )
    environment = Environment("pr_42", BranchKey(number=42), clones)
    assert (environment.tables, environment.size_bytes, environment.rows) == (6, 300, 15)
    assert environment.strategy == "x, y"


def test_an_environment_is_labelled_as_its_branch():
    assert make_environment(branch="feature/login").label == "#42 (feature/login)"
    assert make_environment(BranchKey(name="feature/login")).label == "feature/login"
    assert make_environment(retired=("analytics",)).retired_because == "test"
    assert make_environment(repository="acme/pipelines").repository == "acme/pipelines"


@pytest.mark.parametrize(
    ("bases", "missing"), [(None, BASES), (("staging",), ("analytics", "web")), (BASES, ())]
)
def test_what_an_environment_lacks_is_told_in_the_configured_order(bases, missing):
    environment = bases and make_environment(bases=bases)
    assert missing_schemas(environment, BASES) == missing


def test_clones_of_schemas_that_are_no_longer_configured_are_not_missed():
    assert missing_schemas(make_environment(bases=BASES), ["web"]) == ()
