"""The sensor and the job that tell pull requests of their environments, where that is wanted."""

# No `from __future__ import annotations` here: Dagster reads the op's annotations as they are.

import os
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import dagster as dg
from pydantic import Field

from branch_toolkit.announcing import (
    NEVER_MADE,
    Latest,
    Setting,
    announce_dropped,
    announce_environment,
    fingerprint,
)
from branch_toolkit.branches import Announcement, BranchSource
from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.deployment import Deployment
from branch_toolkit.core.errors import BranchToolkitError
from branch_toolkit.core.policy import Policy
from branch_toolkit.guards import require_base
from branch_toolkit.jobs import ENVIRONMENT_TAG, POOL, RETRY
from branch_toolkit.observing import observe
from branch_toolkit.reporting import explained, may_pass
from branch_toolkit.resources import WarehouseResource
from branch_toolkit.told import Entries, Entry, Told, decode_told, encode_told
from branch_toolkit.verbs import Environments

_PAUSE = timedelta(minutes=15)
_LONGEST = timedelta(hours=12)
_RUN_KEY_TAG = "dagster/run_key"
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class AnnounceConfig(dg.Config):
    """Which environments."""

    environments: list[str] = Field(
        default_factory=list,
        description="Names of environments, such as pr_42. Left empty: all that there are.",
    )
    dropped: dict[str, int] = Field(
        default_factory=dict,
        description="Names of environments that are no more, with their pull requests' numbers.",
    )


def build_announce_job(policy: Policy, *, dagster_url: str | None) -> dg.JobDefinition:
    """The job `announce_branches`.

    Args:
        policy: Says what happens next.
        dagster_url: The address of Dagster's UI, for links.
    """

    @dg.op(retry_policy=RETRY, pool=POOL, tags={"branch_toolkit/verb": "announce"})
    def announce(
        context: dg.OpExecutionContext,
        config: AnnounceConfig,
        branch_warehouse: WarehouseResource,
        branch_source: BranchSource,
    ) -> None:
        """Writes to each pull request how its environment stands."""
        with explained(), branch_warehouse.environments() as environments:
            require_base(branch_warehouse.deployment)
            found = _announcements(
                context.instance, config, environments, branch_source, policy, dagster_url
            )
        told, failures = [], []
        for name, announcement in found.items():
            try:
                branch_source.announce(announcement)
            except BranchToolkitError as error:
                context.log.warning(f"{name}: {error}")
                failures.append(error)
            else:
                told.append(name)
                context.log.info(f"#{announcement.number} was told: {announcement.summary}")
        context.add_output_metadata({"told": dg.MetadataValue.text(", ".join(told) or "none")})
        if failures:
            raise dg.Failure(
                description=f"{len(failures)} of {len(found)} were not told. {failures[0]}",
                allow_retries=any(map(may_pass, failures)),
            )

    @dg.job(
        executor_def=dg.in_process_executor,
        description=(
            "Tells pull requests how their environments stand: one comment each, edited in place,"
            " and a commit status, as the branch source is configured."
        ),
    )
    def announce_branches() -> None:
        announce()

    return announce_branches


