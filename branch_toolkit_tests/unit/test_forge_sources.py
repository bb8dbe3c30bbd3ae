"""What of a forge's source is seen when it is defined, and how it signs in and remembers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import dagster as dg
import jwt
import pytest
import stamina
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from branch_toolkit.branches import Announcement, github_app
from branch_toolkit.branches.conversation import Conversation
from branch_toolkit.branches.gitea import GiteaBranches
from branch_toolkit.branches.github import GitHubBranches
from branch_toolkit.branches.gitlab import GitLabBranches
from branch_toolkit.branches.listing import Known, Page
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.branches.remembering import MEMORY, Memory
from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_demo.forge_server import Asked, Fault, ForgeServer, Reply
from branch_toolkit_demo.github_double import GitHubDialect, serve_github
from branch_toolkit_demo.github_shapes import APP_ID
from branch_toolkit_tests.contract.forges.gitlab import GITLAB
from branch_toolkit_tests.contract.forges.kinds import scene_of

SECRET = "s3cret-t0ken"


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def server() -> Iterator[ForgeServer]:
    MEMORY.forget()
    with serve_github(ForgeRepository()) as made, stamina.set_testing(True, attempts=3):
        yield made


def _app_source(server: ForgeServer, private_key: str, **fields: object) -> GitHubBranches:
    given: dict[str, object] = {"app_id": str(APP_ID), "private_key": private_key, **fields}
    return GitHubBranches(repository="acme/pipelines", url=server.url, **given)  # type: ignore[arg-type]


# --- What is refused at definition ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"repository": "pipelines"}, "owner/name"),
        ({"repository": f"https://{SECRET}@github.com/acme/pipelines"}, "owner/name"),
        ({"repository": "acme/pipelines/"}, "owner/name"),
        ({"repository": "acme/pipe lines"}, "owner/name"),
        ({"app_id": "1", "private_key": "k"}, "either `token`"),
        ({"token": None, "app_id": "1"}, "both"),
        ({"token": None, "private_key": SECRET}, "both"),
        ({"installation_id": 7}, "installation_id"),
        ({"url": "http://ghe.example/api/v3"}, "https"),
        ({"url": "ghe.example"}, "https://host"),
        ({"url": f"https://user:{SECRET}@ghe.example/api/v3"}, "without user"),
        ({"timeout": 0}, "greater than 0"),
        ({"time_limit": -1}, "greater than 0"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_refused_with_the_remedy(
    fields: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        GitHubBranches(**{"repository": "acme/pipelines", "token": SECRET, **fields})  # type: ignore[arg-type]
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost"])
def test_on_this_machine_a_credential_may_go_unencrypted(url: str) -> None:
    assert GiteaBranches(repository="acme/pipelines", token=SECRET, url=url).url == url


def test_without_a_credential_nothing_can_be_read_on_the_way() -> None:
    assert GiteaBranches(repository="acme/pipelines", url="http://git.example/api/v1")


@pytest.mark.parametrize("repository", ["acme/pipelines", "acme/data/raw/pipelines", "4711"])
def test_gitlab_projects_have_groups_in_groups_or_an_id(repository: str) -> None:
    assert GitLabBranches(repository=repository).repository == repository


@pytest.mark.parametrize("repository", ["pipelines", "/acme/x", "acme//x", "acme/x?y", ""])
def test_what_is_no_gitlab_project_is_refused(repository: str) -> None:
    with pytest.raises(ValueError, match="group/name"):
        GitLabBranches(repository=repository)


def test_everything_can_be_given_by_environment_variables(
    server: ForgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = server.repository.open("a")
    source = GitHubBranches(
        repository=dg.EnvVar("THE_REPOSITORY"),
        token=dg.EnvVar("THE_TOKEN"),
        url=dg.EnvVar("THE_URL"),
    )
    seen = []

    @dg.asset
    def look(branches: GitHubBranches) -> None:
        seen.extend(branches.snapshot().branches)

    monkeypatch.setenv("THE_REPOSITORY", "acme/pipelines")
    monkeypatch.setenv("THE_TOKEN", "demo")
    monkeypatch.setenv("THE_URL", server.url)
    assert dg.materialize([look], resources={"branches": source}).success
    assert [branch.key.number for branch in seen] == [number]


def test_without_the_extra_the_remedy_is_the_command(
    server: ForgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "branch_toolkit.branches.conversation")
    source = GitHubBranches(repository="acme/pipelines", token="demo", url=server.url)
    with pytest.raises(BranchSourceUnavailable, match=r"dagster-branch-toolkit\[forges\]"):
        source.snapshot()


def test_a_gitlab_project_that_is_given_by_its_id_goes_by_its_path() -> None:
    MEMORY.forget()
    with scene_of(GITLAB) as scene:
        number = scene.repository.open("a")
        sha = scene.repository.pull_requests[number].sha
        source = scene.source(repository="7", comments=True, commit_statuses=True)
        for _ in range(2):
            snapshot = source.snapshot()
        assert snapshot.repository == "acme/data/pipelines"
        assert [branch.repository for branch in snapshot.branches] == ["acme/data/pipelines"]
        assert sum(asked.path == "/projects/7" for asked in scene.server.asked) == 1
        source.announce(Announcement(number=number, marker="m", text="one", sha=sha))
        assert len(scene.repository.pull_requests[number].comments) == 1


def test_a_merge_request_that_stays_locked_is_found_however_old_it_is() -> None:
    MEMORY.forget()
    with scene_of(GITLAB) as scene:
        numbers = [scene.repository.open(f"feature/{each}") for each in range(6)]
        # Its merge failed in the middle, long before the others were last updated.
        scene.repository.pull_requests[numbers[0]].state = "locked"
        snapshot = scene.source().snapshot()
    assert snapshot.complete
    assert {branch.key.number for branch in snapshot.branches} == set(numbers)
    assert not any(branch.state.ended for branch in snapshot.branches)


# --- As an App ------------------------------------------------------------------------------------


def test_an_app_signs_in_where_it_is_installed_and_keeps_its_token(
    server: ForgeServer, private_key: str
) -> None:
    number = server.repository.open("a")
    for _ in range(3):
        snapshot = _app_source(server, private_key).snapshot()
    assert [branch.key.number for branch in snapshot.branches] == [number]
    assert isinstance(server.dialect, GitHubDialect)
    assert server.dialect.app_tokens == 1
    claim = server.asked[0].headers["authorization"].removeprefix("Bearer ")
    said = jwt.decode(claim, options={"verify_signature": False})
    assert said["iss"] == str(APP_ID)
    assert said["iat"] < time.time() < said["exp"] <= said["iat"] + 600


def test_an_installation_that_is_given_is_not_looked_up(
    server: ForgeServer, private_key: str
) -> None:
    number = server.repository.open("a")
    (branch,) = _app_source(server, private_key, installation_id=77).snapshot().branches
    assert branch.key.number == number
    assert not any(asked.path.endswith("/installation") for asked in server.asked)


def test_a_token_that_was_revoked_is_asked_for_anew(server: ForgeServer, private_key: str) -> None:
    server.repository.open("a")
    source = _app_source(server, private_key)
    source.snapshot()
    revoked = server.dialect.error(401, "Bad credentials")
    server.faults.append(Fault(reply=revoked))
    with pytest.raises(BranchSourceUnavailable, match="401"):
        source.snapshot()
    assert source.snapshot().complete
    assert isinstance(server.dialect, GitHubDialect)
    assert server.dialect.app_tokens == 2


def test_a_token_is_renewed_before_it_expires(
    server: ForgeServer, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_app, "_RENEWED_BEFORE", github_app.timedelta(days=400_000))
    for _ in range(2):
        _app_source(server, private_key).snapshot()
    assert isinstance(server.dialect, GitHubDialect)
    assert server.dialect.app_tokens == 2


def test_an_app_that_is_not_installed_there_names_its_fields(
    server: ForgeServer, private_key: str
) -> None:
    server.faults.append(Fault(reply=server.dialect.error(404, "Not Found")))
    with pytest.raises(BranchSourceUnavailable) as caught:
        _app_source(server, private_key).snapshot()
    assert "`app_id` and `private_key`" in caught.value.remedy
    assert "installed" in caught.value.remedy


@pytest.mark.parametrize("key", ["not a key", "-----BEGIN RSA PRIVATE KEY-----\nabc"])
def test_a_key_that_is_none_is_told_and_not_shown(server: ForgeServer, key: str) -> None:
    with pytest.raises(BranchSourceUnavailable, match="private_key") as caught:
        _app_source(server, key).snapshot()
    assert key not in str(caught.value)
    assert server.asked == []


def test_an_app_finds_its_comment_by_being_the_app(server: ForgeServer, private_key: str) -> None:
    number = server.repository.open("a")
    server.repository.comment(number, "<!-- m -->\nimitated", author="other[bot]")
    server.repository.pull_requests[number].comments[0].author = "stranger"
    source = _app_source(server, private_key, comments=True)
    for text in ("one", "two"):
        source.announce(Announcement(number=number, marker="m", text=text))
    texts = [comment.text for comment in server.repository.pull_requests[number].comments]
    assert texts == ["<!-- m -->\nimitated", "<!-- m -->\ntwo"]


def test_a_token_that_is_nobody_finds_its_comment_by_being_a_bot(server: ForgeServer) -> None:
    # The tokens of GitHub Actions may not ask who they are.
    server.dialect = GitHubDialect(login="github-actions[bot]")
    number = server.repository.open("a")
    server.repository.comment(number, "<!-- m -->\nimitated", author="stranger")
    forbidden = server.dialect.error(403, "Resource not accessible by integration")
    server.faults.append(Fault(times=2, when=lambda a: a.path == "/user", reply=forbidden))
    source = GitHubBranches(
        repository="acme/pipelines", token="demo", url=server.url, comments=True
    )
    for text in ("one", "two"):
        source.announce(Announcement(number=number, marker="m", text=text))
    texts = [comment.text for comment in server.repository.pull_requests[number].comments]
    assert texts == ["<!-- m -->\nimitated", "<!-- m -->\ntwo"]


# --- Requests -------------------------------------------------------------------------------------


def _talk(server: ForgeServer, **bounds: float) -> Conversation:
    forge = Forge(
        name="GitHub",
        source="GitHubBranches",
        repository="acme/pipelines",
        url=server.url,
        headers={"Authorization": "Bearer demo"},
        secrets=("demo",),
        read_right="the right to read",
    )
    given = {"timeout": 5.0, "time_limit": 10.0, **bounds}
    return Conversation(forge, **given)


@pytest.mark.parametrize(("again", "requests"), [(True, 3), (False, 1)])
@pytest.mark.parametrize(
    "fault",
    [Fault(times=9, drop=True), Fault(times=9, reply=Reply(status=502))],
    ids=["dropped", "502"],
)
def test_a_write_is_repeated_only_where_that_does_no_harm(
    server: ForgeServer, fault: Fault, *, again: bool, requests: int
) -> None:
    server.faults.append(Fault(times=9, drop=fault.drop, reply=fault.reply))
    with _talk(server) as talk, pytest.raises(BranchSourceUnavailable):
        talk.send("POST", "/repos/acme/pipelines/issues/1/comments", {"body": "x"}, again=again)
    assert len(server.asked) == requests


def test_an_answer_that_dribbles_in_is_not_waited_for(server: ForgeServer) -> None:
    server.repository.open("a")
    server.dribble = 0.02
    began = time.monotonic()
    with (
        _talk(server, timeout=0.2, time_limit=0.3) as talk,
        pytest.raises(BranchSourceUnavailable) as caught,
    ):
        talk.get("/repos/acme/pipelines/pulls")
    assert "time" in str(caught.value)
    assert time.monotonic() - began < 2


def test_an_answer_without_end_is_not_read(
    server: ForgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branch_toolkit.branches.conversation._MOST_BYTES", 1000)
    server.faults.append(Fault(reply=Reply(data="x" * 5000)))
    with _talk(server) as talk, pytest.raises(BranchSourceUnavailable, match="1,000 bytes"):
        talk.get("/repos/acme/pipelines/pulls")


def test_we_say_who_we_are(server: ForgeServer) -> None:
    with _talk(server) as talk:
        talk.get("/repos/acme/pipelines/pulls")
    assert server.asked[0].headers["user-agent"].startswith("dagster-branch-toolkit/")


def test_links_choose_the_page_and_never_the_host(server: ForgeServer) -> None:
    for each in range(3):
        server.repository.open(f"feature/{each}")
    truth = server.truth

    def misleading(asked: Asked) -> Reply:
        reply = truth(asked)
        if asked.page > 1 or asked.query.get("state") != "open":
            return reply
        link = '<http://thief.example/repos/x/pulls?state=open&page=2>; rel="next"'
        return Reply(data=reply.data, headers={**reply.headers, "Link": link})

    server.truth = misleading  # type: ignore[method-assign]
    source = GitHubBranches(repository="acme/pipelines", token="demo", url=server.url)
    snapshot = source.snapshot()
    assert len(snapshot.branches) == 3
    assert {asked.headers["host"] for asked in server.asked} == {server.address[7:]}


# --- Memory ---------------------------------------------------------------------------------------


def _known() -> Known:
    return Known(branches={}, top=Page(branches=()), watermark=None, listed_at=0.0)


def test_the_memory_is_bounded_and_the_oldest_goes_first() -> None:
    memory = Memory(most=2)
    keys = [memory.key(name) for name in "abc"]
    for key in keys:
        memory.put(key, _known())
    assert memory.get(keys[0]) is None
    assert memory.get(keys[1]) is not None
    assert memory.get(keys[2]) is not None


def test_keys_tell_their_parts_apart_and_do_not_show_them() -> None:
    memory = Memory()
    assert memory.key("ab", "c") != memory.key("a", "bc")
    assert memory.key("a") == memory.key("a")
    assert SECRET.encode() not in memory.key(SECRET)
    assert Memory().key("a") != memory.key("a")
