"""Every git branch gets its own data environment, from inside Dagster.

The names are imported when they are asked for: `branch-toolkit --help` need not wait for Dagster,
and nobody needs the driver of a warehouse that is not theirs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from branch_toolkit.version import __version__

if TYPE_CHECKING:
    from branch_toolkit.branches import BranchSource
    from branch_toolkit.branches.azure_devops import AzureDevOpsBranches
    from branch_toolkit.branches.bitbucket import BitbucketBranches
    from branch_toolkit.branches.dagster_plus import DagsterPlusBranches
    from branch_toolkit.branches.git import GitRemoteBranches
    from branch_toolkit.branches.gitea import GiteaBranches
    from branch_toolkit.branches.github import GitHubBranches
    from branch_toolkit.branches.gitlab import GitLabBranches
    from branch_toolkit.branches.static import StaticBranches
    from branch_toolkit.core.deployment import Deployment
    from branch_toolkit.core.policy import Forks, Policy, ProvisionOn
    from branch_toolkit.core.strategy import Strategy
    from branch_toolkit.defs import build_branch_defs
    from branch_toolkit.history.resource import BaseHistory
    from branch_toolkit.io_managers.arrow import PostgresArrowIOManager
    from branch_toolkit.io_managers.pandas import PostgresPandasIOManager
    from branch_toolkit.io_managers.polars import PostgresPolarsIOManager
    from branch_toolkit.io_managers.snowflake_pandas import BranchSnowflakePandasIOManager
    from branch_toolkit.io_managers.snowflake_polars import BranchSnowflakePolarsIOManager
    from branch_toolkit.outputs import BranchOutput
    from branch_toolkit.outputs.store import OutputStore
    from branch_toolkit.resources import PostgresWarehouse
    from branch_toolkit.rules import TableRule
    from branch_toolkit.snowflake_databases_resource import SnowflakeDatabasesWarehouse
    from branch_toolkit.snowflake_resource import SnowflakeWarehouse
    from branch_toolkit.tables_resource import PostgresTablesWarehouse

__all__ = [
    "AzureDevOpsBranches",
    "BaseHistory",
    "BitbucketBranches",
    "BranchOutput",
    "BranchSnowflakePandasIOManager",
    "BranchSnowflakePolarsIOManager",
    "BranchSource",
    "DagsterPlusBranches",
    "Deployment",
    "Forks",
    "GitHubBranches",
    "GitLabBranches",
    "GitRemoteBranches",
    "GiteaBranches",
    "OutputStore",
    "Policy",
    "PostgresArrowIOManager",
    "PostgresPandasIOManager",
    "PostgresPolarsIOManager",
    "PostgresTablesWarehouse",
    "PostgresWarehouse",
    "ProvisionOn",
    "SnowflakeDatabasesWarehouse",
    "SnowflakeWarehouse",
    "StaticBranches",
    "Strategy",
    "TableRule",
    "__version__",
    "build_branch_defs",
]

_HOMES = {
    "AzureDevOpsBranches": "branches.azure_devops",
    "BaseHistory": "history.resource",
    "BitbucketBranches": "branches.bitbucket",
    "BranchOutput": "outputs",
    "BranchSnowflakePandasIOManager": "io_managers.snowflake_pandas",
    "BranchSnowflakePolarsIOManager": "io_managers.snowflake_polars",
    "BranchSource": "branches",
    "DagsterPlusBranches": "branches.dagster_plus",
    "Deployment": "core.deployment",
    "Forks": "core.policy",
    "GitHubBranches": "branches.github",
    "GitLabBranches": "branches.gitlab",
    "GitRemoteBranches": "branches.git",
    "GiteaBranches": "branches.gitea",
    "OutputStore": "outputs.store",
    "Policy": "core.policy",
    "PostgresArrowIOManager": "io_managers.arrow",
    "PostgresPandasIOManager": "io_managers.pandas",
    "PostgresPolarsIOManager": "io_managers.polars",
    "PostgresTablesWarehouse": "tables_resource",
    "PostgresWarehouse": "resources",
    "ProvisionOn": "core.policy",
    "SnowflakeDatabasesWarehouse": "snowflake_databases_resource",
    "SnowflakeWarehouse": "snowflake_resource",
    "StaticBranches": "branches.static",
    "Strategy": "core.strategy",
    "TableRule": "rules",
    "build_branch_defs": "defs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
