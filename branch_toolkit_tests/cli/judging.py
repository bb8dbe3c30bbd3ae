"""What an error has to look like."""

from __future__ import annotations

from click.testing import CliRunner, Result

from branch_toolkit.cli import program

PASSWORD = "correct-horse-battery"  # and no other text of these tests


def invoke(*arguments: str, **variables: str) -> Result:
    """Calls the command, and sees that the password is not said."""
    result = CliRunner().invoke(program, arguments, prog_name="branch-toolkit", env=variables)
    assert PASSWORD not in result.output
    return result


def explained(result: Result, *parts: str, exit_code: int = 1) -> str:
    """The one paragraph of an error of ours."""
    assert result.exit_code == exit_code, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for part in parts:
        assert part in line
    assert "Traceback" not in line
    return line


def usage(result: Result, *parts: str) -> None:
    """The call was wrong, and the answer says how to call."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    for part in ("Usage: branch-toolkit", *parts):
        assert part in result.stderr
