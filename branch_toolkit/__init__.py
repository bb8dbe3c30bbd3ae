"""Every git branch gets its own data environment, from inside Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_shared.libraries import DagsterLibraryRegistry

from branch_toolkit.branches import BranchSource
from branch_toolkit.branches.git import GitRemoteBranches
from branch_toolkit.branches.static import StaticBranches
from branch_toolkit.core.deployment import Deployment
from branch_toolkit.core.policy import Policy
from branch_toolkit.defs import build_branch_defs
from branch_toolkit.resources import PostgresWarehouse
from branch_toolkit.version import __version__

if TYPE_CHECKING:
    from branch_toolkit.io_managers.pandas import PostgresPandasIOManager

__all__ = [
    "BranchSource",
    "Deployment",
    "GitRemoteBranches",
    "Policy",
    "PostgresPandasIOManager",
    "PostgresWarehouse",
    "StaticBranches",
    "__version__",
    "build_branch_defs",
]

DagsterLibraryRegistry.register("dagster-branch-toolkit", __version__, is_dagster_package=False)


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: it needs the extra `pandas`.
    if name == "PostgresPandasIOManager":
        from branch_toolkit.io_managers.pandas import PostgresPandasIOManager

        return PostgresPandasIOManager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
