"""What every source that asks over HTTP has: its bounds, and a conversation within them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pydantic import Field

from branch_toolkit.branches import BranchSource
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.errors import BranchSourceUnavailable

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Conversation


class AskedBranches(BranchSource):
    """A source that asks somebody over HTTP, all in all within a bounded time."""

    timeout: float = Field(default=10.0, gt=0, description="Seconds to wait for one answer.")
    time_limit: float = Field(
        default=40.0,
        gt=0,
        description=(
            "Seconds for everything that is asked at once, with what is asked again. Dagster gives"
            " a sensor's tick 60."
        ),
    )

    @abstractmethod
    def _forge(self) -> Forge:
        """Who is asked, about what, with which credential."""

    @contextmanager
    def _conversation(self, forge: Forge) -> Iterator[Conversation]:
        try:
            from branch_toolkit.branches.conversation import Conversation
        except ModuleNotFoundError as error:
            raise BranchSourceUnavailable(
                f"{self.__class__.__name__} needs the package {error.name!r}, which is not there.",
                remedy='Install it: pip install "dagster-branch-toolkit[forges]"',
            ) from error
        # A limit is the credential's, whatever it asks about.
        key = MEMORY.key("limit", forge.url, *forge.secrets)
        until = MEMORY.limited_until(key)
        if until is not None and until > datetime.now(tz=timezone.utc):
            raise forge.limited(until)
        with Conversation(forge, timeout=self.timeout, time_limit=self.time_limit) as talk:
            try:
                yield talk
            finally:
                if talk.limited_until is not None:
                    MEMORY.limit(key, talk.limited_until)
