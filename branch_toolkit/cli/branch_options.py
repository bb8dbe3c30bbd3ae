"""Options that name a branch, or say what CI knows of it."""

from __future__ import annotations

import re
from functools import wraps
from typing import Any

import click

from branch_toolkit.cli.options import TEXT, Command, Text, given
from branch_toolkit.cli.wanted import CiEvent, Wanted

# As the deployment's variables are read (core/deployment.py).
_NUMBER = re.compile(r"0*[1-9][0-9]{0,17}")


class _PullRequest(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A pull request's number; stricter than Python, to which `4_2` and `٤٢` are numbers too."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        text = str(value).strip()
        if not text:
            self.fail("it is empty; where CI gives it by a variable, that is not set", param, ctx)
        if not _NUMBER.fullmatch(text):
            # All of it: a password that was cut off could not be told from other text any more.
            self.fail(
                f"{text!r} is not a pull request's number as the forge shows it, such as 42",
                param,
                ctx,
            )
        return int(text)


def branch_options(command: Command) -> Command:
    """Gives a command the options that name a branch."""
    return given(_BRANCH_OPTIONS, command)


def wanted_options(command: Command) -> Command:
    """Gives a command the options that name a branch and its repository; it gets them as `wanted`.

    An argument `environment` of the command becomes part of it.
    """

    @wraps(command)
    def run(
        *,
        pull_request: int | None,
        branch: str | None,
        branch_repository: str | None,
        environment: str | None = None,
        **values: Any,
    ) -> None:
        wanted = Wanted(
            environment=environment,
            pull_request=pull_request,
            branch=branch,
            repository=branch_repository,
        )
        command(wanted=wanted, **values)

    return given([*_BRANCH_OPTIONS, _REPOSITORY_OPTION], run)


def environment_options(command: Command) -> Command:
    """Gives a command the argument ENVIRONMENT or, in its place, the options that name a branch."""
    argument = click.argument("environment", type=TEXT, required=False)
    return argument(wanted_options(command))


def event_options(command: Command) -> Command:
    """Gives a command the options by which CI tells of a branch; it gets them as `event`."""

    @wraps(command)
    def run(
        *,
        by_policy: bool,
        base: str | None,
        draft: bool,
        labels: str,
        sha: str | None,
        **values: Any,
    ) -> None:
        named = frozenset(label.strip() for label in labels.split(",") if label.strip())
        event = CiEvent(base=base or None, draft=draft, labels=named, sha=sha or None)
        command(event=event if by_policy else None, **values)

    return given(_EVENT_OPTIONS, run)


_BRANCH_OPTIONS = [
    click.option(
        "--pull-request",
        type=_PullRequest(),
        metavar="N",
        help="Number of the branch's pull (or merge) request.",
    ),
    click.option(
        "--branch",
        type=Text(empty=True),
        metavar="NAME",
        help="The branch's name as git has it; beside a pull request it is only shown.",
    ),
]

_REPOSITORY_OPTION = click.option(
    "--branch-repository",
    type=TEXT,
    metavar="OWNER/NAME",
    help="The branch's repository, where branches of several share the project.",
)

SHA_OPTION = click.option(
    "--sha", type=Text(empty=True), metavar="COMMIT", help="The commit at the branch's head."
)

_EVENT_OPTIONS = [
    click.option(
        "--by-policy",
        is_flag=True,
        help="Only if a sensor would, by the policy and by what the next four say. For CI.",
    ),
    click.option(
        "--base",
        type=Text(empty=True),
        metavar="NAME",
        help="The branch that it is to be merged into.",
    ),
    click.option(
        "--draft", type=bool, default=False, metavar="true|false", help="Whether it is a draft."
    ),
    click.option(
        "--labels",
        type=Text(empty=True),
        default="",
        metavar="A,B",
        help="The pull request's labels, separated by commas.",
    ),
    SHA_OPTION,
]
