"""What the contract suite needs of each forge: a double to ask, and how the source is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from branch_toolkit.branches import BranchSource
from branch_toolkit_demo.forge import ForgeRepository
from branch_toolkit_demo.forge_server import Asked, Dialect, ForgeServer, Reply

ALL_FEATURES = frozenset({"drafts", "labels", "times", "newest", "one_list", "plain", "announces"})
TOKEN = "s3cret-t0ken"


@dataclass(frozen=True, kw_only=True)
class ForgeKind:
    """A forge that the suite is run with.

    Args:
        name: In the tests' ids.
        dialect: Its double, given the longest page that it gives.
        source: Our source for it, given base URL, token and further fields.
        repository: The name of the repository that the double serves.
        features: What it has: `drafts`, `labels`, `times` (of the last update), `newest` (a list by
            last update, so that one request tells that nothing changed), `one_list` (all that are
            not over are in one list), `plain` (the credential is sent as it is), `announces`.
        etags: Whether it can be asked conditionally.
        prefix: Path of its API.
        limited: The answer that its rate limit is used up, for that many seconds.
    """

    name: str
    dialect: Callable[[int], Dialect]
    source: Callable[..., BranchSource]
    repository: str = "acme/pipelines"
    features: frozenset[str] = ALL_FEATURES
    etags: bool = True
    prefix: str = ""
    limited: Callable[[int], Reply]


@dataclass(frozen=True)
class Scene:
    """A repository on a forge, and the server that is asked."""

    kind: ForgeKind
    repository: ForgeRepository
    server: ForgeServer

    def source(self, **fields: object) -> BranchSource:
        """Our source, pointed at the server."""
        given = {"url": self.server.url, "token": TOKEN, **fields}
        return self.kind.source(**given)

    def lists(self, asked: Asked) -> bool:
        """Whether a request is for a page of pull requests."""
        return asked.method == "GET" and "comments" not in asked.path


@contextmanager
def scene_of(kind: ForgeKind, *, most_per_page: int = 3) -> Iterator[Scene]:
    """A scene with an empty repository, whose pages are short."""
    repository = ForgeRepository(kind.repository, token=TOKEN)
    dialect = kind.dialect(most_per_page)
    server = ForgeServer(repository, dialect, prefix=kind.prefix, etags=kind.etags)
    with server:
        yield Scene(kind, repository, server)
