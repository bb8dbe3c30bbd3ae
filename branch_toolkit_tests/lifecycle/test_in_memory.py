"""The life of environments in memory: nothing is lost, nothing is left."""

from __future__ import annotations

import os
from collections import Counter
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from branch_toolkit_tests.lifecycle.drawing import EXPECTED
from branch_toolkit_tests.lifecycle.grounds import Ground, MemoryGround
from branch_toolkit_tests.lifecycle.machine import LifecycleMachine

TIMES = int(os.environ.get("BRANCH_TOOLKIT_TEST_KILLS", "1"))


class MemoryMachine(LifecycleMachine):
    """The machine on the fake that ships."""

    happened: ClassVar[Counter[str]] = Counter()

    def ground(self) -> Ground:
        return MemoryGround()


@pytest.mark.timeout(900 * TIMES)
def test_nothing_is_lost_and_nothing_is_left_in_memory() -> None:
    lifecycle = settings(
        max_examples=500 * TIMES,
        stateful_step_count=50,
        # The same examples at each run; the soak looks further.
        derandomize=TIMES == 1,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(MemoryMachine, settings=lifecycle)
    print(dict(MemoryMachine.happened))
    assert not EXPECTED - set(+MemoryMachine.happened)
