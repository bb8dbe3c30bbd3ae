"""What somebody sees who opens the demo in a browser: `dagster dev`, driven in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import make_url

from branch_toolkit.core.branch import Project
from branch_toolkit.core.environment import Environment
from branch_toolkit.jobs import ENVIRONMENT_TAG
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.postgres.adapter import PostgresAdapter
from branch_toolkit_demo.production import TABLES
from branch_toolkit_demo.site import SCHEMA, Site
from branch_toolkit_tests.integration.browser import (
    Ui,
    chromium,
    find_chromium,
    no_process_left,
    serve,
)

# The fixtures start a database, Dagster's four programs and a browser, maybe on busy cores.
pytestmark = pytest.mark.timeout(600)

CLONE = f"{SCHEMA}__pr_42"
LAUNCHPAD = "/locations/demo/jobs/provision_branch/playground"
RUN_ID = re.compile("^[0-9a-f]{8}$")
DESCRIPTIONS = {
    "pull_request": "Number of the pull (or merge) request.",
    "branch": "The branch's name as git has it.",
    "repository": "owner/name.",
    "dry_run": "Only say what would be done",
}


@dataclass(frozen=True)
class Runs:
    """Paths of the pages of two runs that were launched and succeeded."""

    real: str
    dry: str


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Ui]:
    """`dagster dev` on a demo site, and a browser."""
    program = find_chromium()
    if program is None:
        pytest.skip("There is no Chromium (Debian: apt-get install chromium)")
    site = Site(tmp_path_factory.mktemp("site"), dies_with_parent=True)
    with no_process_left() as stack:
        stack.enter_context(site.forge)
        # An answer without any pull request would prove nothing.
        site.forge.repository.open("feature/other")
        server = stack.enter_context(site.server)
        stack.callback(server.remove)
        site.build(server, scale=0.01)
        url = stack.enter_context(serve(site, repository=pytestconfig.rootpath))
        browser = stack.enter_context(chromium(program))
        yield Ui(site, url, browser, tmp_path_factory.mktemp("screenshots"))


@pytest.fixture(scope="module")
def runs(ui: Ui) -> Runs:
    """A run that provisions #42, and a dry run for #7; side by side, to save time."""
    real = launch(ui, pull_request=42, branch="feature/orders", dry_run="false")
    dry = launch(ui, pull_request=7, branch="feature/dry", dry_run="true")
    for path in (real, dry):
        wait_for_success(ui, path)
    return Runs(real=real, dry=dry)


def launch(ui: Ui, **config: object) -> str:
    """Launches a run of `provision_branch` and returns the path of its page."""
    with ui.page(LAUNCHPAD) as page:
        fill_in(page, **config)
        page.get_by_role("button", name="Launch Run").click()
        page.wait_for_url("**/runs/*")
        return page.url.removeprefix(ui.url)


def wait_for_success(ui: Ui, path: str) -> None:
    with ui.page(path) as page:
        status = page.get_by_text(re.compile("^(Success|Failure|Canceled)$")).first
        status.wait_for()
        assert status.inner_text() == "Success"


def fill_in(page: Page, **config: object) -> None:
    editor = page.locator(".CodeMirror-code")
    editor.get_by_text("provision").wait_for()  # Before, it may still be filled by the UI itself.
    editor.click()
    page.keyboard.press("ControlOrMeta+a")
    lines = [f"      {name}: {value}" for name, value in config.items()]
    page.keyboard.insert_text("\n".join(["ops:", "  provision:", "    config:", *lines]))
    expect(editor).to_contain_text(lines[-1].strip())


def output_of(page: Page) -> Locator:
    """The dialog with all metadata of the run's only output."""
    page.get_by_placeholder("Filter…").fill("type:STEP_OUTPUT")
    page.get_by_role("button", name="View full message").click()
    # A popover that is just closing has the same role.
    dialog = page.get_by_role("dialog").filter(has_text="STEP_OUTPUT")
    expect(dialog).to_be_visible()
    return dialog


