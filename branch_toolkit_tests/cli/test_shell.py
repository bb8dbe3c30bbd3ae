"""The command as people run it: in a process of its own, in pipes and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from branch_toolkit_tests.cli.conftest import Shell

LONG = 60.0


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        # A width of 0 columns is what a new one has, and nothing would fit.
        environment = {**os.environ, **shell.variables, "COLUMNS": "100", "TERM": "xterm"}
        self.process = subprocess.Popen(
            shell.command(*arguments),
            cwd=shell.folder,
            env=environment,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            start_new_session=True,
            # A suite that runs in the background ignores interrupts, and so would what it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(slave)
        self.said = ""

    def wait_for(self, text: str) -> None:
        """Reads until the text was said on stderr."""
        deadline = time.monotonic() + LONG
        while text not in self.said:
            assert time.monotonic() < deadline, self.said
            self._read()

    def type(self, text: str) -> None:
        """Types."""
        os.write(self._master, text.encode())

    def end(self) -> tuple[int, str]:
        """Waits for the end; the exit code and stdout."""
        while self.process.poll() is None:
            self._read()
        while self._read():
            pass
        os.close(self._master)
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            return self.process.returncode, stdout.read().decode()

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 0.1)[0]:
            return False
        try:
            read = os.read(self._master, 65536)
        except OSError:  # Linux's answer when the other side is closed
            return False
        self.said += read.decode(errors="replace")
        return bool(read)


def test_a_branch_from_its_first_push_to_its_end(shell: Shell) -> None:
    shell.remote.push_branch("feature/login", message="Log in")
    plan = shell.run("plan", "--exit-code", "--json")
    assert plan.returncode == 3, plan.stderr
    (action,) = json.loads(plan.stdout)["actions"]
    name = action["environment"]

    provided = shell.run("provision", "--branch", "feature/login", "--copy", "*", "--json")
    assert provided.returncode == 0, provided.stderr
    report = json.loads(provided.stdout)
    assert (report["environment"], report["applied"]) == (name, True)
    assert [each["rows"] for each in report["results"] if each["action"] == "copy"] == [1000, 0]
    assert {f"analytics__{name}", f"staging__{name}"} < set(shell.schemas())

    shell.remote.merge_and_delete("feature/login")
    swept = shell.run("sweep", "--yes")
    assert swept.returncode == 0, swept.stderr
    assert f"retire {name}: the branch is gone from the git remote" in swept.stdout
    listed = shell.run("list", "--json")
    (found,) = json.loads(listed.stdout)["environments"]
    assert found["state"] == "retired"
    assert found["size_bytes"] > 0


def test_an_error_is_one_paragraph(shell: Shell) -> None:
    done = shell.run("restore", "pr_7")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("Error: There is no environment 'pr_7'")


def test_definitions_in_the_current_folder(shell: Shell) -> None:
    (shell.folder / "acme.py").write_text(
        "import dagster as dg\n"
        "from branch_toolkit import PostgresWarehouse, StaticBranches, build_branch_defs\n"
        "defs = build_branch_defs(\n"
        "    warehouse=PostgresWarehouse(url=dg.EnvVar('ACME_URL'), schemas=['analytics']),\n"
        "    branches=StaticBranches(open_pull_requests={'4': 'four'}),\n"
        ")\n"
    )
    done = shell.run("plan", "-m", "acme", ACME_URL=shell.variables["BRANCH_TOOLKIT_URL"])
    assert (done.returncode, done.stdout) == (0, "provision pr_4: the branch is open\n")


def test_a_pipe_that_is_closed_early(shell: Shell) -> None:
    for number in range(3):
        assert shell("provision", "--pull-request", str(number + 1)).exit_code == 0
    process = subprocess.Popen(
        shell.command("list", "--json"),
        env={**os.environ, **shell.variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stderr:
        assert "Traceback" not in stderr.read()
    process.wait(LONG)


@pytest.fixture
def slow(shell: Shell) -> Shell:
    """A base table that takes seconds to copy."""
    shell.execute(
        "CREATE TABLE analytics.slow (n int CHECK (pg_sleep(0.01) IS NOT NULL))",
        "INSERT INTO analytics.slow SELECT n FROM generate_series(1, 400) n",
        "ANALYZE analytics.slow",
    )
    return shell


def test_a_bar_on_a_terminal_that_goes_away(slow: Shell) -> None:
    terminal = Terminal(slow, "provision", "--pull-request", "1", "--copy", "slow")
    terminal.wait_for("copy analytics__pr_1: table slow")
    code, stdout = terminal.end()
    assert code == 0, terminal.said
    assert "provision pr_1: done in" in stdout
    assert "\x1b" not in stdout
    # Erased: the last thing that is done to the bar's line is to clear it.
    assert re.search(r"\x1b\[2K[^\w]*$", terminal.said)


def test_an_interrupt_leaves_nothing_half_made(slow: Shell) -> None:
    terminal = Terminal(slow, "provision", "--pull-request", "1", "--copy", "slow")
    terminal.wait_for("copy analytics__pr_1: table slow")
    os.kill(terminal.process.pid, signal.SIGINT)
    code, stdout = terminal.end()
    assert code == 130, terminal.said
    assert stdout == ""
    assert "Interrupted. An environment is changed as a whole or not at all" in terminal.said
    assert "Traceback" not in terminal.said
    slow.execute("SET lock_timeout = '1s'", "ALTER TABLE analytics.slow ADD COLUMN free int")
    assert list(slow.schemas()) == ["analytics", "staging"]


def test_a_question_on_a_terminal(shell: Shell) -> None:
    assert shell("provision", "--pull-request", "1").exit_code == 0
    for answer, code in (("n\n", 1), ("y\n", 0)):
        terminal = Terminal(shell, "retire", "pr_1")
        terminal.wait_for("Retire pr_1? [y/N]")
        assert "It can be restored for 72 hours." in terminal.said
        terminal.type(answer)
        assert terminal.end()[0] == code, terminal.said
    comments = [comment for name, comment in shell.schemas().items() if name.endswith("pr_1")]
    assert all('"retired_because": "it was asked for"' in str(comment) for comment in comments)


def test_the_entry_point_is_installed() -> None:
    program = Path(sys.executable).with_name("branch-toolkit")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("branch-toolkit, version ")
