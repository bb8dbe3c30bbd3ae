"""Which rows of an asset's table belong to the partitions of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

import dagster as dg

from branch_toolkit.dagster_private import TablePartitionDimension
from branch_toolkit.io_managers.errors import PartitionExprMissing, PartitionsNotContiguous

Context: TypeAlias = dg.InputContext | dg.OutputContext


def partition_dimensions(context: Context, expression: Any) -> list[TablePartitionDimension]:
    """The conditions that the partitions of a run put on its rows; none if it has no partitions.

    Args:
        context: Of the input or output.
        expression: The asset's metadata `partition_expr`.

    Raises:
        PartitionExprMissing: The asset does not say which column holds its partitions.
        PartitionsNotContiguous: The partitions are no single block.
    """
    if not (context.has_asset_key and context.has_asset_partitions):
        return []
    definition = context.asset_partitions_def
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return _dimensions_of_block(context, definition, expression)
    _require_expression(context, expression, dimension=None)
    partitions: dg.TimeWindow | Sequence[str] = context.asset_partition_keys
    if isinstance(definition, dg.TimeWindowPartitionsDefinition) and partitions:
        partitions = context.asset_partitions_time_window
    return [TablePartitionDimension(str(expression), partitions)]


def _dimensions_of_block(
    context: Context, definition: dg.MultiPartitionsDefinition, expression: Any
) -> list[TablePartitionDimension]:
    asset = context.asset_key.to_user_string()
    keys = [definition.get_partition_key_from_str(key) for key in context.asset_partition_keys]
    by_dimension = {
        dimension.name: list(dict.fromkeys(key.keys_by_dimension[dimension.name] for key in keys))
        for dimension in definition.partitions_defs
    }
    # Dagster's own I/O managers take the corners of the range, and so other rows than the run's.
    if len(keys) != prod(map(len, by_dimension.values())):
        raise PartitionsNotContiguous(asset, reason="some combinations of their keys are not of it")
    expressions = expression if isinstance(expression, Mapping) else {}
    found = []
    for dimension in definition.partitions_defs:
        column = expressions.get(dimension.name)
        _require_expression(context, column, dimension=dimension.name)
        values = _partitions(dimension.partitions_def, by_dimension[dimension.name], asset=asset)
        found.append(TablePartitionDimension(str(column), values))
    return found


def _partitions(
    definition: dg.PartitionsDefinition[Any], keys: Sequence[str], *, asset: str
) -> dg.TimeWindow | Sequence[str]:
    if not keys or not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return keys
    windows = sorted(
        (definition.time_window_for_partition_key(key) for key in keys),
        key=lambda window: window.start,
    )
    for earlier, later in pairwise(windows):
        if earlier.end != later.start:
            raise PartitionsNotContiguous(
                asset, reason=f"there is a gap between {earlier.end} and {later.start}"
            )
    return dg.TimeWindow(windows[0].start, windows[-1].end)


def _require_expression(context: Context, expression: Any, *, dimension: str | None) -> None:
    if not expression:
        raise PartitionExprMissing(context.asset_key.to_user_string(), dimension=dimension)