def build_announce_sensor(
    job: dg.JobDefinition,
    policy: Policy,
    *,
    interval: int,
    default_status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """The sensor `branch_announce_sensor`: it asks for a run when there is news."""

    @dg.sensor(
        job=job,
        minimum_interval_seconds=interval,
        default_status=default_status,
        description=(
            "Asks for a run that tells pull requests of their environments, when there is news:"
            " made, set aside, brought back, soon to be retired or dropped, dropped. Runs in the"
            " base deployment."
        ),
    )
    def branch_announce_sensor(
        context: dg.SensorEvaluationContext,
        branch_warehouse: WarehouseResource,
        branch_source: BranchSource,
    ) -> dg.SensorResult | dg.SkipReason:
        if Deployment.from_env(os.environ).is_branch:
            return dg.SkipReason("This is a branch deployment; the base deployment tells.")
        now = datetime.now(tz=timezone.utc)
        with branch_warehouse.environments() as environments:
            seen = observe(environments, branch_source, policy, now=now)
            setting = Setting(
                project=environments.project.name,
                policy=policy,
                now=now,
                commits=branch_source.announces_commits,
            )
            told = decode_told(context.cursor)
            if told.run_key is not None and (wait := _wait(context.instance, told, now=now)):
                # What it tells is not known yet; the cursor stays.
                return dg.SkipReason(wait)
            before = _before(context.instance, told)
            current = _current(context.instance, seen.actions, environments, setting, before)
        news = sorted(name for name in current if current[name] != before.get(name))
        # Whoever did not tell of every branch may have left some out.
        gone = [name for name in before if name not in current and seen.snapshot.complete]
        after = {**({} if seen.snapshot.complete else before), **current}
        dropped = {name: before[name][0] for name in gone if before[name][1] != NEVER_MADE}
        if not news and not dropped:
            return dg.SensorResult(skip_reason="There is no news.", cursor=encode_told(Told(after)))
        request = dg.RunRequest(
            run_key=f"announce/{now.isoformat()}",
            job_name=job.name,
            run_config={
                "ops": {"announce": {"config": {"environments": news, "dropped": dropped}}}
            },
        )
        asked = {name: before.get(name) for name in (*news, *dropped)}
        latest = Told(after, run_key=request.run_key, asked=asked, asked_at=now)
        return dg.SensorResult(run_requests=[request], cursor=encode_told(latest))

    return branch_announce_sensor


def _wait(instance: dg.DagsterInstance, told: Told, *, now: datetime) -> str | None:
    """Why nothing is asked for yet: the latest run is at work, or has only just failed."""
    runs = instance.get_runs(filters=dg.RunsFilter(tags={_RUN_KEY_TAG: str(told.run_key)}), limit=1)
    since = now - (told.asked_at or now)
    if not runs or since > _LONGEST:
        return None
    if not runs[0].is_finished:
        return f"Run {runs[0].run_id} is telling what was new."
    if runs[0].status in _FAILED and since < _PAUSE:
        return f"Run {runs[0].run_id} failed; what it was to tell is told after {_PAUSE}."
    return None


def _before(instance: dg.DagsterInstance, told: Told) -> Entries:
    """What pull requests know: what they were told, unless the run that was to tell them failed."""
    if told.run_key is None:
        return told.entries
    filters = dg.RunsFilter(tags={_RUN_KEY_TAG: told.run_key}, statuses=_FAILED)
    if not instance.get_runs(filters=filters, limit=1):
        return told.entries
    others = {name: entry for name, entry in told.entries.items() if name not in told.asked}
    return {**others, **{name: entry for name, entry in told.asked.items() if entry is not None}}


def _current(
    instance: dg.DagsterInstance,
    actions: Sequence[Action],
    environments: Environments,
    setting: Setting,
    before: Entries,
) -> dict[str, Entry]:
    found = {}
    for action in actions:
        if action.key.number is None or action.key.repository is not None:
            continue
        name = environments.name_for(action.key)
        wanted = action.verb is Verb.PROVISION and action.environment is None
        latest = _latest(instance, name, None) if wanted else None
        if announce_environment(name, action, setting, latest) is not None:
            found[name] = (action.key.number, fingerprint(action, setting))
        elif wanted and name in before:
            # A run is at it again; whether it helps is not known yet.
            found[name] = before[name]
    return found


def _announcements(
    instance: dg.DagsterInstance,
    config: AnnounceConfig,
    environments: Environments,
    source: BranchSource,
    policy: Policy,
    dagster_url: str | None,
) -> dict[str, Announcement]:
    now = datetime.now(tz=timezone.utc)
    setting = Setting(
        project=environments.project.name, policy=policy, now=now, dagster_url=dagster_url
    )
    actions = {
        environments.name_for(action.key): action
        for action in observe(environments, source, policy, now=now).actions
    }
    everything = not config.environments and not config.dropped
    wanted = list(actions) if everything else config.environments
    found = {
        name: announce_environment(
            name, actions[name], setting, _latest(instance, name, dagster_url)
        )
        for name in wanted
        if name in actions and actions[name].key.repository is None
    }
    dropped = {
        name: announce_dropped(name, number, setting)
        for name, number in config.dropped.items()
        # An open branch may have none any more, and get no other one.
        if name not in actions or actions[name].environment is None
    }
    return {name: each for name, each in {**found, **dropped}.items() if each is not None}


def _latest(
    instance: dg.DagsterInstance, environment: str, dagster_url: str | None
) -> Latest | None:
    runs = instance.get_runs(filters=dg.RunsFilter(tags={ENVIRONMENT_TAG: environment}), limit=1)
    if not runs:
        return None
    run = runs[0]
    url = f"{dagster_url.rstrip('/')}/runs/{run.run_id}" if dagster_url else None
    return Latest(id=run.run_id, failed=run.status is dg.DagsterRunStatus.FAILURE, url=url)
