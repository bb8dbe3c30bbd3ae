"""What is remembered between ticks, so that a forge is asked only for what changed."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from datetime import datetime, timedelta, timezone

from branch_toolkit.branches.listing import Known

_LONGEST_LIMIT = timedelta(hours=1)


class Memory:
    """What was known after the last look, by whom and what was asked; shared by all threads.

    Sensors build their resources anew at each tick, so it is the process that remembers. Nothing
    depends on it: without it, everything is asked again.

    Args:
        most: How many repositories are remembered; those not asked about for longest go first.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._limits: dict[bytes, datetime] = {}
        self._salt = os.urandom(32)

    def key(self, *parts: str) -> bytes:
        """A key by which nobody learns what it was made of."""
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.digest(self._salt, text.encode(), hashlib.sha256)

    def get(self, key: bytes) -> Known | None:
        """What was known, if anything."""
        with self._lock:
            return self._known.get(key)

    def put(self, key: bytes, known: Known) -> None:
        """Remembers."""
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def limited_until(self, key: bytes) -> datetime | None:
        """Until when a forge takes no requests, where it said so."""
        with self._lock:
            return self._limits.get(key)

    def limit(self, key: bytes, until: datetime) -> None:
        """Remembers until when a forge takes no requests."""
        # By a clock that is not ours, so it is not believed for longer than GitHub's longest.
        latest = datetime.now(tz=timezone.utc) + _LONGEST_LIMIT
        with self._lock:
            self._limits[key] = min(until, latest)

    def forget(self) -> None:
        """Forgets everything, as a new process would."""
        with self._lock:
            self._known.clear()
            self._limits.clear()


MEMORY = Memory()
