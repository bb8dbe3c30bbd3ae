"""Deferred tables become a branch's own, on first write or when that is asked for."""

from branch_toolkit.warehouses.postgres.owning.calling import (
    finish_writing,
    own_before_writing,
    own_by_itself,
)
from branch_toolkit.warehouses.postgres.owning.finding import Place, place_in
from branch_toolkit.warehouses.postgres.owning.finishing import finish
from branch_toolkit.warehouses.postgres.owning.making import Unfinished, own
from branch_toolkit.warehouses.postgres.owning.model import Owned, OwnedTable

__all__ = [
    "Owned",
    "OwnedTable",
    "Place",
    "Unfinished",
    "finish",
    "finish_writing",
    "own",
    "own_before_writing",
    "own_by_itself",
    "place_in",
]
