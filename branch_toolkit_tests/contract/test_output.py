"""What the output store must do, whatever it lies in: the prefix, the mark, and the refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from branch_toolkit.core.errors import CloneMissing
from branch_toolkit.core.mark import DROPPING, Mark, decode, encode
from branch_toolkit.outputs import OutputContext, known_environments
from branch_toolkit.outputs.errors import InvalidOutput, OutputNotOwned, OutputUnavailable
from branch_toolkit.outputs.store import OutputStore
from branch_toolkit_tests.contract.output_harness import (
    LocalHarness,
    MemoryHarness,
    S3Harness,
    StoreHarness,
    s3_server,
)
from branch_toolkit_tests.dagster.memory import BASES, HeldWarehouse, World, worlds

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
GRACE = timedelta(days=3)
LATER = NOW + GRACE
BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_PULL_REQUEST_ID": "42"}
CONTEXT = OutputContext(
    environment="pr_42", project="default", database="memory", now=NOW, pull_request=42
)
PREFIX = "branches_of_warehouse/default/pr_42"
MARK = f"{PREFIX}/.branch_toolkit.json"
PRODUCTION = {"warehouse/orders/a.parquet": b"production's", "warehouse/.branch_toolkit.json": b""}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(params=["local", "memory", "s3"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> StoreHarness:
    name = f"bucket-{abs(hash(request.node.nodeid))}"
    made: StoreHarness
    if request.param == "local":
        made = LocalHarness(tmp_path)
    elif request.param == "memory":
        made = MemoryHarness(name)
    else:
        made = S3Harness(request.getfixturevalue("s3"), name)
    for path, content in PRODUCTION.items():
        made.put(path, content)
    return made


@pytest.fixture
def world() -> World:
    worlds["outputs"] = World()
    return worlds["outputs"]


@pytest.fixture
def make_store(harness: StoreHarness, world: World) -> Callable[..., OutputStore]:
    def make(*, project: str = "default", branches_url: str | None = None) -> OutputStore:
        return OutputStore(
            url=f"{harness.root}/warehouse",
            branches_url=branches_url,
            storage_options=harness.options,
            warehouse=HeldWarehouse(world="outputs", schemas=BASES, project=project),
        )

    return make


@pytest.fixture
def store(make_store: Callable[..., OutputStore]) -> OutputStore:
    return make_store()


@pytest.fixture
def in_branch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch deployment of #42, whose environment is there."""
    world.provide(42)
    for name, value in BRANCH.items():
        monkeypatch.setenv(name, value)


def mark_of(harness: StoreHarness) -> Mark:
    return decode(harness.content()[MARK].decode())


def rewrite(harness: StoreHarness, **changes: object) -> None:
    """A mark with these fields, as our own code would write it."""
    harness.put(MARK, encode(replace(mark_of(harness), **changes)).encode())


def others(harness: StoreHarness) -> dict[str, bytes]:
    """All that is not the branch's own."""
    found = harness.content().items()
    return {name: content for name, content in found if not name.startswith(f"{PREFIX}/")}


