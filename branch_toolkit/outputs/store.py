"""The store of files or objects: one code, production's prefix or the branch's own."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, model_validator

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.outputs import BranchOutput, Leftover, OutputContext
from branch_toolkit.outputs.errors import InvalidOutput, OutputNotOwned
from branch_toolkit.outputs.files import Files
from branch_toolkit.outputs.local_files import LocalFiles
from branch_toolkit.outputs.locations import (
    Location,
    check_apart,
    project_folder,
    segments_of,
)
from branch_toolkit.outputs.options import given_options, unavailable
from branch_toolkit.outputs.prefixes import MARK, BranchPrefix, is_due_from
from branch_toolkit.resources import WarehouseResource

if TYPE_CHECKING:
    from upath import UPath

_ENVIRONMENT = re.compile(r"[a-z0-9_]+")


class OutputStore(BranchOutput):
    """Files or objects at any URL that fsspec reaches: S3, GCS, Azure, a file system.

    In a base deployment `store.path("daily", "orders.parquet")` lies in `url`; in a branch
    deployment it lies in the branch's own prefix below `branches_url`. There the environment has to
    be in the warehouse and in use; a missing one is an error, never production's prefix.

    A branch's prefix carries a mark, `.branch_toolkit.json`. It goes with the branch's environment.
    A prefix without this environment's own unedited mark is neither used nor removed.

    Examples:
        ```python
        store = OutputStore(
            url="s3://acme-data/warehouse",
            storage_options={"key": dg.EnvVar("S3_KEY"), "secret": dg.EnvVar("S3_SECRET")},
            warehouse=warehouse,
        )


        @dg.asset
        def report(store: OutputStore) -> None:
            path = store.path("reports", "today.html")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("<h1>Today</h1>")
        ```
    """

    url: str = Field(
        description=(
            "Production's prefix, such as s3://bucket/warehouse, gs://…, abfs://… or file:///data."
            " Never changed by the toolkit."
        ),
    )
    branches_url: str | None = Field(
        default=None,
        description=(
            "Where the branches' prefixes lie, outside of `url`. Default: beside it, as"
            " s3://bucket/branches_of_warehouse."
        ),
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description=(
            "What the file system is opened with, as fsspec takes it. Give secrets by dg.EnvVar,"
            " at any depth."
        ),
    )
    warehouse: WarehouseResource = Field(
        description="The warehouse whose environments the branches' prefixes go with.",
    )

    @model_validator(mode="before")
    @classmethod
    def _check_locations(cls, data: dict[str, Any]) -> dict[str, Any]:
        # What an environment variable holds is known, and checked, when the resource is used.
        given = {
            field: Location.parse(data[field], field=field)
            for field in ("url", "branches_url")
            if isinstance(data.get(field), str) and not isinstance(data[field], dg.EnvVar)
        }
        if len(given) == 2:
            check_apart(given["url"], given["branches_url"])
        return data

    @property
    def prefix(self) -> UPath:
        """This deployment's prefix; in a branch deployment it is made where it is missing.

        Each time the warehouse is asked, so ask once and join: `prefix / "daily" / name`.

        Raises:
            CloneMissing: In a branch deployment, the environment is not there, or set aside.
            OutputNotOwned: What is at the branch's prefix is not the branch's.
            OutputUnavailable: The store cannot be reached.
        """
        branch = self.warehouse.deployment.branch
        if branch is None:
            return self._upath(self._locations()[0])
        environment = self.warehouse.environment_of(branch, self.warehouse.schemas)
        context = OutputContext.of(environment, now=datetime.now(tz=timezone.utc))
        with self._prefix_of(context) as prefix:
            prefix.provision()
            return self._upath(prefix.location)

    def path(self, *parts: str) -> UPath:
        """A path in this deployment's prefix.

        Args:
            *parts: Names, or relative paths with `/`.

        Raises:
            InvalidOutput: They lead out of the prefix, or to the mark in it.
            CloneMissing: See `prefix`, of this and more.
        """
        names = segments_of(parts, reserved=MARK)
        prefix = self.prefix
        path = prefix.joinpath(*names)
        if self._locations()[0].local and self.warehouse.deployment.is_branch:
            _require_within(path, prefix)
        return path

    def provision(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """See `BranchOutput.provision`."""
        with self._prefix_of(context) as prefix:
            return prefix.provision(dry_run=dry_run)

    def retire(
        self,
        context: OutputContext,
        *,
        because: str,
        grace: timedelta,
        dry_run: bool = False,
    ) -> Sequence[str]:
        """See `BranchOutput.retire`."""
        with self._prefix_of(context) as prefix:
            return prefix.retire(because=because, grace=grace, dry_run=dry_run)

    def restore(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """See `BranchOutput.restore`."""
        with self._prefix_of(context) as prefix:
            return prefix.restore(dry_run=dry_run)

    def drop(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """See `BranchOutput.drop`."""
        with self._prefix_of(context) as prefix:
            return prefix.drop(dry_run=dry_run)

    def leftovers(
        self, known: Collection[str], *, project: str, database: str, now: datetime
    ) -> Sequence[Leftover]:
        """See `BranchOutput.leftovers`."""
        with self._files() as files:
            names = files.folders(project_folder(project))
        contexts = [
            OutputContext(environment=name, project=project, database=database, now=now)
            for name in sorted(set(names) - set(known))
            # An environment's name is no other, and what has another is not looked into.
            if _ENVIRONMENT.fullmatch(name)
        ]
        return [found for context in contexts if (found := self._leftover(context))]

    def _leftover(self, context: OutputContext) -> Leftover | None:
        with self._prefix_of(context) as prefix:
            try:
                mark = prefix.mark()
                if mark is None and prefix.holds_only_traces():
                    return None
                if mark is None:
                    raise OutputNotOwned(prefix.where, reason="it carries no mark of ours")
            except OutputNotOwned as error:
                return Leftover(context=context, where=prefix.where, refused=error.reason)
            return Leftover(context=context, where=prefix.where, drop_after=is_due_from(mark))

    def _locations(self) -> tuple[Location, Location]:
        """Production's and the branches'; neither lies in the other."""
        production = Location.parse(self.url, field="url")
        branches = (
            Location.parse(self.branches_url, field="branches_url")
            if self.branches_url
            else production.sibling_for_branches()
        )
        check_apart(production, branches)
        return production, branches

    @contextmanager
    def _prefix_of(self, context: OutputContext) -> Iterator[BranchPrefix]:
        if not _ENVIRONMENT.fullmatch(context.environment):
            raise InvalidOutput(
                f"{context.environment!r} is no environment's name.",
                remedy="Take the name that `branch-toolkit list` shows.",
            )
        production, branches = self._locations()
        with self._files() as files:
            yield BranchPrefix(files, branches, production, context)

    @contextmanager
    def _files(self) -> Iterator[Files]:
        """What is below `branches_url`; what goes wrong there is told without secrets."""
        branches = self._locations()[1]
        options = given_options(self.storage_options)
        try:
            yield _open(branches, options)
        except BranchToolkitError:
            raise
        except Exception as error:  # noqa: BLE001  # fsspec's file systems share no error of their own
            raise unavailable(str(branches), error, options) from None

    def _upath(self, location: Location) -> UPath:
        from upath import UPath

        path: UPath = UPath(str(location), **given_options(self.storage_options))
        return path


def _open(location: Location, options: dict[str, Any]) -> Files:
    if location.local:
        return LocalFiles(f"/{'/'.join(location.segments)}")
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    from branch_toolkit.outputs.object_files import ObjectFiles

    filesystem, root = url_to_fs(str(location), **options)
    return ObjectFiles(filesystem, root, protocol=location.protocol)


def _require_within(path: UPath, prefix: UPath) -> None:
    """Refuses a path that a link leads out of its prefix."""
    if not Path(os.path.realpath(path.path)).is_relative_to(os.path.realpath(prefix.path)):
        raise InvalidOutput(
            f"The path {path.path!r} leads out of the branch's prefix by a symbolic link.",
            remedy="Remove the link, or use another name.",
        )
