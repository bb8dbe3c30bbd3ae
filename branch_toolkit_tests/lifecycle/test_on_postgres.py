"""The life of environments on a real Postgres: nothing is lost, nothing is left."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres
from branch_toolkit_tests.databases import own_database
from branch_toolkit_tests.integration.postgres.large import in_small_parts
from branch_toolkit_tests.lifecycle.grounds import Ground, PostgresGround
from branch_toolkit_tests.lifecycle.machine import LifecycleMachine

TIMES = int(os.environ.get("BRANCH_TOOLKIT_TEST_KILLS", "1"))


@pytest.fixture(scope="module")
def ground(
    postgres_18: EmbeddedPostgres, request: pytest.FixtureRequest
) -> Iterator[PostgresGround]:
    for url in own_database(postgres_18, request):
        found = PostgresGround(url)
        yield found
        found.close()


@pytest.mark.timeout(1200 * TIMES)
@pytest.mark.parametrize("in_parts", [False, True], ids=["at once", "in parts"])
def test_nothing_is_lost_and_nothing_is_left_on_postgres(
    ground: PostgresGround, monkeypatch: pytest.MonkeyPatch, *, in_parts: bool
) -> None:
    if in_parts:
        # Clones are then built out of sight and dropped in steps, which a killed run leaves half.
        in_small_parts(monkeypatch)

    class PostgresMachine(LifecycleMachine):
        happened: ClassVar[Counter[str]] = Counter()

        def ground(self) -> Ground:
            return ground

    lifecycle = settings(
        max_examples=30 * TIMES,
        stateful_step_count=30,
        # The same examples at each run; the soak looks further.
        derandomize=TIMES == 1,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(PostgresMachine, settings=lifecycle)
    print(dict(PostgresMachine.happened))
    expected = {"killed", "restored, written to", *(["left half-made"] * in_parts)}
    assert not expected - set(+PostgresMachine.happened)
