"""What pull requests are told of their environments: once per news, never twice the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from branch_toolkit import Policy
from branch_toolkit.announcing import Latest, Setting, announce_environment, fingerprint
from branch_toolkit.branches import Announcement, StatusState
from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import Branch, BranchKey
from branch_toolkit.core.errors import BranchSourceUnavailable, MissingRight
from branch_toolkit.core.policy import Forks
from branch_toolkit.told import decode_told, encode_told
from branch_toolkit_tests.dagster.conftest import PROVISION, RUN_KEY, Deployed, failure
from branch_toolkit_tests.dagster.memory import World
from branch_toolkit_tests.strategies import DAY, NOW, make_branch, make_environment

ANNOUNCE = "branch_announce_sensor"
NO_GRACE = Policy(grace=timedelta(0))


@pytest.fixture
def telling(deploy: Callable[..., Deployed]) -> Deployed:
    return deploy(announces=True)


def a_run_at_work(request: dg.RunRequest) -> dg.DagsterRun:
    return dg.DagsterRun(
        job_name=str(request.job_name),
        tags=dict(request.tags),
        status=dg.DagsterRunStatus.STARTED,
    )


def a_tick_beside(deployed: Deployed, request: dg.RunRequest) -> str:
    """What a tick says while the run is at work."""
    tags = {RUN_KEY: str(request.run_key)}
    status = dg.DagsterRunStatus.STARTED
    run = dg.DagsterRun(job_name=str(request.job_name), tags=tags, status=status)
    deployed.instance.add_run(run)
    message = str(deployed.tick(ANNOUNCE).skip_message)
    deployed.instance.delete_run(run.run_id)
    return message


def pass_pause(deployed: Deployed) -> None:
    """Lets the time pass in which a run that failed is not followed by another one."""
    told = decode_told(deployed.cursors[ANNOUNCE])
    before = datetime.now(tz=timezone.utc) - timedelta(minutes=20)
    deployed.cursors[ANNOUNCE] = encode_told(replace(told, asked_at=before))


def tell(deployed: Deployed) -> int:
    """One tick and its run; how many pull requests it was about."""
    requests = deployed.tick(ANNOUNCE).run_requests or []
    for request in requests:
        assert deployed.execute(request).success
    config = requests[0].run_config["ops"]["announce"]["config"] if requests else {}
    return len(config.get("environments", [])) + len(config.get("dropped", {}))


def test_nobody_is_told_anything_unless_the_source_is_asked_to(deployed: Deployed) -> None:
    repository = deployed.definitions.get_repository_def()
    assert not repository.has_sensor_def(ANNOUNCE)
    assert not repository.has_job("announce_branches")


def test_a_pull_request_is_told_of_each_step_of_its_environments_life(
    world: World, deploy: Callable[..., Deployed]
) -> None:
    deployed = deploy(announces=True, policy=NO_GRACE)
    world.open(42)
    assert tell(deployed) == 0
    deployed.live_through_tick()
    assert tell(deployed) == 1
    ready = world.told[42]
    assert ready.status is StatusState.SUCCESS
    assert "| `analytics__pr_42` | `analytics` | 1 |" in ready.text
    assert "(https://dagster.acme.example/prod/runs/" in ready.text
    world.close(42)
    deployed.live_through_tick()
    assert tell(deployed) == 1
    assert "retired" in world.told[42].text
    assert "The branch was closed." in world.told[42].text
    deployed.live_through_tick()
    assert tell(deployed) == 1
    assert "dropped" in world.told[42].text
    assert tell(deployed) == 0
    assert len({announcement.marker for announcement in (ready, world.told[42])}) == 1


def test_without_news_nobody_is_told_anew(world: World, telling: Deployed) -> None:
    world.provide(1, 2)
    assert tell(telling) == 2
    world.told.clear()
    assert telling.tick(ANNOUNCE).skip_message == "There is no news."
    assert not world.told


def test_an_open_branch_whose_environment_was_dropped_is_told_so(
    world: World, deploy: Callable[..., Deployed]
) -> None:
    policy = Policy(grace=timedelta(0), ignored_branches=("feature/*",))
    deployed = deploy(announces=True, policy=policy)
    world.provide(42)
    assert tell(deployed) == 1
    assert deployed.run("retire_branch", {"environment": "pr_42"}).success
    deployed.live_through_tick()
    assert world.states() == {}
    assert tell(deployed) == 1
    assert "dropped" in world.told[42].text


def test_what_an_incomplete_answer_leaves_out_is_not_told_to_be_dropped(
    world: World, telling: Deployed
) -> None:
    world.provide(1)
    assert tell(telling) == 1
    # As if the environment had gone with the answer's second page.
    held, world.warehouse.held = world.warehouse.held, {}
    world.branches, world.complete = [], False
    assert tell(telling) == 0
    world.warehouse.held = held
    world.open(1)
    world.complete = True
    assert tell(telling) == 0


def test_one_that_cannot_be_told_fails_the_run_and_not_the_others(
    world: World, telling: Deployed
) -> None:
    world.provide(1, 2)

    def refuse(announcement: Announcement) -> None:
        if announcement.number == 1:
            raise BranchSourceUnavailable("The forge is down.", remedy="Wait.")

    world.on_announce = refuse
    result = telling.run("announce_branches")
    assert (
        "1 of 2 were not told. The forge is down." in failure(result).user_failure_data.description
    )
    assert set(world.told) == {2}


def test_an_environment_that_cannot_be_made_is_told_of(world: World, telling: Deployed) -> None:
    def refuse(_plan: object) -> None:
        raise MissingRight("The role may not.", remedy="Grant it.")

    world.warehouse.before_apply = refuse
    world.open(42)
    [request] = telling.tick(PROVISION).run_requests
    assert not telling.execute(request).success
    assert tell(telling) == 1
    assert world.told[42].status is StatusState.FAILURE
    world.told.clear()
    # It is tried again, and then its branch is closed: there is nothing to be told to be gone.
    telling.instance.add_run(a_run_at_work(request))
    assert tell(telling) == 0
    world.close(42)
    assert tell(telling) == 0
    assert not world.told


def test_what_a_run_could_not_tell_is_told_by_the_next_one(world: World, telling: Deployed) -> None:
    world.provide(1)

    def refuse(_announcement: Announcement) -> None:
        raise BranchSourceUnavailable("The forge is down.", remedy="Wait.")

    world.on_announce = refuse
    [request] = telling.tick(ANNOUNCE).run_requests
    assert "is telling" in a_tick_beside(telling, request)
    assert not telling.execute(request).success
    world.on_announce = lambda _announcement: None
    assert "failed; what it was to tell is told after" in telling.tick(ANNOUNCE).skip_message
    pass_pause(telling)
    assert tell(telling) == 1
    assert set(world.told) == {1}
    assert tell(telling) == 0


def test_a_branch_deployment_tells_nobody(
    world: World, telling: Deployed, branch_deployment: Callable[..., None]
) -> None:
    world.provide(42)
    branch_deployment()
    assert telling.tick(ANNOUNCE).skip_message.startswith("This is a branch deployment")
    assert not telling.run("announce_branches").success
    assert not world.told


# --- the texts ----------------------------------------------------------------------------------


def setting(**policy: object) -> Setting:
    return Setting(project="default", policy=Policy(**policy), now=NOW)


def keeping(*, branch: Branch | None = None, **changes: object) -> Action:
    environment = make_environment(**changes)
    return Action(verb=Verb.KEEP, reason="open", branch=branch, environment=environment)


def test_a_failed_run_is_shown_with_its_link() -> None:
    wanted = Action(verb=Verb.PROVISION, reason="open", branch=make_branch(42))
    latest = Latest(id="0123456789", failed=True, url="https://d/runs/0123456789")
    told = announce_environment("pr_42", wanted, setting(), latest)
    assert told is not None
    assert (told.status, told.url) == (StatusState.FAILURE, latest.url)


@pytest.mark.parametrize(
    "action",
    [
        Action(verb=Verb.LEAVE, reason="a fork", branch=make_branch(42)),
        Action(verb=Verb.PROVISION, reason="open", branch=make_branch(BranchKey(name="x"))),
    ],
)
def test_who_gets_no_environment_or_has_no_pull_request_is_told_nothing(action: Action) -> None:
    assert announce_environment("pr_42", action, setting()) is None


def test_a_warning_comes_when_the_end_is_near_and_goes_when_it_is_used_again() -> None:
    idle = setting(idle_after=6 * DAY)
    near = keeping(last_used_at=NOW - 5 * DAY - timedelta(hours=1))
    used = keeping(last_used_at=NOW)
    assert "> **It is retired, unless a run uses it, after" in _text(near, idle)
    assert "> **" not in _text(used, idle)
    assert fingerprint(near, idle) != fingerprint(used, idle)


def test_use_alone_is_no_news() -> None:
    idle = setting(idle_after=6 * DAY)
    before, after = (keeping(last_used_at=NOW - hours * timedelta(hours=1)) for hours in (9, 1))
    assert fingerprint(before, idle) == fingerprint(after, idle)


def test_a_push_puts_the_status_on_the_new_commit() -> None:
    first, second = (replace(make_branch(42), sha=sha) for sha in ("a", "b"))
    told = [keeping(branch=branch) for branch in (first, second)]
    with_statuses = replace(setting(), commits=True)
    assert fingerprint(told[0], with_statuses) != fingerprint(told[1], with_statuses)
    assert fingerprint(told[0], setting()) == fingerprint(told[1], setting())
    announcement = announce_environment("pr_42", told[1], setting())
    assert announcement is not None
    assert announcement.sha == "b"


def test_two_projects_have_two_comments() -> None:
    markers = {
        announcement.marker
        for project in ("default", "other -->")
        if (
            announcement := announce_environment(
                "pr_42", keeping(), replace(setting(), project=project)
            )
        )
    }
    assert len(markers) == 2
    assert not any("--" in marker for marker in markers)


def test_names_cannot_break_out_of_the_table_and_the_summary_fits_a_status() -> None:
    action = keeping(bases=["a|b`c"], branch=make_branch(42))
    assert "`a\\|b'c`" in _text(action, setting())
    retired = keeping(retired=["analytics"])
    told = announce_environment("pr_42" * 60, retired, setting(forks=Forks.DENY))
    assert told is not None
    assert len(told.summary) == 140


def _text(action: Action, given: Setting) -> str:
    announcement = announce_environment("pr_42", action, given)
    assert announcement is not None
    return announcement.text