def row_with(table: Locator, *texts: str) -> Locator:
    """The innermost row that has all those texts."""
    rows = table.get_by_role("row")
    for text in texts:
        rows = rows.filter(has_text=text)
    return rows.last


def environments(site: Site) -> dict[str, Environment]:
    """The environments in the warehouse, as their marks prove them."""
    with PostgresAdapter.connect(site.warehouse_url) as warehouse:
        found = Environments(warehouse, Project(), (SCHEMA,)).inventory()
    assert not found.refused
    return {environment.name: environment for environment in found.environments}


def query(site: Site, statement: str) -> list[tuple[object, ...]]:
    url = make_url(site.warehouse_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        return connection.execute(statement.encode()).fetchall()


def count_rows(site: Site, schema: str) -> dict[str, object]:
    return {
        table: query(site, f'SELECT count(*) FROM "{schema}"."{table}"')[0][0] for table in TABLES
    }


def test_the_launchpad_explains_every_field(ui: Ui) -> None:
    with ui.page(LAUNCHPAD) as page:
        fill_in(page, pull_request=42)
        # The pane explains what the cursor is in: the op's config.
        for name, description in DESCRIPTIONS.items():
            explained = page.get_by_text(description)
            expect(explained, name).to_be_visible()


def test_a_launched_run_shows_what_it_made(ui: Ui, runs: Runs) -> None:
    with ui.page(runs.real) as page:
        output = output_of(page)
        expect(row_with(output, CLONE, "lineitem", "60,175")).to_be_visible()
        expect(row_with(output, CLONE, "customer", "1,500")).to_be_visible()


def test_a_launched_run_has_made_it(ui: Ui, runs: Runs) -> None:
    environment = environments(ui.site)["pr_42"]
    assert [clone.name for clone in environment.clones] == [CLONE]
    assert (environment.label, environment.state) == ("#42 (feature/orders)", "active")
    assert count_rows(ui.site, CLONE) == count_rows(ui.site, SCHEMA)


def test_a_dry_run_shows_what_it_would_make_and_makes_nothing(ui: Ui, runs: Runs) -> None:
    with ui.page(runs.dry) as page:
        output = output_of(page)
        expect(output).to_contain_text("dry run")
        expect(row_with(output, f"{SCHEMA}__pr_7", "lineitem")).to_be_visible()
    assert "pr_7" not in environments(ui.site)
    assert query(ui.site, "SELECT nspname FROM pg_namespace WHERE nspname LIKE '%pr_7%'") == []


def test_a_previewed_tick_shows_which_environment_would_be_retired_and_why(
    ui: Ui, runs: Runs
) -> None:
    with ui.page("/locations/demo/sensors/branch_cleanup_sensor") as page:
        page.get_by_role("button", name="Preview tick result").click()
        page.get_by_role("button", name="Continue").click()
        tick = page.get_by_role("dialog").filter(has_text="branch_cleanup_sensor")
        expect(tick).to_contain_text("1 run request")
        expect(tick.get_by_role("link", name="retire_branch")).to_be_visible()
        tick.get_by_role("button", name="Preview", exact=True).click()
        request = page.get_by_role("dialog").filter(has_text="Run configuration")
        expect(request.get_by_text(f"{ENVIRONMENT_TAG}: pr_42")).to_be_visible()
        expect(request.get_by_text("reason: the branch is gone").last).to_be_visible()
        expect(request.locator(".CodeMirror-code")).to_contain_text("environment: pr_42")
    assert environments(ui.site)["pr_42"].state == "active", "a preview changes nothing"


def test_runs_are_found_by_their_environment(ui: Ui, runs: Runs) -> None:
    with ui.page("/runs") as page:
        listed = page.locator("a[href^='/runs/']").filter(has_text=RUN_ID)
        expect(listed).to_have_text([short_id(runs.dry), short_id(runs.real)])
        page.get_by_text(f"{ENVIRONMENT_TAG}: pr_42").hover()
        page.get_by_role("button", name="Add tag to filter").click()
        expect(listed).to_have_text([short_id(runs.real)])


def short_id(path: str) -> str:
    return path.removeprefix("/runs/")[:8]
