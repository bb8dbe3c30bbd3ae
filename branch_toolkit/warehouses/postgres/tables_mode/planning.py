"""Composes plans of tables mode: which tables a new group gets, and what is dropped for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from branch_toolkit.core.environment import OwnedSchema
from branch_toolkit.core.mark import BUILDING, Mark
from branch_toolkit.core.names import half_name
from branch_toolkit.core.plan import Expectation, Hazard, Note, Plan, Statement
from branch_toolkit.core.strategy import Rule, Strategy, choose
from branch_toolkit.warehouses.postgres.batches import MOST_BYTES, MOST_RELATIONS, batches
from branch_toolkit.warehouses.postgres.dropping import Doomed
from branch_toolkit.warehouses.postgres.tables_mode import statements
from branch_toolkit.warehouses.postgres.tables_mode.groups import Members
from branch_toolkit.warehouses.postgres.tables_mode.making import NewMember
from branch_toolkit.warehouses.postgres.tables_mode.marks import anchored, member_mark
from branch_toolkit.warehouses.postgres.tables_mode.names import member_name
from branch_toolkit.warehouses.postgres.tables_mode.queries import BaseTable

_MADE = frozenset({Strategy.COPY, Strategy.EMPTY, Strategy.SAMPLE})
_TABLES = frozenset({"r", "p", "m", "f"})
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class NewGroup:
    """A group that is to be made.

    Args:
        mark: Its anchor's mark, when it is whole.
        members: The tables that it gets at once; all others are read from base.
    """

    mark: Mark
    members: tuple[NewMember, ...]

    @property
    def half(self) -> Mark:
        """Its anchor's mark while it is being made."""
        return self.mark.half(BUILDING, name=half_name(self.mark.clone, BUILDING))


@dataclass(frozen=True, kw_only=True)
class GroupsPlan(Plan):
    """A plan that drops groups, then makes others.

    Args:
        schema: The branches' schema.
        drop: The groups that are dropped.
        make: The groups that are made.
        in_parts: Whether it is more than one transaction may lock, or copy.
    """

    schema: str
    drop: tuple[OwnedSchema, ...] = ()
    make: tuple[NewGroup, ...] = ()
    in_parts: bool = False

    @property
    def members(self) -> tuple[NewMember, ...]:
        """All tables that it makes."""
        return tuple(member for group in self.make for member in group.members)

    @property
    def reads(self) -> tuple[BaseTable, ...]:
        """All base tables that it reads."""
        return tuple(member.base for member in self.members)


def choose_rules(rules: Sequence[Rule], tables: Sequence[BaseTable]) -> dict[int, Rule]:
    """The rule that counts for each table of the base schemas, by its oid.

    Raises:
        InvalidRule: A rule cannot be followed.
    """
    return choose(rules, [table.relation for table in tables if table.kind in _TABLES])


def new_group(
    schema: str, mark: Mark, tables: Sequence[BaseTable], chosen: Mapping[int, Rule]
) -> tuple[NewGroup, tuple[Note, ...]]:
    """The group that a mark describes, and what to know about it.

    Args:
        schema: The branches' schema.
        mark: The mark.
        tables: The relations of the base schemas.
        chosen: The rule that counts for each.

    Raises:
        InvalidName: A table's name is too long.
    """
    base = [table for table in tables if table.schema == mark.base_schema]
    tops = [table for table in base if table.oid in chosen and table.parent is None]
    strategies = sorted({chosen[table.oid].strategy.value for table in tops})
    anchor = replace(anchored(mark), strategy=", ".join(strategies) or Strategy.DEFER.value)
    members = tuple(
        _new_member(schema, anchor, table, chosen[table.oid], base)
        for table in tops
        if chosen[table.oid].strategy in _MADE
    )
    return NewGroup(anchor, members), _notes(mark, base)


def _new_member(
    schema: str, anchor: Mark, table: BaseTable, rule: Rule, base: Sequence[BaseTable]
) -> NewMember:
    name = member_name(anchor.clone, table.name)
    mark = member_mark(anchor, name, table.name, strategy=rule.strategy.value)
    parts = tuple(part for part in base if part.parent == table.oid)
    return NewMember(schema, name, mark, table, rule, parts)


