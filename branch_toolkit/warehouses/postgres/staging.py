"""The plan that makes clones of any size: out of sight and in many transactions, shown in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.mark import BUILDING, Mark
from branch_toolkit.core.names import half_name
from branch_toolkit.core.plan import Expectation, Statement
from branch_toolkit.warehouses.postgres.dropping import Doomed, shown
from branch_toolkit.warehouses.postgres.provisioning import (
    Base,
    ProvisionPlan,
    Sketch,
    clones_of,
    copy,
    created,
    digest,
    final_marks,
    left_out,
    made,
    notes,
    opened,
    parts_for,
    setting,
    settings,
)
from branch_toolkit.warehouses.postgres.statements import (
    analyze_table,
    mark_schema,
    rename_schema,
)
from branch_toolkit.warehouses.postgres.structure import Ddl, Stage, Structure


@dataclass(frozen=True, kw_only=True)
class StagedPlan(ProvisionPlan):
    """A plan that makes clones under other names, and then gives them their own.

    All names in the structure are those under which the clones are built.

    Args:
        structure: What makes them.
        settings: What each transaction sets that executes statements of the structure.
        building: The marks of the schemas that are built, with what they are then called.
        finals: What each of them is called when it is shown.
        begin: The statements that make them, empty.
        create: Those that make what is in them, up to the rows.
        load: Those that copy rows, and make keys, indexes and foreign keys.
        finish: Those after rows, keys, indexes and foreign keys.
        show: Those that make them the clones.
        doomed: The clones that they replace.
    """

    structure: Structure
    settings: tuple[str, ...]
    building: tuple[Mark, ...]
    finals: Mapping[str, str]
    begin: tuple[Statement, ...]
    create: tuple[Statement, ...]
    load: tuple[Statement, ...]
    finish: tuple[Statement, ...]
    show: tuple[Statement, ...]
    doomed: tuple[Doomed, ...]

    @property
    def built(self) -> tuple[Doomed, ...]:
        """What is built, for the case that it has to be dropped again."""
        return tuple(Doomed(mark.clone, mark.clone, mark) for mark in self.building)

    @property
    def expects_at_last(self) -> tuple[Expectation, ...]:
        """What has to be so for the clones to be shown."""
        made_by_us = {mark.clone for mark in self.building}
        others = (each for each in self.expects if each.schema not in made_by_us)
        return (*others, *(each.expected for each in self.built))


def building_names(marks: Sequence[Mark], beside: Sequence[OwnedSchema]) -> dict[str, str]:
    """What each clone is called while it is built, by base schema; those that are there stay."""
    new = {mark.base_schema: half_name(mark.clone, BUILDING) for mark in marks}
    return {base: new.get(base, clone) for base, clone in clones_of(marks, beside).items()}


def compose_staged(sketch: Sketch, base: Base, *, replaced_objects: int) -> StagedPlan:
    """The plan, from a structure that was read with the building names."""
    structure, outward = base.structure, base.outward
    names = building_names(sketch.marks, sketch.beside)
    finals = {names[mark.base_schema]: mark.clone for mark in sketch.marks}
    marks = final_marks(sketch, digest(structure, finals))
    building = tuple(mark.half(BUILDING, name=names[mark.base_schema]) for mark in marks)
    doomed = tuple(map(Doomed.of, sketch.replacing))
    parts = parts_for(sketch, structure)
    removed = left_out(structure, outward, clones=names, wanted=sketch.wanted)
    begin = _labelled(_beginning(sketch, building), finals)
    create = _labelled(created(parts, names), finals)
    load = _labelled(_loading(parts, names), finals)
    finish = _labelled(_finishing(parts, removed, names), finals)
    show = _labelled(_showing(marks, names, doomed), finals)
    return StagedPlan(
        verb=sketch.verb,
        environment=sketch.environment,
        statements=(
            *begin,
            *(setting(text, finals) for text in settings(sketch, structure)),
            *create,
            *load,
            *finish,
            *show,
            *(
                shown(one, clone, replaced_objects)
                for one, clone in zip(doomed, sketch.replacing, strict=True)
            ),
        ),
        expects=(
            *sketch.expects,
            *(Expectation(mark.clone, None) for mark in building),
            *(free for one in doomed for free in one.free),
        ),
        notes=notes(sketch, structure, outward),
        clones=names,
        made=frozenset(finals),
        base_state=digest(structure),
        reads=(),
        rules=tuple(sketch.rules),
        shared_types=structure.shared_types,
        watched=structure.made,
        fingerprint=base.fingerprint,
        structure=parts,
        settings=tuple(settings(sketch, structure)),
        building=building,
        finals=finals,
        begin=begin,
        create=create,
        load=load,
        finish=finish,
        show=show,
        doomed=doomed,
    )


def _beginning(sketch: Sketch, building: Sequence[Mark]) -> Iterator[Statement]:
    yield from opened(sketch, [mark.clone for mark in building])
    for mark in building:
        yield mark_schema(mark.clone, mark)


def _finishing(
    parts: Structure, removed: Sequence[Statement], names: Mapping[str, str]
) -> Iterator[Statement]:
    yield from made("set", parts.sequences, names)
    yield from made("create", [each for each in parts.after_data if not is_loaded(each)], names)
    yield from removed


def _showing(
    marks: Sequence[Mark], names: Mapping[str, str], doomed: Sequence[Doomed]
) -> Iterator[Statement]:
    for one in doomed:
        yield from one.hiding
    for mark in marks:
        yield rename_schema(names[mark.base_schema], mark.clone)
        yield mark_schema(mark.clone, mark)


def is_loaded(ddl: Ddl) -> bool:
    """Whether it is executed together with the copying of rows: keys, indexes, foreign keys."""
    return Stage.BUILD <= ddl.stage <= Stage.FOREIGN_KEYS


def _loading(structure: Structure, names: Mapping[str, str]) -> list[Statement]:
    return [
        *(copy(table, names) for table in structure.tables),
        *made("create", [each for each in structure.after_data if is_loaded(each)], names),
        *(analyze_table(names[table.schema], table.table) for table in structure.tables),
    ]


def _labelled(statements: Iterable[Statement], finals: Mapping[str, str]) -> tuple[Statement, ...]:
    """The statements, said to be about the clones that people know."""
    return tuple(
        replace(statement, schema=finals.get(statement.schema, statement.schema))
        for statement in statements
    )
