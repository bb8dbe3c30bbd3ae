"""Every error that we raise on purpose: what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence


class BranchToolkitError(Exception):
    """The root of our errors.

    Args:
        problem: What was tried and what was found, as full sentences.
        remedy: What the reader can do about it, as full sentences.
    """

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


def _listed(names: Sequence[str], *, most: int = 20) -> str:
    shown = sorted(names)[:most]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more or "none"


class InvalidDeployment(BranchToolkitError):
    """The deployment-metadata variables contradict each other or lack what identifies a branch."""


class InvalidBranch(BranchToolkitError):
    """A branch has neither a pull-request number nor a name that can be told from others."""


class InvalidName(BranchToolkitError):
    """A schema's name cannot be used: empty, too long, or equal to one that is not ours."""


class InvalidAsOf(BranchToolkitError):
    """A point in the past is not one: unreadable, in the future, or given twice."""


class InvalidPolicy(BranchToolkitError):
    """A policy contradicts itself."""


class InvalidMark(BranchToolkitError):
    """A schema's comment is not a mark that this version can read."""


class SchemaNotOwned(BranchToolkitError):
    """A schema is not proven to be a clone of this project, so it is neither changed nor dropped.

    Args:
        schema: The schema's name.
        reason: Why it is not ours, as a clause that completes "because".
    """

    def __init__(self, schema: str, *, reason: str) -> None:
        super().__init__(
            f"Schema {schema!r} was left alone because {reason}.",
            remedy=(
                "Only a schema that carries this project's own unedited mark is ever changed or"
                " dropped. If it should go, drop it by hand; to see every mark, run"
                " `branch-toolkit doctor`."
            ),
        )
        self.schema = schema
        self.reason = reason


class SchemaInUse(BranchToolkitError):
    """Objects that we did not create depend on a clone, so dropping it would drop them too."""

    def __init__(self, schema: str, *, dependents: Sequence[str]) -> None:
        shown = ", ".join(dependents[:5]) + (" …" if len(dependents) > 5 else "")
        super().__init__(
            f"Schema {schema!r} was not dropped: {len(dependents)} object(s) outside of the"
            f" environment depend on it ({shown}).",
            remedy="Drop them or point them elsewhere; the next sweep then drops the schema.",
        )
        self.schema = schema
        self.dependents = tuple(dependents)


class BaseSchemaNotFound(BranchToolkitError):
    """A base schema is not in the database, or the role may not see it."""

    def __init__(self, schema: str, *, database: str, found: Sequence[str]) -> None:
        listed = _listed(found)
        super().__init__(
            f"Base schema {schema!r} does not exist in database {database!r}"
            f" (schemas there: {listed}).",
            remedy="Correct `schemas` of the warehouse resource; nothing was made.",
        )
        self.schema = schema


class CannotUndrop(BranchToolkitError):
    """A clone is to be retired that could not be brought back once it is dropped."""

    def __init__(self, schema: str, *, setting: str) -> None:
        super().__init__(
            f"Schema {schema!r} was not retired: its retention is 0 days, so that UNDROP could not"
            " bring it back once it is dropped.",
            remedy=f"Execute: {setting} Or say that it may be so, by `retention_days=0` of the"
            " warehouse resource.",
        )
        self.schema = schema


class CloneMissing(BranchToolkitError):
    """A branch deployment asked for a schema of its environment that is not there."""

    def __init__(self, schema: str, *, base_schema: str, environment: str, state: str) -> None:
        super().__init__(
            f"The environment {environment!r} has no usable clone of {base_schema!r}:"
            f" schema {schema!r} is {state}. Production was not used in its place.",
            remedy=(
                "Launch the job `provision_branch` (`restore_branch` if it was retired) or its twin"
                " `branch-toolkit provision`, or switch on `branch_provision_sensor` in the base"
                " deployment; then run again."
            ),
        )
        self.schema = schema


