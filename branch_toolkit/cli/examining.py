"""`branch-toolkit doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import click

from branch_toolkit.cli.checks import examine
from branch_toolkit.cli.failing import FAILED, redaction_of
from branch_toolkit.cli.findings import Finding, Scene, Status
from branch_toolkit.cli.options import Output, TargetOptions
from branch_toolkit.cli.progress import waiting
from branch_toolkit.cli.target import open_target
from branch_toolkit.cli.wording import one_line, print_json

_COLORS = {Status.OK: "green", Status.WARN: "yellow", Status.FIX: "red", Status.SKIPPED: None}
_WIDTH = 14


def examine_all(target: TargetOptions, output: Output) -> None:
    """Makes every check; the command fails if something must be fixed."""
    context = click.get_current_context()
    findings: list[tuple[str, Finding]] = []
    with open_target(target) as opened, ExitStack() as stack, waiting("looking …"):
        for check, finding in examine(Scene(opened, stack)):
            findings.append((check.name, finding))
    if output.as_json:
        print_json({"checks": [_document(context, name, each) for name, each in findings]})
    else:
        for name, finding in findings:
            _show(context, name, finding)
        click.echo(_verdict([finding for _, finding in findings]))
    if any(finding.status is Status.FIX for _, finding in findings):
        context.exit(FAILED)


def _show(context: click.Context, name: str, finding: Finding) -> None:
    clean = redaction_of(context).clean
    mark = click.style(f"{finding.status.value:<7}", fg=_COLORS[finding.status])
    click.echo(f"{mark} {name:<{_WIDTH}} {one_line(clean(finding.text))}")
    for line in finding.remedy:
        click.echo(f"{'':7} {'':{_WIDTH}} {one_line(clean(line))}")


def _document(context: click.Context, name: str, finding: Finding) -> dict[str, object]:
    clean = redaction_of(context).clean
    return {
        "check": name,
        "status": finding.status.value,
        "text": clean(finding.text),
        "remedy": [clean(line) for line in finding.remedy],
    }


def _verdict(findings: Sequence[Finding]) -> str:
    fixes = sum(finding.status is Status.FIX for finding in findings)
    warnings = sum(finding.status is Status.WARN for finding in findings)
    if fixes:
        return f"{fixes} to fix, {warnings} to look at."
    return f"Nothing to fix, {warnings} to look at." if warnings else "All is well."
