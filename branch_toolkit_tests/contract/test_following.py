"""Outputs go with their environment in every warehouse: made after it, dropped before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import pytest

from branch_toolkit.core.branch import Branch, BranchKey, Project
from branch_toolkit.core.errors import (
    BranchSourceUnavailable,
    EnvironmentBusy,
    EnvironmentNotFound,
    NotDue,
)
from branch_toolkit.core.mark import DROPPING
from branch_toolkit.core.output import OutputContext
from branch_toolkit.core.plan import Plan
from branch_toolkit.core.strategy import COPY_ALL
from branch_toolkit.following import OutputFailed, Outputs
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
BRANCH = Branch(key=BranchKey(number=42), name="feature/42", repository="acme/pipelines")


@dataclass
class Shelf:
    """An output: what environments have put on it."""

    has: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    broken: bool = False

    def provision(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        return self._do("provision", context, "in use", dry_run=dry_run)

    def retire(
        self, context: OutputContext, *, because: str, grace: timedelta, dry_run: bool = False
    ) -> Sequence[str]:
        return self._do("retire", context, f"aside, as {because}", dry_run=dry_run)

    def restore(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        return self._do("restore", context, "in use", dry_run=dry_run)

    def drop(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        return self._do("drop", context, None, dry_run=dry_run)

    def _do(
        self, verb: str, context: OutputContext, state: str | None, *, dry_run: bool
    ) -> Sequence[str]:
        if self.broken:
            raise BranchSourceUnavailable("The shelf is out of reach.", remedy="Wait.")
        self.told.append(verb)
        if not dry_run:
            self.has.pop(context.environment, None)
            if state is not None:
                self.has[context.environment] = state
        return [f"{verb} {context.environment}"]


@pytest.fixture(params=["memory", "postgres_18", "tables_18", "snowflake"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    if request.param == "memory":
        yield _with_base(MemoryHarness())
        return
    if request.param == "snowflake":
        for database in own_snowflake_database(request):
            with SnowflakeHarness.over(database) as over:
                yield _with_base(over)
        return
    kind = TablesHarness if request.param == "tables_18" else PostgresHarness
    for url in own_database(request.getfixturevalue("postgres_18"), request):
        yield _with_base(kind(url))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def environments(harness: Harness, shelf: Shelf) -> Iterator[Environments]:
    with harness.open() as warehouse:
        outputs = Outputs((shelf,))
        yield Environments(warehouse, Project(), ("analytics",), (COPY_ALL,), outputs)


def _with_base(harness: Harness) -> Harness:
    harness.create("analytics", {"orders": [1, 2, 3]})
    return harness


def _retire(environments: Environments) -> None:
    environments.provision(BRANCH, now=NOW)
    environments.retire("pr_42", because="test", grace=timedelta(0), now=NOW)


def test_an_output_lives_as_long_as_its_environment(
    environments: Environments, harness: Harness, shelf: Shelf
) -> None:
    assert environments.provision(BRANCH, now=NOW).outputs == ("provision pr_42",)
    assert shelf.has == {"pr_42": "in use"}
    environments.retire("pr_42", because="test", grace=timedelta(0), now=NOW)
    assert shelf.has == {"pr_42": "aside, as test"}
    environments.restore("pr_42", now=NOW)
    assert shelf.has == {"pr_42": "in use"}
    _retire(environments)
    assert "drop pr_42" in environments.drop("pr_42", now=NOW).outputs
    assert shelf.has == {}
    assert harness.name("analytics__pr_42") not in harness.content()


def test_a_dry_run_tells_and_does_nothing(
    environments: Environments, harness: Harness, shelf: Shelf
) -> None:
    assert environments.provision(BRANCH, now=NOW, dry_run=True).outputs == ("provision pr_42",)
    assert shelf.has == {}
    _retire(environments)
    before, has = harness.content(), dict(shelf.has)
    assert "drop pr_42" in environments.drop("pr_42", now=NOW, dry_run=True).outputs
    assert (harness.content(), shelf.has) == (before, has)


def test_what_is_not_due_loses_no_output(environments: Environments, shelf: Shelf) -> None:
    environments.provision(BRANCH, now=NOW)
    with pytest.raises(NotDue):
        environments.drop("pr_42", now=NOW)
    environments.retire("pr_42", because="test", grace=timedelta(days=1), now=NOW)
    with pytest.raises(NotDue):
        environments.drop("pr_42", now=NOW)
    assert "drop" not in shelf.told


def test_an_output_that_cannot_be_dropped_keeps_the_clones_until_it_can(
    environments: Environments, harness: Harness, shelf: Shelf
) -> None:
    _retire(environments)
    shelf.broken = True
    with pytest.raises(BranchSourceUnavailable):
        environments.drop("pr_42", now=NOW)
    assert harness.content()[harness.name("analytics__pr_42")][1] == {"orders": [1, 2, 3]}
    # From here on it is too late: its outputs may be gone in part.
    with pytest.raises(EnvironmentNotFound):
        environments.restore("pr_42", now=NOW)
    assert [one.environment for one in environments.inventory().debris] == ["pr_42"]
    shelf.broken = False
    environments.clear("pr_42", now=NOW)
    assert shelf.has == {}
    assert harness.name("analytics__pr_42") not in harness.content()


def test_a_branch_that_is_opened_again_meanwhile_begins_anew(
    environments: Environments, harness: Harness, shelf: Shelf
) -> None:
    _retire(environments)
    shelf.broken = True
    with pytest.raises(BranchSourceUnavailable):
        environments.drop("pr_42", now=NOW)
    shelf.broken = False
    environments.provision(BRANCH, now=NOW)
    assert shelf.has == {"pr_42": "in use"}
    assert harness.content()[harness.name("analytics__pr_42")][1] == {"orders": [1, 2, 3]}
    assert environments.inventory().debris == ()


def test_what_a_killed_refresh_has_left_does_not_cost_the_environment_its_outputs(
    environments: Environments, harness: Harness, shelf: Shelf
) -> None:
    if isinstance(harness, TablesHarness):
        pytest.skip("In tables mode nothing is renamed while it is replaced.")
    environments.provision(BRANCH, now=NOW)
    [environment] = environments.inventory().environments
    name = make_half(environments, harness, environment.clones[0].mark, DROPPING)
    environments.clear("pr_42", now=NOW)
    assert name not in harness.content()
    assert shelf.has == {"pr_42": "in use"}
    assert "drop" not in shelf.told


def _interrupt_a_refresh(environments: Environments, harness: Harness) -> str:
    """As where the old clone goes before the new one is made: nothing else is left of it."""
    [environment] = environments.inventory().environments
    name = make_half(environments, harness, environment.clones[0].mark, DROPPING)
    harness.drop("analytics__pr_42")
    return name


def test_a_refresh_that_was_cut_short_costs_no_output_no_lease_and_brings_no_rows(
    environments: Environments, harness: Harness, shelf: Shelf
) -> None:
    if isinstance(harness, TablesHarness):
        pytest.skip("Its groups are made by hand in integration/test_tables_mode_safety.py.")
    until = NOW + timedelta(days=9)
    environments.provision(BRANCH, now=NOW, schema_only=True)
    environments.keep("pr_42", until=until)
    _interrupt_a_refresh(environments, harness)
    environments.provision(BRANCH, now=NOW)
    [environment] = environments.inventory().environments
    assert (environment.schema_only, environment.keep_until) == (True, until)
    assert harness.read("analytics__pr_42", "orders") == []
    assert "drop" not in shelf.told


def test_no_output_is_dropped_beside_a_run_that_is_at_work(
    environments: Environments, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    _retire(environments)
    shelf.broken = True
    with pytest.raises(BranchSourceUnavailable):
        environments.drop("pr_42", now=NOW)
    shelf.broken = False

    def busy(_warehouse: object, _plan: Plan, *, wait: bool = True, **_: object) -> None:
        assert not wait
        raise EnvironmentBusy("A run is at work there.", remedy="Wait for it.")

    with monkeypatch.context() as context:
        context.setattr(type(environments.warehouse), "apply", busy)
        with pytest.raises(EnvironmentBusy):
            environments.clear("pr_42", now=NOW, wait=False)
    assert "drop" not in shelf.told
    environments.clear("pr_42", now=NOW, wait=False)
    assert shelf.has == {}


def test_what_an_output_missed_it_is_told_again(environments: Environments, shelf: Shelf) -> None:
    shelf.broken = True
    with pytest.raises(BranchSourceUnavailable):
        environments.provision(BRANCH, now=NOW)
    shelf.broken = False
    [environment] = environments.inventory().environments
    environments.align_outputs(environment, now=NOW)
    assert shelf.has == {"pr_42": "in use"}
    shelf.broken = True
    with pytest.raises(BranchSourceUnavailable):
        environments.retire("pr_42", because="test", grace=timedelta(days=1), now=NOW)
    shelf.broken = False
    [environment] = environments.inventory().environments
    environments.align_outputs(environment, now=NOW)
    assert shelf.has == {"pr_42": "aside, as test"}


def test_an_output_that_raises_anything_is_told_of_with_its_name(
    environments: Environments,
) -> None:
    class Rude(Shelf):
        def provision(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
            raise RuntimeError("no such host")

    second = Shelf()
    rude = replace(environments, outputs=Outputs((Rude(), second)))
    with pytest.raises(OutputFailed, match="The output Rude failed: RuntimeError: no such host"):
        rude.provision(BRANCH, now=NOW)
    assert second.has == {"pr_42": "in use"}


def test_an_environment_that_was_made_anew_meanwhile_keeps_its_outputs(
    environments: Environments, shelf: Shelf
) -> None:
    class Slow(Shelf):
        def drop(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
            # As another process would, between the drop of two outputs.
            alone = replace(environments, outputs=Outputs((shelf,)))
            alone.provision(BRANCH, now=NOW)
            return []

    _retire(environments)
    both = replace(environments, outputs=Outputs((Slow(), shelf)))
    both.drop("pr_42", now=NOW)
    assert shelf.has == {"pr_42": "in use"}
    assert environments.inventory().has("pr_42")


def test_one_output_that_fails_keeps_no_other_from_its_turn(environments: Environments) -> None:
    first, second = Shelf(broken=True), Shelf()
    both = replace(environments, outputs=Outputs((first, second)))
    with pytest.raises(BranchSourceUnavailable):
        both.provision(BRANCH, now=NOW)
    assert second.has == {"pr_42": "in use"}
