"""Definitions of a user: what is taken from them, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from branch_toolkit_tests.cli.conftest import Shell
from branch_toolkit_tests.cli.judging import PASSWORD, explained, invoke, usage


def _module(folder: Path, text: str) -> str:
    file = folder / "project.py"
    file.write_text(text)
    return str(file)


BEGIN = "import dagster as dg\nfrom branch_toolkit import *\n"
WHOLE = BEGIN + (
    "defs = build_branch_defs(\n"
    "    warehouse=PostgresWarehouse(url=dg.EnvVar('ACME_URL'), schemas=['analytics']),\n"
    "    branches=GitRemoteBranches(url=dg.EnvVar('ACME_REMOTE')),\n"
    ")\n"
)


class TestDefinitions:
    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
            ("def", "SyntaxError"),
            ("raise ValueError('two\\nlines')", "ValueError: two lines"),
            ("raise SystemExit(3)", "SystemExit: 3"),
            (f"raise ValueError('postgresql://etl:{PASSWORD}@host/db')", "ValueError"),
            ("x = 1", "should hold one Definitions object at its top level (found: none)"),
            (
                "import dagster as dg\na = dg.Definitions()\nb = dg.Definitions()",
                "(found: a, b). Name it by -a/--attribute.",
            ),
            (
                "import dagster as dg\n@dg.definitions\ndef defs(): raise ValueError('late')",
                "could not be made: ValueError: late",
            ),
        ],
    )
    def test_a_file_that_cannot_be_used(self, tmp_path: Path, text: str, part: str) -> None:
        result = invoke("list", "-f", _module(tmp_path, text))
        explained(result, "project.py", part)

    def test_a_module_that_cannot_be_imported(self) -> None:
        explained(invoke("list", "-m", "nowhere.at_all"), "No module named 'nowhere'")

    def test_a_file_that_is_not_there(self) -> None:
        usage(invoke("list", "-f", "nowhere.py"), "does not exist")

    def test_without_the_resources(self, tmp_path: Path) -> None:
        text = "import dagster as dg\ndefs = dg.Definitions(resources={'warehouse': 1})"
        result = invoke("list", "-f", _module(tmp_path, text))
        explained(result, "no resource 'branch_warehouse' (resources there: warehouse)")

    def test_with_another_kind_of_resource(self, tmp_path: Path) -> None:
        text = "import dagster as dg\ndefs = dg.Definitions(resources={'branch_warehouse': 1})"
        result = invoke("list", "-f", _module(tmp_path, text))
        explained(result, "is a int, not a WarehouseResource")

    def test_a_variable_that_is_not_set(self, tmp_path: Path) -> None:
        result = invoke("list", "-f", _module(tmp_path, WHOLE))
        explained(result, "configured by ACME_URL, which is not set", "Set ACME_URL")

    def test_list_does_not_need_the_branch_sources_variables(
        self, shell: Shell, tmp_path: Path
    ) -> None:
        file = _module(tmp_path, WHOLE)
        url = shell.variables["BRANCH_TOOLKIT_URL"]
        assert shell("list", "-f", file, ACME_URL=url).exit_code == 0
        explained(shell("plan", "-f", file, ACME_URL=url), "configured by ACME_REMOTE")
        remote = str(shell.remote.remote)
        assert shell("plan", "-f", file, ACME_URL=url, ACME_REMOTE=remote).exit_code == 0

    def test_a_function_that_makes_definitions(self, tmp_path: Path, shell: Shell) -> None:
        text = BEGIN + (
            "@dg.definitions\n"
            "def defs():\n"
            "    warehouse = PostgresWarehouse(url=dg.EnvVar('ACME_URL'), schemas=['analytics'])\n"
            "    return build_branch_defs(warehouse=warehouse, branches=StaticBranches())\n"
        )
        url = shell.variables["BRANCH_TOOLKIT_URL"]
        assert shell("list", "-f", _module(tmp_path, text), ACME_URL=url).exit_code == 0

    def test_a_function_that_makes_something_else(self, tmp_path: Path) -> None:
        text = BEGIN + "@dg.definitions\ndef defs(): return dg.repository(name='r')(lambda: [])\n"
        explained(invoke("list", "-f", _module(tmp_path, text)), "makes no Definitions object")

    def test_a_variable_that_holds_nothing_usable(self, tmp_path: Path) -> None:
        text = WHOLE.replace("schemas=[", "project=dg.EnvVar('ACME_PROJECT'), schemas=[")
        file = _module(tmp_path, text)
        url = f"postgresql://etl:{PASSWORD}@127.0.0.1:1/db"
        result = invoke("list", "-f", file, ACME_URL=url, ACME_PROJECT="")
        explained(result, "'branch_warehouse' is not configured rightly", "project")

    def test_a_file_that_is_no_python(self, tmp_path: Path) -> None:
        (tmp_path / "project.txt").write_text("defs")
        result = invoke("list", "-f", str(tmp_path / "project.txt"))
        explained(result, "it is not a Python file")

    def test_one_of_several(self, tmp_path: Path) -> None:
        text = BEGIN + "a = dg.Definitions()\nb = dg.Definitions(resources={'other': 1})\n"
        result = invoke("list", "-f", _module(tmp_path, text), "-a", "b")
        explained(result, "resources there: other")
