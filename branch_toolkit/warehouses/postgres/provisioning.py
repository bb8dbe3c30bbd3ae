"""The plan that makes clones: from the structure of base to statements in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.plan import Expectation, Hazard, Note, Plan, Statement
from branch_toolkit.core.strategy import Rule
from branch_toolkit.warehouses.postgres.queries import Outward
from branch_toolkit.warehouses.postgres.statements import (
    analyze_table,
    create_schema,
    drop_schema,
    leave_out,
    mark_schema,
)
from branch_toolkit.warehouses.postgres.structure import (
    Caution,
    Ddl,
    Omitted,
    Structure,
    TableCopy,
)


@dataclass(frozen=True, kw_only=True)
class ProvisionPlan(Plan):
    """A plan that makes clones.

    Args:
        clones: Clone by base schema, those that the environment already has included.
        made: The clones among them that this plan makes.
        base_state: A digest of base's structure; another one means that the plan is stale.
        reads: Base tables, as (schema, table), that are held against removal while it is applied.
        rules: How each table gets into its clone.
        shared_types: The oids of base's types that the clones use.
    """

    clones: Mapping[str, str]
    made: frozenset[str]
    base_state: str
    reads: tuple[tuple[str, str], ...]
    rules: tuple[Rule, ...]
    shared_types: frozenset[int]


def compose(
    environment: str,
    marks: Sequence[Mark],
    structure: Structure,
    outward: Sequence[Outward],
    *,
    beside: Sequence[OwnedSchema],
    replacing: Sequence[OwnedSchema],
    rules: Sequence[Rule],
) -> ProvisionPlan:
    """The plan, from what was read."""
    clones = clones_of(marks, beside)
    state = digest(structure)
    wanted = {mark.base_schema for mark in marks}
    tables = [table for table in structure.tables if table.schema in wanted]
    deferred = {(table.schema, table.table): table for table in structure.deferred}
    return ProvisionPlan(
        verb="refresh" if replacing else "provision",
        environment=environment,
        statements=(
            *(drop_schema(clone.name) for clone in replacing),
            *(create_schema(mark.clone) for mark in marks),
            *_structure_statements(structure, tables, clones=clones, wanted=wanted),
            *(
                leave_out(clones[each.schema], each.relation, each.kind, each.name)
                for each in outward
                if each.schema in wanted
                and each.kind != "view"
                # A deferred table has none of its triggers and rules.
                and (each.schema, each.relation) not in deferred
            ),
            *(mark_schema(mark.clone, replace(mark, base_state=state)) for mark in marks),
        ),
        expects=(
            *(Expectation(clone.name, clone.facts.comment) for clone in (*beside, *replacing)),
            *_absent(marks, replacing),
        ),
        notes=(
            *_notes(structure.omitted, wanted),
            *_notes(structure.cautions, wanted),
            *(
                _outward_note(each)
                for each in outward
                if each.schema in wanted and (each.schema, each.relation) not in deferred
            ),
        ),
        clones=clones,
        made=frozenset(mark.clone for mark in marks),
        base_state=state,
        reads=tuple((table.schema, table.table) for table in structure.tables),
        rules=tuple(rules),
        shared_types=structure.shared_types,
    )


def _notes(found: Sequence[Omitted] | Sequence[Caution], wanted: set[str]) -> tuple[Note, ...]:
    return tuple(
        Note(f"{each.schema}: {each.object}", each.reason)
        for each in found
        if each.schema in wanted
    )


def _outward_note(found: Outward) -> Note:
    if found.kind == "view":
        text = f"It is cloned, and {found.reason}: the branch reads it there, and holds up its DDL."
    else:
        text = f"Left out of the clone, where it could write outside: {found.reason}."
    return Note(f"{found.schema}: {found.kind} {found.name} on {found.relation}", text)


def clones_of(marks: Sequence[Mark], beside: Sequence[OwnedSchema]) -> dict[str, str]:
    """Clone by base schema, in the order of the base schemas' names."""
    pairs = [(mark.base_schema, mark.clone) for mark in marks]
    pairs += [(clone.mark.base_schema, clone.name) for clone in beside]
    return dict(sorted(pairs))


def digest(structure: Structure) -> str:
    """A digest of all that makes the statements; sizes and estimates are not part of it."""
    text = "\0".join(
        [
            *(ddl.sql for ddl in structure.before_data),
            *(table.insert_sql for table in structure.tables),
            *(ddl.sql for ddl in (*structure.sequences, *structure.after_data)),
        ]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _structure_statements(
    structure: Structure,
    tables: Sequence[TableCopy],
    *,
    clones: Mapping[str, str],
    wanted: set[str],
) -> list[Statement]:
    def made(statements: Sequence[Ddl], action: str) -> list[Statement]:
        return [
            Statement(sql=ddl.sql, action=action, schema=clones[ddl.schema], object=ddl.object)
            for ddl in statements
            if ddl.schema in wanted
        ]

    return [
        *(_setting(text, clones) for text in _settings(structure)),
        *made(structure.before_data, "create"),
        *(_copy(table, clones) for table in tables),
        *made(structure.sequences, "set"),
        *made(structure.after_data, "create"),
        *(analyze_table(clones[table.schema], table.table) for table in tables),
    ]


def _settings(structure: Structure) -> list[str]:
    return [
        f"SET LOCAL search_path = {structure.search_path}",
        "SET LOCAL check_function_bodies = off",
        # Where a policy hides rows of base, an error is better than a clone that lacks them.
        "SET LOCAL row_security = off",
    ]


def _setting(text: str, clones: Mapping[str, str]) -> Statement:
    return Statement(
        sql=text, action="set", schema=", ".join(clones.values()), object="transaction"
    )


def _copy(table: TableCopy, clones: Mapping[str, str]) -> Statement:
    return Statement(
        sql=table.insert_sql,
        action="copy",
        schema=clones[table.schema],
        object=f"table {table.table}",
        hazards=frozenset({Hazard.COPIES_DATA}),
        rows=table.rows,
        size_bytes=table.bytes + table.index_bytes,
    )


def _absent(marks: Sequence[Mark], replacing: Sequence[OwnedSchema]) -> list[Expectation]:
    replaced = {clone.name for clone in replacing}
    return [Expectation(mark.clone, None) for mark in marks if mark.clone not in replaced]
