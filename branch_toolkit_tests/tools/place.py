"""Where other people's programs and records lie, and what to say where they are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / ".tools"
"""Filled by `make tools`; git ignores it."""


def of_npm(*path: str) -> Path:
    """A file of an npm package; without it the test that asks is skipped."""
    return _wanted("npm", "node_modules", *path)


def of_ogr(*path: str) -> Path:
    """A file that was made from ogr's records; without it the test that asks is skipped."""
    return _wanted("ogr", *path)


def _wanted(part: str, *path: str) -> Path:
    place = TOOLS.joinpath(part, *path)
    if not place.exists():
        pytest.skip(_why_missing(part, place))
    return place


def _why_missing(part: str, place: Path) -> str:
    failed = TOOLS / f"{part}.failed"
    if failed.exists():
        return f"`make tools` could not install {part}: {failed.read_text().strip()}"
    return f"{place.relative_to(TOOLS.parent)} is not here; run `make tools`"
