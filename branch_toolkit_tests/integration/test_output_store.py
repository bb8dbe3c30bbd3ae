"""The output store in runs of Dagster, on disks with links in them, killed at every step."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from branch_toolkit.core.mark import DROPPING, decode
from branch_toolkit.outputs import OutputContext
from branch_toolkit.outputs.errors import InvalidOutput, OutputNotOwned
from branch_toolkit.outputs.store import OutputStore
from branch_toolkit_tests.contract.output_harness import SECRET, S3Harness, s3_server
from branch_toolkit_tests.dagster.memory import BASES, HeldWarehouse, World, worlds

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_PULL_REQUEST_ID": "42"}
CONTEXT = OutputContext(
    environment="pr_42", project="default", database="memory", now=NOW, pull_request=42
)
FORK = multiprocessing.get_context("fork")
STEPS = {"os.remove", "os.rmdir", "os.rename", "os.mkdir", "open"}


@pytest.fixture
def world() -> World:
    worlds["it"] = World()
    return worlds["it"]


@pytest.fixture
def production(tmp_path: Path) -> Path:
    folder = tmp_path / "warehouse"
    folder.mkdir()
    (folder / "orders.csv").write_text("production's")
    return folder


@pytest.fixture
def store(production: Path, world: World) -> OutputStore:
    return OutputStore(url=str(production), warehouse=HeldWarehouse(schemas=BASES))


@pytest.fixture
def prefix(tmp_path: Path, store: OutputStore) -> Path:
    store.provision(CONTEXT)
    return tmp_path / "branches_of_warehouse" / "default" / "pr_42"


@pytest.fixture
def in_branch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.provide(42)
    for name, value in BRANCH.items():
        monkeypatch.setenv(name, value)


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


class TestLinks:
    def test_in_a_prefix_are_removed_and_what_they_lead_to_is_not(
        self, store: OutputStore, prefix: Path, production: Path
    ) -> None:
        (prefix / "below").mkdir()
        (prefix / "folder").symlink_to(production)
        (prefix / "below" / "file").symlink_to(production / "orders.csv")
        (prefix / "broken").symlink_to("nowhere")
        (prefix / "loop").symlink_to(prefix)
        before = tree(production)
        assert "goes: 4 object(s)" in store.drop(CONTEXT)[0]
        assert not prefix.exists()
        assert tree(production) == before

    @pytest.mark.parametrize("linked", ["prefix", "project"])
    def test_in_the_place_of_a_prefix_are_not_ours(
        self, store: OutputStore, prefix: Path, tmp_path: Path, linked: str
    ) -> None:
        place = prefix if linked == "prefix" else prefix.parent
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
        before = tree(tmp_path)
        assert "it is a symbolic link" in store.drop(CONTEXT)[0]
        with pytest.raises(OutputNotOwned):
            store.provision(CONTEXT)
        assert tree(tmp_path) == before

    def test_in_the_place_of_a_mark_prove_nothing(
        self, store: OutputStore, prefix: Path, tmp_path: Path
    ) -> None:
        mark = prefix / ".branch_toolkit.json"
        mark.rename(tmp_path / "mark")
        mark.symlink_to(tmp_path / "mark")
        assert "was left alone" in store.drop(CONTEXT)[0]
        assert mark.is_symlink()

    @pytest.mark.usefixtures("in_branch")
    def test_do_not_lead_a_path_out_of_the_prefix(
        self, store: OutputStore, prefix: Path, production: Path
    ) -> None:
        (prefix / "out").symlink_to(production)
        with pytest.raises(InvalidOutput, match="by a symbolic link"):
            store.path("out", "orders.csv")

    def test_that_a_leftover_is_are_told_of(
        self, store: OutputStore, prefix: Path, production: Path
    ) -> None:
        (prefix.parent / "pr_7").symlink_to(production)
        found = store.leftovers(["pr_42"], project="default", database="memory", now=NOW)
        assert [(each.context.environment, each.drop_after) for each in found] == [("pr_7", None)]
        assert "symbolic link" in str(found[0].refused)


def _killed_at(step: int, act: Callable[[], Any], below: Path) -> bool:
    """Runs `act` in a process that is killed before its nth change of a file; whether it was."""

    def run() -> None:
        seen = 0

        def hook(event: str, details: tuple[Any, ...]) -> None:
            nonlocal seen
            if event in STEPS and str(details[0]).startswith(str(below)):
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        act()

    process = FORK.Process(target=run)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


class TestKilled:
    def fill(self, prefix: Path) -> None:
        for name in ("a", "b/c", "b/d/e"):
            path = prefix / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    def test_a_provision_before_any_step_is_finished_or_dropped_later(
        self, store: OutputStore, production: Path, tmp_path: Path
    ) -> None:
        branches = tmp_path / "branches_of_warehouse"
        step = 1
        while _killed_at(step, lambda: store.provision(CONTEXT), branches):
            found = store.leftovers([], project="default", database="memory", now=NOW)
            assert [one for one in found if one.refused] == []
            # Nothing in production's prefix, and either of the ways on is open.
            if step % 2:
                store.provision(CONTEXT)
            store.drop(CONTEXT)
            assert list((branches / "default").glob("*")) == []
            step += 1
        assert step > 4
        assert tree(production) == {"orders.csv": "production's"}

    def test_a_drop_before_any_step_leaves_all_or_a_mark_that_says_so_or_nothing(
        self, store: OutputStore, production: Path, prefix: Path, tmp_path: Path
    ) -> None:
        step, states = 1, set()
        self.fill(prefix)
        whole = set(tree(prefix))
        while _killed_at(step, lambda: store.drop(CONTEXT), tmp_path / "branches_of_warehouse"):
            states.add(self.state(prefix, whole))
            if step % 2:
                store.drop(CONTEXT)
                assert not prefix.exists()
            store.provision(CONTEXT)
            # What is used again is whole, or empty: never half of it.
            assert self.names(prefix) in (whole, {".branch_toolkit.json"})
            self.fill(prefix)
            step += 1
        assert states == {"whole", "dropping", "nothing"}
        assert not prefix.exists()
        assert tree(production) == {"orders.csv": "production's"}

    def names(self, prefix: Path) -> set[str]:
        # A mark that was being written stays under another name until the prefix is dropped.
        return {name for name in tree(prefix) if not name.startswith(".branch_toolkit.json.")}

    def state(self, prefix: Path, whole: set[str]) -> str:
        found = self.names(prefix)
        if not found:
            return "nothing"
        mark = decode((prefix / ".branch_toolkit.json").read_text())
        if mark.condition is None:
            assert found == whole
            return "whole"
        assert mark.condition == DROPPING
        return "dropping"


def test_processes_that_make_use_and_drop_one_prefix_end_in_a_whole_one(
    store: OutputStore, prefix: Path, production: Path
) -> None:
    def work(number: int) -> None:
        for turn in range(15):
            if (number + turn) % 3:
                store.provision(CONTEXT)
            else:
                store.drop(CONTEXT)

    processes = [FORK.Process(target=work, args=(number,)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    store.provision(CONTEXT)
    assert decode((prefix / ".branch_toolkit.json").read_text()).condition is None
    store.drop(CONTEXT)
    assert not prefix.exists()
    assert tree(production) == {"orders.csv": "production's"}


class TestRun:
    @pytest.fixture
    def bucket(self) -> Iterator[S3Harness]:
        with s3_server() as endpoint:
            yield S3Harness(endpoint, "acme")

    def test_one_asset_writes_to_productions_bucket_prefix_or_to_the_branchs(
        self,
        bucket: S3Harness,
        world: World,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("S3_SECRET", SECRET)
        monkeypatch.setenv("STORE_URL", "s3://acme/warehouse")
        options = bucket.options | {"secret": dg.EnvVar("S3_SECRET")}
        store = OutputStore(
            url=dg.EnvVar("STORE_URL"),
            storage_options=options,
            warehouse=HeldWarehouse(schemas=BASES),
        )

        @dg.asset
        def report(store: OutputStore) -> None:
            path = store.path("reports", "today.txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("today")

        assert dg.materialize([report], resources={"store": store}).success
        world.provide(42)
        for name, value in BRANCH.items():
            monkeypatch.setenv(name, value)
        assert dg.materialize([report], resources={"store": store}).success
        prefix = "branches_of_warehouse/default/pr_42"
        assert set(bucket.content()) == {
            "warehouse/reports/today.txt",
            f"{prefix}/.branch_toolkit.json",
            f"{prefix}/reports/today.txt",
        }
        assert SECRET not in "".join(capfd.readouterr())
        assert SECRET.encode() not in b"".join(bucket.content().values())

        world.environments().retire("pr_42", because="x", grace=timedelta(), now=NOW)
        failed = dg.materialize([report], resources={"store": store}, raise_on_error=False)
        assert not failed.success