class TestPath:
    def test_in_production_it_is_productions_and_nothing_is_made(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        assert store.path("orders", "a.parquet").read_bytes() == b"production's"
        assert harness.content() == PRODUCTION

    @pytest.mark.usefixtures("in_branch")
    def test_in_a_branch_it_is_the_branchs_own_below_its_mark(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        path = store.path("orders", "a.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"the branch's")
        assert harness.content()[f"{PREFIX}/orders/a.parquet"] == b"the branch's"
        assert others(harness) == PRODUCTION
        mark = mark_of(harness)
        assert (mark.project, mark.clone, mark.pull_request) == ("default", "default/pr_42", 42)
        assert not mark.retired

    @pytest.mark.usefixtures("in_branch")
    def test_asked_again_it_is_the_same_and_the_mark_is_not_written_again(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        first = store.prefix
        mark = harness.content()[MARK]
        assert store.prefix == first
        assert harness.content()[MARK] == mark

    def test_without_an_environment_it_is_an_error_and_never_productions(
        self, store: OutputStore, harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in BRANCH.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(CloneMissing):
            store.path("orders")
        assert harness.content() == PRODUCTION

    @pytest.mark.usefixtures("in_branch")
    def test_of_a_retired_environment_it_is_an_error(
        self, store: OutputStore, harness: StoreHarness, world: World
    ) -> None:
        world.environments().retire("pr_42", because="merged", grace=GRACE, now=NOW)
        with pytest.raises(CloneMissing, match="set aside"):
            _ = store.prefix
        assert harness.content() == PRODUCTION

    @pytest.mark.usefixtures("in_branch")
    @pytest.mark.parametrize(
        "parts",
        [
            ("..", "warehouse"),
            ("a/../../x",),
            ("/etc",),
            ("a", "/b"),
            ("",),
            (".",),
            ("a\\..\\..\\x",),
            ("s3://bucket/x",),
            ("file::memory",),
            (".branch_toolkit.json",),
        ],
    )
    def test_that_may_lead_out_of_the_prefix_or_to_its_mark_is_refused(
        self, store: OutputStore, parts: tuple[str, ...]
    ) -> None:
        with pytest.raises(InvalidOutput):
            store.path(*parts)

    @pytest.mark.usefixtures("in_branch")
    def test_is_used_again_when_its_environment_is(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        _ = store.prefix
        harness.put(f"{PREFIX}/kept")
        store.retire(CONTEXT, because="gone", grace=GRACE)
        again = replace(CONTEXT, now=LATER)
        assert store.retire(again, because="gone", grace=GRACE) == []
        assert mark_of(harness).drop_after == LATER
        _ = store.prefix
        assert not mark_of(harness).retired
        assert f"{PREFIX}/kept" in harness.content()

    @pytest.mark.usefixtures("in_branch")
    def test_that_was_half_dropped_is_emptied_before_it_is_used(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        store.provision(CONTEXT)
        harness.put(f"{PREFIX}/half")
        rewrite(harness, condition=DROPPING)
        _ = store.prefix
        assert f"{PREFIX}/half" not in harness.content()
        assert mark_of(harness).condition is None


class TestDrop:
    def test_removes_two_thousand_objects_and_the_mark_and_nothing_else(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        store.provision(CONTEXT)
        store.provision(replace(CONTEXT, environment="pr_4"))
        store.provision(replace(CONTEXT, environment="pr_421"))
        harness.put("branches_of_warehouse/default/pr_421/kept")
        before = others(harness)
        harness.fill(f"{PREFIX}/day={number % 30}/{number}.parquet" for number in range(2000))
        # Taken for a pattern, it would stand for the mark, and the second batch would stay.
        harness.put(f"{PREFIX}/*")
        assert "goes: 2,001 object(s)" in store.drop(CONTEXT)[0]
        assert harness.content() == before
        assert store.drop(CONTEXT) == []

    def test_in_a_dry_run_removes_nothing(self, store: OutputStore, harness: StoreHarness) -> None:
        store.provision(CONTEXT)
        harness.put(f"{PREFIX}/a")
        before = harness.content()
        assert "goes: 1 object(s)" in store.drop(CONTEXT, dry_run=True)[0]
        assert store.retire(CONTEXT, because="x", grace=GRACE, dry_run=True)
        assert harness.content() == before

    def test_takes_names_as_they_are_and_not_for_patterns(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        store.provision(CONTEXT)
        for name in ("*", "[1].csv", "a?", "ü %20/b c", "a#b", ".branch_toolkit.json.bak"):
            harness.put(f"{PREFIX}/{name}")
        store.drop(CONTEXT)
        assert harness.content() == PRODUCTION

    def test_of_what_was_never_made_does_nothing(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        assert store.drop(CONTEXT) == []
        assert store.restore(CONTEXT) == []
        assert store.retire(CONTEXT, because="x", grace=GRACE) == []
        assert harness.content() == PRODUCTION

    def test_stops_when_the_prefix_was_made_anew_meanwhile(
        self, store: OutputStore, harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process finishes the same drop, makes the prefix again and writes to it."""
        from branch_toolkit.outputs.prefixes import BranchPrefix

        store.provision(CONTEXT)
        harness.put(f"{PREFIX}/a", b"old")
        contents = BranchPrefix._contents
        looked = []

        def look(self: BranchPrefix) -> object:
            found = contents(self)
            looked.append(found)
            if len(looked) == 2:  # The listing by which it is going to remove.
                monkeypatch.undo()
                store.drop(CONTEXT)
                store.provision(CONTEXT)
                harness.put(f"{PREFIX}/a", b"new")
            return found

        monkeypatch.setattr(BranchPrefix, "_contents", look)
        store.drop(CONTEXT)
        assert len(looked) >= 2
        assert harness.content()[f"{PREFIX}/a"] == b"new"
        assert mark_of(harness).condition is None


FOREIGN_MARKS = {
    "belongs to project 'payments'": {"project": "payments"},
    "that of a prefix called 'default/pr_7'": {"clone": "default/pr_7"},
    "at another place and came with a copy": {"database": "s3://elsewhere/branches memory"},
    "of another warehouse": {"database": None},
    "that of a schema": {"strategy": "copy"},
    "belongs to repository 'acme/other'": {"repository": "acme/other"},
}


class TestOwnership:
    @pytest.fixture(autouse=True)
    def _provisioned(self, store: OutputStore, harness: StoreHarness) -> None:
        store.provision(CONTEXT)
        harness.put(f"{PREFIX}/a")

    def refused(self, store: OutputStore, harness: StoreHarness, reason: str) -> None:
        before = harness.content()
        context = replace(CONTEXT, repository="acme/pipelines")
        assert "was left alone because" in store.drop(context)[0]
        assert reason in store.drop(context)[0]
        assert store.retire(context, because="x", grace=GRACE) == []
        with pytest.raises(OutputNotOwned):
            store.provision(context)
        assert harness.content() == before

    @pytest.mark.parametrize("reason", FOREIGN_MARKS)
    def test_a_mark_that_is_not_this_environments_proves_nothing(
        self, store: OutputStore, harness: StoreHarness, reason: str
    ) -> None:
        changes = dict(FOREIGN_MARKS[reason])
        if changes.get("database", "") is None:
            changes["database"] = mark_of(harness).database.replace(" memory", " other")
        rewrite(harness, **changes)
        self.refused(store, harness, reason)

    def test_an_edited_mark_proves_nothing(self, store: OutputStore, harness: StoreHarness) -> None:
        mark = json.loads(harness.content()[MARK])
        harness.put(MARK, json.dumps(mark | {"retired_because": "me"}).encode())
        self.refused(store, harness, "checksum does not agree")

    @pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"branch_toolkit": 1'])
    def test_what_is_no_mark_proves_nothing(
        self, store: OutputStore, harness: StoreHarness, content: bytes
    ) -> None:
        harness.put(MARK, content)
        self.refused(store, harness, "mark")

    def test_objects_without_a_mark_are_not_ours(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        store.drop(CONTEXT)
        harness.put(f"{PREFIX}/theirs")
        self.refused(store, harness, "holds 1 object(s)")

    def test_two_projects_in_one_store_have_a_prefix_each(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        store.provision(replace(CONTEXT, project="payments"))
        store.drop(CONTEXT)
        left = set(harness.content()) - set(PRODUCTION)
        assert left == {"branches_of_warehouse/payments/pr_42/.branch_toolkit.json"}

    def test_an_environments_name_is_no_path(self, store: OutputStore) -> None:
        with pytest.raises(InvalidOutput):
            store.drop(replace(CONTEXT, environment="../../warehouse"))


class TestLeftovers:
    def clear(self, store: OutputStore, world: World, *, now: datetime = NOW) -> list[str]:
        known = known_environments(world.environments().inventory())
        lines = store.clear_leftovers(
            known, project="default", database="memory", grace=GRACE, now=now
        )
        return list(lines)

    def test_are_set_aside_and_dropped_when_their_grace_is_over(
        self, store: OutputStore, harness: StoreHarness, world: World
    ) -> None:
        world.provide(1)
        for name in ("pr_1", "pr_42"):
            store.provision(replace(CONTEXT, environment=name))
        harness.put(f"{PREFIX}/a")
        assert [PREFIX in line for line in self.clear(store, world)] == [True]
        assert mark_of(harness).drop_after == LATER
        assert self.clear(store, world, now=LATER - timedelta(seconds=1)) == []
        assert f"{PREFIX}/a" in harness.content()
        assert len(self.clear(store, world, now=LATER)) == 1
        assert set(harness.content()) - set(PRODUCTION) == {
            "branches_of_warehouse/default/pr_1/.branch_toolkit.json"
        }

    def test_of_another_project_or_warehouse_are_not_ours(
        self, store: OutputStore, harness: StoreHarness, world: World
    ) -> None:
        store.provision(replace(CONTEXT, project="payments"))
        store.provision(replace(CONTEXT, database="a developer's laptop"))
        before = harness.content()
        assert all("was left alone" in line for line in self.clear(store, world))
        assert harness.content() == before

    def test_that_another_process_made_since_are_seen(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        def seen() -> int:
            found = store.leftovers([], project="default", database="memory", now=NOW)
            return len(found) + len(store.drop(CONTEXT, dry_run=True))

        store.provision(CONTEXT)
        assert seen() == 2
        harness.put("branches_of_warehouse/default/pr_7/theirs")
        harness.put(f"{PREFIX}/a")
        assert seen() == 3
        assert "goes: 1 object(s)" in store.drop(CONTEXT, dry_run=True)[0]

    def test_whose_drop_was_cut_short_are_dropped_at_once(
        self, store: OutputStore, harness: StoreHarness, world: World
    ) -> None:
        store.provision(CONTEXT)
        rewrite(harness, condition=DROPPING)
        assert len(self.clear(store, world)) == 1
        assert harness.content() == PRODUCTION

    def test_at_most_so_many_are_dropped_at_once(
        self, store: OutputStore, harness: StoreHarness
    ) -> None:
        for number in range(3):
            store.provision(replace(CONTEXT, environment=f"pr_{number + 1}"))

        def clear(now: datetime) -> int:
            store.clear_leftovers(
                [], project="default", database="memory", grace=GRACE, now=now, most=2
            )
            return len(harness.content()) - len(PRODUCTION)

        assert [clear(NOW), clear(LATER), clear(LATER)] == [3, 1, 0]


def test_many_processes_may_make_one_prefix_at_once(
    store: OutputStore, harness: StoreHarness
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.provision(CONTEXT), range(16)))
    assert mark_of(harness).condition is None
    assert set(harness.content()) == {*PRODUCTION, MARK}


@pytest.mark.parametrize("harness", ["memory"], indirect=True)
def test_where_folders_are_there_by_themselves_they_go_too(
    store: OutputStore, harness: MemoryHarness
) -> None:
    store.provision(CONTEXT)
    harness.fs.makedirs(f"{harness.root}/{PREFIX}/a/b/c")
    harness.put(f"{PREFIX}/a/b/c/file")
    store.drop(CONTEXT)
    assert not harness.fs.exists(f"{harness.root}/{PREFIX}")


@pytest.mark.parametrize("harness", ["s3"], indirect=True)
class TestObjectStore:
    def test_an_object_of_the_prefixs_own_name_is_not_in_it(
        self, store: OutputStore, harness: S3Harness
    ) -> None:
        harness.put(PREFIX, b"theirs")
        store.provision(CONTEXT)
        harness.put(f"{PREFIX}/a")
        store.drop(CONTEXT)
        assert harness.content() == PRODUCTION | {PREFIX: b"theirs"}

    def test_what_it_refuses_to_remove_is_an_error_and_the_mark_stays(
        self, store: OutputStore, harness: S3Harness
    ) -> None:
        store.provision(CONTEXT)
        harness.put(f"{PREFIX}/a")
        harness.client.put_bucket_versioning(
            Bucket=harness.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        harness.client.put_bucket_policy(
            Bucket=harness.bucket,
            Policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:DeleteObject",
                            "Resource": f"arn:aws:s3:::{harness.bucket}/{PREFIX}/a",
                        }
                    ],
                }
            ),
        )
        with pytest.raises(OutputUnavailable):
            store.drop(CONTEXT)
        assert mark_of(harness).condition == DROPPING

    def test_its_errors_do_not_tell_the_secret(
        self, store: OutputStore, harness: S3Harness
    ) -> None:
        broken = store.model_copy(
            update={"branches_url": f"{harness.root}-that-is-not-there/branches"}
        )
        with pytest.raises(OutputUnavailable) as raised:
            broken.provision(CONTEXT)
        assert harness.options["secret"] not in f"{raised.value!r}{store!r}"
        assert raised.value.__suppress_context__
