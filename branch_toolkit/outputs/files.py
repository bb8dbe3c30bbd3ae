"""What a store of files or objects has to do for branches' prefixes; one adapter for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

BATCH = 1000
"""How many are removed between two looks at the mark; also the most that S3 takes at once."""


class Files(Protocol):
    """Files or objects below one root. Folders are named relative to it, with `/`.

    Whatever goes wrong is raised as the library beneath raises it; what is not there is no error.
    """

    def read(self, folder: str, name: str) -> bytes | None:
        """A file's content; None where there is none."""

    def write(self, folder: str, name: str, content: bytes) -> None:
        """Writes a file as a whole: readers see the old content or the new."""

    def folders(self, folder: str) -> Sequence[str]:
        """The names of the folders in a folder."""

    def contents(self, folder: str) -> Mapping[str, int]:
        """The sizes in bytes of all files below a folder, by their paths in it; links are files."""

    def remove(self, folder: str, names: Sequence[str], *, check: Callable[[], None]) -> None:
        """Removes files; `check` is called before every batch, and ends it by an error."""

    def remove_folder(self, folder: str, *, last: str | None) -> None:
        """Removes the empty folders in a folder, a last file, and the folder, if it is empty."""