class UnknownSchema(BranchToolkitError):
    """Code in a branch asked for a base schema that is not among the cloned ones."""

    def __init__(self, schema: str, *, configured: Sequence[str]) -> None:
        super().__init__(
            f"Schema {schema!r} is not cloned for branches (cloned: {', '.join(configured)}),"
            " so a branch run may not use it: it could only be production's.",
            remedy="Add it to `schemas` of the warehouse resource and provision again.",
        )
        self.schema = schema


class EnvironmentNotFound(BranchToolkitError):
    """No environment of this project goes by that name."""

    def __init__(self, environment: str, *, known: Sequence[str]) -> None:
        listed = _listed(known)
        super().__init__(
            f"There is no environment {environment!r} in this warehouse (there are: {listed}).",
            remedy="See `branch-toolkit list` or the asset `branch_environments` for the names.",
        )
        self.environment = environment


class NoTimeTravel(BranchToolkitError):
    """A clone as of the past was asked of a warehouse that keeps no past states.

    Args:
        warehouse: The kind of warehouse, as the beginning of a sentence.
    """

    def __init__(self, warehouse: str) -> None:
        super().__init__(
            f"{warehouse} has no time travel: no past state is kept that could be cloned.",
            remedy=(
                "Leave out the point in time (`as_of`, `as_of_run`, `--as-of`) to take base's"
                " present state. What base was before can only come from a backup."
            ),
        )
        self.warehouse = warehouse


class NotAsOf(BranchToolkitError):
    """An environment is there already, with data of another time than was asked for.

    Args:
        environment: The environment's name.
        asked: The point in the past that was asked for.
        found: Those that its clones were made as of; None for one made from the present.
    """

    def __init__(self, environment: str, *, asked: str, found: Collection[str | None]) -> None:
        was = " and ".join(sorted({text or "the time that it was made" for text in found}))
        super().__init__(
            f"The environment {environment!r} is there already, with data as of {was}, not as of"
            f" {asked}; it was left as it is.",
            remedy=(
                "Refresh it as of then, which loses what the branch has written: launch"
                " `refresh_branch` with the same `as_of` or `as_of_run`, or call"
                " `branch-toolkit provision --refresh --as-of`."
            ),
        )
        self.environment = environment
        self.asked = asked
        self.found = tuple(found)


class NotDue(BranchToolkitError):
    """An environment is not to be dropped yet: it is in use, or within its grace period."""

    def __init__(self, environment: str, *, state: str) -> None:
        super().__init__(
            f"The environment {environment!r} was not dropped: {state}.",
            remedy="Retire it first; a sweep drops it when its grace period is over.",
        )
        self.environment = environment


class HazardNotAllowed(BranchToolkitError):
    """A plan holds a statement whose hazard the caller did not allow."""


class StalePlan(BranchToolkitError):
    """The warehouse changed between the plan and its application; plan again."""


class WarehouseUnavailable(BranchToolkitError):
    """The warehouse cannot be reached, or refuses the login."""


class MissingRight(BranchToolkitError):
    """The role lacks a right; the remedy is the GRANT."""


class BaseBusy(BranchToolkitError):
    """A lock on a base table was not had in time; production goes first."""


class EnvironmentBusy(BranchToolkitError):
    """Another run works on the same environment, and did not finish in time."""


class CloneFailed(BranchToolkitError):
    """The warehouse refused a statement of a clone; everything of it was rolled back."""


class NotEnoughDisk(BranchToolkitError):
    """What is to be copied does not fit; nothing was made.

    Args:
        wanted: Bytes that would be copied, by estimate.
        room: Bytes that there is room for.
        limit: What sets the bound, as a noun.
    """

    def __init__(self, *, wanted: int, room: int, limit: str) -> None:
        super().__init__(
            f"About {wanted / 1e6:,.0f} MB of tables and indexes would be copied, and {limit}"
            f" leaves room for {room / 1e6:,.0f} MB; nothing was made.",
            remedy=(
                "Let `rules` defer, sample or empty the large tables, drop environments that are"
                " no longer needed, or make room."
            ),
        )
        self.wanted = wanted
        self.room = room


class BranchSourceUnavailable(BranchToolkitError):
    """A branch source cannot be asked, or gave an answer that cannot be trusted."""
