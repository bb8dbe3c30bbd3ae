"""Errors that only the command line can make."""

from __future__ import annotations

from collections.abc import Sequence

from branch_toolkit.core.errors import BranchToolkitError

BY_FLAGS = (
    '--url "$WAREHOUSE_URL" --schema analytics --git-remote git@github.com:acme/pipelines.git'
)
BY_DEFINITIONS = "-m acme_pipelines.definitions"


class DefinitionsNotLoaded(BranchToolkitError):
    """A module or file of definitions could not be imported, or holds none."""


class ResourceMissing(BranchToolkitError):
    """The definitions have no resource under one of our keys."""

    def __init__(self, key: str, *, place: str, found: Sequence[str]) -> None:
        listed = ", ".join(sorted(found)) or "none"
        super().__init__(
            f"The definitions in {place} have no resource {key!r} (resources there: {listed}).",
            remedy=(
                "Merge build_branch_defs(warehouse=…, branches=…) into them, or name the database"
                f" by flags instead: {BY_FLAGS}."
            ),
        )
        self.key = key


class VariableMissing(BranchToolkitError):
    """An environment variable that a resource is configured by is not set."""

    def __init__(self, names: Sequence[str], *, key: str) -> None:
        listed = ", ".join(names)
        super().__init__(
            f"The resource {key!r} is configured by {listed}, which is not set in this shell.",
            remedy=f"Set {listed} as it is set where Dagster runs, then try again.",
        )
        self.names = tuple(names)


class ExtraMissing(BranchToolkitError):
    """A driver is not installed."""

    def __init__(self, module: str, *, extra: str) -> None:
        super().__init__(
            f"The Python package {module!r} is not installed.",
            remedy=f"Install the driver: pip install 'dagster-branch-toolkit[{extra}]'.",
        )


class NothingKnown(BranchToolkitError):
    """Neither the branch source nor the warehouse knows of what was asked about."""

    def __init__(self, wanted: str, *, source: str, known: Sequence[str]) -> None:
        listed = ", ".join(sorted(known)) or "none"
        super().__init__(
            f"There is nothing to plan for {wanted!r}: it is no environment of this warehouse, and"
            f" no open branch of {source} (known: {listed}).",
            remedy=(
                "See `branch-toolkit plan` for the names, or `branch-toolkit provision --dry-run`"
                " for what an environment of any branch would take."
            ),
        )
        self.wanted = wanted


class FileDiffers(BranchToolkitError):
    """A file that is to be written is there already, and says something else."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} was left as it is, because it says something else.",
            remedy="Give --force to replace it, or --path to write another file.",
        )
        self.path = path


class FileNotWritten(BranchToolkitError):
    """A file could not be read or written."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(
            f"{path} could not be written: {reason}.",
            remedy="Make room for it, or give another --path.",
        )
        self.path = path


class NamedOtherwise(BranchToolkitError):
    """A branch is named, but its environment goes by its pull request."""

    def __init__(self, branch: str, *, environment: str, number: int) -> None:
        super().__init__(
            f"There is no environment of the branch {branch!r} by itself, but there is"
            f" {environment!r}, made for its pull request.",
            remedy=f"Give --pull-request {number}, or the environment's name.",
        )
        self.branch = branch
