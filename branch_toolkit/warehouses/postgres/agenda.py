"""Which of several tasks can be begun, and in which order."""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import IsolationLevel

from branch_toolkit.warehouses.postgres.queries import Connection


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """A piece of work in one transaction.

    Attributes:
        label: What it does, for people to read.
        run: Does it, in a transaction; what it returns is handed on.
        subject: What the caller knows it by.
        rank: Of the tasks that are ready, the one of the lowest rank is begun first.
        after: Tasks that have to be done before.
        isolation: Of its transaction.
        bytes: How much it writes, for the progress.
        paced: Whether these bytes count for the throttle.
    """

    label: str
    run: Callable[[Connection], int | None]
    subject: Any = None
    rank: tuple[int, ...] = ()
    after: tuple[Task, ...] = ()
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED
    bytes: int = 0
    paced: bool = False


class Throttle:
    """Bounds the bytes per second of all workers together.

    Args:
        rate: Bytes per second; None for no bound.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._open_at = 0.0

    @property
    def delay(self) -> float:
        """Seconds until the next task may begin."""
        return max(0.0, self._open_at - time.monotonic())

    def take(self, size: int) -> None:
        """Counts what is about to be written."""
        if self._rate is not None:
            self._open_at = max(self._open_at, time.monotonic()) + size / self._rate


class Agenda:
    """Which tasks can be begun, and in which order. To be used under a lock."""

    def __init__(self, throttle: Throttle) -> None:
        self.left = 0
        self._throttle = throttle
        self._number = 0
        self._missing: dict[Task, int] = {}
        self._users: dict[Task, list[Task]] = defaultdict(list)
        self._ready: dict[bool, list[tuple[tuple[int, ...], int, Task]]] = {True: [], False: []}

    def add(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            self.left += 1
            self._missing[task] = len(task.after)
            for needed in task.after:
                self._users[needed].append(task)
            if not task.after:
                self._push(task)

    def take(self) -> Task | None:
        """The next task, if one can be begun now. While the paced ones wait, others are done."""
        if self._ready[True] and not self._throttle.delay:
            task = heapq.heappop(self._ready[True])[2]
            self._throttle.take(task.bytes)
            return task
        return heapq.heappop(self._ready[False])[2] if self._ready[False] else None

    def finish(self, task: Task) -> None:
        self.left -= 1
        for user in self._users.pop(task, ()):
            self._missing[user] -= 1
            if not self._missing[user]:
                self._push(user)

    @property
    def patience(self) -> float | None:
        """Seconds after which to look again, unless something is finished before."""
        return self._throttle.delay if self._ready[True] else None

    def _push(self, task: Task) -> None:
        self._number += 1
        heapq.heappush(self._ready[task.paced], (task.rank, self._number, task))
