"""Azure DevOps sorts no list by last update; what is called complete is so all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import stamina

from branch_toolkit.branches import azure_devops
from branch_toolkit.branches.azure_devops import AzureDevOpsBranches
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.branch import BranchSnapshot, BranchState
from branch_toolkit_demo.forge_server import Asked, Fault, Reply
from branch_toolkit_tests.contract.forges.azure_devops import AZURE_DEVOPS
from branch_toolkit_tests.contract.forges.kinds import TOKEN, Scene, scene_of


@pytest.fixture
def scene() -> Iterator[Scene]:
    MEMORY.forget()
    with scene_of(AZURE_DEVOPS) as made, stamina.set_testing(True, attempts=2):
        yield made


def _open(snapshot: BranchSnapshot) -> set[int | None]:
    return {b.key.number for b in snapshot.branches if b.state is BranchState.OPEN}


def _state(snapshot: BranchSnapshot, number: int) -> BranchState:
    return {branch.key.number: branch.state for branch in snapshot.branches}[number]


def _asked(asked: list[Asked]) -> list[tuple[str, int]]:
    return [(a.query["searchCriteria.status"], int(a.query["$skip"])) for a in asked]


def _opened(scene: Scene, count: int) -> list[int]:
    return [scene.repository.open(f"feature/{each}") for each in range(count)]


# --- how little is asked ------------------------------------------------------------------------


def test_on_one_page_nothing_changed_is_one_request(scene: Scene) -> None:
    _opened(scene, 2)
    first = scene.source().snapshot()
    with scene.server.counting() as asked:
        assert scene.source().snapshot() == first
    assert _asked(asked) == [("active", 0)]


@pytest.mark.parametrize("edit", ["push", "close", "merge", "label", "retarget", "ready"])
def test_each_change_is_seen(scene: Scene, edit: str) -> None:
    first, second = _opened(scene, 2)
    source = scene.source()
    before = source.snapshot()
    arguments: dict[str, dict[str, object]] = {
        "retarget": {"base": "next"},
        "ready": {"draft": True},
    }
    if edit == "label":
        scene.repository.label(first, "data")
    else:
        getattr(scene.repository, edit)(first, **arguments.get(edit, {}))
    after = source.snapshot()
    assert after.complete
    assert after.branches != before.branches
    assert _open(after) >= {second}


def test_how_one_ended_is_asked_for_when_it_did_and_then_remembered(scene: Scene) -> None:
    merged, closed = _opened(scene, 2)
    source = scene.source()
    source.snapshot()
    scene.repository.merge(merged)
    scene.repository.close(closed)
    with scene.server.counting() as asked:
        source.snapshot()
    assert _asked(asked) == [("active", 0), ("completed", 0), ("abandoned", 0)]
    # Later ones push it off the newest page; it is known still.
    for number in _opened(scene, 4):
        scene.repository.close(number)
    scene.repository.open("changes the open ones")
    snapshot = source.snapshot()
    assert _state(snapshot, closed) is BranchState.CLOSED
    assert _state(snapshot, merged) is BranchState.MERGED


def test_what_ended_is_asked_for_again_every_few_hours(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    _opened(scene, 1)
    scene.source().snapshot()
    later = azure_devops.time.monotonic() + 5 * 60 * 60
    monkeypatch.setattr(azure_devops.time, "monotonic", lambda: later)
    with scene.server.counting() as asked:
        scene.source().snapshot()
    assert len(asked) == 3


def test_another_credential_does_not_get_what_is_remembered(scene: Scene) -> None:
    _opened(scene, 1)
    scene.source().snapshot()
    scene.repository.token = "another"
    with scene.server.counting() as asked:
        scene.source(token="another").snapshot()
    assert len(asked) == 3


# --- more than a page ---------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 4, 7, 9])
def test_several_pages_are_walked_twice_and_agree(scene: Scene, count: int) -> None:
    numbers = _opened(scene, count)
    with scene.server.counting() as asked:
        snapshot = scene.source().snapshot()
    assert (_open(snapshot), snapshot.complete) == (set(numbers), True)
    walk = [("active", skip) for skip in range(0, count + 1, 3)]
    assert _asked(asked) == [*walk, *walk, ("completed", 0), ("abandoned", 0)]


def _turning_a_page(scene: Scene, edit: Callable[[], None], *, times: int) -> None:
    """Edits before each of the first requests for the second page."""
    left = [times]

    def before(asked: Asked) -> None:
        if asked.query.get("$skip") == "3" and left[0] > 0:
            left[0] -= 1
            edit()

    scene.server.before = before


def test_one_that_is_closed_while_a_page_is_turned_hides_no_other(scene: Scene) -> None:
    numbers = _opened(scene, 7)
    # The newest are on the first page; with one gone, the fourth is on the first page as well.
    _turning_a_page(scene, lambda: scene.repository.close(numbers[-1]), times=1)
    snapshot = scene.source().snapshot()
    assert snapshot.complete
    assert _open(snapshot) == set(numbers[:-1])


def test_while_some_are_closed_all_the_time_nothing_is_certain(scene: Scene) -> None:
    numbers = _opened(scene, 20)
    left = list(numbers)
    _turning_a_page(scene, lambda: scene.repository.close(left.pop()), times=10)
    snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert "opened or closed" in (snapshot.note or "")
    assert _open(snapshot) >= set(left)


def test_what_is_only_remembered_is_not_told_where_the_list_breaks_off(scene: Scene) -> None:
    numbers = _opened(scene, 7)
    source = scene.source()
    scene.repository.close(numbers[0])
    assert _state(source.snapshot(), numbers[0]) is BranchState.CLOSED
    # Open again, and the oldest, it is on the last page.
    scene.repository.reopen(numbers[0])
    fault = Fault(times=9, when=lambda asked: asked.query["$skip"] == "3", drop=True)
    scene.server.faults.append(fault)
    snapshot = source.snapshot()
    assert not snapshot.complete
    assert "broke off" in (snapshot.note or "")
    assert {branch.key.number for branch in snapshot.branches} == set(numbers[-3:])


def test_pages_that_never_end_are_left(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("branch_toolkit.branches.azure_listing._MOST_PAGES", 5)
    _opened(scene, 3)
    truth = scene.server.truth
    scene.server.truth = lambda asked: truth(  # type: ignore[method-assign]
        Asked(
            method="GET",
            path=asked.path,
            query={**asked.query, "$skip": "0"},
            headers=asked.headers,
        )
    )
    with scene.server.counting() as asked:
        snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert "always another" in (snapshot.note or "")
    assert len(asked) == 5


# --- what cannot be read ------------------------------------------------------------------------


def test_how_they_ended_cannot_be_had(scene: Scene) -> None:
    *numbers, closed = _opened(scene, 3)
    scene.repository.close(closed)
    source = scene.source()
    source.snapshot()
    numbers.append(scene.repository.open("changes the open ones"))
    when = lambda asked: asked.query["searchCriteria.status"] == "abandoned"  # noqa: E731
    scene.server.faults.append(Fault(times=9, when=when, reply=Reply(status=500, data="")))
    snapshot = source.snapshot()
    assert {branch.key.number for branch in snapshot.branches} == set(numbers)
    assert not snapshot.complete
    assert "500" in (snapshot.note or "")


def test_a_project_that_is_not_shown_any_more_is_not_one_whose_branches_are_gone(
    scene: Scene,
) -> None:
    (number,) = _opened(scene, 1)
    source = scene.source()
    scene.repository.close(number)
    assert source.snapshot().complete
    # The last open one had ended before, so the list of open ones is as it was.
    scene.server.truth = lambda _: Reply(data={"value": [], "count": 0})  # type: ignore[method-assign]
    snapshot = source.snapshot()
    assert (snapshot.branches, snapshot.complete) == ((), False)
    assert "no pull request in any state" in (snapshot.note or "")


def test_one_that_cannot_be_read_is_not_told_as_it_was_remembered(scene: Scene) -> None:
    first, second = _opened(scene, 2)
    source = scene.source()
    scene.repository.close(second)
    assert _state(source.snapshot(), second) is BranchState.CLOSED
    scene.repository.reopen(second)
    _without_numbers(scene, but=first)
    snapshot = source.snapshot()
    assert {branch.key.number for branch in snapshot.branches} == {first}
    assert not snapshot.complete


def test_one_without_a_number_is_not_dropped_silently(scene: Scene) -> None:
    first, _ = _opened(scene, 2)
    _without_numbers(scene, but=first)
    snapshot = scene.source().snapshot()
    assert _open(snapshot) == {first}
    assert not snapshot.complete
    assert "could not be read" in (snapshot.note or "")


def _without_numbers(scene: Scene, *, but: int) -> None:
    truth = scene.server.truth

    def spoilt(asked: Asked) -> Reply:
        reply = truth(asked)
        assert isinstance(reply.data, dict)
        for each in reply.data["value"]:
            if each["pullRequestId"] != but:
                each["pullRequestId"] = None
        return reply

    scene.server.truth = spoilt  # type: ignore[method-assign]


def test_one_that_is_open_and_ended_at_once_is_open(scene: Scene) -> None:
    (number,) = _opened(scene, 1)

    def before(asked: Asked) -> None:
        if asked.query["searchCriteria.status"] == "completed":
            scene.repository.merge(number)

    scene.server.before = before
    assert _open(scene.source().snapshot()) == {number}
    assert _state(scene.source().snapshot(), number) is BranchState.MERGED


# --- the credential -----------------------------------------------------------------------------


def test_a_pipelines_token_is_sent_as_bearer(scene: Scene) -> None:
    (number,) = _opened(scene, 1)
    source = scene.source(token=None, access_token=TOKEN)
    assert _open(source.snapshot()) == {number}
    assert scene.server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_refused_credential_is_not_answered_by_a_page_to_log_in(scene: Scene) -> None:
    scene.source().snapshot()
    assert scene.server.asked[0].headers["x-tfs-fedauthredirect"] == "Suppress"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"organization": "https://dev.azure.com/acme"}, "their names alone"),
        ({"project": ""}, "their names alone"),
        ({"repository": "Data/pipelines"}, "their names alone"),
        ({"access_token": "other"}, "either `token` or `access_token`"),
        ({"url": "http://tfs.example", "access_token": None}, "https://"),
        ({"page_size": 0}, "page_size"),
    ],
)
def test_a_mistake_is_told_at_definition(fields: dict[str, object], said: str) -> None:
    given = {"organization": "acme", "project": "Data", "repository": "pipelines", "token": TOKEN}
    with pytest.raises(ValueError, match=said) as caught:
        AzureDevOpsBranches(**{**given, **fields})  # type: ignore[arg-type]
    assert TOKEN not in str(caught.value)
