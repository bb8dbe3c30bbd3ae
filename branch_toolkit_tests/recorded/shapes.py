"""What a reader looks at in a JSON object, and of which type it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from branch_toolkit.branches.items import Item

Shape = dict[str, set[str]]
"""The types that were found at each place that was looked at."""


def read_shape(found: Iterable[Mapping[str, Any]], *, read: Callable[[Item], object]) -> Shape:
    """The places that a reader looks at in some objects, and what it finds there.

    Args:
        found: The objects.
        read: Reads one.
    """
    shape: Shape = {}
    for each in found:
        read(Item(_Noted(each, "", shape)))
    return shape


@dataclass(frozen=True)
class _Noted(Mapping[str, Any]):
    """An object that notes what is looked at."""

    fields: Mapping[str, Any]
    place: str
    shape: Shape

    def __getitem__(self, name: str) -> Any:
        place = f"{self.place}.{name}"
        if name not in self.fields:
            self.shape.setdefault(place, set()).add("missing")
            raise KeyError(name)
        value = self.fields[name]
        self.shape.setdefault(place, set()).add(type(value).__name__)
        return self._noted(value, place)

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def _noted(self, value: Any, place: str) -> Any:
        if isinstance(value, dict):
            return _Noted(value, place, self.shape)
        if isinstance(value, list):
            return [self._noted(each, f"{place}[]") for each in value]
        return value
