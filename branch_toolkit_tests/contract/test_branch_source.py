"""What every source that asks a forge must do: tell the truth, little by little, and no secret."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
import stamina

from branch_toolkit.branches import conversation, forge
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.branch import Branch, BranchSnapshot, BranchState
from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit_demo.forge_server import Asked, Fault, ForgeServer, Reply
from branch_toolkit_tests.contract.forges.azure_devops import AZURE_DEVOPS
from branch_toolkit_tests.contract.forges.bitbucket import BITBUCKET
from branch_toolkit_tests.contract.forges.gitea import GITEA
from branch_toolkit_tests.contract.forges.github import GITHUB
from branch_toolkit_tests.contract.forges.gitlab import GITLAB
from branch_toolkit_tests.contract.forges.kinds import TOKEN, ForgeKind, Scene, scene_of

KINDS = [GITHUB, GITLAB, GITEA, BITBUCKET, AZURE_DEVOPS]


def over(*features: str) -> pytest.MarkDecorator:
    """The forges that have these."""
    kinds = [kind for kind in KINDS if kind.features.issuperset(features)]
    return pytest.mark.parametrize("scene", kinds, indirect=True, ids=lambda kind: kind.name)


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    kind: ForgeKind = request.param
    with scene_of(kind) as made:
        yield made


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Each test is a new process to our memory, and waits for no retry."""
    MEMORY.forget()
    with stamina.set_testing(True, attempts=3):
        yield


def _states(snapshot: BranchSnapshot) -> dict[int | None, BranchState]:
    return {branch.key.number: branch.state for branch in snapshot.branches}


def _open(snapshot: BranchSnapshot) -> set[int | None]:
    return {number for number, state in _states(snapshot).items() if state is BranchState.OPEN}


def _only(snapshot: BranchSnapshot) -> Branch:
    (branch,) = snapshot.branches
    return branch


def _refusal(scene: Scene, **fields: object) -> BranchSourceUnavailable:
    source = scene.source(**fields)
    with pytest.raises(BranchSourceUnavailable) as caught:
        source.snapshot()
    error = caught.value
    assert TOKEN not in f"{error} {error!r} {error.problem} {error.remedy}"
    assert "no environment is made, retired or dropped" in error.remedy
    return error


# --- What is told ---------------------------------------------------------------------------------


@over()
def test_where_no_pull_request_was_ever_opened_nothing_is_certain(scene: Scene) -> None:
    snapshot = scene.source().snapshot()
    assert snapshot.branches == ()
    # So does a repository answer that was made anew under its old name.
    assert not snapshot.complete
    assert "no pull request in any state" in (snapshot.note or "")
    number = scene.repository.open("a")
    scene.repository.close(number)
    snapshot = scene.source().snapshot()
    assert _states(snapshot) == {number: BranchState.CLOSED}
    assert (snapshot.complete, snapshot.note) == (True, None)


