"""What cannot be cloned is said, and never reaches base by a back door."""

from __future__ import annotations

from branch_toolkit_tests.integration.postgres.oracle import Place
from branch_toolkit_tests.integration.postgres.test_structure import clone, place, script

__all__ = ["place"]

CLONES = {"prod": "branch"}


def test_what_is_not_cloned_is_said(place: Place) -> None:
    with place.connect() as connection:
        connection.execute(script("edges_schema.sql"))

    structure = clone(place, CLONES)

    omitted = {one.object: one.reason for one in structure.omitted}
    assert "foreign table" in omitted.pop("foreign table prod.far")
    assert omitted.pop("view far_view") == "It needs foreign table prod.far, which is not cloned."
    assert "far_view" in omitted.pop("view farther")
    assert "elsewhere.parents" in omitted.pop("constraint children_id_fkey on table prod.children")
    assert "elsewhere.parents" in omitted.pop("inheritance of table heirs")
    assert "rows" in omitted.pop("child elsewhere.split_1 of table split")
    assert omitted.pop("extension citext")
    assert omitted.pop("publication news")
    assert omitted == {}


def test_what_can_still_reach_base_is_said(place: Place) -> None:
    with place.connect() as connection:
        connection.execute(script("edges_schema.sql"))

    structure = clone(place, CLONES)

    cautions = {one.object: one.reason for one in structure.cautions}
    assert "prod" in cautions.pop("function body()")
    assert "prod" in cautions.pop("table late_bound")
    assert "elsewhere.numbers" in cautions.pop("default of column id of table children")
    assert cautions == {}


def test_members_of_an_extension_in_base_are_shared(place: Place) -> None:
    with place.connect() as connection:
        connection.execute(script("edges_schema.sql"))

    clone(place, CLONES)

    with place.connect() as connection:
        kind = "SELECT pg_typeof(word)::text, word FROM branch.words"
        assert connection.execute(kind).fetchall() == [("prod.citext", "One")]
        heirs = "SELECT * FROM branch.heirs"
        assert connection.execute(heirs).fetchall() == [(1, "heir", 2)]
        parents = "SELECT count(*) FROM elsewhere.parents"
        assert connection.execute(parents).fetchone() == (1,)
