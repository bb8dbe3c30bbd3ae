"""What must never happen (DESIGN.md, 4): looks before and after each act, and compares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from branch_toolkit.core.environment import Inventory, SchemaFacts, Territory, take_inventory
from branch_toolkit.core.mark import Mark
from branch_toolkit_tests.lifecycle.grounds import WRITTEN, Ground, Held

Clones = Mapping[str, Mark]


@dataclass
class Witness:
    """Remembers what is base's, what is strangers', and what branches have written.

    Args:
        ground: The warehouse, seen past the port.
        territory: What is ours.

    Attributes:
        base: What base is, by the last that its owners did.
        strangers: What strangers have.
        written: What branches have written, by clone.
        clones: The whole clones, at the last look.
        tables: What was in them.
        happened: How often what happened, so that a test can tell that it is not about nothing.
    """

    ground: Ground
    territory: Territory
    base: dict[str, Held] = field(init=False)
    strangers: dict[str, Held] = field(default_factory=dict)
    written: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    clones: Clones = field(default_factory=dict)
    tables: dict[str, set[str]] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.expect_base()

    def expect_base(self) -> None:
        """Base was just changed by its owners."""
        seen = self.ground.look()
        self.base = {name: seen[name] for name in self.ground.bases}
        # Deferred tables of a clone whose mark was edited still read base.
        self.strangers = {name: seen[name] for name in self.strangers}

    def expect_stranger(self, name: str) -> None:
        """A schema is a stranger's from now on: it was just made, or its mark was edited."""
        self.strangers[name] = self.ground.look()[name]
        self.written.pop(name, None)
        self.clones = {each: mark for each, mark in self.clones.items() if each != name}

    def inventory(self) -> Inventory:
        """What is ours, seen past the port."""
        return self._inventory(self.ground.look())

    def look(self, *, now: datetime, refreshed: str | None = None) -> None:
        """Compares with the last look, and fails where what must never happen has happened.

        Args:
            now: The time that the act in between went by.
            refreshed: The environment that was refreshed, if one was.
        """
        seen = self.ground.look()
        inventory = self._inventory(seen)
        clones = {
            clone.name: clone.mark for each in inventory.environments for clone in each.clones
        }
        self._base_and_strangers_are_unchanged(seen)
        self._names_are_unique(inventory)
        for name, before in self.clones.items():
            after = clones.get(name)
            if after is None or after.created_at != before.created_at:
                if refreshed is None or not _is_of(name, refreshed):
                    _was_due(name, before, now=now)
                    self.happened["dropped, written to"] += bool(self.written[name])
                self.written.pop(name, None)
            elif before.retired and not after.retired:
                self.happened["restored, written to"] += bool(self.written[name])
            elif after.retired and not before.retired:
                self.happened[f"retired: {after.cause}"] += 1
        for name, mark in clones.items():
            known = self.clones.get(name)
            if known is None or known.created_at != mark.created_at:
                self._is_whole(name, mark, seen)
            elif refreshed is not None and _is_of(name, refreshed):
                self._is_old_or_new(name, mark, seen)
            else:
                self._has_what_was_written(name, seen)
        self._nothing_is_unexplained(seen, inventory)
        self.happened["left half-made"] += bool(inventory.debris)
        self.clones = clones
        self.tables = {name: set(seen[name].tables) for name in clones}

    def _inventory(self, seen: Mapping[str, Held]) -> Inventory:
        facts = [SchemaFacts(name=name, comment=held.comment) for name, held in seen.items()]
        return take_inventory(facts, self.territory)

    def _base_and_strangers_are_unchanged(self, seen: Mapping[str, Held]) -> None:
        for name, expected in {**self.base, **self.strangers}.items():
            assert name in seen, f"{name} was dropped, which is not ours"
            assert seen[name] == expected, f"{name} was changed, which is not ours"

    def _names_are_unique(self, inventory: Inventory) -> None:
        names = [each.name for each in inventory.environments]
        assert len(set(names)) == len(names), f"two branches have one name: {names}"

    def _is_whole(self, name: str, mark: Mark, seen: Mapping[str, Held]) -> None:
        """A clone that was not there before has all that base has."""
        base, tables = self.base[mark.base_schema].tables, seen[name].tables
        wanted = {table: [] if mark.schema_only else rows for table, rows in base.items()}
        assert tables == wanted, f"{name} is seen half-made"

    def _is_old_or_new(self, name: str, mark: Mark, seen: Mapping[str, Held]) -> None:
        rows = set(seen[name].tables.get(WRITTEN, []))
        if set(seen[name].tables) == self.tables[name] and self.written[name] <= rows:
            return
        self._is_whole(name, mark, seen)
        self.written.pop(name, None)

    def _has_what_was_written(self, name: str, seen: Mapping[str, Held]) -> None:
        lost = self.written[name] - set(seen[name].tables.get(WRITTEN, []))
        assert not lost, f"{name} has lost what its branch has written: {lost}"

    def _nothing_is_unexplained(self, seen: Mapping[str, Held], inventory: Inventory) -> None:
        """Whatever lies about is base's, a stranger's, a whole clone, or marked as half of one."""
        ours = {clone.name for each in inventory.environments for clone in each.clones}
        halves = {each.name for each in inventory.debris}
        unexplained = set(seen) - ours - halves - set(self.base) - set(self.strangers)
        assert not unexplained, f"nobody will ever drop {unexplained}"


def _is_of(clone: str, environment: str) -> bool:
    return clone.endswith(f"__{environment}")


def _was_due(name: str, mark: Mark, *, now: datetime) -> None:
    assert mark.retired, f"{name} was dropped while in use"
    assert mark.drop_after is not None, f"{name} was dropped without a date for it"
    assert mark.drop_after <= now, f"{name} was dropped before its grace period was over"
    leased = mark.keep_until is not None and mark.keep_until > now
    assert not leased, f"{name} was dropped while it was leased"
