"""The command that prints how Snowflake is to be set up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources

import click

from branch_toolkit.cli.options import Output, Text, output_options
from branch_toolkit.cli.wording import print_json
from branch_toolkit.core.names import SNOWFLAKE
from branch_toolkit.warehouses.snowflake.names import quote

_EACH_SCHEMA = re.compile(r"-- For each base schema:\n(.*?)-- End of it\.\n", re.DOTALL)


@click.command(name="snowflake-setup")
@click.option(
    "--database", type=Text(), required=True, metavar="NAME", help="Where the base schemas are."
)
@click.option(
    "--schema",
    "schemas",
    type=Text(),
    required=True,
    multiple=True,
    metavar="NAME",
    help="A base schema; repeat it for each.",
)
@click.option(
    "--virtual-warehouse",
    type=Text(),
    required=True,
    metavar="NAME",
    help="The virtual warehouse that assets and samples use.",
)
@click.option(
    "--role",
    type=Text(),
    default="BRANCH_TOOLKIT",
    show_default=True,
    metavar="NAME",
    help="The role that makes and drops clones.",
)
@click.option(
    "--branch-role",
    type=Text(),
    default="BRANCH_TOOLKIT_BRANCH",
    show_default=True,
    metavar="NAME",
    help="The role that branches act as.",
)
@click.option(
    "--user",
    type=Text(),
    default="BRANCH_TOOLKIT",
    show_default=True,
    metavar="NAME",
    help="The user that the base deployment logs in as.",
)
@click.option(
    "--branch-user",
    type=Text(),
    default="BRANCH_TOOLKIT_BRANCH",
    show_default=True,
    metavar="NAME",
    help="The user that branch deployments log in as.",
)
@output_options
def snowflake_setup(
    *,
    output: Output,
    database: str,
    schemas: Sequence[str],
    virtual_warehouse: str,
    role: str,
    branch_role: str,
    user: str,
    branch_user: str,
) -> None:
    """Print the SQL by which an administrator sets Snowflake up.

    Two roles with the least rights, one for the base deployment and one for branches, a user for
    each, and what they may read. Names are written as in SQL: analytics is ANALYTICS, and a name in
    double quotes keeps its case. Connects to nothing and executes nothing.

    \b
    Examples:
        branch-toolkit snowflake-setup --database prod --schema analytics --virtual-warehouse wh
        branch-toolkit snowflake-setup --database prod --schema raw --schema marts
            --virtual-warehouse wh --role CLONER > setup.sql

    \b
    JSON: sql
    """
    names = {
        "the_database": database,
        "the_warehouse": virtual_warehouse,
        "toolkit_role": role,
        "branch_role": branch_role,
        "toolkit_user": user,
        "branch_user": branch_user,
    }
    sql = setup_sql(names, list(dict.fromkeys(schemas)))
    if output.as_json:
        print_json({"sql": sql})
    else:
        click.echo(sql, nl=False)


def setup_sql(names: Mapping[str, str], schemas: Sequence[str]) -> str:
    """The set-up with names filled in, as a user writes them.

    Args:
        names: By what stands for them in the file.
        schemas: The base schemas.
    """
    text = (
        resources.files("branch_toolkit.warehouses.snowflake")
        .joinpath("setup.sql")
        .read_text(encoding="utf-8")
    )

    def each(found: re.Match[str]) -> str:
        return "".join(_filled(found[1], {"the_schema": schema}) for schema in schemas)

    return _filled(_EACH_SCHEMA.sub(each, text), names)


def _filled(text: str, names: Mapping[str, str]) -> str:
    pattern = re.compile(rf"\b(?:{'|'.join(names)})\b")
    return pattern.sub(lambda found: _quoted(names[found[0]]), text)


def _quoted(written: str) -> str:
    if not written.isprintable():
        # It would end a comment.
        raise click.UsageError(f"{written!r} cannot be a name here: it has unprintable characters.")
    return quote(SNOWFLAKE.fold(written))
