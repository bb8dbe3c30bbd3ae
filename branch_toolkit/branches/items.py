"""Reading what forges answer in JSON: nothing is believed that does not have the right type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from branch_toolkit.core.branch import Branch, BranchState
from branch_toolkit.core.errors import InvalidBranch

_FRACTION = re.compile(r"\.(\d+)")


@dataclass(frozen=True, slots=True)
class Item:
    """One object of an answer. A field that is missing, null or of another type reads as nothing.

    Args:
        fields: The object.
    """

    fields: Mapping[str, object]

    @classmethod
    def of(cls, found: object) -> Item:
        """What a list holds, as an object; one without fields where it is none."""
        return cls(found if isinstance(found, Mapping) else {})

    def get(self, *path: str) -> object:
        """The value at the end of a path of names, or None."""
        value: object = self.fields
        for name in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return value

    def text(self, *path: str) -> str | None:
        """A text that is not empty."""
        value = self.get(*path)
        return value if isinstance(value, str) and value else None

    def flag(self, *path: str) -> bool:
        """Whether the value is true."""
        return self.get(*path) is True

    def number(self, *path: str) -> int | None:
        """A whole number."""
        value = self.get(*path)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def moment(self, *path: str) -> datetime | None:
        """A time in ISO 8601 with its zone; without one, it is not known which moment it is."""
        return moment(self.text(*path))

    def items(self, *path: str) -> tuple[Item, ...]:
        """The objects in a list."""
        value = self.get(*path)
        found = value if isinstance(value, list) else []
        return tuple(Item(each) for each in found if isinstance(each, Mapping))

    def texts(self, *path: str) -> frozenset[str]:
        """The texts in a list."""
        value = self.get(*path)
        found = value if isinstance(value, list) else []
        return frozenset(each for each in found if isinstance(each, str))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a list of pull requests said.

    Args:
        branches: Those that could be read.
        unreadable: How many could not, and may be open.
    """

    branches: tuple[Branch, ...]
    unreadable: int = 0


def read_branches(
    found: Iterable[object],
    *,
    branch: Callable[[Item], Branch],
    state: Callable[[Item], BranchState],
) -> Reading:
    """Reads each pull request of a list.

    Args:
        found: The list, as the forge answered.
        branch: Reads one; raises `InvalidBranch` where it cannot be identified.
        state: Reads the state of one. What has ended and cannot be identified is left out.
    """
    branches, unreadable = [], 0
    for each in found:
        item = Item.of(each)
        try:
            branches.append(branch(item))
        except InvalidBranch:
            unreadable += not state(item).ended
    return Reading(tuple(branches), unreadable)


def pull_request_number(item: Item, *path: str) -> int:
    """The number that identifies a pull request.

    Raises:
        InvalidBranch: There is none.
    """
    number = item.number(*path)
    if number is None:
        raise InvalidBranch(
            f"A pull request has no number in the field {'.'.join(path)!r}.",
            remedy="Tell us which version the forge is; its answers have another shape.",
        )
    return number


def moment(text: str | None) -> datetime | None:
    """A time in ISO 8601 with its zone, or None. Forges write fractions of 0 to 7 digits."""
    if text is None:
        return None
    # Python 3.10 reads neither a Z nor fractions other than of 3 or 6 digits.
    plain = _FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), text.strip())
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", plain))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
