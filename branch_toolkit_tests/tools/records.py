"""The answers that ogr's tests recorded, cut down to those about pull requests.

ogr (https://github.com/packit/ogr) tests its clients of GitHub, GitLab and Forgejo against real
answers, recorded by requre as YAML: `{module: {function: {method: {url: [{output: …}]}}}}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORGES = ("github", "gitlab", "forgejo")
# Pull requests, their comments, and commits' statuses.
_SUBJECTS = re.compile(r"/(?:pulls|merge_requests|comments|notes|statuses)\b")


@dataclass(frozen=True)
class Record:
    """One answer of a forge.

    Args:
        method: The request's method.
        url: The request's address.
        status: The answer's status code.
        headers: The answer's headers.
        content: The answer's body.
    """

    method: str
    url: str
    status: int
    headers: dict[str, str]
    content: Any


def condense(recordings: Path, *, into: Path) -> None:
    """Write each forge's answers as one JSON file.

    Args:
        recordings: ogr's folder `tests/integration`.
        into: The folder that they are written to.
    """
    for forge in FORGES:
        distinct = {json.dumps(asdict(record)) for record in _records(recordings / forge)}
        (into / f"{forge}.json").write_text(f"[{','.join(sorted(distinct))}]")


def read(file: Path) -> list[Record]:
    """The answers that `condense` wrote to a file."""
    return [Record(**fields) for fields in json.loads(file.read_text())]


def _records(folder: Path) -> Iterator[Record]:
    import yaml

    for file in sorted(folder.rglob("*.yaml")):
        text = file.read_text()
        if _SUBJECTS.search(text):
            # The C loader takes 10 seconds for all of them, the other one minutes.
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            yield from _answers(yaml.load(text, Loader=loader), path=())


def _answers(node: Any, *, path: tuple[str, ...]) -> Iterator[Record]:
    if isinstance(node, dict):
        for key, child in node.items():
            yield from _answers(child, path=(*path, str(key)))
    elif isinstance(node, list) and len(path) >= 2 and _SUBJECTS.search(path[-1]):
        for entry in node:
            output = entry["output"]
            yield Record(
                method=path[-2],
                url=path[-1],
                status=output["status_code"],
                headers=output["headers"],
                content=output["_content"],
            )
