"""All outputs of a code location as one resource, so that jobs and commands can ask for it."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from branch_toolkit.following import Outputs
from branch_toolkit.outputs import BranchOutput


class BranchOutputs(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The outputs, each in a field of its own, as Dagster resolves nested resources in no list."""

    @property
    def members(self) -> tuple[BranchOutput, ...]:
        """The outputs, in the order in which they were given."""
        return tuple(getattr(self, name) for name in type(self).model_fields)

    @property
    def followers(self) -> Outputs:
        """The outputs, for the verbs."""
        return Outputs(self.members)


def group_outputs(outputs: Sequence[BranchOutput]) -> BranchOutputs:
    """The resource that holds these outputs."""
    fields = {f"output_{number}": output for number, output in enumerate(outputs, start=1)}
    annotations = {name: type(output) for name, output in fields.items()}
    kind = type(
        "GroupedOutputs",
        (BranchOutputs,),
        {"__annotations__": annotations, "__module__": __name__},
    )
    made: BranchOutputs = kind(**fields)
    return made
