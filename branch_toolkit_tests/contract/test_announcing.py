"""What every forge that can be told must do: one comment, edited in place, and one status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import stamina

from branch_toolkit.branches import Announcement, StatusState
from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit_demo.forge import OWNER, ForgeComment, ForgeStatus
from branch_toolkit_demo.forge_server import Asked, Fault, Reply
from branch_toolkit_tests.contract.forges.kinds import TOKEN, Scene
from branch_toolkit_tests.contract.test_branch_source import over, scene

__all__ = ["scene"]

MARKER = "branch-toolkit acme"


@pytest.fixture(autouse=True)
def _without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


def _announcement(scene: Scene, number: int, **fields: object) -> Announcement:
    given: dict[str, object] = {
        "number": number,
        "marker": MARKER,
        "text": "The environment is ready.",
        "sha": scene.repository.pull_requests[number].sha,
        "summary": "ready",
        "url": "https://dagster.example/runs/1",
    }
    return Announcement(**{**given, **fields})  # type: ignore[arg-type]


def _comments(scene: Scene, number: int) -> list[ForgeComment]:
    return scene.repository.pull_requests[number].comments


def _statuses(scene: Scene, number: int) -> list[ForgeStatus]:
    return scene.repository.statuses.get(scene.repository.pull_requests[number].sha, [])


def _writes(asked: list[Asked]) -> list[str]:
    return [each.path for each in asked if each.method != "GET"]


@over("announces")
def test_nothing_is_announced_unless_it_is_wanted(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source()
    assert not source.announces
    source.announce(_announcement(scene, number))
    assert scene.server.asked == []


@over("announces")
def test_one_comment_is_made_and_then_edited_where_it_stands(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source(comments=True)
    assert source.announces
    source.announce(_announcement(scene, number))
    scene.repository.comment(number, "Thanks!")
    source.announce(_announcement(scene, number, text="The environment expires on Friday."))
    ours, other = _comments(scene, number)
    assert ours.text == f"<!-- {MARKER} -->\nThe environment expires on Friday."
    assert other.text == "Thanks!"
    assert _statuses(scene, number) == []


@over("announces")
def test_what_is_said_already_is_not_said_again(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source(comments=True, commit_statuses=True)
    source.announce(_announcement(scene, number, text="Two lines  \r\nof text.\n"))
    _comments(scene, number)[0].text = f"<!-- {MARKER} -->\nTwo lines\nof text."
    with scene.server.counting() as asked:
        source.announce(_announcement(scene, number, text="Two lines  \r\nof text.\n"))
    assert _writes(asked) == []
    assert len(_comments(scene, number)) == len(_statuses(scene, number)) == 1


@over("announces")
def test_our_comment_is_found_behind_many_others(scene: Scene) -> None:
    number = scene.repository.open("a")
    for each in range(5):
        # What GitLab notes of itself, such as pushes, may fill whole pages.
        scene.repository.comment(number, f"added {each} commits", author=OWNER)
    source = scene.source(comments=True)
    source.announce(_announcement(scene, number))
    source.announce(_announcement(scene, number, text="Another text."))
    assert len(_comments(scene, number)) == 6
    assert _comments(scene, number)[-1].text.endswith("Another text.")


@over("announces")
def test_who_quotes_or_imitates_our_comment_is_left_alone(scene: Scene) -> None:
    number = scene.repository.open("a")
    quoted = scene.repository.comment(number, f"You said <!-- {MARKER} -->", author=OWNER)
    imitated = scene.repository.comment(number, f"<!-- {MARKER} -->\nmine", author="stranger")
    other = scene.repository.comment(number, f"<!-- {MARKER} two -->\ntheirs", author=OWNER)
    before = [quoted.text, imitated.text, other.text]
    scene.source(comments=True).announce(_announcement(scene, number))
    assert [each.text for each in _comments(scene, number)[:3]] == before
    assert len(_comments(scene, number)) == 4


@over("announces")
def test_of_two_comments_of_ours_the_oldest_is_used(scene: Scene) -> None:
    number = scene.repository.open("a")
    for text in ("old", "young"):
        scene.repository.comment(number, f"<!-- {MARKER} -->\n{text}", author=OWNER)
    scene.source(comments=True).announce(_announcement(scene, number, text="new"))
    lines = [each.text.splitlines()[-1] for each in _comments(scene, number)]
    assert lines == ["new", "young"]


@over("announces")
def test_a_status_is_set_and_changed(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source(commit_statuses=True)
    for state in (StatusState.PENDING, StatusState.SUCCESS, StatusState.FAILURE):
        source.announce(_announcement(scene, number, status=state, summary=state.value))
    found = _statuses(scene, number)
    assert [each.summary for each in found] == ["pending", "success", "failure"]
    assert {each.name for each in found} == {"branch-toolkit"}
    assert found[0].url == "https://dagster.example/runs/1"
    assert _comments(scene, number) == []


@over("announces")
def test_a_status_that_waits_may_get_another_text(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source(commit_statuses=True)
    for summary in ("1 of 2", "2 of 2"):
        source.announce(_announcement(scene, number, status=StatusState.PENDING, summary=summary))
    assert _statuses(scene, number)[0].summary == "1 of 2"


@over("announces")
def test_a_long_summary_is_cut(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source(commit_statuses=True)
    source.announce(_announcement(scene, number, summary="word " * 50))
    (status,) = _statuses(scene, number)
    assert len(status.summary) == 140
    assert status.summary.endswith("…")
    with scene.server.counting() as asked:
        source.announce(_announcement(scene, number, summary="word " * 50))
    assert _writes(asked) == []


@over("announces")
def test_without_a_commit_or_a_link_there_is_still_a_comment(scene: Scene) -> None:
    number = scene.repository.open("a")
    source = scene.source(comments=True, commit_statuses=True)
    source.announce(_announcement(scene, number, sha=None))
    assert len(_comments(scene, number)) == 1
    source.announce(_announcement(scene, number, url=None))
    assert [each.url for each in _statuses(scene, number)] == [None]
    with scene.server.counting() as asked:
        source.announce(_announcement(scene, number, url=None))
    assert _writes(asked) == []


@over("announces")
def test_a_comment_whose_answer_was_lost_is_not_made_twice(scene: Scene) -> None:
    number = scene.repository.open("a")
    posting = lambda asked: asked.method == "POST"  # noqa: E731
    scene.server.faults.append(Fault(when=posting, drop=True, late=True))
    source = scene.source(comments=True)
    with pytest.raises(BranchSourceUnavailable):
        source.announce(_announcement(scene, number))
    source.announce(_announcement(scene, number))
    assert len(_comments(scene, number)) == 1


@over("announces")
def test_a_token_that_may_not_write_is_told_the_least_right(scene: Scene) -> None:
    number = scene.repository.open("a")
    reply = scene.server.dialect.error(403, "not accessible")
    scene.server.faults.append(Fault(when=lambda a: a.method == "POST", reply=reply))
    with pytest.raises(BranchSourceUnavailable, match="403") as caught:
        scene.source(comments=True).announce(_announcement(scene, number))
    assert "write" in caught.value.remedy or "`api`" in caught.value.remedy
    assert TOKEN not in str(caught.value)
    assert "it is not announced" in caught.value.remedy


@over("announces")
def test_a_pull_request_that_is_not_there_is_told_so(scene: Scene) -> None:
    announcement = Announcement(number=99, marker=MARKER, text="Hello")
    with pytest.raises(BranchSourceUnavailable, match="no such pull request"):
        scene.source(comments=True).announce(announcement)


@over("announces")
def test_a_write_is_not_sent_on_to_another_address(scene: Scene) -> None:
    number = scene.repository.open("a")
    moved = Reply(status=307, headers={"Location": f"{scene.server.url}/elsewhere"})
    scene.server.faults.append(Fault(when=lambda a: a.method == "POST", reply=moved))
    with scene.server.counting() as asked, pytest.raises(BranchSourceUnavailable, match="name"):
        scene.source(comments=True).announce(_announcement(scene, number))
    assert not any("elsewhere" in each.path for each in asked)


@over("announces")
def test_comments_whose_pages_never_end_are_left(scene: Scene) -> None:
    number = scene.repository.open("a")
    for each in range(3):
        scene.repository.comment(number, f"Comment {each}")
    truth = scene.server.truth

    def endless(asked: Asked) -> Reply:
        reply = truth(replace(asked, query={**asked.query, "page": "1"}))
        if asked.method != "GET":
            return reply
        following = {"X-Next-Page": "2", "Link": f'<{scene.server.url}/x?page=2>; rel="next"'}
        return replace(reply, headers={**reply.headers, **following})

    scene.server.truth = endless  # type: ignore[method-assign]
    with scene.server.counting() as asked:
        scene.source(comments=True).announce(_announcement(scene, number))
    assert len(asked) < 6
    assert len(_comments(scene, number)) == 4
