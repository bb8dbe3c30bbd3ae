"""The plan that makes clones: from the structure of base to statements in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.mark import Mark
from branch_toolkit.core.plan import Expectation, Hazard, Note, Plan, Statement
from branch_toolkit.core.strategy import DEFER_ALL, Rule
from branch_toolkit.warehouses.postgres.queries import Outward
from branch_toolkit.warehouses.postgres.roles import (
    STEP_BACK,
    BranchRole,
    become,
    let_in,
    with_role,
)
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
        watched: The oids of base's relations that the clones are made from.
        fingerprint: What tells whether the definitions of these have changed.
    """

    clones: Mapping[str, str]
    made: frozenset[str]
    base_state: str
    reads: tuple[tuple[str, str], ...]
    rules: tuple[Rule, ...]
    shared_types: frozenset[int]
    watched: frozenset[int]
    fingerprint: str


@dataclass(frozen=True)
class Sketch:
    """What a plan that makes clones is asked for.

    Args:
        environment: The environment's name.
        marks: One for each clone to make.
        beside: Clones that the environment already has; references go to them.
        replacing: Clones that are replaced.
        rules: How each table gets into its clone.
        role: The environment's own role, if it is to have one.
        without_role: Why it has none.
    """

    environment: str
    marks: Sequence[Mark]
    beside: Sequence[OwnedSchema]
    replacing: Sequence[OwnedSchema]
    rules: Sequence[Rule]
    role: BranchRole | None = None
    without_role: str = ""

    @property
    def verb(self) -> str:
        """What it is called."""
        return "refresh" if self.replacing else "provision"

    @property
    def wanted(self) -> frozenset[str]:
        """The base schemas of which clones are made."""
        return frozenset(mark.base_schema for mark in self.marks)

    @property
    def expects(self) -> tuple[Expectation, ...]:
        """What has to be so for the plan to be right."""
        there = (*self.beside, *self.replacing)
        replaced = {clone.name for clone in self.replacing}
        new = [mark.clone for mark in self.marks if mark.clone not in replaced]
        return (
            *(Expectation(clone.name, clone.facts.comment) for clone in there),
            *(Expectation(name, None) for name in new),
        )


@dataclass(frozen=True)
class Base:
    """What was read of base.

    Args:
        structure: What makes the clones.
        outward: What in them would reach what is not cloned.
        fingerprint: What tells whether it has changed.
    """

    structure: Structure
    outward: Sequence[Outward]
    fingerprint: str


def compose(sketch: Sketch, base: Base) -> ProvisionPlan:
    """The plan, from what was read."""
    clones = clones_of(sketch.marks, sketch.beside)
    structure, outward = base.structure, base.outward
    marks = final_marks(sketch, digest(structure))
    return ProvisionPlan(
        verb=sketch.verb,
        environment=sketch.environment,
        statements=(
            *(drop_schema(clone.name, clone.mark) for clone in sketch.replacing),
            *opened(sketch, [mark.clone for mark in marks]),
            *_structure_statements(sketch, structure, clones=clones),
            *left_out(structure, outward, clones=clones, wanted=sketch.wanted),
            *([setting(STEP_BACK, clones)] if sketch.role else []),
            *(mark_schema(mark.clone, mark) for mark in marks),
        ),
        expects=sketch.expects,
        notes=notes(sketch, structure, outward),
        clones=clones,
        made=frozenset(mark.clone for mark in sketch.marks),
        base_state=digest(structure),
        reads=tuple((table.schema, table.table) for table in structure.tables),
        rules=tuple(sketch.rules),
        shared_types=structure.shared_types,
        watched=structure.made,
        fingerprint=base.fingerprint,
    )


def opened(sketch: Sketch, schemas: Sequence[str]) -> list[Statement]:
    """The statements that make the schemas, and let the environment's role in if it has one."""
    statements = [*(sketch.role.make() if sketch.role else []), *map(create_schema, schemas)]
    if sketch.role:
        statements += [let_in(sketch.role.name, schema) for schema in schemas]
    return statements


def final_marks(sketch: Sketch, state: str) -> list[Mark]:
    """The marks of the clones, with what was found out for the plan."""
    strategies = sorted({rule.strategy.value for rule in (*sketch.rules, DEFER_ALL)})
    role = sketch.role.name if sketch.role else None
    return [
        replace(mark, base_state=state, role=role, strategy=", ".join(strategies))
        for mark in sketch.marks
    ]


def notes(sketch: Sketch, structure: Structure, outward: Sequence[Outward]) -> tuple[Note, ...]:
    """What is not cloned, or reaches outside, and why."""
    wanted = sketch.wanted
    found: tuple[Omitted | Caution, ...] = (*structure.omitted, *structure.cautions)
    return (
        *(
            Note(f"{each.schema}: {each.object}", each.reason)
            for each in found
            if each.schema in wanted
        ),
        *map(_outward_note, _made(structure, outward, wanted)),
        *([_without_role(sketch.without_role)] if sketch.without_role else []),
    )


