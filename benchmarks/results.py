"""Results as tables, on the screen and in `RESULTS.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

RESULTS = Path(__file__).with_name("RESULTS.md")
_BEGIN, _END = "<!-- {part} -->", "<!-- end of {part} -->"


@dataclass
class Part:
    """One part of the benchmarks: a heading, and tables with what they are to show.

    Args:
        name: The part's name on the command line.
        heading: The heading.
        setting: Where and with what it was measured.
    """

    name: str
    heading: str
    setting: str
    lines: list[str] = field(default_factory=list)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Adds a table, and shows it at once."""
        text = [
            f"### {title}",
            "",
            _row(columns),
            _row(["---"] * len(columns)),
            *map(_row, rows),
            "",
        ]
        self.lines += text
        Console().print(Markdown("\n".join(text)))

    def write(self) -> None:
        """Puts the part in the place of its last results."""
        text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results\n"
        begin, end = _BEGIN.format(part=self.name), _END.format(part=self.name)
        body = "\n".join([begin, f"## {self.heading}", "", self.setting, "", *self.lines, end])
        if begin in text:
            head, _, rest = text.partition(begin)
            text = f"{head}{body}{rest.partition(end)[2]}"
        else:
            text = f"{text.rstrip()}\n\n{body}\n"
        RESULTS.write_text(text, encoding="utf-8")


def machine() -> str:
    """The machine and the versions, in a line."""
    cores = os.cpu_count()
    today = datetime.now(tz=timezone.utc).date()
    packages = ", ".join(f"{name} {version(name)}" for name in ("dagster", "sqlalchemy", "psycopg"))
    return (
        f"{today}; {platform.system()} {platform.machine()}, {cores} cores, Python"
        f" {platform.python_version()}; {packages}."
    )


def times(value: float, unit: float) -> str:
    """A ratio: `3.42×`."""
    return f"{value / unit:.2f}×"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
