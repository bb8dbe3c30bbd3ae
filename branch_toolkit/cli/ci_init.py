"""`branch-toolkit ci init`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path, PurePosixPath

import click

from branch_toolkit.cli.ci_guessing import Checkout, installer_of, python_of
from branch_toolkit.cli.ci_recipe import Forge, Installer, Recipe
from branch_toolkit.cli.errors import FileDiffers, FileNotWritten
from branch_toolkit.cli.options import Output
from branch_toolkit.cli.showing import show_line
from branch_toolkit.cli.wording import print_json, printable

_DEFAULT_SECRETS = ("WAREHOUSE_URL",)
# It stands in a shell command and in YAML.
_PLAIN = re.compile(r"[\w.][\w./-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked for; None: to be guessed.

    Args:
        module_name: The module that Dagster loads.
        python_file: The file that Dagster loads.
        forge: Who runs it.
        path: Where to put it.
        project_folder: Where the project is.
        installer: How the project is installed.
        python: The version of Python.
        secrets: Variables that the definitions read.
    """

    module_name: str | None = None
    python_file: str | None = None
    forge: str | None = None
    path: Path | None = None
    project_folder: Path | None = None
    installer: str | None = None
    python: str | None = None
    secrets: tuple[str, ...] = ()


def write(wishes: Wishes, output: Output, *, force: bool, dry_run: bool) -> None:
    """Writes the file, unless one is there that says something else.

    Raises:
        FileDiffers: There is one, and `force` is not given.
        FileNotWritten: The file cannot be read or written.
    """
    file, recipe = recipe_for(wishes, current=Path.cwd())
    found, text = _read(file), recipe.render()
    difference = _difference(found, text, path=recipe.path)
    refused = found not in (None, text) and not (force or dry_run)
    if not (refused or dry_run or found == text):
        _write(file, text)
    if output.as_json and not refused:
        print_json(_document(recipe, found, text, difference, dry_run=dry_run))
        return
    if (refused or dry_run) and not output.as_json:
        click.echo(printable_lines(difference), nl=False)
    if refused:
        raise FileDiffers(recipe.path)
    _show(recipe, same=found == text, dry_run=dry_run)


def recipe_for(wishes: Wishes, *, current: Path) -> tuple[Path, Recipe]:
    """The file to write, and what is written to it.

    Args:
        wishes: What was asked for.
        current: The current folder.

    Raises:
        click.UsageError: What was not said cannot be guessed, or is not usable.
    """
    checkout = Checkout.around(current)
    forge = Forge(wishes.forge) if wishes.forge else checkout.forge
    if forge is None:
        raise click.UsageError(
            "--forge is missing: neither the git remote nor a CI file tells who runs this"
            " repository's CI. Give --forge github or --forge gitlab."
        )
    project = (wishes.project_folder or checkout.project_folder(current)).resolve()
    folder = _within(checkout.root, project, option="--project-folder")
    file = (current / wishes.path if wishes.path else checkout.root / forge.path).resolve()
    return file, Recipe(
        forge=forge,
        definitions=_definitions(wishes),
        installer=_installer(wishes, project),
        python=wishes.python or python_of(project),
        secrets=tuple(dict.fromkeys(wishes.secrets)) or _DEFAULT_SECRETS,
        folder=folder,
        path=_within(checkout.root, file, option="--path"),
    )


def printable_lines(text: str) -> str:
    """The text, line by line, with what would act on a terminal escaped."""
    return "".join(f"{printable(line)}\n" for line in text.splitlines())


def _definitions(wishes: Wishes) -> str:
    if (wishes.module_name is None) == (wishes.python_file is None):
        raise click.UsageError(
            "Give -m/--module-name or -f/--python-file, one of both: the module or file that"
            " Dagster loads, as in `branch-toolkit ci init -m acme_pipelines.definitions`."
        )
    return f"-m {wishes.module_name}" if wishes.module_name else f"-f {wishes.python_file}"


def _installer(wishes: Wishes, project: Path) -> Installer:
    found = Installer(wishes.installer) if wishes.installer else installer_of(project)
    if found is None:
        raise click.UsageError(
            f"--installer is missing: {project} has no uv.lock, pyproject.toml, setup.py or"
            " requirements.txt. Give --project-folder, or --installer uv, pip or requirements."
        )
    return found


def _within(root: Path, path: Path, *, option: str) -> str:
    """A path from the repository's root, as CI names it."""
    try:
        relative = path.relative_to(root)
    except ValueError:
        raise click.UsageError(f"{option}: {path} is not in the repository {root}.") from None
    text = PurePosixPath(*relative.parts).as_posix()
    if not _PLAIN.fullmatch(text):
        raise click.UsageError(f"{option}: {text!r} has characters that CI would misread.")
    return text


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FileNotWritten(str(file), reason=str(error)) from error


def _write(file: Path, text: str) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise FileNotWritten(str(file), reason=str(error)) from error


def _difference(found: str | None, text: str, *, path: str) -> str:
    before = "/dev/null" if found is None else path
    return "".join(
        unified_diff(
            (found or "").splitlines(keepends=True),
            text.splitlines(keepends=True),
            fromfile=before,
            tofile=path,
        )
    )


def _document(
    recipe: Recipe, found: str | None, text: str, difference: str, *, dry_run: bool
) -> dict[str, object]:
    state = "missing" if found is None else "same" if found == text else "different"
    return {
        "forge": recipe.forge.value,
        "path": recipe.path,
        "state": state,
        "secrets": list(recipe.secrets),
        "dry_run": dry_run,
        "difference": difference,
    }


def _show(recipe: Recipe, *, same: bool, dry_run: bool) -> None:
    if same:
        show_line(f"{recipe.path}: it is as it should be")
    elif dry_run:
        show_line(f"{recipe.path}: nothing was written (dry run)")
        return
    else:
        show_line(f"{recipe.path}: written")
    names = ", ".join(recipe.secrets)
    for line in _GUIDANCE[recipe.forge].splitlines():
        show_line(line.format(names=names, path=recipe.path))
    if recipe.forge is Forge.GITHUB and Path(recipe.path).parent != Path(recipe.forge.path).parent:
        show_line(f"Note that GitHub only runs what is in {recipe.forge.path.parent}.")


# One line for each thing to do.
_GUIDANCE = {
    Forge.GITHUB: """\
Set these secrets in the repository's Settings, or by `gh secret set NAME`: {names}.
Merge it: it runs the default branch's definitions, from the next pull request on.
Switch on branch_provision_sensor and branch_cleanup_sensor all the same: CI only hurries them.
""",
    Forge.GITLAB: """\
Add it to .gitlab-ci.yml, under `include`: `- local: {path}`.
Set these CI/CD variables in the project's Settings, masked and not protected: {names}.
Merge it: it runs the default branch's definitions, from the next merge request on.
Switch on branch_provision_sensor and branch_cleanup_sensor all the same: CI only hurries them.
""",
}
