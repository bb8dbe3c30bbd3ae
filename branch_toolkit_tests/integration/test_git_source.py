"""`GitRemoteBranches` against real git remotes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from branch_toolkit import GitRemoteBranches
from branch_toolkit.core.branch import BranchState
from branch_toolkit.core.errors import BranchSourceUnavailable
from branch_toolkit_demo.git_remote import GitRemote


@pytest.fixture
def remote(tmp_path: Path) -> GitRemote:
    return GitRemote.create(tmp_path)


def test_branches_are_open_and_the_default_branch_is_left_out(remote: GitRemote) -> None:
    sha = remote.push_branch("feature/login", message="Begin")
    snapshot = GitRemoteBranches(url=str(remote.remote), repository="acme/pipelines").snapshot()
    (branch,) = snapshot.branches
    assert (branch.name, branch.sha, branch.state) == ("feature/login", sha, BranchState.OPEN)
    assert (branch.key.number, branch.repository) == (None, "acme/pipelines")
    assert snapshot.complete


def test_a_default_branch_of_another_name_is_left_out_too(tmp_path: Path) -> None:
    remote = GitRemote.create(tmp_path)
    remote.push_branch("trunk", message="Begin")
    head = ["git", "-C", str(remote.remote), "symbolic-ref", "HEAD", "refs/heads/trunk"]
    subprocess.run(head, check=True)
    names = [
        branch.name for branch in GitRemoteBranches(url=str(remote.remote)).snapshot().branches
    ]
    assert names == ["main"]


@pytest.mark.parametrize("refs", ["refs/pull/{}/head", "refs/merge-requests/{}/head"])
def test_a_branch_whose_head_is_a_pull_requests_has_its_number(
    remote: GitRemote, refs: str
) -> None:
    sha = remote.push_branch("feature/login", message="Begin")
    remote.push_branch("other", message="Other")
    for number in (7, 12):
        _update_ref(remote, refs.format(number), sha)
    branches = GitRemoteBranches(url=str(remote.remote)).snapshot().branches
    assert {branch.name: branch.key.number for branch in branches} == {
        "feature/login": 12,
        "other": None,
    }


def test_a_deleted_branch_is_gone(remote: GitRemote) -> None:
    remote.push_branch("feature/login", message="Begin")
    remote.merge_and_delete("feature/login")
    snapshot = GitRemoteBranches(url=str(remote.remote)).snapshot()
    assert snapshot.branches == ()
    assert snapshot.complete


def test_odd_names_are_read_and_names_of_symbols_only_are_passed_over(remote: GitRemote) -> None:
    for name in ("ünïcode/функция", "UPPER.lower-1", "a@b#c", "---", "+"):
        sha = remote.push_branch("x", message=name)
        _update_ref(remote, f"refs/heads/{name}", sha)
    names = {
        branch.name for branch in GitRemoteBranches(url=str(remote.remote)).snapshot().branches
    }
    assert names == {"x", "ünïcode/функция", "UPPER.lower-1", "a@b#c"}


def test_an_empty_remote_is_an_error_not_the_end_of_every_branch(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "empty.git")], check=True)
    with pytest.raises(BranchSourceUnavailable, match="has no branch at all"):
        GitRemoteBranches(url=str(tmp_path / "empty.git")).snapshot()


def test_a_remote_that_is_not_there_is_named_with_gits_reason(tmp_path: Path) -> None:
    with pytest.raises(BranchSourceUnavailable, match="does not appear to be a git repository"):
        GitRemoteBranches(url=str(tmp_path / "nowhere.git")).snapshot()


def test_credentials_in_the_url_are_never_shown() -> None:
    source = GitRemoteBranches(url=f"http://user:hunter2@127.0.0.1:{_free_port()}/x.git")
    with pytest.raises(BranchSourceUnavailable) as caught:
        source.snapshot()
    assert "hunter2" not in str(caught.value) + repr(source)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("user", "query"),
    [
        ("", "?private_token=hunter2"),
        ("user:p@ss@", "?a=b&private_token=hunter2"),
        ("user:hunter2?hunter2@", ""),
        ("", "?private_token=x@hunter2"),
        ("", "?private_token=hunter2'hunter2 hunter2"),
    ],
)
def test_a_token_in_the_query_is_never_shown(user: str, query: str) -> None:
    source = GitRemoteBranches(url=f"http://{user}127.0.0.1:{_free_port()}/acme/x.git{query}")
    with pytest.raises(BranchSourceUnavailable) as caught:
        source.snapshot()
    assert "hunter2" not in f"{caught.value} {source!r} {source._repository_of_url}"
    assert "private_token" not in str(caught.value)
    assert re.search(r"Failed|Couldn't|bad/illegal|refused", str(caught.value)), "git's own reason"


def test_a_mistake_at_definition_shows_no_url() -> None:
    with pytest.raises(ValueError, match="url") as caught:
        GitRemoteBranches(url=["https://user:hunter2@git.example/x.git"])  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


def test_a_token_in_the_query_of_what_is_no_url_is_not_shown() -> None:
    # Without its scheme, git takes it for a path.
    with pytest.raises(BranchSourceUnavailable) as caught:
        GitRemoteBranches(url="git.example/acme/x.git?private_token=hunter2").snapshot()
    assert "hunter2" not in str(caught.value)
    assert "git.example/acme/x.git" in str(caught.value)


@pytest.mark.parametrize("query", ["", "?private_token=hunter2", "?private_token=a@hunter2"])
def test_the_repository_is_that_of_the_path(query: str) -> None:
    source = GitRemoteBranches(url=f"https://git.example/Acme/x.git{query}")
    assert source._repository_of_url == "acme/x"


def test_a_remote_that_does_not_answer_is_given_up(silent_port: int) -> None:
    source = GitRemoteBranches(url=f"git://127.0.0.1:{silent_port}/x.git", timeout=0.5)
    with pytest.raises(BranchSourceUnavailable, match=r"no answer within 0\.5 seconds"):
        source.snapshot()


def test_a_url_is_never_taken_for_an_option(tmp_path: Path) -> None:
    source = GitRemoteBranches(url=f"--upload-pack=touch {tmp_path}/owned")
    with pytest.raises(BranchSourceUnavailable):
        source.snapshot()
    assert list(tmp_path.iterdir()) == []


def test_without_git_the_error_says_to_install_it(
    remote: GitRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BranchSourceUnavailable, match="Install git"):
        GitRemoteBranches(url=str(remote.remote)).snapshot()


def test_an_answer_that_breaks_off_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\nprintf '%040d\\trefs/heads/a\\n' 1\nexit 128\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("git") == str(fake)
    with pytest.raises(BranchSourceUnavailable):
        GitRemoteBranches(url="anything").snapshot()


def test_it_works_over_the_git_protocol(remote: GitRemote) -> None:
    port = _free_port()
    remote.push_branch("feature/login", message="Begin")
    daemon = subprocess.Popen(
        ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--export-all", "--reuseaddr",
         f"--base-path={remote.remote.parent}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _await_port(port)
        url = f"git://127.0.0.1:{port}/{remote.remote.name}"
        (branch,) = GitRemoteBranches(url=url).snapshot().branches
        assert branch.name == "feature/login"
    finally:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _update_ref(remote: GitRemote, ref: str, sha: str) -> None:
    command = ["git", "-C", str(remote.remote), "update-ref", ref, sha]
    subprocess.run(command, check=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _await_port(port: int) -> None:
    import time

    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("git daemon did not start")
