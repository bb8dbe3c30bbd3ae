"""Bitbucket puts its lists into objects, and shows the next page by a link in them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import stamina

from branch_toolkit.branches.bitbucket import BitbucketBranches, bitbucket_branch
from branch_toolkit.branches.items import Item
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.branch import BranchSnapshot, BranchState
from branch_toolkit_demo.forge_server import Asked, Reply
from branch_toolkit_tests.contract import test_branch_source as contract
from branch_toolkit_tests.contract.forges.bitbucket import BITBUCKET
from branch_toolkit_tests.contract.forges.kinds import TOKEN, Scene, scene_of


@pytest.fixture
def scene() -> Iterator[Scene]:
    MEMORY.forget()
    with scene_of(BITBUCKET) as made, stamina.set_testing(True, attempts=3):
        yield made


def _open(snapshot: BranchSnapshot) -> set[int | None]:
    return {b.key.number for b in snapshot.branches if b.state is BranchState.OPEN}


def _changed(scene: Scene, change: Callable[[dict[str, object], Asked], None]) -> None:
    """Changes each list that is answered."""
    truth = scene.server.truth

    def changed(asked: Asked) -> Reply:
        reply = truth(asked)
        if isinstance(reply.data, dict) and "values" in reply.data:
            change(reply.data, asked)
        return reply

    scene.server.truth = changed  # type: ignore[method-assign]


# --- pages --------------------------------------------------------------------------------------


def test_a_link_to_another_host_leads_to_our_own(scene: Scene) -> None:
    numbers = {scene.repository.open(f"feature/{each}") for each in range(8)}
    with scene_of(BITBUCKET) as other:

        def lead_away(data: dict[str, object], _: Asked) -> None:
            if "next" in data:
                data["next"] = str(data["next"]).replace(scene.server.url, other.server.url)

        _changed(scene, lead_away)
        snapshot = scene.source().snapshot()
        assert other.server.asked == []
    assert (_open(snapshot), snapshot.complete) == (numbers, True)


def test_pages_that_never_end_are_left(scene: Scene) -> None:
    for each in range(3):
        scene.repository.open(f"feature/{each}")
    truth = scene.server.truth

    def endless(asked: Asked) -> Reply:
        reply = truth(replace(asked, query={**asked.query, "page": "1"}))
        assert isinstance(reply.data, dict)
        following = f"{scene.server.url}/x?state=OPEN&sort=created_on&pagelen=3&page=2"
        return Reply(data={**reply.data, "next": following})

    scene.server.truth = endless  # type: ignore[method-assign]
    with scene.server.counting() as asked:
        snapshot = scene.source().snapshot()
    assert not snapshot.complete
    assert len(asked) < 10


def test_one_without_a_number_is_not_dropped_silently(scene: Scene) -> None:
    kept = scene.repository.open("a")
    scene.repository.open("b")

    def spoil(data: dict[str, object], _: Asked) -> None:
        values = data["values"]
        assert isinstance(values, list)
        for each in values:
            each["id"] = None if each["id"] != kept else kept

    _changed(scene, spoil)
    snapshot = scene.source().snapshot()
    assert _open(snapshot) == {kept}
    assert not snapshot.complete


def test_an_object_without_a_list_is_not_an_empty_list(scene: Scene) -> None:
    _changed(scene, lambda data, _: data.pop("values"))
    assert "`values`" in contract._refusal(scene).problem


# --- what is asked ------------------------------------------------------------------------------


def test_every_state_is_asked_for_and_no_more_than_a_page_holds(scene: Scene) -> None:
    scene.source().snapshot()
    newest = scene.server.asked[0]
    assert newest.values["state"] == ("OPEN", "MERGED", "DECLINED", "SUPERSEDED")
    assert (newest.query["sort"], newest.query["pagelen"]) == ("-updated_on", "50")


def test_an_api_token_is_sent_with_its_owners_address(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source(username="dev@acme.example")
    pair = base64.b64encode(f"dev@acme.example:{TOKEN}".encode()).decode()
    scene.server.dialect.allows = (  # type: ignore[method-assign]
        lambda asked, _: asked.headers["authorization"] == f"Basic {pair}"
    )
    assert _open(source.snapshot()) == {number}
    reply = scene.server.dialect.error(400, f"what is {pair}?")
    scene.server.truth = lambda _: reply  # type: ignore[method-assign]
    assert pair not in str(contract._refusal(scene, username="dev@acme.example"))


def test_a_line_end_in_an_api_token_is_told_and_not_shown(scene: Scene) -> None:
    error = contract._refusal(scene, username="dev@acme.example", token=f"{TOKEN}\n")
    assert "line end" in error.problem
    assert scene.server.asked == []


# --- what is told -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("OPEN", BranchState.OPEN),
        ("MERGED", BranchState.MERGED),
        ("DECLINED", BranchState.CLOSED),
        ("SUPERSEDED", BranchState.CLOSED),
        ("QUEUED", BranchState.UNKNOWN),
        (None, BranchState.UNKNOWN),
    ],
)
def test_each_state_is_understood_or_kept(said: str | None, state: BranchState) -> None:
    branch = bitbucket_branch(Item({"id": 7, "state": said}), repository="acme/pipelines")
    assert branch.state is state


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"repository": "pipelines"}, "workspace/name"),
        ({"username": "dev", "token": None}, "give `token` too"),
        ({"url": "http://api.bitbucket.org/2.0"}, "https://"),
    ],
)
def test_a_mistake_is_told_at_definition(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        BitbucketBranches(**{"repository": "acme/pipelines", "token": TOKEN, **fields})  # type: ignore[arg-type]
    assert TOKEN not in str(caught.value)


# --- what it shares with the forges that have everything ----------------------------------------


@pytest.mark.parametrize(
    "check",
    [
        contract.test_many_pages_are_all_read_and_then_one_request_tells_that_nothing_changed,
        contract.test_one_change_is_one_request,
        contract.test_more_changes_than_are_worth_following_are_listed_anew,
        contract.test_another_credential_or_repository_does_not_get_what_is_remembered,
        contract.test_one_that_is_closed_between_two_pages_hides_no_other,
        contract.test_one_that_is_opened_between_two_pages_is_seen,
        contract.test_where_something_always_moves_nothing_is_certain,
        contract.test_a_single_page_is_certain_whatever_moves,
        contract.test_a_page_that_cannot_be_had_leaves_what_is_known_uncertain,
        contract.test_changes_that_cannot_be_had_leave_what_was_known_uncertain,
    ],
)
def test_it_keeps_the_contract(check: Callable[[Scene], None], scene: Scene) -> None:
    check(scene)
