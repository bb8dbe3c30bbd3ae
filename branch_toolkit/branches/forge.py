"""What the sources that ask a forge page by page have in common, and how addresses are checked."""

from __future__ import annotations

import ipaddress
import re
from abc import abstractmethod
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dagster as dg

from branch_toolkit.branches.asking import AskedBranches
from branch_toolkit.branches.listing import Pages, look
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.branches.remembering import MEMORY
from branch_toolkit.core.branch import BranchSnapshot

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Conversation


class ForgeBranches(AskedBranches):
    """Tells the pull requests of one repository on a forge.

    The first look of a process lists every open pull request; later ones ask only what changed,
    which is one request where nothing did. What cannot be known for certain is not called complete.
    """

    @abstractmethod
    def _pages(self, talk: Conversation) -> Pages:
        """How it is asked for pull requests."""

    def _identity(self, forge: Forge) -> tuple[str, ...]:
        """What tells this credential from others, whose answers may be other ones."""
        return forge.secrets

    def snapshot(self) -> BranchSnapshot:
        """See `BranchSource.snapshot`."""
        forge = self._forge()
        key = MEMORY.key(type(self).__name__, forge.url, forge.repository, *self._identity(forge))
        with self._conversation(forge) as talk:
            seen = look(self._pages(talk), MEMORY.get(key), now=monotonic())
        if seen.known is not None:
            MEMORY.put(key, seen.known)
        return BranchSnapshot(
            branches=seen.branches,
            complete=seen.complete,
            source=str(forge),
            repository=forge.repository,
            note=seen.note,
            # A pull request is all that it tells of; a branch that has none is not its business.
            knows_names=False,
        )


def check_name(name: object, pattern: re.Pattern[str], *, shape: str) -> object:
    """A repository's name, as it was configured.

    Args:
        name: As it was given; one that is given by `dg.EnvVar` is only known later.
        pattern: What it must look like.
        shape: The same for people to read.

    Raises:
        ValueError: It is not such a name.
    """
    if isinstance(name, str) and not isinstance(name, dg.EnvVar) and not pattern.fullmatch(name):
        # Not what was given: a URL with a token in it is a likely mistake.
        raise ValueError(f"write the repository as {shape}")
    return name


def check_address(url: object, *, secret: bool) -> object:
    """A base URL that a credential may be sent to, without a slash at its end.

    Args:
        url: As it was configured; one that is given by `dg.EnvVar` is only known later.
        secret: Whether there is a credential.

    Raises:
        ValueError: It is not such a URL; it says what to write.
    """
    if not isinstance(url, str) or isinstance(url, dg.EnvVar):
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write the base URL of the API as https://host/path")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("write the base URL without user, password, ? and #")
    if parts.scheme == "http" and secret and not _is_loopback(parts.hostname):
        raise ValueError("write https://: over http:// anyone on the way could read the credential")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
