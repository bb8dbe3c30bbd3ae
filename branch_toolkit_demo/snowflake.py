"""`python -m branch_toolkit_demo.snowflake` tells the demo on a double of Snowflake."""

from __future__ import annotations

import signal
import sys
import time
import warnings
from pathlib import Path

import click
from rich.console import Console

from branch_toolkit_demo.snowflake_site import SnowflakeSite
from branch_toolkit_demo.snowflake_story import SnowflakeStory
from branch_toolkit_demo.telling import tell

_REMEDY = (
    "The double of Snowflake is one of the tests' parts and stands on fakesnow, which wants Python"
    " 3.11 or newer: make demo-snowflake PYTHON=python3.11, in a clone of the repository."
)


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".demo/snowflake"),
    show_default=True,
    help="Where the demo lives; what an earlier demo left there is removed.",
)
def main(*, folder: Path) -> None:
    """A branch is opened, worked in, merged and cleaned up, on a double of Snowflake."""
    try:
        from branch_toolkit_tests.snowflake_double import start_double
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}. {_REMEDY}") from error

    # Of fakesnow about itself.
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    console = Console(highlight=False, soft_wrap=True)
    # So that what the demo started is ended, however the demo is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    with start_double() as double:
        site = SnowflakeSite(folder.resolve(), double)
        site.clear()
        with site.forge:
            site.build()
            tell(SnowflakeStory(site, console))
    console.print(f"Done in {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
