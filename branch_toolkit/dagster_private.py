"""What we use of Dagster that is not public: the one place to look when Dagster changes it.

`DbIOManager` is what Dagster's own I/O managers for DuckDB, Snowflake and BigQuery are built on; it
decides what an asset's table, schema and partitions are. Ours has to decide the same, or code that
moves between them would find other tables, and there is no public way to that.
`branch_toolkit_tests/dagster/test_dagster_private.py` fails when a release changes what we rest on.
"""

from __future__ import annotations

from dagster._core.definitions.metadata import TableMetadataSet as TableMetadataSet
from dagster._core.storage.db_io_manager import DbClient as DbClient
from dagster._core.storage.db_io_manager import DbIOManager as DbIOManager
from dagster._core.storage.db_io_manager import DbTypeHandler as DbTypeHandler
from dagster._core.storage.db_io_manager import TablePartitionDimension as TablePartitionDimension
from dagster._core.storage.db_io_manager import TableSlice as TableSlice
