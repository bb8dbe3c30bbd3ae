"""Schemas that others wrote are cloned without a difference."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from branch_toolkit.warehouses.postgres.structure import Structure
from branch_toolkit_demo.production import load_tpch
from branch_toolkit_tests.integration.postgres.oracle import Place, differences
from branch_toolkit_tests.integration.postgres.test_structure import clone, place
from branch_toolkit_tests.integration.postgres.third_party import (
    VARIABLE,
    given_files,
    load,
    procrastinate_schema,
    read_script,
    zabbix_schema,
)

__all__ = ["place"]


def clone_all(place: Place, schemas: Iterable[str]) -> tuple[Structure, list[str]]:
    clones = {schema: f"{number} {schema[:20]}" for number, schema in enumerate(schemas)}
    structure = clone(place, clones)
    return structure, differences(place, clones)


def test_procrastinates_schema(place: Place) -> None:
    schemas, errors = load(place, procrastinate_schema())
    assert (schemas, errors) == (["public"], [])

    structure, lines = clone_all(place, schemas)

    assert len(structure.tables) >= 4
    assert structure.omitted == ()
    assert lines == []


def test_zabbix_schema(place: Place, tmp_path: Path) -> None:
    schemas, errors = load(place, zabbix_schema(tmp_path))
    assert (schemas, errors) == (["public"], [])

    structure, lines = clone_all(place, schemas)

    assert len(structure.tables) > 100
    assert structure.omitted == ()
    assert lines == []


def test_tpch_with_all_its_keys(place: Place) -> None:
    load_tpch(place.server.url(place.database), schema="tpch", scale=0.01)

    structure, lines = clone_all(place, ["tpch"])

    assert len(structure.tables) == 8
    assert sum(" FOREIGN KEY " in one.sql for one in structure.after_data) == 8
    assert structure.omitted == ()
    assert lines == []


@pytest.mark.skipif(not given_files(), reason=f"{VARIABLE} names no SQL files")
@pytest.mark.parametrize("file", given_files(), ids=lambda file: file.stem)
def test_given_schemas(place: Place, file: Path) -> None:
    schemas, errors = load(place, read_script(file))
    assert schemas, f"nothing could be made: {errors[:10]}"

    structure, lines = clone_all(place, schemas)

    print(
        f"{file}: {len(structure.tables)} tables in {', '.join(schemas)}; {len(lines)} lines differ"
    )
    for error in errors:
        print("not loaded:", error)
    for omitted in structure.omitted:
        print("omitted:", omitted.schema, omitted.object, omitted.reason)
    assert lines == []