@over()
def test_a_repository_that_is_made_anew_is_not_one_whose_branches_are_gone(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source()
    assert source.snapshot().complete
    scene.repository.delete(number)
    snapshot = source.snapshot()
    assert (snapshot.branches, snapshot.complete) == ((), False)
    assert "no pull request in any state" in (snapshot.note or "")


@over()
def test_an_answer_says_what_it_is_about(scene: Scene) -> None:
    snapshot = scene.source().snapshot()
    assert snapshot.repository == scene.kind.repository
    assert snapshot.knows_numbers
    assert not snapshot.knows_names
    assert scene.kind.repository in snapshot.source


@over()
def test_a_pull_request_is_told_with_all_that_is_known_of_it(scene: Scene) -> None:
    number = scene.repository.open("feature/login", base="release/2")
    sha = scene.repository.push(number)
    branch = _only(scene.source().snapshot())
    assert branch.key.number == number
    assert branch.key.repository is None
    assert (branch.name, branch.base, branch.sha) == ("feature/login", "release/2", sha)
    assert branch.repository == scene.kind.repository
    assert branch.state is BranchState.OPEN
    assert not branch.draft
    assert not branch.fork
    assert branch.url is not None
    assert str(number) in branch.url


@over("times")
def test_the_time_of_the_last_update_is_aware(scene: Scene) -> None:
    scene.repository.open("a")
    branch = _only(scene.source().snapshot())
    assert branch.updated_at == datetime(2026, 11, 1, 9, 0, 1, tzinfo=timezone.utc)


@over("drafts")
def test_a_draft_is_told_until_it_is_ready(scene: Scene) -> None:
    number = scene.repository.open("a", draft=True)
    assert _only(scene.source().snapshot()).draft
    scene.repository.ready(number)
    assert not _only(scene.source().snapshot()).draft


@over("labels")
def test_labels_are_told_and_taken_away(scene: Scene) -> None:
    number = scene.repository.open("a", labels=("data", "needs: review"))
    assert _only(scene.source().snapshot()).labels == {"data", "needs: review"}
    scene.repository.label(number)
    assert _only(scene.source().snapshot()).labels == frozenset()


@over()
def test_a_fork_is_told_also_once_it_is_deleted(scene: Scene) -> None:
    own = scene.repository.open("own")
    forked = scene.repository.open("main", fork="stranger")
    deleted = scene.repository.open("gone", fork="stranger")
    scene.repository.delete_fork(deleted)
    branches = {b.key.number: b for b in scene.source().snapshot().branches}
    assert {n: b.fork for n, b in branches.items()} == {own: False, forked: True, deleted: True}
    assert branches[deleted].name == "gone"
    assert branches[deleted].state is BranchState.OPEN


@over()
def test_a_deleted_head_keeps_its_name(scene: Scene) -> None:
    number = scene.repository.open("feature/login")
    scene.repository.delete_head(number)
    branch = _only(scene.source().snapshot())
    assert branch.name == "feature/login"
    assert not branch.fork


@over()
def test_merged_closed_and_reopened_are_told_apart(scene: Scene) -> None:
    repository = scene.repository
    merged, closed, reopened, kept = (repository.open(name) for name in "abcd")
    source = scene.source()
    assert _open(source.snapshot()) == {merged, closed, reopened, kept}
    repository.merge(merged)
    repository.close(closed)
    repository.close(reopened)
    states = _states(source.snapshot())
    assert states[merged] is BranchState.MERGED
    assert states[closed] is BranchState.CLOSED
    assert states[reopened] is BranchState.CLOSED
    assert states[kept] is BranchState.OPEN
    repository.reopen(reopened)
    assert _open(source.snapshot()) == {reopened, kept}


@over()
def test_renaming_retargeting_and_pushing_are_told(scene: Scene) -> None:
    number = scene.repository.open("old", base="main")
    source = scene.source()
    source.snapshot()
    scene.repository.rename_head(number, "new")
    scene.repository.retarget(number, "develop")
    sha = scene.repository.push(number)
    branch = _only(source.snapshot())
    assert (branch.name, branch.base, branch.sha) == ("new", "develop", sha)


@over("newest")
def test_a_state_that_nobody_knows_is_kept(scene: Scene) -> None:
    number = scene.repository.open("a")
    scene.repository.pull_requests[number].state = "paused"
    snapshot = scene.source().snapshot()
    assert _states(snapshot) == {number: BranchState.UNKNOWN}
    assert snapshot.complete


# --- How little is asked --------------------------------------------------------------------------


@over("newest")
def test_many_pages_are_all_read_and_then_one_request_tells_that_nothing_changed(
    scene: Scene,
) -> None:
    numbers = {scene.repository.open(f"feature/{each}") for each in range(8)}
    first = scene.source().snapshot()
    assert _open(first) == numbers
    assert first.complete
    with scene.server.counting() as asked:
        second = scene.source().snapshot()
    assert second == first
    assert len(asked) == 1
    if scene.kind.etags:
        assert "if-none-match" in asked[0].headers


@over("newest")
def test_one_change_is_one_request(scene: Scene) -> None:
    numbers = [scene.repository.open(f"feature/{each}") for each in range(8)]
    scene.repository.pass_time(timedelta(hours=1))
    for number in numbers[-3:]:
        scene.repository.push(number)
    scene.source().snapshot()
    scene.repository.pass_time(timedelta(hours=1))
    scene.repository.merge(numbers[0])
    with scene.server.counting() as asked:
        snapshot = scene.source().snapshot()
    assert _states(snapshot)[numbers[0]] is BranchState.MERGED
    assert _open(snapshot) == set(numbers[1:])
    # The newest page alone does not reach back to what was known, where a page has three.
    assert len(asked) <= 3
    with scene.server.counting() as asked:
        assert scene.source().snapshot() == snapshot
    assert len(asked) == 1


@over("newest")
def test_more_changes_than_are_worth_following_are_listed_anew(scene: Scene) -> None:
    numbers = [scene.repository.open(f"feature/{each}") for each in range(20)]
    scene.source().snapshot()
    for number in numbers[1:]:
        scene.repository.close(number)
    snapshot = scene.source().snapshot()
    assert snapshot.complete
    assert _open(snapshot) == {numbers[0]}


@over("newest")
def test_everything_is_listed_again_every_few_hours(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, deleted = (scene.repository.open(name) for name in "ab")
    scene.source().snapshot()
    scene.repository.delete(deleted)
    later = forge.monotonic() + timedelta(hours=5).total_seconds()
    monkeypatch.setattr(forge, "monotonic", lambda: later)
    assert _open(scene.source().snapshot()) == {kept}


@over("newest")
def test_another_credential_or_repository_does_not_get_what_is_remembered(scene: Scene) -> None:
    scene.repository.open("a")
    scene.source().snapshot()
    assert "401" in _refusal(scene, token="another").problem
    scene.server.repository.token = "another"
    with scene.server.counting() as asked:
        scene.source(token="another").snapshot()
    assert "if-none-match" not in asked[0].headers
    assert len(asked) > 1


@over()
def test_two_ticks_at_once_see_the_same(scene: Scene) -> None:
    numbers = {scene.repository.open(f"feature/{each}") for each in range(4)}
    with ThreadPoolExecutor(2) as pool:
        looks = [pool.submit(lambda: scene.source().snapshot()) for _ in range(6)]
        snapshots = [look.result() for look in looks]
    assert all(_open(snapshot) == numbers and snapshot.complete for snapshot in snapshots)


# --- What moves while pages are turned ------------------------------------------------------------


def _once(server: ForgeServer, when: Callable[[Asked], bool], edit: Callable[[], None]) -> None:
    """Edits exactly before the first request that fits is answered."""
    done = threading.Event()

    def before(asked: Asked) -> None:
        if not done.is_set() and when(asked):
            done.set()
            edit()

    server.before = before


@over("newest")
def test_one_that_is_closed_between_two_pages_hides_no_other(scene: Scene) -> None:
    numbers = [scene.repository.open(f"feature/{each}") for each in range(7)]
    second = lambda asked: asked.page == 2  # noqa: E731
    _once(scene.server, second, lambda: scene.repository.close(numbers[0]))
    snapshot = scene.source().snapshot()
    assert snapshot.complete
    assert _open(snapshot) >= set(numbers[1:])
    assert _open(scene.source().snapshot()) == set(numbers[1:])


@over("newest")
def test_one_that_is_opened_between_two_pages_is_seen(scene: Scene) -> None:
    numbers = [scene.repository.open(f"feature/{each}") for each in range(7)]
    second = lambda asked: asked.page == 2  # noqa: E731
    _once(scene.server, second, lambda: numbers.append(scene.repository.open("late")))
    snapshot = scene.source().snapshot()
    assert snapshot.complete
    assert _open(snapshot) == set(numbers)


@over("newest")
def test_where_something_always_moves_nothing_is_certain(scene: Scene) -> None:
    numbers = [scene.repository.open(f"feature/{each}") for each in range(7)]
    scene.server.before = lambda asked: scene.repository.push(numbers[asked.page])
    snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert snapshot.note is not None
    assert "changed" in snapshot.note
    scene.server.before = lambda _: None
    assert scene.source().snapshot().complete


@over("one_list")
def test_a_single_page_is_certain_whatever_moves(scene: Scene) -> None:
    numbers = [scene.repository.open(f"feature/{each}") for each in range(2)]
    scene.server.before = lambda _: scene.repository.push(numbers[0])
    snapshot = scene.source().snapshot()
    assert snapshot.complete
    assert _open(snapshot) == set(numbers)


# --- What goes wrong ------------------------------------------------------------------------------


@over()
@pytest.mark.parametrize(
    "fault",
    [
        Fault(times=2, reply=Reply(status=502, data="bad gateway")),
        Fault(times=2, drop=True),
        Fault(times=2, truncate=True),
    ],
    ids=["502", "dropped", "truncated"],
)
def test_what_passes_is_asked_again(scene: Scene, fault: Fault) -> None:
    number = scene.repository.open("a")
    scene.server.faults.append(replace(fault))
    snapshot = scene.source().snapshot()
    assert snapshot.complete
    assert _open(snapshot) == {number}


@over()
def test_what_does_not_pass_is_unavailable(scene: Scene) -> None:
    scene.server.faults.append(Fault(times=99, reply=Reply(status=503, data={"message": "down"})))
    with scene.server.counting() as asked:
        error = _refusal(scene)
    assert "503 down" in error.problem
    assert len(asked) == 3


@over()
def test_no_answer_in_time_is_unavailable(scene: Scene) -> None:
    scene.server.faults.append(Fault(times=99, delay=0.2))
    assert "no answer in time" in _refusal(scene, timeout=0.05).problem


@over()
def test_all_requests_together_are_bounded_in_time(scene: Scene) -> None:
    scene.server.faults.append(Fault(times=99, delay=0.1))
    error = _refusal(scene, time_limit=0.05)
    assert "within 0.05 seconds" in error.problem
    assert "`time_limit`" in error.remedy


@over()
def test_nobody_there_is_unavailable(scene: Scene) -> None:
    error = _refusal(scene, url="http://127.0.0.1:9")
    assert "127.0.0.1:9" in error.remedy


@over("newest")
def test_a_page_that_cannot_be_had_leaves_what_is_known_uncertain(scene: Scene) -> None:
    numbers = {scene.repository.open(f"feature/{each}") for each in range(7)}
    second = lambda asked: asked.page == 2  # noqa: E731
    scene.server.faults.append(Fault(times=3, when=second, reply=Reply(status=500, data="")))
    snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert snapshot.note is not None
    assert "500" in snapshot.note
    assert 0 < len(_open(snapshot)) < len(numbers)
    again = scene.source().snapshot()
    assert again.complete
    assert _open(again) == numbers


@over("newest")
def test_changes_that_cannot_be_had_leave_what_was_known_uncertain(scene: Scene) -> None:
    numbers = [scene.repository.open(f"feature/{each}") for each in range(7)]
    scene.repository.close(numbers[2])
    assert _states(scene.source().snapshot())[numbers[2]] is BranchState.CLOSED
    # Open again, it is on a page that is not seen: nobody may say that it is closed still.
    scene.repository.reopen(numbers[2])
    for number in numbers[3:]:
        scene.repository.push(number)
    second = lambda asked: asked.page == 2  # noqa: E731
    scene.server.faults.append(Fault(times=3, when=second, reply=Reply(status=500, data="")))
    snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert set(_states(snapshot)) == set(numbers[-3:])


@over("newest")
def test_pages_that_never_end_are_left(scene: Scene) -> None:
    for each in range(3):
        scene.repository.open(f"feature/{each}")
    truth = scene.server.truth

    def endless(asked: Asked) -> Reply:
        first = replace(asked, query={**asked.query, "page": "1"})
        reply = truth(first)
        following = {"X-Next-Page": "2", "Link": f'<{scene.server.url}/x?page=2>; rel="next"'}
        return replace(reply, headers={**reply.headers, **following})

    scene.server.truth = endless  # type: ignore[method-assign]
    with scene.server.counting() as asked:
        snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert len(asked) < 10


@over()
def test_a_refused_token_names_the_field(scene: Scene) -> None:
    scene.repository.token = "renewed"
    error = _refusal(scene)
    assert "401" in error.problem
    assert "`token`" in error.remedy
    assert "read" in error.remedy


@over()
def test_a_token_that_may_not_read_is_told_the_least_right(scene: Scene) -> None:
    reply = scene.server.dialect.error(403, "insufficient_scope")
    scene.server.faults.append(Fault(times=9, reply=reply))
    error = _refusal(scene)
    assert "403" in error.problem
    assert "read" in error.remedy


@over()
def test_a_repository_that_is_not_there_names_the_field(scene: Scene) -> None:
    missing = scene.kind.repository.replace("pipelines", "missing")
    error = _refusal(scene, repository=missing)
    assert "404" in error.problem
    assert missing in error.problem
    assert "repository" in error.remedy


@over()
@pytest.mark.parametrize(
    "data",
    ["<html>Sign in</html>", {"pulls": []}, "[", "null", ""],
    ids=["html", "object", "half", "null", "nothing"],
)
def test_what_is_not_the_forges_answer_is_not_taken_for_one(scene: Scene, data: object) -> None:
    scene.repository.open("a")
    scene.server.faults.append(Fault(times=9, reply=Reply(data=data)))
    assert "unexpected" in _refusal(scene).problem


@over("newest")
def test_a_pull_request_that_cannot_be_read_is_not_dropped_silently(scene: Scene) -> None:
    kept = scene.repository.open("a")
    scene.repository.open("b")
    truth = scene.server.truth

    def spoilt(asked: Asked) -> Reply:
        reply = truth(asked)
        if isinstance(reply.data, list):
            for each in reply.data:
                for name in ("number", "iid", "id"):
                    if each.get(name) == 2:
                        each[name] = "two"
        return reply

    scene.server.truth = spoilt  # type: ignore[method-assign]
    snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert snapshot.note is not None
    assert "could not be read" in snapshot.note
    assert _open(snapshot) == {kept}


@over()
def test_a_short_wait_is_waited(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(conversation, "sleep", slept.append)
    number = scene.repository.open("a")
    scene.server.faults.append(Fault(reply=scene.kind.limited(5)))
    assert _open(scene.source().snapshot()) == {number}
    (seconds,) = slept
    assert 3 <= seconds <= 6


@over()
def test_a_long_wait_is_not_waited_but_told(scene: Scene) -> None:
    scene.server.faults.append(Fault(times=9, reply=scene.kind.limited(3000)))
    with scene.server.counting() as asked:
        error = _refusal(scene)
    until = datetime.now(tz=timezone.utc) + timedelta(seconds=3000)
    assert "rate limit" in error.problem
    assert f"{until:%Y-%m-%d %H}" in error.problem or until.minute < 1
    assert len(asked) == 1
    # Asking on while it is limited makes forges angry: the next tick does not.
    with scene.server.counting() as asked:
        assert "rate limit" in _refusal(scene).problem
    assert asked == []


@over("newest")
def test_a_limit_in_the_middle_leaves_what_is_known_uncertain(scene: Scene) -> None:
    for each in range(7):
        scene.repository.open(f"feature/{each}")
    second = lambda asked: asked.page == 2  # noqa: E731
    scene.server.faults.append(Fault(when=second, reply=scene.kind.limited(3000)))
    snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert snapshot.note is not None
    assert "rate limit" in snapshot.note


@over()
def test_a_renamed_repository_is_followed_on_the_same_host(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    number = scene.repository.open("a")
    old = scene.kind.repository.replace("pipelines", "before")
    fits = lambda asked: "before" in asked.path  # noqa: E731
    truth = scene.server.truth

    def moved(asked: Asked) -> Reply:
        if not fits(asked):
            return truth(asked)
        query = "&".join(f"{name}={value}" for name, value in asked.query.items())
        path = asked.quoted.replace("before", "pipelines")
        return Reply(status=301, headers={"Location": f"{scene.server.url}{path}?{query}"})

    scene.server.truth = moved  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        snapshot = scene.source(repository=old).snapshot()
    assert _open(snapshot) == {number}
    # Its environments go by the configured name.
    assert snapshot.repository == old
    assert "renamed" in caplog.text
    assert TOKEN not in caplog.text


@over()
def test_a_redirect_to_another_host_is_not_followed(scene: Scene) -> None:
    with scene_of(scene.kind) as other:
        location = {"Location": f"{other.server.url}/elsewhere"}
        scene.server.faults.append(Fault(times=9, reply=Reply(status=302, headers=location)))
        error = _refusal(scene)
        assert other.server.asked == []
    assert "not followed" in error.problem


@over()
def test_redirects_in_a_circle_end(scene: Scene) -> None:
    location = {"Location": f"{scene.server.url}/again"}
    scene.server.faults.append(Fault(times=99, reply=Reply(status=302, headers=location)))
    with scene.server.counting() as asked:
        assert "redirects" in _refusal(scene).problem
    assert len(asked) <= 5


@over()
def test_no_secret_in_repr_or_in_what_is_refused_at_definition(scene: Scene) -> None:
    assert TOKEN not in repr(scene.source())
    assert TOKEN not in str(scene.source())
    for fields in ({"repository": "//"}, {"url": "http://forge.example"}, {"timeout": 0}):
        with pytest.raises(ValueError, match=next(iter(fields))) as caught:
            scene.source(**fields)
        assert TOKEN not in str(caught.value)


@over("plain")
@pytest.mark.parametrize("end", ["\n", "\r\nX-Other: 1", "é"])
def test_a_token_with_a_line_end_is_told_and_not_shown(scene: Scene, end: str) -> None:
    error = _refusal(scene, token=TOKEN + end)
    assert "line end" in error.problem
    assert error.__cause__ is None
    assert scene.server.asked == []


@over()
def test_a_forge_that_says_unchanged_unasked_is_not_believed(scene: Scene) -> None:
    scene.repository.open("a")
    scene.server.faults.append(Fault(times=9, reply=Reply(status=304)))
    assert "unexpected" in _refusal(scene).problem


@over()
def test_a_forge_that_repeats_the_token_in_its_error_does_not_get_it_said(scene: Scene) -> None:
    reply = scene.server.dialect.error(400, f"bad token {TOKEN}")
    scene.server.faults.append(Fault(times=9, reply=reply))
    assert "***" in _refusal(scene).problem
