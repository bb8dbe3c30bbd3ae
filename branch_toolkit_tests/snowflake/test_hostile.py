"""Strangers, killed runs and odd rights: what is not ours stays, and clones are whole and right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.errors import (
    CloneFailed,
    MissingRight,
    SchemaInUse,
    SchemaNotOwned,
)
from branch_toolkit.core.plan import Progress, Report, silent
from branch_toolkit.core.strategy import Rule, Strategy
from branch_toolkit.warehouses.snowflake.building import Building
from branch_toolkit_tests.snowflake.faults import Interposed
from branch_toolkit_tests.snowflake.scene import BASE, CLONE, Scene, branch
from branch_toolkit_tests.snowflake_double.model import Schema
from branch_toolkit_tests.snowflakes import SnowflakeDatabase

DROPPING, BUILDING, RESCUED = f"{CLONE}__DROPPING", f"{CLONE}__BUILDING", "RESCUED"
THEIRS = "theirs"
TOOLKIT, GOVERNOR, ANALYST = "HOSTILE_TOOLKIT", "HOSTILE_GOVERNOR", "HOSTILE_ANALYST"


@pytest.fixture
def scene(snowflake_database: SnowflakeDatabase) -> Iterator[Scene]:
    scene = Scene.of(snowflake_database, clone_by="schema")
    yield scene
    scene.double.middleware = None


@dataclass(frozen=True)
class As(Scene):
    """The same scene to another role."""

    role: str = ""

    def connect(self) -> SnowflakeConnection:
        """See `Scene.connect`."""
        args = {**self.double.connection_args, "database": self.database, "role": self.role}
        return snowflake.connector.connect(**args)


class TestStrangers:
    """Schemas that somebody else makes, drops and renames where a clone is being dropped."""

    def test_what_took_the_hidden_name_during_a_refresh_stays_and_is_told(
        self, scene: Scene
    ) -> None:
        scene.provision()

        def take() -> None:
            _rename(scene, DROPPING, RESCUED)
            _put(scene, DROPPING)

        _interpose(scene, _clones, take)
        report = scene.refresh()
        assert scene.schemas[DROPPING].comment == THEIRS
        assert RESCUED in scene.schemas
        scene.assert_whole()
        [told] = _left_out(report)
        assert f"{DROPPING!r} is another" in told

    def test_what_was_renamed_in_the_last_moment_gets_its_name_back(self, scene: Scene) -> None:
        scene.provision()
        scene.retire()

        def replace_it() -> None:
            _rename(scene, CLONE, RESCUED)
            _put(scene, CLONE)

        _interpose(scene, _hides, replace_it)
        # The environment is not there any more: its clone has another name.
        assert scene.drop() is None
        assert scene.schemas[CLONE].comment == THEIRS
        assert scene.made == {CLONE, RESCUED}

    def test_if_its_name_was_taken_meanwhile_both_are_named_and_left(self, scene: Scene) -> None:
        scene.provision()
        scene.retire()

        def replace_it() -> None:
            _rename(scene, CLONE, RESCUED)
            _put(scene, CLONE, comment="the first")

        before = Interposed(_hides, replace_it)
        after = Interposed(_hides, lambda: _put(scene, CLONE, comment="the second"), after=True)
        scene.double.middleware = lambda request, call_next: before(
            request, lambda same: after(same, call_next)
        )
        with pytest.raises(CloneFailed, match="could not get its name back") as caught:
            scene.drop()
        assert repr(CLONE) in caught.value.problem
        assert repr(DROPPING) in caught.value.problem
        assert scene.schemas[DROPPING].comment == "the first"
        assert scene.schemas[CLONE].comment == "the second"
        assert RESCUED in scene.schemas

    def test_where_the_hidden_name_is_taken_another_is_used(self, scene: Scene) -> None:
        scene.provision()
        _put(scene, DROPPING)
        scene.retire()
        scene.drop()
        assert scene.made == {DROPPING}
        assert scene.schemas[DROPPING].comment == THEIRS

    def test_a_refresh_that_could_not_be_taken_back_is_not_begun(self, scene: Scene) -> None:
        scene.provision()
        _put(scene, DROPPING)
        before = scene.schemas[CLONE].comment
        with pytest.raises(SchemaNotOwned, match="are taken"):
            scene.refresh()
        assert scene.schemas[CLONE].comment == before
        assert scene.schemas[DROPPING].comment == THEIRS

    @pytest.mark.parametrize("verb", ["drop", "refresh"])
    def test_where_all_hidden_names_are_taken_they_are_named_and_nothing_is_done(
        self, scene: Scene, verb: str
    ) -> None:
        scene.provision()
        _put(scene, DROPPING)
        _put(scene, BUILDING)
        if verb == "drop":
            scene.retire()
        before = _pictures(scene)
        with pytest.raises(SchemaNotOwned, match=f"{DROPPING} and {BUILDING}"):
            scene.drop() if verb == "drop" else scene.refresh()
        assert _pictures(scene) == before

    def test_a_refresh_spares_a_clone_that_a_strangers_foreign_key_leads_to(
        self, scene: Scene
    ) -> None:
        name = scene.database
        scene.run(f"CREATE TABLE {name}.{BASE}.PLACES (ID NUMBER PRIMARY KEY)")
        scene.provision()
        scene.run(
            f"CREATE SCHEMA {name}.MINE",
            f"CREATE TABLE {name}.MINE.TRIPS (PLACE NUMBER REFERENCES {name}.{CLONE}.PLACES (ID))",
        )
        before = _pictures(scene)
        with pytest.raises(SchemaInUse, match="MINE"):
            scene.refresh()
        assert _pictures(scene) == before


class TestAsOf:
    """Clones as of a time, in ways in which the present could slip in."""

    def test_a_sample_is_of_the_rows_of_then(self, scene: Scene) -> None:
        rule = Rule(tables="sales.customers", strategy=Strategy.SAMPLE, limit=10)
        scene = replace(scene, options={}, rules=(rule,))
        _provision_as_of(scene, _moment_before_grace_hopper_jr(scene))
        assert scene.customers() == {"Ada", "Grace"}

    @pytest.mark.parametrize(
        ("refresh", "told"),
        [
            (False, 1),
            (True, 2),
            pytest.param(
                *(True, 1),
                marks=pytest.mark.xfail(reason="nothing tells of it yet", strict=True),
            ),
        ],
        ids=["provision", "refresh", "refresh that had only hidden the old one"],
    )
    def test_what_was_killed_is_made_as_of_then_by_the_next_run(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch, refresh: bool, told: int
    ) -> None:
        then = _moment_before_grace_hopper_jr(scene)
        if refresh:
            scene.provision()
        monkeypatch.setattr(Building, "_undo", lambda *_: None)
        with pytest.raises(_Killed):
            _provision_as_of(scene, then, refresh=refresh, until=f"{CLONE}: schema", at=told)
        scene.provision()
        scene.assert_nothing_unmarked()
        found = scene.environment()
        assert found is not None
        assert [clone.mark.as_of for clone in found.clones] == [str(then)]
        assert scene.customers() == {"Ada", "Grace"}


class TestRights:
    """What roles have that one does not think of."""

    @pytest.mark.parametrize("visible", [True, False], ids=["visible", "invisible"])
    def test_future_ownership_of_schemas_is_refused_with_the_revoke(
        self, scene: Scene, visible: bool
    ) -> None:
        mine = _as_toolkit(scene)
        name = scene.database
        scene.run(
            f"CREATE ROLE IF NOT EXISTS {GOVERNOR}",
            f"GRANT OWNERSHIP ON FUTURE SCHEMAS IN DATABASE {name} TO ROLE {GOVERNOR}",
        )
        if visible:
            scene.run(f"GRANT USAGE ON FUTURE SCHEMAS IN DATABASE {name} TO ROLE {TOOLKIT}")
        with pytest.raises(MissingRight, match="future grant") as caught:
            mine.provision(patience=0.0)
        assert f'REVOKE OWNERSHIP ON FUTURE SCHEMAS IN DATABASE "{name}"' in caught.value.remedy
        assert len(scene.locks) <= 1
        assert scene.made == set(scene.locks)

    def test_where_another_role_owns_a_view_the_branch_gets_its_own(self, scene: Scene) -> None:
        mine = _as_toolkit(scene)
        view = f"{scene.database}.{BASE}.TOTALS"
        scene.run(
            f"CREATE ROLE IF NOT EXISTS {ANALYST}",
            f"GRANT OWNERSHIP ON ALL TABLES IN SCHEMA {scene.database}.{BASE} TO ROLE {TOOLKIT}",
            f"GRANT OWNERSHIP ON SEQUENCE {scene.database}.{BASE}.IDS TO ROLE {TOOLKIT}",
            f"GRANT SELECT ON VIEW {view} TO ROLE {TOOLKIT}",
            f"GRANT OWNERSHIP ON VIEW {view} TO ROLE {ANALYST} COPY CURRENT GRANTS",
        )
        mine.provision(clone_by="auto")
        mine.assert_whole()
        assert scene.schemas[CLONE].things["TABLE", "TOTALS"].owner == TOOLKIT

    def test_what_database_roles_have_is_told_as_not_given_again(self, scene: Scene) -> None:
        name, place = scene.database, f"SCHEMA {scene.database}.{BASE}"
        scene.run(
            f"CREATE DATABASE ROLE {name}.READERS",
            f"GRANT USAGE ON {place} TO DATABASE ROLE {name}.READERS",
            f"GRANT SELECT ON FUTURE TABLES IN {place} TO DATABASE ROLE {name}.READERS",
        )
        report = scene.provision()
        told = {note.object: note.text for note in report.plan.notes}
        for privilege in ("USAGE", "SELECT"):
            assert "only what account roles have" in told[f"{privilege} to {name}.READERS"]
        assert _left_out(report) == []
        assert not any("READERS" in one.text for one in _received(scene, "GRANT"))

    def test_a_table_that_did_not_come_along_is_told(self, scene: Scene) -> None:
        def lose() -> None:
            del scene.schemas[CLONE].things["TABLE", "CUSTOMERS"]

        _interpose(scene, _clones, lose, after=True)
        report = scene.provision()
        [told] = _left_out(report)
        assert told.startswith("table CUSTOMERS (the role may not clone it")
        assert ("clone", "table ORDERS") in {(one.action, one.object) for one in report.results}


class _Killed(BaseException):
    """The run ends here, without a chance to clear up."""


def _clones(statement: str) -> bool:
    return statement.startswith("CREATE SCHEMA") and f'"{CLONE}" CLONE' in statement


def _hides(statement: str) -> bool:
    return f'"{CLONE}" RENAME TO' in statement and statement.endswith(f'"{DROPPING}"')


def _interpose(
    scene: Scene, wanted: Callable[[str], bool], act: Callable[[], None], *, after: bool = False
) -> None:
    scene.double.middleware = Interposed(wanted, act, after=after)


def _rename(scene: Scene, old: str, new: str) -> None:
    schema = scene.schemas.pop(old)
    schema.name = new
    scene.schemas[new] = schema


def _put(scene: Scene, name: str, *, comment: str = THEIRS) -> None:
    """Makes a schema as anybody may, also while the double is asked something."""
    assert name not in scene.schemas
    # Each was made in a second of its own.
    made = scene.double.account.now() - timedelta(seconds=60 - len(scene.schemas))
    scene.schemas[name] = Schema("SCHEMA", name, "SYSADMIN", made, comment)


def _pictures(scene: Scene) -> dict[str, Any]:
    """All schemas with what is in them."""
    return {
        name: (schema.comment, schema.created_on, sorted(schema.things))
        for name, schema in scene.schemas.items()
    }


def _left_out(report: Report) -> list[str]:
    return [one.object for one in report.results if one.action == "leave out"]


def _received(scene: Scene, opening: str) -> list[Any]:
    own = (one for one in scene.double.statements if f'"{scene.database}"."{CLONE}"' in one.text)
    return [one for one in own if one.text.startswith(opening)]


def _moment_before_grace_hopper_jr(scene: Scene) -> AsOf:
    """A time after which base gets another customer."""
    then = scene.double.account.now()
    scene.run(f"INSERT INTO {scene.database}.{BASE}.CUSTOMERS VALUES ('Grace Hopper jr.')")
    return AsOf(time=then)


def _provision_as_of(
    scene: Scene, then: AsOf, *, refresh: bool = False, until: str | None = None, at: int = 1
) -> None:
    """Provisions #42 as of a time; killed when it has told of something so many times."""
    seen: list[str] = []

    def kill(progress: Progress) -> None:
        seen.append(progress.text)
        if seen.count(str(until)) == at:
            raise _Killed

    now = datetime.now(tz=timezone.utc)
    with scene.environments() as environments:
        environments.provision(
            branch(),
            now=now,
            refresh=refresh,
            as_of=then,
            on_progress=silent if until is None else kill,
        )


def _as_toolkit(scene: Scene) -> As:
    """The scene to a role that may read base, make schemas, and no more."""
    name = scene.database
    scene.run(
        f"CREATE ROLE IF NOT EXISTS {TOOLKIT}",
        f"GRANT USAGE, CREATE SCHEMA ON DATABASE {name} TO ROLE {TOOLKIT}",
        f"GRANT USAGE ON SCHEMA {name}.{BASE} TO ROLE {TOOLKIT}",
    )
    return As(scene.double, scene.database, {}, role=TOOLKIT)
