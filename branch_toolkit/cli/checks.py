"""The checks of `doctor`, in the order in which one that fails explains the next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from branch_toolkit.cli.findings import Finding, Scene, Status
from branch_toolkit.cli.wording import count
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.deciding import CLOCK_TOLERANCE
from branch_toolkit.core.deployment import Deployment
from branch_toolkit.core.environment import missing_schemas
from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.names import clone_names

_EXAMPLE = Branch(key=BranchKey(number=42))


@dataclass(frozen=True, slots=True)
class Check:
    """A check.

    Args:
        name: Its name.
        look: Looks.
        connected: Whether it looks into the warehouse.
    """

    name: str
    look: Callable[[Scene], Finding]
    connected: bool = True


def examine(scene: Scene) -> Iterator[tuple[Check, Finding]]:
    """Each check with its finding, as soon as it is known."""
    connected = True
    for check in CHECKS:
        if check.connected and not connected:
            yield check, Finding(Status.SKIPPED, "not checked without a connection")
            continue
        try:
            finding = check.look(scene)
        except BranchToolkitError as error:
            finding = Finding(Status.FIX, error.problem, (error.remedy,))
            connected = connected and check.look is not _connection
        yield check, finding


def _deployment(_scene: Scene) -> Finding:
    deployment = Deployment.from_env(os.environ)
    if deployment.branch is None:
        return Finding(Status.OK, "base: no variable says that this is a branch deployment")
    return Finding(Status.OK, f"the branch deployment of {deployment.branch.label}")


def _connection(scene: Scene) -> Finding:
    server = scene.server
    return Finding(
        Status.OK, f"{server.product}, database {server.database!r}, role {server.role!r}"
    )


def _base_schemas(scene: Scene) -> Finding:
    missing = [base for base, facts in scene.bases.items() if facts is None]
    if missing:
        there = ", ".join(sorted(scene.schemas)) or "none"
        return Finding(
            Status.FIX,
            f"not in the database: {', '.join(missing)} (schemas there: {there})",
            ("Correct `schemas` of the warehouse resource, or --schema.",),
        )
    counted = [f"{base} ({count(f.tables or 0, 'table')})" for base, f in scene.bases.items() if f]
    return Finding(Status.OK, ", ".join(counted))


def _rights(scene: Scene) -> Finding:
    present = [base for base, facts in scene.bases.items() if facts]
    grants = scene.environments.warehouse.missing_grants(present)
    if not grants:
        return Finding(Status.OK, "the role has all that cloning needs")
    return Finding(
        Status.FIX,
        f"the role lacks {count(len(grants), 'right')}; have an owner execute:",
        tuple(f"{grant};" for grant in grants),
    )


def _names(scene: Scene) -> Finding:
    environments = scene.environments
    own = scene.target.warehouse.deployment.branch
    dialect = environments.warehouse.dialect
    names = clone_names(
        environments.schemas,
        environments.adopt(own or _EXAMPLE).key,
        project=environments.project.name,
        dialect=dialect,
    )
    owned = {each.name for found in scene.inventory.environments for each in found.clones}
    taken = [name for name in names.values() if name in scene.schemas and name not in owned]
    if taken:
        return Finding(
            Status.FIX,
            f"taken by schemas that are not provably clones of this project: {', '.join(taken)}",
            ("Rename or drop them by hand, or set another `project`.",),
        )
    shown = ", ".join(f"{base} → {name}" for base, name in names.items())
    cut = [name for base, name in names.items() if not name.startswith(dialect.fold(base))]
    note = f"; cut to {dialect.name}'s {dialect.limit}: {', '.join(cut)}" if cut else ""
    return Finding(Status.OK, f"{'' if own else 'pull request 42 would get '}{shown}{note}")


def _marks(scene: Scene) -> Finding:
    inventory = scene.inventory
    oddities = [f"{each.schema} is left alone because {each.reason}" for each in inventory.refused]
    for environment in inventory.environments:
        lacking = missing_schemas(environment, scene.environments.schemas)
        if environment.partly_retired:
            oddities.append(f"{environment.name} is retired in part")
        if lacking and not environment.retired:
            oddities.append(f"{environment.name} lacks clones of {', '.join(lacking)}")
    found = count(len(inventory.environments), "environment")
    if not oddities:
        return Finding(Status.OK, found)
    remedy = (
        "Provision or restore what is incomplete; what is left alone may be another project's, and"
        " is yours to drop by hand if it is not."
    )
    return Finding(Status.WARN, f"{found}; {'; '.join(oddities)}", (remedy,))


def _branch_roles(scene: Scene) -> Finding:
    advice = scene.environments.warehouse.advice()
    if not advice:
        return Finding(
            Status.OK, "each environment gets one that only reads base, or none is wanted"
        )
    return Finding(
        Status.WARN, "; ".join(note.text for note in advice), tuple(note.object for note in advice)
    )


def _clones(scene: Scene) -> Finding:
    warehouse = scene.environments.warehouse
    notes = [
        note
        for environment in scene.inventory.environments
        for note in warehouse.examine(environment.clones)
    ]
    if not notes:
        return Finding(Status.OK, "none depends on base, and all deferred tables fit it")
    remedy = "Provision anew, which mends what it can; else refresh, or drop the object by hand."
    return Finding(
        Status.WARN, "; ".join(f"{note.object}: {note.text}" for note in notes[:10]), (remedy,)
    )


def _own_environment(scene: Scene) -> Finding:
    own = scene.target.warehouse.deployment.branch
    if own is None:
        return Finding(Status.OK, "a base deployment works on the base schemas")
    name = scene.environments.name_of(own)
    found = scene.environments.of(own)
    lacking = missing_schemas(found, scene.environments.schemas)
    if found and not lacking and not (found.retired or found.partly_retired):
        return Finding(Status.OK, f"{name} is whole and in use")
    state = "is retired" if found and not lacking else f"lacks clones of {', '.join(lacking)}"
    return Finding(
        Status.FIX, f"{name} {state}", ("Run `branch-toolkit provision`, which mends both.",)
    )


def _clock(scene: Scene) -> Finding:
    # Asked again: `scene.server` may be as old as the checks before this one.
    ahead = scene.environments.warehouse.server().time - datetime.now(tz=timezone.utc)
    text = f"the server's is {ahead.total_seconds():+.1f} s from this machine's"
    if abs(ahead) <= CLOCK_TOLERANCE:
        return Finding(Status.OK, text)
    return Finding(
        Status.FIX,
        text,
        ("Set both clocks by NTP: what is marked in the future is kept, and never dropped.",),
    )


def _branch_source(scene: Scene) -> Finding:
    if scene.target.find_source is None:
        remedy = "Give --git-remote; `plan` and `sweep` need it."
        return Finding(Status.WARN, "none was named", (remedy,))
    snapshot = scene.target.require_source().snapshot()
    told = f"{snapshot.source} told of {count(len(snapshot.branches), 'branch')}"
    if snapshot.complete:
        return Finding(Status.OK, told)
    note = f" ({snapshot.note})" if snapshot.note else ""
    return Finding(
        Status.WARN,
        f"{told}, but not of every open one{note}",
        ("Until it does, no environment is retired for want of a branch.",),
    )


CHECKS = (
    Check("deployment", _deployment, connected=False),
    Check("connection", _connection),
    Check("base schemas", _base_schemas),
    Check("rights", _rights),
    Check("names", _names),
    Check("marks", _marks),
    Check("clones", _clones),
    Check("branch roles", _branch_roles),
    Check("environment", _own_environment),
    Check("clock", _clock),
    Check("branch source", _branch_source, connected=False),
)
