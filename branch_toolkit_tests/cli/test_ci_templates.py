"""The files that `ci init` writes: others find nothing wrong in them, and what they call works."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from branch_toolkit.cli.ci_recipe import Forge, Installer, Recipe
from branch_toolkit.core.mark import Mark, decode
from branch_toolkit_demo.git_remote import GitRemote
from branch_toolkit_tests.cli.ci_runs import Runner, evaluated, load
from branch_toolkit_tests.cli.conftest import Shell, succeeded
from branch_toolkit_tests.tools.linters import actionlint, gitlab_schema, zizmor

DEFINITIONS = (
    "import dagster as dg\n"
    "from branch_toolkit import PostgresWarehouse, StaticBranches, build_branch_defs\n"
    "defs = build_branch_defs(\n"
    "    warehouse=PostgresWarehouse(url=dg.EnvVar('WAREHOUSE_URL'), schemas=['analytics']),\n"
    "    branches=StaticBranches(),\n"
    ")\n"
)
# A name that is harmless only if no shell ever reads it as text.
BRANCH = 'feat/$(touch pwned)-`id`-"x'


def _recipe(forge: Forge, **choices: Any) -> Recipe:
    usual: dict[str, Any] = {
        "definitions": "-f definitions.py",
        "installer": Installer.PIP,
        "python": "3.12",
        "secrets": ("WAREHOUSE_URL",),
        "folder": ".",
        "path": str(forge.path),
    }
    return Recipe(forge=forge, **{**usual, **choices})


def _write(folder: Path, recipe: Recipe) -> Path:
    file = folder / recipe.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(recipe.render())
    return file


VARIANTS = [
    {"installer": Installer.UV},
    {"installer": Installer.PIP, "folder": "data/pipelines", "secrets": ("A", "B")},
]


@pytest.mark.parametrize("choices", VARIANTS, ids=["uv", "pip"])
class TestLinters:
    def test_github(self, tmp_path: Path, choices: dict[str, Any]) -> None:
        file = _write(tmp_path, _recipe(Forge.GITHUB, **choices))
        assert actionlint(file) == []
        assert zizmor(file) == []

    def test_gitlab(self, tmp_path: Path, choices: dict[str, Any]) -> None:
        assert gitlab_schema(_write(tmp_path, _recipe(Forge.GITLAB, **choices))) == []


@pytest.mark.parametrize(
    ("forge", "installer"),
    list(itertools.product(Forge, Installer)),
    ids=lambda each: str(each.value),
)
def test_every_place_is_filled(forge: Forge, installer: Installer) -> None:
    text = _recipe(forge, installer=installer).render()
    assert not re.search(r"<<|>>|\t| \n", text)
    assert max(map(len, text.splitlines())) <= 140


class TestGitHub:
    """What the workflow is made of, and what its steps do on a real database."""

    @pytest.fixture
    def workflow(self, tmp_path: Path) -> Any:
        return load(_write(tmp_path, _recipe(Forge.GITHUB)))

    def test_it_trusts_no_fork_and_stops_nothing_half_way(self, workflow: Any) -> None:
        # YAML 1.1 reads the key `on` as true.
        assert workflow[True] == {
            "pull_request": {"types": ["opened", "synchronize", "reopened", "closed"]}
        }
        assert workflow["permissions"] == {"contents": "read"}
        assert workflow["concurrency"]["cancel-in-progress"] is False
        assert "github.event.pull_request.number" in workflow["concurrency"]["group"]
        (job,) = workflow["jobs"].values()
        assert "head.repo.full_name == github.repository" in job["if"]

    def test_the_actions_are_pinned(self) -> None:
        for installer in Installer:
            text = _recipe(Forge.GITHUB, installer=installer).render()
            used = re.findall(r"uses: (.*)", text)
            assert len(used) == 2
            assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", each) for each in used)

    def test_only_variables_get_into_the_shell(self, workflow: Any) -> None:
        (job,) = workflow["jobs"].values()
        scripts = [step["run"] for step in job["steps"] if "run" in step]
        assert len(scripts) == 3
        assert not any("${{" in script for script in scripts)

    def test_a_pull_request_from_its_opening_to_its_merge(
        self, shell: Shell, tmp_path: Path, workflow: Any
    ) -> None:
        (tmp_path / "definitions.py").write_text(DEFINITIONS)
        runner = Runner.create(tmp_path / "bin")

        def event(action: str, *, merged: bool = False) -> str:
            values = {
                "secrets.WAREHOUSE_URL": shell.variables["BRANCH_TOOLKIT_URL"],
                "github.event.pull_request.number": "42",
                "github.event.pull_request.head.ref": BRANCH,
                "github.event.pull_request.head.sha": "c0ffee",
                "github.event.pull_request.base.ref": "main",
                "github.event.pull_request.draft": "false",
                "join(github.event.pull_request.labels.*.name, ',')": "bug,data",
                "github.event.pull_request.merged && 'merged' || 'closed'": (
                    "merged" if merged else "closed"
                ),
                "github.repository": "acme/pipelines",
            }
            conditions = {
                "github.event.action == 'closed'": action == "closed",
                "github.event.action != 'closed'": action != "closed",
            }
            (job,) = workflow["jobs"].values()
            (step,) = (each for each in job["steps"] if "if" in each and conditions[each["if"]])
            variables = evaluated(step["env"], values)
            return succeeded(runner.run(step["run"], cwd=tmp_path, variables=variables))

        assert "the branch has no environment" in event("closed")
        assert "provision pr_42: done in" in event("opened")
        assert "nothing to do" in event("synchronize")
        assert (_mark(shell).branch, _mark(shell).repository) == (BRANCH, "acme/pipelines")
        event("closed")
        assert (_mark(shell).cause, _mark(shell).sha) == ("closed", "c0ffee")
        event("reopened")
        assert not _mark(shell).retired
        event("closed", merged=True)
        assert _mark(shell).cause == "merged"
        assert not (tmp_path / "pwned").exists()


class TestGitLab:
    """What the jobs are made of, and what they do on a real database and a real git."""

    @pytest.fixture
    def jobs(self, tmp_path: Path) -> Any:
        return load(_write(tmp_path, _recipe(Forge.GITLAB)))

    def test_the_stop_job_belongs_to_the_other_one(self, jobs: Any) -> None:
        provision, retire = (
            jobs["provision-branch-environment"],
            jobs["retire-branch-environment"],
        )
        assert provision["environment"]["on_stop"] == "retire-branch-environment"
        assert "auto_stop_in" in provision["environment"]
        assert retire["environment"]["action"] == "stop"
        assert retire["environment"]["name"] == provision["environment"]["name"]
        assert "$CI_MERGE_REQUEST_IID" in jobs[".branch-environment"]["resource_group"]
        assert jobs[".branch-environment"]["interruptible"] is False

    def test_it_trusts_no_fork(self, jobs: Any) -> None:
        for name in ("provision-branch-environment", "retire-branch-environment"):
            (rule,) = jobs[name]["rules"]
            for part in ("SOURCE_PROJECT_PATH == $CI_PROJECT_PATH", '"merge_request_event"'):
                assert part in rule["if"]
        assert (rule["when"], rule["allow_failure"]) == ("manual", True)

    def test_merge_requests_from_their_opening_to_their_end(
        self, shell: Shell, tmp_path: Path, jobs: Any
    ) -> None:
        _commit_definitions(shell.remote)
        runner = Runner.create(tmp_path / "bin")

        def job(name: str, *, number: int, branch: str, commit: str) -> str:
            variables = {
                "WAREHOUSE_URL": shell.variables["BRANCH_TOOLKIT_URL"],
                "CI_DEFAULT_BRANCH": "main",
                "CI_REPOSITORY_URL": f"file://{shell.remote.remote}",
                "CI_COMMIT_SHA": commit,
                "CI_MERGE_REQUEST_IID": str(number),
                "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": branch,
                "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
                "CI_MERGE_REQUEST_PROJECT_PATH": "acme/data/pipelines",
                "CI_MERGE_REQUEST_LABELS": "bug,data",
                "GIT_CONFIG_GLOBAL": "/dev/null",
            }
            lines = [*jobs[".branch-environment"]["before_script"], *jobs[name]["script"]]
            # What would install a package from the network.
            script = "\n".join(line for line in lines if not line.startswith("python -m pip"))
            return succeeded(runner.run(script, cwd=tmp_path, variables=variables))

        provision, retire = "provision-branch-environment", "retire-branch-environment"
        remote = shell.remote
        merged = {"number": 1, "branch": "one", "commit": remote.push_branch("one", message="A")}
        closed = {"number": 2, "branch": "two", "commit": remote.push_branch("two", message="B")}
        for request in (merged, closed):
            assert "done in" in job(provision, **request)  # type: ignore[arg-type]
        remote.merge_and_delete("one")
        remote.delete("two")
        for request in (merged, closed):
            assert "done in" in job(retire, **request)  # type: ignore[arg-type]
        assert _mark(shell, number=1).repository == "acme/data/pipelines"
        assert (_mark(shell, number=1).cause, _mark(shell, number=2).cause) == ("merged", "closed")
        assert _mark(shell, number=1).sha == merged["commit"]


def test_uv_runs_the_command(shell: Shell, tmp_path: Path) -> None:
    """All of it, in processes: the shell, uv and the command that is installed."""
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join((beside, os.environ["PATH"]))
    if shutil.which("uv", path=path) is None:
        pytest.skip("uv is not installed: it is in the extra `dev`")
    (tmp_path / "definitions.py").write_text(DEFINITIONS)
    workflow = load(_write(tmp_path, _recipe(Forge.GITHUB, installer=Installer.UV)))
    (job,) = workflow["jobs"].values()
    (step,) = (each for each in job["steps"] if each["name"] == "Retire")
    variables = {
        "WAREHOUSE_URL": shell.variables["BRANCH_TOOLKIT_URL"],
        "PULL_REQUEST": "7",
        "CAUSE": "merged",
        "SHA": "c0ffee",
        "REPOSITORY": "acme/pipelines",
        "UV_OFFLINE": "1",
        "PATH": path,
    }
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the branch has no environment, so there is nothing to retire" in done.stdout


def _mark(shell: Shell, *, number: int = 42) -> Mark:
    return decode(shell.schemas()[f"analytics__pr_{number}"])


def _commit_definitions(remote: GitRemote) -> None:
    (remote.clone / "definitions.py").write_text(DEFINITIONS)
    for arguments in (
        ["add", "definitions.py"],
        ["-c", "user.name=A", "-c", "user.email=a@b.invalid", "commit", "--quiet", "-m", "Define"],
        ["push", "--quiet", "origin", "main"],
    ):
        subprocess.run(["git", *arguments], cwd=remote.clone, check=True)
