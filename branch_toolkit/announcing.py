"""What a pull request is told of its environment: one comment and a commit status, in words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from branch_toolkit.branches import Announcement, StatusState
from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.policy import Policy
from branch_toolkit.reporting import number, size
from branch_toolkit.standing import Standing, minute, standing_of

NEVER_MADE = "never made"
"""The fingerprint of an environment that could not be made."""

_MOST_SCHEMAS = 20
_LONGEST_SUMMARY = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The latest run on an environment.

    Args:
        id: The run's id.
        failed: Whether it failed.
        url: Its page, where the address of Dagster's UI is known.
    """

    id: str
    failed: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all announcements of one tick have in common.

    Args:
        project: The project's name.
        policy: The policy.
        now: The time.
        dagster_url: The address of Dagster's UI, where known.
        commits: Whether each new commit is told.
    """

    project: str
    policy: Policy
    now: datetime
    dagster_url: str | None = None
    commits: bool = False


def announce_environment(
    name: str, action: Action, setting: Setting, latest: Latest | None = None
) -> Announcement | None:
    """What there is to tell of a decision; None where no pull request is there to be told.

    Args:
        name: The environment's name.
        action: What was decided about it.
        setting: What is the same for all.
        latest: The latest run on it.
    """
    number = action.key.number
    if number is None:
        return None
    if action.environment is None:
        # Before it is there, there is only news if it cannot be made.
        if action.verb is not Verb.PROVISION or latest is None or not latest.failed:
            return None
        lines, status, summary = _of_failed(name, latest)
    else:
        branch = action.branch
        standing = standing_of(action.environment, setting.policy, now=setting.now, branch=branch)
        lines = _of_environment(action.environment, standing, setting)
        status, summary = StatusState.SUCCESS, f"{name} is {standing.state}; {standing.next}"
    return _announcement(
        number,
        name,
        [*lines, *_links(setting, latest)],
        setting,
        sha=action.branch.sha if action.branch else None,
        status=status,
        summary=summary,
        url=latest.url if latest else setting.dagster_url,
    )


def announce_dropped(name: str, number: int, setting: Setting) -> Announcement:
    """What there is to tell of an environment that is no more."""
    lines = [f"### Branch environment `{name}`: dropped", "", "It is gone for good."]
    lines += _links(setting, None)
    return _announcement(number, name, lines, setting, summary=f"{name} was dropped")


def fingerprint(action: Action, setting: Setting) -> str:
    """What an announcement is about, in short: as long as it is the same, nobody is told anew.

    Sizes and times of use are left out, and what is to come until it is near.
    """
    environment = action.environment
    if environment is None:
        return NEVER_MADE
    standing = standing_of(environment, setting.policy, now=setting.now, branch=action.branch)
    near = standing.at is not None and standing.at - setting.now <= setting.policy.warn_before
    told: list[object] = [
        standing.state,
        standing.why,
        [clone.name for clone in environment.clones],
        standing.next if near or environment.retired else None,
        action.branch.sha if action.branch and setting.commits else None,
    ]
    return _digest(told)


def _of_failed(name: str, latest: Latest) -> tuple[list[str], StatusState, str]:
    lines = [
        f"### Branch environment `{name}`: failed",
        "",
        f"The run {latest.id[:8]} that was to make it failed; it is tried again.",
    ]
    return lines, StatusState.FAILURE, f"{name} could not be made; see the run"


def _of_environment(environment: Environment, standing: Standing, setting: Setting) -> list[str]:
    near = standing.at is not None and standing.at - setting.now <= setting.policy.warn_before
    warning = f"> **{_sentence(standing.next)}**" if near else _sentence(standing.next)
    return [
        f"### Branch environment `{environment.name}`: {standing.state}",
        "",
        _sentence(standing.why),
        "",
        warning,
        "",
        "| schema | clone of | tables | size |",
        "|---|---|---|---|",
        *_rows(environment),
        "",
        f"Made {minute(environment.created_at)}, last used {minute(environment.last_used_at)}.",
    ]


def _rows(environment: Environment) -> list[str]:
    rows = [
        f"| {_code(clone.name)} | {_code(clone.mark.base_schema)} | {number(clone.facts.tables)} |"
        f" {size(clone.facts.size_bytes)} |"
        for clone in environment.clones
    ]
    more = len(rows) - _MOST_SCHEMAS
    return [*rows[:_MOST_SCHEMAS], f"| … and {more} more | | | |"] if more > 0 else rows


def _links(setting: Setting, latest: Latest | None) -> list[str]:
    links = []
    if setting.dagster_url:
        links.append(f"[Dagster]({setting.dagster_url})")
    if latest is not None and latest.url:
        links.append(f"[run {latest.id[:8]}]({latest.url})")
    return ["", " · ".join(links)] if links else []


def _announcement(
    number: int,
    name: str,
    lines: Sequence[str],
    setting: Setting,
    *,
    sha: str | None = None,
    status: StatusState = StatusState.SUCCESS,
    summary: str,
    url: str | None = None,
) -> Announcement:
    # The digest, since a project's name may hold what would end an HTML comment.
    marker = f"branch-toolkit {_digest([setting.project, name])}"
    short = summary if len(summary) <= _LONGEST_SUMMARY else f"{summary[: _LONGEST_SUMMARY - 1]}…"
    return Announcement(
        number=number,
        marker=marker,
        text="\n".join(lines),
        sha=sha,
        status=status,
        summary=short,
        url=url,
    )


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:]}."


def _code(text: str) -> str:
    """A name as code, whatever is in it."""
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"


def _digest(content: Sequence[object]) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]
