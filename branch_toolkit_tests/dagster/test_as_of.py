"""Environments as of the past: from the verbs to the Launchpad, on a warehouse that can."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pytest
import sqlalchemy

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.errors import InvalidAsOf, NotAsOf, NoTimeTravel
from branch_toolkit.core.plan import Plan
from branch_toolkit.jobs import BRANCH_TAG
from branch_toolkit.launchpad import BranchConfig
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses import Warehouse
from branch_toolkit.warehouses.memory import MemoryWarehouse
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit.warehouses.postgres.tables_mode.adapter import TablesAdapter
from branch_toolkit_tests.dagster.conftest import Deployed, attempts, failure, metadata
from branch_toolkit_tests.dagster.memory import BASES, World
from branch_toolkit_tests.dagster.test_inventory import shown
from branch_toolkit_tests.strategies import DAY, NOW

BRANCH = Branch(key=BranchKey(number=42))
THEN = AsOf(time=NOW - DAY)
EARLIER = AsOf(time=NOW - 2 * DAY)
QUERY = AsOf(before="01a9b094-0102-2f97-0001-01e200d7576e")


@pytest.fixture
def environments(world: World) -> Environments:
    """The verbs, on a warehouse with time travel."""
    world.warehouse.travels = True
    return world.environments()


def marked(environments: Environments) -> dict[str, str | None]:
    """What the clones say that they are as of, by base schema."""
    found = environments.of(BRANCH)
    return {c.mark.base_schema: c.mark.as_of for c in found.clones} if found else {}


def both(as_of: AsOf | None) -> dict[str, str | None]:
    return dict.fromkeys(BASES, None if as_of is None else str(as_of))


@pytest.fixture(params=["memory", "postgres", "tables"])
def without(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """A warehouse without time travel; nobody listens at the port."""
    engine = sqlalchemy.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    yield {
        "memory": MemoryWarehouse(),
        "postgres": PostgresAdapter(engine),
        "tables": TablesAdapter(engine, "branches"),
    }[request.param]
    engine.dispose()


@pytest.mark.parametrize("as_of", [THEN, QUERY], ids=str)
def test_a_warehouse_without_time_travel_refuses_before_it_looks(
    without: Warehouse, as_of: AsOf
) -> None:
    with pytest.raises(NoTimeTravel) as caught:
        without.plan_provision("pr_42", (), as_of=as_of)
    assert "has no time travel" in caught.value.problem
    assert "Leave out the point in time" in caught.value.remedy


def test_nothing_is_made_where_there_is_no_time_travel(world: World) -> None:
    before = dict(world.warehouse.held)
    with pytest.raises(NoTimeTravel):
        world.environments().provision(BRANCH, now=NOW, as_of=THEN)
    assert world.warehouse.held == before


class TestProvision:
    @pytest.mark.parametrize("as_of", [THEN, QUERY, None], ids=str)
    def test_the_warehouse_is_told_and_every_mark_says_so(
        self, world: World, environments: Environments, as_of: AsOf | None
    ) -> None:
        environments.provision(BRANCH, now=NOW, as_of=as_of)
        assert world.warehouse.asked_as_of == [as_of]
        assert marked(environments) == both(as_of)

    def test_a_dry_run_tells_the_warehouse_too(
        self, world: World, environments: Environments
    ) -> None:
        environments.provision(BRANCH, now=NOW, as_of=THEN, dry_run=True)
        assert world.warehouse.asked_as_of == [THEN]
        assert marked(environments) == {}

    @pytest.mark.parametrize("refresh", [False, True])
    def test_the_future_is_refused(self, environments: Environments, refresh: bool) -> None:
        with pytest.raises(InvalidAsOf, match="future"):
            environments.provision(BRANCH, now=NOW, refresh=refresh, as_of=AsOf(time=NOW + DAY))
        assert marked(environments) == {}

    def test_what_is_there_as_of_then_is_kept(self, environments: Environments) -> None:
        environments.provision(BRANCH, now=NOW, as_of=THEN)
        in_tokyo = (NOW - DAY).astimezone(timezone(timedelta(hours=9)))
        assert not environments.provision(BRANCH, now=NOW, as_of=AsOf(time=in_tokyo)).applied
        assert not environments.provision(BRANCH, now=NOW).applied
        assert marked(environments) == both(THEN)

    @pytest.mark.parametrize("had", [None, EARLIER, QUERY], ids=str)
    @pytest.mark.parametrize("retired", [False, True])
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_what_is_there_as_of_another_time_is_left_as_it_is(
        self,
        world: World,
        environments: Environments,
        had: AsOf | None,
        retired: bool,
        dry_run: bool,
    ) -> None:
        environments.provision(BRANCH, now=NOW, as_of=had)
        if retired:
            environments.retire("pr_42", because="it is over", grace=DAY, now=NOW)
        before = dict(world.warehouse.held)
        with pytest.raises(NotAsOf) as caught:
            environments.provision(BRANCH, now=NOW, as_of=THEN, dry_run=dry_run)
        assert world.warehouse.held == before
        assert str(had or "the time that it was made") in caught.value.problem
        assert f"not as of {THEN}" in caught.value.problem
        assert "refresh_branch" in caught.value.remedy

    def test_what_was_retired_as_of_then_is_restored(self, environments: Environments) -> None:
        environments.provision(BRANCH, now=NOW, as_of=THEN)
        environments.retire("pr_42", because="it is over", grace=DAY, now=NOW)
        assert environments.provision(BRANCH, now=NOW, as_of=THEN).applied
        assert marked(environments) == both(THEN)
        assert environments.inventory().find("pr_42").state == "active"

    @pytest.mark.parametrize("as_of", [THEN, None], ids=str)
    def test_a_clone_that_is_added_is_as_of_what_is_asked_for_now(
        self, world: World, environments: Environments, as_of: AsOf | None
    ) -> None:
        first = Environments(world.warehouse, Project(), ("analytics",))
        first.provision(BRANCH, now=NOW, as_of=THEN)
        environments.provision(BRANCH, now=NOW, as_of=as_of)
        added = None if as_of is None else str(as_of)
        assert marked(environments) == {"analytics": str(THEN), "staging": added}

    def test_an_environment_of_two_times_is_none_of_either(
        self, world: World, environments: Environments
    ) -> None:
        first = Environments(world.warehouse, Project(), ("analytics",))
        first.provision(BRANCH, now=NOW, as_of=THEN)
        environments.provision(BRANCH, now=NOW)
        with pytest.raises(NotAsOf) as caught:
            environments.provision(BRANCH, now=NOW, as_of=THEN)
        assert f"as of {THEN} and the time that it was made, not" in caught.value.problem

    def test_what_another_run_has_made_meanwhile_is_not_taken_for_it(
        self, world: World, environments: Environments
    ) -> None:
        def be_overtaken(_plan: Plan) -> None:
            world.warehouse.before_apply = lambda _plan: None
            environments.provision(BRANCH, now=NOW)

        world.warehouse.before_apply = be_overtaken
        with pytest.raises(NotAsOf):
            environments.provision(BRANCH, now=NOW, as_of=THEN)
        assert marked(environments) == both(None)


class TestRefresh:
    @pytest.mark.parametrize("had", [None, EARLIER, THEN], ids=str)
    @pytest.mark.parametrize("wanted", [None, THEN, QUERY], ids=str)
    def test_the_clones_are_replaced_by_those_of_the_wanted_time(
        self, environments: Environments, had: AsOf | None, wanted: AsOf | None
    ) -> None:
        environments.provision(BRANCH, now=NOW, as_of=had)
        assert environments.provision(BRANCH, now=NOW, refresh=True, as_of=wanted).applied
        assert marked(environments) == both(wanted)

    def test_every_other_verb_keeps_it(self, environments: Environments) -> None:
        environments.provision(BRANCH, now=NOW, as_of=THEN)
        environments.retire("pr_42", because="it is over", grace=DAY, now=NOW)
        environments.restore("pr_42", now=NOW)
        environments.keep("pr_42", until=NOW + DAY)
        environments.record_use(environments.inventory().find("pr_42"), now=NOW + DAY)
        assert marked(environments) == both(THEN)


def told(result: dg.ExecuteInProcessResult) -> str:
    """What a failed run says, which was tried once only."""
    assert attempts(result) == 1
    return str(failure(result).user_failure_data.description)


@pytest.mark.usefixtures("environments")
class TestLaunchpad:
    @pytest.mark.parametrize("job", ["provision_branch", "refresh_branch"])
    @pytest.mark.parametrize("text", ["2026-01-02T04:00:00+01:00", str(QUERY)])
    def test_it_is_a_field_of_both_jobs_and_shown_of_the_run(
        self, world: World, deployed: Deployed, job: str, text: str
    ) -> None:
        result = deployed.run(job, {"pull_request": 42, "as_of": text})
        assert result.success
        point = AsOf.parse(text)
        assert marked(world.environments()) == both(point)
        assert metadata(result)["data as of"] == str(point)

    def test_a_run_without_it_shows_none(self, deployed: Deployed) -> None:
        assert "data as of" not in metadata(deployed.run("provision_branch", {"pull_request": 42}))

    def test_a_run_is_the_time_at_which_it_began(self, world: World, deployed: Deployed) -> None:
        failed = deployed.run("provision_branch", {"pull_request": 7})
        record = deployed.instance.get_run_record_by_id(failed.run_id)
        assert record
        assert record.start_time
        result = deployed.run("provision_branch", {"pull_request": 42, "as_of_run": failed.run_id})
        assert result.success
        found = world.warehouse.asked_as_of[-1]
        assert found
        assert found.time
        began = datetime.fromtimestamp(record.start_time, tz=timezone.utc)
        assert timedelta(0) <= began - found.time < timedelta(milliseconds=1)
        assert marked(world.environments()) == both(found)

    def test_a_run_that_has_not_begun_is_refused(self, world: World, deployed: Deployed) -> None:
        job = deployed.definitions.resolve_job_def("provision_branch")
        waiting = deployed.instance.create_run_for_job(job, tags={BRANCH_TAG: "none"})
        config = {"pull_request": 42, "as_of_run": waiting.run_id}
        assert "has not begun" in told(deployed.run("provision_branch", config))
        assert world.states() == {}

    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ({"as_of_run": "no-such-run"}, "There is no run 'no-such-run' in this deployment."),
            ({"as_of_run": ""}, "There is no run ''"),
            ({"as_of": ""}, "'' is no point in time."),
            ({"as_of": "yesterday"}, "'yesterday' is no point in time."),
            ({"as_of": "2026-01-02T03:04:05"}, "Give a time with its zone"),
            ({"as_of": "2926-01-02T03:04:05Z"}, "is in the future"),
            ({"as_of": str(QUERY), "as_of_run": "x"}, "Both `as_of` and `as_of_run` are given."),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("job", ["provision_branch", "refresh_branch"])
    def test_what_names_no_past_is_refused_at_once(
        self, world: World, deployed: Deployed, job: str, config: dict[str, Any], said: str
    ) -> None:
        assert said in told(deployed.run(job, {"pull_request": 42, **config}))
        assert world.states() == {}

    def test_an_environment_of_another_time_is_not_passed_off(self, deployed: Deployed) -> None:
        assert deployed.run("provision_branch", {"pull_request": 42}).success
        config = {"pull_request": 42, "as_of": str(QUERY)}
        assert "is there already" in told(deployed.run("provision_branch", config))

    def test_a_warehouse_that_cannot_says_so(self, world: World, deployed: Deployed) -> None:
        world.warehouse.travels = False
        config = {"pull_request": 42, "as_of": str(QUERY)}
        assert "has no time travel" in told(deployed.run("provision_branch", config))

    def test_both_fields_explain_themselves_and_are_empty_at_first(self) -> None:
        said = {"as_of": "Data as of then", "as_of_run": "just before that run began"}
        for name, words in said.items():
            field = BranchConfig.model_fields[name]
            assert field.default is None
            assert words in str(field.description)


def test_the_inventory_shows_it_beside_the_creation(
    environments: Environments, deployed: Deployed
) -> None:
    environments.provision(BRANCH, now=NOW, as_of=THEN)
    environments.provision(Branch(key=BranchKey(number=43)), now=NOW)
    created = [row["created"] for row in shown(deployed)["details"]]
    assert created == [
        "2026-11-22 12:00 UTC, data as of 2026-11-21T12:00:00+00:00",
        "2026-11-22 12:00 UTC",
    ]


def test_sensors_always_take_the_present(world: World, deployed: Deployed) -> None:
    world.warehouse.travels = True
    world.open(1, 2)
    assert deployed.live_through_tick()
    assert set(world.warehouse.asked_as_of) == {None}
