"""The demo on Snowflake's double, as somebody runs it, and how a demo ends that goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from branch_toolkit_demo.snowflake_production import BASE, DATABASE, Production
from branch_toolkit_demo.snowflake_site import SnowflakeSite
from branch_toolkit_demo.snowflake_story import SnowflakeStory
from branch_toolkit_demo.telling import tell

ROOT = Path(__file__).resolve().parent.parent.parent
STEPS = (
    "Production: a double of Snowflake",
    "has 3 daily partitions",
    "have nothing to do",
    "opened pull request #1",
    "launched provision_branch",
    "25 orders in ANALYTICS__PR_1, still 100 in ANALYTICS",
    "The branch's view shows the branch's revenue",
    "nothing was cloned again",
    "launched retire_branch",
    "launched restore_branch",
    "Merged pull request #1",
    "restorable for",
    "launched sweep_branches",
    "The inventory is empty",
    "UNDROP SCHEMA",
    "Dropped it again",
)
"""What each line says, in their order."""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="fakesnow wants Python 3.11")
@pytest.mark.timeout(600)
def test_the_demo_checks_every_step_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "branch_toolkit_demo.snowflake", "--folder", str(folder)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs(folder)}"
    lines = [line for line in done.stdout.splitlines() if line.startswith("✓")]
    assert len(lines) == len(STEPS), done.stdout
    for line, step in zip(lines, STEPS, strict=True):
        assert step in line
    assert "Traceback" not in done.stderr
    assert not processes_in(folder)


def test_a_check_that_fails_is_told_and_ends_the_demo_with_1(
    snowflake_double: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(SnowflakeStory, "tell", SnowflakeStory.check_production)
    monkeypatch.setattr(SnowflakeStory, "checksum", lambda _: "another")
    with pytest.raises(SystemExit) as ended:
        tell(SnowflakeStory(SnowflakeSite(tmp_path, snowflake_double), Console(soft_wrap=True)))
    assert ended.value.code == 1
    assert "✗ production was changed; see the logs in" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {}.ORDERS SET PRICE = PRICE + 0.01 WHERE ID = 7",
        "DELETE FROM {}.ORDERS WHERE ID = 7",
        "INSERT INTO {0}.ORDERS SELECT * FROM {0}.ORDERS WHERE ID = 7",
        "ALTER TABLE {}.ORDERS ADD COLUMN MORE NUMBER",
        "CREATE TABLE {}.MORE (ID NUMBER)",
        "CREATE OR REPLACE VIEW {}.REVENUE AS SELECT 1 AS DAYS, 2 AS REVENUE",
        "DROP VIEW {}.REVENUE",
        "ALTER SCHEMA {} SET COMMENT = 'ours'",
    ],
)
def test_whatever_is_changed_in_production_changes_its_checksum(
    production: Production, change: str
) -> None:
    before = production.checksum()
    assert production.checksum() == before
    production.run(change.format(BASE))
    assert production.checksum() != before


@pytest.fixture
def production(snowflake_double: Any, tmp_path: Path) -> Iterator[Production]:
    """The demo's production, before its asset was ever materialized."""
    with SnowflakeSite(tmp_path, snowflake_double).production() as production:
        production.load()
        production.run(f"CREATE TABLE {BASE}.DAILY_REVENUE (REVENUE NUMBER)")
        production.add_view()
        yield production
        production.run(f'DROP DATABASE "{DATABASE}"')


def logs(folder: Path) -> str:
    return "\n".join(file.read_text(errors="replace")[-5000:] for file in folder.glob("*.log"))


def processes_in(folder: Path) -> list[psutil.Process]:
    """Those whose Dagster instance is in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("DAGSTER_HOME", "").startswith(str(folder)):
                found.append(process)
        except psutil.Error:
            continue
    return found