def _without_role(why: str) -> Note:
    return Note(
        "branch role",
        "This environment has no role of its own, so the database itself does not refuse a branch's"
        f" raw SQL that writes to base: {why}.",
    )


def left_out(
    structure: Structure,
    outward: Sequence[Outward],
    *,
    clones: Mapping[str, str],
    wanted: Collection[str],
) -> list[Statement]:
    """What takes triggers and rules that would reach outside out of the clones."""
    return [
        leave_out(clones[each.schema], each.relation, each.kind, each.name)
        for each in _made(structure, outward, wanted)
        if each.kind != "view"
    ]


def _made(
    structure: Structure, outward: Sequence[Outward], wanted: Collection[str]
) -> Iterator[Outward]:
    # A deferred table has none of its triggers and rules.
    deferred = {(table.schema, table.table) for table in structure.deferred}
    for each in outward:
        if each.schema in wanted and (each.schema, each.relation) not in deferred:
            yield each


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


def digest(structure: Structure, finals: Mapping[str, str] = MappingProxyType({})) -> str:
    """A digest of all that makes the statements; sizes and estimates are not part of it.

    Args:
        structure: The structure.
        finals: What clones will be called that have other names in the statements.
    """
    text = "\0".join(
        [
            *(ddl.sql for ddl in structure.before_data),
            *(table.insert_sql for table in structure.tables),
            *(ddl.sql for ddl in (*structure.sequences, *structure.after_data)),
        ]
    )
    for name, final in finals.items():
        text = text.replace(name, final)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _structure_statements(
    sketch: Sketch, structure: Structure, *, clones: Mapping[str, str]
) -> list[Statement]:
    parts = parts_for(sketch, structure)
    return [
        *(setting(text, clones) for text in settings(sketch, structure)),
        *created(parts, clones),
        *(copy(table, clones) for table in parts.tables),
        *made("set", parts.sequences, clones),
        *made("create", parts.after_data, clones),
        *(analyze_table(clones[table.schema], table.table) for table in parts.tables),
    ]


def parts_for(sketch: Sketch, structure: Structure) -> Structure:
    """What of a structure makes the clones that are wanted, by the role that they are made by."""
    schemas = sketch.wanted
    parts = replace(
        structure,
        before_data=tuple(each for each in structure.before_data if each.schema in schemas),
        tables=tuple(each for each in structure.tables if each.schema in schemas),
        sequences=tuple(each for each in structure.sequences if each.schema in schemas),
        after_data=tuple(each for each in structure.after_data if each.schema in schemas),
    )
    return with_role(parts, sketch.role) if sketch.role else parts


def settings(sketch: Sketch, structure: Structure) -> list[str]:
    """What a transaction sets before it executes a structure's statements."""
    return [
        *([become(sketch.role.name)] if sketch.role else []),
        f"SET LOCAL search_path = {structure.search_path}",
        "SET LOCAL check_function_bodies = off",
        # Where a policy hides rows of base, an error is better than a clone that lacks them.
        "SET LOCAL row_security = off",
    ]


def setting(text: str, clones: Mapping[str, str]) -> Statement:
    """A setting, as a plan shows it."""
    return Statement(
        sql=text, action="set", schema=", ".join(clones.values()), object="transaction"
    )


def made(action: str, statements: Sequence[Ddl], clones: Mapping[str, str]) -> list[Statement]:
    """Statements of a structure, as those of a plan."""
    return [
        Statement(sql=ddl.sql, action=action, schema=clones[ddl.schema], object=ddl.object)
        for ddl in statements
    ]


def created(parts: Structure, clones: Mapping[str, str]) -> list[Statement]:
    """What makes everything up to the rows; deferred tables are told apart."""
    deferred = {(table.schema, f"deferred table {table.table}"): table for table in parts.deferred}
    statements = made("create", parts.before_data, clones)
    for number, ddl in enumerate(parts.before_data):
        if table := deferred.get((ddl.schema, ddl.object)):
            statements[number] = replace(
                statements[number],
                action="defer",
                object=f"table {table.table}",
                base_rows=table.rows,
                base_bytes=table.bytes,
            )
    return statements


def copy(table: TableCopy, clones: Mapping[str, str]) -> Statement:
    """The statement that copies a table's rows."""
    return Statement(
        sql=table.insert_sql,
        action="copy",
        schema=clones[table.schema],
        object=f"table {table.table}",
        hazards=frozenset({Hazard.COPIES_DATA}),
        rows=table.rows,
        size_bytes=table.bytes + table.index_bytes,
        base_rows=table.rows,
        base_bytes=table.bytes + table.index_bytes,
    )
