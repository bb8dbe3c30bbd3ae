"""What can go wrong with outputs, and what to do about it."""

from __future__ import annotations

from branch_toolkit.core.errors import BranchToolkitError


class InvalidOutput(BranchToolkitError):
    """An output's definition cannot be followed; nothing was done."""


class OutputNotOwned(BranchToolkitError):
    """A prefix is not proven to be an environment's own, so nothing in it is touched.

    Args:
        where: The prefix.
        reason: Why it is not ours, as a clause that completes "because".
    """

    def __init__(self, where: str, *, reason: str) -> None:
        super().__init__(
            f"{where} was left alone because {reason}.",
            remedy=(
                "Only a prefix that carries this environment's own unedited mark is used or removed"
                " for it. If what is there should go, remove it by hand; or set another"
                " `branches_url`."
            ),
        )
        self.where = where
        self.reason = reason


class OutputUnavailable(BranchToolkitError):
    """An output cannot be reached, or refuses what was asked of it."""


class OutputBusy(BranchToolkitError):
    """Others keep writing to what is to be removed, or removing what is to be used."""
