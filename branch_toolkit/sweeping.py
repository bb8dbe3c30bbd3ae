"""The sweep: retires what has ended, drops what is due, and tells of each decision."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import dagster as dg

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.errors import (
    BranchToolkitError,
    EnvironmentBusy,
    EnvironmentNotFound,
    NotDue,
)
from branch_toolkit.core.policy import Policy
from branch_toolkit.launchpad import SweepConfig
from branch_toolkit.observing import Observation, carry_out, observe
from branch_toolkit.outputs import BranchOutput, known_environments
from branch_toolkit.reporting import action_line, bullets, may_pass, summary, table
from branch_toolkit.verbs import Environments


@dataclass(frozen=True)
class Outcome:
    """What became of one decision.

    Args:
        action: The decision; of what is half-made or half-dropped it names no environment.
        name: The environment's name.
        text: What became of it, for people to read.
        error: Why it failed, if it did.
    """

    action: Action
    name: str
    text: str
    error: BranchToolkitError | None = None


def sweep_environments(
    context: dg.OpExecutionContext,
    config: SweepConfig,
    environments: Environments,
    source: BranchSource,
    policy: Policy,
    outputs: Sequence[BranchOutput] = (),
) -> None:
    """Decides about every environment, or one, and does what was decided.

    It also drops what runs that were killed have left, half-made or half-dropped.

    Raises:
        dg.Failure: Some of it failed; the others were done.
    """
    # The cap decides who goes first; who is named is not to wait for others.
    uncapped = replace(policy, max_drops=sys.maxsize) if config.environment else policy
    seen = observe(environments, source, uncapped, now=_now())
    chosen = [
        action
        for action in seen.actions
        if action.environment and config.environment in (None, environments.name_for(action.key))
    ]
    debris = sorted({each.environment for each in seen.inventory.debris})
    debris = [name for name in debris if config.environment in (None, name)]
    if config.environment and not chosen and not debris:
        context.log.warning(f"There is no environment {config.environment!r} (any more).")
        context.add_output_metadata({"environment": f"{config.environment}: not there"})
    outcomes = [_attempt(environments, each, policy, dry_run=config.dry_run) for each in chosen]
    left = uncapped.max_drops - sum(each.verb is Verb.DROP for each in chosen)
    # Not always the same come first: those that fail would keep the others waiting for ever.
    start = int(_now().timestamp()) // 60 % max(len(debris), 1)
    for name in (debris[start:] + debris[:start])[: max(left, 0)]:
        outcomes.append(_clear(environments, name, dry_run=config.dry_run))
    for outcome in outcomes:
        context.log.info(f"{action_line(outcome.action, outcome.name)} ({outcome.text})")
    lines: list[str] = []
    errors: list[BranchToolkitError] = []
    if config.environment is None:
        lines, errors = _see_to_outputs(environments, outputs, policy, dry_run=config.dry_run)
    for line in lines:
        context.log.info(line)
    metadata = _metadata(outcomes, seen, dry_run=config.dry_run)
    if lines:
        metadata["other outputs"] = bullets(lines)
    _tell(context, outcomes, metadata, errors)


def _attempt(
    environments: Environments, action: Action, policy: Policy, *, dry_run: bool
) -> Outcome:
    """Does one; a failure must not keep the others from it."""
    name = environments.name_for(action.key)
    # To provision and to restore is the other sensor's business.
    if action.verb not in (Verb.RETIRE, Verb.DROP):
        return Outcome(action, name, "kept")
    try:
        report = carry_out(environments, action, policy, now=_now(), dry_run=dry_run)
    except (EnvironmentNotFound, NotDue) as error:
        return Outcome(action, name, f"left to another run: {error.problem}")
    except BranchToolkitError as error:
        return Outcome(action, name, str(error), error)
    return Outcome(action, name, summary(report) if report else "kept")


def _clear(environments: Environments, name: str, *, dry_run: bool) -> Outcome:
    """Drops the remains of an environment; a failure must not keep the others from it."""
    action = Action(verb=Verb.DROP, reason="a run that was killed has left part of it")
    try:
        report = environments.clear(name, now=_now(), wait=False, dry_run=dry_run)
    except EnvironmentBusy:
        return Outcome(action, name, "kept: a run is at work on it")
    except BranchToolkitError as error:
        return Outcome(action, name, str(error), error)
    return Outcome(action, name, summary(report))


def _see_to_outputs(
    environments: Environments,
    outputs: Sequence[BranchOutput],
    policy: Policy,
    *,
    dry_run: bool,
) -> tuple[list[str], list[BranchToolkitError]]:
    """Brings outputs in line with their environments, and clears those that have none any more."""
    inventory = environments.inventory()
    lines: list[str] = []
    errors: list[BranchToolkitError] = []
    for environment in inventory.environments:
        try:
            lines += environments.align_outputs(environment, now=_now(), dry_run=dry_run)
        except BranchToolkitError as error:
            errors.append(error)
    for output in outputs:
        try:
            lines += output.clear_leftovers(
                known_environments(inventory),
                project=environments.project.name,
                database=environments.territory.database,
                grace=policy.grace,
                now=_now(),
                most=policy.max_drops,
                dry_run=dry_run,
            )
        except BranchToolkitError as error:
            errors.append(error)
    return lines, errors


def _metadata(
    outcomes: Sequence[Outcome], seen: Observation, *, dry_run: bool
) -> dict[str, dg.MetadataValue]:
    return {
        "decisions": table(
            [
                {
                    "environment": outcome.name,
                    "decision": outcome.action.verb.value,
                    "because": outcome.action.reason,
                    "outcome": outcome.text,
                }
                for outcome in outcomes
            ]
        ),
        "branches": dg.MetadataValue.int(len(seen.snapshot.branches)),
        "left alone": table(
            [{"schema": each.schema, "reason": each.reason} for each in seen.inventory.refused]
        ),
        "dry_run": dg.MetadataValue.bool(dry_run),
    }


def _tell(
    context: dg.OpExecutionContext,
    outcomes: Sequence[Outcome],
    metadata: dict[str, dg.MetadataValue],
    errors: Sequence[BranchToolkitError] = (),
) -> None:
    failures = [*(outcome.error for outcome in outcomes if outcome.error), *errors]
    if not failures:
        context.add_output_metadata(metadata)
        return
    tried = len(outcomes) + len(errors)
    # A failed op has no output to put the table on.
    raise dg.Failure(
        description=f"{len(failures)} of {tried} failed. {' '.join(map(str, failures))}",
        metadata=metadata,
        allow_retries=any(map(may_pass, failures)),
    )


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
