"""Which assets of a code location have base's rows in an environment, and as of when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.strategy import DEFER_ALL, Relation, Rule, Strategy, without_base_rows

if TYPE_CHECKING:
    from branch_toolkit.history.asking import AskedAsset

Table = tuple[str, str]
"""A table's schema and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRows:
    """Base's rows in a table of a clone.

    Args:
        made_at: When the clone was made or, if that is earlier, what time it is as of; aware.
        reads_through: Whether they are base's of now; else they are base's of then.
    """

    made_at: datetime
    reads_through: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedAsset:
    """An asset whose table in the environment has base's rows.

    Args:
        key: The asset.
        partitions_def: Its partitions, if it has any.
        made_at: When the table's clone was made, or what earlier time it is as of; aware.
        reads_through: Whether the rows are base's of now; else they are base's of then.
    """

    key: dg.AssetKey
    partitions_def: dg.PartitionsDefinition[str] | None = None
    made_at: datetime
    reads_through: bool


def asked_assets(
    assets: Iterable[TrackedAsset], instance: dg.DagsterInstance, *, most: int, now: datetime
) -> list[AskedAsset]:
    """What to ask base of assets.

    Args:
        assets: The assets.
        instance: The branch deployment's; it knows the dynamic partitions.
        most: How many partitions of each at most; the latest ones.
        now: The time, aware; it decides which partitions there are.
    """
    from branch_toolkit.history.asking import AskedAsset

    # Dagster takes a second for some ten thousand partitions, and many assets share theirs.
    keys: dict[dg.PartitionsDefinition[str], tuple[str, ...]] = {}
    asked = []
    for asset in assets:
        definition = asset.partitions_def
        if definition is not None and definition not in keys:
            found = definition.get_partition_keys(
                current_time=now, dynamic_partitions_store=instance
            )
            keys[definition] = tuple(str(key) for key in found[-most:])
        partitions = None if definition is None else keys[definition]
        until = None if asset.reads_through else asset.made_at
        asked.append(AskedAsset(key=asset.key, partitions=partitions, until=until))
    return asked


def base_rows(
    environment: Environment, tables: Mapping[Table, bool], rules: Sequence[Rule]
) -> dict[Table, BaseRows]:
    """The tables of an environment that have all of base's rows, by base schema and name.

    Those that rules leave empty, sample or skip are not among them, nor is any table of a clone
    that was made without base's rows, or as of a statement: nobody knows here when that was.

    Args:
        environment: The environment.
        tables: The tables and views of its clones, by clone and name, and whether each reads
            through to base.
        rules: The warehouse's; by them clones with rows were made.
    """
    clones = {clone.name: clone.mark for clone in environment.clones}
    ruled = {
        name: without_base_rows(rules) if mark.schema_only else rules
        for name, mark in clones.items()
    }
    return {
        (clones[clone].base_schema, name): BaseRows(made_at=made_at, reads_through=through)
        for (clone, name), through in tables.items()
        if clone in clones and _has_all_rows(clones[clone].base_schema, name, ruled[clone])
        if (made_at := _made_at(clones[clone])) is not None
    }


def _made_at(mark: Mark) -> datetime | None:
    """Up to when base's rows are in a clone; None where only a query's id tells."""
    return AsOf.parse(mark.as_of).time if mark.as_of else mark.created_at


def _has_all_rows(schema: str, name: str, rules: Sequence[Rule]) -> bool:
    relation = Relation(id=0, schema=schema, name=name)
    rule = next((rule for rule in rules if rule.matches(relation)), DEFER_ALL)
    return rule.strategy in (Strategy.DEFER, Strategy.COPY) and rule.partitions is None


def tracked_assets(
    definitions: Iterable[dg.AssetsDefinition],
    rows: Mapping[Table, BaseRows],
    *,
    schemas: Sequence[str],
    fold: Callable[[str], str] = str,
) -> list[TrackedAsset]:
    """The assets that a code location materializes and whose tables have base's rows.

    Args:
        definitions: The code location's assets; those that it only observes, or only names, have
            no materializations and are left out.
        rows: The tables with base's rows.
        schemas: The base schemas; the first is that of assets that name none.
        fold: What the warehouse makes of a name as a user writes it.
    """
    tracked = {}
    for definition in definitions:
        if not definition.is_materializable:
            continue
        for spec in definition.specs:
            for table in _tables(spec, schemas):
                found = rows.get((fold(table[0]), fold(table[1])))
                if found is not None:
                    tracked[spec.key] = TrackedAsset(
                        key=spec.key,
                        partitions_def=spec.partitions_def,
                        made_at=found.made_at,
                        reads_through=found.reads_through,
                    )
                    break
    return list(tracked.values())


def _tables(spec: dg.AssetSpec, schemas: Sequence[str]) -> Iterator[Table]:
    """Where an asset's table may be, the first choice first.

    As our I/O managers decide it: by the metadata `schema`, else the key's prefix. An I/O manager
    that has a schema of its own is not asked, so an asset whose key says nothing may be in any.
    """
    path = spec.key.path
    if schema := spec.metadata.get("schema"):
        yield str(schema), path[-1]
    elif len(path) > 1 and path[-2] in schemas:
        yield path[-2], path[-1]
    else:
        yield from ((schema, path[-1]) for schema in schemas)
