"""The fixed point: what is to be, once the source tells the truth and nobody does anything else."""

from __future__ import annotations

from datetime import timedelta

from branch_toolkit.core.action import Verb
from branch_toolkit.core.branch import BranchKey, BranchState, same_repository
from branch_toolkit.core.environment import Environment, missing_schemas
from branch_toolkit_tests.lifecycle.forge import REPOSITORY
from branch_toolkit_tests.lifecycle.world import World, overlooking

_MINUTE = timedelta(minutes=1)


def come_to_rest(world: World) -> None:
    """Two ticks after all is quiet, everything is as it should be; later, nothing else is left."""
    world.forge.mend()
    world.pass_time(world.latest - world.now)
    world.policy = overlooking(world.policy)
    caps = world.policy.max_provisions, world.policy.max_drops
    _tick(world, 2 if min(caps) > 1 else 12)
    _expect_rest(world)
    # All leases, and then all grace periods, are over.
    for time in (timedelta(days=31), timedelta(days=6)):
        world.pass_time(time)
        _tick(world, 2 if min(caps) > 1 else 12)
    _expect_no_remains(world)
    for _ in range(8):
        if not _moves(world):
            return
        _tick(world, 1)
    raise AssertionError(f"it never comes to rest: {_moves(world)}")


def _tick(world: World, times: int) -> None:
    for _ in range(times):
        world.tick()
        # Whose turn it is, where not all can be done in one tick, depends on the minute.
        world.pass_time(_MINUTE)


def _expect_rest(world: World) -> None:
    environments = world.witness.inventory().environments
    for environment in environments:
        _is_at_rest(world, environment)
    if world.policy.max_environments is None:
        have = {environment.key for environment in environments}
        # A branch without number has the use of a numbered environment of its name.
        have |= {BranchKey(name=each.branch) for each in environments if each.branch}
        for branch in world.forge.open():
            if world.policy.why_not(branch, now=world.now) is None and not world.is_blocked(
                branch.key
            ):
                assert branch.key in have, f"{branch.label} has no environment"
    else:
        _quota_is_kept(world, environments)


def _is_at_rest(world: World, environment: Environment) -> None:
    name = environment.name
    if not _is_ours(environment) or world.is_blocked(environment.key):
        return
    assert not environment.partly_retired, f"{name} is half set aside"
    if not world.forge.may_keep(environment):
        assert environment.retired or _is_exempt(world, environment), f"{name} was not retired"
    if not world.forge.keeps(environment):
        return
    assert not missing_schemas(environment, world.ground.bases), f"{name} is not whole"
    for_its_own_sake = environment.cause is not None and not environment.cause.ended
    waits = world.policy.max_environments is not None
    if not (for_its_own_sake or waits):
        assert not environment.retired, f"{name} of an open branch is set aside"


def _quota_is_kept(world: World, environments: tuple[Environment, ...]) -> None:
    counted = [each for each in environments if not each.retired and not _is_labelled(world, each)]
    most = world.policy.max_environments
    assert most is not None
    if len(counted) > most:
        fixed = [each for each in counted if _is_exempt(world, each) or not _is_ours(each)]
        assert len(fixed) >= most, f"more than {most} are in use: {counted}"


def _expect_no_remains(world: World) -> None:
    inventory = world.witness.inventory()
    assert not inventory.debris, f"half-made clones are left: {inventory.debris}"
    for environment in inventory.environments:
        if _is_ours(environment) and not world.forge.may_keep(environment):
            assert _is_exempt(world, environment), f"{environment.name} was left behind"


def _moves(world: World) -> list[str]:
    seen = world.observe()
    assert seen is not None
    return [
        f"{action.verb.value} {action.key}"
        for action in seen.actions
        if action.verb not in (Verb.KEEP, Verb.LEAVE) and not world.is_blocked(action.key)
    ]


def _is_ours(environment: Environment) -> bool:
    return same_repository(environment.repository, REPOSITORY)


def _is_exempt(world: World, environment: Environment) -> bool:
    """Whether it is kept although its branch has ended."""
    branch = world.forge.branches.get(environment.key)
    names = (environment.branch, branch.name if branch else None)
    leased = environment.keep_until is not None and environment.keep_until > world.now
    return leased or any(map(world.policy.protects, names))


def _is_labelled(world: World, environment: Environment) -> bool:
    branch = world.forge.branches.get(environment.key)
    return (
        branch is not None
        and branch.state is BranchState.OPEN
        and world.policy.keep_label in branch.labels
    )
