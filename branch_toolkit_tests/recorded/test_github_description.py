"""GitHub's own description of its API judges our requests, and its examples are read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator, ValidationError

from branch_toolkit.branches import Announcement, StatusState
from branch_toolkit.branches.github import GitHubBranches
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.branch import BranchState
from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_demo.forge_server import Asked, Reply
from branch_toolkit_demo.github_double import serve_github
from branch_toolkit_tests.recorded.description import (
    COMMENT,
    COMMENTS,
    PULLS,
    STATUS,
    STATUSES,
    USER,
    answer_schema,
    parameters,
    path_of,
    prism,
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prism(tmp_path_factory.mktemp("prism")) as address:
        yield address


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    MEMORY.forget()


def test_our_question_is_one_that_github_describes_and_its_example_is_read(url: str) -> None:
    snapshot = GitHubBranches(repository="octocat/Hello-World", token="secret", url=url).snapshot()
    (branch,) = snapshot.branches
    assert snapshot.complete
    assert branch.key.number == 1347
    assert (branch.name, branch.base, branch.state) == ("new-topic", "master", BranchState.OPEN)
    assert branch.sha == "6dcb09b5b57875f334f61aebed695e2e4193db5e"
    assert branch.labels == {"bug"}
    assert branch.url == "https://github.com/octocat/Hello-World/pull/1347"


def test_our_announcement_is_one_that_github_describes(url: str) -> None:
    source = GitHubBranches(
        repository="octocat/Hello-World",
        token="secret",
        url=url,
        comments=True,
        commit_statuses=True,
    )
    # Prism answers 422 to a body or a field that the description does not allow.
    source.announce(_announcement("Ready", sha="6dcb09b5b57875f334f61aebed695e2e4193db5e"))


def test_an_app_asks_for_its_token_as_github_describes(url: str) -> None:
    pytest.importorskip("jwt", reason="pyjwt is not installed")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    source = GitHubBranches(
        repository="octocat/Hello-World", app_id="1", private_key=key.decode(), url=url
    )
    assert source.snapshot().complete


def test_what_github_does_not_describe_is_refused(url: str) -> None:
    # Otherwise the tests above would pass whatever we ask.
    source = GitHubBranches(
        repository="octocat/Hello-World", token="secret", url=url, commit_statuses=True
    )
    forge = source._forge()
    with (
        source._conversation(forge) as talk,
        pytest.raises(BranchSourceUnavailable, match="422"),
    ):
        talk.send("POST", "/repos/a/b/statuses/c0ffee", {"state": "green"}, again=True)
    with (
        source._conversation(forge) as talk,
        pytest.raises(BranchSourceUnavailable, match="422"),
    ):
        talk.get("/repos/a/b/pulls", (("state", "every"),))


# --- the demo's GitHub --------------------------------------------------------------------------


@pytest.fixture
def exchanged() -> list[tuple[Asked, Reply]]:
    """What our source and the demo's GitHub said to each other, of every kind."""
    repository = ForgeRepository(token="secret")
    _every_kind_of_pull_request(repository)
    with serve_github(repository, most_per_page=2) as server:
        source = GitHubBranches(
            repository=repository.name,
            token="secret",
            url=server.url,
            comments=True,
            commit_statuses=True,
        )
        source.snapshot()
        for text in ("Ready", "Retired"):
            source.announce(_announcement(text, sha=repository.pull_requests[1].sha))
        return [(asked, server.truth(asked)) for asked in server.asked]


def _every_kind_of_pull_request(repository: ForgeRepository) -> None:
    for number in (
        repository.open("feature/login", labels=("data", "keep")),
        repository.open("draft", draft=True, fork="somebody"),
        repository.open("gone", fork="somebody"),
        repository.open("merged"),
        repository.open("closed"),
    ):
        repository.comment(number, "Looks good")
    repository.delete_fork(3)
    repository.merge(4)
    repository.close(5)


def _announcement(text: str, *, sha: str) -> Announcement:
    return Announcement(
        number=1,
        marker="<!-- branch-toolkit -->",
        text=f"<!-- branch-toolkit -->\n{text}",
        sha=sha,
        status=StatusState.SUCCESS,
        summary=text,
        url="https://dagster.example/runs/1",
    )


def test_the_demos_github_answers_as_github_is_described(
    exchanged: list[tuple[Asked, Reply]],
) -> None:
    judged = set()
    for asked, reply in exchanged:
        method, path = asked.method.lower(), path_of(asked.path)
        if path == USER:
            # The demo has the few fields of a user in a list; what is read is the login.
            continue
        schema = answer_schema(method, path, reply.status)
        wrong = [_said(each) for each in Draft202012Validator(schema).iter_errors(reply.data)]
        assert [each for each in wrong if each not in _NOT_DESCRIBED] == [], (method, path)
        judged.add((method, path))
    assert judged >= {
        ("get", PULLS),
        ("get", COMMENTS),
        ("post", COMMENTS),
        ("patch", COMMENT),
        ("get", STATUSES),
        ("post", STATUS),
    }


def test_we_ask_by_no_other_name_than_github_describes(
    exchanged: list[tuple[Asked, Reply]],
) -> None:
    assert any(asked.query for asked, _ in exchanged)
    for asked, _ in exchanged:
        known = parameters(asked.method.lower(), path_of(asked.path))
        assert set(asked.query) <= known, asked.path


# The description forgets forks that are deleted; the recorded answers have such.
_NOT_DESCRIBED = frozenset(f"$[{n}].head.repo: None is not of type 'object'" for n in range(2))


def _said(error: ValidationError) -> str:
    return f"{error.json_path}: {error.message[:200]}"
