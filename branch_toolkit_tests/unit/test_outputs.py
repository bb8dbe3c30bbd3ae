"""Where outputs may lie, what is refused at definition time, and what a user's own output gets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.environment import Refused
from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.outputs import BranchOutput, Leftover, OutputContext, known_environments
from branch_toolkit.outputs.errors import InvalidOutput, OutputUnavailable
from branch_toolkit.outputs.local_files import LocalFiles
from branch_toolkit.outputs.locations import Location, project_folder, segments_of
from branch_toolkit.outputs.options import given_options, unavailable
from branch_toolkit.outputs.prefixes import BranchPrefix
from branch_toolkit.outputs.store import OutputStore
from branch_toolkit_tests.dagster.memory import BASES, HeldWarehouse, World

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
GRACE = timedelta(days=3)
WAREHOUSE = HeldWarehouse(schemas=BASES)


def define(url: str, branches_url: str | None = None) -> OutputStore:
    return OutputStore(url=url, branches_url=branches_url, warehouse=WAREHOUSE)


class TestDefinition:
    @pytest.mark.parametrize(
        "url",
        [
            "s3://bucket/warehouse",
            "s3://bucket/a/b/",
            "s3a://bucket/warehouse",
            "file:///data/warehouse",
            "/data/warehouse",
            "local:///data/warehouse",
            "memory://warehouse",
            "memory:///warehouse",
        ],
    )
    def test_a_path_in_a_store_is_taken(self, url: str) -> None:
        assert define(url).url == url

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("s3://bucket", "no path"),
            ("s3://bucket/", "no path"),
            ("s3:///warehouse", "no path"),
            ("file:///", "no path"),
            ("/", "no path"),
            ("memory://", "no path"),
            ("memory:///", "no path"),
            ("data/warehouse", "not an absolute URL"),
            ("./data", "not an absolute URL"),
            ("~/data", "not an absolute URL"),
            ("file://data/warehouse", "not an absolute URL"),
            ("local://data", "not an absolute URL"),
            ("", "not an absolute URL"),
            ("s4://bucket/warehouse", "does not know"),
            ("s3://bucket/a/../b", "not a plain path"),
            ("s3://bucket//b", "not a plain path"),
            ("s3://bucket/./b", "not a plain path"),
            ("s3://bucket/b*", "not a plain path"),
            ("s3://bucket/b?versionId=1", "not a plain path"),
            ("simplecache::s3://bucket/b", "not an absolute URL"),
            ("s3://key:hunter22@bucket/b", "holds credentials"),
            ("sftp://user:hunter22@host/b", "holds credentials"),
            ("s3://key:hun/ter22@bucket/b", "holds credentials"),
        ],
    )
    @pytest.mark.parametrize("field", ["url", "branches_url"])
    def test_what_is_no_path_of_its_own_is_refused(
        self, url: str, problem: str, field: str
    ) -> None:
        given = {"url": "s3://bucket/warehouse", field: url}
        with pytest.raises(InvalidOutput, match=problem) as raised:
            define(**given)
        assert f"`{field}`" in str(raised.value)
        assert "ter22" not in str(raised.value)

    def test_a_driver_that_is_not_installed_is_named_and_not_imported(self) -> None:
        fsspec.register_implementation(
            "absent", "absent_driver.FileSystem", clobber=True, errtxt="pip install absent-driver"
        )
        with pytest.raises(
            InvalidOutput, match="'absent_driver', which is not installed"
        ) as raised:
            define("absent://bucket/warehouse")
        assert "pip install absent-driver" in raised.value.remedy

    def test_a_signature_in_a_url_is_not_told(self) -> None:
        with pytest.raises(InvalidOutput) as raised:
            define("https://acme.blob.example/c/warehouse?sig=hunter22")
        assert "hunter22" not in str(raised.value)

    @pytest.mark.parametrize(
        "branches_url",
        [
            "s3://bucket/a/warehouse",
            "s3://bucket/a/warehouse/",
            "s3a://bucket/a/warehouse",
            "s3://bucket/a/warehouse/branches",
            "s3://bucket/a",
        ],
    )
    def test_branches_are_neither_in_productions_prefix_nor_around_it(
        self, branches_url: str
    ) -> None:
        with pytest.raises(InvalidOutput, match="is, holds or lies in production's"):
            define("s3://bucket/a/warehouse", branches_url)

    def test_of_azures_two_ways_to_name_a_container_neither_hides_production(self) -> None:
        azure = "adlfs.AzureBlobFileSystem"
        one = Location(azure, "abfs", "data", ("warehouse",))
        other = Location(azure, "abfss", "data@acme.dfs.core.windows.net", ("warehouse", "b"))
        assert one.overlaps(other)
        assert other.overlaps(one)

    def test_a_link_to_productions_folder_does_not_hide_it(self, tmp_path: Path) -> None:
        (tmp_path / "warehouse").mkdir()
        (tmp_path / "alias").symlink_to(tmp_path / "warehouse")
        with pytest.raises(InvalidOutput, match="lies in production's"):
            define(f"{tmp_path}/warehouse", f"{tmp_path}/alias/branches")

    def test_two_stores_are_refused(self) -> None:
        with pytest.raises(InvalidOutput, match="different stores"):
            define("s3://bucket/warehouse", "memory://branches")

    def test_a_name_that_only_begins_like_productions_is_another(self) -> None:
        assert define("s3://bucket/warehouse", "s3://bucket/warehouse_branches")

    def test_the_default_is_no_name_that_begins_like_productions(self) -> None:
        production = Location.parse("s3://bucket/a/warehouse", field="url")
        assert str(production.sibling_for_branches()) == "s3://bucket/a/branches_of_warehouse"

    def test_what_an_environment_variable_holds_is_checked_when_it_is_used(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = define(dg.EnvVar("PREFIX"))
        monkeypatch.setenv("PREFIX", "s3://bucket/")
        with pytest.raises(InvalidOutput), store.process_config_and_initialize_cm():
            pass

    def test_options_are_not_in_its_repr(self) -> None:
        store = OutputStore(
            url="s3://b/w", storage_options={"secret": "hunter22"}, warehouse=WAREHOUSE
        )
        assert "hunter22" not in repr(store)


class TestPathParts:
    @given(st.lists(st.text(max_size=12), max_size=4))
    def test_never_lead_out_of_the_prefix(self, parts: list[str]) -> None:
        try:
            names = segments_of(tuple(parts), reserved=".mark")
        except InvalidOutput:
            return
        below = Path("/prefix").joinpath(*names)
        assert len(below.parts) == 2 + len(names)
        assert ".." not in below.parts

    def test_may_be_names_or_paths(self) -> None:
        assert segments_of(("a", "b/c.d"), reserved=".mark") == ("a", "b", "c.d")
        assert segments_of((), reserved=".mark") == ()


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_two_projects_have_one_folder(one: str, other: str) -> None:
    assert (project_folder(one) == project_folder(other)) == (one == other)
    assert segments_of((project_folder(one),), reserved=".mark") == (project_folder(one),)


def test_a_projects_folder_that_was_derived_is_no_other_projects_own_name() -> None:
    assert project_folder("default") == "default"
    assert project_folder("payments-eu") == "payments-eu"
    derived = project_folder("Payments EU")
    assert project_folder(derived) != derived


class TestOptions:
    def test_environment_variables_are_filled_in_at_any_depth(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEY", "hunter22")
        # Dagster leaves the second form inside of a field.
        given = {"a": dg.EnvVar("KEY"), "b": {"c": {"env": "KEY"}}, "d": [{"env": "KEY"}], "e": 1}
        expected = {"a": "hunter22", "b": {"c": "hunter22"}, "d": ["hunter22"], "e": 1}
        assert given_options(given) == expected

    def test_a_variable_that_is_not_set_is_named(self) -> None:
        with pytest.raises(InvalidOutput, match="NOT_SET_ANYWHERE"):
            given_options({"key": dg.EnvVar("NOT_SET_ANYWHERE")})

    def test_errors_are_told_without_any_of_them(self) -> None:
        options = {"key": "AKIA1234", "nested": [{"secret": "hunter22", "token": "hunter"}]}
        raised = OSError("denied to AKIA1234 with hunter22 at https://me:pass@host/x")
        error = unavailable("s3://bucket/branches", raised, options)
        assert not [word for word in ("AKIA1234", "hunter", "pass@") if word in str(error)]
        assert "OSError: denied to ***" in str(error)


class Held(BranchOutput):
    """A user's own output that lists what it is told to."""

    found: list[str] = []  # noqa: RUF012
    due: bool = False

    def drop(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        if context.environment == "broken":
            raise OutputUnavailable("It cannot be reached.", remedy="Try again.")
        return [f"dropped {context.environment}"]

    def leftovers(
        self, known: Collection[str], *, project: str, database: str, now: datetime
    ) -> Sequence[Leftover]:
        context = OutputContext(environment="", project=project, database=database, now=now)
        return [
            Leftover(
                context=replace(context, environment=name),
                where=name,
                drop_after=now if self.due else None,
            )
            for name in self.found
            if name not in known
        ]


class TestPort:
    context = OutputContext(environment="pr_1", project="default", database="memory", now=NOW)

    def test_only_drop_has_to_be_written(self) -> None:
        class Bare(BranchOutput):
            def drop(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
                return ["gone"]

        bare = Bare()
        assert bare.provision(self.context) == bare.restore(self.context) == ()
        assert bare.retire(self.context, because="x", grace=GRACE) == ()
        assert bare.leftovers([], project="default", database="memory", now=NOW) == ()
        with pytest.raises(TypeError, match="abstract"):
            BranchOutput()  # type: ignore[abstract]

    def test_one_leftover_that_fails_does_not_keep_the_others(self) -> None:
        output = Held(found=["broken", "pr_1"], due=True)
        seen: list[str] = []
        object.__setattr__(output, "drop", lambda c, **_: seen.append(c.environment) or _fail(c))
        with pytest.raises(BranchToolkitError, match="broken"):
            output.clear_leftovers([], project="default", database="m", grace=GRACE, now=NOW)
        assert seen == ["broken", "pr_1"]

    def test_contexts_of_a_branch_and_of_its_environment_are_one(self) -> None:
        world = World()
        world.provide(42)
        environments = world.environments()
        branch = Branch(key=BranchKey(number=42), name="feature/42")
        found = environments.of(branch)
        assert found
        assert OutputContext.of(found, now=NOW) == OutputContext.of_branch(
            branch, environments.project, database=environments.territory.database, now=NOW
        )

    def test_whatever_a_marked_schema_may_be_of_is_known(self) -> None:
        world = World()
        world.provide(1)
        inventory = replace(
            world.environments().inventory(), refused=(Refused("analytics__pr_9", "edited"),)
        )
        assert known_environments(inventory) == {"pr_1", "pr_9"}


def _fail(context: OutputContext) -> Sequence[str]:
    if context.environment == "broken":
        raise OutputUnavailable("broken cannot be reached.", remedy="Try again.")
    return []


def test_a_prefix_that_was_made_anew_while_it_was_looked_at_stays(tmp_path: Path) -> None:
    places = [Location.parse((tmp_path / name).as_uri(), field="url") for name in ("b", "p")]
    (tmp_path / "b").mkdir()
    context = OutputContext(environment="pr_42", project="default", database="m", now=NOW)
    ended = replace(context, retired_at=NOW, now=NOW + GRACE)
    files = LocalFiles(str(tmp_path / "b"))

    def prefix(context: OutputContext, files: LocalFiles = files) -> BranchPrefix:
        return BranchPrefix(files, *places, context)

    class Slow(LocalFiles):
        looked = False

        def contents(self, folder: str) -> Any:
            found = super().contents(folder)
            if not Slow.looked:
                Slow.looked = True
                prefix(ended).drop()
                prefix(replace(context, now=NOW + GRACE)).provision()
                files.write(folder, "new", b"alive")
            return found

    first = prefix(context)
    first.provision()
    first.retire(because="it was closed", grace=GRACE)
    prefix(ended, Slow(str(tmp_path / "b"))).drop()
    assert "new" in files.contents(first.folder)
