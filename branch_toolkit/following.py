"""What goes with an environment beside its clones: told of each verb, in the right order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.output import OutputContext


class Output(Protocol):
    """What a verb needs of an output; `branch_toolkit.outputs.BranchOutput` says more of each.

    Every method is idempotent, and returns lines for people.
    """

    def provision(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """Sees to it that it is there."""

    def retire(
        self, context: OutputContext, *, because: str, grace: timedelta, dry_run: bool = False
    ) -> Sequence[str]:
        """Sets it aside."""

    def restore(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """Brings it back."""

    def drop(self, context: OutputContext, *, dry_run: bool = False) -> Sequence[str]:
        """Removes it for good."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """All outputs of a project. One that fails does not keep the others from being seen to.

    Args:
        each: The outputs.
    """

    each: tuple[Output, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.each)

    def provision(self, context: OutputContext, *, dry_run: bool) -> tuple[str, ...]:
        """Sees to it that all are there."""
        return self._all(lambda output: output.provision(context, dry_run=dry_run))

    def retire(
        self, context: OutputContext, *, because: str, grace: timedelta, dry_run: bool
    ) -> tuple[str, ...]:
        """Sets all aside."""
        return self._all(
            lambda output: output.retire(context, because=because, grace=grace, dry_run=dry_run)
        )

    def restore(self, context: OutputContext, *, dry_run: bool) -> tuple[str, ...]:
        """Brings all back."""
        return self._all(lambda output: output.restore(context, dry_run=dry_run))

    def drop(
        self, context: OutputContext, *, still: Callable[[], bool], dry_run: bool
    ) -> tuple[str, ...]:
        """Removes all for good, as long as the environment is still given up.

        Args:
            context: Whose.
            still: Whether it is; asked before each output, as each may take long.
            dry_run: Only say what would be done.
        """
        return self._all(lambda output: output.drop(context, dry_run=dry_run) if still() else ())

    def _all(self, do: Callable[[Output], Sequence[str]]) -> tuple[str, ...]:
        lines: list[str] = []
        failures: list[BranchToolkitError] = []
        for output in self.each:
            try:
                lines += do(output)
            except BranchToolkitError as error:
                failures.append(error)
            except Exception as error:  # noqa: BLE001
                # It is the user's own code; what it raises must not keep the others from theirs.
                failures.append(_failed(output, error))
        if failures:
            raise failures[0]
        return tuple(lines)


NO_OUTPUTS = Outputs()


class OutputFailed(BranchToolkitError):
    """An output raised an error of its own."""


def _failed(output: Output, error: Exception) -> OutputFailed:
    failed = OutputFailed(
        f"The output {type(output).__name__} failed: {type(error).__name__}: {error}.",
        remedy="See its code; what it is to do is tried again at the next run or sweep.",
    )
    failed.__cause__ = error
    return failed
