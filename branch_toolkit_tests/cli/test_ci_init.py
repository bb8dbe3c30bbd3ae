"""`ci init`: what it guesses, what it writes, and that it overwrites nothing unasked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import Result

from branch_toolkit.cli.ci_recipe import fill
from branch_toolkit_tests.cli.conftest import document, succeeded
from branch_toolkit_tests.cli.judging import PASSWORD, explained, invoke, usage

GITHUB = Path(".github/workflows/branch-environments.yml")
GITLAB = Path(".gitlab/branch-environments.gitlab-ci.yml")


def _init(*options: str) -> Result:
    return invoke("ci", "init", "-m", "acme.definitions", *options)


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a repository with a project and no remote."""
    monkeypatch.chdir(tmp_path)
    _git("init", "--quiet")
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


@pytest.fixture
def on_github(repository: Path) -> Path:
    """The same with a remote on GitHub."""
    _git("remote", "add", "origin", "git@github.com:acme/pipelines.git")
    return repository


class TestForge:
    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("git@github.com:acme/gitlab-tools.git", GITHUB),
            (f"https://x:{PASSWORD}@github.acme.com/acme/pipelines", GITHUB),
            ("ssh://git@gitlab.acme.com:2222/data/github.git", GITLAB),
            ("https://gitlab.com/acme/pipelines.git", GITLAB),
        ],
    )
    def test_by_the_remotes_host(self, repository: Path, url: str, path: Path) -> None:
        _git("remote", "add", "upstream", url)
        assert f"{path}: written" in succeeded(_init())
        assert (repository / path).exists()

    def test_by_the_ci_that_is_there(self, repository: Path) -> None:
        _git("remote", "add", "origin", "https://git.acme.com/gitlab/github.git")
        usage(_init(), "--forge is missing")
        (repository / ".github").mkdir()
        assert document(_init("--json", "-n"))["forge"] == "github"
        (repository / ".gitlab-ci.yml").touch()
        assert document(_init("--json", "-n"))["forge"] == "gitlab"

    def test_outside_of_a_repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "requirements.txt").touch()
        usage(_init(), "Give --forge github or --forge gitlab")
        succeeded(_init("--forge", "gitlab"))
        assert (tmp_path / GITLAB).exists()