def _notes(mark: Mark, base: Sequence[BaseTable]) -> tuple[Note, ...]:
    views = [table.name for table in base if table.kind == "v"]
    if not views:
        return ()
    more = f" and {len(views) - _SHOWN} more" if len(views) > _SHOWN else ""
    return (
        Note(
            f"{mark.clone}: views {', '.join(views[:_SHOWN])}{more}",
            "They are production's: in tables mode they show production's rows, also of tables that"
            " are the branch's own.",
        ),
    )


def compose(
    environment: str,
    schema: str,
    *,
    verb: str,
    drop: Sequence[OwnedSchema],
    members: Members,
    make: Sequence[NewGroup] = (),
    expects: Sequence[Expectation] = (),
    notes: Sequence[Note] = (),
) -> GroupsPlan:
    """The plan.

    Args:
        environment: The environment.
        schema: The branches' schema.
        verb: What it is for.
        drop: The groups to drop.
        members: Their members by now.
        make: The groups to make.
        expects: What else has to be so.
        notes: What to know about it.
    """
    new = [member for group in make for member in group.members]
    in_parts = (
        sum(map(len, members.values())) > MOST_RELATIONS
        or len(new) > MOST_RELATIONS
        or sum(member.size_bytes for member in new) > MOST_BYTES
    )
    if in_parts and any(member.copies for member in new):
        text = "Tables are copied in several transactions: each as of one moment, not all of one."
        notes = [*notes, Note(environment, text)]
    return GroupsPlan(
        verb=verb,
        environment=environment,
        schema=schema,
        statements=(
            *(_shown_drop(schema, clone, members) for clone in drop),
            *(statement for group in make for statement in _shown_group(schema, group)),
        ),
        expects=(*map(_unchanged, drop), *expects, *_free(drop, make, in_parts=in_parts)),
        notes=tuple(notes),
        drop=tuple(drop),
        make=tuple(make),
        in_parts=in_parts,
    )


def parts_of(members: Sequence[NewMember]) -> list[list[NewMember]]:
    """New members, as many at a time as one transaction may make and copy."""
    most = MOST_RELATIONS

    def weigh(member: NewMember) -> int:
        return 1 + min(member.size_bytes * most // MOST_BYTES, most)

    return list(batches(members, weigh, most=most))


def _free(
    drop: Sequence[OwnedSchema], make: Sequence[NewGroup], *, in_parts: bool
) -> list[Expectation]:
    dropped = {clone.name for clone in drop}
    names = [group.mark.clone for group in make if group.mark.clone not in dropped]
    if in_parts:
        names += [group.half.clone for group in make]
        names += [one.name for one in map(Doomed.of, drop) if one.name != one.clone]
    return [Expectation(name, None) for name in names]


def _unchanged(clone: OwnedSchema) -> Expectation:
    return Expectation(clone.name, clone.facts.comment)


def _shown_drop(schema: str, clone: OwnedSchema, members: Members) -> Statement:
    names = [found.name for found, _ in members[clone.name]]
    return statements.shown_drop(schema, clone.name, names, clone.mark)


def _shown_group(schema: str, group: NewGroup) -> list[Statement]:
    anchor = statements.shown_anchor(schema, group.mark.clone, group.mark)
    return [anchor, *(shown_member(member, group.mark.clone) for member in group.members)]


def shown_member(member: NewMember, clone: str) -> Statement:
    """What a plan shows of a new member."""
    insert = [member.insert_sql(member.base.columns)] if member.copies else []
    mark = statements.mark_table(member.schema, member.name, member.mark)
    base_bytes = sum(part.size_bytes for part in (member.base, *member.parts))
    return Statement(
        sql=";\n".join([member.create_sql, *insert, mark]),
        action="copy" if member.copies else "create",
        schema=clone,
        object=f"table {member.base.name}",
        hazards=frozenset({Hazard.COPIES_DATA}) if member.copies else frozenset(),
        rows=member.rows if member.copies else None,
        size_bytes=member.size_bytes if member.copies else None,
        base_rows=sum(part.rows for part in member.parts) or member.base.rows,
        base_bytes=base_bytes,
    )
