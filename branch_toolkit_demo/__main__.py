"""`python -m branch_toolkit_demo` tells the demo; with `--ui` it stays, for the browser."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import click
from rich.console import Console

from branch_toolkit_demo.grounds import REPOSITORY
from branch_toolkit_demo.processes import dagster, running
from branch_toolkit_demo.site import Site
from branch_toolkit_demo.story import Story
from branch_toolkit_demo.telling import tell


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where the demo lives; what an earlier demo left there is removed.",
)
@click.option("--scale", default=0.1, show_default=True, help="TPC-H scale factor (1 is 1 GB).")
@click.option("--ui", is_flag=True, help="Leave it running, with Dagster's UI on loopback.")
@click.option("--port", default=3000, show_default=True, help="The UI's port.")
def main(*, folder: Path, scale: float, ui: bool, port: int) -> None:
    """A branch is opened, worked in, merged and cleaned up, on a real Postgres of its own."""
    console = Console(highlight=False, soft_wrap=True)
    # So that what the demo started is ended, however the demo is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    site = Site(folder.resolve(), dies_with_parent=True)
    site.clear()
    with site.forge, site.server as server:
        site.build(server, scale=scale)
        if ui:
            _serve(site, console, port=port)
        else:
            tell(Story(site, console))
            console.print(f"Done in {time.monotonic() - started:.0f} s.")


def _serve(site: Site, console: Console, *, port: int) -> None:
    environ = site.base_environ()
    sha = site.remote.push_branch("feature/urgent-orders", message="Begin", pull_request=1)
    site.forge.repository.open("feature/urgent-orders", sha=sha)
    command = dagster("dagster", "dev", "-h", "127.0.0.1", "-p", str(port))
    with running(command, env=environ, log=site.folder / "dagster-dev.log"):
        console.print(
            f"Dagster's UI comes up at http://127.0.0.1:{port} (log: {site.folder.name}/"
            "dagster-dev.log).\nPull request #1 is open on the demo's forge: switch on the sensors"
            " under Automation, or launch provision_branch.\nTo close it (or with open, to reopen"
            f" it):\n  curl -X PATCH {site.forge.url}/repos/{REPOSITORY}/pulls/1"
            f' -H "Authorization: Bearer {site.forge.repository.token}"'
            ' -d \'{"state": "closed"}\'\nCtrl-C ends the UI, the forge and the database.'
        )
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.print("Ending.")


if __name__ == "__main__":
    main()