class TestProject:
    @pytest.mark.parametrize(
        ("file", "install", "program"),
        [
            (
                "uv.lock",
                "run: uv sync --locked --no-dev",
                "uv run --no-sync branch-toolkit provision",
            ),
            ("setup.py", "run: python -m pip install --quiet .\n", "  branch-toolkit provision"),
            ("requirements.txt", "--quiet -r requirements.txt\n", "  branch-toolkit provision"),
        ],
    )
    def test_how_it_is_installed(
        self, on_github: Path, file: str, install: str, program: str
    ) -> None:
        (on_github / "pyproject.toml").unlink()
        (on_github / file).touch()
        succeeded(_init())
        text = (on_github / GITHUB).read_text()
        assert install in text
        assert f"{program} -m acme.definitions" in text

    def test_nothing_tells_how(self, on_github: Path) -> None:
        (on_github / "pyproject.toml").unlink()
        usage(_init(), "--installer is missing", "--project-folder")

    def test_a_folder_of_the_repository(
        self, on_github: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project = on_github / "data" / "pipelines"
        project.mkdir(parents=True)
        (project / "uv.lock").touch()
        (project / "pyproject.toml").touch()
        (project / ".python-version").write_text("3.11.4\n")
        monkeypatch.chdir(project)
        succeeded(_init())
        text = (on_github / GITHUB).read_text()
        assert "working-directory: data/pipelines\n" in text
        assert 'python-version: "3.11"' in text
        succeeded(_init("--forge", "gitlab"))
        text = (on_github / GITLAB).read_text()
        assert 'cd "$BRANCH_ENVIRONMENT_FOLDER/data/pipelines"\n' in text
        assert "image: python:3.11\n" in text

    def test_a_folder_elsewhere(
        self, on_github: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        usage(_init("--project-folder", str(elsewhere)), "is not in the repository")
        usage(_init("--path", str(elsewhere / "ci.yml")), "is not in the repository")

    def test_a_folder_that_a_shell_would_misread(self, on_github: Path) -> None:
        (on_github / "a $(b)").mkdir()
        options = ["--project-folder", "a $(b)", "--installer", "pip"]
        usage(_init(*options), "characters that CI would misread")

    def test_secrets(self, on_github: Path) -> None:
        shown = succeeded(_init("--secret", "PG_URL", "--secret", "VAULT_TOKEN"))
        assert "gh secret set NAME`: PG_URL, VAULT_TOKEN." in shown
        text = (on_github / GITHUB).read_text()
        assert text.count("          PG_URL: ${{ secrets.PG_URL }}\n") == 2
        assert text.count("          VAULT_TOKEN: ${{ secrets.VAULT_TOKEN }}\n") == 2
        assert "WAREHOUSE_URL" not in text

    @pytest.mark.parametrize(
        "options",
        [
            ["--secret", "A-B"],
            ["--secret", "GITHUB_TOKEN"],
            ["--secret", "github_token"],
            ["--secret", "A }}"],
            ["--python", "2.7"],
            ["--python", "3.12; x"],
            ["--installer", "conda"],
            ["--forge", "sourcehut"],
            ["-m", "acme;rm"],
            ["-m", "-x"],
        ],
        ids=" ".join,
    )
    def test_what_cannot_stand_in_a_file(self, on_github: Path, options: list[str]) -> None:
        usage(_init(*options))
        assert not (on_github / ".github").exists()

    def test_where_the_definitions_are(self, on_github: Path) -> None:
        usage(invoke("ci", "init"), "one of both")
        usage(_init("-f", "definitions.py"), "one of both")
        usage(invoke("ci", "init", "-f", "/etc/x.py"), "is no file in the project")
        succeeded(invoke("ci", "init", "-f", "acme/definitions.py"))
        assert "provision -f acme/definitions.py\n" in (on_github / GITHUB).read_text()


class TestWriting:
    def test_it_says_what_is_left_to_do(self, on_github: Path) -> None:
        shown = succeeded(_init())
        assert "WAREHOUSE_URL" in shown
        assert "Merge it" in shown
        assert "branch_provision_sensor and branch_cleanup_sensor all the same" in shown
        assert "`include`: `- local: .gitlab/" in succeeded(_init("--forge", "gitlab"))

    def test_once_more_changes_nothing(self, on_github: Path) -> None:
        succeeded(_init())
        file = on_github / GITHUB
        before = file.stat().st_mtime_ns, file.read_text()
        assert "it is as it should be" in succeeded(_init())
        assert (file.stat().st_mtime_ns, file.read_text()) == before
        assert document(_init("--json"))["state"] == "same"

    def test_what_was_edited_is_not_overwritten(self, on_github: Path) -> None:
        succeeded(_init())
        file = on_github / GITHUB
        edited = file.read_text().replace("ubuntu-latest", "self-hosted")
        file.write_text(edited)
        result = _init()
        explained(result, f"{GITHUB} was left as it is", "--force")
        assert "-    runs-on: self-hosted\n+    runs-on: ubuntu-latest\n" in result.stdout
        assert document(_init("--json"))["error"]["kind"] == "FileDiffers"
        assert file.read_text() == edited
        succeeded(_init("--force"))
        assert "ubuntu-latest" in file.read_text()
        assert [each.name for each in file.parent.iterdir()] == [file.name]

    def test_a_dry_run_writes_nothing(self, on_github: Path) -> None:
        shown = succeeded(_init("--dry-run"))
        assert f"--- /dev/null\n+++ {GITHUB}\n" in shown
        assert "nothing was written (dry run)" in shown
        found = document(_init("--dry-run", "--force", "--json"))
        assert (found["state"], found["path"]) == ("missing", str(GITHUB))
        assert not (on_github / ".github").exists()

    def test_another_path(self, on_github: Path) -> None:
        assert "Note that" not in succeeded(_init("--path", ".github/workflows/data.yml"))
        assert (on_github / ".github/workflows/data.yml").exists()
        assert not (on_github / GITHUB).exists()
        assert "only runs what is in .github/workflows" in succeeded(_init("--path", "ci/x.yml"))
        shown = succeeded(_init("--forge", "gitlab", "--path", "ci/branches.yml"))
        assert "`- local: ci/branches.yml`" in shown
        assert "- local: ci/branches.yml\n" in (on_github / "ci/branches.yml").read_text()

    def test_where_nothing_can_be_written(self, on_github: Path) -> None:
        (on_github / ".github").write_text("a file")
        explained(_init("--path", ".github/x.yml"), "could not be written")
        (on_github / "folder").mkdir()
        explained(_init("--path", "folder"), "could not be written")

    def test_what_is_there_cannot_act_on_the_terminal(self, on_github: Path) -> None:
        (on_github / "ci.yml").write_text("\x1b[31mevil\n")
        result = _init("--path", "ci.yml")
        assert "\x1b" not in result.output
        assert "-\\x1b[31mevil\n" in result.stdout


def test_a_place_that_nothing_fills_is_an_error() -> None:
    with pytest.raises(KeyError, match="unknown"):
        fill("a <<unknown>> place\n", {})
    assert fill("  <<none>>\nx\n  <<two>>\n", {"none": [], "two": ["a", "b"]}) == "x\n  a\n  b\n"
