"""The two sensors: they observe and decide, and ask for a run per environment. They never act."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import dagster as dg

from branch_toolkit.branches import BranchSource
from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.deployment import Deployment
from branch_toolkit.core.policy import Policy
from branch_toolkit.jobs import BRANCH_TAG, ENVIRONMENT_TAG, BranchJobs
from branch_toolkit.observing import Observation, observe, used_before
from branch_toolkit.pending import Pending, decode_pending, encode_pending
from branch_toolkit.reporting import action_line
from branch_toolkit.resources import WarehouseResource
from branch_toolkit.verbs import Environments

_ACTIVE = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_SHOWN = 10
_STALE = timedelta(hours=12)


def build_branch_sensors(
    jobs: BranchJobs,
    policy: Policy,
    *,
    interval: int,
    default_status: dg.DefaultSensorStatus,
    sweep_daily: bool = False,
) -> list[dg.SensorDefinition]:
    """The sensors, for those jobs and under that policy.

    Args:
        jobs: The jobs that they ask for.
        policy: How long things are kept.
        interval: Least seconds between two ticks.
        default_status: Whether they run without being switched on.
        sweep_daily: Whether to ask for a sweep of everything once a day.
    """

    @dg.sensor(
        jobs=[jobs.provision, jobs.restore],
        minimum_interval_seconds=interval,
        default_status=default_status,
        description=(
            "Asks for an environment for every open branch that has none, and brings back that of"
            " a reopened one. Runs in the base deployment."
        ),
    )
    def branch_provision_sensor(
        context: dg.SensorEvaluationContext,
        branch_warehouse: WarehouseResource,
        branch_source: BranchSource,
    ) -> dg.SensorResult | dg.SkipReason:
        requests = {Verb.PROVISION: _provision_request(policy), Verb.RESTORE: _restore_request}
        return _tick(context, branch_warehouse, branch_source, policy, requests)

    @dg.sensor(
        jobs=[jobs.retire, jobs.sweep],
        minimum_interval_seconds=interval,
        default_status=default_status,
        description=(
            "Retires the environment of every branch that is merged, closed or gone, and drops it"
            " when its grace period is over; clears what killed runs have left. What it is not sure"
            " of, it keeps. Runs in the base deployment."
        ),
    )
    def branch_cleanup_sensor(
        context: dg.SensorEvaluationContext,
        branch_warehouse: WarehouseResource,
        branch_source: BranchSource,
    ) -> dg.SensorResult | dg.SkipReason:
        requests = {Verb.RETIRE: _retire_request, Verb.DROP: _drop_request}
        return _tick(
            context,
            branch_warehouse,
            branch_source,
            policy,
            requests,
            clear_debris=True,
            sweep_daily=sweep_daily,
        )

    return [branch_provision_sensor, branch_cleanup_sensor]


Request = Callable[[Action, str], tuple[str, dict[str, object]]]
"""The job and the op's config that an action asks for, given the environment's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A run that is wanted.

    Args:
        key: What it is to bring about; the same in every tick until it is so.
        environment: The environment's name.
        branch: The branch, for people to read.
        reason: Why.
        job: The job.
        config: Its op's config.
    """

    key: str
    environment: str
    branch: str
    reason: str
    job: str
    config: Mapping[str, object]


def _tick(
    context: dg.SensorEvaluationContext,
    warehouse: WarehouseResource,
    source: BranchSource,
    policy: Policy,
    requests: Mapping[Verb, Request],
    *,
    clear_debris: bool = False,
    sweep_daily: bool = False,
) -> dg.SensorResult | dg.SkipReason:
    if Deployment.from_env(os.environ).is_branch:
        return dg.SkipReason(
            "This is a branch deployment. Environments are looked after by the base deployment:"
            " switch this sensor on there and off here."
        )
    now = datetime.now(tz=timezone.utc)
    with warehouse.environments() as environments:
        seen = observe(environments, source, policy, now=now)
        wishes = [
            _wish(action, environments.name_for(action.key), requests[action.verb])
            for action in seen.actions
            if action.verb in requests
        ]
        if clear_debris:
            wishes += _wishes_to_clear(seen, {wish.environment for wish in wishes})
        pending = decode_pending(context.cursor)
        after: dict[str, Pending] = {}
        runs, waits = [], []
        if sweep_daily:
            key = f"sweep/{now:%Y-%m-%d}"
            after[key] = pending.get(key) or Pending(since=now).attempted(now)
            if key not in pending:
                runs.append(_sweep_of_everything(key))
        for wish in wishes:
            item = pending.get(wish.key) or Pending(since=now)
            wait = _active_run(context.instance, wish.environment, now=now) or item.wait(now)
            if wait:
                waits.append(f"{wish.key}: {wait}")
            else:
                item = item.attempted(now)
                runs.append(_run_request(wish, run_key=item.run_key(wish.key)))
            after[wish.key] = item
        skip = None if runs else _skip_reason(seen.actions, waits, environments, requests)
    return dg.SensorResult(run_requests=runs, skip_reason=skip, cursor=encode_pending(after))


def _sweep_of_everything(key: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=key,
        job_name="sweep_branches",
        run_config={"ops": {"sweep": {"config": {}}}},
        tags={"branch_toolkit/reason": "the daily sweep, for what no environment tells of"},
    )


def _wish(action: Action, name: str, request: Request) -> _Wish:
    job, config = request(action, name)
    label = action.branch.label if action.branch else None
    if action.environment is not None:
        label = action.environment.label
    return _Wish(
        key=f"{action.verb.value}/{name}",
        environment=name,
        branch=label or name,
        reason=action.reason,
        job=job,
        config=config,
    )


def _wishes_to_clear(seen: Observation, others: Collection[str]) -> list[_Wish]:
    """Runs for what killed runs have left; a run for the environment itself clears that too."""
    return [
        _Wish(
            key=f"clear/{name}",
            environment=name,
            branch=name,
            reason="a run that was killed has left part of it",
            job="sweep_branches",
            config={"environment": name},
        )
        for name in sorted({each.environment for each in seen.inventory.debris} - set(others))
    ]


def _active_run(instance: dg.DagsterInstance, environment: str, *, now: datetime) -> str | None:
    # A run whose worker was killed stays "started" for ever where run monitoring is off. Every verb
    # is idempotent and alone on its environment, so an old one need not be waited for.
    filters = dg.RunsFilter(
        tags={ENVIRONMENT_TAG: environment}, statuses=list(_ACTIVE), updated_after=now - _STALE
    )
    runs = instance.get_runs(filters=filters, limit=1)
    return f"run {runs[0].run_id} works on it" if runs else None


def _run_request(wish: _Wish, *, run_key: str) -> dg.RunRequest:
    op = wish.job.partition("_")[0]
    return dg.RunRequest(
        run_key=run_key,
        job_name=wish.job,
        run_config={"ops": {op: {"config": dict(wish.config)}}},
        tags={
            ENVIRONMENT_TAG: wish.environment,
            BRANCH_TAG: wish.branch,
            "branch_toolkit/reason": wish.reason,
        },
    )


def _provision_request(policy: Policy) -> Request:
    def request(action: Action, _name: str) -> tuple[str, dict[str, object]]:
        branch = action.subject
        config = {
            "pull_request": branch.key.number,
            "branch": branch.name or branch.key.name,
            "repository": branch.repository,
            "schema_only": policy.schema_only(branch) or None,
        }
        return "provision_branch", _given(config)

    return request


def _restore_request(_action: Action, name: str) -> tuple[str, dict[str, object]]:
    return "restore_branch", {"environment": name}


def _retire_request(action: Action, name: str) -> tuple[str, dict[str, object]]:
    config = {
        "environment": name,
        "reason": action.reason,
        "cause": action.cause.value if action.cause else None,
        "sha": action.branch.sha if action.branch else None,
        "unless_used_since": _iso(used_before(action)),
        "unless_kept": True,
    }
    return "retire_branch", _given(config)


def _drop_request(_action: Action, name: str) -> tuple[str, dict[str, object]]:
    return "sweep_branches", {"environment": name}


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _given(config: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in config.items() if value is not None}


def _skip_reason(
    actions: Sequence[Action],
    waits: Sequence[str],
    environments: Environments,
    requests: Mapping[Verb, Request],
) -> str:
    if waits:
        return "Waiting: " + _first(waits)
    verbs = " or ".join(verb.value for verb in requests)
    lines = [action_line(action, environments.name_for(action.key)) for action in actions]
    return f"Nothing to {verbs}. {_first(lines) or 'There is no environment.'}"


def _first(lines: Sequence[str]) -> str:
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more
